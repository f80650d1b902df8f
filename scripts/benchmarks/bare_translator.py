"""The attention decoder as it is written in tutorials: what the attention decoders of seqnet are timed beside.

The same model as seqnet's (BiLSTM encoder, LSTM decoder, attention after it), step by step in plain torch:
attention and output layer at every step, a beam that copies the encoder's output for each hypothesis, computes a
softmax over all words and keeps finished sentences in the batch.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqnet.models.encoder_decoder import EncoderDecoder


class Translator(nn.Module):
    """Sizes as of the seqnet model it is compared with. score: scaled_dot, general (Luong) or additive (Bahdanau)."""

    def __init__(self, words: int, embedding: int, hidden: int, feeding: bool, score: str = "scaled_dot") -> None:
        super().__init__()
        self.feeding = feeding
        self.source = nn.Embedding(words, embedding)
        self.encoder = nn.LSTM(embedding, hidden, bidirectional=True, batch_first=True)
        self.bridge = nn.ModuleList(nn.Linear(4 * hidden, hidden) for _ in range(2))
        self.target = nn.Embedding(words, embedding)
        self.cell = nn.LSTMCell(embedding + (hidden if feeding else 0), hidden)
        self.key = nn.Linear(2 * hidden, hidden, bias=score == "additive")
        self.score = score
        if score == "additive":
            self.query = nn.Linear(hidden, hidden, bias=False)
            self.v = nn.Parameter(torch.empty(1, hidden, 1))
        self.combine = nn.Linear(3 * hidden, hidden)
        self.head = nn.Linear(hidden, words)

    def encode(self, source: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor, tuple[Tensor, Tensor]]:
        """Encoder states, keys, mask and the decoder's first state."""
        packed = nn.utils.rnn.pack_padded_sequence(self.source(source), lengths, batch_first=True, enforce_sorted=False)
        encoded, (h, c) = self.encoder(packed)
        encoded, _ = nn.utils.rnn.pad_packed_sequence(encoded, batch_first=True, total_length=source.shape[1])
        summary = torch.cat([h[0], c[0], h[1], c[1]], dim=-1)
        first, second = (torch.tanh(linear(summary)) for linear in self.bridge)
        mask = torch.arange(source.shape[1], device=source.device) < lengths[:, None].to(source.device)
        return encoded, self.key(encoded), mask, (first, second)

    def step(
        self, word: Tensor, state: tuple[Tensor, Tensor], found: Tensor, encoded: Tensor, keys: Tensor, mask: Tensor
    ) -> tuple[Tensor, tuple[Tensor, Tensor], Tensor]:
        """Logits, the new state and the attentional vector of one step."""
        x = self.target(word)
        h, c = self.cell(torch.cat([x, found], dim=-1) if self.feeding else x, state)
        weights = self.scores(h, keys).masked_fill(~mask, -torch.inf).softmax(dim=-1)
        context = torch.bmm(weights[:, None], encoded)[:, 0]
        found = torch.tanh(self.combine(torch.cat([context, h], dim=-1)))
        return self.head(found), (h, c), found

    def scores(self, h: Tensor, keys: Tensor) -> Tensor:
        """How well each state of the source answers, [batch source_time]."""
        if self.score == "additive":
            return (torch.tanh(self.query(h)[:, None] + keys) @ self.v)[:, :, 0]
        found = torch.bmm(keys, h[:, :, None])[:, :, 0]
        return found / h.shape[1] ** 0.5 if self.score == "scaled_dot" else found

    def forward(self, source: Tensor, lengths: Tensor, inputs: Tensor) -> Tensor:
        """Logits [batch time words] under teacher forcing."""
        encoded, keys, mask, state = self.encode(source, lengths)
        found, logits = torch.zeros_like(state[0]), []
        for word in inputs.unbind(1):
            out, state, found = self.step(word, state, found, encoded, keys, mask)
            logits.append(out)
        return torch.stack(logits, dim=1)

    @torch.no_grad()
    def greedy(self, source: Tensor, lengths: Tensor, begin: int, end: int, longest: int) -> list[list[int]]:
        """The likeliest word at each step, until every sentence has ended."""
        encoded, keys, mask, state = self.encode(source, lengths)
        found = torch.zeros_like(state[0])
        word = torch.full((len(source),), begin)
        ended = torch.zeros(len(source), dtype=torch.bool)
        words = []
        for _ in range(longest):
            logits, state, found = self.step(word, state, found, encoded, keys, mask)
            logits[:, begin] = -torch.inf
            word = logits.log_softmax(-1).argmax(-1)
            words.append(word)
            ended |= word == end
            if ended.all():
                break
        return [_until(row, end) for row in torch.stack(words, dim=1).tolist()]

    @torch.no_grad()
    def beam(self, source: Tensor, lengths: Tensor, begin: int, end: int, longest: int, size: int) -> list[list[int]]:
        """Beam search, ranked by log-probability over ((5 + length) / 6)."""
        rows = len(source)
        encoded, keys, mask, (h, c) = self.encode(source, lengths)
        encoded, keys, mask, h, c = (part.repeat_interleave(size, dim=0) for part in (encoded, keys, mask, h, c))
        state, found = (h, c), torch.zeros_like(h)
        word = torch.full((rows * size,), begin)
        scores = torch.full((rows, size), -torch.inf)
        scores[:, 0] = 0
        ended = torch.zeros(rows, size, dtype=torch.bool)
        written = torch.zeros(rows, size, 0, dtype=torch.int64)
        counts = torch.zeros(rows, size)
        for _ in range(longest):
            logits, state, found = self.step(word, state, found, encoded, keys, mask)
            logits[:, begin] = -torch.inf
            each = logits.log_softmax(-1).view(rows, size, -1)
            each = each.masked_fill(ended[..., None], -torch.inf)
            each[..., end] = torch.where(ended, 0.0, each[..., end])
            total = scores[..., None] + each
            scores, places = total.flatten(1).topk(size)
            origin, token = places // each.shape[-1], places % each.shape[-1]
            ended, counts = ended.gather(1, origin), counts.gather(1, origin)
            counts = counts + (~ended).float()
            ended = ended | (token == end)
            written = written.gather(1, origin[..., None].expand(-1, -1, written.shape[-1]))
            written = torch.cat([written, token[..., None]], dim=-1)
            flat = (origin + torch.arange(rows)[:, None] * size).flatten()
            state, found = (state[0][flat], state[1][flat]), found[flat]
            word = token.flatten()
            if ended.all():
                break
        best = (scores / ((5 + counts) / 6)).argmax(-1)
        return [_until(written[row, place].tolist(), end) for row, place in enumerate(best.tolist())]


def _until(words: list[int], end: int) -> list[int]:
    return words[: words.index(end)] if end in words else words


def like(model: EncoderDecoder, words: int, embedding: int, hidden: int, score: str = "scaled_dot") -> Translator:
    """The tutorial's model with the weights of seqnet's."""
    bare = Translator(words, embedding, hidden, model.input_feeding, score)
    own = dict(model.named_parameters())
    names = {
        "source.weight": "encoder.inputs.embedding.weight",
        "target.weight": "inputs.embedding.weight",
        "key.weight": "attention.score.key.weight",
        "key.bias": "attention.score.key.bias",
        "query.weight": "attention.score.query.weight",
        "v": "attention.score.compare.v",
    }
    for place in range(2):
        names |= {f"bridge.{place}.{kind}": f"bridge.maps.0.{place}.{kind}" for kind in ("weight", "bias")}
    for direction, suffix in (("left_to_right", ""), ("right_to_left", "_reverse")):
        for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            names[f"encoder.{kind}_l0{suffix}"] = f"encoder.layers.layers.0.{direction}.cell.{kind}"
            names[f"cell.{kind}"] = f"layers.layers.0.cell.{kind}"
    with torch.no_grad():
        for name, parameter in bare.named_parameters():
            parameter.copy_(own.pop(names.get(name, name)))
    if own:
        raise AssertionError(f"the two models differ: {', '.join(own)}")
    return bare


def loss(model: Translator, source: Tensor, lengths: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy over what is asked."""
    logits = model(source, lengths, inputs)
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())

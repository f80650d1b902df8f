"""Recurrences over whole sequences: ours beside torch's, and a tagger on real lengths beside packed sequences."""

from collections.abc import Callable, Iterable
from itertools import count, product
from typing import Any
from unittest import mock

import torch
import torch.nn.functional as F
from benchmarks.timing import Pair, bare_steps, mean, pair, repeated, training_steps
from torch import Tensor, nn

from seqnet.batch import IGNORE
from seqnet.cells import native
from seqnet.cells.gru import GRU
from seqnet.cells.layer_norm_lstm import LayerNormLSTM
from seqnet.cells.lstm import LSTM
from seqnet.cells.mingru import MinGRU
from seqnet.cells.minlstm import MinLSTM
from seqnet.cells.projected import Projected
from seqnet.cells.qrnn import QRNN
from seqnet.cells.rnn import RNN
from seqnet.cells.sru import SRU
from seqnet.cells.zoneout_lstm import ZoneoutLSTM
from seqnet.data.batching import BucketLoader
from seqnet.data.examples import Examples, Ragged
from seqnet.layers.layer import Layer
from seqnet.linear import Linear
from seqnet.models.recurrent import Recurrent
from seqnet.objectives.tags import Tags
from seqnet.specs import Tokens
from seqnet.state import HiddenState
from seqnet.tasks.many_to_many import ManyToMany

SHAPES = ((35, 20, 650, 650), (35, 20, 200, 200), (100, 64, 128, 256), (200, 32, 64, 128))  # time batch input hidden


class MGU(Projected):
    """The minimal gated unit of docs/adding_a_cell.md."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        self.inputs = Linear(input_size, 2 * hidden_size)
        self.gate = Linear(hidden_size, hidden_size, bias=False)
        self.candidate = Linear(hidden_size, hidden_size, bias=False)

    def initial_state(self, batch_size: int) -> HiddenState:
        """Zeros [batch hidden]."""
        return HiddenState(self.gate.weight.new_zeros(batch_size, self.hidden_size))

    def project(self, x: Tensor) -> Tensor:
        """What both gates get of the input."""
        return self.inputs(x)  # type: ignore[no-any-return]

    def step(self, projected: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        """The rest of a step."""
        to_gate, to_candidate = projected.chunk(2, dim=-1)
        f = torch.sigmoid(to_gate + self.gate(state.hidden))
        n = torch.tanh(to_candidate + self.candidate(f * state.hidden))
        hidden = torch.lerp(state.hidden, n, f)
        return hidden, HiddenState(hidden)


def _forward_backward(run: Callable[[Tensor], Tensor], module: nn.Module, x: Tensor) -> Callable[[], None]:
    parts = [x, *module.parameters()]

    def both() -> None:
        torch.autograd.grad(run(x).sum(), parts)

    return both


def cells() -> list[Pair]:
    """Forward and backward of GRU and vanilla RNN beside torch's own, with and without the compiled function."""
    found = []
    ways = ["operators"] if native.library() is None else ["operators", "compiled"]
    for way in ways:
        several = []
        with mock.patch.object(native, "library", native.library if way == "compiled" else lambda: None):
            for (ours, theirs), shape in product(((GRU, nn.GRU), (RNN, nn.RNN)), SHAPES):
                time, batch, inputs, hidden = shape
                torch.manual_seed(0)
                x = torch.randn(batch, time, inputs, requires_grad=True)
                layer, other = Layer(ours(inputs, hidden)), theirs(inputs, hidden, batch_first=True)
                pairs = (
                    _forward_backward(lambda x, layer=layer: layer(x)[0], layer, x),
                    _forward_backward(lambda x, other=other: other(x)[0], other, x),
                )
                several.append(pair(f"cells {ours.__name__} {way} {shape}", *pairs, seconds=6, repeats=11))
        found += [*several, mean(f"cells {way}, geometric mean", several)]
    return found


def custom() -> list[Pair]:
    """Cells without a fused path, unrolled, beside the fused LSTM of the same size."""
    found = _beside((LayerNormLSTM, ZoneoutLSTM, MGU), LSTM)
    return [*found, mean("custom cells, geometric mean", [one for one in found if "(" in one.name])]


def scan() -> list[Pair]:
    """Cells that go through a whole sequence at once beside the fused GRU of the same size, forward and backward."""
    return _beside((MinGRU, MinLSTM, SRU, QRNN), GRU)


def _beside(makes: Iterable[Callable[[int, int], nn.Module]], other: Callable[[int, int], nn.Module]) -> list[Pair]:
    """Layers of each of these cells beside a layer of another, forward and backward; after each cell's their mean."""
    found = []
    for make in makes:
        several = []
        for shape in SHAPES:
            time, batch, inputs, hidden = shape
            torch.manual_seed(0)
            x = torch.randn(batch, time, inputs, requires_grad=True)
            own, fused = Layer(make(inputs, hidden)), Layer(other(inputs, hidden))
            pairs = (
                _forward_backward(lambda x, own=own: own(x)[0], own, x),
                _forward_backward(lambda x, fused=fused: fused(x)[0], fused, x),
            )
            several.append(pair(f"{make.__name__} {shape}", *pairs, seconds=6, repeats=11))
        found += [*several, mean(f"{make.__name__}, geometric mean", several)]
    return found


TAGS, WORDS, WIDTH, ROWS = 13, 5_000, 128, 32


def _sentences() -> Examples:
    """Made sentences with lengths as tweets and news have them: a median of 16 words, a tail up to 80."""
    random = torch.Generator().manual_seed(0)
    lengths = (torch.randn(3_200, generator=random) * 0.6 + 2.8).exp().round().clamp(1, 80).long().tolist()
    words = Ragged.of([torch.randint(WORDS, (length,), generator=random) for length in lengths])
    tags = Ragged.of([torch.randint(TAGS, (length,), generator=random) for length in lengths])
    return Examples(words, tags)


class Packed(nn.Module):
    """A tagger as tutorials write it."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(WORDS, WIDTH)
        self.lstm = nn.LSTM(WIDTH, WIDTH, bidirectional=True, batch_first=True)
        self.head = nn.Linear(2 * WIDTH, TAGS)

    def forward(self, words: Tensor, lengths: Tensor) -> Tensor:
        """Logits [batch time tags]."""
        packed = nn.utils.rnn.pack_padded_sequence(self.embedding(words), lengths, True, enforce_sorted=False)
        y, _ = nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        return self.head(y)


def tagger_of_sentences() -> tuple[Recurrent, ManyToMany, BucketLoader]:
    """seqnet's tagger, its task, and batches of made sentences."""
    torch.manual_seed(0)
    space = Tokens(("O", *(f"B-{n}" for n in range(TAGS - 1))))
    model = Recurrent(
        cell=LSTM,
        inputs=Tokens(tuple(map(str, range(WORDS)))),
        views={},
        out_features=TAGS,
        hidden_size=WIDTH,
        embedding_size=WIDTH,
        bidirectional=True,
    )
    return model, ManyToMany(Tags(space)), BucketLoader(_sentences(), ROWS, seed=0, shuffle=True)


def tagger() -> list[Pair]:
    """A BiLSTM tagger on bucketed batches beside packed sequences in random batches: an epoch of the same tokens."""
    model, task, loader = tagger_of_sentences()
    step = training_steps(model, task, loader)
    bare, batches = Packed(), _random_batches(loader.examples)
    plain = bare_steps(bare, lambda: _tagging_loss(bare, next(batches)))
    epoch = loader.num_batches(0)

    batches_of_epoch = list(loader.batches(0))
    waste = 1 - sum(int(batch.lengths.sum()) for batch in batches_of_epoch) / sum(
        batch.size * batch.time for batch in batches_of_epoch
    )
    name = f"tagger BiLSTM {WIDTH}, batches of {ROWS}, {waste:.1%} padding"
    return [pair(name, repeated(step, epoch), repeated(plain, epoch), seconds=60, repeats=7)]


def _random_batches(examples: Examples) -> Any:
    random = torch.Generator().manual_seed(0)
    for _ in count():
        for rows in torch.randperm(len(examples), generator=random).split(ROWS):
            yield examples.batch(rows)


def _tagging_loss(model: Packed, batch: Any) -> Tensor:
    logits = model(batch.inputs, batch.lengths)
    return F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten(), ignore_index=IGNORE)

"""Hard attention by exact marginal, against a plain loop over source positions in doubles."""

import math
from functools import partial

import pytest
import torch
import torch.nn.functional as F

from seqnet.attention.hard import Hard
from seqnet.attention.mixture import MixtureLayer, mixture, packed
from seqnet.attention.scores.scaled_dot import ScaledDot
from seqnet.attention.soft import Soft
from seqnet.batch import IGNORE, Batch
from seqnet.cells.gru import GRU
from seqnet.decoding.beam import Beam
from seqnet.decoding.constrained import Constrained
from seqnet.decoding.greedy import Greedy
from seqnet.decoding.hypothesis import Start
from seqnet.errors import ConfigurationError
from seqnet.models.encoder_decoder import EncoderDecoder
from seqnet.objectives.tokens import NextToken
from seqnet.specs import Tokens, Writing
from seqnet.tasks import output_layer
from seqnet.tasks.seq2seq import SequenceToSequence

WORDS = Tokens(tuple("abcde"))
WRITING = Writing(begin=0, end=1, forbidden=(), longest=6)


class Space:
    targets, writing = WORDS, WRITING


def model(attention=Hard, **options):
    """A small encoder-decoder in doubles, its weights away from where they begin."""
    torch.manual_seed(0)
    more = {name: options.pop(name) for name in ("bidirectional", "output_dropout", "tied") if name in options}
    options = {"estimator": "exact", **options} if attention is Hard else options
    score = partial(ScaledDot, reach=options.pop("reach", 0))
    made = EncoderDecoder(
        GRU,
        WORDS,
        WORDS.size,
        WORDS,
        attention=lambda query, memory: attention(query, memory, score, **options),
        hidden_size=5,
        embedding_size=4,
        **more,
    ).double()
    for parameter in made.parameters():
        torch.nn.init.uniform_(parameter, -1, 1)
    return made


def batch(lengths=(4, 2, 3), sources=(6, 1, 4)):
    torch.manual_seed(1)
    rows, time = len(lengths), max(lengths)
    targets = torch.randint(WORDS.size, (rows, time))
    lengths, sources = torch.tensor(lengths), torch.tensor(sources)
    targets[torch.arange(time) >= lengths[:, None]] = IGNORE
    return Batch(
        torch.randint(WORDS.size, (rows, time)),
        lengths,
        targets,
        source=torch.randint(WORDS.size, (rows, int(sources.max()))),
        source_lengths=sources,
    )


def loop(net, whole, top_k=None):
    """log p(v) of each asked step by the formula, one position at a time: (row, step) -> [vocab]."""
    found = {}
    for row in range(whole.size):
        source = whole.source[row : row + 1, : whole.source_lengths[row]]
        encoded, states = net.encoder(source, None, {})
        first = net.bridge(states, net.initial_state(1).layers)
        y, _ = net.layers(net.inputs(whole.inputs[row : row + 1]), first, None)
        score = net.attention.score
        for step in range(int(whole.lengths[row])):
            query, scores = y[:, step : step + 1], []
            for place in range(encoded.shape[1]):
                scores.append(score(query, score.keys(encoded[:, place : place + 1])).squeeze())
            kept = sorted(range(len(scores)), key=lambda place: -scores[place].item())[: top_k or len(scores)]
            total = sum(scores[place].exp() for place in kept)
            answer = 0.0
            for place in kept:
                vector = torch.tanh(net.combine(torch.cat([encoded[0, place], query[0, 0]])))
                answer = answer + scores[place].exp() / total * net.head(vector).softmax(-1)
            found[row, step] = answer.log()
    return found


def task(smoothing=0.0):
    return SequenceToSequence(NextToken(WORDS, smoothing), Space, ["exact_match"])


@pytest.mark.parametrize("top_k", [None, 1, 3, 6, 9])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("largest", [output_layer.LARGEST, 40])
def test_the_loss_is_the_loops(monkeypatch, top_k, smoothing, largest):
    """Value and gradient of every weight, in one piece and in several; smoothing is of the mixture."""
    monkeypatch.setattr(output_layer, "LARGEST", largest)
    net, whole = model(top_k=top_k, bidirectional=True), batch()
    total = task(smoothing).loss(net(whole), whole)
    wanted = 0.0
    for (row, step), logs in loop(net, whole, top_k).items():
        smooth = -logs.mean() * smoothing
        wanted = wanted - (1 - smoothing) * logs[whole.targets[row, step]] + smooth
    torch.testing.assert_close(total.double(), wanted, rtol=1e-6, atol=0)
    weights = dict(net.named_parameters())
    found = torch.autograd.grad(total, [*weights.values()], allow_unused=True)
    other = torch.autograd.grad(wanted, [*weights.values()], allow_unused=True)
    for name, one, two in zip(weights, found, other, strict=True):
        zero = torch.zeros_like(weights[name])
        assert top_k == 1 or two is None or two.any(), name
        one, two = (zero if each is None else each for each in (one, two))
        torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-6 if smoothing else 1e-10, msg=name)


def test_what_is_told_in_evaluation_is_the_loops():
    net, whole = model().eval(), batch()
    output = net(whole)
    logs = output.logits()
    for (row, step), wanted in loop(net, whole).items():
        torch.testing.assert_close(logs[row, step], wanted)
    torch.testing.assert_close(output.attention.sum(-1), torch.ones_like(output.attention[..., 0]))
    padding = torch.arange(whole.source.shape[1]) >= whole.source_lengths[:, None]
    assert not output.attention.transpose(1, 3)[padding].any()
    loss = task().evaluator().update(output, whole)
    assert loss == pytest.approx(task().loss(output, whole).item(), rel=1e-6)


@pytest.mark.parametrize("options", [{}, {"top_k": 2}, {"coverage": True, "reach": 2}])
def test_windows_are_the_whole_and_a_row_alone_is_itself(options):
    net, whole = model(**options), batch()
    output = net(whole)
    wanted, state, begin = output.logits(), None, 0
    for window in whole.windows(2, 1):
        found = net(window, state)
        for row, length in enumerate(window.lengths.tolist()):
            torch.testing.assert_close(found.logits()[row, :length], wanted[row, begin : begin + length])
        state, begin = found.state, begin + window.advance
    for row in range(whole.size):
        one = batch_of(whole, row)
        torch.testing.assert_close(net(one).logits()[0], wanted[row, : one.time])


def batch_of(whole, row):
    length, source = int(whole.lengths[row]), int(whole.source_lengths[row])
    here = slice(row, row + 1)
    return Batch(
        whole.inputs[here, :length],
        whole.lengths[here],
        whole.targets[here, :length],
        source=whole.source[here, :source],
        source_lengths=whole.source_lengths[here],
    )


def test_of_a_source_of_one_position_it_is_soft_attention():
    whole = batch(sources=(1, 1, 1))
    exact, soft = model(), model(Soft)
    soft.load_state_dict(exact.state_dict())
    found, wanted = (task().loss(each(whole), whole) for each in (exact, soft))
    torch.testing.assert_close(found, wanted.double(), rtol=1e-6, atol=0)


@pytest.mark.parametrize("decode", ["mixture", "hard"])
@pytest.mark.parametrize("decoding", [Greedy(), Beam(beam_size=3)])
def test_what_is_written_is_judged_as_under_teacher_forcing(decode, decoding):
    """A search sees the distribution that the loss is of: of the mixture, or of the best position alone."""
    net, whole = model(decode=decode).eval(), batch()
    memory, state = net.begin(whole)
    for row, (best, *_) in enumerate(decoding.decode(net, Start(memory, state, WRITING))):
        ids = [*best.ids, WRITING.end] if best.ended else best.ids
        forced = Batch(
            torch.tensor([[WRITING.begin, *ids[:-1]]]),
            torch.tensor([len(ids)]),
            torch.tensor([ids]),
            source=whole.source[row : row + 1, : whole.source_lengths[row]],
            source_lengths=whole.source_lengths[row : row + 1],
        )
        assert best.log_probability == pytest.approx(-task().loss(net(forced), forced).item(), rel=1e-6)


def test_decoded_hard_it_is_the_best_positions_best_symbol():
    whole = batch()
    hard, mixed = model(decode="hard").eval(), model().eval()
    found, weights = hard(whole), mixed(whole).attention[:, 0]
    best = weights.argmax(-1)
    assert torch.equal(found.attention[:, 0].argmax(-1), best)
    assert set(found.attention.flatten().tolist()) == {0.0, 1.0}
    answers = mixed.train()(whole).features[..., :-1]
    picked = answers.gather(2, best[..., None, None].expand(-1, -1, 1, answers.shape[-1])).squeeze(2)
    inside = torch.arange(whole.time) < whole.lengths[:, None]
    torch.testing.assert_close(found.features[inside], picked[inside])


def test_of_some_tokens_the_mixture_is_kept_to():
    """Not a mixture of what each position says of these: what is left out is taken off the whole."""
    net, whole = model().eval(), batch()
    memory, state = net.begin(whole)
    logits, _, _ = net.step(torch.zeros(whole.size, dtype=torch.int64), state, memory)
    allowed = [WRITING.end, 3, 4]
    wanted = logits[:, allowed].log_softmax(-1)
    for row, (best, *_) in enumerate(
        Constrained(Greedy(max_length=1), [3, 4]).decode(net, Start(memory, state, WRITING))
    ):
        first = best.ids[0] if best.ids else WRITING.end
        assert best.log_probability == pytest.approx(wanted[row, allowed.index(first)].item(), rel=1e-5)


def test_dropout_is_the_same_at_all_positions_of_a_step():
    net, whole = model(output_dropout=0.5), batch()
    vectors = net(whole).features[..., :-1]
    dropped = vectors == 0
    assert dropped.any()
    assert torch.equal(dropped.all(dim=2), dropped.any(dim=2))


def test_tied_weights_are_the_mixtures():
    net = model(tied=True)
    assert net.head.weight is net.inputs.embedding.weight
    torch.testing.assert_close(net(batch()).logits().exp().sum(-1), torch.ones(3, 4).double())


def test_what_hardly_any_position_says_is_no_infinite_loss():
    logits = torch.tensor([[[0.0, 300.0], [0.0, 250.0]]])
    logs = torch.tensor([[0.0, -math.inf]])
    wanted = torch.tensor([0])
    assert mixture(logits, logs)[0].tolist() == [-300.0, 0.0]
    for smoothing in (0.0, 0.1):
        loss = NextToken(WORDS, smoothing).mixed_losses(logits, logs, wanted)
        assert loss.isfinite().all()
    assert NextToken(WORDS).mixed_losses(logits, logs, wanted) == 300


def test_the_layer_without_a_mixture_is_linear():
    layer = MixtureLayer(3, 4)
    x, logs = torch.randn(2, 5, 3), torch.randn(2, 5).log_softmax(-1)
    assert torch.equal(layer(x), F.linear(x, layer.weight, layer.bias))
    probabilities = (layer(x).softmax(-1) * logs.exp().unsqueeze(-1)).sum(1)
    torch.testing.assert_close(layer(packed(x, logs)).exp(), probabilities)


def test_it_learns_where_to_look():
    """Rows of symbols in some order, to be told backwards: only the right position explains them."""
    torch.manual_seed(0)
    time, kinds = 6, 5
    hard = Hard(time, kinds + time, ScaledDot, "exact")
    head = MixtureLayer(kinds + time, kinds)
    optimizer = torch.optim.Adam([*hard.parameters(), *head.parameters()], lr=0.03)
    places = torch.eye(time).expand(64, -1, -1)
    for _ in range(200):
        symbols = torch.randint(kinds, (64, time))
        encoded = torch.cat([F.one_hot(symbols, kinds).float(), places], dim=-1)
        found = hard(places, hard.prepare(encoded, None), torch.zeros(64, time), None, False)
        each = found.context.expand(-1, time, -1, -1)
        loss = F.nll_loss(head(packed(each, found.logs)).transpose(1, 2), symbols.flip(1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    found = hard.eval()(places, hard.prepare(encoded, None), torch.zeros(64, time)).weights[:, 0]
    assert torch.equal(found.argmax(-1), places.flip(1).argmax(-1))
    assert found.max(-1).values.min() > 0.8


def test_refuses_what_has_no_mixture():
    for options, words in (
        ({"decode": "best"}, "attention.decode=best must be one of mixture, hard"),
        ({"top_k": 0}, "attention.top_k=0 at least 1"),
    ):
        with pytest.raises(ConfigurationError, match=words):
            Hard(2, 2, estimator="exact", **options)
    with pytest.raises(ConfigurationError, match="mixes answers, not contexts, which model.input_feeding=true needs"):
        EncoderDecoder(GRU, WORDS, 5, WORDS, attention=lambda q, m: Hard(q, m, estimator="exact"), input_feeding=True)

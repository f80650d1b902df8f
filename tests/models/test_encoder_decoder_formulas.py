"""The encoder-decoder against its formulas: each row alone and unpadded, one step after another, written out here."""

import pytest
import torch

from seqnet.attention.scores.additive import Additive
from seqnet.attention.scores.dot import Dot
from seqnet.attention.scores.general import General
from seqnet.attention.scores.scaled_dot import ScaledDot
from seqnet.attention.soft import Soft
from seqnet.batch import IGNORE, Batch, has_target
from seqnet.cells.gru import GRU
from seqnet.cells.lstm import LSTM
from seqnet.cells.rnn import RNN
from seqnet.models.encoder_decoder import EncoderDecoder
from seqnet.specs import Tokens

READ, WRITTEN = Tokens(tuple("abcdefg")), Tokens(tuple("uvwxyz"))
LENGTHS, SOURCES = [5, 2, 1, 4], [3, 6, 1, 4]
CELLS = {"rnn": RNN, "gru": GRU, "lstm": LSTM}


def attention(score=ScaledDot, coverage=False):
    return lambda query, memory: Soft(query, memory, score, coverage)


KINDS = {
    "plain": {},
    "two_layers_both_ways": {"num_layers": 2, "bidirectional": True},
    "residual": {"num_layers": 3, "residual": True, "bridge": "copy"},
    "zero": {"bridge": "zero", "attention": attention(Dot)},
    "bottleneck": {"attention": None, "num_layers": 2, "bidirectional": True},
    "bottleneck_tied": {"attention": None, "tied": True},
    "fed": {"input_feeding": True, "bidirectional": True, "attention": attention(General)},
    "fed_and_tied": {"input_feeding": True, "tied": True, "num_layers": 2, "attention": attention(Additive)},
    "covered": {"attention": attention(Additive, coverage=True), "bidirectional": True},
    "fed_and_covered": {"attention": attention(Dot, coverage=True), "input_feeding": True, "bridge": "zero"},
}


def model(cell, kind, **options):
    torch.manual_seed(0)
    given = {"attention": attention(), "hidden_size": 5, "embedding_size": 4, **KINDS[kind], **options}
    net = EncoderDecoder(CELLS[cell], WRITTEN, WRITTEN.size, source=READ, **given)
    for parameter in net.parameters():
        torch.nn.init.uniform_(parameter, -0.7, 0.7)
    return net.double()


def batch(garbage=0):
    torch.manual_seed(1)
    rows, time, source_time = len(LENGTHS), max(LENGTHS), max(SOURCES)
    lengths, sources = torch.tensor(LENGTHS), torch.tensor(SOURCES)
    ended, read = torch.arange(time) >= lengths[:, None], torch.arange(source_time) >= sources[:, None]
    inputs = torch.randint(0, WRITTEN.size, (rows, time)).masked_fill(ended, garbage)
    targets = torch.randint(0, WRITTEN.size, (rows, time)).masked_fill(ended, IGNORE)
    source = torch.randint(0, READ.size, (rows, source_time)).masked_fill(read, garbage)
    return Batch(inputs, lengths, targets, source=source, source_lengths=sources)


# ------------------------------------------------------------------ the formulas


def sigmoid(x):
    return 1 / (1 + (-x).exp())


def step(cell, x, state):
    """One vector, one step: y and the new state, a list of vectors."""
    a = cell.weight_ih @ x + (cell.bias_ih if cell.bias_ih is not None else 0)
    b = cell.weight_hh @ state[0] + (cell.bias_hh if cell.bias_hh is not None else 0)
    if isinstance(cell, LSTM):
        i, f, g, o = (a + b).chunk(4)
        c = sigmoid(f) * state[1] + sigmoid(i) * g.tanh()
        h = sigmoid(o) * c.tanh()
        return h, [h, c]
    if isinstance(cell, GRU):
        (ar, az, an), (br, bz, bn) = a.chunk(3), b.chunk(3)
        z = sigmoid(az + bz)
        h = (1 - z) * (an + sigmoid(ar + br) * bn).tanh() + z * state[0]
        return h, [h]
    h = (a + b).tanh()
    return h, [h]


def zeros(cell):
    return [torch.zeros(cell.hidden_size).double() for _ in range(2 if isinstance(cell, LSTM) else 1)]


def along(cell, xs, state):
    ys = []
    for x in xs:
        y, state = step(cell, x, state)
        ys.append(y)
    return ys, state


def encode(net, source):
    """A vector for each position, and the final state of each layer, all its parts side by side."""
    xs, states = [net.encoder.inputs.embedding.weight[word] for word in source], []
    for number, layer in enumerate(net.encoder.layers.layers):
        below = xs
        if hasattr(layer, "right_to_left"):
            forward, backward = layer.left_to_right.cell, layer.right_to_left.cell
            there, end = along(forward, xs, zeros(forward))
            back, begin = along(backward, xs[::-1], zeros(backward))
            xs, state = [torch.cat(pair) for pair in zip(there, back[::-1], strict=True)], [*end, *begin]
        else:
            xs, state = along(layer.cell, xs, zeros(layer.cell))
        if net.encoder.layers.residual and number:
            xs = [x + other for x, other in zip(xs, below, strict=True)]
        states.append(state)
    return torch.stack(xs), states


def bridged(net, states, kind):
    cells = [layer.cell for layer in net.layers.layers]
    if kind == "zero":
        return [zeros(cell) for cell in cells]
    if kind == "copy":
        return states
    found = []
    for number, cell in enumerate(cells):
        read = torch.cat(states[min(number, len(states) - 1)])
        found.append([(m.weight @ read + m.bias).tanh() for m in net.bridge.maps[number]][: len(zeros(cell))])
    return found


def looked(net, query, encoded, paid):
    """Softmax weights over the positions of one source; paid: what each was paid before, or None."""
    score, compare = net.attention.score, net.attention.score.compare
    keys = encoded if score.key is None else encoded @ score.key.weight.T
    if score.key is not None and score.key.bias is not None:
        keys = keys + score.key.bias
    if score.query is not None:  # additive
        hidden = keys + score.query.weight @ query
        if paid is not None:
            hidden = hidden + paid[:, None] * compare.seen.view(-1)
        scores = hidden.tanh() @ compare.v.view(-1)
    else:
        scores = keys @ query * compare.scale
        if paid is not None:
            scores = scores + compare.seen.view(()) * paid
    return scores.exp() / scores.exp().sum()


def written(net, source, inputs, bridge):
    """Of one row, teacher forced: logits, attention, and what the last state is made of."""
    encoded, states = encode(net, source)
    layers = bridged(net, states, bridge)
    features = net.head.in_features
    fed, paid, logits, weights = torch.zeros(features).double(), torch.zeros(len(source)).double(), [], []
    for word in inputs:
        x = net.inputs.embedding.weight[word]
        if net.input_feeding:
            x = torch.cat([x, fed])
        for number, layer in enumerate(net.layers.layers):
            below = x
            x, layers[number] = step(layer.cell, x, layers[number])
            if net.layers.residual and number:
                x = x + below
        found = x
        if net.attention is not None:
            alpha = looked(net, x, encoded, paid if net.coverage else None)
            paid = paid + alpha
            weights.append(alpha)
            found = torch.cat([alpha @ encoded, x])
        if net.combine is not None:
            found = (net.combine.weight @ found + net.combine.bias).tanh()
        fed = found
        logits.append(net.head.weight @ found + net.head.bias)
    return torch.stack(logits), weights, layers, fed, paid


def rows_of(whole):
    for row, (length, read) in enumerate(zip(LENGTHS, SOURCES, strict=True)):
        yield row, whole.source[row, :read], whole.inputs[row, :length], whole.targets[row, :length]


def loss(logits, targets):
    return -(logits - logits.logsumexp(-1, keepdim=True)).gather(-1, targets[:, None]).sum()


@pytest.mark.parametrize("fused", [True, False], ids=["fused", "unrolled"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cell", CELLS)
def test_values_states_and_gradients_are_those_of_the_formulas(cell, kind, fused):
    net, whole = model(cell, kind, fused=fused), batch(garbage=12_345)
    bridge = KINDS[kind].get("bridge", "linear")
    output = net.eval()(whole)
    expected = torch.zeros(()).double()
    for row, source, inputs, targets in rows_of(whole):
        logits, weights, layers, fed, paid = written(net, source, inputs, bridge)
        expected = expected + loss(logits, targets)
        torch.testing.assert_close(output.logits()[row, : len(inputs)], logits)
        for layer, parts in zip(output.state.layers, layers, strict=True):
            for part, wanted in zip(layer, parts, strict=True):
                torch.testing.assert_close(part[row], wanted)
        assert output.state.position[row] == len(inputs)
        if net.input_feeding:
            torch.testing.assert_close(output.state.context[row], fed)
        if net.coverage:
            torch.testing.assert_close(output.state.coverage[row, : len(source)], paid)
            assert not output.state.coverage[row, len(source) :].any()
        if weights:
            torch.testing.assert_close(output.attention[row, 0, : len(inputs), : len(source)], torch.stack(weights))
    parameters = dict(net.named_parameters())
    found = net.train()(whole)
    total = loss(found.head(found.features[has_target(whole.targets)]), whole.targets[has_target(whole.targets)])
    torch.testing.assert_close(total, expected)
    wanted = torch.autograd.grad(expected, list(parameters.values()))
    ours = torch.autograd.grad(total, list(parameters.values()))
    for name, one, other in zip(parameters, ours, wanted, strict=True):
        torch.testing.assert_close(one, other, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("cells", [("lstm", "gru"), ("gru", "lstm"), ("rnn", "lstm")], ids="-".join)
@pytest.mark.parametrize("bridge", ["linear", "zero"])
def test_another_cell_on_the_decoders_side(cells, bridge):
    net = model(cells[0], "two_layers_both_ways", decoder_cell=CELLS[cells[1]], bridge=bridge).eval()
    whole = batch()
    found = net(whole).logits()
    for row, source, inputs, _ in rows_of(whole):
        torch.testing.assert_close(found[row, : len(inputs)], written(net, source, inputs, bridge)[0])

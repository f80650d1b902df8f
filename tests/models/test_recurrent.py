from functools import partial

import pytest
import torch
from torch import nn

from seqnet.batch import Batch, has_target
from seqnet.cells.gru import GRU
from seqnet.cells.lstm import LSTM
from seqnet.cells.rnn import RNN
from seqnet.errors import ConfigurationError
from seqnet.models.encoder_decoder import EncoderDecoder
from seqnet.models.recurrent import Recurrent
from seqnet.objectives.adaptive import AdaptiveTokens
from seqnet.specs import Spelling, Tokens, Vector
from seqnet.state import detach, leaves, map_state, select

WORDS = Tokens(tuple("abcdefgh"))
LETTERS = Spelling(("<pad>", "x", "y"), 4)
CELLS = {
    "rnn": RNN,
    "irnn": partial(RNN, nonlinearity="relu", recurrent_init="identity"),
    "leaky_relu": partial(RNN, nonlinearity="leaky_relu"),
    "lstm": LSTM,
    "gru": GRU,
}
READOUTS = ["all", "last", "mean", "max"]
TIME = 11
RAGGED = [TIME, 7, 0, 1, 4, TIME]


def model(cell="lstm", inputs=WORDS, views=None, **options):
    torch.manual_seed(0)
    given = {"hidden_size": 6, "embedding_size": 5, "num_layers": 2, **options}
    return Recurrent(CELLS[cell], inputs, views or {}, 3, **given).double()


def batch(lengths=RAGGED, readout="all", time=TIME, inputs=WORDS):
    torch.manual_seed(1)
    size = len(lengths)
    values = torch.randint(0, 8, (size, time)) if isinstance(inputs, Tokens) else torch.randn(size, time, 4).double()
    row_targets = readout != "all"
    targets = torch.randint(0, 3, (size,) if row_targets else (size, time))
    lengths = torch.tensor(lengths)
    if not row_targets:
        targets[torch.arange(time) >= lengths[:, None]] = -100
    return Batch(values, lengths, targets, row_targets)


def judged(net, whole, windows):
    """Logits of all that is asked in `whole`, gathered from the windows; and the state after the last."""
    logits = torch.full((*whole.targets.shape, 3), float("nan")).double()
    state, begin = None, 0
    for window in windows:
        output = net(window, state)
        places = has_target(window.targets)
        found = output.logits()
        if whole.row_targets:
            logits[places] = found[places]
        else:
            here = logits[:, begin : begin + window.time]
            assert here[places].isnan().all()
            here[places] = found[places]
        state = output.state
        begin += window.advance
    return logits, state


@pytest.mark.parametrize("lengths", [RAGGED, [TIME] * 3], ids=["ragged", "full"])
@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("cell", CELLS)
def test_windows_are_the_whole(cell, readout, lengths):
    net, whole = model(cell, readout=readout, residual=True), batch(lengths, readout)
    expected = net(whole)
    places = has_target(whole.targets)
    for size, stride in [(4, 4), (4, 2), (5, 3), (3, 1), (1, 1), (TIME - 1, TIME - 1), (TIME, TIME)]:
        logits, state = judged(net, whole, whole.windows(size, stride))
        torch.testing.assert_close(logits[places], expected.logits()[places], atol=1e-10, rtol=0)
        torch.testing.assert_close(leaves(state), leaves(expected.state), atol=1e-10, rtol=0)


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("cell", CELLS)
def test_step_by_step_is_the_whole(cell, readout):
    net, whole = model(cell, readout=readout, residual=True), batch([TIME] * 3, readout)
    state = net.initial_state(3)
    for step in range(TIME):
        logits, state = net.step(whole.inputs[:, step], state)
        until = Batch(whole.inputs[:, : step + 1], torch.full((3,), step + 1), whole.targets, True)
        output = net(until)
        expected = output.logits()[:, -1] if readout == "all" else output.logits()
        torch.testing.assert_close(logits, expected, atol=1e-10, rtol=0)
        torch.testing.assert_close(leaves(state), leaves(output.state), atol=1e-10, rtol=0)


def test_a_step_reads_numbers_and_views_too():
    net = model(inputs=Vector(4), readout="mean")
    whole = batch([TIME] * 2, inputs=Vector(4))
    state = net.initial_state(2)
    for step in range(TIME):
        logits, state = net.step(whole.inputs[:, step], state)
    torch.testing.assert_close(logits, net(whole).logits(), atol=1e-10, rtol=0)

    net, words = model(views={"characters": LETTERS}), batch([TIME] * 2)
    characters = torch.randint(0, 3, (2, TIME, 4))
    whole = Batch(words.inputs, words.lengths, words.targets, views={"characters": characters})
    state = net.initial_state(2)
    for step in range(TIME):
        logits, state = net.step(words.inputs[:, step], state, {"characters": characters[:, step]})
    torch.testing.assert_close(logits, net(whole).logits()[:, -1], atol=1e-10, rtol=0)


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("readout", READOUTS)
def test_a_row_in_a_batch_is_the_row_alone(readout, bidirectional, fused):
    net = model(readout=readout, bidirectional=bidirectional, fused=fused, views={"characters": LETTERS})
    words = batch(readout=readout, time=TIME + 4)
    characters = torch.randint(0, 3, (len(RAGGED), TIME + 4, 4))
    for row, length in enumerate(RAGGED):
        words.inputs[row, length:] = 12_345  # no such word
        characters[row, length:] = -7
    whole = Batch(words.inputs, words.lengths, words.targets, words.row_targets, views={"characters": characters})
    output = net(whole)
    logits = output.logits()
    assert logits.isfinite().all()
    for row, length in enumerate(RAGGED):
        if not length:
            torch.testing.assert_close(
                leaves(select(output.state, torch.tensor([row]))), leaves(net.initial_state(1)), atol=0, rtol=0
            )
            if readout != "all":
                assert not output.features[row].any()
            continue
        one = Batch(
            words.inputs[row : row + 1, :length],
            words.lengths[row : row + 1],
            words.targets[row : row + 1],
            words.row_targets,
            views={"characters": characters[row : row + 1, :length]},
        )
        alone = net(one)
        expected = alone.logits()[0]
        torch.testing.assert_close(
            logits[row, :length] if readout == "all" else logits[row], expected, atol=1e-10, rtol=0
        )
        torch.testing.assert_close(
            leaves(select(output.state, torch.tensor([row]))), leaves(alone.state), atol=1e-10, rtol=0
        )


@pytest.mark.parametrize("garbage", [float("nan"), float("inf"), 1e300])
def test_what_stands_in_padding_reaches_no_gradient(garbage):
    net = model(inputs=Vector(4), readout="max", bidirectional=True)
    clean = batch(inputs=Vector(4), readout="max")
    dirty = clean.inputs.clone()
    dirty[torch.arange(TIME) >= clean.lengths[:, None]] = garbage
    expected = torch.autograd.grad(net(clean).logits().square().sum(), list(net.parameters()))
    found = net(Batch(dirty, clean.lengths, clean.targets, True)).logits().square().sum()
    torch.testing.assert_close(torch.autograd.grad(found, list(net.parameters())), expected, atol=1e-12, rtol=0)
    assert any(gradient.any() for gradient in expected)


@pytest.mark.parametrize("bidirectional", [True, False])
def test_readouts_by_hand(bidirectional):
    """From the outputs at every step, what one vector a row must be."""
    whole = batch()
    every = model(bidirectional=bidirectional, residual=True)(whole).features
    half = 6

    def readout(name):
        return model(bidirectional=bidirectional, residual=True, readout=name)(whole).features

    for row, length in enumerate(RAGGED):
        outputs = every[row, :length]
        if not length:
            expected = [torch.zeros(every.shape[-1]).double()] * 3
        else:
            last = torch.cat([outputs[-1, :half], outputs[0, half:]]) if bidirectional else outputs[-1]
            expected = [last, outputs.mean(0), outputs.amax(0)]
        for name, value in zip(["last", "mean", "max"], expected, strict=True):
            torch.testing.assert_close(readout(name)[row], value, atol=1e-12, rtol=0)


def test_the_last_readout_is_the_last_hidden_state():
    for bidirectional in (True, False):
        output = model(readout="last", bidirectional=bidirectional)(batch(readout="last"))
        torch.testing.assert_close(output.features, output.state.layers[-1].hidden, atol=0, rtol=0)


@pytest.mark.parametrize("readout", READOUTS)
def test_a_window_of_the_whole_length_has_the_full_gradient(readout):
    net, whole = model(readout=readout), batch(readout=readout)

    def gradients(windows):
        net.zero_grad()
        state = None
        for window in windows:
            output = net(window, state)
            places = has_target(window.targets)
            nn.functional.cross_entropy(output.logits()[places], window.targets[places], reduction="sum").backward()
            state = detach(output.state)
        return [weight.grad.clone() for weight in net.parameters()]

    full = gradients([whole])
    torch.testing.assert_close(gradients(whole.windows(TIME, TIME)), full, atol=0, rtol=0)
    torch.testing.assert_close(gradients(whole.windows(None)), full, atol=0, rtol=0)
    cut = gradients(window for window in whole.windows(4, 4) if has_target(window.targets).any())
    assert not all(torch.allclose(ours, theirs) for ours, theirs in zip(cut, full, strict=True))


def test_gradients_flow_over_the_seam_inside_a_window():
    """A window whose state is handed on half-way has the gradient of one that is not."""
    net, whole = model(), batch([TIME] * 2)
    parameters = list(net.parameters())
    halves = Batch(whole.inputs, whole.lengths, whole.targets, advance=4)
    one = torch.autograd.grad(net(whole).logits().square().sum(), parameters)
    two = torch.autograd.grad(net(halves).logits().square().sum(), parameters)
    torch.testing.assert_close(two, one, atol=1e-10, rtol=0)


@pytest.mark.parametrize("readout", READOUTS)
def test_fused_is_unrolled_in_the_model(readout):
    whole = batch(readout=readout)
    fused, unrolled = model(readout=readout), model(readout=readout, fused=False)
    assert [layer.realisation for layer in fused.layers.layers] == ["fused", "fused"]
    assert [layer.realisation for layer in unrolled.layers.layers] == ["unrolled", "unrolled"]
    torch.testing.assert_close(fused(whole).logits(), unrolled(whole).logits(), atol=1e-10, rtol=0)


def test_gradients_reach_all_weights():
    for readout in READOUTS:
        net = model(readout=readout, bidirectional=True, views={"characters": LETTERS})
        words = batch(readout=readout)
        views = {"characters": torch.randint(1, 3, (*words.inputs.shape, 3))}
        output = net(Batch(words.inputs, words.lengths, words.targets, words.row_targets, views=views))
        output.logits().square().sum().backward()
        for name, weight in net.named_parameters():
            assert weight.grad is not None, name
            assert weight.grad.any(), name


def test_reset_gives_rows_that_start_their_beginning():
    for readout in READOUTS:
        net = model(readout=readout)
        state = net(batch(readout=readout)).state
        starts = torch.tensor([True, False, False, True, False, True])
        reset = net.reset(state, starts)
        begun, kept = torch.tensor([0, 3, 5]), torch.tensor([1, 2, 4])
        torch.testing.assert_close(leaves(select(reset, begun)), leaves(net.initial_state(3)), atol=0, rtol=0)
        torch.testing.assert_close(leaves(select(reset, kept)), leaves(select(state, kept)), atol=0, rtol=0)
        assert net.reset(None, starts) is None


def test_a_state_of_none_is_the_initial_state():
    for readout in READOUTS:
        net, whole = model(readout=readout), batch(readout=readout)
        assert torch.equal(net(whole).features, net(whole, net.initial_state(whole.size)).features)


def test_the_state_handed_in_is_used():
    for readout in READOUTS:
        net, whole = model(readout=readout), batch([TIME] * 3, readout)
        other = map_state(lambda part: part + 1, net.initial_state(3))
        assert not torch.allclose(net(whole).features, net(whole, other).features)


def test_tied_weights_are_one_and_begin_small():
    torch.manual_seed(0)
    net = Recurrent(LSTM, WORDS, {}, 8, hidden_size=6, embedding_size=6, tied=True)
    assert net.head.weight is net.inputs.main.embedding.weight
    assert 0.08 < net.head.weight.std() < 0.12  # not the 1.0 of an embedding that is not tied
    assert sum(weight.numel() for weight in net.parameters()) == 8 * 6 + 4 * (6 * 6 + 6 * 6 + 6 + 6) + 8
    ids = torch.tensor([[2, 2]])
    net(Batch(ids, torch.tensor([2]), ids)).logits()[..., 5].sum().backward()
    assert net.head.weight.grad[2].any()  # by the embedding
    assert net.head.weight.grad[5].any()  # by the output layer


def test_tied_weights_of_an_output_layer_with_several_are_refused():
    with pytest.raises(ConfigurationError, match=r"model\.tied=true .* output layer has several"):
        Recurrent(LSTM, WORDS, {}, 8, hidden_size=6, embedding_size=6, tied=True, head=layer_of_its_own)
    with pytest.raises(ConfigurationError, match=r"model\.tied=true .* output layer has several"):
        EncoderDecoder(LSTM, WORDS, 8, hidden_size=6, embedding_size=6, tied=True, head=layer_of_its_own)


def layer_of_its_own(width):
    return AdaptiveTokens(Tokens(WORDS.names, ranked=8)).output_layer(width)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"embedding_size": 5}, ["model.tied", "model.embedding_size=5", "model.hidden_size"]),
        ({"embedding_size": 6, "bidirectional": True}, ["model.embedding_size=6", "twice"]),
        ({"embedding_size": None}, ["model.tied", "model.embedding_size"]),
        ({"embedding_size": 6, "out_features": 2}, ["model.tied", "8 tokens", "2 outputs"]),
    ],
)
def test_tied_weights_that_differ_in_shape_are_refused(options, words):
    given = {"out_features": 8, "hidden_size": 6, **options}
    with pytest.raises(ConfigurationError) as refusal:
        Recurrent(LSTM, WORDS, {}, tied=True, **given)
    assert all(word in str(refusal.value) for word in words)


def test_bad_options_are_refused():
    with pytest.raises(ConfigurationError, match=r"model\.readout=lasst .*did you mean 'last'\?"):
        model(readout="lasst")
    with pytest.raises(ConfigurationError, match=r"model\.num_layers must be at least 1, not 0"):
        model(num_layers=0)


def test_a_bidirectional_model_is_neither_cut_nor_stepped():
    net = model(bidirectional=True)
    whole = batch([TIME] * 2)
    with pytest.raises(ConfigurationError, match=r"model\.bidirectional=true .*training\.window=null"):
        net(next(iter(whole.windows(4, 2))))
    with pytest.raises(ConfigurationError, match=r"model\.bidirectional=true"):
        net.step(whole.inputs[:, 0], net.initial_state(2))


@pytest.mark.parametrize("option", ["input_dropout", "dropout", "output_dropout"])
def test_dropout_comes_again_with_the_seed_and_only_in_training(option):
    for readout in READOUTS:
        net, whole = model(readout=readout, **{option: 0.5}), batch(readout=readout)
        torch.manual_seed(7)
        first = net(whole).features
        second = net(whole).features
        torch.manual_seed(7)
        assert torch.equal(net(whole).features, first)
        assert not torch.equal(first, second)
        assert torch.equal(net.eval()(whole).features, model(readout=readout)(whole).features)


def test_dropout_before_the_output_layer_leaves_the_state_alone():
    whole = batch(readout="mean")
    dropped = model(readout="mean", output_dropout=0.5)(whole)
    plain = model(readout="mean")(whole)
    torch.testing.assert_close(leaves(dropped.state), leaves(plain.state), atol=0, rtol=0)
    zero = dropped.features == 0
    torch.testing.assert_close(dropped.features[~zero], 2 * plain.features[~zero])


def test_a_one_logit_head_on_ten_units_has_11_weights():
    net = Recurrent(partial(RNN, single_bias=True), Vector(100), {}, 1, hidden_size=10, embedding_size=None)
    assert sum(weight.numel() for weight in net.head.parameters()) == 11
    assert sum(weight.numel() for weight in net.parameters()) == 1110 + 11


def test_bf16_autocast_runs_and_keeps_the_state_in_full_precision():
    for readout in READOUTS:
        for fused in (True, False):
            net, whole = model(readout=readout, fused=fused).float(), batch(readout=readout)
            expected = net(whole).logits()
            with torch.autocast("cpu", torch.bfloat16):
                output = net(whole)
                logits = output.logits()
            logits.float().sum().backward()
            torch.testing.assert_close(logits.float(), expected, atol=0.05, rtol=0.05)
            if fused:
                assert {part.dtype for part in leaves(output.state)} <= {torch.float32, torch.int64}

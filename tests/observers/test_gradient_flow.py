import random
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seqnet.attention.scores.dot import Dot
from seqnet.attention.soft import Soft
from seqnet.batch import Batch, Output
from seqnet.cells.gru import GRU
from seqnet.cells.lstm import LSTM
from seqnet.cells.rnn import RNN
from seqnet.models.cnn import CNN
from seqnet.models.encoder_decoder import EncoderDecoder
from seqnet.models.recurrent import Recurrent
from seqnet.observers import gradient_flow
from seqnet.observers.gradient_flow import LayerMemory, look, recurrent_layers
from seqnet.specs import Tokens, Vector
from seqnet.state import HiddenState

CPU = torch.device("cpu")
WORDS = Tokens(tuple("abcdefgh"))
LINEAR = partial(RNN, nonlinearity="linear")
RAGGED = [9, 5, 9, 7]


def squared(output: Output, batch: Batch) -> Tensor:
    """Half the summed squares of what is asked."""
    found, wanted = output.logits(), batch.targets.to(output.features.dtype)
    mask = ~wanted.isnan() & (batch.targets != -100)
    return ((found - wanted)[mask] ** 2).sum() / 2


def model(cell: Any, readout: str = "all", **options: Any) -> Recurrent:
    torch.manual_seed(0)
    given = {"hidden_size": 6, "embedding_size": None, "readout": readout, **options}
    made = Recurrent(cell, Vector(3), {}, 1, **given)
    for parameter in made.parameters():
        if parameter.dim() == 1:
            nn.init.normal_(parameter, std=0.3)
    return made


def batch(readout: str = "all", lengths: list[int] = RAGGED) -> Batch:
    torch.manual_seed(1)
    time, told = max(lengths), torch.tensor(lengths)
    targets = torch.randn((len(lengths), 1) if readout != "all" else (len(lengths), time, 1))
    if readout == "all":
        targets[torch.arange(time) >= told[:, None]] = float("nan")
    return Batch(torch.randn(len(lengths), time, 3), told, targets, readout != "all")


def only(found: list[LayerMemory]) -> LayerMemory:
    (one,) = found
    return one


def powers(net: Recurrent, layer: Any, states: list[np.ndarray], targets: list[np.ndarray], half: slice) -> np.ndarray:
    """The mean over rows of the norm of (W_hh^T)^k times the gradient at lag 0; states: of each row at its step t."""
    weight = layer.cell.weight_hh.detach().double().numpy()
    head, bias = (part.detach().double().numpy() for part in (net.head.weight, net.head.bias))
    steps = max(RAGGED)
    curves = np.full((len(states), steps), np.nan)
    for row, (state, target) in enumerate(zip(states, targets, strict=True)):
        later = head[:, half].T @ (head @ state + bias - target)
        for lag in range(RAGGED[row]):
            curves[row, lag] = np.linalg.norm(later)
            later = weight.T @ later
    there = (~np.isnan(curves)).sum(0)
    return np.nanmean(curves, 0)[2 * there >= len(states)]


@pytest.mark.parametrize("readout", ["all", "last"])
@pytest.mark.parametrize("size", [0.5, 1.0, 1.5])
def test_of_a_linear_recurrence_it_is_the_powers_of_its_matrix(readout: str, size: float) -> None:
    net, window = model(LINEAR, readout), batch(readout)
    with torch.no_grad():
        net.layers.layers[0].cell.weight_hh.mul_(size)
    found = only(look(net, squared, window, None, CPU))
    steps = net(window).features if readout == "all" else None
    ends = net(window).features if steps is None else steps[torch.arange(4), window.lengths - 1]
    asked = window.targets if steps is None else window.targets[torch.arange(4), window.lengths - 1]
    rows = [list(part.detach().double().numpy()) for part in (ends, asked)]
    wanted = powers(net, net.layers.layers[0], *rows, slice(0, 6))
    assert len(wanted) == 9
    np.testing.assert_allclose(found.gradient["hidden"], wanted, rtol=1e-4)
    np.testing.assert_allclose(wanted[1:] / wanted[:-1], size, rtol=0.5)  # an orthogonal one, times that size
    assert found.spectral_radius == pytest.approx(size, rel=1e-5)
    assert (found.name, found.cell, found.windowed, found.missing) == ("layers.0", "RNN", True, [])


@pytest.mark.parametrize("readout", ["all", "last"])
def test_of_two_directions_each_goes_back_the_way_that_it_reads(readout: str) -> None:
    net, window = model(LINEAR, readout, bidirectional=True), batch(readout)
    found = {one.name: one for one in look(net, squared, window, None, CPU)}
    y = net(window).features.detach()
    for name, end, half in (
        ("left_to_right", window.lengths - 1, slice(0, 6)),
        ("right_to_left", torch.zeros(4, dtype=torch.int64), slice(6, 12)),
    ):
        ends = y if readout == "last" else y[torch.arange(4), end]
        asked = window.targets if readout == "last" else window.targets[torch.arange(4), end]
        rows = [list(part.double().numpy()) for part in (ends, asked)]
        wanted = powers(net, getattr(net.layers.layers[0], name), *rows, half)
        np.testing.assert_allclose(found[f"layers.0.{name}"].gradient["hidden"], wanted, rtol=1e-4)


@pytest.mark.parametrize("cell", [RNN, LSTM, GRU])
def test_it_is_the_gradient_that_reaches_the_states_of_each_layer(cell: Any) -> None:
    """Two layers written out as a loop; and from each state of the upper one the fused layer goes on as it would."""
    net, window = model(cell, "last", num_layers=2), batch("last", [7, 7, 7])
    found = look(net, squared, window, None, CPU)
    cells = [layer.cell for layer in net.layers.layers]
    states = [one.initial_state(3) for one in cells]
    passed: list[list[Any]] = [[], []]
    for x in window.inputs.unbind(1):
        for place, one in enumerate(cells):
            x, new = one(x, states[place])
            # Of an LSTM's cell it is what goes on to the next step, beside the hidden state.
            states[place] = new._replace(cell=new.cell.clone()) if cell is LSTM else new
            passed[place].append(states[place])
    total = ((net.head(x) - window.targets) ** 2).sum() / 2
    for place, layer in enumerate(found):
        for part, curve in layer.gradient.items():
            tensors = [getattr(one, part) for one in passed[place]]
            gradients = torch.autograd.grad(total, tensors, retain_graph=True, allow_unused=True)
            wanted = [0.0 if one is None else float(one.norm(dim=1).mean()) for one in gradients[::-1]]
            np.testing.assert_allclose(curve, wanted, rtol=1e-4)
    assert set(found[0].gradient) == ({"hidden", "cell"} if cell is LSTM else {"hidden"})
    for lag in range(1, 7):
        before = net(Batch(window.inputs[:, : 7 - lag], torch.full((3,), 7 - lag), window.targets, True)).state
        leaf = before.layers[1]._replace(hidden=before.layers[1].hidden.detach().requires_grad_())
        rest = Batch(window.inputs[:, 7 - lag :], torch.full((3,), lag), window.targets, True)
        output = net(rest, before._replace(layers=(before.layers[0], leaf)))
        wanted = torch.autograd.grad(squared(output, rest), leaf.hidden)[0].norm(dim=1).mean()
        assert found[1].gradient["hidden"][lag] == pytest.approx(float(wanted), rel=1e-4)


def test_far_lags_of_a_long_window_are_not_run_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    net, window = model(LSTM, num_layers=2), batch(lengths=[9, 9, 3])
    whole = look(net, squared, batch(lengths=[9, 9]), None, CPU)
    monkeypatch.setattr(gradient_flow, "LAGS", 4)
    for long, short in zip(whole, look(net, squared, window, None, CPU), strict=True):
        assert len(short.gradient["hidden"]) == 4 and len(long.gradient["hidden"]) == 9
    exact = look(net, squared, batch(lengths=[9, 9]), None, CPU)
    for long, short in zip(whole, exact, strict=True):
        np.testing.assert_allclose(short.gradient["hidden"], long.gradient["hidden"][:4], rtol=1e-4)
        assert short.saturation.keys() == {"input", "forget", "output"}


def test_a_window_goes_on_from_its_state_and_overlaps(monkeypatch: pytest.MonkeyPatch) -> None:
    net, whole = model(LINEAR), batch(lengths=[9, 9])
    first, second, *_ = whole.windows(5, 2)
    state = net(first).state
    found = only(look(net, squared, second, state, CPU))
    weight = net.layers.layers[0].cell.weight_hh.detach()
    later = (net(second, state).logits() - second.targets)[:, -1].detach() * net.head.weight.detach()
    wanted = [float((later @ torch.linalg.matrix_power(weight, lag)).norm(dim=1).mean()) for lag in range(5)]
    np.testing.assert_allclose(found.gradient["hidden"], wanted, rtol=1e-4)
    assert found.windowed


# ------------------------------------------------------------------------------------------------- other models


@pytest.mark.parametrize("feeding", [False, True])
@pytest.mark.parametrize("lengths", [[6, 6, 6], [6, 4, 6]])
def test_the_two_sides_of_an_encoder_decoder_are_told_apart(feeding: bool, lengths: list[int]) -> None:
    torch.manual_seed(0)
    attention = partial(Soft, score=Dot)
    net = EncoderDecoder(
        GRU, WORDS, 8, WORDS, decoder_cell=LSTM, attention=attention, bidirectional=True, hidden_size=6,
        embedding_size=5, input_feeding=feeding,
    )  # fmt: skip
    words = torch.randint(0, 8, (3, 6))
    told = torch.tensor(lengths)
    targets = words.clone()
    targets[torch.arange(6) >= told[:, None]] = -100
    window = Batch(words, told, targets, source=words, source_lengths=told)  # as many steps on both sides

    def loss(output: Output, window: Batch) -> Tensor:
        return nn.functional.cross_entropy(output.logits().flatten(0, 1), window.targets.flatten(), reduction="sum")

    found = {one.name: one for one in look(net, loss, window, None, CPU)}
    sides = {name: (one.cell, one.windowed) for name, one in found.items()}
    assert sides == {
        "encoder.layers.0.left_to_right": ("GRU", False),
        "encoder.layers.0.right_to_left": ("GRU", False),
        "layers.0": ("LSTM", True),
    }
    assert all(len(one.gradient["hidden"]) == 6 and min(one.gradient["hidden"]) > 0 for one in found.values())


def test_what_has_no_recurrence_has_nothing_to_show() -> None:
    net = CNN(Vector(3), {}, 1, widths=(2,), filters=4, embedding_size=None)
    assert not recurrent_layers(net)
    assert look(net, squared, batch("last"), None, CPU) == []


def test_a_window_that_asks_nothing_has_nothing_to_show() -> None:
    window = batch()
    window.targets.fill_(float("nan"))
    assert look(model(RNN), squared, window, None, CPU) == []


def test_a_source_without_a_step_has_nothing_to_show() -> None:
    net = EncoderDecoder(GRU, WORDS, 8, WORDS, hidden_size=6, embedding_size=5)
    words, none = torch.zeros(2, 4, dtype=torch.int64), torch.zeros(2, dtype=torch.int64)
    window = Batch(words, torch.tensor([4, 4]), words, source=words[:, :0], source_lengths=none)
    found = {one.name: one for one in look(net, lambda output, _: output.logits().sum(), window, None, CPU)}
    assert found["encoder.layers.0"].gradient == {"hidden": []}
    assert found["encoder.layers.0"].half_life is None
    assert len(found["layers.0"].gradient["hidden"]) == 4


# ---------------------------------------------------------------------------------------------- gates and weights


def test_gates_are_told_as_their_biases_say() -> None:
    """Without weights every gate is the sigmoid of its bias."""
    net = model(LSTM)
    cell = net.layers.layers[0].cell
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.zero_()
        input_gate, forget, _, output_gate = cell.bias_ih.chunk(4)
        input_gate.fill_(-5)
        forget.copy_(torch.tensor([0.0, 0.0, 0.0, 0.0, 3.0, 50.0]))
        output_gate[:3] = 5
    found = only(look(net, squared, batch(), None, CPU))
    assert found.saturation == {"input": (1.0, 0.0), "forget": (0.0, pytest.approx(1 / 3)), "output": (0.0, 0.5)}
    assert found.half_life is not None
    assert found.half_life[0] == pytest.approx(1.0)  # sigmoid(0) is a half
    assert 1e6 < found.half_life[1] < 1e7
    assert found.spectral_radius == 0


def test_a_gru_keeps_by_its_update_gate() -> None:
    net = model(GRU)
    with torch.no_grad():
        for parameter in net.layers.layers[0].cell.parameters():
            parameter.zero_()
        net.layers.layers[0].cell.bias_ih[6:12] = 2
    kept = 1 / (1 + np.exp(-2))
    found = only(look(net, squared, batch(), None, CPU))
    assert found.half_life == pytest.approx((np.log(2) / -np.log(kept),) * 2, rel=1e-5)


@pytest.mark.parametrize("cell", [LSTM, GRU])
def test_what_gates_say_is_what_the_step_does(cell: Any) -> None:
    torch.manual_seed(0)
    one = cell(3, 5)
    x, state = torch.randn(2, 3), type(one.initial_state(1))(*(torch.randn(2, 5) for _ in one.initial_state(1)))
    gates, (_, new) = one.gates(x, state), one(x, state)
    content = torch.tanh(
        x @ one.weight_ih.chunk(4 if cell is LSTM else 3)[2].T
        + (1 if cell is LSTM else gates["reset"]) * (state.hidden @ one.recurrent.T)
    )
    if cell is LSTM:
        kept = gates["forget"] * state.cell + gates["input"] * content
        torch.testing.assert_close(new.cell, kept)
        torch.testing.assert_close(new.hidden, gates["output"] * torch.tanh(kept))
    else:
        torch.testing.assert_close(new.hidden, gates["update"] * state.hidden + (1 - gates["update"]) * content)


class Own(nn.Module):
    """A cell of someone's own that tells nothing but its step."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.both = nn.Linear(input_size + hidden_size, hidden_size)

    def initial_state(self, batch_size: int) -> HiddenState:
        return HiddenState(self.both.weight.new_zeros(batch_size, self.hidden_size))

    def forward(self, x: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        hidden = torch.tanh(self.both(torch.cat([x, state.hidden], dim=-1)))
        return hidden, HiddenState(hidden)


class Changed(LSTM):
    """An LSTM whose step is another."""

    def step(self, projected: Tensor, state: Any) -> tuple[Tensor, Any]:
        return super().step(2 * projected, state)


class Nameless(Own):
    """Its state is a tuple."""

    def initial_state(self, batch_size: int) -> Any:
        return (super().initial_state(batch_size).hidden,)

    def forward(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        y, new = super().forward(x, HiddenState(*state))
        return y, tuple(new)


@pytest.mark.parametrize("cell", [Own, Changed, Nameless])
def test_a_cell_of_ones_own_shows_what_it_tells_and_what_it_does_not_is_said(cell: Any) -> None:
    found = only(look(model(cell), squared, batch(), None, CPU))
    missing = ["no saturation and no half-life, as it has no method gates", "no spectral radius, as it has no property"]
    if cell is Nameless:
        missing.insert(0, "no gradient, as its state has no part called hidden")
    assert [said.removesuffix(" recurrent") for said in found.missing] == missing
    assert ("hidden" in found.gradient) == (cell is not Nameless)
    assert (found.saturation, found.half_life, found.spectral_radius) == ({}, None, None)


# ------------------------------------------------------------------------------------------------ nothing is changed


class Drawing(Own):
    """It draws from every generator, and keeps how often it ran."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.register_buffer("ran", torch.zeros(()))

    def forward(self, x: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        self.ran += 1
        y, _ = super().forward(x + random.random() + np.random.rand() + torch.rand(()), state)
        return y, HiddenState(y)


@pytest.mark.parametrize("cell", [LSTM, Drawing])
def test_the_model_stays_as_it_was(cell: Any) -> None:
    net, window = model(cell, num_layers=2, dropout=0.5), batch()
    net.train()
    for parameter in net.parameters():
        parameter.grad = torch.full_like(parameter, 3)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    drawn = torch.get_rng_state(), random.getstate(), str(np.random.get_state())
    assert look(net, squared, window, None, CPU)
    after = torch.get_rng_state(), random.getstate(), str(np.random.get_state())
    assert torch.equal(after[0], drawn[0]) and after[1:] == drawn[1:]
    assert all(module.training for module in net.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert all((parameter.grad == 3).all() for parameter in net.parameters())
    assert not any("forward" in vars(module) for module in net.modules())

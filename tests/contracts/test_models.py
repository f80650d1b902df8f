"""Every model in configs/model, with every cell: windows, single steps and single rows give what the whole gives."""

from types import SimpleNamespace

import pytest
import torch

from seqnet import build, options
from seqnet.batch import Batch, has_target
from seqnet.models.recurrent import Recurrent
from seqnet.specs import Tokens, Vector
from seqnet.state import detach, leaves, map_state, select

WORDS, NUMBERS, CLASSES = Tokens(tuple("abcdefgh")), Vector(4), Tokens(("x", "y", "z"))
RAGGED, TIME = [11, 7, 0, 1, 4, 11], 11
WINDOWS = [(11, 11), (4, None), (4, 2), (5, 1), (10, 7)]
KINDS = {
    "one": {},
    "numbers": {"fused": False, "num_layers": 2, "embedding_size": None},
    "residual": {"num_layers": 2, "residual": True},
    "bidirectional": {"num_layers": 2, "bidirectional": True, "residual": True},
}
FORWARDS = [kind for kind, options in KINDS.items() if not options.get("bidirectional")]


@pytest.fixture(params=options.of(Recurrent)["readout"].choices)
def readout(request):
    return request.param


@pytest.fixture
def made(model, cell, readout, composed):
    """Builds the model of a kind, in double precision."""

    def of(kind):
        config = composed("experiment=blank", f"model={model}", f"cell={cell}")
        chosen = KINDS[kind] | {"readout": readout, "hidden_size": 6, "embedding_size": 5} | KINDS[kind]
        unknown = chosen.keys() - config["model"].keys()
        if unknown:
            pytest.skip(f"model={model} has no {', '.join(sorted(unknown))}")
        config["model"] |= chosen
        spaces = SimpleNamespace(inputs=inputs_of(kind), targets=CLASSES, views={})
        assembly = build.assemble(config, spaces)
        for parameter in assembly.model.parameters():
            torch.nn.init.uniform_(parameter, -0.6, 0.6)
        return assembly.model.double()

    return of


def inputs_of(kind):
    return NUMBERS if kind == "numbers" else WORDS


def batch(kind, readout, lengths=RAGGED):
    size, space = len(lengths), inputs_of(kind)
    inputs = torch.randn(size, TIME, 4).double() if space is NUMBERS else torch.randint(0, 8, (size, TIME))
    row_targets, lengths = readout != "all", torch.tensor(lengths)
    targets = torch.randint(0, 3, (size,) if row_targets else (size, TIME))
    if not row_targets:
        targets[torch.arange(TIME) >= lengths[:, None]] = -100
    return Batch(inputs, lengths, targets, row_targets)


def judged(net, whole, windows, carry=lambda state: state):
    """Logits of what is asked, each in its place, and the state at the end."""
    logits = torch.full((*whole.targets.shape, 3), float("nan")).double()
    state, begin = None, 0
    for window in windows:
        output = net(window, state)
        places, found = has_target(window.targets), output.logits()
        there = logits if whole.row_targets else logits[:, begin : begin + window.time]
        assert there[places].isnan().all(), "asked twice"
        there[places] = found[places]
        state = carry(output.state)
        begin += window.advance
    assert begin == whole.time
    assert not logits[has_target(whole.targets)].isnan().any(), "never asked"
    return logits, state


def same(found, wanted, **tolerance):
    for one, other in zip(leaves(found), leaves(wanted), strict=True):
        torch.testing.assert_close(one, other, **tolerance)


@pytest.mark.parametrize("kind", FORWARDS)
@pytest.mark.parametrize("ragged", [False, True], ids=["whole", "ragged"])
def test_windows_give_what_the_whole_gives(made, kind, readout, ragged):
    net, whole = made(kind), batch(kind, readout, RAGGED if ragged else [TIME] * 3)
    with torch.no_grad():
        expected, final = judged(net, whole, [whole])
        for size, stride in WINDOWS:
            logits, state = judged(net, whole, whole.windows(size, stride), detach)
            torch.testing.assert_close(logits, expected, equal_nan=True)
            same(state, final)


def gradients(net, whole, run):
    net.zero_grad()
    wanted = has_target(whole.targets)
    torch.nn.functional.cross_entropy(run()[wanted], whole.targets[wanted], reduction="sum").backward()
    return [parameter.grad.clone() for parameter in net.parameters()]


@pytest.mark.parametrize("kind", FORWARDS)
def test_a_window_of_the_whole_length_gives_the_gradient_of_full_back_propagation(made, kind, readout):
    """Which is computed here by single steps; and windows whose state keeps its history give it too."""
    net, whole = made(kind), batch(kind, readout, [TIME] * 3)

    def by_steps():
        state, logits = net.initial_state(whole.size), []
        for step in range(TIME):
            found, state = net.step(whole.inputs[:, step], state)
            logits.append(found)
        return logits[-1] if whole.row_targets else torch.stack(logits, dim=1)

    expected = gradients(net, whole, by_steps)
    for size, stride in ((TIME, TIME), (4, 4), (3, 1)):
        found = gradients(net, whole, lambda: judged(net, whole, whole.windows(size, stride))[0])  # noqa: B023
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", FORWARDS)
def test_single_steps_give_what_the_whole_gives(made, kind, readout):
    net, whole = made(kind), batch(kind, readout, [TIME] * 3)
    with torch.no_grad():
        output = net(whole)
        state = net.initial_state(3)
        for step in range(TIME):
            logits, state = net.step(whole.inputs[:, step], state)
            if readout == "all":
                torch.testing.assert_close(logits, output.logits()[:, step])
        torch.testing.assert_close(logits, output.logits() if readout != "all" else output.logits()[:, -1])
        same(state, output.state)


@pytest.mark.parametrize("kind", FORWARDS)
def test_it_uses_the_state_it_is_handed_and_resets_single_rows(made, kind, readout):
    net, whole = made(kind), batch(kind, readout, [TIME] * 3)
    with torch.no_grad():
        state = net(batch(kind, readout, [TIME] * 3)).state
        fresh, carried = net(whole).logits(), net(whole, state).logits()
        assert not torch.isclose(fresh, carried).all(dim=-1).any() or readout == "max"
        assert not torch.allclose(fresh, carried)
        mixed = net(whole, net.reset(state, torch.tensor([False, True, False]))).logits()
    torch.testing.assert_close(mixed, torch.stack([carried[0], fresh[1], carried[2]]))


@pytest.mark.parametrize("kind", KINDS)
def test_padding_and_the_rows_beside_do_not_matter(made, kind, readout):
    net, whole = made(kind), batch(kind, readout)
    garbage = float("nan") if inputs_of(kind) is NUMBERS else 7
    inputs = torch.cat([whole.inputs, whole.inputs[:, :3]], dim=1)
    inputs[torch.arange(TIME + 3) >= whole.lengths[:, None]] = garbage
    targets = whole.targets
    if readout == "all":
        targets = torch.cat([targets, torch.full((len(RAGGED), 3), -100)], dim=1)
    longer = Batch(inputs, whole.lengths, targets, whole.row_targets)
    expected = gradients(net, whole, lambda: net(whole).logits())
    for one, other in zip(gradients(net, longer, lambda: net(longer).logits()), expected, strict=True):
        torch.testing.assert_close(one, other)
    with torch.no_grad():
        output, padded = net(whole), net(longer)
        same(padded.state, output.state)
        for row, length in enumerate(RAGGED):
            there = slice(length) if readout == "all" else slice(None)
            torch.testing.assert_close(padded.logits()[row][there], output.logits()[row][there])
            if not length:
                continue
            alone = net(one_row(whole, row, length))
            torch.testing.assert_close(alone.logits()[0], output.logits()[row][there])
            same(alone.state, select(output.state, torch.tensor([row])))


def one_row(whole, row, length):
    targets = whole.targets[row : row + 1]
    return Batch(
        whole.inputs[row : row + 1, :length],
        whole.lengths[row : row + 1],
        targets if whole.row_targets else targets[:, :length],
        whole.row_targets,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_reach_all_weights_and_its_state_is_batch_first(made, kind, readout):
    net, whole = made(kind), batch(kind, readout)
    gradients(net, whole, lambda: net(whole).logits())
    for name, parameter in net.named_parameters():
        assert parameter.grad.isfinite().all() and parameter.grad.any(), name
    state, first = net(whole).state, net.initial_state(len(RAGGED))
    assert type(state) is type(first)
    assert [part.shape for part in leaves(state)] == [part.shape for part in leaves(first)]
    rows = torch.tensor([1, 1, 0])
    same(select(detach(state), rows), map_state(lambda part: part.detach()[rows], state))

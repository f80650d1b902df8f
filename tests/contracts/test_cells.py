"""Every cell in configs/cell: one step, unrolled, and the fused layer where torch has one, are the same."""

import pytest
import torch

from seqnet import build
from seqnet.checks.contracts import steps
from seqnet.checks.layers import Caught
from seqnet.draws import drawing
from seqnet.layers.layer import Layer
from seqnet.layers.weight_drop import recurrent_weights, weight_dropped
from seqnet.state import leaves, map_state, select, with_leaves

RAGGED = [9, 4, 0, 1, 7]
WIDTH, HIDDEN, TIME = 3, 5, 9


@pytest.fixture
def unit(varied_cell, composed):
    """The cell as it answers, which draws nothing; its weights away from where they begin: zero biases and identities
    hide mistakes."""
    name, options = varied_cell
    made = build.make(composed(f"cell={name}")["cell"] | options, input_size=WIDTH, hidden_size=HIDDEN)
    for parameter in made.parameters():
        torch.nn.init.uniform_(parameter, -0.6, 0.6)
    return made.eval()


def some_state(unit, rows):
    return map_state(lambda zeros: torch.randn_like(zeros) / 2, unit.initial_state(rows))


def lengths_of(ragged):
    return torch.tensor(RAGGED) if ragged else None


def by_hand(unit, *given):
    """Each row on its own, step by step, and nothing else."""
    return steps.by_hand(Caught("", Layer(unit), *given))


def results(unit, run, lengths):
    """Outputs, final state, and gradients with respect to input, first state and weights, of `run`."""
    torch.manual_seed(1)
    x = torch.randn(len(RAGGED), TIME, WIDTH, requires_grad=True)
    state = map_state(lambda part: part.detach().requires_grad_(), some_state(unit, len(RAGGED)))
    y, final = run(x, state, lengths)
    total = sum((part * torch.randn(part.shape)).sum() for part in [y, *leaves(final)])
    gradients = torch.autograd.grad(total, [x, *leaves(state), *unit.parameters()])
    return [y, *leaves(final), *gradients]


@pytest.mark.parametrize("ragged", [False, True], ids=["whole", "ragged"])
@pytest.mark.parametrize("fused", [False, True], ids=["unrolled", "fused"])
def test_the_layer_is_the_step_repeated(unit, fused, ragged):
    layer = Layer(unit, fused)
    lengths = lengths_of(ragged)
    expected = results(unit, lambda *given: by_hand(unit, *given), lengths)
    for found, wanted in zip(results(unit, layer, lengths), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)


def test_its_recurrent_weights_are_dropped_as_they_are_where_it_is_unrolled(unit):
    """And no gradient reaches what is dropped. A cell that has none of them is left as it is."""
    with drawing((1, 2, 3, 4)):
        one = weight_dropped(unit, 0.5)
    with drawing((1, 2, 3, 4)):
        found = results(unit, Layer(unit, weight_dropout=0.5), None)
    for part, wanted in zip(found, results(unit, Layer(one, False), None), strict=True):
        torch.testing.assert_close(part, wanted, rtol=1e-3, atol=1e-4)
    gradients = dict(zip(dict(unit.named_parameters()), found[-len([*unit.parameters()]) :], strict=True))
    for name in recurrent_weights(unit):
        dropped = one._parameters[name] == 0
        assert dropped.any() and not dropped.all()
        assert (gradients[name][dropped] == 0).all() and (gradients[name] != 0).any()


def test_its_state_is_a_named_tuple_batch_first(unit):
    state = unit.initial_state(4)
    _, after = unit(torch.randn(4, WIDTH), state)
    for found in (state, after):
        assert isinstance(found, tuple)
        assert type(found) is type(state)
        assert "hidden" in found._fields or isinstance(type(found).hidden, property)
        assert found.hidden.shape == (4, HIDDEN)
        assert all(part.shape[0] == 4 and part.dtype == torch.float32 for part in leaves(found))
    assert [part.shape for part in leaves(after)] == [part.shape for part in leaves(state)]


@pytest.mark.parametrize("fused", [False, True], ids=["unrolled", "fused"])
def test_it_uses_every_part_of_the_state_it_is_handed(unit, fused):
    """And changes none of it in place."""
    x = torch.randn(2, 3, WIDTH)
    state = some_state(unit, 2)
    kept = [part.clone() for part in leaves(state)]
    layer = Layer(unit, fused)
    y, _ = layer(x, state)
    assert all(torch.equal(part, before) for part, before in zip(leaves(state), kept, strict=True))
    for place in range(len(kept)):
        changed = [part + (place == number) for number, part in enumerate(kept)]
        other, _ = layer(x, with_leaves(state, changed))
        assert not torch.allclose(other[:, 0], y[:, 0])


@pytest.mark.parametrize("fused", [False, True], ids=["unrolled", "fused"])
def test_padding_and_the_rows_beside_do_not_matter(unit, fused):
    layer, lengths = Layer(unit, fused), lengths_of(True)
    x, state = torch.randn(len(RAGGED), TIME, WIDTH), some_state(unit, len(RAGGED))
    y, final = layer(x, state, lengths)
    longer = torch.cat([x, torch.full((len(RAGGED), 4, WIDTH), float("nan"))], dim=1)
    for row, length in enumerate(RAGGED):
        longer[row, length:] = float("nan")
    y_longer, final_longer = layer(longer, state, lengths)
    torch.testing.assert_close(y_longer[:, :TIME], y)
    assert not y_longer[:, TIME:].any()
    for found, wanted in zip(leaves(final_longer), leaves(final), strict=True):
        torch.testing.assert_close(found, wanted)
    for row, length in enumerate(RAGGED):
        if not length:
            continue
        alone, alone_final = layer(x[row : row + 1, :length], select(state, torch.tensor([row])))
        torch.testing.assert_close(alone[0], y[row, :length])
        for found, wanted in zip(leaves(alone_final), leaves(final), strict=True):
            torch.testing.assert_close(found[0], wanted[row])


def test_gradients_reach_all_its_weights(unit):
    y, _ = Layer(unit, fused=False)(torch.randn(4, TIME, WIDTH))
    y.square().sum().backward()
    for name, parameter in unit.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all() and parameter.grad.any(), name

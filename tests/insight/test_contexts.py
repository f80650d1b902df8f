"""A model that is known to use so many steps loses nothing with them, and a window is what a row's end says."""

import pytest
import torch
from torch import Tensor, nn

from seqnet.batch import Batch, Whole
from seqnet.cells.gru import GRU
from seqnet.insight.contexts import Asked, last_steps, losses
from seqnet.insight.memory import by_context
from seqnet.models.recurrent import Recurrent
from seqnet.specs import Axis, Tokens, Vector
from seqnet.state import HiddenState

CPU = torch.device("cpu")
WORDS = Tokens(tuple("abcdef"))


def lose(head, features, targets):
    return nn.functional.cross_entropy(head(features).float(), targets, reduction="none")


class Delay(nn.Module):
    """Keeps its last inputs side by side, the newest first: it knows nothing of what was before."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        self.like = nn.Parameter(torch.zeros(1))

    def initial_state(self, batch_size: int) -> HiddenState:
        return HiddenState(self.like.new_zeros(batch_size, self.hidden_size))

    def forward(self, x: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        kept = torch.cat([x, state.hidden], dim=-1)[:, : self.hidden_size]
        return kept, HiddenState(kept)


def delayed(steps: int, readout: str = "all") -> Recurrent:
    """A model that answers with the word that it read so many steps ago."""
    model = Recurrent(Delay, WORDS, {}, 6, 6 * (steps + 1), embedding_size=None, readout=readout, fused=False).eval()
    nn.init.zeros_(model.head.weight)
    nn.init.zeros_(model.head.bias)
    with torch.no_grad():
        model.head.weight[:, -6:] = 20 * torch.eye(6)
    return model


def periodic(steps: int, rows: int, time: int) -> Batch:
    """Rows in which each word comes back behind so many others: the next one is that of so many steps ago."""
    period = torch.randint(0, 6, (rows, steps + 1))
    words = period.repeat(1, time // (steps + 1) + 2)[:, : time + 1]
    return Batch(words[:, :-1], torch.full((rows,), time), words[:, 1:])


@pytest.mark.parametrize("steps", [1, 3, 6])
def test_a_language_model_that_uses_so_many_tokens_is_found_to_use_them(steps):
    torch.manual_seed(steps)
    model, batch = delayed(steps), periodic(steps, 8, 60)
    rows, places = torch.arange(8).repeat_interleave(5), torch.arange(20, 60, 8).repeat(8)
    asked = [Asked(batch, rows, places, rows)]
    with torch.no_grad():
        full = losses(model, lose, asked, None, CPU)
        found = by_context(lambda k: losses(model, lose, asked, k + 1, CPU), full, rows.numpy(), 0, 40, 0.05)
    assert full.max() < 1e-3 and (found.steps, found.low, found.high) == (steps, steps, steps)


def test_a_row_with_one_answer_is_judged_by_its_last_steps():
    torch.manual_seed(0)
    model, inputs = delayed(2, "last"), torch.randint(0, 6, (5, 9))
    lengths = torch.tensor([9, 3, 7, 9, 5])
    targets = inputs.gather(1, (lengths - 3)[:, None])[:, 0]
    asked = [Asked(Batch(inputs, lengths, targets, True), torch.arange(5), lengths - 1, torch.arange(5))]
    with torch.no_grad():
        short, enough, full = (losses(model, lose, asked, steps, CPU) for steps in (2, 3, None))
    assert short.min() > 1 and enough.max() < 1e-3
    torch.testing.assert_close(enough, full)


def test_more_steps_than_there_are_give_what_all_give():
    torch.manual_seed(0)
    wholes = {"once": Vector(2, axis=Axis.ROW)}
    model = Recurrent(GRU, WORDS, {"numbers": Vector(3)}, 6, 8, wholes=wholes).eval()
    inputs = torch.randint(0, 6, (3, 7))
    batch = Batch(
        inputs,
        torch.tensor([7, 4, 6]),
        inputs.roll(-1, 1),
        views={"numbers": torch.randn(3, 7, 3)},
        wholes={"once": Whole(torch.randn(3, 1, 2), torch.tensor([1, 1, 1]))},
    )
    asked = [Asked(batch, torch.tensor([0, 0, 1, 2]), torch.tensor([6, 2, 3, 5]), torch.arange(4))]
    with torch.no_grad():
        full, all_steps = losses(model, lose, asked, None, CPU), losses(model, lose, asked, 7, CPU)
        few = losses(model, lose, asked, 3, CPU)
    torch.testing.assert_close(full, all_steps)
    assert abs(few - full)[[0, 2, 3]].min() > 1e-5 and few[1] == pytest.approx(full[1], abs=1e-5)

    window = last_steps(batch, torch.tensor([0, 1]), torch.tensor([6, 1]), 4)
    assert window.inputs.tolist() == [inputs[0, 3:].tolist(), [*inputs[1, :2].tolist(), 0, 0]]
    assert window.lengths.tolist() == [4, 2] and window.views["numbers"].shape == (2, 4, 3)
    torch.testing.assert_close(window.wholes["once"].values, batch.wholes["once"].values[:2])

"""Activation regularisation against its two formulas, over windows, and beside a loss that is reported plain."""

from typing import Any

import pytest
import torch
from torch import Tensor

from seqnet.batch import IGNORE, Batch
from seqnet.cells.lstm import LSTM
from seqnet.models.recurrent import Recurrent
from seqnet.objectives.tokens import NextToken
from seqnet.specs import Tokens
from seqnet.tasks.many_to_many import ManyToMany
from seqnet.training.activation import ActivationRegularisation
from seqnet.training.limits import Limits
from seqnet.training.precision import Precision
from seqnet.training.schedule import Constant
from seqnet.training.trainer import Trainer
from tests.conftest import Fixed

SPACE = Tokens(tuple("abcde"))
BOTH = ActivationRegularisation(2.0, 3.0)


def model(**options: Any) -> Recurrent:
    torch.manual_seed(0)
    return Recurrent(LSTM, SPACE, {}, 5, hidden_size=6, embedding_size=4, **options).double()


def batch(lengths: list[int], time: int = 8) -> Batch:
    drawn = torch.Generator().manual_seed(3)
    ends = torch.tensor(lengths)
    asked = torch.arange(time) < ends[:, None]
    targets = torch.randint(5, (len(lengths), time), generator=drawn)
    targets[:, 2] = IGNORE  # nothing is asked there, of nobody
    return Batch(torch.randint(5, targets.shape, generator=drawn), ends, targets.where(asked, IGNORE))


def slow(before: Tensor, after: Tensor, asked: Tensor) -> Tensor:
    """The formulas, number by number."""
    level, change = [], []
    for row, step in asked.nonzero().tolist():
        level.append(after[row, step].square().mean())
        if step:
            change.append((before[row, step] - before[row, step - 1]).square().mean())
    return 2.0 * torch.stack(level).mean() + 3.0 * torch.stack(change).mean()


@pytest.mark.parametrize("lengths", [[8, 3, 0, 1], [8, 8]], ids=["ragged", "full"])
def test_it_is_the_formulas_over_the_steps_that_are_asked(lengths: list[int]) -> None:
    window, net = batch(lengths), model(output_dropout=0.5)
    output = net(window)
    assert output.undropped is not None and not torch.equal(output.undropped, output.features)
    found = BOTH(output, window, BOTH.counts([window]))
    expected = slow(output.undropped, output.features, window.target_mask())
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=0, check_dtype=False)
    net.eval()
    assert torch.equal(net(window).undropped, net(window).features)


class Noting(torch.optim.SGD):
    """Notes the gradients of its first step."""

    def step(self, closure: Any = None) -> None:
        self.seen = [parameter.grad.clone() for parameter in self.param_groups[0]["params"]]
        super().step()


def trained(added: ActivationRegularisation | None, *batches: Batch, **options: Any) -> tuple[float, list[Tensor]]:
    """The loss that is reported of one step, and its gradients."""
    net = model()
    noting = Noting(net.parameters(), lr=0.1)
    trainer = Trainer(
        net,
        ManyToMany(NextToken(SPACE)),
        Fixed(*batches),
        noting,
        Constant(),
        Precision("fp32", torch.device("cpu")),
        Limits(max_steps=1),
        activation=added,
        **options,
    )
    (report,) = trainer.steps()
    assert report is not None
    return report.loss_sum, noting.seen


def test_a_step_of_several_windows_has_the_mean_over_all_of_them_and_reports_the_plain_loss() -> None:
    batches = batch([8, 3, 0, 1]), batch([2, 2, 8, 8])
    loss, found = trained(BOTH, *batches, accumulate=2)
    assert loss == pytest.approx(trained(None, *batches, accumulate=2)[0], abs=0)
    net = model()
    task, outputs = ManyToMany(NextToken(SPACE)), [net(one) for one in batches]
    total = torch.stack([task.loss(*pair) for pair in zip(outputs, batches, strict=True)]).sum()
    before = torch.cat([one.features for one in outputs])
    asked = torch.cat([one.target_mask() for one in batches])
    (total / asked.sum() + slow(before, before, asked)).backward()
    expected = [parameter.grad for parameter in net.parameters()]
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=0)


def test_a_window_in_which_nothing_changes_has_no_change() -> None:
    one = Batch(torch.tensor([[1]]), torch.tensor([1]), torch.tensor([[2]]))
    assert BOTH.counts([one]) == (1, 0)
    output = model()(one)
    torch.testing.assert_close(BOTH(output, one, (1, 0)), 2 * output.features.square().mean(), check_dtype=False)

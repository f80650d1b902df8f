"""How likely a decoder reads its own words: the shapes of the schedule, and that the loop tells the model."""

import math

import pytest
import torch
from torch import nn

from seqnet.batch import Batch, Output
from seqnet.objectives.tokens import NextToken
from seqnet.specs import Tokens
from seqnet.tasks.many_to_many import ManyToMany
from seqnet.training.limits import Limits
from seqnet.training.precision import Precision
from seqnet.training.schedule import Constant, ScheduledSampling
from seqnet.training.trainer import Trainer

SHAPES = ("linear", "exponential", "inverse_sigmoid")


@pytest.mark.parametrize("shape", SHAPES)
def test_it_grows_from_0_to_its_final_value(shape):
    schedule = ScheduledSampling(0.8, shape)
    shares = [schedule.share(done / 20) for done in range(21)]
    assert shares[0] == pytest.approx(0, abs=1e-12) and shares[-1] == pytest.approx(0.8)
    assert all(one < other for one, other in zip(shares, shares[1:], strict=False))


def test_the_shapes_half_way_by_hand():
    assert ScheduledSampling(0.8).share(0.5) == pytest.approx(0.4)
    assert ScheduledSampling(0.8, "inverse_sigmoid").share(0.5) == pytest.approx(0.4)
    # (1 - e^-2.5) / (1 - e^-5): most of it is reached early.
    expected = 0.8 * (1 - math.exp(-2.5)) / (1 - math.exp(-5))
    assert ScheduledSampling(0.8, "exponential").share(0.5) == pytest.approx(expected)
    # The sigmoid is flat at both ends and steep between them.
    sigmoid = ScheduledSampling(1.0, "inverse_sigmoid").share
    assert sigmoid(0.1) < 0.03 and sigmoid(0.9) > 0.97


class Listener(nn.Module):
    """A model that notes with what it was called."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(3))
        self.heard = []

    def forward(self, window, state=None, *more):
        self.heard.append(more)
        return Output(self.weight.expand(*window.inputs.shape, 3), nn.Identity(), None)


class One:
    def batches(self, epoch, start=0):
        ids = torch.zeros(1, 2, dtype=torch.int64)
        yield Batch(ids, torch.tensor([2]), ids)

    def num_batches(self, epoch):
        return 1


@pytest.mark.parametrize("sampling", [None, ScheduledSampling(0.0), ScheduledSampling(0.8)], ids=str)
def test_the_loop_tells_a_decoder_and_nobody_else(sampling):
    model = Listener()
    loop = Trainer(
        model,
        ManyToMany(NextToken(Tokens(tuple("abc")))),
        One(),
        torch.optim.SGD(model.parameters(), lr=0.1),
        Constant(),
        Precision("fp32", torch.device("cpu")),
        Limits(max_steps=4),
        sampling=sampling,
    )
    list(loop.steps())
    if sampling is None or not sampling.final:
        assert model.heard == [()] * 4
    else:
        assert [share for (share,) in model.heard] == pytest.approx([0.0, 0.2, 0.4, 0.6])

"""Weights that have bounds are within them after every step, and others are left alone."""

import torch

from seqnet.batch import Batch
from seqnet.cells.ind_rnn import IndRNN
from seqnet.models.recurrent import Recurrent
from seqnet.objectives.tokens import NextToken
from seqnet.specs import Tokens
from seqnet.tasks.many_to_many import ManyToMany
from seqnet.training.limits import Limits
from seqnet.training.precision import Precision
from seqnet.training.schedule import Constant
from seqnet.training.trainer import Trainer
from tests.conftest import Fixed

SPACE = Tokens(tuple("abcde"))


def test_recurrent_weights_stay_within_their_bound() -> None:
    found = []
    for bound in (0.5, None):
        torch.manual_seed(0)
        model = Recurrent(
            lambda *sizes, bound=bound: IndRNN(*sizes, nonlinearity="tanh", recurrent_max=bound),
            SPACE,
            {},
            5,
            hidden_size=6,
            embedding_size=4,
        )
        ids = torch.randint(5, (3, 13))
        loader = Fixed(Batch(ids[:, :-1], torch.full((3,), 12), ids[:, 1:]))
        optimizer = torch.optim.SGD(model.parameters(), lr=5.0)
        limits, task = Limits(max_steps=4), ManyToMany(NextToken(SPACE))
        (weight,) = (each for name, each in model.named_parameters() if name.endswith("cell.weight_hh"))
        largest = []
        for _ in Trainer(
            model, task, loader, optimizer, Constant(), Precision("fp32", torch.device("cpu")), limits
        ).steps():
            largest.append(float(weight.detach().abs().max()))
        found.append(largest)
    assert max(found[0]) == 0.5
    assert max(found[1]) > 1

"""Dynamic evaluation: each window is scored, then learned from, by the equations of its docstring."""

import copy

import pytest
import torch
from torch import nn

from seqnet.batch import Batch
from seqnet.cells.ind_rnn import IndRNN
from seqnet.cells.lstm import LSTM
from seqnet.models.recurrent import Recurrent
from seqnet.objectives.tokens import NextToken
from seqnet.specs import Tokens
from seqnet.state import detach
from seqnet.tasks.many_to_many import ManyToMany
from seqnet.training.adaptation import Adaptation, gradient_scales, learning
from seqnet.training.evaluation import evaluate
from seqnet.training.precision import Precision
from tests.conftest import Fixed

SPACE = Tokens(tuple("abcde"))
FP32 = Precision("fp32", torch.device("cpu"))
TASK = ManyToMany(NextToken(SPACE))
WINDOW = 4


@pytest.fixture
def network() -> Recurrent:
    torch.manual_seed(0)
    return Recurrent(LSTM, SPACE, {}, 5, hidden_size=6, embedding_size=4, output_dropout=0.5)


@pytest.fixture
def text() -> Batch:
    ids = torch.randint(5, (2, 13), generator=torch.Generator().manual_seed(3))
    return Batch(ids[:, :-1], torch.full((2,), 12), ids[:, 1:], starts=torch.tensor([True, True]))


def scored(network: Recurrent, text: Batch, lr: float, decay: float = 0.0, scales: list[torch.Tensor] | None = None):
    learner = copy.deepcopy(network)
    learn = Adaptation(learner, TASK, FP32, lr, decay, scales)
    return evaluate(learner, TASK, Fixed(text), FP32, WINDOW, learn=learn)[0]


def by_hand(network: Recurrent, text: Batch, lr: float, first: bool) -> float:
    """Its mean loss with torch's own SGD. first: a window is learned from before it is scored, which is wrong."""
    learner = copy.deepcopy(network).eval()
    optimizer = torch.optim.SGD(learner.parameters(), lr)
    total, state = 0.0, None
    for window in text.windows(WINDOW):
        output = learner(window, state)
        loss = nn.functional.cross_entropy(output.logits().flatten(0, 1), window.targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if first:
            loss = nn.functional.cross_entropy(learner(window, state).logits().flatten(0, 1), window.targets.flatten())
        state = detach(output.state)
        total += loss.item() / (text.time / WINDOW)
    return total


def test_each_window_is_scored_before_it_is_learned_from(network: Recurrent, text: Batch) -> None:
    found = scored(network, text, 2.0)["loss"]
    assert found == pytest.approx(by_hand(network, text, 2.0, first=False), rel=1e-5)
    assert found > by_hand(network, text, 2.0, first=True) + 0.01


@pytest.mark.parametrize("rule", ["sgd", "rms"])
def test_a_rate_of_0_scores_what_stands_still_and_no_weight_that_was_given_moves(
    network: Recurrent, text: Batch, rule: str
) -> None:
    before = copy.deepcopy(network.state_dict())
    scales = gradient_scales(network, TASK, Fixed(text), FP32, WINDOW) if rule == "rms" else None
    assert scored(network, text, 0.0, 0.5, scales) == evaluate(network, TASK, Fixed(text), FP32, WINDOW)[0]
    assert scored(network, text, 1.0, 0.5, scales) != scored(network, text, 0.0, 0.5, scales)
    assert network.training and all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_what_gradients_measure_is_their_root_mean_square(network: Recurrent, text: Batch) -> None:
    squares, state = [torch.zeros_like(weight) for weight in network.parameters()], None
    network.eval()
    for window in text.windows(WINDOW):
        output = network(window, state)
        loss = nn.functional.cross_entropy(output.logits().flatten(0, 1), window.targets.flatten())
        for square, gradient in zip(squares, torch.autograd.grad(loss, list(network.parameters())), strict=True):
            square += gradient.square() / 3
        state = detach(output.state)
    for found, square in zip(gradient_scales(network, TASK, Fixed(text), FP32, WINDOW), squares, strict=True):
        torch.testing.assert_close(found, square.sqrt())


def test_bounded_weights_are_brought_back(text: Batch) -> None:
    torch.manual_seed(0)
    learner = Recurrent(IndRNN, SPACE, {}, 5, hidden_size=6, embedding_size=4).eval()
    with torch.no_grad():
        learner.layers.layers[0].cell.weight_hh.fill_(1.0)
    Adaptation(learner, TASK, FP32, 10.0)(next(iter(text.windows(WINDOW))), None)
    u = learner.layers.layers[0].cell.weight_hh
    assert u.abs().max() <= 1 and not (u == 1).all()


def test_a_step_is_that_of_the_equations(network: Recurrent, text: Batch) -> None:
    learner, (window, *_) = copy.deepcopy(network).eval(), text.windows(WINDOW)
    trained = [weight.detach().clone() for weight in learner.parameters()]
    scales = [torch.rand_like(weight) for weight in trained]
    mean = torch.cat([scale.flatten() for scale in scales]).mean()
    learn = Adaptation(learner, TASK, FP32, 0.1, 0.6, scales)
    with torch.no_grad():
        for weight in learning(learner):
            weight += 0.3
    output = learner(window, None)
    loss = nn.functional.cross_entropy(output.logits().flatten(0, 1), window.targets.flatten())
    gradients = torch.autograd.grad(loss, list(learner.parameters()))
    learn(window, None)
    for weight, was, scale, gradient in zip(learner.parameters(), trained, scales, gradients, strict=True):
        back = (0.6 * scale / mean).clamp(max=1) * -0.3
        torch.testing.assert_close(weight, was + 0.3 - 0.1 * gradient / (scale + mean) + back)

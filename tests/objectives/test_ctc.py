"""Connectionist temporal classification beside the sum over all alignments, written out."""

import itertools
import math
from itertools import groupby

import pytest
import torch

from seqnet.errors import ConfigurationError
from seqnet.objectives.ctc import Ctc
from seqnet.specs import Tokens, Vector

LETTERS = Tokens(("a", "b"))


def probability(probabilities, answer, blank=2):
    """p(answer) of [frame classes], alignment by alignment."""
    total = 0.0
    for path in itertools.product(range(blank + 1), repeat=len(probabilities)):
        if [token for token, _ in groupby(path) if token != blank] == answer:
            total += math.prod(probabilities[frame, token].item() for frame, token in enumerate(path))
    return total


@pytest.fixture
def logits():
    return torch.randn(4, 5, 3, generator=torch.Generator().manual_seed(1), requires_grad=True)


def test_it_is_the_sum_over_all_alignments(logits):
    answers = [[0, 1], [1, 1], [], [0]]
    frames = torch.tensor([5, 3, 2, 1])
    targets = torch.full((4, 3), -100)
    for row, answer in enumerate(answers):
        targets[row, : len(answer)] = torch.tensor(answer)
    lengths = torch.tensor([len(answer) for answer in answers])
    found = Ctc(LETTERS).row_losses(logits, frames, targets, lengths)
    for row, answer in enumerate(answers):
        wanted = probability(logits[row, : frames[row]].softmax(-1), answer)
        assert found[row].item() == pytest.approx(-math.log(wanted), rel=1e-5)


def test_an_answer_that_has_no_room_costs_and_teaches_nothing(logits):
    """Two that are alike need a blank between them."""
    targets, lengths = torch.tensor([[0, 0], [0, 1], [0, -100], [-100, -100]]), torch.tensor([2, 2, 1, 0])
    found = Ctc(LETTERS).row_losses(logits, torch.tensor([2, 2, 0, 0]), targets, lengths)
    found.sum().backward()
    assert found[0] == found[2] == found[3] == 0 < found[1]
    assert logits.grad.isfinite().all() and not logits.grad[[0, 2, 3]].any() and logits.grad[1, :2].any()


def test_what_stands_in_padding_does_not_matter(logits):
    frames, lengths = torch.tensor([3, 2, 4, 1]), torch.tensor([2, 1, 2, 1])
    targets = torch.tensor([[0, 1, -100], [1, -100, -100], [0, 1, 0], [1, 1, 1]])
    found = Ctc(LETTERS).row_losses(logits, frames, targets, lengths)
    changed = logits.detach().clone()
    changed[torch.arange(5) >= frames[:, None]] = 30.0
    torch.testing.assert_close(Ctc(LETTERS).row_losses(changed, frames, targets, lengths), found.detach())


def test_it_needs_tokens():
    assert Ctc(LETTERS).out_features == 3 and Ctc(LETTERS).blank == 2
    with pytest.raises(ConfigurationError):
        Ctc(Vector(2))

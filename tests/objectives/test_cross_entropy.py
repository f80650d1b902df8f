import pytest
import torch
import torch.nn.functional as F

from seqnet.objectives import cross_entropy as module
from seqnet.objectives.cross_entropy import cross_entropy

ROWS, CLASSES = 600, 500  # so many that they are given to the compiled function


@pytest.fixture
def logits():
    torch.manual_seed(0)
    return torch.randn(ROWS, CLASSES) * 4


@pytest.fixture
def targets():
    return torch.randint(CLASSES, (ROWS,))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("asked", [True, False])
def test_it_is_torchs_in_double_precision_and_so_is_its_gradient(logits, targets, smoothing, asked):
    if not asked:
        targets[::3] = -100
    weight = torch.randn(ROWS)
    mine, theirs = logits.clone().requires_grad_(), logits.double().requires_grad_()
    found = cross_entropy(mine, targets, smoothing)
    wanted = F.cross_entropy(theirs, targets, reduction="none", label_smoothing=smoothing)
    torch.testing.assert_close(found.double(), wanted, rtol=1e-6, atol=2e-6)
    (gradient,) = torch.autograd.grad(found @ weight, mine)
    (other,) = torch.autograd.grad(wanted @ weight.double(), theirs)
    torch.testing.assert_close(gradient.double(), other, rtol=1e-5, atol=1e-6)


def test_logits_far_apart_are_no_matter(targets):
    logits = torch.full((ROWS, CLASSES), -1e4)
    logits[:, 7] = 1e4
    targets[:], targets[1] = 7, 3
    found = cross_entropy(logits, targets)
    assert found[0] == 0 and found[1] == 2e4 and found.isfinite().all()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_seen_in_the_loss(logits, targets, value):
    logits[3, 5] = value
    assert cross_entropy(logits, targets)[3].isnan() and cross_entropy(logits, targets)[4].isfinite()


def test_a_target_beyond_the_classes_is_an_error(logits, targets):
    targets[5] = CLASSES
    with pytest.raises(IndexError, match="500"):
        cross_entropy(logits, targets)


def test_without_a_compiler_it_is_torchs(logits, targets, monkeypatch):
    monkeypatch.setattr(module, "_library", lambda: None)
    assert torch.equal(
        cross_entropy(logits, targets, 0.1), F.cross_entropy(logits, targets, reduction="none", label_smoothing=0.1)
    )

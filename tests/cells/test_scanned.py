"""Cells that go through a sequence at once, and the sLSTM, learn to keep what was marked some steps before."""

import pytest
import torch
import torch.nn.functional as F

from seqnet import build
from seqnet.cells.scanned import is_scanned
from seqnet.configuration import CONFIGS
from seqnet.layers.layer import Layer
from seqnet.linear import Linear
from tests.conftest import options_of

STEPS, ROWS = 9, 64


def of(name):
    torch.manual_seed(0)
    return build.make(options_of("cell", name), input_size=2, hidden_size=12)


FOUND = [path.stem for path in sorted((CONFIGS / "cell").glob("*.yaml"))]


def marked(draws):
    """Numbers [rows steps 2] of which one in the first third is marked, and whether that is above 0."""
    x = torch.stack([torch.randn(ROWS, STEPS, generator=draws), torch.zeros(ROWS, STEPS)], dim=-1)
    rows, places = torch.arange(ROWS), torch.randint(STEPS // 3, (ROWS,), generator=draws)
    x[rows, places, 1] = 3
    return x, (x[rows, places, 0] > 0).float()


@pytest.mark.parametrize("name", [name for name in FOUND if is_scanned(of(name)) or name == "slstm"])
def test_it_learns_to_keep_what_was_marked(name):
    cell = of(name)
    layer, head, draws = Layer(cell), Linear(12, 1), torch.Generator().manual_seed(0)
    weights = [*layer.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(weights, lr=0.03)
    for _ in range(120):
        x, wanted = marked(draws)
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(head(layer(x)[0][:, -1]).squeeze(1), wanted).backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
    x, wanted = marked(draws)
    with torch.no_grad():
        right = (head(layer(x)[0][:, -1]).squeeze(1) > 0) == wanted.bool()
    assert right.float().mean() > 0.9

"""Every cell in configs/cell learns to say what it read two steps before."""

import math

import pytest
import torch
import torch.nn.functional as F
import yaml
from torch import nn

from seqnet import build
from seqnet.configuration import CONFIGS
from seqnet.layers.layer import Layer

SYMBOLS, BACK, TIME, ROWS, STEPS = 4, 2, 8, 32, 120


@pytest.mark.parametrize("name", sorted(path.stem for path in (CONFIGS / "cell").glob("*.yaml")))
def test_it_learns_to_recall(name):
    torch.manual_seed(0)
    options = yaml.safe_load((CONFIGS / "cell" / f"{name}.yaml").read_text(encoding="utf-8"))
    layer = Layer(build.make(options, input_size=SYMBOLS, hidden_size=24))
    head = nn.Linear(24, SYMBOLS)
    weights = [*layer.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(weights, lr=0.02)
    losses = []
    for _ in range(STEPS):
        read = torch.randint(SYMBOLS, (ROWS, TIME))
        y, _ = layer(F.one_hot(read, SYMBOLS).float())
        loss = F.cross_entropy(head(y[:, BACK:]).flatten(0, 1), read[:, :-BACK].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] > 0.9 * math.log(SYMBOLS)
    assert sum(losses[-10:]) / 10 < 0.8 * math.log(SYMBOLS)  # which is what knows nothing of it

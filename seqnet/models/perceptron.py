"""Hidden layers over one vector a row."""

from collections.abc import Sequence
from typing import Annotated

import torch
from torch import Tensor, nn

from seqnet.layers.dropout import Drop
from seqnet.linear import Linear
from seqnet.options import Option, several, whole

Sizes = Annotated[
    Sequence[int],
    Option("a list of whole numbers from 1 to 100000, such as [300,300]", several(whole(1, 100_000)).accepts),
]


class Perceptron(nn.Module):
    """relu(W x + b), once for each of some sizes, dropout behind it; of no layers the vector as it is, and dropout."""

    def __init__(self, width: int, hidden_sizes: Sequence[int], dropout: float = 0.0) -> None:
        super().__init__()
        widths = [width, *hidden_sizes]
        self.layers = nn.ModuleList(Linear(one, other) for one, other in zip(widths, widths[1:], strict=False))
        self.size = widths[-1]
        self.drops = nn.ModuleList(Drop(dropout) for _ in range(max(1, len(hidden_sizes))))

    def forward(self, x: Tensor) -> Tensor:
        """x: [batch width]; returns [batch size]."""
        for number, drop in enumerate(self.drops):
            x = drop(torch.relu(self.layers[number](x)) if len(self.layers) else x)
        return x


def beside(x: Tensor, summary: Tensor | None) -> Tensor:
    """x [batch width] with what further inputs say, [batch summary], behind it."""
    return x if summary is None else torch.cat([x, summary.to(x.dtype)], dim=-1)

"""Hidden layers over one vector a row."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqnet.linear import Linear


class Perceptron(nn.Module):
    """relu(W x + b), so many times, with dropout before each but the first; of no layers the vector as it is."""

    def __init__(self, width: int, hidden_size: int, num_layers: int, dropout: float = 0.0) -> None:
        super().__init__()
        widths = [width, *[hidden_size] * num_layers]
        self.layers = nn.ModuleList(Linear(one, other) for one, other in zip(widths, widths[1:], strict=False))
        self.size = widths[-1]
        self.dropout = dropout

    def forward(self, x: Tensor) -> Tensor:
        """x: [batch width]; returns [batch size]."""
        for place, layer in enumerate(self.layers):
            if place and self.dropout:
                x = F.dropout(x, self.dropout, self.training)
            x = torch.relu(layer(x))
        return x


def beside(x: Tensor, summary: Tensor | None) -> Tensor:
    """x [batch width] with what further inputs say, [batch summary], behind it."""
    return x if summary is None else torch.cat([x, summary.to(x.dtype)], dim=-1)

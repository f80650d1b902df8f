"""A linear layer's product where no gradient is wanted: by the library that is the sooner."""

import torch
from torch import Tensor, nn

FEW = 4  # rows up to which the weight is read from memory anyway
SMALL = 1_000_000  # multiplications up to which what oneDNN does before it begins is not made good

AVAILABLE = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def product(layer: nn.Module, x: Tensor) -> Tensor:
    """What `layer(x)` is, but for rounding. x: [... feature].

    torch gives nn.Linear to MKL, which takes twice oneDNN's time where the processor is not Intel's. The operator is
    the one that torch's compiler puts in its place; it has no gradient.
    """
    if (
        type(layer) is nn.Linear
        and x.numel() > FEW * layer.in_features
        and x.numel() * layer.out_features > SMALL
        and AVAILABLE
        and x.is_cpu
        and x.dtype == layer.weight.dtype == torch.float32
        and not torch.is_grad_enabled()
        and not torch.is_autocast_enabled("cpu")
    ):
        found: Tensor = torch.ops.mkldnn._linear_pointwise(x, layer.weight, layer.bias, "none", [], "")
        return found
    made: Tensor = layer(x)
    return made

"""How a cell's weights begin, and the check of its named options."""

from typing import Annotated

import torch
from torch import Tensor, nn

from seqnet.errors import ConfigurationError, did_you_mean
from seqnet.options import number, whole

ForgetBias = Annotated[float, number(least=-1000, most=1000)]
"""What the bias of a forget gate begins at."""
Horizon = Annotated[int, whole(2, 1_000_000_000)]
"""Steps that must be bridged."""


def one_of(key: str, value: str, known: tuple[str, ...]) -> str:
    """`value`, if it is among `known`; otherwise raises ConfigurationError naming the key and the nearest."""
    if value not in known:
        raise ConfigurationError(f"{key}={value} is not one of {', '.join(known)}{did_you_mean(value, known)}")
    return value


def sizes(input_size: int, hidden_size: int) -> None:
    """Raises ConfigurationError unless both widths are at least 1."""
    for name, size in (("input_size", input_size), ("hidden_size", hidden_size)):
        if size < 1:
            raise ConfigurationError(f"a cell's {name} must be at least 1, not {size}")


@torch.no_grad()
def recurrent(weight: Tensor, kind: str) -> None:
    """Fill weight [gates*hidden hidden], gate by gate, by `orthogonal`, `uniform` or `identity`.

    orthogonal: Saxe et al. 2014; identity: Le et al. 2015; uniform: within 1/sqrt(hidden), as torch does.
    """
    for gate in weight.split(weight.shape[1]):
        if kind == "orthogonal":
            nn.init.orthogonal_(gate)
        elif kind == "identity":
            nn.init.eye_(gate)
        else:
            uniform(gate, weight.shape[1])


@torch.no_grad()
def uniform(weight: Tensor, hidden_size: float) -> None:
    """Fill weight uniformly within 1/sqrt(hidden_size)."""
    bound = hidden_size**-0.5
    weight.uniform_(-bound, bound)


@torch.no_grad()
def chrono(keeping: Tensor, longest: int) -> None:
    """Fill biases of a gate that keeps what is remembered with log u, u uniform from 1 to longest - 1.

    A gate at sigmoid(log u) forgets in about u steps, so the units remember spans of all lengths up to `longest`
    (Tallec & Ollivier 2018, equation 16).
    """
    keeping.uniform_(1, longest - 1).log_()


def biases(module: nn.Module, size: int, single: bool) -> None:
    """Give `module` bias_ih and bias_hh [size], both 0.

    Where `single`, bias_hh is a buffer of zeros that is neither learnt nor stored, so that the same equations
    and torch's fused functions serve both cases.
    """
    module.bias_ih = nn.Parameter(torch.zeros(size))
    if single:
        module.register_buffer("bias_hh", torch.zeros(size), persistent=False)
    else:
        module.bias_hh = nn.Parameter(torch.zeros(size))

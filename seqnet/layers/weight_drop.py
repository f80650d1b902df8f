"""A cell whose recurrent weights are dropped (Wan et al. 2013, DropConnect; Merity et al. 2018, section 3)."""

import copy

from torch import Tensor, nn

from seqnet.draws import kept
from seqnet.errors import ConfigurationError, did_you_mean

USUAL = "weight_hh"
"""What torch calls the weights that a state is multiplied by, and so do the cells here."""


def recurrent_weights(cell: nn.Module) -> tuple[str, ...]:
    """The names of the parameters that a cell multiplies its state by.

    They are what its class says as `recurrent_weights`, or else those that are called `weight_hh`, also in parts of it.
    """
    said: tuple[str, ...] | None = getattr(cell, "recurrent_weights", None)
    if said is not None:
        return tuple(said)
    return tuple(name for name, _ in cell.named_parameters() if name.rpartition(".")[2] == USUAL)


def weight_dropped(cell: nn.Module, p: float) -> nn.Module:
    """A cell like `cell` with one mask on its recurrent weights: 0 with probability p, else w / (1 - p).

    The cell itself stays as it is; the gradient reaches its weights through the mask, which is drawn for no row.
    """
    own = dict(cell.named_parameters())
    dropped = {}
    for name in recurrent_weights(cell):
        if name not in own:
            raise ConfigurationError(
                f"{type(cell).__name__}.recurrent_weights names '{name}', which is none of its parameters"
                f"{did_you_mean(name, own) or ';'} there are {', '.join(own)}"
            )
        weight = own[name]
        rows = weight.unsqueeze(0) if weight.dim() == 1 else weight
        mask = kept(rows.shape, p, weight.dtype, weight.device, of_rows=False)
        dropped[name] = weight * mask.view_as(weight)
    return with_weights(cell, dropped)


def with_weights(module: nn.Module, weights: dict[str, Tensor]) -> nn.Module:
    """A module like `module`, with tensors in place of its parameters of those names; it shares all else with it."""
    made = copy.copy(module)
    own = {name: tensor for name, tensor in weights.items() if "." not in name}
    made._parameters = {**module._parameters, **own}  # type: ignore[dict-item]
    inner: dict[str, dict[str, Tensor]] = {}
    for name, tensor in weights.items():
        part, dot, rest = name.partition(".")
        if dot:
            inner.setdefault(part, {})[rest] = tensor
    parts = {part: with_weights(module._modules[part], those) for part, those in inner.items()}  # type: ignore[arg-type]
    made._modules = {**module._modules, **parts}
    return made

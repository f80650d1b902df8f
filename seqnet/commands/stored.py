"""A trained run read back from its folder: what evaluate, predict and generate start from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from seqnet import build
from seqnet import trust as trusted
from seqnet.commands.failures import explained
from seqnet.errors import CheckpointError, DataError
from seqnet.training import checkpoint, manifest
from seqnet.training.precision import Precision

NUMBERS = (int, float)
KINDS = ("parameters", "buffers")
NOT_A_RUN = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What goes wrong where a file holds something else than was written: it is no bug."""


@dataclass
class StoredRun:
    """A model with trained weights, and all that is needed to ask it something. read: digests of what it was trained
    and scored on, by split, where it says them.
    """

    config: dict[str, Any]
    assembly: build.Assembly
    precision: Precision
    checkpoint: Path
    step: int
    read: dict[str, Any]


def load(path: Path, name: str, trust: Sequence[str], device: str, precision: str | None = None) -> StoredRun:
    """Build the model of a run folder (its `name`: best, last) or of one checkpoint directory.

    Raises CheckpointError, and ConfigurationError where the configuration names code that is not trusted.
    """
    where = build.device(device)
    found = manifest.find(path, name)
    components = checkpoint.read(found)
    try:
        stored = components["config"] | {"observers": {}}  # which only training tells: none is looked for or imported
        config, step = trusted.checked(stored, trust), int(components["counters"]["step"])
        with explained(config, asked={}):
            build.check_options(config, trust, f"{trusted.SAYS} cannot be right: ")
            source = build.source(config, trust)
            learn_again(source, components, str(found))
            assembly = assembled(config, source, trust, components, str(found))
            load_weights(assembly.model, judged(components), str(found))
            restore_objective(assembly.objective, components, str(found))
            chosen = Precision(precision or config["precision"], where)
            assembly.model.to(where).eval()
    except NOT_A_RUN as error:
        raise CheckpointError(f"{found} does not hold what a run holds: {error!r}") from error
    read = components.get("read")
    return StoredRun(config, assembly, chosen, found, step, read if isinstance(read, dict) else {})


def learn_again(source: Any, components: dict[str, Any], where: str) -> None:
    """Hand a source what it learned when the run began. Raises CheckpointError where it is that of another."""
    try:
        source.restore(components["data"])
    except (DataError, *NOT_A_RUN) as error:
        raise CheckpointError(f"{where} does not hold what this data's reader learned: {error}") from error


def assembled(
    config: dict[str, Any], source: Any, trust: Sequence[str] | None, components: dict[str, Any], where: str
) -> build.Assembly:
    """What the stored configuration describes, built only if the stored weights are those of such a model.

    Numbers in a file would otherwise decide how much memory is taken. Raises CheckpointError.
    """
    try:
        if not build.packages(config):  # classes of the user's own need not know how to be built without memory
            layers, weights = config["model"].get("num_layers", 0), len(components["parameters"])
            if layers > weights:
                raise CheckpointError(f"{where} holds {weights} weights, which are not those of {layers} layers")
            with torch.device("meta"), _NothingToFill():
                fit(build.assemble(config, source, trust).model, components, where)
        return build.assemble(config, source, trust)
    except NOT_A_RUN as error:
        raise CheckpointError(f"{where} does not hold what a model is built from: {error!r}") from error


class _NothingToFill(TorchFunctionMode):
    """Leaves weights without memory as they are: to draw normal ones, torch would import its compiler first."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (nn.init.normal_, Tensor.normal_):
            return args[0] if args else kwargs["tensor"]
        return func(*args, **(kwargs or {}))


def judged(components: dict[str, Any]) -> dict[str, Any]:
    """The components with the weights that are scored and used: their average, where there is one."""
    average = components.get("ema", {})
    return {**components, "parameters": components.get("parameters") if average == {} else average}


def restore_objective(objective: Any, components: dict[str, Any], where: str) -> None:
    """Hand an objective what it has chosen, where it chooses. Raises CheckpointError where that is malformed."""
    if hasattr(objective, "restore"):
        try:
            objective.restore(components.get("objective"))
        except ValueError as error:
            raise CheckpointError(f"{where}: {error}") from error


def load_weights(model: nn.Module, components: dict[str, Any], where: str) -> None:
    """Copy stored parameters and buffers into a model. Raises CheckpointError where they do not fit."""
    fit(model, components, where)
    with torch.no_grad():
        for kind, name, tensor in _tensors(model):
            tensor.copy_(components[kind][name])


def fit(model: nn.Module, components: dict[str, Any], where: str) -> None:
    """Raises CheckpointError where stored parameters and buffers are not those of a model."""
    for kind in KINDS:
        own = {name: tensor for of, name, tensor in _tensors(model) if of == kind}
        stored = components.get(kind)
        if not isinstance(stored, dict):
            raise CheckpointError(f"{where} holds no {kind}")
        if stored.keys() != own.keys():
            differing = sorted(map(str, stored.keys() ^ own.keys()))
            raise CheckpointError(f"the {kind} of {where} are not those of this model: {', '.join(differing[:5])}")
        for name, tensor in own.items():
            if not isinstance(stored[name], Tensor) or stored[name].shape != tensor.shape:
                shape = list(getattr(stored[name], "shape", ()))
                raise CheckpointError(f"{where}: {name} has shape {shape} and this model's has {list(tensor.shape)}")
            if kind == "parameters" and tensor.dtype == stored[name].dtype and not stored[name].isfinite().all():
                raise CheckpointError(f"{where}: {name} holds values that are no finite numbers")
            if stored[name].dtype != tensor.dtype:
                raise CheckpointError(f"{where}: {name} is {stored[name].dtype} and this model's is {tensor.dtype}")


def _tensors(model: nn.Module) -> Iterator[tuple[str, str, Tensor]]:
    for kind, named in zip(KINDS, (model.named_parameters(), model.named_buffers()), strict=True):
        for name, tensor in named:
            yield kind, name, tensor


def check_optimizer(config: dict[str, Any], model: nn.Module, stored: Any) -> None:
    """Raises ValueError where a stored state is not that of the run's optimiser over the model's parameters.

    What it should be is seen from a step over parameters of two values a dimension, since torch takes whatever it is
    given and fails when it is used.
    """
    if not config["optimizer"]["_target_"].startswith("torch.optim."):
        return  # the user's own, and trusted
    moved = [parameter for parameter in model.parameters() if parameter.requires_grad]
    small = nn.ParameterList([torch.zeros([2] * parameter.dim()) for parameter in moved])
    for parameter in small:
        parameter.grad = torch.zeros_like(parameter)
    trial = build.optimizer(config, small)
    trial.step()
    (own,), (theirs,) = trial.param_groups, stored["param_groups"]
    for option in (own.keys() & config["optimizer"].keys()) - theirs.keys():  # a newer torch has more of its own
        raise ValueError(f"the optimiser's {option} is missing")
    for option in own.keys() & theirs.keys():
        if not _alike(own[option], theirs[option]):
            raise ValueError(f"the optimiser's {option} is {theirs[option]!r:.40}")
    for place, (parameter, like) in enumerate(zip(moved, small, strict=True)):
        expected, found = trial.state[like], stored["state"].get(place)
        if found is None:  # it had no gradient yet
            continue
        if not isinstance(found, dict) or found.keys() != expected.keys():
            raise ValueError("the optimiser's state is that of another")
        for name, value in expected.items():
            shape = [size if two == 2 else two for size, two in zip(parameter.shape, value.shape, strict=False)]
            if not _alike(value, found[name]) or list(found[name].shape) != shape:
                raise ValueError(f"the optimiser's {name} is not that of a parameter of shape {list(parameter.shape)}")


def _alike(own: Any, theirs: Any) -> bool:
    return type(own) is type(theirs) or (type(own) in NUMBERS and type(theirs) in NUMBERS)

"""A trained run read back from its folder: what evaluate, predict and generate start from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from seqnet import build
from seqnet.errors import CheckpointError
from seqnet.training import checkpoint
from seqnet.training.precision import Precision


@dataclass
class StoredRun:
    """A model with trained weights, and all that is needed to ask it something."""

    config: dict[str, Any]
    assembly: build.Assembly
    precision: Precision
    checkpoint: Path
    step: int


def load(path: Path, name: str, trust: Sequence[str], device: str, precision: str | None = None) -> StoredRun:
    """Build the model of a run folder (its `name`: best, last) or of one checkpoint directory.

    Raises CheckpointError, and ConfigurationError where the configuration names code that is not trusted.
    """
    where = build.device(device)
    found = checkpoint.find(path, name)
    components = checkpoint.read(found)
    try:
        config, step = components["config"], int(components["counters"]["step"])
        source = build.source(config, trust)
        source.restore(components["data"])
        assembly = build.assemble(config, source, trust)
        load_weights(assembly.model, judged(components), str(found))
        chosen = Precision(precision or config["precision"], where)
    except (KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{found} does not hold what a run holds: {error!r}") from error
    assembly.model.to(where).eval()
    return StoredRun(config, assembly, chosen, found, step)


def judged(components: dict[str, Any]) -> dict[str, Any]:
    """The components with the weights that are scored and used: the moving average, where there is one."""
    return {**components, "parameters": components.get("ema") or components["parameters"]}


def load_weights(model: nn.Module, components: dict[str, Any], where: str) -> None:
    """Copy stored parameters and buffers into a model. Raises CheckpointError where they do not fit."""
    for kind, own in (("parameters", dict(model.named_parameters())), ("buffers", dict(model.named_buffers()))):
        stored = components.get(kind)
        if not isinstance(stored, dict):
            raise CheckpointError(f"{where} holds no {kind}")
        if stored.keys() != own.keys():
            differing = sorted(stored.keys() ^ own.keys())
            raise CheckpointError(f"the {kind} of {where} are not those of this model: {', '.join(differing[:5])}")
        for name, tensor in own.items():
            if stored[name].shape != tensor.shape:
                raise CheckpointError(
                    f"{where}: {name} has shape {list(stored[name].shape)} and this model's has {list(tensor.shape)}"
                )
            with torch.no_grad():
                tensor.copy_(stored[name])

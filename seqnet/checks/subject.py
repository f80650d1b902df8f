"""What is checked: a configuration's parts, and a few small batches that they are tried on."""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from seqnet import build
from seqnet.batch import Batch, Output
from seqnet.build import Assembly
from seqnet.checks.measured import Measured
from seqnet.kinds import Axis
from seqnet.training.constraints import constrained
from seqnet.training.trainer import Trainer

NOISE = 0.4
"""By how much weights are moved from where they begin, over the root of how many are added up: zero biases, identities
and equal gates hide mistakes."""


class Run(Protocol):
    """A run between two steps, as it is saved."""

    def components(self) -> dict[str, Any]: ...
    def restore(self, components: dict[str, Any], where: str) -> None: ...


@dataclass(frozen=True)
class Few:
    """A loader of the same few batches in every epoch."""

    given: Sequence[Batch]

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The batches from number `start` on."""
        return iter(self.given[start:])

    def num_batches(self, epoch: int) -> int:
        """How many there are."""
        return len(self.given)


class Subject:
    """A configuration to be checked, in double precision but for `single`.

    source: that knows its spaces. batches: of rows of different lengths, the first of which is `batch`; `full` are
    its rows without padding. trainer, run: make the loop of an assembly and a loader, and what is saved of it; None =
    a run is not looked at. export: makes the graphs of an assembly, and tells how far each is from it; None = not.
    """

    def __init__(
        self,
        config: dict[str, Any],
        source: Any,
        batches: Sequence[Batch],
        full: Batch,
        trust: Sequence[str] | None = None,
        trainer: Callable[[Assembly, Any], Trainer] | None = None,
        run: Callable[[Assembly, Trainer], Run] | None = None,
        export: Callable[[Assembly], Measured] | None = None,
    ) -> None:
        self.config, self.source, self.trust = config, source, trust
        self.singles = list(batches)
        self.batches = [in_doubles(batch) for batch in batches]
        self.batch, self.full = self.batches[0], in_doubles(full)
        self.trainer, self.run = trainer, run
        self.export = export

    def assembled(self) -> Assembly:
        """The parts, newly built from the seed in the precision that is torch's default."""
        torch.manual_seed(self.config["seed"])
        made = build.assemble(self.config, self.source, self.trust)
        made.model.to(torch.get_default_dtype())
        return made

    @cached_property
    def _assembly(self) -> Assembly:
        return self.assembled()

    def assembly(self, draw: int = 0) -> Assembly:
        """The parts in evaluation, their weights away from where they begin: a copy that nobody else has.

        draw: whereto, from 0 on ever farther.
        """
        # Together: an objective may have weights of its own, which the model holds.
        made = copy.deepcopy(self._assembly, {id(self.source): self.source})
        made.model.eval()
        moved = torch.Generator().manual_seed(self.config["seed"] + draw)
        for weight, direction in directions(made.model, moved):
            wide = weight.shape[-1] if weight.dim() > 1 else 1
            weight.data.add_(direction.to(weight), alpha=NOISE * (1 + draw) / max(1, wide) ** 0.5)
        for module in constrained(made.model):
            module.constrain()
        return made

    def model(self) -> Any:
        """The model of `assembly`."""
        return self.assembly().model

    # ------------------------------------------------------------------ what is known of the parts

    @property
    def features(self) -> Axis:
        """Where the model's features stand."""
        found: Axis = getattr(self._assembly.task, "features", Axis.STEP)
        return found

    @property
    def once_a_row(self) -> bool:
        """Whether they are one vector a row."""
        return self.batch.row_targets

    @property
    def ahead(self) -> str | None:
        """Why the model reads a row to its end before it says anything; None where it goes step by step."""
        model, options = type(self._assembly.model), self.config["model"]
        if self.features is Axis.FRAME:
            return "it hears its answer in a source that is read whole"
        ahead = getattr(model, "ahead", None)
        if ahead is not None and ahead(options):
            if options.get("bidirectional"):
                return "model.bidirectional=true reads each row from its end too"
            return f"{model.__name__} reads each row as a whole"
        return None

    @property
    def whole_rows(self) -> bool:
        """Whether the objective judges rows as a whole, so that they are not cut."""
        return bool(getattr(self._assembly.objective, "whole_rows", False))

    @property
    def uncut(self) -> str | None:
        """Why rows are not cut into windows; None where they may be."""
        if self.ahead is None and self.whole_rows:
            return f"{type(self._assembly.objective).__name__} judges rows as a whole"
        return self.ahead


def in_doubles(batch: Batch) -> Batch:
    """The batch with its numbers in double precision."""
    return batch.map(lambda tensor: tensor.double() if tensor.is_floating_point() else tensor)


def directions(model: nn.Module, random: torch.Generator | None = None) -> list[tuple[nn.Parameter, Tensor]]:
    """Each weight that learns, and numbers from -1 to 1 of its shape; 0 where padding is embedded, which stays so."""
    padding = {
        id(module.weight): module.padding_idx
        for module in model.modules()
        if isinstance(module, nn.Embedding) and module.padding_idx is not None
    }
    found = []
    for weight in model.parameters():
        if weight.requires_grad:
            direction = torch.empty(weight.shape, dtype=torch.float64).uniform_(-1, 1, generator=random)
            if id(weight) in padding:
                direction[padding[id(weight)]] = 0
            found.append((weight, direction))
    return found


def loss_of(parts: Assembly, output: Output, batch: Batch) -> Tensor:
    """The summed loss of what a batch asks."""
    found: Tensor = parts.task.loss(output, batch)
    return found


def gradients(model: nn.Module, total: Tensor) -> list[Tensor]:
    """Of a loss with respect to each weight, 0 where it does not depend on one."""
    moved = [parameter for parameter in model.parameters() if parameter.requires_grad]
    found = torch.autograd.grad(total, moved, allow_unused=True)
    return [torch.zeros_like(weight) if one is None else one for weight, one in zip(moved, found, strict=True)]

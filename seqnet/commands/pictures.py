"""Pictures of what a run answers, by `pictures=FOLDER`: what there is to see of each row, in a file of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from seqnet.batch import Batch, Seen
from seqnet.build import Assembly
from seqnet.commands.attention_maps import attends, attention_maps
from seqnet.commands.forecasting import forecasts
from seqnet.commands.writing import Found
from seqnet.errors import ConfigurationError, DiskError
from seqnet.training.precision import Precision


def of_written(
    assembly: Assembly, precision: Precision, batch: Batch, found: Found, prefix: Sequence[int] = ()
) -> list[list[Seen]]:
    """For each row what was written, as far as there is a picture of it, and where the model looked as it wrote.

    prefix: how all begin.
    """
    several: list[list[Seen]] = [[] for _ in found]
    if (see := getattr(assembly.source, "seen", None)) is not None:
        for row, answer in enumerate(found):
            several[row].append(see(_read(batch, row, prefix), answer if isinstance(answer, Tensor) else answer[0].ids))
    if not isinstance(found, Tensor):
        for row, one in enumerate(attention_maps(assembly, precision, batch, found)):
            if len(one.source) > 1 or not several[row]:  # of one place all of the weight is there
                several[row].append(one)
    return several


def of_predicted(assembly: Assembly, batch: Batch, rows: Sequence[dict[str, Any]]) -> list[list[Seen]]:
    """For each row what there is to see of its prediction."""
    see = getattr(assembly.source, "seen", None)
    if see is None:
        return [[] for _ in rows]
    lengths = batch.lengths.tolist()
    return [[see(batch.inputs[row, : lengths[row]].cpu(), one["prediction"])] for row, one in enumerate(rows)]


def _read(batch: Batch, row: int, prefix: Sequence[int]) -> Tensor | list[int]:
    """The source of a row; where there is none, what it was given to begin with."""
    if batch.source is None or batch.source_lengths is None:
        return [*prefix, *batch.inputs[row, 1 : int(batch.lengths[row])].tolist()]
    return batch.source[row, : int(batch.source_lengths[row])].cpu()


@dataclass(frozen=True)
class Album:
    """A folder of pictures, made. Raises ConfigurationError where it cannot be."""

    name: str

    def __post_init__(self) -> None:
        try:
            Path(self.name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(f"pictures={self.name} cannot be made: {error.strerror}") from error

    def add(self, name: str, several: Sequence[Seen]) -> None:
        """Write what there is to see of one answer. Raises DiskError."""
        from seqnet.observers import pictures

        path = Path(self.name) / f"{name}.png"
        try:
            pictures.save(path, several)
        except OSError as error:
            raise DiskError(f"{path} cannot be written: {error.strerror}; free some space") from error

    def add_rows(self, places: Sequence[int], several: Sequence[Sequence[Seen]]) -> None:
        """Write 0001.png and so on, by the place of each row, counted from 0. Raises DiskError."""
        for place, seen in zip(places, several, strict=True):
            if seen:
                self.add(f"{place + 1:04}", seen)


def album(name: str | None, assembly: Assembly) -> Album | None:
    """The folder that is asked for. Raises ConfigurationError where there is nothing to see of the run's answers."""
    if name is None:
        return None
    drawn = getattr(assembly.source, "seen", None) is not None
    ahead = forecasts(assembly.source) and hasattr(assembly.objective, "forecast")
    if not (drawn or ahead or attends(assembly)):
        raise ConfigurationError(
            f"pictures={name}: this run's answers are neither a forecast nor notes, a tree or a drawing, and it looks "
            "back at nothing, so there is nothing to draw: leave it out"
        )
    return Album(name)

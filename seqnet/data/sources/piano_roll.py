"""Piano rolls: at each step the set of notes that sound, read from the JSON of the JSB chorales and any like it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import torch
from torch import Tensor

from seqnet.batch import Batch
from seqnet.data.examples import Examples, Ragged
from seqnet.data.files import OnBadRow
from seqnet.data.generation import Unlearned, at_least
from seqnet.data.keyboard import HIGHEST, KEYS, LOWEST, Piece, Pieces, draw_moves, piece, show_piece
from seqnet.data.numbers import read_rows, unasked_steps
from seqnet.kinds import NEXT, Axis, Item, Kind
from seqnet.options import FilePath, whole
from seqnet.spaces import Space, Vector


class PianoRoll(Unlearned):
    """Which notes sound next? One JSON file: lists of sequences of steps, each the list of its MIDI notes, 21 to 108.

    inputs: [time - 1, 88] of 0 and 1; targets: [time - 1, 88], the notes of the step after. A step without
    notes is a rest. transpose: in training, move each row by -n to n semitones at random; a row that would
    fall off the keyboard stays as it is. path, on_bad_row: see Pieces.
    """

    input_kinds = {"inputs": Kind(Item.LABELS, Axis.STEP)}
    target_kind = Kind(Item.LABELS, Axis.STEP, frozenset({NEXT}))
    inputs = targets = Vector(KEYS, tuple(str(note) for note in range(LOWEST, HIGHEST + 1)))

    def __init__(
        self,
        data_dir: str | Path,
        path: FilePath | None = None,
        transpose: Annotated[int, whole(0, KEYS - 1)] = 0,
        on_bad_row: OnBadRow = "raise",
    ) -> None:
        at_least("data.transpose", transpose, 0)
        self.pieces = Pieces(data_dir, path, on_bad_row)
        self.transpose = transpose
        self.views: dict[str, Space] = {}

    @property
    def bad_rows(self) -> int:
        """How many sequences were left out."""
        return self.pieces.bad_rows

    def fit(self) -> None:
        """Read and check the file. Raises DataError."""
        self.pieces.split("train")

    def split(self, name: str) -> Examples:
        """The sequences of `train`, `valid` or `test`. Raises DataError."""
        rolls = [roll(each) for each in self.pieces.split(name)]
        augment = Transpose(self.transpose) if name == "train" and self.transpose else None
        return Examples(
            Ragged.of([roll[:-1] for roll in rolls]), Ragged.of([roll[1:] for roll in rolls]), augment=augment
        )

    def read_inputs(self, lines: Iterable[str], where: str, first: int = 1) -> Examples:
        """Each line a list of steps, each the list of its notes. Raises DataError."""
        read = read_rows(lines, where, first, lambda value, at: roll(piece(value, at)), torch.zeros(0, KEYS))
        return unasked_steps(read, KEYS)

    def show(self, inputs: Tensor) -> str:
        """The notes by name, `C4+E4+G4`, a rest as `-`; the first 12 steps. inputs: [time 88]."""
        return show_piece([[LOWEST + key for key in step.nonzero()[:, 0].tolist()] for step in inputs])


@dataclass(frozen=True)
class Transpose:
    """Moves each row of a batch by a number of semitones from -most to most, where all its notes stay on the piano."""

    most: int

    def __call__(self, batch: Batch, random: torch.Generator) -> Batch:
        """The batch moved, inputs and targets alike. inputs and targets: [batch time 88], targets NaN in padding."""
        used = (batch.inputs > 0).any(1) | (batch.targets > 0).any(1)
        keys = torch.arange(KEYS)
        lowest, highest = torch.where(used, keys, KEYS).amin(1), torch.where(used, keys, -1).amax(1)
        moves = draw_moves(lowest, highest, self.most, random)
        # Where a row moves, only zeros (or padding's NaN) wrap around the ends.
        places = (keys - moves[:, None]).remainder(KEYS)[:, None].expand(batch.inputs.shape)
        return replace(batch, inputs=batch.inputs.gather(2, places), targets=batch.targets.gather(2, places))


def roll(notes: Piece) -> Tensor:
    """A piece as 0 and 1, [time 88]."""
    made = torch.zeros(len(notes), KEYS)
    for place, step in enumerate(notes):
        made[place, [note - LOWEST for note in step]] = 1.0
    return made

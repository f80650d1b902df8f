"""The notes that sound at each step."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch

from seqnet.batch import Batch, Roll
from seqnet.data.fields.field import Augment, Block, Raw
from seqnet.data.fields.options import at_least
from seqnet.data.fields.raw import Unusable, each, told
from seqnet.data.pitches import HIGHEST, LOWEST, draw_moves, show_piece, step_name
from seqnet.errors import ConfigurationError, DataError
from seqnet.kinds import Axis, Item, Kind
from seqnet.specs import Vector

LAST = 127  # of MIDI's notes


class RollField:
    """A piece a row: a list of steps, each the list of its MIDI notes; a step without notes is a rest.

    lowest, highest: notes that are known, from 0 to 127; a piece with another is a bad row. transpose: in training,
    each piece is moved by -n to n semitones at random, unless it would leave these notes. It learns nothing. Raises
    ConfigurationError.
    """

    opens_files: ClassVar[bool] = False

    def __init__(self, lowest: int = LOWEST, highest: int = HIGHEST, transpose: int = 0) -> None:
        if not 0 <= lowest <= highest <= LAST:
            raise ConfigurationError(
                f"data.fields.*.lowest and highest are {lowest} and {highest}; they must be MIDI notes from 0 to "
                f"{LAST}, the lowest first"
            )
        at_least("transpose", transpose, 0)
        self._lowest, self._highest = lowest, highest
        self.augment: Augment | None = Transpose(transpose, highest - lowest + 1) if transpose else None

    @property
    def kind(self) -> Kind:
        """Notes a step."""
        return Kind(Item.LABELS, Axis.STEP)

    def observe(self, values: Sequence[Raw]) -> None:
        """Look whether they can be read. Raises BadValues."""
        each(values, self._piece)

    def learned(self) -> Vector:
        """A number a note."""
        notes = range(self._lowest, self._highest + 1)
        return Vector(len(notes), tuple(map(str, notes)))

    def _piece(self, value: Raw) -> list[list[int]]:
        if isinstance(value, np.ndarray):
            value = value.tolist()
        if not isinstance(value, list | tuple) or not value:
            raise Unusable("the piece is missing" if value is None else f"{told(value)} is not a list of steps")
        return [self._notes(step, place) for place, step in enumerate(value, 1)]

    def _notes(self, value: Raw, place: int) -> list[int]:
        if isinstance(value, np.ndarray):
            value = value.tolist()
        if not isinstance(value, list | tuple):
            raise Unusable(f"step {place}: {told(value)} is not a list of notes")
        for note in value:
            if isinstance(note, bool) or not isinstance(note, int | float) or note != note // 1:
                raise Unusable(f"step {place}: {told(note)} is not a MIDI note, which is a whole number")
            if not self._lowest <= note <= self._highest:
                raise Unusable(f"step {place}: {told(note)} is outside {self._lowest} to {self._highest}")
        return [int(note) - self._lowest for note in value]

    def encode(self, values: Sequence[Raw]) -> Block:
        """1 for each note that sounds, [total notes] uint8. Raises BadValues."""
        pieces = each(values, self._piece)
        lengths = np.fromiter(map(len, pieces), np.int64, len(pieces))
        flat = np.zeros((int(lengths.sum()), self._highest - self._lowest + 1), np.uint8)
        for place, notes in enumerate(step for piece in pieces for step in piece):
            flat[place, notes] = 1
        return Block(flat, lengths)

    def decode(self, entry: Any) -> list[Any]:
        """The notes of a step [notes], or of each of a row [steps notes]."""
        there = np.asarray(entry)
        if there.ndim > 1:
            return [self.decode(step) for step in there]
        return [self._lowest + int(key) for key in there.nonzero()[0]]

    def show(self, entry: Any) -> str:
        """The notes of the first steps by name, `C4+E4+G4`, a rest as `-`. entry: [steps notes]."""
        return show_piece(self.decode(np.atleast_2d(entry)))

    def notes(self, entry: Any) -> list[list[int]]:
        """The MIDI numbers of each step. entry: [steps notes]."""
        return self.decode(np.atleast_2d(entry))

    def text(self, entry: Any) -> str:
        """The notes of each step by name. entry: [steps notes]."""
        return " ".join(map(step_name, self.notes(entry)))

    def seen(self, read: Sequence[Sequence[int]], answer: Sequence[Sequence[str]]) -> Roll:
        """What there is to see of the notes answered at each step; of a piece that is read, those that follow it."""
        answered = [[int(note) for note in step] for step in answer]
        return Roll([list(step) for step in read], answered, begin=1 if read else 0)

    def state(self) -> None:
        """Nothing is learned."""

    def restore(self, state: Any) -> None:
        """Take nothing back. Raises DataError where there is something."""
        if state is not None:
            raise DataError("the stored data state holds something for a field of notes, which learns nothing")


@dataclass(frozen=True)
class Transpose:
    """Moves each row of a batch by a number of semitones from -most to most, where all its notes stay in the range."""

    most: int
    notes: int

    def __call__(self, batch: Batch, random: torch.Generator) -> Batch:
        """The batch moved, inputs and targets alike: both [batch time notes], targets NaN where nothing is asked."""
        used = (batch.inputs > 0).any(1) | (batch.targets > 0).any(1)
        keys = torch.arange(self.notes)
        lowest, highest = torch.where(used, keys, self.notes).amin(1), torch.where(used, keys, -1).amax(1)
        moves = draw_moves(lowest, highest, self.most, random, self.notes)
        # Where a row moves, only zeros (or padding's NaN) wrap around the ends.
        places = (keys - moves[:, None]).remainder(self.notes)[:, None].expand(batch.inputs.shape)
        return replace(batch, inputs=batch.inputs.gather(2, places), targets=batch.targets.gather(2, places))

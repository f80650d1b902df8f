"""Chorales from nothing: a piece is one sequence of notes and bars between steps, read from the chorales' JSON."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import torch
from torch import Tensor

from seqnet.batch import Batch, Roll
from seqnet.data.examples import Examples, Ragged
from seqnet.data.files import OnBadRow
from seqnet.data.generation import at_least
from seqnet.data.numbers import brief, steps_without_targets
from seqnet.data.pitches import (
    HIGHEST,
    KEYS,
    LOWEST,
    REST,
    Piece,
    Pieces,
    draw_moves,
    note_name,
    show_piece,
    step_name,
)
from seqnet.data.teacher_forcing import LONGEST_TARGET, strip_special, teacher_forcing, with_ends, writing
from seqnet.errors import DataError, did_you_mean
from seqnet.kinds import ENDS, Axis, Item, Kind
from seqnet.options import FilePath, whole
from seqnet.specs import Spec, Tokens

NAMES = tuple(note_name(note) for note in range(LOWEST, HIGHEST + 1))
NEXT = "|"  # ends a step
NEXT_STEP = KEYS  # its id; a note's is its key


class Chorales:
    """Write a piece, told nothing: at each step its notes from the highest to the lowest, then `|`.

    The pieces are those of PianoRoll: one JSON file of lists of MIDI notes, 21 to 108. transpose: in training, move
    each piece by -n to n semitones at random; one that would fall off the keyboard stays as it is. path, on_bad_row:
    see Pieces. What text says of a piece are its steps, `C4+E4+G4`, apart by spaces; a rest is `-`.
    """

    input_kinds: Mapping[str, Kind] = {}
    target_kind = Kind(Item.TOKEN, Axis.SEQUENCE, frozenset({ENDS}))
    source: Spec | None = None
    inputs: Tokens = with_ends((*NAMES, NEXT))
    targets = inputs

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
        self.views: dict[str, Spec] = {}
        self.writing = writing(self.targets, longest=1)

    @property
    def bad_rows(self) -> int:
        """How many pieces were left out."""
        return self.pieces.bad_rows

    def fit(self) -> None:
        """Read the file, and learn how long a piece may be. Raises DataError."""
        longest = max(len(encode(piece)) for piece in self.pieces.split("train"))
        self.writing = replace(self.writing, longest=longest + 1)

    def state(self) -> dict[str, Any]:
        """Tokens of the longest piece of training, its end included."""
        return {"longest": self.writing.longest}

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`. Raises DataError where it is malformed."""
        longest = state.get("longest") if isinstance(state, dict) and len(state) == 1 else None
        if not isinstance(longest, int) or not 1 <= longest <= LONGEST_TARGET:
            raise DataError("the stored data state is not that of chorales: it does not say how long the longest is")
        self.writing = replace(self.writing, longest=longest)

    def split(self, name: str) -> Examples:
        """The pieces of `train`, `valid` or `test`. Raises DataError."""
        found = teacher_forcing(
            None, Ragged.of([torch.tensor(encode(piece)) for piece in self.pieces.split(name)]), self.writing
        )
        return replace(found, augment=Transpose(self.transpose)) if name == "train" and self.transpose else found

    def read_inputs(self, lines: Iterable[str], where: str, first: int = 1) -> Examples:
        """Each line the beginning of a piece, `C4+E4+G4 D4+F4`, as read after the beginning; nothing is asked."""
        rows = []
        for number, line in enumerate(lines, first):
            try:
                ids = self.encode_target(line)
            except DataError as error:
                raise DataError(f"{where}, line {number}: {error}") from error
            if not ids:
                raise DataError(f"{where}, line {number}: the line is empty; give steps such as C4+E4+G4")
            rows.append(torch.tensor([self.writing.begin, *ids]))
        none = Ragged(torch.zeros(0, dtype=torch.int64), torch.zeros(1, dtype=torch.int64))
        return steps_without_targets(Ragged.of(rows) if rows else none)

    def notes(self, ids: Sequence[int] | Tensor) -> Piece:
        """The MIDI numbers of each step, from the lowest, up to the first end; a last step may lack its `|`."""
        found: Piece = [[]]
        for number in strip_special(ids, self.writing):
            if number == NEXT_STEP:
                found.append([])
            else:
                found[-1].append(number + LOWEST)
        return [sorted(set(step)) for step in (found if found[-1] else found[:-1])]

    def seen(self, read: Sequence[int], answer: Sequence[int]) -> Roll:
        """What there is to see of a piece: how it begins, as it was read, and how it goes on."""
        given, whole = self.notes(read), self.notes(answer)
        return Roll(given, whole[len(given) :], len(given))

    def text(self, ids: Sequence[int] | Tensor) -> str:
        """The steps up to the first end, `C4+E4+G4 D4+F4`; a rest is `-`."""
        return " ".join(map(step_name, self.notes(ids)))

    def words(self, ids: Sequence[int] | Tensor) -> list[str]:
        """Each target token by itself, as the label of an axis."""
        return [self.targets.names[int(number)] for number in ids]

    def encode_target(self, text: str) -> list[int]:
        """The ids of whole steps, `C4+E4+G4 D4+F4`: a piece or its beginning. Raises DataError for what is no note."""
        return encode([[] if step == REST else [_note(name) for name in step.split("+")] for step in text.split()])

    def show(self, row: Tensor) -> str:
        """The first steps of a piece by name. row: inputs [time]."""
        return show_piece(self.notes(row))


@dataclass(frozen=True)
class Transpose:
    """Moves each row of a batch by a number of semitones from -most to most, where all its notes stay on the piano."""

    most: int

    def __call__(self, batch: Batch, random: torch.Generator) -> Batch:
        """The batch moved, inputs and targets alike. inputs and targets: [batch time]."""
        asked = (batch.targets >= 0) & (batch.targets < KEYS)
        lowest = torch.where(asked, batch.targets, KEYS).amin(1)
        highest = torch.where(asked, batch.targets, -1).amax(1)
        moves = draw_moves(lowest, highest, self.most, random)[:, None]
        inside = torch.arange(batch.time) < batch.lengths[:, None]
        read = inside & (batch.inputs < KEYS)
        return replace(batch, inputs=batch.inputs + moves * read, targets=batch.targets + moves * asked)


def encode(piece: Piece) -> list[int]:
    """The ids of a piece, without beginning and end."""
    return [number for step in piece for number in (*(note - LOWEST for note in sorted(set(step))[::-1]), NEXT_STEP)]


def _note(name: str) -> int:
    if name not in NAMES:
        hint = did_you_mean(name, NAMES)
        raise DataError(f"{brief(name)} is not a note from {NAMES[0]} to {NAMES[-1]}, such as C4 or F#3{hint}")
    return LOWEST + NAMES.index(name)

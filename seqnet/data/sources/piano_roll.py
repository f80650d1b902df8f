"""Piano rolls: at each step the set of notes that sound, read from the JSON of the JSB chorales and any like it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seqnet.batch import Batch
from seqnet.data.examples import Examples, Ragged
from seqnet.data.generation import SPLITS, at_least, nothing_read
from seqnet.data.numbers import brief, read_json, read_rows, steps, unasked_steps, whole
from seqnet.errors import ConfigurationError, DataError
from seqnet.spaces import Space, Vector

LOWEST, HIGHEST = 21, 108  # MIDI numbers of a piano's first and last key
KEYS = HIGHEST - LOWEST + 1
NOTES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
WHAT_GOES_THERE = (
    "put jsb-chorales-quarter.json of github.com/czhuang/JSB-Chorales-dataset there, or name a JSON file "
    'of MIDI notes, {"train": [[[60, 64, 67], ...], ...], "valid": ..., "test": ...}, with data.path='
)


class PianoRoll:
    """Which notes sound next? One JSON file: lists of sequences of steps, each the list of its MIDI notes, 21 to 108.

    inputs: [time - 1, 88] of 0 and 1; targets: [time - 1, 88], the notes of the step after. A step without
    notes is a rest. transpose: in training, move each row by -n to n semitones at random; a row that would
    fall off the keyboard stays as it is. path: the file, or a folder that holds exactly one .json.
    """

    inputs = targets = Vector(KEYS, tuple(str(note) for note in range(LOWEST, HIGHEST + 1)))

    def __init__(
        self, data_dir: str | Path, path: str | Path | None = None, transpose: int = 0, on_bad_row: str = "raise"
    ) -> None:
        at_least("data.transpose", transpose, 0)
        if on_bad_row not in ("raise", "skip"):
            raise ConfigurationError(f"data.on_bad_row must be raise or skip, not '{on_bad_row}'")
        self.path = Path(data_dir) / "jsb_chorales" if path is None else Path(path)
        self.transpose = transpose
        self.skip = on_bad_row == "skip"
        self.views: dict[str, Space] = {}
        self.bad_rows = 0
        self._rolls: dict[str, list[Tensor]] | None = None

    def fit(self) -> None:
        """Read and check the file. Raises DataError."""
        self._read()

    def state(self) -> dict[str, Any]:
        """Nothing learned: a piano always has 88 keys."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Take nothing back. Raises DataError where there is something."""
        nothing_read(state)

    def split(self, name: str) -> Examples:
        """The sequences of `train`, `valid` or `test`. Raises DataError."""
        rolls = self._read()[name]
        augment = Transpose(self.transpose) if name == "train" and self.transpose else None
        return Examples(
            Ragged.of([roll[:-1] for roll in rolls]), Ragged.of([roll[1:] for roll in rolls]), augment=augment
        )

    def _read(self) -> dict[str, list[Tensor]]:
        """The rolls of all splits, read once."""
        if self._rolls is None:
            path = the_json(self.path)
            try:
                text = path.read_text(encoding="utf-8-sig")
            except UnicodeDecodeError as error:
                raise DataError(f"{path}: not UTF-8 text at byte {error.start}") from error
            except OSError as error:
                raise DataError(f"{path}: cannot be read ({error.strerror})") from error
            content = read_json(text, str(path))
            self._rolls = {name: self._split(content, name, path) for name in SPLITS}
        return self._rolls

    def _split(self, content: Any, name: str, path: Path) -> list[Tensor]:
        if not isinstance(content, dict) or not isinstance(content.get(name), list):
            raise DataError(
                f'{path}: no list of sequences under "{name}"; there must be one for each of train, valid, test'
            )
        rolls = []
        for number, sequence in enumerate(content[name], 1):
            where = f"{path}, {name} sequence {number}"
            try:
                made = roll(sequence, where)
                if len(made) < 2:
                    raise DataError(f"{where}: one step only, so there is nothing to predict")
            except DataError:
                if not self.skip:
                    raise
                self.bad_rows += 1
            else:
                rolls.append(made)
        if not rolls:
            raise DataError(f'{path}: no usable sequence under "{name}"')
        return rolls

    def read_inputs(self, lines: Iterable[str], where: str, first: int = 1) -> Examples:
        """Each line a list of steps, each the list of its notes. Raises DataError."""
        return unasked_steps(read_rows(lines, where, first, roll, torch.zeros(0, KEYS)), KEYS)

    def show(self, inputs: Tensor) -> str:
        """The notes by name, `C4+E4+G4`, a rest as `-`; the first 12 steps. inputs: [time 88]."""
        shown = [
            "+".join(note_name(LOWEST + key) for key in step.nonzero()[:, 0].tolist()) or "-" for step in inputs[:12]
        ]
        return " ".join(shown) + (f" ... ({len(inputs)} steps)" if len(inputs) > 12 else "")


@dataclass(frozen=True)
class Transpose:
    """Moves each row of a batch by a number of semitones from -most to most, where all its notes stay on the piano."""

    most: int

    def __call__(self, batch: Batch, random: torch.Generator) -> Batch:
        """The batch moved, inputs and targets alike. inputs and targets: [batch time 88], targets NaN in padding."""
        moves = torch.randint(-self.most, self.most + 1, (batch.size,), generator=random)
        used = (batch.inputs > 0).any(1) | (batch.targets > 0).any(1)
        keys = torch.arange(KEYS)
        lowest = torch.where(used, keys, KEYS).amin(1)
        highest = torch.where(used, keys, -1).amax(1)
        # A row without any note stays too; where a row moves, only zeros (or padding's NaN) wrap around the ends.
        moves = moves * ((lowest + moves >= 0) & (highest + moves < KEYS) & used.any(1))
        places = (keys - moves[:, None]).remainder(KEYS)[:, None].expand(batch.inputs.shape)
        return replace(batch, inputs=batch.inputs.gather(2, places), targets=batch.targets.gather(2, places))


def the_json(path: Path) -> Path:
    """`path` itself, or the one .json of the folder `path`. Raises DataError."""
    if not path.exists():
        raise DataError(f"{path} does not exist: {WHAT_GOES_THERE}")
    if not path.is_dir():
        return path
    found = sorted(path.glob("*.json"))
    if not found:
        raise DataError(f"{path} holds no .json file: {WHAT_GOES_THERE}")
    if len(found) > 1:
        names = ", ".join(file.name for file in found)
        raise DataError(f"{path} holds more than one .json file ({names}); name the one you mean with data.path=")
    return found[0]


def roll(value: Any, where: str) -> Tensor:
    """One sequence as 0 and 1, [time 88]. Raises DataError naming the step."""
    listed = steps(value, where)
    made = torch.zeros(len(listed), KEYS)
    for place, notes in enumerate(listed):
        at = f"{where}, step {place + 1}"
        if not isinstance(notes, list):
            raise DataError(f"{at}: {brief(notes)} is not a list of notes")
        made[place, [whole(note, LOWEST, HIGHEST, at) - LOWEST for note in notes]] = 1.0
    return made


def note_name(note: int) -> str:
    """60 is C4."""
    return f"{NOTES[note % 12]}{note // 12 - 1}"

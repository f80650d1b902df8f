"""What the sources of music share: a piano's keys, and the JSON of pieces, each a list of steps of notes."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seqnet.data.files import opened, reading
from seqnet.data.generation import SPLITS
from seqnet.data.numbers import brief, read_json, steps, whole
from seqnet.errors import ConfigurationError, DataError, MissingData

LOWEST, HIGHEST = 21, 108  # MIDI numbers of a piano's first and last key
KEYS = HIGHEST - LOWEST + 1
NOTES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
REST = "-"
WHAT_GOES_THERE = (
    "put jsb-chorales-quarter.json of github.com/czhuang/JSB-Chorales-dataset there, or name a JSON file "
    'of MIDI notes, {"train": [[[60, 64, 67], ...], ...], "valid": ..., "test": ...}, with data.path='
)

Piece = list[list[int]]
"""The MIDI numbers that sound at each step; none at a rest."""


class Pieces:
    """The pieces of all splits, read from one JSON file when they are first asked for.

    path: the file, or a folder that holds exactly one .json; None for the folder jsb_chorales under `data_dir`.
    on_bad_row: `raise` at the first piece that cannot be used, or `skip` and count them. Raises ConfigurationError.
    """

    def __init__(self, data_dir: str | Path, path: str | Path | None, on_bad_row: str) -> None:
        if on_bad_row not in ("raise", "skip"):
            raise ConfigurationError(f"data.on_bad_row must be raise or skip, not '{on_bad_row}'")
        self.path = Path(data_dir) / "jsb_chorales" if path is None else Path(path)
        self.skip = on_bad_row == "skip"
        self.bad_rows = 0
        self._read: dict[str, list[Piece]] | None = None

    def split(self, name: str) -> list[Piece]:
        """The pieces of `train`, `valid` or `test`. Raises DataError."""
        if self._read is None:
            path = the_json(self.path)
            with opened(path) as file:
                raw = file.read()
            try:
                text = raw.decode("utf-8-sig")
            except UnicodeDecodeError as error:
                raise DataError(f"{path}: not UTF-8 text at byte {error.start}") from error
            content = read_json(text, str(path))
            self._read = {each: self._pieces(content, each, path) for each in SPLITS}
        return self._read[name]

    def _pieces(self, content: Any, name: str, path: Path) -> list[Piece]:
        if not isinstance(content, dict) or not isinstance(content.get(name), list):
            raise DataError(
                f'{path}: no list of sequences under "{name}"; there must be one for each of train, valid, test'
            )
        found = []
        for number, sequence in enumerate(content[name], 1):
            where = f"{path}, {name} sequence {number}"
            try:
                made = piece(sequence, where)
                if len(made) < 2:
                    raise DataError(f"{where}: one step only, so there is nothing to predict")
            except DataError:
                if not self.skip:
                    raise
                self.bad_rows += 1
            else:
                found.append(made)
        if not found:
            raise DataError(f'{path}: no usable sequence under "{name}"')
        return found


def the_json(path: Path) -> Path:
    """`path` itself, or the one .json of the folder `path`. Raises DataError."""
    with reading(path):
        if not path.exists():
            raise MissingData(f"{path} does not exist: {WHAT_GOES_THERE}")
        if not path.is_dir():
            return path
        found = sorted(file for file in path.iterdir() if file.suffix == ".json")
    if not found:
        raise DataError(f"{path} holds no .json file: {WHAT_GOES_THERE}")
    if len(found) > 1:
        names = ", ".join(file.name for file in found)
        raise DataError(f"{path} holds more than one .json file ({names}); name the one you mean with data.path=")
    return found[0]


def piece(value: Any, where: str) -> Piece:
    """A JSON value as the notes of each step, each note once. Raises DataError naming the step."""
    found = []
    for place, notes in enumerate(steps(value, where), 1):
        at = f"{where}, step {place}"
        if not isinstance(notes, list):
            raise DataError(f"{at}: {brief(notes)} is not a list of notes")
        found.append(sorted({whole(note, LOWEST, HIGHEST, at) for note in notes}))
    return found


def draw_moves(lowest: Tensor, highest: Tensor, most: int, random: torch.Generator, keys: int = KEYS) -> Tensor:
    """Semitones to move each row by, from -most to most; 0 where it would fall off the keys, or has no note.

    lowest, highest: [batch], a row's lowest and highest key, from 0 on; lowest is above highest where it has none.
    """
    moves = torch.randint(-most, most + 1, lowest.shape, generator=random)
    return moves * ((lowest + moves >= 0) & (highest + moves < keys) & (lowest <= highest))


def note_name(note: int) -> str:
    """60 is C4."""
    return f"{NOTES[note % 12]}{note // 12 - 1}"


def step_name(notes: Iterable[int]) -> str:
    """The notes of a step by name, from the lowest, `C4+E4+G4`; a rest is `-`."""
    return "+".join(map(note_name, sorted(notes))) or REST


def show_piece(notes: Piece, most: int = 12) -> str:
    """The first `most` steps by name."""
    shown = " ".join(map(step_name, notes[:most]))
    return shown + (f" ... ({len(notes)} steps)" if len(notes) > most else "")

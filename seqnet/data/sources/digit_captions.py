"""A scanned digit, and the words that describe it: `a bold narrow seven`."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from seqnet.data.examples import Examples, Ragged
from seqnet.data.files import shown
from seqnet.data.generation import equal_rows
from seqnet.data.scans import SIDE, Scans, read_scans, show_scan
from seqnet.data.teacher_forcing import strip_special, teacher_forcing, with_ends, without_targets, writing
from seqnet.errors import DataError, did_you_mean
from seqnet.kinds import ENDS, Axis, Item, Kind
from seqnet.options import SomeShare
from seqnet.specs import Image, Spec

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
WORDS = ("a", "light", "bold", "narrow", "wide", *DIGITS)
COLUMN = 0.25  # a column of a scan whose values add up to so much holds ink


class DigitCaptions:
    """What does the scan show? Four words that follow from fixed rules, so they are true of the picture.

    `bold` where its values add up to the median of the training scans at least, else `light`; `wide` where as
    many columns as the training scans' median hold ink (values that add up to 0.25), else `narrow`; then the digit's
    name. source: the scan, a picture [8 8]. Grey values and split: see Scans.
    """

    input_kinds = {"source": Kind(Item.PIXEL, Axis.GRID)}
    target_kind = Kind(Item.TOKEN, Axis.SEQUENCE, frozenset({ENDS}))
    source = Image(SIDE, SIDE)
    inputs = targets = with_ends(WORDS)
    writing = writing(targets, longest=5)

    def __init__(self, seed: int, train_share: SomeShare = 0.7, valid_share: SomeShare = 0.15) -> None:
        self.scans = Scans(seed, train_share, valid_share)
        self.medians: dict[str, float] = {}
        self.views: dict[str, Spec] = {}
        self.bad_rows = 0

    def fit(self) -> None:
        """Learn the medians of the training scans. Raises ConfigurationError where scikit-learn is not installed."""
        scans, _ = self.scans.split("train")
        self.medians = {"ink": ink(scans).median().item(), "columns": columns(scans).median().item()}

    def state(self) -> dict[str, Any]:
        """The medians."""
        return dict(self.medians)

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`. Raises DataError where it is malformed."""
        if not isinstance(state, dict) or state.keys() != {"ink", "columns"}:
            raise DataError("the stored data state is not that of digit captions: it lacks ink or columns")
        if not all(isinstance(value, (int, float)) for value in state.values()):
            raise DataError("the stored data state of digit captions holds something that is not a number")
        self.medians = dict(state)

    def split(self, name: str) -> Examples:
        """The rows of `train`, `valid` or `test`. Raises ConfigurationError where scikit-learn is not installed."""
        scans, digits = self.scans.split(name)
        captions = self.describe(scans, digits)
        return teacher_forcing(
            equal_rows(scans), Ragged.of([torch.tensor(self.encode_target(text)) for text in captions]), self.writing
        )

    def describe(self, scans: Tensor, digits: Tensor) -> list[str]:
        """The caption of each scan. scans: [rows 8 8]; digits: [rows]."""
        weights = (ink(scans) >= self.medians["ink"]).tolist()
        widths = (columns(scans) >= self.medians["columns"]).tolist()
        return [
            f"a {('light', 'bold')[bold]} {('narrow', 'wide')[wide]} {DIGITS[digit]}"
            for bold, wide, digit in zip(weights, widths, digits.tolist(), strict=True)
        ]

    def read_inputs(self, lines: Iterable[str], where: str, first: int = 1) -> Examples:
        """Each line a scan: 8 lists of 8 grey values from 0 to 16. Nothing is asked. Raises DataError."""
        return without_targets(read_scans(lines, where, first), self.writing)

    def text(self, ids: Sequence[int] | Tensor) -> str:
        """What target ids say, up to the first end."""
        return " ".join(self.words(strip_special(ids, self.writing)))

    def words(self, ids: Sequence[int] | Tensor) -> list[str]:
        """Each target token by itself, as the label of an axis."""
        return [self.targets.names[int(number)] for number in ids]

    def source_words(self, row: Tensor) -> list[str]:
        """A label for each region of a scan, row by row: `r1c2` is in the first row, the second from the left."""
        rows, across = self.source.regions
        return [f"r{down + 1}c{right + 1}" for down in range(rows) for right in range(across)]

    def encode_target(self, text: str) -> list[int]:
        """The ids of a caption, or of its beginning. Raises DataError for a word that is in none."""
        for word in text.split():
            if word not in WORDS:
                raise DataError(f"no caption holds the word '{shown(word)}'{did_you_mean(word, WORDS)}")
        return [WORDS.index(word) for word in text.split()]

    def show(self, row: Tensor) -> str:
        """The scan drawn in characters, eight lines. row: [8 8]."""
        return show_scan(row)


def ink(scans: Tensor) -> Tensor:
    """How much ink there is in each scan, [rows]. scans: [rows 8 8]."""
    return scans.sum((1, 2))


def columns(scans: Tensor) -> Tensor:
    """How many columns of each scan hold ink, [rows]. scans: [rows 8 8]."""
    return (scans.sum(1) >= COLUMN).sum(1)

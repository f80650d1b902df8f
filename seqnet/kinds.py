"""The vocabulary in which data, models, tasks and objectives say what they give and need. Imports nothing heavy."""

from dataclasses import dataclass
from enum import StrEnum


class Item(StrEnum):
    """What one entry of a column is."""

    TOKEN = "token"  # one of a vocabulary, which is read or written
    LABEL = "label"  # one of a few classes
    LABELS = "labels"  # any of a few classes
    NUMBER = "number"
    PIXEL = "pixel"


class Axis(StrEnum):
    """How the entries of a row are laid out."""

    ROW = "row"  # one a row
    STEP = "step"  # one for each step of what is read, aligned with it
    SEQUENCE = "sequence"  # a sequence with a length of its own
    GRID = "grid"  # height x width
    FRAME = "frame"  # one for each step of what is read, or for every few of them, whatever is asked


ENDS = "ends"  # trait: what is written begins and ends with tokens of its own
RANKED = "ranked"  # trait: a vocabulary in order of frequency
OPEN = "open"  # trait: a vocabulary with a token that is read for all that is none of it
BIO = "bio"  # trait: labels are BIO tags
STREAM = "stream"  # trait: documents are read from end to end, the state carried along
NEXT = "next"  # trait of a target: what the inputs hold a step later, so whoever reads ahead has read it
SHARED = "shared"  # trait of an input: its vocabulary is that of the target
ONE = "one"  # trait of an input: each row has one step
LETTERS = "letters"  # trait: each entry is a word as it is spelled, padded with 0
WORDS = "words"  # trait: tokens are words, and one that the vocabulary lacks is an unknown one
AHEAD = "ahead"  # trait: at the step where it is asked for, it is known already


@dataclass(frozen=True)
class Kind:
    """What a column holds, known before any data is read."""

    item: Item
    axis: Axis
    traits: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{self.item}, {self.axis}"

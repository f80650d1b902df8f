"""What the values of a column are like: counted block by block, in a memory that does not grow with the file."""

import math
import re
from collections import Counter
from datetime import date, datetime
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from seqnet.data.fields.film import ENDINGS, is_film
from seqnet.data.fields.raw import MISSING, WITH_COMMA, Unusable, array, missing
from seqnet.data.numbers import LARGEST

LOOKED_AT = 64 << 20  # letters, or bytes of numbers, of a split that are looked at
MOST = 50_000  # different values, or tokens, that are counted; behind them a column just has many
LONGEST = 1 << 20  # letters of a text that are looked at
TALL = 1 << 10  # of which its lines are looked at
SEPARATORS = (",", ";", "|")
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".pgm")
SOUNDS = (".wav", ".flac", ".ogg", ".mp3", ".aiff")
ARRAYS = (".npy",)
CLIPS = (".gif", *ENDINGS)
ASKED = (
    *("target", "label", "labels", "class", "classes", "category", "categories", "y", "sentiment", "stars", "rating"),
    *(
        "score",
        "answer",
        "action",
        "outcome",
        "intent",
        "kind",
        "kinds",
        "species",
        "diagnosis",
        "grade",
        "topic",
        "upos",
    ),
    *("ner", "ner_tags", "tag", "tags", "pos", "translation", "summary", "output", "response", "result", "price"),
)
"""Names of columns that are asked for, the likeliest first."""
FILES = (*PICTURES, *SOUNDS, *ARRAYS, *CLIPS)
MAGIC = {
    b"\x89PNG": "picture",
    b"\xff\xd8\xff": "picture",
    b"GIF8": "clip",
    b"RIFF": "sound",
    b"fLaC": "sound",
}
STAMP = re.compile(r"\d{4}-\d\d(-\d\d)?\b.*")
APART = re.compile(r"[-+]?\d{1,3}(\s\d{3})+([.,]\d+)?")
LEADING = re.compile(r"\s0")  # as no number of a list begins
NUMBERS = re.compile(r"[-+\d.\[(][-+\d.eE,;\s\[\]()]*")


class Tally(Counter[str]):
    """How often each text occurs, of at most MOST different ones. full: there are more."""

    full = False

    def add(self, text: str, often: int = 1) -> None:
        """Count it once more."""
        if text in self or len(self) < MOST:
            self[text] += often
        else:
            self.full = True

    def add_all(self, texts: list[str]) -> None:
        """Count each once more."""
        if len(self) < MOST:
            self.update(texts)
        else:
            known = list(filter(self.__contains__, texts))
            self.update(known)
            self.full = self.full or len(known) < len(texts)


class Profile:
    """A column. name: what it is called; column: how it is asked for: by its name, its position, or as a range."""

    def __init__(self, name: str, column: Any) -> None:
        self.name, self.column = name, column
        self.rows = self.missing = self.nulls = 0  # nulls: those missing that are no blank text
        self.kinds = Counter[str]()  # text, number, list, array, object, picture, ...
        self.values = Tally()  # of what is no list
        self.words = Counter[int]()  # of a text: how many of how many words
        self.letters = Counter[int]()
        self.tokens = Tally()
        self.alphabet: set[str] = set()
        self.steps = Counter[int]()  # of a list: how many of how many entries
        self.items = Tally()  # of lists of texts
        self.classes = Tally()  # of lists of whole numbers
        self.spaced = 0  # of them, with a space
        self.shapes = Counter[tuple[int, ...]]()  # of an entry of a list, or of an array: () for a number
        self.numeric = self.whole = self.padded = self.commas = self.times = self.lists = self.unfit = 0
        self.low, self.high, self.total = math.inf, -math.inf, 0.0
        self.endings = Counter[str]()
        self.first: Any = None
        self.tallest = ""  # how the text of most line ends begins
        self.parted = {separator: Tally() for separator in SEPARATORS}
        self.joined = Counter[str]()  # values that hold a separator
        self.keys: dict[str, None] = {}  # of objects

    @property
    def present(self) -> int:
        """How many values there are."""
        return self.rows - self.missing

    @property
    def distinct(self) -> int:
        """How many different ones, MOST at most."""
        return len(self.values)

    @property
    def all_differ(self) -> bool:
        """Whether no value occurs twice, as far as they were counted."""
        return self.distinct > 1 and max(self.values.values()) == 1

    def are(self, kind: str) -> bool:
        """Whether all values are of a kind."""
        return self.present > 0 and self.kinds[kind] == self.present

    @property
    def grouped(self) -> bool:
        """Whether all values are numbers, of which some have a space between thousands: 1 000."""
        if not self.lists or self.numeric + self.lists < self.present:
            return False
        several = [text for text in self.values if re.search(r"[\s,;]", text)]
        return all(map(APART.fullmatch, several)) and any(map(LEADING.search, several))

    @property
    def numbers(self) -> bool:
        """Whether all values are numbers, but for words such as NA that say that there is none."""
        gone = sum(often for text, often in self.values.items() if text.lower() in MISSING)
        return self.numeric > 0 and self.numeric + gone == self.present

    def add(self, values: Any) -> None:
        """Count some more values."""
        if isinstance(values, np.ndarray):
            self._array(values)
            return
        for value in values:
            self._add(value.item() if isinstance(value, np.generic) else value)

    def _add(self, value: Any) -> None:
        self.rows += 1
        if missing(value):
            self.missing += 1
            self.nulls += not isinstance(value, str)
            return
        self.first = value if self.first is None else self.first
        if isinstance(value, str):
            self._text(value.strip())
        elif isinstance(value, bool):
            self.kinds["text"] += 1
            self.values.add("true" if value else "false")
            self.words[1] += 1
        elif isinstance(value, int | float):
            self.kinds["number"] += 1
            self.values.add(f"{value:g}" if isinstance(value, float) else str(value))
            self._number(float(value))
        elif isinstance(value, list | tuple | np.ndarray):
            self._list(value)
        elif isinstance(value, bytes):
            self._bytes(value)
        elif isinstance(value, dict) and isinstance(value.get("bytes"), bytes):
            self._bytes(value["bytes"])
        elif isinstance(value, dict):
            self.kinds["object"] += 1
            self.keys |= dict.fromkeys(map(str, list(value)[:20])) if len(self.keys) < 20 else {}
        elif isinstance(value, date):
            self.kinds["text"] += 1
            self.times += 1
            self.values.add(value.isoformat())
        else:
            self.kinds["object"] += 1

    def _number(self, value: float) -> None:
        if abs(value) > LARGEST:
            self.unfit += 1
            return
        self.numeric += 1
        self.whole += value.is_integer()
        self.low, self.high = min(self.low, value), max(self.high, value)
        self.total += value

    def _bytes(self, value: bytes) -> None:
        kind = next((kind for magic, kind in MAGIC.items() if value.startswith(magic)), "bytes")
        self.kinds["clip" if is_film(value) else kind] += 1

    def _text(self, text: str) -> None:
        self.kinds["text"] += 1
        self.values.add(text if len(text) <= 100 else f"{text[:60]} {hash(text)}")
        words = text[:LONGEST].split()
        self.words[len(words)] += 1
        self.letters[len(text)] += 1
        if text.count("\n", 0, TALL) > self.tallest.count("\n"):
            self.tallest = text[:TALL]
        if len(self.alphabet) < 100:
            self.alphabet.update(text[:LONGEST])
        if text[0] in "+-.0123456789([" and self._is_number(text):
            return
        self.tokens.add_all(words)
        if len(words) < 20:
            ending = PurePosixPath(text).suffix.lower() if "." in text[-6:] else ""
            if ending in FILES:
                self.endings[ending] += 1
            for separator in SEPARATORS:
                if separator in text:
                    self.joined[separator] += 1
                if not self.parted[separator].full:
                    for piece in dict.fromkeys(piece.strip()[:60] for piece in text.split(separator)):
                        if piece:
                            self.parted[separator].add(piece)

    def _is_number(self, text: str) -> bool:
        """Count a text that begins as a number does; whether it is one."""
        if _is_number(text):
            self._number(float(text))
            self.padded += len(text) > 1 and text[0] == "0" and text.isdigit()
            return True
        if WITH_COMMA.fullmatch(text):
            self.commas += 1
        elif STAMP.fullmatch(text) and _stamp(text) is not None:
            self.times += 1
        elif NUMBERS.fullmatch(text):
            try:
                found = array(text)
            except Unusable:
                self.commas += all(map(WITH_COMMA.fullmatch, re.split(r"[\s;]+", text)))
            else:
                self.lists += found.size > 1
                self.steps[found.size] += found.size > 1
        return False

    def _list(self, value: Any) -> None:
        if isinstance(value, np.ndarray):
            self.kinds["array"] += 1
            self.shapes[value.shape] += 1
            self.steps[len(value) if value.ndim else 1] += 1
            return
        self.kinds["list"] += 1
        self.steps[len(value)] += 1
        for item in value:
            if isinstance(item, str):
                self.items.add(item if len(item) <= 100 else item[:60])
                self.spaced += " " in item
            elif isinstance(item, int | float) and not isinstance(item, bool):
                self.shapes[()] += 1
                self._number(float(item))
                if isinstance(item, int):
                    self.classes.add(str(item))
            elif isinstance(item, list | tuple):
                self.shapes[(len(item),)] += 1
            elif item is not None:
                self.shapes[(-1,)] += 1

    def _array(self, values: np.ndarray) -> None:
        """Rows of an array of numbers."""
        self.rows += len(values)
        self.first = values[0] if self.first is None and len(values) else self.first
        if values.ndim > 1:
            self.kinds["array"] += len(values)
            self.shapes[values.shape[1:]] += len(values)
            self.steps[values.shape[1]] += len(values)
            found = values.astype(np.float64)
        else:
            found = values.astype(np.float64)
            self.kinds["number"] += len(values)
            for text, often in zip(*np.unique(values, return_counts=True), strict=True):
                self.values.add(f"{text:g}" if values.dtype.kind == "f" else str(text), int(often))
        found = found[np.isfinite(found)]
        if found.size:
            self.numeric += len(found) if values.ndim == 1 else 0
            self.whole += int((found == np.round(found)).sum()) if values.ndim == 1 else 0
            self.low, self.high = min(self.low, float(found.min())), max(self.high, float(found.max()))
            self.total += float(found.sum())


def _is_number(text: str) -> bool:
    try:
        return "_" not in text and math.isfinite(float(text))
    except ValueError:
        return False


def _stamp(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def quantiles(lengths: Counter[int]) -> tuple[int, int, int]:
    """What half of the lengths, 95 % of them, and all do not exceed."""
    total, seen, found = sum(lengths.values()), 0, list[int]()
    for length in sorted(lengths):
        seen += lengths[length]
        while len(found) < 2 and seen >= (0.5, 0.95)[len(found)] * total:
            found.append(length)
    return (*found, max(lengths, default=0))[:3] if found else (0, 0, 0)  # type: ignore[return-value]

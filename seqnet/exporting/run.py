"""A sequence model that was trained with seqnet, by onnxruntime and NumPy alone: this file, and the folder it lies in.

    echo 'a line of input' | python run.py      an answer to each line, as JSON; of a language model, the text gone on
    python run.py --help                        what else it takes

    from run import Model
    model = Model()                             # or Model("another/folder")
    model.answer(["a line of input"])           # [{"prediction": ..., "score": ...}]
    "".join(model.go_on("The ", length=200))    # of a language model, token by token

What it reads is in model.json and vocabularies.json, its weights in the .onnx files, each checked by its sha256.
"""

import argparse
import calendar
import importlib
import itertools
import json
import math
import os
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

try:
    import numpy as np
except ImportError:
    sys.exit("run.py: the package numpy is missing: pip install numpy onnxruntime")

FORMAT = 1
ROWS = 32  # lines of a file that are answered at once
LENGTH = 400  # tokens that a language model goes on for
BROKEN, LONGEST_LETTER = "\N{REPLACEMENT CHARACTER}", 4  # what stands for bytes that are no letter, which has 4 at most
WORDS = "<words>"  # of a source, as they are read
Array = np.ndarray[Any, Any]
KINDS = {
    "row": "one of an answer to each line",
    "step": "one of an answer to each step",
    "ahead": "a forecast",
    "text": "one that writes an answer to each line",
    "next": "a language model, whose text is told as it is written",
}


class Problem(Exception):
    """What whoever asks can mend; the message is the one sentence they see."""

    def __init__(self, sentence: str, exit_code: int = 3) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code


def sha256() -> Any:
    """As hashlib has it, but of Python's own where it is there: OpenSSL, which hashlib loads, takes 4 MB of memory."""
    for name in ("_sha2", "_sha256", "hashlib"):
        try:
            return importlib.import_module(name).sha256()
        except ImportError:
            continue
    raise Problem("this Python has no sha256", 1)


# ------------------------------------------------------------------------------- what is read: a value to its numbers
#
# A reader is made of its description, and makes of a value the numbers of its steps: tokens [steps], letters or
# numbers [steps size]. `decode` is the way back, of readers of what is written.


class Text:
    """Characters, words or byte pairs of a text. decode: the text of ids."""

    def __init__(self, said: dict[str, Any]) -> None:
        self.level, self.lower, self.normalise = said["level"], said["lower"], said["normalise"]
        self.strip, self.punctuation, self.line_ends = said["strip"], said["punctuation"], said["line_ends"]
        self.streams = said["streams"]
        self.names: list[str] = said["names"]
        self.numbers = {name: number for number, name in enumerate(self.names)}
        self.pairs = BytePairs(self.numbers, said["merges"]) if self.level == "bpe" else None
        self.most = said.get("max_length")

    def encode(self, value: Any) -> Array:
        """The numbers of a text's tokens."""
        if not isinstance(value, str) or not (value.strip() or self.streams):
            raise Problem("there is no text")
        text = value.strip() if self.strip else value
        text = unicodedata.normalize(self.normalise, text) if self.normalise else text
        text = text.lower() if self.lower else text
        found = self.pairs.encode(text) if self.pairs else [self.numbers.get(each, 0) for each in self.tokens(text)]
        if self.most is not None and len(found) > self.most:
            raise Problem(f"{len(found)} tokens, more than max_length={self.most}")
        return np.array(found, np.int64)

    def tokens(self, text: str) -> Iterable[str]:
        """The characters, or words, of a text."""
        if self.level == "characters":
            return text
        if self.punctuation:
            text = parted(text)
        if self.line_ends:
            text = text.replace("\n", " <eos> ")
        return text.split()

    def words(self, value: str) -> list[str]:
        """The words of a text, whether they are known or not."""
        text = value.strip() if self.strip else value
        text = unicodedata.normalize(self.normalise, text) if self.normalise else text
        return list(self.tokens(text.lower() if self.lower else text))

    def decode(self, ids: Sequence[int], before: str = "") -> str:
        """The text of ids. before: the text so far, which they go on with."""
        if self.pairs:
            return self.pairs.decode([self.names[number] for number in ids])
        if self.level == "characters":
            return "".join("\N{REPLACEMENT CHARACTER}" if number == 0 else self.names[number] for number in ids)
        made = before
        for number in ids:
            word = self.names[number]
            if self.line_ends and word == "<eos>":
                made += "\n"
            else:
                made += word if self.line_ends and made.endswith("\n") else f" {word}"
        return made[len(before) :]

    def written(self, ids: Sequence[int]) -> str:
        """The text of an answer."""
        return self.decode(ids).strip()


class BytePairs:
    """Byte-pair encoding of UTF-8 bytes; bytes are written as the letters that GPT-2's vocabulary has for them."""

    def __init__(self, numbers: dict[str, int], merges: list[list[str]]) -> None:
        self.numbers = numbers
        self.ranks = {(one, other): rank for rank, (one, other) in enumerate(merges)}
        printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
        others = [byte for byte in range(256) if byte not in printable]
        self.letters = {byte: chr(byte) for byte in printable} | {byte: chr(256 + n) for n, byte in enumerate(others)}
        self.bytes = {letter: byte for byte, letter in self.letters.items()}
        self.known: dict[str, list[int]] = {}

    def encode(self, text: str) -> list[int]:
        """The numbers of a text."""
        return [
            number for line in text.splitlines(keepends=True) for piece in pieces(line) for number in self._of(piece)
        ]

    def _of(self, piece: str) -> list[int]:
        found = self.known.get(piece)
        if found is None:
            parts = [self.letters[byte] for byte in piece.encode()]
            while len(parts) > 1:
                rank, place = min(
                    (self.ranks.get(pair, math.inf), n) for n, pair in enumerate(itertools.pairwise(parts))
                )
                if rank == math.inf:
                    break
                pair = parts[place], parts[place + 1]
                joined, at = list[str](), 0
                while at < len(parts):
                    both = tuple(parts[at : at + 2]) == pair
                    joined.append("".join(parts[at : at + 2]) if both else parts[at])
                    at += 2 if both else 1
                parts = joined
            found = self.known[piece] = [self.numbers[part] for part in parts]
        return found

    def decode(self, names: Sequence[str]) -> str:
        """The text; bytes that are no whole character as U+FFFD."""
        return bytes(self.bytes[letter] for name in names for letter in name).decode(errors="replace")


SPACES = frozenset(
    map(chr, [*range(9, 14), 32, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000])
)
CONTRACTIONS = ("'s", "'t", "'re", "'ve", "'m", "'ll", "'d")


def pieces(text: str) -> Iterator[str]:
    """A text as GPT-2 cuts it: words, numbers and signs, each with the space before it; other white space."""
    kinds = "".join(_kind(letter) for letter in text)
    at = 0
    while at < len(text):
        end = next((at + len(short) for short in CONTRACTIONS if text.startswith(short, at)), 0)
        if not end:
            start = at + (text[at] == " " and kinds[at + 1 : at + 2] not in ("", "S"))
            end = start + 1
            while end < len(text) and kinds[end] == kinds[start]:
                end += 1
            if kinds[start] == "S" and end < len(text) and end - start > 1:
                end -= 1  # the last space goes with what follows
        yield text[at:end]
        at = end


def _kind(letter: str) -> str:
    category = unicodedata.category(letter)[0]
    return "S" if letter in SPACES else category if category in "LN" else "O"


def parted(text: str) -> str:
    """A text with a space on either side of each punctuation mark and symbol."""
    return "".join(f" {letter} " if unicodedata.category(letter)[0] in "PS" else letter for letter in text)


class Listed:
    """Tokens of a fixed list: characters, or words between spaces."""

    def __init__(self, said: dict[str, Any]) -> None:
        self.names: list[str] = said["names"]
        self.numbers = {name: number for number, name in enumerate(self.names)}
        self.between, self.readable = said["between"], said["readable"]
        self.pattern, self.width, self.reversed = said.get("pattern"), said.get("width", 0), said.get("reversed", False)
        self.replaced = {int(point): other for point, other in said.get("replaced", {}).items()}

    def encode(self, value: Any) -> Array:
        """The numbers of a line's tokens."""
        if not isinstance(value, str) or not value.strip():
            raise Problem(f"the line is empty; give {self.readable}")
        text = value.strip()
        if self.replaced:
            text = unicodedata.normalize("NFC", text).translate(self.replaced)
        if self.pattern and not re.fullmatch(self.pattern, text):
            raise Problem(f"it cannot be read; give {self.readable}")
        text = text.ljust(self.width)[:: -1 if self.reversed else 1]
        tokens = text.split() if self.between else list(text)
        for token in tokens:
            if token not in self.numbers:
                raise Problem(f"'{token}' cannot be read; give {self.readable}")
        return np.array([self.numbers[token] for token in tokens], np.int64)

    def written(self, ids: Sequence[int]) -> str:
        """The text of an answer."""
        return str(self.between.join(self.names[number] for number in ids)).rstrip()


class Words:
    """A list of words, a step each: the words, their shapes, or their letters; or sentences, a step each."""

    def __init__(self, said: dict[str, Any]) -> None:
        self.of, self.lower, self.normalise = said["of"], said["lower"], said["normalise"]
        self.most, self.run, self.punctuation = said.get("most", 1), said.get("run", 0), said.get("punctuation", False)
        self.numbers = {name: number for number, name in enumerate(said["names"])}
        self.unknown = self.numbers["<unk>"]
        self.longer = re.compile(r"(.)\1{" + str(self.run) + ",}", re.DOTALL)

    def encode(self, value: Any) -> Array:
        """The number of each word, or those of its letters [words most], 0 behind the last."""
        if self.of == "sentences" and isinstance(value, str):
            value = [one for one in re.split(r"(?<=[.!?])\s+|\n+", value) if one.strip()]
        found = value.split() if isinstance(value, str) else value
        if (
            not isinstance(found, list)
            or not found
            or not all(isinstance(word, str) and word.strip() for word in found)
        ):
            raise Problem("it must be a list of words, or text whose words stand apart")
        words = [unicodedata.normalize(self.normalise, word) if self.normalise else word for word in found]
        words = [word.lower() for word in words] if self.lower else words
        if self.of == "words":
            return self._numbered(words)
        if self.of == "shapes":
            return self._numbered([self._shape(word) for word in words])
        made = np.zeros((len(words), self.most), np.int64)
        for row, word in enumerate(words):
            parts = self._numbered((list(word) if self.of == "letters" else self._cut(word))[: self.most])
            made[row, : len(parts)] = parts
        return made

    def _numbered(self, names: Sequence[str]) -> Array:
        return np.array([self.numbers.get(name, self.unknown) for name in names], np.int64)

    def _cut(self, sentence: str) -> list[str]:
        return (parted(sentence) if self.punctuation else sentence).split()

    def _shape(self, word: str) -> str:
        signs = "".join(
            "X" if one.isupper() else "x" if one.isalpha() else "d" if one.isdigit() else one for one in word
        )
        return self.longer.sub(lambda found: found[1] * self.run, signs)


class Alphabet:
    """Letters of a fixed alphabet, a step each."""

    def __init__(self, said: dict[str, Any]) -> None:
        self.numbers = {name: number for number, name in enumerate(said["names"])}
        self.numbers |= {name: self.numbers[other] for name, other in said["also"].items()}

    def encode(self, value: Any) -> Array:
        """The number of each letter, whatever its case."""
        letters = value.strip().upper() if isinstance(value, str) else ""
        wrong = next((letter for letter in letters if letter not in self.numbers), None)
        if not letters or wrong is not None:
            raise Problem(f"it must be letters of {', '.join(self.numbers)}" + (f", not '{wrong}'" if wrong else ""))
        return np.array([self.numbers[letter] for letter in letters], np.int64)


class Label:
    """One of a few names, of a row or a step; one that training never saw has the last number where there is one."""

    def __init__(self, said: dict[str, Any]) -> None:
        self.numbers = {name: number for number, name in enumerate(said["names"])}
        self.steps, self.other = said["axis"] == "step", said["unknown"]

    def encode(self, value: Any) -> Array:
        """The number of each label."""
        found = (value.split() if isinstance(value, str) else value) if self.steps else [value]
        if not isinstance(found, list) or not found:
            raise Problem("there are no labels")
        return np.array([self._number(name_of(one)) for one in found], np.int64)

    def _number(self, name: str) -> int:
        number: int | None = self.numbers.get(name, self.other)
        if number is None:
            raise Problem(f"'{name}' is none of {', '.join(self.numbers)}")
        return number


class Labels:
    """Any of a few names, of a row or a step: 1 for each that is there."""

    def __init__(self, said: dict[str, Any]) -> None:
        self.numbers = {name: number for number, name in enumerate(said["names"])}
        self.steps, self.separator = said["axis"] == "step", said["separator"]

    def encode(self, value: Any) -> Array:
        """[steps names]"""
        if self.steps and not isinstance(value, list | str):
            raise Problem("there are no steps")
        steps = (value.split() if isinstance(value, str) else value) if self.steps else [value]
        found = np.zeros((len(steps), len(self.numbers)), np.float32)
        for row, step in enumerate(steps):
            names = step.split(self.separator) if isinstance(step, str) else step
            if not isinstance(names, list):
                raise Problem("it must be a list of labels")
            for name in map(name_of, [one for one in names if one != ""]):
                if name in self.numbers:
                    found[row, self.numbers[name]] = 1
        return found


class Numbers:
    """Numbers of a row or of each step, scaled as in training; what is missing is filled, or refused."""

    def __init__(self, said: dict[str, Any]) -> None:
        self.steps, self.width = said["axis"] == "step", said["width"]
        self.centre, self.deviation = np.array(said["centre"]), np.array(said["deviation"])
        self.log, self.missing, self.mask = said["log"], said["missing"], said["mask"]
        self.middle = np.array(said["middle"])  # what stands for a number that is missing

    def encode(self, value: Any) -> Array:
        """[steps width], float32"""
        flat = self.read(value)
        gone = np.isnan(flat)
        if gone.any() and self.missing in ("raise", "unjudged"):
            raise Problem("a number is missing")
        if self.log:
            if (flat <= 0).any():
                raise Problem("a number is not above 0, and has no logarithm")
            flat = np.log(flat)
        if gone.any():
            flat = self._filled(flat, gone)
        scaled = (flat - self.centre) / self.deviation
        most = float(np.finfo(np.float32).max)
        scaled = np.concatenate([scaled, gone], axis=1) if self.mask else scaled
        found: Array = np.clip(scaled, -most, most).astype(np.float32)
        return found

    def read(self, value: Any) -> Array:
        """The numbers as they are, NaN where one is missing, [steps width]."""
        if isinstance(value, str) and (self.steps or self.width > 1):
            value = re.sub(r"[\[\](),;]", " ", value).split()
        found = value if self.steps or isinstance(value, list) else [value]
        if not isinstance(found, list) or not found:
            raise Problem("it must be a list of numbers" if self.steps or self.width > 1 else "it must be a number")
        rows = found if self.steps else [found]
        made = np.array(
            [[number_of(one) for one in (row if isinstance(row, list) else [row])] for row in self._even(rows)]
        )
        return made

    def _even(self, rows: list[Any]) -> list[Any]:
        for row in rows:
            size = len(row) if isinstance(row, list) else 1
            if size != self.width:
                raise Problem(f"{size} number{'' if size == 1 else 's'} where there must be {self.width}")
        return rows

    def _filled(self, flat: Array, gone: Array) -> Array:
        if self.missing == "zero":
            return np.where(gone, 0.0, flat)
        if self.missing == "last":
            place = np.maximum.accumulate(np.where(gone, -1, np.arange(len(flat))[:, None]), axis=0)
            return np.where(place >= 0, np.take_along_axis(flat, np.maximum(place, 0), 0), self.middle)
        return np.where(gone, self.middle, flat)


class Moments:
    """A part of time stamps, of a row or at each step: its number, or how far through its round it is, as an angle."""

    def __init__(self, said: dict[str, Any]) -> None:
        self.part, self.cycle, self.steps, self.pattern = (
            said["part"],
            said["form"] == "cycle",
            said["axis"] == "step",
            said["pattern"],
        )

    def encode(self, value: Any) -> Array:
        """[steps], or sine and cosine [steps 2]"""
        found = (value if isinstance(value, list) else [value]) if self.steps else [value]
        if not found:
            raise Problem("there are no time stamps")
        moments = [self._moment(one) for one in found]
        if not self.cycle:
            return np.array([self._number(one) for one in moments], np.int64)
        angles = 2 * math.pi * np.array([self._share(one) for one in moments])
        return np.stack([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)

    def _moment(self, value: Any) -> datetime:
        try:
            if isinstance(value, int | float) and not isinstance(value, bool):
                return datetime.fromtimestamp(float(value), UTC)
            if isinstance(value, str):
                text = value.strip()
                return datetime.strptime(text, self.pattern) if self.pattern else datetime.fromisoformat(text)
        except (ValueError, OverflowError, OSError):
            pass
        raise Problem(f"{json.dumps(value)[:40]} is not a time stamp such as {self.pattern or '2024-05-31 13:00'}")

    def _number(self, moment: datetime) -> int:
        return {
            "minute": moment.minute,
            "hour": moment.hour,
            "weekday": moment.weekday(),
            "day": moment.day - 1,
            "month": moment.month - 1,
            "yearday": moment.timetuple().tm_yday - 1,
        }[self.part]

    def _share(self, moment: datetime) -> float:
        """How far the moment is through the round that the part goes in, from 0 to below 1."""
        of_day = (moment - moment.replace(hour=0, minute=0, second=0, microsecond=0)) / timedelta(days=1)
        if self.part == "minute":
            return of_day * 24 % 1
        if self.part == "hour":
            return of_day
        if self.part == "weekday":
            return (moment.weekday() + of_day) / 7
        if self.part == "day":
            return (moment.day - 1 + of_day) / calendar.monthrange(moment.year, moment.month)[1]
        days = 366 if calendar.isleap(moment.year) else 365
        return (moment.timetuple().tm_yday - 1 + of_day) / days


READERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "text": Text,
    "listed": Listed,
    "words": Words,
    "alphabet": Alphabet,
    "label": Label,
    "labels": Labels,
    "numbers": Numbers,
    "moments": Moments,
}


def name_of(value: Any) -> str:
    """A value as a name: text, a whole number, true or false."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value.strip():
        return value.strip()
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return str(int(value))
    raise Problem("a label is missing" if value is None or value == "" else f"{value!r} is neither a name nor a number")


def number_of(value: Any) -> float:
    """A value as a number, NaN where it is missing."""
    if value is None or (isinstance(value, str) and value.strip().lower() in MISSING):
        return math.nan
    try:
        found = math.nan if isinstance(value, bool | list | dict) else float(value)
    except (ValueError, TypeError, OverflowError):
        found = math.nan
    if not abs(found) <= np.finfo(np.float32).max:
        raise Problem(f"{json.dumps(value)[:40]} is not a finite number")
    return found


MISSING = ("", "?", "na", "n/a", "nan", "null", "none")


# ----------------------------------------------------------------------------- a series, scaled by what was read so far

LEAST_DEVIATION, FARTHEST = 1e-6, 10.0


class SoFar(NamedTuple):
    """What each step of a series is scaled by: [steps feature] twice."""

    centre: Array
    deviation: Array


def so_far(values: Array, season: int | None) -> SoFar:
    """The mean of the last `season` steps (None: of all so far), and the deviation of all so far."""
    known = np.nan_to_num(values.astype(np.float64))
    count = np.arange(1, len(known) + 1)[:, None]
    sums, squares = known.cumsum(0), np.square(known).cumsum(0)
    mean = sums / count
    deviation = np.sqrt(np.maximum(squares / count - np.square(mean), 0))
    deviation = np.where(deviation > LEAST_DEVIATION, deviation, 1.0)
    if season is not None:
        before = np.concatenate([np.zeros((season, known.shape[1])), sums])[: len(known)]
        mean = (sums - before) / np.minimum(count, season)
    return SoFar(mean.astype(np.float32), deviation.astype(np.float32))


def lagged(values: Array, lags: int) -> Array:
    """At each step the last values, the oldest first, [steps lags feature]; NaN before the first."""
    places = np.arange(len(values))[:, None] - np.arange(lags - 1, -1, -1)
    return np.where((places < 0)[..., None], np.nan, values[np.maximum(places, 0)])


def next_steps(values: Array, steps: int, horizon: int) -> Array:
    """What a column is in the next steps of each of so many, [steps horizon*feature]; 0 where that is not known."""
    places = np.arange(steps)[:, None] + 1 + np.arange(horizon)
    found = np.where((places < len(values))[..., None], values[np.minimum(places, len(values) - 1)], 0)
    return np.nan_to_num(found).reshape(steps, -1).astype(np.float32)


# -------------------------------------------------------------------------------- what is answered: logits to an answer
#
# A judge is made of its description, and makes of logits [items out] a list of (prediction, score).


def softmax(logits: Array) -> Array:
    """[... out]"""
    raised = np.exp(logits - logits.max(-1, keepdims=True))
    found: Array = raised / raised.sum(-1, keepdims=True)
    return found


def log_softmax(logits: Array) -> Array:
    """[... out]"""
    away = logits - logits.max(-1, keepdims=True)
    found: Array = away - np.log(np.exp(away).sum(-1, keepdims=True))
    return found


def sigmoid(logits: Array) -> Array:
    """[...]"""
    found: Array = 0.5 * (1 + np.tanh(0.5 * logits))
    return found


class Classes:
    """The likeliest of several classes, and its probability. A bias counts less of the commonest one's logit."""

    def __init__(self, said: dict[str, Any]) -> None:
        self.names, self.one_logit = said["names"], said["one_logit"]
        self.bias: float = said.get("bias", 0.0)
        self.commonest: int = said.get("commonest", 0)

    def probabilities(self, logits: Array) -> Array:
        """[items classes]"""
        if not self.one_logit:
            return softmax(logits)
        second = sigmoid(logits)
        return np.concatenate([1 - second, second], axis=-1)

    def __call__(self, logits: Array) -> list[tuple[Any, float | None]]:
        """See above."""
        found = self.probabilities(logits)
        each = np.concatenate([np.zeros_like(logits), logits], axis=-1) if self.one_logit else logits.copy()
        each[:, self.commonest] -= self.bias
        best = each.argmax(-1)
        return [(self.names[place], float(row[place])) for place, row in zip(best.tolist(), found, strict=True)]


class Present:
    """Which of several labels are there, and the probability that all are so."""

    def __init__(self, said: dict[str, Any]) -> None:
        self.names, self.least = said["names"], math.log(said["threshold"] / (1 - said["threshold"]))

    def probabilities(self, logits: Array) -> Array:
        """[items labels]"""
        return sigmoid(logits)

    def __call__(self, logits: Array) -> list[tuple[Any, float | None]]:
        """See above."""
        there = logits > self.least
        scores = np.exp(-np.logaddexp(0, np.where(there, -logits, logits)).sum(-1))
        found = [[name for name, one in zip(self.names, row, strict=True) if one] for row in there]
        return list(zip(found, map(float, scores), strict=True))


class OneByOne:
    """Which of several labels are there, decided one after another, each told of those before it."""

    def __init__(self, said: dict[str, Any]) -> None:
        self.names, self.beam_size = said["names"], said["beam_size"]

    def probabilities(self, logits: Array) -> Array:
        """[items labels], each given what is decided of those before it."""
        return sigmoid(np.stack([self._searched(row)[1] for row in logits]))

    def __call__(self, logits: Array) -> list[tuple[Any, float | None]]:
        """See above."""
        answers: list[tuple[Any, float | None]] = []
        for row in logits:
            there, told = self._searched(row)
            score = math.exp(-float(np.logaddexp(0, np.where(there, -told, told)).sum()))
            answers.append(([name for name, one in zip(self.names, there, strict=True) if one], score))
        return answers

    def _searched(self, logits: Array) -> tuple[Array, Array]:
        """The likeliest labels of an item that a beam finds, and the logit of each of them given those before it."""
        state, scores = self._begin(logits[None]), np.zeros(1)
        there, told = np.zeros((1, 0), bool), np.zeros((1, 0))
        for place in range(len(self.names)):
            logit = self._logit(place, logits[None], state)
            ways = np.concatenate([scores - np.logaddexp(0, logit), scores - np.logaddexp(0, -logit)])
            best = np.argsort(-ways, kind="stable")[: self.beam_size]
            origin, new = best % len(scores), best >= len(scores)
            scores, state = ways[best], self._moved(place, state[origin], new[:, None])
            there = np.concatenate([there[origin], new[:, None]], axis=1)
            told = np.concatenate([told[origin], logit[origin][:, None]], axis=1)
        return there[0], told[0]

    def _begin(self, logits: Array) -> Array:
        """What is known before the first label, [1 state]."""
        raise NotImplementedError

    def _logit(self, place: int, logits: Array, state: Array) -> Array:
        """Of the label at a place, [ways]."""
        raise NotImplementedError

    def _moved(self, place: int, state: Array, there: Array) -> Array:
        """What is known behind it, [ways state]. there: whether it is, [ways 1]."""
        raise NotImplementedError


class Fvsbn(OneByOne):
    """Told of them by a number for each."""

    def __init__(self, said: dict[str, Any]) -> None:
        super().__init__(said)
        self.between = np.array(said["between"], np.float32)

    def _begin(self, logits: Array) -> Array:
        return logits

    def _logit(self, place: int, logits: Array, state: Array) -> Array:
        return state[:, place]

    def _moved(self, place: int, state: Array, there: Array) -> Array:
        moved: Array = state + there * self.between[place]
        return moved


class Nade(OneByOne):
    """Told of them by hidden units."""

    def __init__(self, said: dict[str, Any]) -> None:
        super().__init__(said)
        self.read, self.write = np.array(said["read"], np.float32), np.array(said["write"], np.float32)

    def _begin(self, logits: Array) -> Array:
        return logits[:, len(self.write) :]

    def _logit(self, place: int, logits: Array, state: Array) -> Array:
        found: Array = logits[:, place] + sigmoid(state) @ self.write[place]
        return found

    def _moved(self, place: int, state: Array, there: Array) -> Array:
        return state + there * self.read[place] if place < len(self.read) else state


class Amounts:
    """Numbers in the units of the file: one, by name, or a list; of several parts, such as quantiles, each by name."""

    def __init__(self, said: dict[str, Any]) -> None:
        self.names, self.size, self.log = said["names"], said["size"], said["log"]
        self.centre, self.deviation, self.digits = said["centre"], said["deviation"], said["digits"]
        self.parts: list[str] = said["parts"]

    def __call__(self, logits: Array) -> list[tuple[Any, float | None]]:
        """See above."""
        return [(self._told(row), None) for row in logits.astype(np.float64)]

    def _told(self, row: Array) -> Any:
        parts = [self._undone(part) for part in row.reshape(-1, self.size)]
        if self.parts == ["mean", "deviation"]:
            parts[1] = parts[1] - parts[0]
        told = [self._in_words(part) for part in parts]
        return told[0] if len(told) == 1 else dict(zip(self.parts, told, strict=True))

    def _undone(self, values: Array) -> Array:
        found: Array = values * np.array(self.deviation) + np.array(self.centre)
        undone: Array = np.exp(found) if self.log else found
        return undone

    def _in_words(self, values: Array) -> Any:
        found = [float(f"{value:.{digits}g}") for value, digits in zip(values, self.digits, strict=True)]
        if self.names:
            return dict(zip(self.names, found, strict=True))
        return found[0] if self.size == 1 else found


class Chain:
    """The likeliest tags of a row together (a conditional random field), and the probability of each at its step."""

    def __init__(self, said: dict[str, Any]) -> None:
        self.names: list[str] = said["names"]
        self.best = [np.array(said["best"][name], np.float32) for name in ("begin", "move", "end")]
        self.summed = [np.array(said["summed"][name], np.float32) for name in ("begin", "move", "end")]

    def __call__(self, logits: Array) -> list[tuple[Any, float | None]]:
        """logits: of one row's steps."""
        if not len(logits):
            return []
        begin, move, end = self.best
        here, origins = begin + logits[0], []
        for emission in logits[1:]:
            ways = here[:, None] + move
            origins.append(ways.argmax(0))
            here = ways.max(0) + emission
        tags = [int((here + end).argmax())]
        for origin in reversed(origins):
            tags.append(int(origin[tags[-1]]))
        likely = self._marginals(logits)
        return [(self.names[tag], float(likely[step, tag])) for step, tag in enumerate(tags[::-1])]

    def _marginals(self, emissions: Array) -> Array:
        begin, move, end = self.summed
        forward = self._forward(emissions, begin, move)
        back = self._forward(emissions[::-1], end, move.T)[::-1]
        return softmax(forward + back - emissions)

    def _forward(self, emissions: Array, begin: Array, move: Array) -> Array:
        found = [begin + emissions[0]]
        for emission in emissions[1:]:
            ways = found[-1][:, None] + move
            most = ways.max(0)
            found.append(most + np.log(np.exp(ways - most).sum(0)) + emission)
        return np.stack(found)


JUDGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "classes": Classes,
    "present": Present,
    "fvsbn": Fvsbn,
    "nade": Nade,
    "amounts": Amounts,
    "chain": Chain,
}


# --------------------------------------------------------------------------------------------- how tokens are written


class Hypothesis(NamedTuple):
    """A sequence that was written: its ids without the end, what it ranks by, whether it ended by itself."""

    ids: list[int]
    score: float
    ended: bool
    looked: tuple[int, ...] = ()  # where attention was largest as each was written, of a model that has some


class Decoding(NamedTuple):
    """How tokens are chosen; see --help."""

    name: str = "greedy"
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    typical_p: float | None = None
    beam_size: int = 5
    length_penalty: float = 1.0
    coverage_penalty: float = 0.0
    n_best: int = 1
    min_length: int = 0
    max_length: int | None = None
    no_repeat_ngram: int = 0
    replace_unknown: bool = False

    def checked(self) -> "Decoding":
        """The same. Raises Problem where an option is out of range."""
        wrong = {
            "decoding must be greedy, sampling or beam": self.name not in ("greedy", "sampling", "beam"),
            "temperature must be at least 0": not 0 <= self.temperature < math.inf,
            "top-k must be at least 1": self.top_k is not None and self.top_k < 1,
            "top-p must be above 0 and at most 1": self.top_p is not None and not 0 < self.top_p <= 1,
            "min-p must be above 0 and at most 1": self.min_p is not None and not 0 < self.min_p <= 1,
            "typical-p must be above 0 and below 1": self.typical_p is not None and not 0 < self.typical_p < 1,
            "beam-size must be at least 1": self.beam_size < 1,
            "n-best must be at least 1 and at most beam-size": not 1 <= self.n_best <= self.beam_size,
            "penalties must be at least 0": min(self.length_penalty, self.coverage_penalty) < 0,
            "min-length and no-repeat-ngram must be at least 0": min(self.min_length, self.no_repeat_ngram) < 0,
            "the length must be at least 1 and min-length": self.max_length is not None
            and self.max_length < max(1, self.min_length),
        }
        for sentence, so in wrong.items():
            if so:
                raise Problem(sentence, 2)
        return self

    def steps(self, writing: dict[str, Any]) -> int:
        """How many tokens may be written."""
        longest: int = writing["longest"]
        if writing["end"] is None:
            return longest if self.max_length is None else min(longest, self.max_length)
        return max(longest + longest // 2, self.min_length + 1) if self.max_length is None else self.max_length

    def limited(self, logs: Array, written: Array, writing: dict[str, Any]) -> Array:
        """Log-probabilities, or logits, [rows vocab] after written [rows time], -inf where nothing may be written."""
        free = writing.get("unknown") if self.replace_unknown else None
        logs[:, [token for token in writing["forbidden"] if token != free]] = -np.inf
        time = written.shape[1]
        if writing["end"] is not None and time < self.min_length:
            logs[:, writing["end"]] = -np.inf
        size = self.no_repeat_ngram
        if size and time >= size:
            for row, ids in enumerate(written.tolist()):
                last = ids[time - size + 1 :]
                again = [ids[at + size - 1] for at in range(time - size + 1) if ids[at : at + size - 1] == last]
                once = logs[row].copy()
                once[again] = -np.inf
                if np.isfinite(once).any():
                    logs[row] = once
        return logs

    def drawing(self, seed: int | list[int]) -> Any:
        """What `choose` draws from; nothing where it does not draw."""
        return None if self.name != "sampling" or self.temperature == 0 else np.random.default_rng(seed)

    def choose(self, logs: Array, random: Any) -> Array:
        """A token for each row of log-probabilities, or logits, [rows vocab]. random: see `drawing`."""
        if random is None:
            likeliest: Array = logs.argmax(-1)
            return likeliest
        scaled = logs.astype(np.float64)
        scaled = (scaled - scaled.max(-1, keepdims=True)) / self.temperature
        if (self.top_k, self.top_p, self.min_p, self.typical_p) == (None,) * 4:
            order = np.broadcast_to(np.arange(logs.shape[1]), logs.shape)
            shares = softmax(scaled)
        else:
            order = np.argsort(-scaled, axis=-1, kind="stable")[:, : self.top_k]
            shares = softmax(np.take_along_axis(scaled, order, -1))
            if self.top_p is not None and self.top_p < 1:
                shares = np.where(shares.cumsum(-1) - shares >= self.top_p, 0.0, shares)
            if self.min_p is not None:
                shares = np.where(shares < self.min_p * shares[:, :1], 0.0, shares)
            if self.typical_p is not None:
                shares = typical(shares / shares.sum(-1, keepdims=True), self.typical_p)
        up_to = shares.cumsum(-1)
        drawn = random.random((len(shares), 1)) * up_to[:, -1:]
        place = np.minimum((up_to <= drawn).sum(-1, keepdims=True), shares.shape[1] - 1)
        return np.take_along_axis(order, place, -1)[:, 0]


def typical(shares: Array, most: float) -> Array:
    """Probabilities [rows n] with 0 in place of those whose -log p is farthest from the entropy."""
    with np.errstate(divide="ignore"):
        logs = np.log(shares)
    entropy = -np.where(shares > 0, shares * np.where(shares > 0, logs, 0.0), 0.0).sum(-1, keepdims=True)
    order = np.argsort(np.abs(-logs - entropy), axis=-1, kind="stable")
    near = np.take_along_axis(shares, order, -1)
    kept, found = np.where(near.cumsum(-1) - near >= most, 0.0, near), np.zeros_like(near)
    np.put_along_axis(found, order, kept, -1)
    return found


class Bound:
    """A step bound to arrays that stay where they are, which spares onnxruntime half of what it does around one.

    The state goes to and fro between two sets of arrays.
    """

    def __init__(self, session: Any, inputs: Array, state: list[Array]) -> None:
        from onnxruntime import OrtValue

        outputs = session.get_outputs()
        self.session, self.rows, self.side = session, len(inputs), 0
        self.inputs, self.logits = inputs.copy(), np.zeros((self.rows, outputs[0].shape[-1]), np.float32)
        self.states = [[np.ascontiguousarray(part) + 0 for part in state] for _ in range(2)]
        given, found = OrtValue.ortvalue_from_numpy(self.inputs), OrtValue.ortvalue_from_numpy(self.logits)
        values = [[OrtValue.ortvalue_from_numpy(part) for part in side] for side in self.states]
        self.bindings = []
        for side in range(2):
            binding = session.io_binding()
            binding.bind_ortvalue_input("inputs", given)
            binding.bind_ortvalue_output(outputs[0].name, found)
            for place, (before, after) in enumerate(zip(values[side], values[1 - side], strict=True)):
                binding.bind_ortvalue_input(f"state.{place}", before)
                binding.bind_ortvalue_output(f"new.state.{place}", after)
            self.bindings.append(binding)

    def __call__(self, inputs: Array, state: list[Array]) -> tuple[Array, list[Array]]:
        """The logits [rows out], and the state after, which the next step but one overwrites."""
        if state is not self.states[self.side]:
            for here, part in zip(self.states[self.side], state, strict=True):
                here[:] = part
        self.inputs[:] = inputs
        self.session.run_with_iobinding(self.bindings[self.side])
        self.side = 1 - self.side
        return self.logits.copy(), self.states[self.side]


class Steps:
    """A model that is run step by step: rows of inputs in, logits out, the state carried along."""

    def __init__(self, session: Any, state: list[Array], memory: list[Array]) -> None:
        self.session, self.state, self.memory = session, state, memory
        self.outputs = [one.name for one in session.get_outputs()]
        taken = {one.name for one in session.get_inputs()}
        self.names = [(name, place) for place in range(len(state)) if (name := f"state.{place}") in taken]
        self.looked = [(name, place) for place in range(len(memory)) if (name := f"memory.{place}") in taken]
        self.attends = self.outputs[1:2] == ["attention"]
        self.attention: Array | None = None
        self.bound: Bound | None = None

    def __call__(self, inputs: Array, views: dict[str, Array] | None = None) -> Array:
        """The logits [rows out] after one input more of each row."""
        if not self.memory and not views and len(self.names) == len(self.state):
            if self.bound is None or self.bound.rows != len(inputs):
                self.bound = Bound(self.session, inputs, self.state)
            logits, self.state = self.bound(inputs, self.state)
            return logits
        given = {"inputs": inputs, **(views or {})}
        for name, place in self.names:
            given[name] = self.state[place]
        for name, place in self.looked:
            given[name] = self.memory[place]
        found = self.session.run(self.outputs, given)
        self.attention = found[1] if self.attends else None
        self.state = found[1 + self.attends :]
        first: Array = found[0]
        return first

    def pick(self, rows: Array, memory: bool = False) -> None:
        """Go on with these rows, any of them more than once. memory: with those of the memory too."""
        self.state = [part[rows] for part in self.state]
        if memory:
            self.memory = [part[rows] for part in self.memory]


def written_by(
    steps: Steps, first: Array, decoding: Decoding, writing: dict[str, Any], random: Any
) -> list[list[Hypothesis]]:
    """What is written greedily or by drawing, a hypothesis for each row, which is dropped once it has ended."""
    rows, inputs, end = np.arange(len(first)), first, writing["end"]
    ids: list[list[int]] = [[] for _ in rows]
    looked: list[list[int]] = [[] for _ in rows]
    scores, written = [0.0] * len(rows), np.zeros((len(rows), 0), np.int64)
    for _ in range(decoding.steps(writing)):
        logs = decoding.limited(log_softmax(steps(inputs)), written, writing)
        inputs = decoding.choose(logs, random)
        for place, (row, token) in enumerate(zip(rows.tolist(), inputs.tolist(), strict=True)):
            ids[row].append(token)
            scores[row] += float(logs[place, token])
            if steps.attention is not None:
                looked[row].append(int(steps.attention[place].argmax()))
        written = np.concatenate([written, inputs[:, None]], axis=1)
        going = np.flatnonzero(inputs != end) if end is not None else np.arange(len(inputs))
        if len(going) < len(inputs):
            if not len(going):
                break
            rows, inputs, written = rows[going], inputs[going], written[going]
            steps.pick(going, memory=True)
    found = []
    for one, total, seen in zip(ids, scores, looked, strict=True):
        ended = bool(one) and one[-1] == end
        kept = len(one) - ended
        found.append([Hypothesis(one[:kept], total, ended, tuple(seen[:kept]))])
    return found


def beam(steps: Steps, first: Array, decoding: Decoding, writing: dict[str, Any]) -> list[Hypothesis]:
    """The best hypotheses of one row, of which the `beam_size` likeliest are followed side by side.

    Those that end rank by log p / ((5 + length) / 6)^length_penalty, and by what attention covered (Wu et al. 2016).
    """
    size, end, most = decoding.beam_size, writing["end"], decoding.steps(writing)
    found: list[Hypothesis] = []
    scores, written, inputs = np.zeros(1), np.zeros((1, 0), np.int64), first
    looked = written
    covered: Array | None = None

    def rank(total: Array, length: int, seen: Array | None) -> Array:
        ranks: Array = total / ((5 + length) / 6) ** decoding.length_penalty
        if seen is not None:
            ranks = ranks + decoding.coverage_penalty * np.log(np.clip(seen, 1e-30, 1)).sum(-1, dtype=np.float64)
        return ranks

    for time in range(most):
        logs = decoding.limited(log_softmax(steps(inputs)), written, writing)
        if steps.attention is not None:
            looked = np.concatenate([looked, steps.attention.argmax(-1)[:, None]], axis=1)
        if decoding.coverage_penalty:
            if steps.attention is None:
                raise Problem("coverage-penalty asks what attention covered, and this model has none", 2)
            covered = steps.attention if covered is None else covered + steps.attention
        flat = (logs + scores[:, None]).ravel()
        count = min(2 * size, len(flat))
        least = np.partition(flat, len(flat) - count)[len(flat) - count]
        likely = np.flatnonzero(flat >= least)
        best = likely[np.argsort(-flat[likely], kind="stable")][:count]
        places, tokens, totals = best // logs.shape[1], best % logs.shape[1], flat[best]
        over = tokens == end if end is not None else np.zeros(len(tokens), bool)
        ranks = rank(totals, time + 1, None if covered is None else covered[places])
        for n in np.flatnonzero(over[:size] & np.isfinite(totals[:size])):
            seen = tuple(looked[places[n], : written.shape[1]].tolist())
            found.append(Hypothesis(written[places[n]].tolist(), float(ranks[n]), True, seen))
        going = np.argsort(over, kind="stable")[:size]
        scores = np.where(over[going], -np.inf, totals[going])
        origin = places[going]
        written = np.concatenate([written[origin], tokens[going][:, None]], axis=1)
        looked, covered = looked[origin], None if covered is None else covered[origin]
        reachable = scores.max() / ((5 + most) / 6) ** decoding.length_penalty
        told = sorted((one.score for one in found), reverse=True)
        if end is not None:
            enough = len(told) >= decoding.n_best and told[decoding.n_best - 1] >= reachable
            if len(found) >= size or enough or reachable == -np.inf:
                break
        steps.pick(origin)
        if len(origin) != len(logs):  # the row's memory for each of its hypotheses
            steps.memory = [np.repeat(part[:1], len(origin), axis=0) for part in steps.memory]
        inputs = tokens[going]
    else:
        ranks = rank(scores, most, covered)
        for ids, places_read, total, each in zip(written.tolist(), looked.tolist(), scores, ranks, strict=True):
            if total > -np.inf or not found:
                found.append(Hypothesis(ids, float(each), False, tuple(places_read)))
    return sorted(found, key=lambda one: (not one.ended, -one.score))[: decoding.n_best]


# ----------------------------------------------------------------------------------------------------------- the model


class Model:
    """A model of a folder, by default the one that this file lies in. Raises Problem where it is damaged."""

    def __init__(self, folder: str | Path | None = None, threads: int = 1) -> None:
        self.folder, self.threads = Path(folder) if folder else Path(__file__).resolve().parent, threads
        try:
            self._know()
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise Problem(f"{self.folder}/model.json is not what was exported: export the run again", 5) from error

    def _know(self) -> None:
        self.said = self._json("model.json", None)
        if self.said.get("format") != FORMAT:
            raise Problem(f"{self.folder}/model.json is not of format {FORMAT}: export the run again", 5)
        self.files: dict[str, str] = self.said["files"]
        names = self._json("vocabularies.json", self.files["vocabularies.json"])
        self.asks: str = self.said["asks"]
        self.inputs: list[dict[str, Any]] = self.said["inputs"]
        self.readers = {
            one["name"]: READERS[one["reads"]["kind"]](one["reads"] | names.get(one["name"], {})) for one in self.inputs
        }
        self.writing: dict[str, Any] | None = self.said.get("writing")
        written = self.said.get("writes")
        self.writes = READERS[written["kind"]](written | names["<writes>"]) if written else None
        answer = self.said.get("answer")
        self.judge = JUDGES[answer["kind"]](answer | names.get("<answer>", {})) if answer else None
        self.decoding = Decoding(**self.said["decoding"]) if self.said.get("decoding") else None
        self.sessions: dict[str, Any] = {}

    def _json(self, name: str, wanted: str | None) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._checked(name, wanted).read_bytes())
        return found

    def _checked(self, name: str, wanted: str | None) -> Path:
        """Where a file is, which must be what was exported."""
        path, sums = self.folder / name, sha256()
        try:
            with path.open("rb") as file:
                while block := file.read(1 << 16):
                    sums.update(block)
        except OSError as error:
            raise Problem(f"{path} cannot be read ({error.strerror}): export the run again", 5) from error
        if wanted is not None and sums.hexdigest() != wanted:
            raise Problem(f"{path} is not what was exported (its sha256 differs): export the run again", 5)
        return path

    def session(self, name: str) -> Any:
        """The graph of a file, checked and loaded when it is first asked for."""
        if name not in self.sessions:
            if name not in self.files:
                raise Problem(
                    f"this export has no {name}: {self.said['left_out'].get(name, 'it is of another kind')}", 2
                )
            onnxruntime = _onnxruntime()
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads, options.inter_op_num_threads = self.threads, 1
            options.log_severity_level = 3
            path = str(self._checked(name, self.files[name]))
            try:
                self.sessions[name] = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
            except Exception as error:  # it has classes of its own
                raise Problem(f"onnxruntime {onnxruntime.__version__} cannot load {path}: {error}", 5) from error
        return self.sessions[name]

    # ------------------------------------------------------------------------------------------------ reading a line

    def parsed(self, line: str) -> dict[str, Any]:
        """The value of each input of a line: the line itself where it is text, else JSON."""
        if self.said["lines"] == "text":
            return {one["name"]: line for one in self.inputs}
        try:
            value = json.loads(line)
        except ValueError as error:
            raise Problem(f"not valid JSON: {error}") from error
        called = {one["name"] for one in self.inputs} | {one["column"] for one in self.inputs}
        if self.said["lines"] == "value" and not (isinstance(value, dict) and called & value.keys()):
            return {one["name"]: value for one in self.inputs}
        if not isinstance(value, dict):
            raise Problem(f"it must be a JSON object with {', '.join(one['name'] for one in self.inputs)}")
        found = {}
        for one in self.inputs:
            key = next((key for key in (one["name"], one["column"]) if key in value), None)
            if key is None:
                raise Problem(f"there is no {one['name']}; it must be a JSON object with {', '.join(self.readers)}")
            found[one["name"]] = value[key]
        return found

    def columns(self, values: dict[str, Any]) -> dict[str, Array]:
        """The numbers of each input of a row, [steps ...], and of a forecast what its answer is scaled by."""
        ahead = self.said.get("ahead")
        values = values if ahead is None else self._up_to_now(values, ahead)
        found = {}
        for name, reader in self.readers.items():
            try:
                found[name] = reader.encode(values[name])
            except Problem as error:
                raise Problem(f"{name}: {error}") from error
        steps = len(found[self.inputs[0]["name"]])
        for one in self.inputs:
            other = len(found[one["name"]])
            known = ahead is not None and one["name"] in ahead["known"]  # of what is to come, too
            if one["role"] == "view" and (other < steps if known else other != steps):
                raise Problem(f"{one['name']}: {other} steps, and {self.inputs[0]['name']} has {steps}")
        if self.writing is not None and self.writing.get("unknown") is not None:  # words that may be copied
            name = self.inputs[0]["name"]
            found[WORDS] = np.array(self.readers[name].words(values[name]), dtype=object)
        return self._scaled(found, ahead) if ahead is not None else found

    def _up_to_now(self, values: dict[str, Any], ahead: dict[str, Any]) -> dict[str, Any]:
        """A row without last steps at which the series has no value: these say what is known ahead."""
        target = values[ahead["target"]]
        if not isinstance(target, list):
            return values
        now = len(target)
        while now and (target[now - 1] is None or target[now - 1] == ""):
            now -= 1
        cut = {one["name"] for one in self.inputs if one["role"] in ("first", "view")} - set(ahead["known"])
        return {name: each[:now] if name in cut and isinstance(each, list) else each for name, each in values.items()}

    def _scaled(self, found: dict[str, Array], ahead: dict[str, Any]) -> dict[str, Array]:
        target = found[ahead["target"]]
        scales = {name: so_far(found[name], season) for name, season in ahead["seasons"].items()}
        made = dict(found)
        for name, scale in scales.items():
            read = (found[name] - scale.centre) / scale.deviation
            made[name] = np.clip(read, -FARTHEST, FARTHEST).astype(np.float32)
        for name in ahead["known"]:
            made[name] = next_steps(found[name], len(target), ahead["horizon"])
        own = scales.get(ahead["target"])
        if own is not None:
            made["<units>"] = np.concatenate(own, axis=1)
        if ahead["lags"] is not None:
            values = lagged(target, ahead["lags"])
            if own is not None:
                values = np.clip((values - own.centre[:, None]) / own.deviation[:, None], -FARTHEST, FARTHEST)
            made["<lags>"] = np.nan_to_num(values).reshape(len(values), -1).astype(np.float32)
        return made

    def _batch(self, rows: Sequence[dict[str, Array]]) -> dict[str, Array]:
        """Rows side by side, padded with 0, as the graphs take them."""
        found: dict[str, Array] = {}
        roles = {one["name"]: one["role"] for one in self.inputs} | {"<lags>": "view"}
        for name in rows[0]:
            role = roles.get(name)
            if role is None:
                continue
            called = {"first": "inputs", "source": "source", "view": f"view.{name}", "whole": f"whole.{name}"}[role]
            lengths = np.array([len(row[name]) for row in rows], np.int64)
            values = np.zeros((len(rows), max(1, int(lengths.max())), *rows[0][name].shape[1:]), rows[0][name].dtype)
            for row, one in enumerate(rows):
                values[row, : lengths[row]] = one[name]
            found[called] = values
            if role != "view":
                found["lengths" if role == "first" else f"{called}.lengths"] = lengths
        return found

    def begin(self, rows: int) -> list[Array]:
        """The state in which rows begin."""
        found = []
        for one in self.said["state"]:
            values, shape = np.array(one["values"], one["dtype"]), one["shape"]
            whole = np.full(shape, values[0]) if len(values) == 1 else values.reshape(shape)
            found.append(np.repeat(whole[None], rows, axis=0))
        return found

    # --------------------------------------------------------------------------------------------------- answering

    def answer(
        self,
        lines: Sequence[str],
        probabilities: bool = False,
        decoding: Decoding | None = None,
        seed: int = 1,
        first: int = 1,
    ) -> list[dict[str, Any]]:
        """An answer to each line: its prediction and score, None of a blank one. Raises Problem, which names the line.

        probabilities: of all classes too. decoding: of a model that writes; None: as in training. seed: what is drawn
        begins with it. first: the number of the first line.
        """
        if self.asks == "next":
            raise Problem("a language model goes on with a text: use go_on", 2)
        rows = {}
        for number, line in enumerate(lines, first):
            if line.strip():
                try:
                    rows[number] = self.columns(self.parsed(line))
                except Problem as error:
                    raise Problem(f"line {number}: {error}", error.exit_code) from error
        found = iter(self._answers(list(rows.values()), probabilities, decoding, [seed, first]))
        blank = {"prediction": None, "score": None}
        return [next(found) if number in rows else dict(blank) for number in range(first, first + len(lines))]

    def _answers(
        self, rows: Sequence[dict[str, Array]], probabilities: bool, decoding: Decoding | None, seed: list[int]
    ) -> list[dict[str, Any]]:
        if not rows:
            return []
        if self.asks == "text":
            return self._written(rows, decoding or self.decoding or Decoding(), seed)
        pairs = zip(self.logits(rows), [row.get("<units>") for row in rows], strict=True)
        return [self._told(logits, scale, probabilities) for logits, scale in pairs]

    def logits(self, rows: Sequence[dict[str, Array]]) -> list[Array]:
        """Of each row of columns the logits [out], or [steps out]."""
        given = self._batch(rows)
        lengths = given["lengths"].tolist()
        if "model.onnx" in self.files:
            session = self.session("model.onnx")
            taken = {one.name for one in session.get_inputs()}
            given |= {f"state.{number}": part for number, part in enumerate(self.begin(len(rows)))}
            (found,) = session.run(["logits"], {name: each for name, each in given.items() if name in taken})
            each = list(found)
        else:
            each = self._step_by_step(given, lengths)
        return [row if self.asks == "row" else row[:length] for row, length in zip(each, lengths, strict=True)]

    def _step_by_step(self, given: dict[str, Array], lengths: list[int]) -> list[Array]:
        """The same by single steps, of a model that no graph of whole sequences could be made of."""
        steps = Steps(self.session("step.onnx"), self.begin(len(lengths)), [])
        views = [name for name in given if name.startswith("view.")]
        found = [
            steps(given["inputs"][:, at], {name: given[name][:, at] for name in views}) for at in range(max(lengths))
        ]
        together = np.stack(found, axis=1)
        return [row[length - 1] if self.asks == "row" else row for row, length in zip(together, lengths, strict=True)]

    def _told(self, logits: Array, units: Array | None, probabilities: bool) -> dict[str, Any]:
        items = logits[None] if self.asks == "row" else logits[-1:] if self.asks == "ahead" else logits
        if units is not None:
            centre, deviation = np.split(units[-1].astype(items.dtype), 2)
            items = (items.reshape(len(items), -1, len(centre)) * deviation + centre).reshape(len(items), -1)
        assert self.judge is not None
        found = self.judge(items)
        told: dict[str, Any] = {"prediction": [one for one, _ in found], "score": [score for _, score in found]}
        if probabilities:
            if not hasattr(self.judge, "probabilities"):
                raise Problem("there are no classes whose probabilities could be told", 2)
            names = self.judge.names
            told["probabilities"] = [
                {name: float(f"{share:.6g}") for name, share in zip(names, row, strict=True)}
                for row in self.judge.probabilities(items).tolist()
            ]
        if self.asks == "step":
            return told
        return {name: each[0] for name, each in told.items()}

    def stream(self) -> "Stream":
        """What reads one sequence piece by piece, and answers after each. Raises Problem for who reads to the end."""
        return Stream(self)

    # ----------------------------------------------------------------------------------------------------- writing

    def _written(self, rows: Sequence[dict[str, Array]], decoding: Decoding, seed: list[int]) -> list[dict[str, Any]]:
        if decoding.replace_unknown and self._how().get("unknown") is None:
            raise Problem("replace-unknown is of a model with attention that reads and writes words: leave it out", 2)
        random = decoding.drawing(seed)
        found: list[list[Hypothesis]] = []
        if decoding.checked().name == "beam":
            for row in rows:
                steps, first = self._begun([row])
                found.append(beam(steps, first, decoding, self._how()))
        else:
            steps, first = self._begun(rows)
            found = written_by(steps, first, decoding, self._how(), random)
        told = []
        for row, several in zip(rows, found, strict=True):
            words: Sequence[str] = row[WORDS].tolist() if decoding.replace_unknown else []
            each = [{"prediction": self._text(one, words), "score": one.score} for one in several]
            told.append({**each[0], **({"n_best": each} if decoding.n_best > 1 else {})})
        return told

    def _how(self) -> dict[str, Any]:
        assert self.writing is not None
        return self.writing

    def _text(self, one: Hypothesis, words: Sequence[str]) -> str:
        """The text of a hypothesis. words: of the source, one of which is told in the place of each unknown one."""
        assert self.writes is not None
        if not len(words):
            return str(self.writes.written([number for number in one.ids if number < len(self.writes.names)]))
        unknown, pairs = self._how()["unknown"], zip(one.ids, one.looked, strict=True)
        return " ".join(words[at] if number == unknown else self.writes.names[number] for number, at in pairs)

    def _begun(self, rows: Sequence[dict[str, Array]]) -> tuple[Steps, Array]:
        """A decoder that has read the sources of some rows, and what each row reads first."""
        memory: list[Array] = []
        state = self.begin(len(rows))
        if "encoder.onnx" in self.files:
            session = self.session("encoder.onnx")
            taken = {one.name for one in session.get_inputs()}
            given = {name: each for name, each in self._batch(rows).items() if name in taken}
            names = [one.name for one in session.get_outputs()]
            found = dict(zip(names, session.run(names, given), strict=True))
            memory = [found[name] for name in names if name.startswith("memory.")]
            state = [found[name] for name in names if name.startswith("state.")]
        return Steps(self.session("step.onnx"), state, memory), np.full(len(rows), self._how()["begin"], np.int64)

    def go_on(
        self, prompt: str = "", length: int = LENGTH, decoding: Decoding | None = None, seed: int = 1
    ) -> Iterator[str]:
        """What a language model writes after a prompt, piece by piece as it is written. Raises Problem."""
        steps, tokens = self._prompted(prompt)
        how = (decoding or self.decoding or Decoding("sampling"))._replace(max_length=length).checked()
        if how.replace_unknown:
            raise Problem("replace-unknown is of a model that reads a source, and this one goes on with a text", 2)
        writing = {"end": None, "forbidden": self._how()["forbidden"], "longest": length}
        assert self.writes is not None
        if how.name == "beam":
            yield self.writes.decode(beam(steps, tokens[-1:], how, writing)[0].ids, prompt[-1:])
            return
        random, inputs, last = how.drawing(seed), tokens[-1:], prompt[-1:]
        written, waiting = np.zeros((1, 0), np.int64), list[int]()
        for _ in range(length):
            inputs = how.choose(how.limited(steps(inputs), written, writing), random)
            if how.no_repeat_ngram:
                written = np.concatenate([written, inputs[:, None]], axis=1)
            waiting.append(int(inputs[0]))
            piece = self.writes.decode(waiting, last)
            if piece.endswith(BROKEN) and len(waiting) < LONGEST_LETTER:  # not all bytes of a letter are there
                continue
            yield piece
            last, waiting = piece[-1:], []
        if waiting:
            yield self.writes.decode(waiting, last)

    def _prompted(self, prompt: str) -> tuple[Steps, Array]:
        """A language model that has read a prompt but for its last token; and its tokens."""
        if self.asks != "next" or self.writes is None:
            raise Problem("this is no language model that goes on with a text: use answer", 2)
        tokens = self.writes.encode(prompt) if prompt else np.zeros(0, np.int64)
        if not len(tokens):
            tokens = self.writes.encode("\n")
        steps = Steps(self.session("step.onnx"), self.begin(1), [])
        for token in tokens[:-1]:
            steps(np.array([token]))
        return steps, tokens


def _onnxruntime() -> Any:
    try:
        return importlib.import_module("onnxruntime")
    except ImportError as error:
        raise Problem("the package onnxruntime is missing: pip install onnxruntime", 2) from error


class Stream:
    """One sequence read piece by piece: a text's next words or letters, or the next steps; the state is carried."""

    def __init__(self, model: Model) -> None:
        if model.asks not in ("row", "step", "ahead"):
            raise Problem("a model that writes has nothing to be read piece by piece", 2)
        if (model.said.get("ahead") or {}).get("known"):
            raise Problem("a forecast by what is known ahead is asked for with all of it at once, not in pieces", 2)
        self.model = model
        self.steps = Steps(model.session("step.onnx"), model.begin(1), [])
        self.before: dict[str, Array] = {}

    def read(self, line: str, probabilities: bool = False) -> list[dict[str, Any]]:
        """The answer after each step of a piece; of a row, or of what is ahead, the answer so far."""
        model = self.model
        found = model.columns(model.parsed(line))
        if model.said.get("ahead") is not None:
            found = self._after_what_was_read(line)
        given = model._batch([found])
        views = [name for name in given if name.startswith("view.")]
        told = []
        for step in range(given["inputs"].shape[1]):
            logits = self.steps(given["inputs"][:, step], {name: given[name][:, step] for name in views})
            units = found["<units>"][step : step + 1] if "<units>" in found else None
            told.append(model._told(logits[0] if model.asks == "row" else logits, units, probabilities))
        return told

    def _after_what_was_read(self, line: str) -> dict[str, Array]:
        """The new steps' numbers, which are scaled by all that was read so far."""
        model = self.model
        read = {name: reader.encode(model.parsed(line)[name]) for name, reader in model.readers.items()}
        both = {name: np.concatenate([self.before[name], one]) if self.before else one for name, one in read.items()}
        self.before = both
        steps = len(read[model.inputs[0]["name"]])
        return {name: one[-steps:] for name, one in model._scaled(both, model.said["ahead"]).items()}


# ------------------------------------------------------------------------------------------------- the command line


def lines_of(path: str | None) -> Iterator[str]:
    """Lines of a file or of standard input, as they come."""
    try:
        file = open(path, "rb") if path else sys.stdin.buffer
    except OSError as error:
        raise Problem(f"--input {path} cannot be read: {error.strerror}", 2) from error
    with file:
        for number, line in enumerate(file, 1):
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
            except UnicodeDecodeError as error:
                raise Problem(f"line {number}: not UTF-8 ({error.reason})") from error


def options() -> argparse.ArgumentParser:
    """What the command line takes."""
    parser = argparse.ArgumentParser(description="Answers of an exported model, for lines of standard input.")
    add = parser.add_argument
    add("--input", metavar="FILE", help="a file, one input a line, in the place of standard input")
    add("--probabilities", action="store_true", help="those of all classes too")
    add("--stream", action="store_true", help="all lines are pieces of one sequence: an answer after each of its steps")
    add(
        "--json",
        action="store_true",
        help="of a language model, a line of JSON in the place of the text as it is written",
    )
    add("--prompt", help="what a language model goes on with, in the place of standard input")
    add("--length", type=int, help=f"tokens at most; of a language model {LENGTH}")
    add("--seed", type=int, default=1, help="what is drawn begins with it")
    add("--decoding", choices=("greedy", "sampling", "beam"), help="how tokens are chosen; without it as in training")
    add("--temperature", type=float, help="of sampling: below 1 safer, above 1 wilder")
    add("--top-k", type=int, help="of sampling: from the k likeliest tokens only")
    add("--top-p", type=float, help="of sampling: from the likeliest tokens that together have this probability")
    add("--min-p", type=float, help="of sampling: from the tokens at least this share as likely as the likeliest")
    add(
        "--typical-p", type=float, help="of sampling: from those about as likely as expected that have this probability"
    )
    add("--beam-size", type=int, help="hypotheses that are followed side by side")
    add("--length-penalty", type=float, help="of a beam: 0 prefers short answers")
    add("--coverage-penalty", type=float, help="of a beam: above 0 prefers answers that looked at all of the source")
    add("--n-best", type=int, help="of a beam: so many answers to each line")
    add("--min-length", type=int, help="tokens before an end may come")
    add("--no-repeat-ngram", type=int, help="no so many tokens in a row occur twice")
    add(
        "--replace-unknown",
        action="store_true",
        default=None,
        help="in the place of an unknown word, the word of the source that attention looks at",
    )
    return parser


def asked_decoding(model: Model, typed: dict[str, Any]) -> Decoding:
    """The decoding of training, with what is typed in its place."""
    own = model.decoding or Decoding("sampling" if model.asks == "next" else "greedy")
    name = typed.pop("decoding", None)
    if name is None:
        of_sampling = {"temperature", "top_k", "top_p", "min_p", "typical_p"} & typed.keys()
        of_beams = {"beam_size", "length_penalty", "coverage_penalty", "n_best"} & typed.keys()
        name = "sampling" if of_sampling else "beam" if of_beams else own.name
    kept = (
        own
        if name == own.name
        else Decoding(
            name, min_length=own.min_length, no_repeat_ngram=own.no_repeat_ngram, replace_unknown=own.replace_unknown
        )
    )
    return kept._replace(**typed).checked()


def main(arguments: Sequence[str] | None = None) -> int:
    """Answer the command line; the exit code."""
    asked = vars(options().parse_args(arguments))
    try:
        model = Model()
        if asked["seed"] < 0:
            raise Problem("--seed must be at least 0", 2)
        typed = {key: asked[key] for key in ("decoding", *Decoding._fields) if asked.get(key) is not None}
        if asked["length"] is not None:
            typed["max_length"] = asked["length"]
        if typed and model.asks not in ("text", "next"):
            option = next(iter(typed)).replace("max_length", "length").replace("_", "-")
            raise Problem(f"--{option} is of a model that writes, and this one does not", 2)
        idle = ("stream", "probabilities") if model.asks == "next" else ("prompt", "json")
        for option in idle:
            if asked[option]:
                raise Problem(f"--{option} is not of this model, which is {KINDS[model.asks]}: leave it out", 2)
        if model.asks == "next":
            _go_on(model, asked, asked_decoding(model, typed))
        elif asked["stream"]:
            _stream(model, asked)
        else:
            decoding = asked_decoding(model, typed) if model.asks == "text" else None
            _answer(model, asked, decoding)
    except Problem as error:
        print(f"run.py: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:  # nobody reads any more, of what Python would still write at its end too
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        return 130
    return 0


def _answer(model: Model, asked: dict[str, Any], decoding: Decoding | None) -> None:
    """Each line answered: those of a pipe as they come, those of a file many at a time."""
    lines, number = lines_of(asked["input"]), 0
    while some := list(itertools.islice(lines, ROWS if asked["input"] else 1)):
        for one in model.answer(some, asked["probabilities"], decoding, asked["seed"], number + 1):
            say(as_line(one))
        number += len(some)


def _stream(model: Model, asked: dict[str, Any]) -> None:
    stream = model.stream()
    for number, line in enumerate(lines_of(asked["input"]), 1):
        try:
            found = stream.read(line, asked["probabilities"])
        except Problem as error:
            raise Problem(f"line {number}: {error}", error.exit_code) from error
        for one in found:
            say(as_line(one))


def _go_on(model: Model, asked: dict[str, Any], decoding: Decoding) -> None:
    prompt = asked["prompt"]
    if prompt is None:
        prompt = "\n".join(lines_of(asked["input"]))
    length = asked["length"] or LENGTH
    found = model.go_on(prompt, length, decoding, asked["seed"])
    if asked["json"]:
        say(as_line({"prompt": prompt, "prediction": "".join(found)}))
        return
    say(prompt)
    for piece in found:
        say(piece)
    say("\n")


def as_line(value: Any) -> str:
    """A line of JSON; a number that is none, for which JSON has no word, is null."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n"
    except ValueError:
        return json.dumps(_finite(value), ensure_ascii=False, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def say(text: str) -> None:
    """On standard output, at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

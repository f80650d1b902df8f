"""Raw values, whatever the format: read as a number, a list, a name; all bad ones of a block are told at once."""

import math
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import chain
from typing import Any, TypeVar

import numpy as np

from seqnet.data.fields.field import BadValues, Raw
from seqnet.data.files import shown
from seqnet.data.numbers import LARGEST, brief

MISSING = ("", "?", "na", "n/a", "nan", "null", "none")
"""Texts that say that there is no number, in small letters or capitals."""

WITH_COMMA = re.compile(r"[-+]?\d+,\d+")
THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2},\d{3}")
WITHIN = re.compile(r"\d,\d")
BETWEEN = re.compile(r";|[^\s,]\s+[^\s,]")
"""A comma within a number, and what stands between numbers: together they leave open what a comma means."""

ENTRY = re.compile(r"entry (\d+): ")
"""How what is wrong with an entry of a list begins: which it is, counted from 1."""

Made = TypeVar("Made")


class Unusable(Exception):
    """A value cannot be used; the message says why."""


def each(values: Sequence[Raw], read: Callable[[Raw], Made]) -> list[Made]:
    """What `read` makes of every value. Raises BadValues with all for which it raises Unusable."""
    made, problems = [], {}
    for position, value in enumerate(values):
        try:
            made.append(read(value))
        except Unusable as error:
            problems[position] = str(error)
    if problems:
        raise BadValues(problems)
    return made


def told(value: Raw) -> str:
    """A value as an error shows it: text in quotes, not too long."""
    if isinstance(value, str):
        return f"'{shown(value, 40)}'"
    return shown(brief(value.item() if isinstance(value, np.generic) else value))


# ------------------------------------------------------------------------------------------------------------ numbers


def number(value: Raw) -> float:
    """A value as a number, NaN where it is missing. Raises Unusable for what is none, and for an infinite one."""
    if value is None or (isinstance(value, str) and value.strip().lower() in MISSING):
        return math.nan
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str) and "_" not in value:
        try:
            made = float(value)
        except ValueError:
            hint = f"; {of_comma(value.strip())}" if WITH_COMMA.fullmatch(value.strip()) else ""
            raise Unusable(f"{told(value)} is not a number{hint}") from None
    elif isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        try:
            made = float(value)
        except OverflowError:
            made = math.inf
    else:
        raise Unusable(f"{told(value)} is not a number")
    if abs(made) > LARGEST:
        raise Unusable(f"{told(value)} is not a finite number")
    return made


def of_comma(text: str) -> str:
    """What is told of a number with a comma in it: how it is written."""
    if THOUSANDS.fullmatch(text):
        whole, point = text.replace(",", ""), text.replace(",", ".")
        return f"a comma stands between figures: write {whole} (or {point}, if it is a decimal)"
    return "decimals are written with a point"


def scalars(values: Sequence[Raw]) -> np.ndarray:
    """A number a value, float64, NaN where it is missing. Raises BadValues."""
    kinds = set(map(type, values))
    made = None
    if kinds <= {int, float}:
        made = _quick(values)
    elif kinds == {str} and "_" not in "".join(values):
        try:
            made = np.fromiter(map(float, values), np.float64, len(values))
        except ValueError:
            made = None  # it is found again below, and told
    if made is None or not np.all(np.abs(made) <= LARGEST):
        made = np.array(each(values, number), np.float64)
    return made


def _quick(values: Any) -> np.ndarray | None:
    """An array of numbers, or None where it takes a closer look."""
    try:
        made = np.asarray(values)
    except ValueError:
        return None
    return made.astype(np.float64) if made.dtype.kind in "iuf" else None


def lists(values: Sequence[Raw]) -> tuple[np.ndarray, np.ndarray] | None:
    """The numbers of plain lists end to end, and how many each has; None where it takes a closer look at each."""
    if not set(map(type, values)) <= {list, tuple} or not all(values):
        return None
    items = list(chain.from_iterable(values))
    if not set(map(type, items)) <= {int, float, str, type(None)}:
        return None
    try:
        return scalars(items), np.fromiter(map(len, values), np.int64, len(values))
    except BadValues:
        return None


def numbers(value: Raw) -> np.ndarray:
    """A list, an array, or text of numbers (between spaces, commas or semicolons), float64 [n], NaN = missing.

    Raises Unusable.
    """
    made = array(value)
    if made.ndim != 1:
        raise Unusable(f"{told(value)} holds lists where there must be numbers")
    return made


def array(value: Raw) -> np.ndarray:
    """A list of numbers or of lists of as many numbers each, an array, or text of numbers: float64, NaN = missing.

    Raises Unusable.
    """
    if isinstance(value, str):
        if WITHIN.search(value) and BETWEEN.search(value):
            raise Unusable(f"commas stand within the numbers of {told(value)}; write decimals with a point")
        value = value.strip().strip("[]()").replace(",", " ").replace(";", " ").split()
    if not isinstance(value, list | tuple | np.ndarray):
        raise Unusable("the value is missing" if missing(value) else f"{told(value)} is not a list of numbers")
    if len(value) == 0:
        raise Unusable("the list is empty")
    made = _quick(value)
    if made is None or not made.ndim or not np.all(np.abs(made) <= LARGEST):
        made = _carefully(list(value))
    return made


def _carefully(value: list[Raw]) -> np.ndarray:
    nested = [isinstance(item, list | tuple | np.ndarray) for item in value]
    rows: list[Any] = []
    for place, (item, inside) in enumerate(zip(value, nested, strict=True), 1):
        try:
            rows.append(_carefully(list(item)) if inside else number(item))
        except Unusable as error:
            raise Unusable(f"entry {place}: {error}") from None
    if any(nested) and (not all(nested) or len({row.shape for row in rows}) > 1):
        raise Unusable(f"{told(value)} is not a list of lists of as many numbers each")
    return np.array(rows, np.float64)


def missing(value: Raw) -> bool:
    """Whether there is no value: None, NaN, or blank text."""
    return (
        value is None
        or (isinstance(value, str) and not value.strip())
        or (isinstance(value, float | np.floating) and math.isnan(value))
    )


# --------------------------------------------------------------------------------------------------------------- names


def name(value: Raw) -> str:
    """A value as a name: text, a whole number, true or false. Raises Unusable."""
    if missing(value):
        raise Unusable("the value is missing")
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return str(int(value))
    raise Unusable(f"{told(value)} is neither a name nor a whole number")


def items(value: Raw, separator: str | None = None) -> list[Raw]:
    """The entries of a list, or of text between separators (None: white space). Raises Unusable where there is none."""
    if isinstance(value, str):
        value = value.split(separator)
    elif isinstance(value, np.ndarray):
        value = value.tolist()
    if not isinstance(value, list | tuple):
        raise Unusable("the value is missing" if missing(value) else f"{told(value)} is not a list")
    return list(value)


def words(value: Raw) -> list[str]:
    """The words of a row: a list of texts, or text whose words stand apart. Raises Unusable."""
    found = items(value)
    try:
        if found and all(map(str.strip, found)):
            return found
    except TypeError:
        pass  # one is no text, and is looked for
    for place, word in enumerate(found, 1):
        if not isinstance(word, str) or not word.strip():
            raise Unusable(f"word {place} is " + ("empty" if missing(word) else f"no text but {told(word)}"))
    raise Unusable("there are no words")

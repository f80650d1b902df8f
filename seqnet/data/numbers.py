"""Rows of numbers written as JSON: read and checked step by step, so that an error can say where it is."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from seqnet import strict_json
from seqnet.batch import IGNORE
from seqnet.data.examples import Examples, Ragged
from seqnet.errors import DataError

LARGEST = torch.finfo(torch.float32).max


SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")  # how JSON writes one, in a pair or alone


def parse(text: str) -> Any:
    """The JSON value in `text`. Raises ValueError or RecursionError, also for what would be read wrongly in silence."""
    value = DECODER.decode(text)
    if SURROGATE.search(text):
        try:
            strict_json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("half of a surrogate pair is no character") from None
    return value


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"the key {brief(twice)} is there twice")
    return made


DECODER = json.JSONDecoder(object_pairs_hook=_each_once)  # made once, since json.loads makes one for each text


def read_json(text: str, where: str) -> Any:
    """The JSON value in `text`. Raises DataError with the place at which it stops being JSON."""
    try:
        return parse(text.rstrip())
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}" if error.lineno > 1 else f"column {error.colno}"
        raise DataError(f"{where}: not valid JSON at {place}: {error.msg}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: not JSON that can be read: {error}") from error


def number(value: Any, where: str) -> float:
    """`value` as a number that float32 holds. Raises DataError for NaN, infinity, and what is no number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise DataError(f"{where}: {brief(value)} is not a number")
    if not abs(value) <= LARGEST:
        raise DataError(f"{where}: {brief(value)} is not a finite number")
    return float(value)


def whole(value: Any, least: int, most: int, where: str) -> int:
    """`value` as a whole number from `least` to `most`. Raises DataError."""
    if number(value, where) != int(value) or not least <= value <= most:
        raise DataError(f"{where}: {brief(value)} is not a whole number from {least} to {most}")
    return int(value)


def vector(value: Any, width: int, where: str) -> list[float]:
    """`value` as `width` numbers; a width of 1 needs no list. Raises DataError."""
    items = [value] if width == 1 and not isinstance(value, list) else value
    if not isinstance(items, list):
        raise DataError(f"{where}: {brief(value)} is not a list of {width} numbers")
    if len(items) != width:
        raise DataError(f"{where}: {len(items)} numbers where there must be {width}")
    return [number(item, where) for item in items]


def steps(value: Any, where: str) -> list[Any]:
    """`value` as the steps of one sequence. Raises DataError where it is no list, or an empty one."""
    if not isinstance(value, list):
        raise DataError(f"{where}: {brief(value)} is not a list of steps")
    if not value:
        raise DataError(f"{where}: the sequence is empty")
    return value


def vectors(value: Any, width: int, where: str) -> Tensor:
    """One sequence of vectors, [time width] float32. Raises DataError naming the step."""
    rows = [vector(step, width, f"{where}, step {place}") for place, step in enumerate(steps(value, where), 1)]
    return torch.tensor(rows, dtype=torch.float32)


def wholes(value: Any, least: int, most: int, where: str) -> Tensor:
    """One sequence of whole numbers, [time] int64. Raises DataError naming the step."""
    return torch.tensor(
        [whole(step, least, most, f"{where}, step {place}") for place, step in enumerate(steps(value, where), 1)]
    )


def read_rows(lines: Iterable[str], where: str, first: int, read: Callable[[Any, str], Tensor], like: Tensor) -> Ragged:
    """One sequence a line, each made by `read(value, where)`; `like` has the shape and type of no steps at all.

    where, first: what the lines are read from, and the number of the first.
    """
    rows = []
    for line, text in enumerate(lines, first):
        place = f"{where}, line {line}"
        rows.append(read(read_json(text, place), place))
    return Ragged.of(rows) if rows else Ragged(like, torch.zeros(1, dtype=torch.int64))


def read_vectors(lines: Iterable[str], where: str, first: int, width: int) -> Ragged:
    """One sequence of vectors a line. Raises DataError naming the line and the step."""
    return read_rows(lines, where, first, lambda value, place: vectors(value, width, place), torch.zeros(0, width))


def read_wholes(lines: Iterable[str], where: str, first: int, most: int) -> Ragged:
    """One sequence of whole numbers from 0 to `most` a line. Raises DataError naming the line and the step."""
    like = torch.zeros(0, dtype=torch.int64)
    return read_rows(lines, where, first, lambda value, place: wholes(value, 0, most, place), like)


def rows_without_targets(inputs: Ragged, size: int | None = None) -> Examples:
    """Inputs of which nothing is asked, one target a row: a class, or `size` numbers."""
    rows = len(inputs)
    targets = torch.full((rows,), IGNORE) if size is None else torch.full((rows, size), float("nan"))
    return Examples(inputs, targets)


def steps_without_targets(inputs: Ragged, size: int | None = None) -> Examples:
    """Inputs of which nothing is asked, one target a step: a class, or `size` numbers."""
    total = len(inputs.flat)
    targets = torch.full((total,), IGNORE) if size is None else torch.full((total, size), float("nan"))
    return Examples(inputs, Ragged(targets, inputs.offsets))


def brief(value: Any) -> str:
    """A value as an error message shows it: JSON of at most 40 characters, of a large value only its beginning made."""
    text = ""
    try:
        for part in json.JSONEncoder().iterencode(value):
            text += part
            if len(text) > 40:
                break
    except (TypeError, ValueError, RecursionError):
        text = str(type(value))
    return text if len(text) <= 40 else text[:37] + "..."


def show_steps(inputs: Tensor, most: int = 12) -> str:
    """Vectors as text, the first `most` of them. inputs: [time feature]."""
    shown = [_show_step(step) for step in inputs[:most].tolist()]
    return " ".join(shown) + (f" ... ({len(inputs)} steps)" if len(inputs) > most else "")


def _show_step(step: Sequence[float]) -> str:
    numbers = [f"{item:.2f}" for item in step]
    return numbers[0] if len(numbers) == 1 else f"({', '.join(numbers)})"

"""What an option may hold: said at the parameter that takes it, by its annotation. Read without torch.

    def __init__(self, targets: Spec, delta: Positive = 1.0, kind: Literal["a", "b"] = "a", most: Count | None = None)

`of` reads what a class says. `bool`, `int`, `float`, `str`, `Literal`, `X | None` and `Sequence[X]` say enough by
themselves; the names at the end of this file are numbers of a range, and texts of a kind.
"""

import sys
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from seqnet.errors import did_you_mean

SMALLEST, LARGEST = 1.2e-38, 3.4e38  # of 32-bit floats


@dataclass(frozen=True)
class Option:
    """What a key may hold. `words` goes on from "must be"."""

    words: str
    accepts: Callable[[Any], bool]
    choices: tuple[str, ...] = ()
    text: bool = False  # what was typed is text, whatever it looks like

    def refusal(self, key: str, value: Any) -> str | None:
        """The sentence that refuses the value, or None where it is right."""
        parts = value if isinstance(value, list) else [value]
        if self.accepts(value):
            if any(_is_number(part) and not _fits(part) for part in parts):
                return f"{key}={shown(value)} is a number that neither 32 bits of a float nor 64 of an integer hold"
            return None
        wrong = next((part for part in parts if isinstance(part, str) and part not in self.choices), None)
        hint = "" if wrong is None else did_you_mean(wrong, self.choices)
        return f"{key}={shown(value)} must be {self.words}{hint}"


def shown(value: Any) -> str:
    """A value as it would be typed, on one line."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (list, tuple)):
        return f"[{','.join(shown(part) for part in value)}]"
    text = str(value)
    return text if text.isprintable() else text.encode("unicode_escape").decode()


def or_chosen(option: Option) -> Option:
    """The same, or the word `chosen`: what is best on the validation split."""
    return Option(f"{option.words}, or chosen", lambda value: value == "chosen" or option.accepts(value), ("chosen",))


def or_null(option: Option) -> Option:
    """The same, or null."""
    return Option(
        f"{option.words}, or null",
        lambda value: value is None or option.accepts(value),
        option.choices,
        option.text,
    )


def number(
    least: float | None = None, above: float | None = None, below: float | None = None, most: float | None = None
) -> Option:
    """A finite number of a range."""
    bounds = _bounds(least, above, below, most)

    def accepts(value: Any) -> bool:
        return _is_number(value) and _within(value, least, above, below, most)

    return Option(f"a number{bounds}", accepts)


def whole(least: int | None = None, most: int | None = None) -> Option:
    """A whole number; true and false are none."""

    def accepts(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and _within(value, least, None, None, most)

    return Option(f"a whole number{_bounds(least, None, None, most)}", accepts)


def numbers(count: int | None = None, least: float | None = None, below: float | None = None) -> Option:
    """A list of numbers, of a given length and range; without a length, of any but 0, and all different."""

    def accepts(value: Any) -> bool:
        return (
            isinstance(value, list)
            and (len(value) == count if count else 0 < len(value) == len(set(map(str, value))))
            and all(_is_number(part) and _within(part, least, None, below, None) for part in value)
        )

    return Option(f"a list of {count or 'different'} numbers{_bounds(least, None, below, None)}", accepts)


def one_of(*choices: str) -> Option:
    """One of a few words."""
    *first, last = choices
    words = f"{', '.join(first)} or {last}" if first else last
    return Option(words, lambda value: value in choices, choices)


def some_of(*choices: str) -> Option:
    """A list of a few words, each once."""

    def accepts(value: Any) -> bool:
        return (
            isinstance(value, list) and all(part in choices for part in value) and len(value) == len(frozenset(value))
        )

    return Option(f"a list of any of {', '.join(choices)}, each once", accepts, choices)


def several(option: Option) -> Option:
    """A list of such values."""
    return Option(
        f"a list, each part {option.words}",
        lambda value: isinstance(value, list) and all(option.accepts(part) for part in value),
    )


def _is_path(value: Any) -> bool:
    """Whether it could be the name of something: systems take up to 4096 bytes, up to 255 between slashes."""
    if not isinstance(value, str) or value == "" or "\0" in value or "\n" in value:
        return False
    parts = [len(part.encode("utf-8", "surrogatepass")) for part in value.split("/")]
    return max(parts) <= 255 and sum(parts) + len(parts) <= 4096


FLAG = Option("true or false", lambda value: isinstance(value, bool), ("true", "false"))
TEXT = Option("text", lambda value: isinstance(value, str) and value != "", text=True)
ANY_TEXT = Option("text", lambda value: isinstance(value, str), text=True)
NAMES = Option(
    "a list of names, such as [my_package]",
    lambda value: isinstance(value, list) and all(isinstance(part, str) and part.isidentifier() for part in value),
)
CLASS = Option(
    "a class and where it is, such as seqnet.cells.lstm.LSTM",
    lambda value: isinstance(value, str) and len(value.split(".")) > 1 and all(map(str.isidentifier, value.split("."))),
)
ANYTHING = Option("a value", lambda value: True)


def _is_number(value: Any) -> bool:
    # Compared, not asked whether it is finite: a whole number may be too large to be asked.
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _fits(value: float) -> bool:
    """Whether torch has it: as a 64-bit integer, or as a 32-bit float that is not rounded to 0."""
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return value == 0 or SMALLEST <= abs(value) <= LARGEST


def _within(value: float, least: float | None, above: float | None, below: float | None, most: float | None) -> bool:
    return (
        (least is None or value >= least)
        and (above is None or value > above)
        and (below is None or value < below)
        and (most is None or value <= most)
    )


def _bounds(least: float | None, above: float | None, below: float | None, most: float | None) -> str:
    named = (("of at least", least), ("above", above), ("below", below), ("at most", most))
    parts = [f"{words} {bound}" for words, bound in named if bound is not None]
    return f" {' and '.join(parts)}" if parts else ""


# ------------------------------------------------------------------------------------- what a class says of its own


def of(cls: Callable[..., Any]) -> dict[str, Option]:
    """What each parameter of a class may hold, as far as its annotations say: those of other objects say nothing."""
    function: Any = getattr(cls, "__init__") if isinstance(cls, type) else cls  # noqa: B009  mypy would warn of subclasses
    found = {name: option_of(hint) for name, hint in _hints(function).items() if name != "return"}
    return {name: option for name, option in found.items() if option is not None}


def _hints(function: Any) -> dict[str, Any]:
    """The annotations of a function, without those that name what only type checkers import."""
    found: dict[str, Any] = {}
    for name, annotation in getattr(function, "__annotations__", {}).items():
        one = types.SimpleNamespace(__annotations__={name: annotation}, __globals__=function.__globals__)
        try:
            found |= get_type_hints(one, include_extras=True)
        except (NameError, AttributeError, SyntaxError, TypeError):
            continue
    return found


def option_of(hint: Any) -> Option | None:
    """What an annotation says that a value may be; None where it is no plain value."""
    if hint in PLAIN:
        return PLAIN[hint]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return next((part for part in arguments[1:] if isinstance(part, Option)), None) or option_of(arguments[0])
    if origin is Literal:
        return _one_of_these(arguments)
    if origin in (Union, types.UnionType):
        return _either([option_of(part) for part in arguments if part is not type(None)], type(None) in arguments)
    if origin in (Sequence, list) or (origin is tuple and arguments[1:] == (...,)):
        part = option_of(arguments[0])
        return None if part is None else some_of(*part.choices) if _is_words(arguments[0]) else several(part)
    return None


def _one_of_these(values: tuple[Any, ...]) -> Option | None:
    """One of a few words, or of a few whole numbers."""
    kinds, words = set(map(type, values)), one_of(*map(str, values))
    if kinds == {int}:
        return Option(words.words, lambda value: type(value) is int and value in values, words.choices)
    return words if kinds == {str} else None


def _is_words(hint: Any) -> bool:
    return get_origin(hint) is Literal


def _either(parts: list[Option | None], null: bool) -> Option | None:
    """One of several kinds of values."""
    known = [part for part in parts if part is not None]
    if len(known) < len(parts) or not known:
        return None
    one = known[0]
    if len(known) > 1:
        told = [part for part in known if not any(0 < len(part.choices) and _holds(other, part) for other in known)]
        one = Option(
            " or ".join(part.words for part in told),
            lambda value: any(part.accepts(value) for part in known),
            tuple(dict.fromkeys(choice for part in known for choice in part.choices)),
            any(part.text for part in known),
        )
    return or_null(one) if null else one


def _holds(option: Option, other: Option) -> bool:
    """Whether all choices of another, and more, are its own too."""
    return set(other.choices) < set(option.choices)


# ------------------------------------------------------------------------------------------ what stands at parameters

A_PATH = Option("a path", _is_path, text=True)
PATHS = Option(
    "a path, a list of paths, or null",
    lambda value: (
        value is None or _is_path(value) or (isinstance(value, list) and bool(value) and all(map(_is_path, value)))
    ),
    text=True,
)
COLUMN = Option(
    "a column's name or position",
    lambda value: isinstance(value, (str, int)) and not isinstance(value, bool) and value != "",
)
PLAIN: Mapping[Any, Option] = {bool: FLAG, int: whole(), float: number(), str: ANY_TEXT}

Count = Annotated[int, whole(1)]
CountFromZero = Annotated[int, whole(0)]
Width = Annotated[int, whole(1, 100_000)]  # more would need a weight of at least 40 GB
Steps = Annotated[int, whole(1, 1_000_000)]  # of a row
Rows = Annotated[int, whole(1, 1_000_000_000)]
Positive = Annotated[float, number(above=0)]
NotNegative = Annotated[float, number(least=0)]
Share = Annotated[float, number(least=0, most=1)]
SomeShare = Annotated[float, number(above=0, below=1)]  # neither nothing nor all
Dropout = Annotated[float, number(least=0, below=1)]
FilePath = Annotated[str | Path, A_PATH]
FolderName = Annotated[str, A_PATH]
Column = Annotated[str | int, COLUMN]
NotEmpty = Annotated[str, TEXT]

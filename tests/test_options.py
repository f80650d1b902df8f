"""What an annotation says of an option."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest

from seqnet import options
from seqnet.errors import ConfigurationError
from seqnet.options import Column, Count, Dropout, FilePath, Positive, Width

if TYPE_CHECKING:
    from nowhere import Unknown  # type: ignore[import-not-found]


def test_shown_is_what_one_would_type():
    assert options.shown([None, True, 1.5, "a"]) == "[null,true,1.5,a]"


@pytest.mark.parametrize(
    ("option", "right", "wrong"),
    [
        (options.number(above=0), [1, 0.5], [0, -1, math.nan, math.inf, True, "1", None, [1]]),
        (options.number(least=0, below=1), [0, 0.0, 0.99], [1, -0.1]),
        (options.number(most=0), [0, -3], [0.1]),
        (options.whole(1), [1, 100], [0, 1.0, True, "1", None]),
        (options.or_null(options.whole(1)), [None, 1], [0]),
        (options.one_of("a", "b"), ["a", "b"], ["c", None, 1]),
        (options.numbers(2, least=0, below=1), [[0, 0.5]], [[0.5], [0.5, 1], 0.5, ["a", "b"]]),
        (options.COLUMN, ["text", 0, -1], [True, "", 1.5, None]),
        (options.NAMES, [[], ["a"]], ["a", [1], [""], ["a.b"], None]),
        (options.A_PATH, ["a b/é", "x" * 255], ["", "a\0b", "a\nb", "x" * 256, "é" * 128, "a/" * 2048, 3, None]),
        (options.CLASS, ["a.B", "a.b.C"], ["B", "a.", ".B", "a b.C", 3]),
        (options.whole(0, 5), [0, 5], [-1, 6]),
        (options.numbers(), [[1], [1, 2.5]], [[], [1, 1], [math.nan]]),
        (options.some_of("a", "b"), [[], ["b", "a"]], [["a", "a"], ["c"], [["a"]], "a"]),
        (options.several(options.whole(1)), [[], [1, 1]], [[0], 1, ["a"], None]),
    ],
)
def test_options_accept_what_they_say(option, right, wrong):
    assert all(option.refusal("key", value) is None for value in right)
    for value in wrong:
        assert option.refusal("key", value).startswith(f"key={options.shown(value)} must be {option.words}")


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 1e39, -1e39, 1e-39, [1, 2**64]])
def test_numbers_that_torch_has_not_are_refused(value):
    option = options.Option("anything", lambda value: True)
    assert option.refusal("key", value).startswith(f"key={options.shown(value)} is a number that neither")
    for right in (2**63 - 1, -(2**63), 3e38, -2e-38, 0, 0.0):
        assert option.refusal("key", right) is None


class Taken:
    """A class as a stranger writes it, under `from __future__ import annotations`."""

    def __init__(
        self,
        targets: Unknown,
        made: Callable[[int], Any],
        anything: Any,
        bare,
        width: Width,
        delta: Positive = 1.0,
        share: Dropout | None = None,
        kind: Literal["one", "two"] = "one",
        some: Sequence[Literal["a", "b"]] = (),
        cuts: list[Count] | None = None,
        pair: tuple[float, ...] = (),
        column: Column = "text",
        path: FilePath | None = None,
        either: int | str = 3,
        own: Annotated[int, "a note", options.whole(2, 4)] = 3,
        flag: bool = False,
        name: str = "",
    ) -> None: ...


def test_a_class_says_what_its_parameters_may_hold():
    found = options.of(Taken)
    assert not {"targets", "made", "anything", "bare", "self", "return"} & found.keys()
    right = {
        "width": [1, 100_000],
        "delta": [0.5, 2],
        "share": [None, 0, 0.5],
        "kind": ["two"],
        "some": [[], ["b", "a"]],
        "cuts": [None, [1, 1]],
        "pair": [[], [0.5, 1]],
        "column": ["a", -1],
        "path": [None, "somewhere"],
        "either": [3, "three"],
        "own": [2, 4],
        "flag": [True],
        "name": ["", "a"],
    }
    wrong = {
        "width": [0, 100_001, 1.5, None],
        "delta": [0, "a", None],
        "share": [1, -0.1],
        "kind": ["tow", None],
        "some": [["c"], ["a", "a"], "a"],
        "cuts": [[0], 1],
        "pair": [["a"], 1],
        "column": [1.5, "", True],
        "path": ["", 3],
        "either": [1.5, None],
        "own": [1, 5],
        "flag": [0, "true"],
        "name": [1, None],
    }
    assert right.keys() == wrong.keys() == found.keys()
    for name, option in found.items():
        assert [value for value in right[name] if not option.accepts(value)] == [], name
        assert [value for value in wrong[name] if option.accepts(value)] == [], name
    assert found["kind"].choices == ("one", "two") and found["some"].choices == ("a", "b")
    assert (
        found["kind"].refusal("objective.kind", "tow") == "objective.kind=tow must be one or two; did you mean 'two'?"
    )


def test_a_class_that_inherits_its_parameters_has_them():
    class Child(Taken):
        """Has no parameters of its own."""

    assert options.of(Child).keys() == options.of(Taken).keys()


def test_a_class_without_parameters_says_nothing():
    assert options.of(object) == options.of(ConfigurationError) == {}

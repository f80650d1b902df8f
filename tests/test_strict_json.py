"""JSON without Infinity and NaN. That all of seqnet writes it here is tested with what no file may call."""

import json
from typing import Any

import pytest

from seqnet import strict_json


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_finite_becomes_null_wherever_it_stands(number: float) -> None:
    value = {"a": number, "b": [1.5, number, {"c": (number, "NaN")}], "d": True, "e": None}
    read = json.loads(strict_json.dumps(value), parse_constant=refuse)
    assert read == {"a": None, "b": [1.5, None, {"c": [None, "NaN"]}], "d": True, "e": None}
    assert strict_json.dumps(number) == "null"


@pytest.mark.parametrize("options", [{}, {"indent": 1}, {"ensure_ascii": False}, {"sort_keys": True}])
def test_of_all_else_it_is_what_python_writes(options: dict[str, Any]) -> None:
    value = {"b": [1, 2.5, 1e300, "\u00e9\u2028", None, True], "a": {"x": (0.1 + 0.2,)}}
    assert strict_json.dumps(value, **options) == json.dumps(value, **options)

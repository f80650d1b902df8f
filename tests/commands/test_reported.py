"""What evaluate shows: tables on a terminal, lines of JSON elsewhere."""

import io
import json
import sys
from typing import Any

import pytest

from seqnet.commands.reported import tell

SCORES = {"split": "test", "step": 1234, "accuracy": 0.123456789}
ROWS: list[dict[str, Any]] = [
    {"table": "classes", "class": "[red]a", "precision": None, "support": 2},
    {"table": "classes", "class": "b", "precision": 1 / 3, "support": 12},
    {"table": "errors", "input": "a\x1b[2J b", "target": ["x", "y"], "loss": 2.0},
]


class Screen(io.StringIO):
    """A terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_tables_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "dumb")
    tell(SCORES, ROWS, None, words=True)
    shown = screen.getvalue()
    assert "test split, step 1,234" in shown and "by class" in shown and "worst errors" in shown
    lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.splitlines() if "│" in line]
    assert ["accuracy", "0.1235"] in lines
    assert ["[red]a", "", "2"] in lines and ["b", "0.3333", "12"] in lines
    assert "\x1b[2J" not in shown and "x y" in shown


def test_lines_of_json_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    tell(SCORES, ROWS, None, words=False)
    assert [json.loads(line) for line in stream.getvalue().splitlines()] == [SCORES, *ROWS]
    assert stream.getvalue().isascii() and "\x1b" not in stream.getvalue()

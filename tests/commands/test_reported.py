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


def shown(monkeypatch: pytest.MonkeyPatch, rows: list[dict[str, Any]]) -> str:
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", "140")
    monkeypatch.setenv("TERM", "dumb")
    tell(SCORES, rows, None, words=True)
    return screen.getvalue()


def test_errors_are_told_under_the_names_of_the_users_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    error = {
        "table": "errors",
        "place": "rows.csv, line 7",
        "input": "a dull film",
        "target": "bad",
        "prediction": "good",
    }
    columns = {"input": {"review": "a dull film", "land": "at"}, "target": "stars"}
    table = shown(monkeypatch, [{**error, "columns": columns}])
    for word in ("place", "review", "land", "stars (target)", "prediction", "rows.csv, line 7", "a dull film"):
        assert word in table
    assert " input " not in table
    assert "place" not in shown(
        monkeypatch, [{**error, "place": "7.wav", "columns": {**columns, "input": {"file": "7.wav"}}}]
    )


def test_of_many_series_the_worst_and_the_best_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"table": "series", "series": f"s{n:02}", "n": 1, "mase": 1 - n / 100} for n in range(30)]
    table = shown(monkeypatch, rows)
    assert "by series: the 5 worst and the 5 best of 30" in table
    assert [n for n in range(30) if f"s{n:02}" in table] == [*range(5), *range(25, 30)]
    assert all(f"s{n:02}" in shown(monkeypatch, rows[:10]) for n in range(10))

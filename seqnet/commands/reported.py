"""What `seqnet evaluate` shows: tables for people, lines of JSON for programs."""

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from seqnet.commands.lines import writer
from seqnet.commands.words import said
from seqnet.data.formats.written import cell, plain
from seqnet.errors import visible
from seqnet.strict_json import as_line
from seqnet.terminal import say, standard_output

LONGEST = 200  # letters of a cell
ENDS = 5  # series that are told at either end where there are many
WIDE = 120  # columns where there is no terminal
TITLES = {
    "classes": "by class",
    "confusions": "taken for another, what costs most first",
    "entities": "by type of entity",
    "labels": "by label",
    "horizon": "by steps ahead",
    "columns": "by column",
    "series": "by series",
    "lengths": "by length of what was wanted",
    "edits": "by kind of edit",
    "errors": "worst errors",
    "memory": "by steps",
}
Row = Mapping[str, Any]


def tell(scores: Row, rows: Iterable[Row], output: str | None, words: bool) -> None:
    """The scores, then the rows of each table, its name at `table`: as lines of JSON, or in `words` as tables."""
    if words:
        _show(scores, rows)
        return
    with writer(output) as write:
        for row in [scores, *rows]:
            write(as_line(plain(row)))


def _show(scores: Row, rows: Iterable[Row]) -> None:
    out = standard_output()
    screen = Console(file=out) if out.isatty() else Console(file=out, force_terminal=False, width=WIDE)
    found = {name: value for name, value in scores.items() if name not in ("split", "step")}
    say(f"{scores['split']} split, step {scores['step']:,}")
    table = Table("score")
    table.add_column("value", justify="right")
    for name, value in found.items():
        table.add_row(name, _told(value))
    screen.print(table)
    for (name, _), some in groupby(rows, key=lambda row: (row["table"], row.get("unit"))):
        shown, title = _cut([_by_columns(row) for row in some], TITLES.get(name, name))
        columns = [column for column in shown[0] if column != "table"]
        table = Table()
        for column in columns:
            number = all(isinstance(row.get(column), int | float | None) for row in shown)
            table.add_column(column, justify="right" if number else "left", overflow="fold")
        for row in shown:
            table.add_row(*(Text(visible(_told(row.get(column)))) for column in columns))
        say(f"\n{title}")
        screen.print(table)


def _by_columns(row: Row) -> Row:
    """What was read and what was wanted under the names that they have in the user's files, where these are known."""
    if "columns" not in row:
        return row
    called, told = row["columns"], dict[str, Any]()
    for name, value in row.items():
        if name == "input":
            told |= called["input"]
        elif name != "columns":
            told[name if name != "target" else f"{called['target']} (target)"] = value
    if told.get("place") in called["input"].values():  # a row that is a file
        del told["place"]
    return told


def _cut(rows: list[Row], title: str) -> tuple[list[Row], str]:
    """Of many series the first and last ones: the worst and the best."""
    if rows[0]["table"] != "series" or len(rows) <= 2 * ENDS:
        return rows, title
    return [*rows[:ENDS], *rows[-ENDS:]], f"{title}: the {ENDS} worst and the {ENDS} best of {len(rows):,}"


def _told(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    text = cell(value) if value is None or isinstance(value, str) else said(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."

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
WIDE = 120  # columns where there is no terminal
TITLES = {
    "classes": "by class",
    "confusions": "taken for another, what costs most first",
    "entities": "by type of entity",
    "labels": "by label",
    "horizon": "by steps ahead",
    "columns": "by column",
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
        shown = list(some)
        columns = [column for column in shown[0] if column != "table"]
        table = Table()
        for column in columns:
            number = all(isinstance(row[column], int | float | None) for row in shown)
            table.add_column(column, justify="right" if number else "left", overflow="fold")
        for row in shown:
            table.add_row(*(Text(visible(_told(row[column]))) for column in columns))
        say(f"\n{TITLES.get(name, name)}")
        screen.print(table)


def _told(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    text = cell(value) if value is None or isinstance(value, str) else said(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."

"""What `seqnet inspect` shows: tables for people, JSON for programs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from rich.console import Console
from rich.table import Table
from rich.text import Text

from seqnet.commands import proposed
from seqnet.data.files import counted
from seqnet.data.formats.csv import Csv
from seqnet.data.formats.format import Format
from seqnet.data.formats.text import beginning
from seqnet.data.inspection.columns import Guess
from seqnet.data.inspection.maker import Reading, lengths
from seqnet.data.inspection.sequences import Sequences
from seqnet.data.inspection.survey import Survey
from seqnet.errors import visible
from seqnet.terminal import say, standard_output
from seqnet.trust import CONFIGS

FORMATS = CONFIGS / "data" / "format"
LABELS = 6  # whose shares are shown
SHARE = 0.1  # of the training rows that are valid where there is no file, as configs/data/table.yaml has it


def show(
    found: Survey,
    columns: Sequence[Guess],
    made: Sequence[Reading],
    notes: Sequence[str],
    commands: Sequence[list[str]],
    written: str | None,
) -> None:
    head = [("path", ", ".join(found.paths)), ("format", name_of(found.format))]
    delimiter, encoding = _delimiter(found), _encoding(found)
    head += [("delimiter", {"\t": "a tab"}.get(delimiter, delimiter))] if delimiter else []
    head += [("encoding", encoding)] if encoding else []
    head += list(_splits(found, columns, made).items())
    for key, value in head:
        say(f"{key:<11}{visible(value)}")
    say("")
    rows = [("column", "read as", "half / 95 % / most", "missing", "why")]
    for guess in columns:
        missing = f"{guess.gaps:,}" if guess.gaps else ""
        rows.append((guess.name, guess.type or guess.role or "nothing", _facts(guess), missing, guess.why))
    _table([[visible(cell) for cell in row] for row in rows])
    for note in ["", *(f"! {visible(note)}" for note in notes), *([""] if notes else [])]:
        say(note)
    for number, (reading, command) in enumerate(zip(made, commands, strict=True)):
        to = f", written to {visible(written)}" if written is not None and not number else ""
        say(f"{'or ' if number else ''}{visible(reading.about)}{to}\n{proposed.typed(command)}\n")


def _splits(found: Survey, columns: Sequence[Guess], made: Sequence[Reading]) -> dict[str, str]:
    """What each split is, in words."""
    told: dict[str, str] = {}
    says = next((guess for guess in columns if guess.role == "split"), None)
    if says is not None:
        rows = ", ".join(f"{often:,} {value}" for value, often in says.profile.values.most_common())
        return {"rows": f"{found.rows:,}, of which {says.name} says the split: {rows}"}
    for name in ("train", "valid", "test"):
        if name in found.splits:
            split = found.splits[name]
            unit = {"line": "row"}.get(found.format.unit, found.format.unit)
            more = " and more" if split.part else ""
            files = split.files[0] if len(split.files) == 1 else f"{len(split.files)} files"
            count = (
                f"{split.rows:,}{more} {unit}{'' if split.rows == 1 else 's'}"
                if not found.several or found.format.unit != "line"
                else ""
            )
            told[name] = f"{count} of {files}" if count else files
        elif name == "valid":
            share = made[0].options.get("data.valid_share", SHARE) if made else SHARE
            told[name] = f"no file: {_drawn(share, made)} (data.valid_share)"
        else:
            told[name] = "no file" + (" (data.test_share holds some training rows out)" if name == "test" else "")
    return told


def _drawn(share: float, made: Sequence[Reading]) -> str:
    """Which of the training rows are held out."""
    if made and any(key.startswith("data.rows.") for key in made[0].options):
        last = made[0].target in made[0].inputs
        return f"the last {share:.0%} of each sequence" if last else f"{share:.0%} of the sequences, drawn by the seed"
    if made and made[0].inputs == [made[0].target] and "training.window" in made[0].options:
        return f"{share:.0%} of the documents, drawn by the seed, or of one alone its end"
    return f"{share:.0%} of the training rows, drawn by the seed"


def _delimiter(found: Survey) -> str | None:
    """What stands between cells, as far as it was seen."""
    if not isinstance(found.format, Csv):
        delimiter = getattr(found.format, "delimiter", None)
        return delimiter if isinstance(delimiter, str) else None
    first = next(iter(found.splits.values())).files[0]
    path = Path(first)
    return (
        found.format.delimiter_of(beginning(path, found.format.encoding)) if path.is_file() else found.format.delimiter
    )


def _encoding(found: Survey) -> str | None:
    return "utf-8 with byte order mark" if found.encoding == "bom" else found.encoding


def _facts(guess: Guess) -> str:
    """Lengths, range or labels of a column, in words."""
    profile, unit = guess.profile, "characters" if guess.options.get("level") == "characters" else "words"
    if guess.type in ("label", "labels") and profile.values and not profile.steps:
        values = profile.parted[guess.options["separator"]] if guess.type == "labels" else profile.values
        shown = [f"{visible(value)[:20]} {often / profile.present:.0%}" for value, often in values.most_common(LABELS)]
        return ", ".join(shown) + (f" and {len(values) - LABELS:,} more" if len(values) > LABELS else "")
    found = lengths(guess)
    if found is not None and guess.type is not None:
        return f"{found[0]:,} / {found[1]:,} / {found[2]:,} {unit if guess.type == 'text' else 'steps'}"
    if profile.numeric and guess.type in ("number", "series"):
        return f"{profile.low:g} to {profile.high:g}, mean {profile.total / max(profile.numeric, 1):.4g}"
    return ""


def _table(rows: Sequence[Sequence[str]]) -> None:
    """Rows below a header: a table on a terminal, plain columns where it is piped."""
    out = standard_output()
    if out.isatty():
        table = Table()
        for name in rows[0]:
            table.add_column(Text(name), overflow="fold")
        for row in rows[1:]:
            table.add_row(*map(Text, row))
        Console(file=out).print(table)
        return
    widths = [min(max(len(row[place]) for row in rows), 40) for place in range(len(rows[0]) - 1)]
    for row in rows:
        cells = [f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)]
        say("  ".join([*cells, row[-1]]).rstrip())


def name_of(format: Format) -> str:
    """What a format is called as a choice of `data/format`."""
    target = f"{type(format).__module__}.{type(format).__qualname__}"
    for path in FORMATS.glob("*.yaml"):
        if OmegaConf.select(OmegaConf.load(path), "_target_") == target:
            return path.stem
    return type(format).__name__.lower()


def of_sequences(found: Survey, rows: Sequences, made: Reading) -> list[str]:
    of = f" of each {rows.group.name}" if rows.group is not None else ""
    count = f"{rows.shortest:,} to {rows.longest:,}" if rows.shortest < rows.longest else f"{rows.longest:,}"
    notes = [
        f"rows stand at even distances in {rows.order.name}{of}, so they make {counted(len(rows.rows), 'sequence')} of "
        f"{count} rows"
    ]
    if rows.doubled:
        another = "another" if rows.group is None else f"another of the same {rows.group.name}"
        notes.append(f"{counted(rows.doubled, 'row')} left out, since {another} has the same {rows.order.name}")
    for name, (kind, options) in made.fields.items():
        if kind == "series" and options.get("scale") == "window":
            why = rows.trend(found.sample[str(options.get("column", name))])
            notes.append(f"{name} is scaled by each window, since {why}")
    return notes


def why_of(columns: Sequence[Guess], name: str, kind: str) -> str:
    return next((guess.why for guess in columns if guess.name == name and guess.type == kind), "")


def as_json(
    found: Survey,
    columns: Sequence[Guess],
    made: Sequence[Reading],
    notes: Sequence[str],
    commands: Sequence[list[str]],
) -> dict[str, Any]:
    return {
        "path": found.paths,
        "format": name_of(found.format),
        "delimiter": _delimiter(found),
        "encoding": _encoding(found),
        "splits": {
            name: {
                "files": split.files,
                "rows": split.rows,
                "looked_at": "part" if split.part else "all",
                "seen_before": split.again,
                "unknown_tokens": split.unknown,
            }
            for name, split in found.splits.items()
        },
        "bad_rows": found.bad,
        "columns": [_column(guess) for guess in columns],
        "notes": list(notes),
        "readings": [
            {
                "about": reading.about,
                "inputs": reading.inputs,
                "target": reading.target,
                "command": ["seqnet", "train", *command],
            }
            for reading, command in zip(made, commands, strict=True)
        ],
    }


def _column(guess: Guess) -> dict[str, Any]:
    profile, found = guess.profile, lengths(guess)
    made: dict[str, Any] = {
        "name": guess.name,
        "column": guess.column,
        "type": guess.type,
        "role": guess.role,
        "otherwise": guess.otherwise,
        "options": guess.options,
        "why": guess.why,
        "missing": guess.gaps,
        "distinct": None if profile.values.full else profile.distinct,
    }
    if found is not None:
        made["lengths"] = dict(zip(("half", "95 %", "most"), found, strict=True))
    if profile.numeric:
        made |= {"lowest": profile.low, "highest": profile.high}
    if guess.type == "label" and not profile.steps:
        made["labels"] = {value: often / profile.present for value, often in profile.values.most_common(100)}
    return made

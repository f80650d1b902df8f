"""`seqnet inspect PATH`: what some files hold, what is odd about them, and the command that trains on them."""

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from omegaconf import OmegaConf
from rich.console import Console
from rich.table import Table
from rich.text import Text

from seqnet import build
from seqnet.commands import proposed
from seqnet.data.formats.auto import Auto
from seqnet.data.formats.csv import Csv
from seqnet.data.formats.folder import ClassFolders
from seqnet.data.formats.format import Format
from seqnet.data.formats.text import beginning
from seqnet.data.inspection.columns import Guess, guesses
from seqnet.data.inspection.oddities import oddities
from seqnet.data.inspection.readings import Reading, lengths, readings
from seqnet.data.inspection.sequences import Sequences, sequences
from seqnet.data.inspection.survey import Survey, survey
from seqnet.errors import ConfigurationError, did_you_mean, visible
from seqnet.trust import CONFIGS

USAGE = "use: seqnet inspect PATH [--target NAME] [--format NAME] [--delimiter TEXT] [--encoding NAME] [--write FILE] [--json]"
FORMATS = CONFIGS / "data" / "format"
LABELS = 6  # whose shares are shown
SHARE = 0.1  # of the training rows that are valid where there is no file, as configs/data/table.yaml has it


class _Arguments(argparse.ArgumentParser):
    """Whose refusal is one sentence."""

    def error(self, message: str) -> NoReturn:
        """Raises ConfigurationError."""
        flag = re.search(r"unrecognized arguments: (--?[\w-]+)", message)
        known = [text for action in self._actions for text in action.option_strings]
        raise ConfigurationError(f"inspect: {visible(message)}{did_you_mean(flag[1], known) if flag else ''} ({USAGE})")


def parsed(arguments: list[str]) -> argparse.Namespace:
    """The options. Raises ConfigurationError."""
    parser = _Arguments(prog="seqnet inspect", add_help=False, allow_abbrev=False)
    parser.add_argument("paths", nargs="*")
    for option in ("--target", "--format", "--delimiter", "--encoding", "--write"):
        parser.add_argument(option)
    parser.add_argument("--json", action="store_true")
    found = parser.parse_intermixed_args(arguments)
    if not found.paths:
        raise ConfigurationError(f"inspect takes a file, a folder, files side by side or a Hub name; {USAGE}")
    return found


def run(arguments: list[str]) -> int:
    """Show what PATH holds; the exit code. Raises ConfigurationError and DataError."""
    options = parsed(arguments)
    place = proposed.place(options.write) if options.write is not None else None
    said = _said(options)
    found = survey(options.paths, _format(said), lambda encoding: _recoded(said, encoding))
    columns = guesses(found)
    rows = sequences(found, columns)
    made = readings(found, columns, options.target, rows)
    notes = oddities(found, columns, made, options.target)
    if rows is not None and made:
        notes += _of_sequences(found, rows, made[0])
    data = _data(found, said, options.paths)
    commands = [proposed.overrides(reading, data) for reading in made]
    if place is not None:
        if not made:
            raise ConfigurationError("--write: there is nothing to train on, so no experiment is written: see without --write")
        why = {name: _why(columns, name, kind) for name, (kind, _) in made[0].fields.items()}
        proposed.write(Path(options.write), made[0], data, why)
        commands[0] = ["--config-dir", str(place[0]), f"experiment={place[1]}"]
    if options.json:
        print(json.dumps(_as_json(found, columns, made, notes, commands), ensure_ascii=False))
    else:
        _show(found, columns, made, notes, commands, options.write)
    return 0


# --------------------------------------------------------------------------------------------------------- formats


def _said(options: argparse.Namespace) -> dict[str, Any]:
    """What was said of the format: its name under `format`, and its options. Raises ConfigurationError."""
    said = {key: getattr(options, key) for key in ("format", "delimiter", "encoding") if getattr(options, key) is not None}
    known = sorted(path.stem for path in FORMATS.glob("*.yaml"))
    if said.get("format", "auto") not in known:
        hint = did_you_mean(said["format"], known) or f": choose one of {', '.join(known)}"
        raise ConfigurationError(f"unknown data/format '{visible(said['format'])}'{hint}")
    if "delimiter" in said:
        said["delimiter"] = said["delimiter"].replace("\\t", "\t")
        said.setdefault("format", "csv")
    return said


def _format(said: dict[str, Any]) -> Format:
    """The format that was said. Raises ConfigurationError for an option that it does not have."""
    name = said.get("format", "auto")
    described: Any = OmegaConf.to_container(OmegaConf.load(FORMATS / f"{name}.yaml"))
    for key, value in said.items():
        if key != "format" and key not in described:
            raise ConfigurationError(f"--{key} {visible(value)}: the format {name} has no {key}")
    made: Format = build.make(described | {key: value for key, value in said.items() if key != "format"})
    return made


def _recoded(said: dict[str, Any], encoding: str) -> Format | None:
    """The format with another encoding than utf-8, unless one was said or it has none."""
    try:
        return None if "encoding" in said else _format({**said, "encoding": encoding})
    except ConfigurationError:
        return None


def _name(format: Format) -> str:
    """What a format is called as a choice of `data/format`."""
    target = f"{type(format).__module__}.{type(format).__qualname__}"
    for path in FORMATS.glob("*.yaml"):
        if OmegaConf.load(path).get("_target_") == target:
            return path.stem
    return type(format).__name__.lower()


def _data(found: Survey, said: dict[str, Any], paths: Sequence[str]) -> dict[str, Any]:
    """The keys that say what is read."""
    data: dict[str, Any] = {"data.path": paths[0] if len(paths) == 1 else list(paths)}
    if found.named or said.get("format", "auto") != "auto":
        data["data/format"] = said.get("format") if said.get("format", "auto") != "auto" else _name(found.format)
    if "delimiter" in said:
        data["data.format.delimiter"] = said["delimiter"]
    encoding = getattr(found.format, "encoding", "utf-8")
    if encoding != "utf-8":
        data["data.format.encoding"] = encoding
    if isinstance(found.format, ClassFolders) and found.format.by_name:
        data["data.format.name_pattern"] = found.format.name_pattern
    return data


# --------------------------------------------------------------------------------------------------------- showing


def _of_sequences(found: Survey, rows: Sequences, made: Reading) -> list[str]:
    of = f" of each {rows.group.name}" if rows.group is not None else ""
    notes = [
        f"rows stand at even distances in {rows.order.name}{of}, so they make {len(rows.rows):,} sequences of "
        f"{rows.shortest:,} to {rows.longest:,} rows"
    ]
    for name, (kind, options) in made.fields.items():
        if kind == "series" and options.get("scale") == "window":
            why = rows.trend(found.sample[str(options.get("column", name))])
            notes.append(f"{name} is scaled by each window, since {why}")
    return notes


def _why(columns: Sequence[Guess], name: str, kind: str) -> str:
    return next((guess.why for guess in columns if guess.name == name and guess.type == kind), "")


def _splits(found: Survey) -> dict[str, str]:
    """What each split is, in words."""
    told = {}
    for name in ("train", "valid", "test"):
        if name in found.splits:
            split = found.splits[name]
            unit = {"line": "row"}.get(found.format.unit, found.format.unit)
            more = " and more" if split.part else ""
            files = split.files[0] if len(split.files) == 1 else f"{len(split.files)} files"
            count = f"{split.rows:,}{more} {unit}{'' if split.rows == 1 else 's'}" if not found.several or found.format.unit != "line" else ""
            told[name] = f"{count} of {files}" if count else files
        elif name == "valid":
            told[name] = f"no file: {SHARE:.0%} of the training rows, drawn by the seed (data.valid_share)"
        else:
            told[name] = "no file" + (" (data.test_share holds some training rows out)" if name == "test" else "")
    return told


def _delimiter(found: Survey) -> str | None:
    """What stands between cells, as far as it was seen."""
    if not isinstance(found.format, Csv):
        delimiter = getattr(found.format, "delimiter", None)
        return delimiter if isinstance(delimiter, str) else None
    first = next(iter(found.splits.values())).files[0]
    path = Path(first)
    return found.format.delimiter_of(beginning(path, found.format.encoding)) if path.is_file() else found.format.delimiter


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


def _show(
    found: Survey,
    columns: Sequence[Guess],
    made: Sequence[Reading],
    notes: Sequence[str],
    commands: Sequence[list[str]],
    written: str | None,
) -> None:
    screen = Console(soft_wrap=True, highlight=False)
    head = [("path", ", ".join(found.paths)), ("format", _name(found.format))]
    delimiter, encoding = _delimiter(found), _encoding(found)
    head += [("delimiter", {"\t": "a tab"}.get(delimiter, delimiter))] if delimiter else []
    head += [("encoding", encoding)] if encoding else []
    head += list(_splits(found).items())
    for key, value in head:
        screen.print(Text(f"{key:<11}{visible(value)}"))
    screen.print()
    rows = [("column", "read as", "half / 95 % / most", "missing", "why")]
    for guess in columns:
        missing = f"{guess.profile.missing:,}" if guess.profile.missing else ""
        rows.append((guess.name, guess.type or guess.role or "nothing", _facts(guess), missing, guess.why))
    _table(screen, rows)
    if notes:
        screen.print()
        for note in notes:
            screen.print(Text(f"! {visible(note)}"))
    screen.print()
    if made:
        screen.print(Text(visible(made[0].about) + ("" if written is None else f", written to {visible(written)}")))
        print(proposed.typed(commands[0]), flush=True)
    for reading, command in zip(made[1:], commands[1:], strict=True):
        screen.print()
        screen.print(Text(f"or {visible(reading.about)}"))
        print(proposed.typed(command), flush=True)


def _table(screen: Console, rows: Sequence[Sequence[str]]) -> None:
    """Rows below a header: a table on a terminal, plain columns where it is piped."""
    if screen.is_terminal:
        table = Table()
        for name in rows[0]:
            table.add_column(Text(name), overflow="fold")
        for row in rows[1:]:
            table.add_row(*(Text(visible(cell)) for cell in row))
        screen.print(table, soft_wrap=False)
        return
    widths = [min(max(len(visible(row[place])) for row in rows), 40) for place in range(len(rows[0]) - 1)]
    for row in rows:
        cells = [f"{visible(cell):<{width}}" for cell, width in zip(row, widths, strict=False)]
        print("  ".join([*cells, visible(row[-1])]).rstrip(), file=sys.stdout)


def _as_json(
    found: Survey,
    columns: Sequence[Guess],
    made: Sequence[Reading],
    notes: Sequence[str],
    commands: Sequence[list[str]],
) -> dict[str, Any]:
    return {
        "path": found.paths,
        "format": _name(found.format),
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
            {"about": reading.about, "inputs": reading.inputs, "target": reading.target, "command": ["seqnet", "train", *command]}
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
        "missing": profile.missing,
        "distinct": None if profile.values.full else profile.distinct,
    }
    if found is not None:
        made["lengths"] = dict(zip(("half", "95 %", "most"), found, strict=True))
    if profile.numeric:
        made |= {"lowest": profile.low, "highest": profile.high}
    if guess.type == "label" and not profile.steps:
        made["labels"] = {value: often / profile.present for value, often in profile.values.most_common(100)}
    return made

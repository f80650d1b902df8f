"""`seqnet inspect PATH`: what some files hold, what is odd about them, and the command that trains on them."""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from omegaconf import OmegaConf

from seqnet import build, trust
from seqnet.commands import proposed
from seqnet.commands.inspected import FORMATS, as_json, name_of, of_sequences, show, why_of
from seqnet.data.formats.conll import Conll
from seqnet.data.formats.folder import ClassFolders
from seqnet.data.formats.format import Format
from seqnet.data.inspection.columns import guesses
from seqnet.data.inspection.oddities import oddities
from seqnet.data.inspection.readings import readings
from seqnet.data.inspection.sequences import sequences
from seqnet.data.inspection.survey import Survey, survey
from seqnet.errors import ConfigurationError, did_you_mean, visible
from seqnet.strict_json import as_line
from seqnet.terminal import answer

USAGE = (
    "usage: seqnet inspect PATH [--target NAME] [--format NAME] [--delimiter TEXT] [--encoding NAME] "
    "[--header true|false] [--write FILE] [--json]"
)


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
    for option in ("--target", "--format", "--delimiter", "--encoding", "--header", "--write"):
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
        notes += of_sequences(found, rows, made[0])
    data = _data(found, said, options.paths)
    commands = [proposed.overrides(reading, data) for reading in made]
    if place is not None:
        if not made:
            raise ConfigurationError(
                "--write: there is nothing to train on, so no experiment is written: see without --write"
            )
        why = {name: why_of(columns, name, kind) for name, (kind, _) in made[0].fields.items()}
        proposed.write(Path(options.write), made[0], data, why)
        commands[0] = ["--config-dir", str(place[0]), f"experiment={place[1]}"]
    if options.json:
        answer(as_line(as_json(found, columns, made, notes, commands)))
    else:
        show(found, columns, made, notes, commands, options.write)
    return 0


def _said(options: argparse.Namespace) -> dict[str, Any]:
    """What was said of the format: its name under `format`, and its options. Raises ConfigurationError."""
    said = {
        key: getattr(options, key)
        for key in ("format", "delimiter", "encoding", "header")
        if getattr(options, key) is not None
    }
    known = sorted(path.stem for path in FORMATS.glob("*.yaml"))
    if said.get("format", "auto") not in known:
        hint = did_you_mean(said["format"], known) or f": choose one of {', '.join(known)}"
        raise ConfigurationError(f"unknown {trust.spelled('data/format')} '{visible(said['format'])}'{hint}")
    if "delimiter" in said:
        said["delimiter"] = said["delimiter"].replace("\\t", "\t")
    if said.get("header", "true") not in ("true", "false"):
        raise ConfigurationError(f"--header {visible(said['header'])}: it must be true or false")
    if said.keys() & {"delimiter", "header"}:
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


def _data(found: Survey, said: dict[str, Any], paths: Sequence[str]) -> dict[str, Any]:
    """The keys that say what is read."""
    data: dict[str, Any] = {"data.path": paths[0] if len(paths) == 1 else list(paths)}
    if found.named or said.get("format", "auto") != "auto":
        data["data/format"] = said.get("format") if said.get("format", "auto") != "auto" else name_of(found.format)
    if "delimiter" in said:
        data["data.format.delimiter"] = said["delimiter"]
    if "header" in said:
        data["data.format.header"] = said["header"]
    encoding = getattr(found.format, "encoding", "utf-8")
    if encoding != "utf-8":
        data["data.format.encoding"] = encoding
    if isinstance(found.format, Conll) and found.format.comments:
        data["data.format.comments"] = True
    if isinstance(found.format, ClassFolders) and found.format.by_name:
        data["data.format.name_pattern"] = found.format.name_pattern
    return data

"""A proposed reading as a command line that a shell takes, and as an experiment's file."""

import re
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from seqnet.configuration import quote, quoted
from seqnet.data.inspection.maker import Reading
from seqnet.errors import ConfigurationError, on_disk, visible
from seqnet.trust import CONFIGS

PLAIN = re.compile(r"[A-Za-z_][\w./-]*")
WIDTH = 110  # of a line of the command


def overrides(reading: Reading, data: dict[str, Any]) -> list[str]:
    """What is typed behind `seqnet train`. data: path and format, as `data.path` and the like."""
    said = ["experiment=blank", "data=table"]
    said += [_typed(key, value) for key, value in data.items()]
    for name, (kind, options) in reading.fields.items():
        said.append(f"+field@data.fields.{name}={kind}")
        said += [_typed(f"data.fields.{name}.{key}", value) for key, value in options.items()]
    said.append(f"data.inputs=[{','.join(reading.inputs)}]")
    said.append(f"data.target={reading.target}")
    said += [f"{group}={choice}" for group, choice in reading.groups.items()]
    return said + [_typed(key, value) for key, value in reading.options.items()]


def _typed(key: str, value: Any) -> str:
    """An override: as it is where seqnet quotes it for Hydra by itself, else quoted where it must be."""
    plain = f"{key}={value}"
    return plain if isinstance(value, str) and quoted(plain) == f"{key}={quote(value)}" else f"{key}={_value(value)}"


def _value(value: Any) -> str:
    """A value in Hydra's grammar."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{','.join(map(_value, value))}]"
    if isinstance(value, str) and (not PLAIN.fullmatch(value) or value in ("null", "true", "false", "nan", "inf")):
        return quote(value)
    return str(value)


def typed(words: Sequence[str]) -> str:
    """A command line as it is typed: quoted for bash and zsh, in lines that go on."""
    lines, line = [], "seqnet train"
    for word in map(shlex.quote, words):
        if len(line) + len(word) + 1 > WIDTH:
            lines.append(f"{line} \\")
            line = f"   {'' if lines else ' '}"
        line = f"{line} {word}"
    return "\n".join([*lines, line])


# ------------------------------------------------------------------------------------------------- an experiment


def place(path: str) -> tuple[Path, str]:
    """The folder for `--config-dir` and the name of an experiment that is to be written. Raises ConfigurationError."""
    file = Path(path)
    if file.suffix != ".yaml" or file.parent.name != "experiment" or not re.fullmatch(r"\w+", file.stem):
        raise ConfigurationError(
            f"--write {visible(path)}: an experiment is found as FOLDER/experiment/NAME.yaml, such as "
            "my_configs/experiment/mine.yaml"
        )
    if (CONFIGS / "experiment" / file.name).exists():
        raise ConfigurationError(
            f"--write {visible(path)}: {file.stem} is an experiment of seqnet's own; take another name"
        )
    if file.exists():
        raise ConfigurationError(f"--write {visible(path)}: the file is there already; take another name")
    return file.parent.parent, file.stem


def write(path: Path, reading: Reading, data: dict[str, Any], why: dict[str, str]) -> None:
    """Write an experiment. why: of a field, what speaks for it. Raises DiskError; nothing that is there is changed."""
    with on_disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write("\n".join(_lines(reading, data, why)) + "\n")


def _lines(reading: Reading, data: dict[str, Any], why: dict[str, str]) -> Iterable[str]:
    yield "# @package _global_"
    yield f"# {_comment(reading.about)}"
    yield "# Proposed by `seqnet inspect`: sizes and limits suit so many rows, and are where to begin."
    yield "defaults:"
    for name, (kind, _) in reading.fields.items():
        said = f"  # {_comment(why[name])}" if why.get(name) else ""
        yield f"  - /field@data.fields.{name}: {kind}{said}"
    yield "  - override /data: table"
    format = data.get("data/format")
    yield from [f"  - override /data/format: {format}"] if format else []
    yield from (f"  - override /{group}: {choice}" for group, choice in reading.groups.items())
    yield ""
    tree: dict[str, Any] = {}
    settings = {key: value for key, value in data.items() if "/" not in key}
    for name, (_, options) in reading.fields.items():
        settings |= {f"data.fields.{name}.{key}": value for key, value in options.items()}
    settings |= {"data.inputs": reading.inputs, "data.target": reading.target}
    for key, value in (settings | reading.options).items():
        *parents, last = key.split(".")
        at = tree
        for parent in parents:
            at = at.setdefault(parent, {})
        at[last] = value
    text: str = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, width=WIDTH, default_flow_style=None)
    yield text.rstrip("\n").replace("${", "\\${")


def _comment(text: str) -> str:
    return " ".join(visible(text).split())

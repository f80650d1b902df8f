"""The folder that an export is: graphs, what else is needed as JSON, and run.py, whole or not at all."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seqnet import __version__, strict_json
from seqnet.errors import ConfigurationError, on_disk
from seqnet.training.manifest import sum_of

FORMAT = 1
LARGE = ("names", "merges", "best", "summed")
"""What of a description stands in a file of its own: it may be long."""
RUN = Path(__file__).with_name("run.py")


def check_output(output: str | None, run: Path) -> Path:
    """The folder to be made. Raises ConfigurationError where something is there already, and inside of the run."""
    if output is None:
        raise ConfigurationError(
            "output is missing: seqnet export run=DIR output=DIR, where DIR is a folder to be made"
        )
    folder = Path(output)
    if not folder.name:
        raise ConfigurationError(f"output={output}: name a folder to be made")
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise ConfigurationError(f"output={output} is no folder: name one that is not there yet")
    if folder.is_dir() and any(folder.iterdir()):
        raise ConfigurationError(f"output={output} holds something already: name a folder that is not there yet")
    if folder.resolve().is_relative_to(run.resolve()):
        raise ConfigurationError(f"output={output} lies in the run, which is only read: name a folder beside it")
    return folder


@contextmanager
def made(folder: Path) -> Iterator[Path]:
    """A folder beside it, which takes its place at the end; where that does not come, nothing is left."""
    temporary = folder.with_name(f".exporting_{folder.name}_{os.getpid()}")
    with on_disk(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
    try:
        yield temporary
        with on_disk(folder):
            os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write(
    folder: Path, said: dict[str, Any], graphs: Mapping[str, bytes], left_out: Mapping[str, str], of: dict[str, Any]
) -> None:
    """Write all files. left_out: graphs that could not be made, and why. of: what is told of the run. DiskError."""
    short, names = _split(said)
    files = {**graphs, "vocabularies.json": _json(names)}
    sums = {name: sum_of(content) for name, content in files.items()}
    head = {"format": FORMAT, "seqnet": __version__, "run": of, "files": sums, "left_out": dict(left_out)}
    files["model.json"] = _json({**head, **short}, indent=2)
    files["run.py"] = RUN.read_bytes()
    for name, content in files.items():
        with on_disk(folder / name):
            (folder / name).write_bytes(content)


def _json(value: Any, **options: Any) -> bytes:
    return f"{strict_json.dumps(value, ensure_ascii=False, **options)}\n".encode("utf-8", "surrogatepass")


def _split(said: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A description without its long lists, and these, by the name of the part that they are of."""
    names: dict[str, Any] = {}

    def short(part: dict[str, Any], name: str) -> dict[str, Any]:
        names[name] = {key: part[key] for key in LARGE if key in part}
        return {key: value for key, value in part.items() if key not in LARGE}

    found = dict(said)
    found["inputs"] = [{**one, "reads": short(one["reads"], one["name"])} for one in said["inputs"]]
    for key in ("writes", "answer"):
        if key in said:
            found[key] = short(said[key], f"<{key}>")
    return found, names

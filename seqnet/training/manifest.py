"""The files of a checkpoint as they lie on the disk: their names, and the manifest they are checked against.

The manifest holds the size and sum of every file, and the sum of itself. Whatever is named stays in its folder, and
is read only if it is a regular file. Read without torch.
"""

import hashlib
import json
import os
import re
import stat
from collections.abc import Collection
from pathlib import Path
from typing import Any

from seqnet import strict_json
from seqnet.errors import CheckpointError

FORMAT = 1
FOLDER = "checkpoints"  # of a run
MANIFEST = "manifest.json"
NAME = re.compile(r"step_\d{8,}", re.ASCII)
AVERAGED = "averaged"
REPLACED = ".replaced_"  # the checkpoint of the same step, while another takes its place
MOST = 1 << 20  # bytes of a manifest


def existing(folder: Path) -> list[Path]:
    """The checkpoints of a folder, newest first; one that was being replaced counts until there is the new one."""
    if folder.is_symlink() or not folder.is_dir():
        return []
    found: dict[str, Path] = {}
    for path in folder.iterdir():
        name = path.name.removeprefix(REPLACED)
        if NAME.fullmatch(name) and not path.is_symlink() and (name == path.name or name not in found):
            found[name] = path
    return sorted(found.values(), key=step_of, reverse=True)


def step_of(path: Path) -> int:
    """The step that the name of a checkpoint says."""
    return int(path.name.removeprefix(REPLACED).removeprefix("step_"))


def linked(folder: Path, name: str) -> Path | None:
    """The checkpoint that the symlink `name` points at, if it is one of this folder; or that is being replaced."""
    path = folder / name
    if not path.is_symlink():
        return None
    target = os.readlink(path)
    if not (NAME.fullmatch(target) or target == AVERAGED):
        return None
    both = (folder / target, folder / f"{REPLACED}{target}")
    return next((found for found in both if found.is_dir() and not found.is_symlink()), None)


def is_checkpoint(path: Path) -> bool:
    """Whether a path is that of one checkpoint; `last` or `best` in a folder of them is only if it stays inside."""
    astray = path.is_symlink() and path.parent.name == FOLDER and linked(path.parent, path.name) is None
    return (path / MANIFEST).is_file() and not astray


def find(path: Path, name: str = "best") -> Path:
    """The checkpoint meant by `path`: itself, or a run folder's `name`. Raises CheckpointError."""
    if is_checkpoint(path):
        return path
    folder = path / FOLDER
    found = None if folder.is_symlink() else linked(folder, name) or next(iter(existing(folder)), None)
    if found is None:
        what = "is neither a run folder with checkpoints nor a checkpoint" if path.exists() else "does not exist"
        raise CheckpointError(f"{path} {what}; give the folder of a run that was trained, or one of its checkpoints")
    if leads := astray(folder, name):  # the one that was meant is lost, and another is not what was asked for
        raise CheckpointError(f"{leads}; give one of those that are there, such as {found}")
    return found


def astray(folder: Path, name: str) -> str | None:
    """What is to be said of a link that leads to no checkpoint of its folder."""
    path = folder / name
    if not path.is_symlink() or linked(folder, name) is not None:
        return None
    return f"{path} points to {os.readlink(path)}, which is no checkpoint that is there"


def verified(path: Path, wanted: Collection[str] | None = None) -> dict[str, bytes]:
    """The bytes of every file that the manifest lists, or of those `wanted`, each compared with its size and sum.

    Raises CheckpointError, which names the file.
    """
    try:
        raw = _regular(path / MANIFEST)
        manifest = json.loads(raw)
        version, step, listed = manifest["format"], manifest["step"], dict(manifest["files"])
        rewritten = manifest_of({"format": version, "step": step, "files": listed})
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise CheckpointError(f"{path / MANIFEST} is missing or damaged") from error
    if version != FORMAT:
        raise CheckpointError(f"{path} has format {version!r:.40}; this seqnet reads format {FORMAT}")
    if raw != rewritten:
        raise CheckpointError(f"{path / MANIFEST} is damaged: its checksum is not the one written")
    if NAME.fullmatch(path.name) and step_of(path) != step:
        raise CheckpointError(f"{path / MANIFEST} is that of step {step!r:.40}: this is another checkpoint's content")
    files = {}
    for file, expected in listed.items():
        if not re.fullmatch(r"\w{1,100}\.(json|safetensors)", file, re.ASCII):
            raise CheckpointError(f"{path / MANIFEST} names a file that no checkpoint has: {file!r:.100}")
        if wanted is not None and file not in wanted:
            continue
        try:
            data = _regular(path / file, expected)
        except OSError as error:
            raise CheckpointError(f"{path / file} is missing or cannot be read") from error
        if {"bytes": len(data), "sha256": sum_of(data)} != expected:
            raise CheckpointError(f"{path / file} is damaged: its size or checksum is not the one written")
        files[file] = data
    return files


def manifest_of(body: dict[str, Any]) -> bytes:
    """The manifest's bytes: what it says, and the sum of that."""
    return strict_json.dumps({**body, "sha256": sum_of(strict_json.dumps(body).encode())}, indent=1).encode()


def sum_of(data: bytes) -> str:
    """As a manifest holds it."""
    return hashlib.sha256(data).hexdigest()


def _regular(path: Path, expected: Any = None) -> bytes:
    """The contents of a file that is one: a link or a pipe could lead anywhere or wait for ever.

    expected: what the manifest says of it; a file of another size is not read to its end. Raises OSError.
    """
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode) or (expected is None and found.st_size > MOST):
        raise OSError(f"{path} is not a regular file, or too large")
    with path.open("rb") as file:
        known = expected is None or (isinstance(expected, dict) and expected.get("bytes") == found.st_size)
        return file.read(-1 if known else 0)

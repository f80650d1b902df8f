"""A checkpoint is a directory: tensors in safetensors, everything else in JSON, a manifest written last.

It is made in a temporary directory, every file fsynced, renamed into place, and the parent fsynced, so that a
directory of the final name is always complete. `last` and `best` are relative symlinks replaced by rename.
No pickle is read or written.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from seqnet.errors import CheckpointError, DiskError

FORMAT = 1
MANIFEST = "manifest.json"
NAME = re.compile(r"step_\d{8,}")
UNFINISHED = (".writing_*", ".replaced_*", ".linking_*")

Tree = Any  # dicts, lists, tuples, numbers, strings, None and tensors


def split_tensors(tree: Tree, path: str = "") -> tuple[Tree, dict[str, Tensor]]:
    """Take the tensors out of a tree: what is left is JSON, with a marker where each was."""
    tensors: dict[str, Tensor] = {}

    def visit(node: Tree, place: str) -> Tree:
        if isinstance(node, Tensor):
            tensors[place] = node.detach().cpu().contiguous().clone()  # its own storage, as safetensors asks
            return {"$tensor": place}
        if isinstance(node, dict):
            if all(isinstance(key, str) and not key.startswith("$") for key in node):
                return {key: visit(value, f"{place}/{key}") for key, value in node.items()}
            return {"$items": [[key, visit(value, f"{place}/{key}")] for key, value in node.items()]}
        if isinstance(node, tuple):
            return {"$tuple": [visit(value, f"{place}/{index}") for index, value in enumerate(node)]}
        if isinstance(node, list):
            return [visit(value, f"{place}/{index}") for index, value in enumerate(node)]
        if node is None or isinstance(node, (bool, int, float, str)):
            return node
        raise TypeError(f"{place}: a {type(node).__name__} cannot be saved in a checkpoint")

    return visit(tree, path), tensors


def join_tensors(tree: Tree, tensors: dict[str, Tensor]) -> Tree:
    """The inverse of `split_tensors`."""
    if isinstance(tree, dict):
        if "$tensor" in tree:
            return tensors[tree["$tensor"]]
        if "$items" in tree:
            return {key: join_tensors(value, tensors) for key, value in tree["$items"]}
        if "$tuple" in tree:
            return tuple(join_tensors(value, tensors) for value in tree["$tuple"])
        return {key: join_tensors(value, tensors) for key, value in tree.items()}
    if isinstance(tree, list):
        return [join_tensors(value, tensors) for value in tree]
    return tree


def named(folder: Path, step: int) -> Path:
    """Where the checkpoint of a step lies."""
    return folder / f"step_{step:08d}"


def write(folder: Path, step: int, components: dict[str, Tree]) -> Path:
    """Write a checkpoint of `components` under `folder`; the directory made. Raises DiskError."""
    final = named(folder, step)
    temporary = folder / f".writing_{final.name}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        listed = {}
        for name, tree in components.items():
            rest, tensors = split_tensors(tree)
            contents = {f"{name}.json": json.dumps(rest, ensure_ascii=False).encode()}
            if tensors:
                contents[f"{name}.safetensors"] = save_tensors(tensors)
            for file, data in contents.items():
                _write_durably(temporary / file, data)
                listed[file] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        manifest = {"format": FORMAT, "step": step, "files": listed}
        _write_durably(temporary / MANIFEST, json.dumps(manifest, indent=1).encode())
        _sync(temporary)
        replaced = folder / f".replaced_{final.name}"
        if final.exists():  # the same step again, after a resume: the old one is as good, or damaged
            shutil.rmtree(replaced, ignore_errors=True)
            final.rename(replaced)
        temporary.rename(final)
        _sync(folder)
        shutil.rmtree(replaced, ignore_errors=True)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise DiskError(f"cannot write the checkpoint {final}: {error.strerror}; free some space and resume") from error
    return final


def link(folder: Path, name: str, checkpoint: Path) -> None:
    """Point the relative symlink `name` (last, best) at a checkpoint of the same folder, atomically."""
    temporary = folder / f".linking_{name}"
    try:
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(checkpoint.name)
        temporary.replace(folder / name)
        _sync(folder)
    except OSError as error:
        raise DiskError(f"cannot write {folder / name}: {error.strerror}") from error


def prune(folder: Path, keep: int) -> None:
    """Remove all but the newest `keep` checkpoints and those that `last` and `best` point at, and what a crash left."""
    kept = {path.name for path in existing(folder)[:keep]}
    kept |= {target.name for name in ("last", "best") if (target := linked(folder, name)) is not None}
    left = [path for pattern in UNFINISHED for path in folder.glob(pattern)]
    for path in [*existing(folder), *left]:
        if path.name not in kept:  # one that cannot be removed is in nobody's way
            shutil.rmtree(path, ignore_errors=True)


def copy(checkpoint: Path, folder: Path) -> Path:
    """Copy a checkpoint, as it is, under another folder; the directory made. Raises CheckpointError and DiskError."""
    files = _verified(checkpoint)
    final, temporary = folder / checkpoint.name, folder / f".writing_{checkpoint.name}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        for file, data in files.items():
            _write_durably(temporary / file, data)
        _write_durably(temporary / MANIFEST, (checkpoint / MANIFEST).read_bytes())
        _sync(temporary)
        temporary.rename(final)
        _sync(folder)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise DiskError(f"cannot write the checkpoint {final}: {error.strerror}; free some space") from error
    return final


def write_file(path: Path, text: str) -> None:
    """Write a text file whole or not at all. Raises DiskError."""
    temporary = path.with_name(f".writing_{path.name}")
    try:
        _write_durably(temporary, text.encode())
        temporary.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise DiskError(f"cannot write {path}: {error.strerror}; free some space and resume") from error


def existing(folder: Path) -> list[Path]:
    """The checkpoints of a folder, newest first."""
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if NAME.fullmatch(path.name) and path.is_dir() and not path.is_symlink()]
    return sorted(found, key=lambda path: int(path.name[5:]), reverse=True)


def linked(folder: Path, name: str) -> Path | None:
    """The checkpoint that the symlink `name` points at, if it is one of this folder."""
    path = folder / name
    if not path.is_symlink():
        return None
    target = os.readlink(path)
    return folder / target if NAME.fullmatch(target) and (folder / target).is_dir() else None


def find(path: Path, name: str = "best") -> Path:
    """The checkpoint meant by `path`: itself, or a run folder's `name`. Raises CheckpointError."""
    if (path / MANIFEST).is_file():
        return path
    folder = path / "checkpoints"
    found = linked(folder, name) or next(iter(existing(folder)), None)
    if found is None:
        what = "is neither a run folder with checkpoints nor a checkpoint" if path.exists() else "does not exist"
        raise CheckpointError(f"{path} {what}; give the folder of a run that was trained, or one of its checkpoints")
    return found


def read(path: Path) -> dict[str, Tree]:
    """The components of a checkpoint, after every size and checksum was compared. Raises CheckpointError."""
    files = _verified(path)
    components = {}
    for file, data in files.items():
        if not file.endswith(".json"):
            continue
        name = file.removesuffix(".json")
        try:
            tensors = load_tensors(files[f"{name}.safetensors"]) if f"{name}.safetensors" in files else {}
            components[name] = join_tensors(json.loads(data), tensors)
        except (SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise CheckpointError(f"{path / file} does not hold what a checkpoint holds: {error}") from error
    return components


def newest(folder: Path, passed_over: Callable[[str], None]) -> tuple[Path, dict[str, Tree]] | None:
    """The newest checkpoint that reads, with its components; None where there are none at all.

    Each damaged one is told to `passed_over`. Raises CheckpointError where there are some and none is good.
    """
    found = existing(folder)
    for path in found:
        try:
            return path, read(path)
        except CheckpointError as error:
            passed_over(str(error))
    if found:
        many = f"none of the {len(found)} checkpoints" if len(found) > 1 else "the only checkpoint"
        raise CheckpointError(f"{many} in {folder} can be loaded; begin anew in another run_dir")
    return None


def verify(path: Path) -> int:
    """Compare every size and checksum; the number of files. Raises CheckpointError naming the file."""
    return len(_verified(path))


def fingerprint(path: Path) -> dict[str, str]:
    """One sha256 for each component, leaving out wall-clock, run folder and machine paths."""
    left_out = {"seconds", "run_dir", "resume", "path", "data_dir", "device", "trust", "init_from"}

    def strip(node: Tree) -> Tree:
        if isinstance(node, dict):
            return {key: strip(value) for key, value in sorted(node.items(), key=str) if key not in left_out}
        return [strip(value) for value in node] if isinstance(node, (list, tuple)) else node

    sums = {}
    for name, tree in sorted(read(path).items()):
        rest, tensors = split_tensors(strip(tree))
        digest = hashlib.sha256(json.dumps(rest, sort_keys=True).encode())
        for place, tensor in sorted(tensors.items()):
            digest.update(f"{place} {tensor.dtype} {tuple(tensor.shape)} ".encode())
            digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
        sums[name] = digest.hexdigest()
    return sums


def _verified(path: Path) -> dict[str, bytes]:
    """The bytes of every file that the manifest lists, each compared with its size and sum."""
    try:
        manifest = json.loads((path / MANIFEST).read_bytes())
        version, listed = manifest["format"], dict(manifest["files"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path / MANIFEST} is missing or damaged") from error
    if version != FORMAT:
        raise CheckpointError(f"{path} has format {version}; this seqnet reads format {FORMAT}")
    files = {}
    for file, expected in listed.items():
        if not re.fullmatch(r"\w+\.(json|safetensors)", file):
            raise CheckpointError(f"{path / MANIFEST} names a file that no checkpoint has: {file!r}")
        try:
            if (path / file).is_symlink():
                raise CheckpointError(f"{path / file} is a link, not a file")
            data = (path / file).read_bytes()
        except OSError as error:
            raise CheckpointError(f"{path / file} is missing or cannot be read") from error
        if {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} != expected:
            raise CheckpointError(f"{path / file} is damaged: its size or checksum is not the one written")
        files[file] = data
    return files


def _write_durably(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

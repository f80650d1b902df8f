"""A checkpoint is a directory: tensors in safetensors, everything else in JSON, a manifest written last.

It is made in a temporary directory, every file fsynced, renamed into place, and the parent fsynced, so that a
directory of the final name is always complete. `last` and `best` are relative symlinks replaced by rename.
The manifest holds the size and sum of every file, and the sum of itself. No pickle is read or written.
"""

import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from seqnet import strict_json
from seqnet.errors import CheckpointError, DiskError, on_disk, refused
from seqnet.training.manifest import (
    AVERAGED,
    FORMAT,
    MANIFEST,
    REPLACED,
    astray,
    existing,
    linked,
    manifest_of,
    step_of,
    sum_of,
    verified,
)

UNFINISHED = (".writing_*", f"{REPLACED}*", ".linking_*")

Tree = Any  # dicts, lists, tuples, numbers, strings, None and tensors


def split_tensors(tree: Tree, path: str = "") -> tuple[Tree, dict[str, Tensor]]:
    """Take the tensors out of a tree: what is left is JSON, with a marker where each was, or what JSON has not."""
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
        if isinstance(node, float) and not math.isfinite(node):
            return {"$float": str(node)}
        if node is None or isinstance(node, (bool, int, float, str)):
            return node
        raise TypeError(f"{place}: a {type(node).__name__} cannot be saved in a checkpoint")

    return visit(tree, path), tensors


def join_tensors(tree: Tree, tensors: dict[str, Tensor]) -> Tree:
    """The inverse of `split_tensors`."""
    if isinstance(tree, dict):
        if "$tensor" in tree:
            return tensors[tree["$tensor"]]
        if "$float" in tree:
            return float(str(tree["$float"]))
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


def write(folder: Path, step: int, components: dict[str, Tree], name: str | None = None) -> Path:
    """Write a checkpoint of `components` under `folder`, read back before it counts; the directory made.

    name: of the directory, when it is not that of the step. Raises DiskError.
    """
    contents = {}
    for component, tree in components.items():
        rest, tensors = split_tensors(tree)
        contents[f"{component}.json"] = strict_json.dumps(rest, ensure_ascii=False).encode()
        if tensors:
            contents[f"{component}.safetensors"] = save_tensors(tensors)
    listed = {file: {"bytes": len(data), "sha256": sum_of(data)} for file, data in contents.items()}
    contents[MANIFEST] = manifest_of({"format": FORMAT, "step": step, "files": listed})
    return _place(folder, name or named(folder, step).name, contents)


def copy(checkpoint: Path, folder: Path) -> Path:
    """Copy a checkpoint, as it is, under another folder; the directory made. Raises CheckpointError and DiskError."""
    files = verified(checkpoint)
    contents = {**files, MANIFEST: (checkpoint / MANIFEST).read_bytes()}
    return _place(folder, checkpoint.name.removeprefix(REPLACED), contents)


def _place(folder: Path, name: str, contents: dict[str, bytes]) -> Path:
    """Make the directory `name` of these files, whole or not at all."""
    final, temporary, replaced = folder / name, folder / f".writing_{name}", folder / f"{REPLACED}{name}"
    try:
        if not folder.is_dir():
            folder.mkdir(parents=True)
            _sync(folder.parent)
        _remove(temporary)
        temporary.mkdir()
        for file, data in contents.items():
            _write_durably(temporary / file, data)
        _sync(temporary)
        if final.exists():  # the same step again, after a resume; until the new one stands, the old one is found
            _remove(replaced)
            final.rename(replaced)
        temporary.rename(final)
        _sync(folder)
        verified(final)
        _remove(replaced)
    except CheckpointError as error:
        shutil.rmtree(final, ignore_errors=True)  # so that the one that it replaced is found
        raise DiskError(f"what was just written does not read back: {error}; look after this disk") from error
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise DiskError(refused(final, error)) from error
    return final


def rename(folder: Path, final: Path) -> None:
    """Give a folder of checkpoints its final name, atomically. Raises DiskError."""
    with on_disk(final):
        folder.rename(final)
        _sync(final.parent)


def put_back(path: Path) -> Path:
    """Where a kill came while a checkpoint was replaced, give the old one its name again. Raises DiskError."""
    if not path.name.startswith(REPLACED):
        return path
    final = path.with_name(path.name.removeprefix(REPLACED))
    with on_disk(final):
        path.rename(final)
    return final


def link(folder: Path, name: str, checkpoint: Path) -> None:
    """Point the relative symlink `name` (last, best) at a checkpoint of the same folder, atomically."""
    temporary = folder / f".linking_{name}"
    with on_disk(folder / name):
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(checkpoint.name)
        temporary.replace(folder / name)
        _sync(folder)


def prune(folder: Path, keep: int, steps: Iterable[int] = ()) -> None:
    """Remove all but the newest `keep` checkpoints, those of `steps` and `last` and `best`, and what a crash left."""
    kept = {path.name for path in existing(folder)[:keep]} | {named(folder, step).name for step in steps}
    kept |= {target.name for name in ("last", "best") if (target := linked(folder, name)) is not None}
    left = [path for pattern in (*UNFINISHED, AVERAGED) for path in folder.glob(pattern)]
    for path in [*existing(folder), *left]:
        if path.name not in kept:
            _remove(path)


def remove_after(folder: Path, step: int) -> None:
    """Remove the checkpoints of later steps: the run went back to `step`."""
    for path in existing(folder):
        if step_of(path) > step:
            _remove(path)


def write_file(path: Path, text: str) -> None:
    """Write a text file whole or not at all. Raises DiskError."""
    temporary = path.with_name(f".writing_{path.name}")
    with on_disk(path):
        temporary.unlink(missing_ok=True)  # it could be a link to somewhere else
        _write_durably(temporary, text.encode())
        temporary.replace(path)
        _sync(path.parent)


def read(path: Path) -> dict[str, Tree]:
    """The components of a checkpoint, after every size and checksum was compared. Raises CheckpointError."""
    files = verified(path)
    components = {}
    for file, data in files.items():
        if not file.endswith(".json"):
            continue
        name = file.removesuffix(".json")
        try:
            tensors = load_tensors(files[f"{name}.safetensors"]) if f"{name}.safetensors" in files else {}
            components[name] = join_tensors(json.loads(data), tensors)
        except (SafetensorError, LookupError, RuntimeError, TypeError, ValueError) as error:
            raise CheckpointError(f"{path / file} does not hold what a checkpoint holds: {error}") from error
    return components


def newest(folder: Path, passed_over: Callable[[str], None]) -> tuple[Path, dict[str, Tree]] | None:
    """The newest checkpoint that reads, with its components; None where there are none at all.

    Each damaged one is told to `passed_over`. Raises CheckpointError where there are some and none is good.
    """
    found = existing(folder)
    if lost := astray(folder, "last"):
        passed_over(lost)
    for path in found:
        try:
            return path, read(path)
        except CheckpointError as error:
            passed_over(str(error))
    if found or lost:
        many = "the only checkpoint" if len(found) + bool(lost) == 1 else "none of the checkpoints"
        raise CheckpointError(f"{many} in {folder} can be loaded; begin anew in another run_dir")
    return None


def verify(path: Path) -> int:
    """Compare every size and checksum; the number of files. Raises CheckpointError naming the file."""
    return len(verified(path))


def fingerprint(path: Path) -> dict[str, str]:
    """One sha256 for each component, leaving out wall-clock, run folder and machine paths."""
    left_out = {"machine", "seconds", "run_dir", "resume", "path", "data_dir", "device", "trust", "init_from"}

    def strip(node: Tree) -> Tree:
        if isinstance(node, dict):
            return {key: strip(node[key]) for key in sorted(node, key=str) if key not in left_out}
        return [strip(value) for value in node] if isinstance(node, (list, tuple)) else node

    sums = {}
    for name, tree in sorted(strip(read(path)).items()):
        rest, tensors = split_tensors(tree)
        digest = hashlib.sha256(strict_json.dumps(rest, sort_keys=True).encode())
        for place, tensor in sorted(tensors.items()):
            digest.update(f"{place} {tensor.dtype} {tuple(tensor.shape)} ".encode())
            digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
        sums[name] = digest.hexdigest()
    return sums


def _remove(path: Path) -> None:
    """Remove a directory or a file, as far as it can be: what stays is in nobody's way."""
    if path.is_symlink() or path.is_file():
        with suppress(OSError):
            path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)


def _write_durably(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

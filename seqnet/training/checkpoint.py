"""A checkpoint is a directory: tensors in safetensors, everything else in JSON, a manifest written last.

It is made in a temporary directory, every file fsynced, renamed into place, and the parent fsynced, so that a
directory of the final name is always complete. `last` and `best` are relative symlinks replaced by rename.
The manifest holds the size and sum of every file, and the sum of itself. No pickle is read or written.
"""

import hashlib
import json
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
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
AVERAGED = "averaged"
REPLACED = ".replaced_"  # the checkpoint of the same step, while another takes its place
UNFINISHED = (".writing_*", f"{REPLACED}*", ".linking_*")

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


def write(folder: Path, step: int, components: dict[str, Tree], name: str | None = None) -> Path:
    """Write a checkpoint of `components` under `folder`, read back before it counts; the directory made.

    name: of the directory, when it is not that of the step. Raises DiskError.
    """
    contents = {}
    for component, tree in components.items():
        rest, tensors = split_tensors(tree)
        contents[f"{component}.json"] = json.dumps(rest, ensure_ascii=False).encode()
        if tensors:
            contents[f"{component}.safetensors"] = save_tensors(tensors)
    listed = {file: {"bytes": len(data), "sha256": _sum(data)} for file, data in contents.items()}
    contents[MANIFEST] = _manifest({"format": FORMAT, "step": step, "files": listed})
    return _place(folder, name or named(folder, step).name, contents)


def copy(checkpoint: Path, folder: Path) -> Path:
    """Copy a checkpoint, as it is, under another folder; the directory made. Raises CheckpointError and DiskError."""
    files = _verified(checkpoint)
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
        _verified(final)
        _remove(replaced)
    except CheckpointError as error:
        raise DiskError(f"what was just written does not read back: {error}; look after this disk") from error
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise DiskError(f"cannot write the checkpoint {final}: {error.strerror}; free some space and resume") from error
    return final


def put_back(path: Path) -> Path:
    """Where a kill came while a checkpoint was replaced, give the old one its name again. Raises DiskError."""
    if not path.name.startswith(REPLACED):
        return path
    final = path.with_name(path.name.removeprefix(REPLACED))
    try:
        path.rename(final)
    except OSError as error:
        raise DiskError(f"cannot rename {path}: {error.strerror}") from error
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
    try:
        _write_durably(temporary, text.encode())
        temporary.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise DiskError(f"cannot write {path}: {error.strerror}; free some space and resume") from error


def existing(folder: Path) -> list[Path]:
    """The checkpoints of a folder, newest first; one that was being replaced counts until there is the new one."""
    if not folder.is_dir():
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
    """The checkpoint that the symlink `name` points at, if it is one of this folder."""
    path = folder / name
    if not path.is_symlink():
        return None
    target = os.readlink(path)
    found = folder / target
    ours = NAME.fullmatch(target) or target == AVERAGED
    return found if ours and found.is_dir() and not found.is_symlink() else None


def find(path: Path, name: str = "best") -> Path:
    """The checkpoint meant by `path`: itself, or a run folder's `name`. Raises CheckpointError."""
    if (path / MANIFEST).is_file():
        return path
    folder = path / "checkpoints"
    found = None if folder.is_symlink() else linked(folder, name) or next(iter(existing(folder)), None)
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
    lost = (folder / "last").is_symlink() and linked(folder, "last") is None
    if lost:
        passed_over(f"{folder / 'last'} points to {os.readlink(folder / 'last')}, which is not there")
    for path in found:
        try:
            return path, read(path)
        except CheckpointError as error:
            passed_over(str(error))
    if found or lost:
        many = "the only checkpoint" if len(found) + lost == 1 else "none of the checkpoints"
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
            return {key: strip(node[key]) for key in sorted(node, key=str) if key not in left_out}
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
        raw = _regular(path / MANIFEST)
        manifest = json.loads(raw)
        version, step, listed = manifest["format"], manifest["step"], dict(manifest["files"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise CheckpointError(f"{path / MANIFEST} is missing or damaged") from error
    if version != FORMAT:
        raise CheckpointError(f"{path} has format {version}; this seqnet reads format {FORMAT}")
    if raw != _manifest({"format": version, "step": step, "files": listed}):
        raise CheckpointError(f"{path / MANIFEST} is damaged: its checksum is not the one written")
    if NAME.fullmatch(path.name) and step_of(path) != step:
        raise CheckpointError(f"{path / MANIFEST} is that of step {step}: this is another checkpoint's content")
    files = {}
    for file, expected in listed.items():
        if not re.fullmatch(r"\w+\.(json|safetensors)", file):
            raise CheckpointError(f"{path / MANIFEST} names a file that no checkpoint has: {file!r}")
        try:
            data = _regular(path / file)
        except OSError as error:
            raise CheckpointError(f"{path / file} is missing or cannot be read") from error
        if {"bytes": len(data), "sha256": _sum(data)} != expected:
            raise CheckpointError(f"{path / file} is damaged: its size or checksum is not the one written")
        files[file] = data
    return files


def _manifest(body: dict[str, Any]) -> bytes:
    """The manifest's bytes: what it says, and the sum of that."""
    return json.dumps({**body, "sha256": _sum(json.dumps(body).encode())}, indent=1).encode()


def _sum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _regular(path: Path) -> bytes:
    """The contents of a file that is one: a link or a pipe could lead anywhere or wait for ever. Raises OSError."""
    if not stat.S_ISREG(path.lstat().st_mode):
        raise OSError(f"{path} is not a regular file")
    return path.read_bytes()


def _remove(path: Path) -> None:
    """Remove a directory or a file, as far as it can be: what stays is in nobody's way."""
    if path.is_symlink() or path.is_file():
        with suppress(OSError):
            path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)


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

"""The folder that a process works in: named after the time, made so that it is nobody else's, and held.

It is held by a lock of the system on its file `.lock` (fcntl(2), of POSIX), which ends with the process, whatever ends
that, and which data workers, that may outlive it, do not inherit. It also ends when the process closes that file, be it
opened once more: so it is opened once, and what a process holds itself is never looked at through the file.
"""

import errno
import fcntl
import itertools
import json
import os
import re
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from seqnet import strict_json
from seqnet.errors import ConfigurationError, DiskError, on_disk, visible
from seqnet.terminal import warn

LOCK = ".lock"
PATIENCE = 2.0  # seconds: a process that was killed holds its folder until the system has cleared it away
TAKEN = (errno.EACCES, errno.EAGAIN)
NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL)
FLOCK = "hhqqi0q" if sys.platform == "linux" else "qqihh0q"  # struct flock: type and whence come first, or last

_held: set[tuple[int, int, int]] = set()  # process (its children hold nothing), device and number of the folder


def new(parent: Path) -> Path:
    """A path under `parent`, named after the time, where nothing is yet."""
    first = parent / datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    return next(path for path in _numbered(first) if not path.exists())


def _numbered(folder: Path) -> Iterator[Path]:
    """The folder, and those named after it with a number, counted on."""
    name, number = re.fullmatch(r"(.+?)(?:_(\d+))?", folder.name).groups()  # type: ignore[union-attr]
    yield folder
    for following in itertools.count(int(number or 1) + 1):
        yield folder.with_name(f"{name}_{following}")


@contextmanager
def made(folder: Path, numbered: bool) -> Iterator[Path]:
    """Make a folder that was not there, and hold it while it is worked in; the folder.

    numbered: where another process made it meanwhile, it is the next one with a number; otherwise that is refused.
    Raises ConfigurationError and DiskError.
    """
    folder = make(folder, numbered)
    with held(folder):
        if set(os.listdir(folder)) - {LOCK}:
            raise ConfigurationError(
                f"run_dir={folder} was made by another process meanwhile: start again to go on with what is there, "
                "or give another run_dir"
            )
        yield folder


def make(folder: Path, numbered: bool) -> Path:
    """Make a folder that was not there; the folder. numbered: see `made`. Raises DiskError."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if numbered:
            return next(path for path in _numbered(folder) if _make(path))
        folder.mkdir(exist_ok=True)  # which of two processes has made it is said by who holds it
    except OSError as error:
        raise DiskError(f"run_dir={folder} cannot be made: {error.strerror}; give another run_dir") from error
    return folder


def _make(folder: Path) -> bool:
    """Make a folder, unless there is something of that name."""
    try:
        folder.mkdir()
    except FileExistsError:
        return False
    return True


@contextmanager
def held(folder: Path) -> Iterator[Path]:
    """Let no other process work in the folder meanwhile; the folder. Within this process it may be asked for again.

    Raises ConfigurationError, which says who holds it, where another process does, and DiskError.
    """
    if is_held(folder):
        yield folder
        return
    path = folder / LOCK
    descriptor = _locked(path, folder)
    mine = _mine(folder)
    _held.add(mine)
    try:
        yield folder
    finally:
        _held.discard(mine)
        with suppress(OSError):
            if _is(path, descriptor):
                path.unlink()  # while it is locked: whoever waits for it finds that it is no longer the file
        os.close(descriptor)


def is_held(folder: Path) -> bool:
    """Whether this process holds the folder."""
    return folder.is_dir() and _mine(folder) in _held


def _mine(folder: Path) -> tuple[int, int, int]:
    found = folder.stat()
    return os.getpid(), found.st_dev, found.st_ino


def in_use(folder: Path) -> bool:
    """Whether any process holds the folder, asked without taking it or writing; True where that cannot be told."""
    path = folder / LOCK
    if is_held(folder):
        return True
    if path.is_symlink() or not path.is_file():
        return False
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        return _holder(descriptor) is not None
    except OSError:
        return True
    finally:
        os.close(descriptor)


def holder(folder: Path) -> int | None:
    """The other process of this machine that holds the folder, by what the system says; None where there is none."""
    with suppress(OSError):
        descriptor = os.open(folder / LOCK, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            kind, pid = _lock(descriptor)
            return pid if kind != fcntl.F_UNLCK and pid > 0 else None
        finally:
            os.close(descriptor)
    return None


def _locked(path: Path, folder: Path) -> int:
    """The descriptor of the file, locked; where the disk knows no locks, that is told, and it is not."""
    until = time.monotonic() + PATIENCE
    while True:
        with on_disk(path):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is(path, descriptor):
                _sign(descriptor)
                return descriptor
            holder = None  # who held it took the file away
        except OSError as error:
            if error.errno in NO_LOCKS:
                warn(
                    f"the disk of {folder} knows no locks ({error.strerror}), so nothing keeps another process from "
                    "working in it too"
                )
                return descriptor
            if error.errno not in TAKEN:
                os.close(descriptor)
                raise DiskError(f"cannot lock {path}: {error.strerror}; give another run_dir") from error
            holder = _holder(descriptor)
        os.close(descriptor)
        if holder is not None:
            if time.monotonic() >= until:
                raise ConfigurationError(f"{folder} is in use by {holder}: wait for its end, or give another run_dir")
            time.sleep(0.02)


def _is(path: Path, descriptor: int) -> bool:
    """Whether the file of that name is the one that is open."""
    try:
        return os.path.samestat(os.stat(path, follow_symlinks=False), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _sign(descriptor: int) -> None:
    """Say in the file who holds it, for those who are refused: on a full disk they hear less."""
    since = datetime.now().strftime("%Y-%m-%d %H:%M:%S")
    content = strict_json.dumps({"pid": os.getpid(), "host": os.uname().nodename, "since": since})
    with suppress(OSError):
        os.pwrite(descriptor, f"{content}\n".encode(), 0)  # more may follow, of one that was killed


def _holder(descriptor: int) -> str | None:
    """Who holds the lock of the file, in words; None where it is free. Raises OSError."""
    kind, pid = _lock(descriptor)
    if kind == fcntl.F_UNLCK:
        return None
    told, here = _told(os.pread(descriptor, 1000, 0).partition(b"\n")[0]), os.uname().nodename
    # Of another machine, or of another container, the system says no number that means anything here.
    if told and (pid <= 0 or told["pid"] == pid or told["host"] != here):
        return visible(f"process {told['pid']} on {told['host']} since {told['since']}")
    return f"process {pid} on {here}" if pid > 0 else "a process that does not say its name"


def _lock(descriptor: int) -> tuple[int, int]:
    """The kind of lock that another process has on the file, and the number of that process. Raises OSError."""
    kind, pid = (0, 4) if FLOCK.startswith("h") else (3, 2)
    asked = [0] * 5
    asked[kind] = fcntl.F_WRLCK
    answered = struct.unpack(FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, struct.pack(FLOCK, *asked)))
    return answered[kind], answered[pid]


def _told(content: bytes) -> dict[str, Any] | None:
    """What a holder wrote, if it is that."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and {"pid", "host", "since"} <= found.keys() else None

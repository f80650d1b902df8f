"""Errors a user can cause: each is one clear sentence and an exit code. Imports nothing heavy."""

import difflib
import errno
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

INTERRUPTED, TERMINATED = 130, 143  # exit codes of signals


class UserError(Exception):
    """Something the user can mend; the message is the one sentence they see."""

    exit_code = 1


class ConfigurationError(UserError):
    """An option is misspelt, of the wrong type, out of range, or contradicts another."""

    exit_code = 2


class DataError(UserError):
    """A data file cannot be used; the message names the file and, where there is one, the line."""

    exit_code = 3


class MissingData(DataError):
    """Data that are to be read are not there at all."""


class NonFiniteError(UserError):
    """The loss or a gradient is no longer a finite number. batches: where, as positions that can be left out."""

    exit_code = 4

    def __init__(self, sentence: str, batches: Sequence[list[int]] = ()) -> None:
        super().__init__(sentence)
        self.batches = batches


class CheckpointError(UserError):
    """No checkpoint can be loaded."""

    exit_code = 5


class DiskError(UserError):
    """The disk refused a write."""

    exit_code = 6


ADVICE = {
    errno.EROFS: "give a run_dir where it can be written",
    errno.EACCES: "give a run_dir where you may write",
    errno.EPERM: "give a run_dir where you may write",
    errno.EFBIG: "raise the limit on the size of a file (ulimit -f) and resume",
    errno.EIO: "look after this disk, and resume",
    errno.ENOENT: "its folder is gone: give another run_dir",
    errno.EISDIR: "a folder has that name: move it away",
    errno.ENOTDIR: "a file has the name of a folder: move it away",
    errno.EEXIST: "something else has that name: move it away",
}
NO_MEMORY = re.compile(
    "out of memory|not enough memory|can't allocate memory|cannot allocate memory|bad_alloc|ALLOC_FAILED"
    "|unable to allocate|storage size calculation overflowed",
    re.IGNORECASE,
)


@contextmanager
def on_disk(path: Path) -> Iterator[None]:
    """Say in one sentence that the disk refused what is done inside with `path`. Raises DiskError."""
    try:
        yield
    except OSError as error:
        raise DiskError(refused(path, error)) from error


def is_full(error: OSError) -> bool:
    """Whether there is no room left to write, or nothing may be written at all."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)


def refused(path: Path | str, error: OSError) -> str:
    """What the disk refused, and what to do."""
    advice = ADVICE.get(error.errno or 0, "free some space and resume")
    return f"cannot write {path}: {error.strerror or error}; {advice}"


class OutOfMemory(UserError):
    """The device has no memory left for what is large; the message names it."""

    exit_code = 7


def no_memory(error: BaseException | None) -> bool:
    """Whether an allocation failed, or an error is due to one that did: of Python, NumPy, torch, a device, the kernel.

    torch says it by a RuntimeError, which is the error of other things too.
    """
    while error is not None:
        failed = isinstance(error, RuntimeError) and NO_MEMORY.search(str(error)) is not None
        if failed or isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
            return True
        error = error.__cause__
    return False


class WorkerError(UserError):
    """A process that makes batches died."""


def explained(error: BaseException) -> tuple[int, str]:
    """The exit code of an error and the sentence that says it."""
    if no_memory(error) and not isinstance(error, OutOfMemory):
        return OutOfMemory.exit_code, "out of memory; end other programs, or take a machine that has more"
    if isinstance(error, UserError):
        return error.exit_code, str(error)
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, "interrupted"
    if isinstance(error, OSError) and is_full(error):
        return DiskError.exit_code, refused(error.filename or "standard output or a temporary file", error)
    return 1, f"this is a bug: {type(error).__name__}: {' '.join(str(error).split())} (SEQNET_DEBUG=1 shows where)"


def exit_code(ending: SystemExit) -> int:
    """The exit code that is asked for."""
    return ending.code if isinstance(ending.code, int) else int(ending.code is not None)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, or None where nothing is alike."""
    if len(name) > 100:  # no name that was mistyped, and comparing takes long
        return None
    written = {each.lower(): each for each in known}  # capitals are no great difference
    found = difflib.get_close_matches(name.lower(), list(written), n=1, cutoff=0.5)
    return written[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A half-sentence such as "; did you mean 'gru'?", empty where nothing is alike."""
    found = nearest(name, known)
    return f"; did you mean '{found}'?" if found else ""


def visible(text: str) -> str:
    """The text in one line: line ends as a sign, other control characters, which could drive a terminal, as �."""
    signs = {"\n": "⏎", "\t": " "}
    return "".join(
        letter if letter.isprintable() else signs.get(letter, "\N{REPLACEMENT CHARACTER}") for letter in text
    )

"""Errors a user can cause: each is one clear sentence and an exit code. Imports nothing heavy."""

import difflib
from collections.abc import Iterable, Sequence


class UserError(Exception):
    """Something the user can mend; the message is the one sentence they see."""

    exit_code = 1


class ConfigurationError(UserError):
    """An option is misspelt, of the wrong type, out of range, or contradicts another."""

    exit_code = 2


class DataError(UserError):
    """A data file cannot be used; the message names the file and, where there is one, the line."""

    exit_code = 3


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


class OutOfMemory(UserError):
    """The device has no memory left for this batch and window."""

    exit_code = 7


class WorkerError(UserError):
    """A process that makes batches died."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, or None where nothing is alike."""
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return found[0] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A half-sentence such as "; did you mean 'gru'?", empty where nothing is alike."""
    found = nearest(name, known)
    return f"; did you mean '{found}'?" if found else ""

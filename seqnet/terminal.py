"""What is shown in the terminal. All of it passes here, so no text, whoever wrote it, can drive a terminal.

Nobody need look: a reader that went away (`| head`), a terminal that was closed and a stream that never was open
(`>&-`) end an answer, and nothing else.
"""

import contextlib
import errno
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import IO, TextIO, cast

from seqnet.errors import visible

GONE = (errno.EPIPE, errno.EIO, errno.EBADF)  # the reader has enough, the terminal is closed, nothing can be written
_log: ContextVar[logging.Logger | None] = ContextVar("log", default=None)  # what hears all of it in place of a terminal
NOBODY = logging.getLogger("seqnet.nobody")  # hears what is shown to none
NOBODY.addHandler(logging.NullHandler())
NOBODY.propagate = False


class NobodyReads(Exception):
    """Whoever read the answers has enough of them."""


@contextlib.contextmanager
def logged(to: logging.Logger | None) -> Iterator[None]:
    """Nothing is shown inside: what is said and warned of goes to a logger, and what is drawn nowhere.

    None: it is shown, whatever hears the rest.
    """
    before = _log.set(to)
    try:
        yield
    finally:
        _log.reset(before)


def hush() -> None:
    """Show nothing from now on, but inside `logged(None)`."""
    _log.set(NOBODY)


def is_logged() -> bool:
    """Whether a logger hears what is said, so that nothing is drawn."""
    return _log.get() is not None


def say(text: str) -> None:
    """Lines for people, on standard output. Raises OSError where the disk that it leads to is full."""
    if (log := _log.get()) is not None:
        log.info("%s", text)
        return
    out = standard_output()
    out.write("".join(f"{visible(line)}\n" for line in text.split("\n")))
    out.flush()


def warn(sentence: str) -> None:
    """One sentence for people, on standard error."""
    if (log := _log.get()) is not None:
        log.warning("%s", sentence)
        return
    _lament(f"seqnet: {visible(sentence)}\n")


def warn_at_length(text: str) -> None:
    """Lines for those who look for a fault, on standard error."""
    _lament("".join(f"{visible(line)}\n" for line in text.rstrip("\n").split("\n")))


def _lament(text: str) -> None:
    if sys.stderr is not None:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except OSError:  # there is nowhere left to say so
            leave(sys.stderr)


def answer(line: str) -> None:
    """A line for a program, on standard output; it is one of `lines.as_line`. Raises NobodyReads."""
    out = _Output(sys.stdout, enough)
    out.write(f"{line}\n")
    out.flush()


def enough() -> None:
    """What ends an answer that nobody reads. Raises NobodyReads."""
    raise NobodyReads


def standard_output(gone: Callable[[], None] = lambda: None) -> TextIO:
    """Standard output, for those who draw on it: once nobody reads it, it calls `gone`, and takes the rest in silence.

    Letters that it cannot write become question marks. Writing raises OSError where the disk that it leads to is full.
    """
    return cast(TextIO, _Output(sys.stdout if _log.get() is None else None, gone, "replace"))


class _Output:
    def __init__(self, stream: IO[str] | None, gone: Callable[[], None], errors: str = "strict") -> None:
        self._stream, self._gone, self._errors = stream, gone, errors
        self.encoding = getattr(stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        written = text.encode(self.encoding, self._errors).decode(self.encoding) if self._errors != "strict" else text
        self._tried(lambda stream: stream.write(written))
        return len(text)

    def flush(self) -> None:
        self._tried(lambda stream: stream.flush())

    def isatty(self) -> bool:
        return self._stream is not None and self._stream.isatty()

    def _tried(self, action: Callable[[IO[str]], object]) -> None:
        if self._stream is None:
            return
        try:
            action(self._stream)
        except OSError as error:
            if error.errno not in GONE:
                raise
            stream, self._stream = self._stream, None
            leave(stream)
            self._gone()


def leave(stream: IO[str] | None) -> None:
    """Let what is still to be written to a stream go nowhere: Python would try again at its end, and fail."""
    if stream is not None:
        with contextlib.suppress(OSError), open(os.devnull, "wb") as nowhere:  # a stream in memory has no number
            os.dup2(nowhere.fileno(), stream.fileno())


def hold_closed_streams() -> None:
    """Keep the numbers of the standard streams that are closed from the files of a run: libraries write to them."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # it gets the lowest number that is free
    if sys.stderr is None:
        sys.stderr = open(2, "w")  # print() would take standard output instead

"""A function in a process of its own, so that whatever ends that process ends no other.

It is forked from a server (Python's "forkserver") that has imported what takes seconds to import, has computed nothing
and knows no device: a process starts in hundredths of a second, as if Python had just been started for it.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar, cast

IMPORTED = ("seqnet.commands.train", "torchmetrics", "torch._dynamo")  # by the server: what nearly every run imports
HELD_BACK = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)  # from the server; SIGINT it ignores
ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SAFE = "PYTHONSAFEPATH"  # no file of the folder that it is started in is imported in place of Python's own
T = TypeVar("T")


def started(function: Callable[..., object], *arguments: Any, output: Path | None = None) -> BaseProcess:
    """The process in which it is called, as it begins. output: the file that all it says is added to, if any.

    It is asked to stop (SIGHUP, which beside another signal hurries nothing) when this process ends before it.
    """
    process: BaseProcess = _context().Process(target=_called, args=(function, arguments, dict(os.environ), output))
    process.start()
    return process


def result(function: Callable[..., T], *arguments: Any) -> T:
    """What it returns, called in a process of its own. Raises what it raises, and RuntimeError where that is killed."""
    receiving, sending = multiprocessing.Pipe(duplex=False)
    process = started(_answered, sending, function, arguments)
    sending.close()
    try:
        found = receiving.recv()
    except EOFError as error:
        process.join()
        raise RuntimeError(ending(process.exitcode or 0)[1]) from error
    process.join()
    if isinstance(found, BaseException):
        raise found
    return cast(T, found)


def _answered(sending: Connection, function: Callable[..., object], arguments: tuple[Any, ...]) -> None:
    try:
        sending.send(function(*arguments))
    except Exception as error:
        sending.send(error)


def _context() -> Any:
    """How processes are started, once the server runs, to which signals that are meant for those mean nothing."""
    multiprocessing.set_forkserver_preload(list(IMPORTED))
    before = os.environ.get(SAFE)
    os.environ[SAFE] = "1"
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, HELD_BACK)
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if before is None:
            del os.environ[SAFE]
        else:
            os.environ[SAFE] = before
    return multiprocessing.get_context("forkserver")


def _called(
    function: Callable[..., object], arguments: tuple[Any, ...], environment: dict[str, str], output: Path | None
) -> None:
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)  # by which submitit asks its own process for more time
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_BACK)
    os.environ.clear()
    os.environ.update(environment)
    if output is not None:
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o666)
        for stream in (1, 2):
            os.dup2(descriptor, stream)
        os.close(descriptor)
    threading.Thread(target=_stop_with_the_parent, daemon=True).start()
    function(*arguments)


def _stop_with_the_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), gentle())


def gentle() -> int:
    """The signal that asks to stop, and beside another does not hurry; one that is ignored (`nohup`) asks nothing."""
    return signal.SIGTERM if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else signal.SIGHUP


def ending(code: int) -> tuple[int, str]:
    """The exit code, as a shell counts it, and the sentence for a process that ended without a word of its own."""
    if code >= 0:
        return code or 1, f"its process ended with exit code {code} before the run did"
    try:
        name = f"signal {-code} ({signal.Signals(-code).name})"
    except ValueError:
        name = f"signal {-code}"
    why = ": perhaps there was no memory left" if -code == signal.SIGKILL else ""
    return 128 - code, f"killed by {name}{why}"


class Passing:
    """While entered, a signal that asks this process to stop asks the processes that it started, and nothing else.

    asked: the first such signal; None before. A terminal's Ctrl-C reaches all of them by itself, so what is passed on
    first is one that does not hurry. In a job of SLURM, SIGUSR1 asks too (see `commands.signals`).
    """

    def __init__(self) -> None:
        self.processes: list[BaseProcess] = []
        self.asked: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Passing":
        numbers = (*ASKING, *([signal.SIGUSR1] if os.environ.get("SLURM_JOB_ID") else []))
        if threading.current_thread() is threading.main_thread():
            for number in numbers:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._receive)
        return self

    def add(self, process: BaseProcess) -> None:
        """A process was started, perhaps while a signal came."""
        self.processes.append(process)
        if self.asked is not None:
            self._tell(process, gentle())

    def ask(self) -> None:
        """Ask all of them to stop."""
        for process in self.processes:
            self._tell(process, gentle())

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.asked = self.asked or number
        for process in self.processes:
            self._tell(process, number if number == signal.SIGUSR1 else gentle())

    @staticmethod
    def _tell(process: BaseProcess, number: int) -> None:
        if process.is_alive() and process.pid is not None:
            try:
                os.kill(process.pid, number)
            except ProcessLookupError:
                pass

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def raise_asked(self) -> None:
        """Raise KeyboardInterrupt or SystemExit(143) where a signal came."""
        if self.asked is not None:
            raise KeyboardInterrupt if self.asked == signal.SIGINT else SystemExit(143)


def alive(pid: int) -> bool:
    """Whether a process of this machine is there, and has not ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    with suppress(OSError):  # where there is no /proc, an ended one is there until whoever started it has looked
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return True

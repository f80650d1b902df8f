"""How far something long is, and how much time is left: a bar on standard error, where that is a terminal.

Nothing is drawn of what takes less than a second, and of several bars at once only the outermost that knows its end.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from seqnet import terminal
from seqnet.errors import visible

PATIENCE = 1.0  # seconds before a bar is drawn
REDRAW = 0.1  # seconds between two of its pictures
Reached = Callable[[float], None]

_drawn: list[object] = []  # what has the terminal: a process has one


def watched() -> bool:
    """Whether standard error is a terminal, on which a bar would be seen."""
    try:
        return not terminal.is_logged() and sys.stderr is not None and sys.stderr.isatty()
    except ValueError:  # it is closed
        return False


@contextmanager
def progress(what: str, total: float | None, unit: str = "", shown: bool = True) -> Iterator[Reached]:
    """A function that takes how much is done. total: how much there is, None where nobody knows; unit: of what.

    shown: whether it is drawn at all.
    """
    if not shown or _drawn or not watched():
        yield lambda done: None
        return
    bar = _Bar(what, total, unit)
    if total is not None:
        _drawn.append(bar)
    try:
        yield bar
    finally:
        bar.end()


class _Bar:
    """A bar that is drawn once it has lasted long enough."""

    def __init__(self, what: str, total: float | None, unit: str) -> None:
        self._what, self._total, self._unit = visible(what), total, unit
        self._began = self._last = time.monotonic()
        self._progress: Any = None

    def __call__(self, done: float) -> None:
        now = time.monotonic()
        if now - self._last < REDRAW or now - self._began < PATIENCE or (_drawn and self not in _drawn):
            return
        self._last = now
        if self._progress is None:
            self._begin()
        self._progress.update(self._task, completed=done, more=visible(self._more(done, now - self._began)))
        self._progress.refresh()

    def _more(self, done: float, spent: float) -> str:
        """How much is done, and the time that is left, or else that was spent."""
        if not self._total:
            return f"{done:,.0f} {self._unit} · {duration(spent)}"
        share = min(done / self._total, 1.0)
        left = [f"{duration(spent / share * (1 - share))} left"] if share else []
        return " · ".join([f"{share:.0%}", *left])

    def _begin(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        if self not in _drawn:
            _drawn.append(self)
        columns = (TextColumn("{task.description}", markup=False), BarColumn(20))
        self._progress = Progress(
            *columns,
            TextColumn("{task.fields[more]}", markup=False),
            console=Console(file=sys.stderr),
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
        )
        self._task = self._progress.add_task(self._what, total=self._total or None, more="")
        self._progress.start()

    def end(self) -> None:
        """Take it away."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
        if self in _drawn:
            _drawn.remove(self)


def duration(seconds: float) -> str:
    """Seconds as a person says them: 45 s, 2 min 05 s, 3 h 07 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"

"""The jobs of a sweep that run in processes of their own, waited for one by one or side by side."""

import time
from collections.abc import Callable, Mapping
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from seqnet import isolation, terminal
from seqnet.errors import visible
from seqnet.leaderboard.jobs import ROWS, job_in, parsed
from seqnet.progress import duration, watched
from seqnet.sweep import Status, score

REDRAW = 0.5  # seconds between two looks at what runs
TAIL = 1 << 14  # bytes at the end of metrics.jsonl in which the last rows stand


class Begun:
    """A job whose process was started."""

    def __init__(self, status: Status, process: BaseProcess, config: Mapping[str, Any]) -> None:
        self.status, self.process = status, process
        self.limit: int | None = config["training"]["max_steps"]
        self.began = time.monotonic()

    def wait(self) -> float | None:
        """Its score, once it has ended: by itself, or since this process was asked to stop, or is ending."""
        with isolation.Passing() as passing:
            passing.add(self.process)
            try:
                self.process.join()
            except BaseException:  # such as submitit's SystemExit, once the job is queued again
                passing.ask()
                self.process.join()
                raise
        return self.ended(passing.asked is not None)

    def ended(self, asked: bool) -> float | None:
        """Say for it what it had no time to say, unless it was asked to stop; its score."""
        self.process.join()
        pid, code = self.process.pid, self.process.exitcode or 0
        while self.status.is_held_by(pid):  # what forked it was killed, and it was not
            time.sleep(REDRAW)
        if self.status.is_left_by(pid, code) and not asked:
            code, sentence = isolation.ending(code)
            self.status.end(code, sentence, pid)
            terminal.warn(self.status.heading + sentence)
        return score(self.status.folder)


class Company:
    """Jobs that run side by side, at most so many at a time; while entered, who asks to stop asks all of them.

    limit: how many. drawn: whether what each does is told here, in a row of a table where there is a terminal, since
    none of them says it itself.
    """

    def __init__(self, limit: int, drawn: bool) -> None:
        self._limit, self._drawn = limit, drawn
        self._passing = isolation.Passing()
        self._running: list[tuple[Begun, Callable[[Any], None]]] = []
        self._live: Live | None = None

    def __enter__(self) -> "Company":
        self._passing.__enter__()
        if self._drawn and watched():
            self._live = Live(console=Console(file=terminal.standard_output()), auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is not None:
                self._passing.ask()
            self._wait(0)
        finally:
            self._passing.__exit__()
            if self._live is not None:
                self._live.stop()
        if error is None:
            self._passing.raise_asked()

    def make_room(self) -> None:
        """Wait until one more job may begin. Raises KeyboardInterrupt and SystemExit where none may any more."""
        self._wait(self._limit - 1)
        self._passing.raise_asked()

    def add(self, begun: Begun, told: Callable[[Any], None]) -> None:
        """A job was begun; its score is told once it has ended."""
        self._passing.add(begun.process)
        self._running.append((begun, told))

    def _wait(self, most: int) -> None:
        """Wait until at most so many run."""
        while len(self._running) > most:
            wait([begun.process.sentinel for begun, _ in self._running], REDRAW if self._live is not None else None)
            for one in [one for one in self._running if not one[0].process.is_alive()]:
                self._running.remove(one)
                begun, told = one
                told(begun.ended(self._passing.asked is not None))
                if self._drawn:
                    terminal.say(_ended(begun))
            self._draw()

    def _draw(self) -> None:
        if self._live is not None:
            table = Table.grid(padding=(0, 2))
            for begun, _ in self._running:
                table.add_row(*map(Text, _row(begun)))
            self._live.update(table, refresh=True)


def _ended(begun: Begun) -> str:
    """Such as `job 3f2a91c0 (cell=gru) is done in 12 s: accuracy 0.93`."""
    found = job_in(begun.status.folder)
    reached = "" if found.score is None else f": {found.monitor} {found.score:.4g}"
    return f"{begun.status.heading[:-2]} is {found.status} in {duration(time.monotonic() - begun.began)}{reached}"


def _row(begun: Begun) -> list[str]:
    """What is told of a job that runs: its name, its values, how far it is, its last scores, and for how long."""
    rows = _last_rows(begun.status.folder / ROWS)
    scores = [f"{row.get('split')} loss {row['loss']:.4g}" for row in rows if isinstance(row.get("loss"), float)]
    step = max((row["step"] for row in rows if isinstance(row.get("step"), int)), default=0)
    far = f"step {step:,}" + ("" if begun.limit is None else f" of {begun.limit:,}")
    cells = [begun.status.folder.name, begun.status.told, far, " · ".join(scores)]
    return [visible(cell) for cell in (*cells, duration(time.monotonic() - begun.began))]


def _last_rows(path: Path) -> list[dict[str, Any]]:
    """The last row of training and of validation, as far as they are whole."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL))
            lines = file.read().splitlines()
    except OSError:
        return []
    found: dict[str, dict[str, Any]] = {}
    for line in lines:
        row = parsed(line)
        if isinstance(row.get("split"), str):
            found[row["split"]] = row
    return [found[split] for split in ("train", "valid") if split in found]

"""The memory panel: how far back the gradient reaches, how long gates keep, and what a window cuts off."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from seqnet import strict_json
from seqnet.batch import StepReport
from seqnet.errors import on_disk
from seqnet.observers.gradient_flow import look, recurrent_layers
from seqnet.observers.memory_report import MemoryReport, verdict
from seqnet.observers.metrics_file import keep_lines
from seqnet.observers.plots import NEEDED
from seqnet.observers.run import Observer, Run
from seqnet.options import Count

USUAL = 500  # steps from one look to the next where nothing is said
LOOKS = 0.015  # of a run's time at most for them where nothing is said
PICTURES = 0.005  # of a run's time at most for pictures, half of it while it runs
FIRST = 0.75  # seconds that a picture takes before any was drawn


class Memory(Observer):
    """Every so many optimiser steps, what each recurrent layer carries back through time.

    every_steps: None = every 500, or as rarely as it takes to need at most 2 % of the time of the run, which a picture
    in a run of less than 150 seconds would. Numbers go to memory.jsonl, a row each time, the curves to memory.png, both
    to whoever is told of the run. See `gradient_flow.look` for what is measured.
    """

    def __init__(self, every_steps: Count | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._every = every_steps
        self._clock = clock
        self._run: Run | None = None
        self._steps = self._clipped = 0
        self._last: MemoryReport | None = None  # that no picture shows yet
        self._hopeless = False
        self._began = self._looked = clock()
        self._looking = 0.0  # seconds that the last look took
        self._drawing, self._next_drawing = 0.0, FIRST  # seconds

    def on_start(self, run: Run) -> None:
        """Cut the rows at the step where the run goes on."""
        self._run = run
        self._steps = self._clipped = 0
        self._last = None
        if run.resumed or run.step:
            keep_lines(self._numbers, lambda line: _step(line) <= run.step)
        else:
            for path in (self._numbers, self._picture):  # of a run that was killed before it could be resumed
                with on_disk(path):
                    path.unlink(missing_ok=True)

    def on_rewind(self, run: Run) -> None:
        """Cut the rows where the run goes on."""
        self.on_start(replace(run, resumed=True))

    def on_step(self, report: StepReport) -> None:
        """Count clipped steps; look where it is due."""
        self._steps += 1
        self._clipped += report.clipped
        if not self._hopeless and self._due(report.step):
            began = self._clock()
            self._look(report)
            self._looked = self._clock()
            self._looking = self._looked - began
            if self._affordable(PICTURES / 2):
                self._draw()

    def on_end(self, results: dict[str, Any]) -> None:
        """Draw what was found last."""
        if self._every is not None or self._affordable(PICTURES):
            self._draw()

    def close(self) -> None:
        """Draw what was found last of a run that was stopped; nobody is told, as others may be closed by now."""
        if self._run is not None:
            self._run = replace(self._run, tell=lambda report: None)
            self.on_end({})

    def _due(self, step: int) -> bool:
        if step % (self._every or USUAL):
            return False
        return self._every is not None or self._looking <= LOOKS * (self._clock() - self._looked)

    def _affordable(self, share: float) -> bool:
        """Whether pictures, with one more, take at most that share of the time."""
        return self._drawing + self._next_drawing <= share * (self._clock() - self._began)

    @property
    def _numbers(self) -> Path:
        assert self._run is not None
        return self._run.folder / "memory.jsonl"

    @property
    def _picture(self) -> Path:
        return self._numbers.with_suffix(".png")

    def _look(self, report: StepReport) -> None:
        run = self._run
        assert run is not None
        found = self._found(run, report)
        self._steps = self._clipped = 0
        if found.layers:
            with on_disk(self._numbers), self._numbers.open("ab") as file:
                file.write(strict_json.dumps(_short(found.row())).encode() + b"\n")
            self._last = found
        run.tell(found)

    def _found(self, run: Run, report: StepReport) -> MemoryReport:
        """What there is to tell, or why there is nothing."""
        if not recurrent_layers(run.model):
            self._hopeless = True
            kind = type(run.model).__name__
            return MemoryReport(report.step, f"{kind} has no recurrent layer, so no gradient goes back through time")
        try:
            layers = look(run.model, run.loss, report.window, report.state, torch.device(run.device))
        except Exception as error:  # a cell of the user's own can raise anything, which must not end the run
            self._hopeless = True
            why = " ".join(str(error).split())
            return MemoryReport(report.step, f"the gradient cannot be followed: {type(error).__name__}: {why}")
        if not layers:
            return MemoryReport(report.step, "nothing is asked in the last window of this step")
        training = run.config["training"]
        window, time = training["window"], report.window.time
        if window is not None and time < window and not report.window.continues:
            window = None  # the rows are shorter
        clipped = self._clipped / self._steps
        said = verdict(layers, window, training["stride"], clipped)
        return MemoryReport(report.step, said, layers, clipped, window)

    def _draw(self) -> None:
        """Draw all that was found so far, unless the last picture shows it."""
        found, self._last = self._last, None
        if found is None or self._run is None:
            return
        began = self._clock()
        try:
            from seqnet.observers import memory_picture
        except ImportError:
            self._run.tell(replace(found, verdict=f"{found.verdict} ({NEEDED})"))
            return
        rows = [json.loads(line) for line in self._numbers.read_bytes().splitlines()]
        picture = memory_picture.draw(rows)
        with on_disk(self._picture):
            self._picture.write_bytes(picture)
        self._run.tell(replace(found, picture=picture))
        self._next_drawing = self._clock() - began
        self._drawing += self._next_drawing


def _step(line: bytes) -> int:
    """The step of a row; a huge one where it was cut off by a crash."""
    try:
        step = int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return 2**63
    return step if line.endswith(b"\n") else 2**63


def _short(value: Any) -> Any:
    """Numbers in six digits: a curve has hundreds."""
    if isinstance(value, dict):
        return {key: _short(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_short(part) for part in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value

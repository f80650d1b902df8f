"""A chrome trace of a few steps, for `debug=profile`."""

from pathlib import Path
from typing import Any

from torch.profiler import profile, schedule, supported_activities

from seqnet.batch import StepReport
from seqnet.observers.run import Observer, Run


class Profile(Observer):
    """Records `steps` optimiser steps after `skip` (at least 1) that warm up, into trace.json of the run folder.

    Open the file in chrome://tracing or ui.perfetto.dev. A run that ends earlier leaves what was recorded.
    """

    def __init__(self, steps: int = 3, skip: int = 2) -> None:
        self._steps = steps
        self._skip = skip
        self._left = 0
        self._profiler: profile | None = None
        self._path = Path()

    def on_start(self, run: Run) -> None:
        """Begin to count steps; the first ones are not recorded."""
        self._path = run.folder / "trace.json"
        self._left = self._skip + self._steps
        self._profiler = profile(
            activities=supported_activities(),
            # the profiler's own warm-up step is one of the skipped ones: its first events are distorted
            schedule=schedule(wait=self._skip - 1, warmup=1, active=self._steps, repeat=1),
            record_shapes=True,
        )
        self._profiler.start()

    def on_step(self, report: StepReport) -> None:
        """Go on to the next step, and write the trace after the last."""
        if self._profiler is not None:
            self._left -= 1
            if self._left:
                self._profiler.step()
            else:
                self._finish()

    def on_end(self, results: dict[str, Any]) -> None:
        """Write what was recorded of a run shorter than the trace."""
        self._finish()

    def close(self) -> None:
        """Write what was recorded of a run that was stopped."""
        self._finish()

    def _finish(self) -> None:
        if self._profiler is not None:
            profiler, self._profiler = self._profiler, None
            profiler.stop()
            if self._left < self._steps:
                profiler.export_chrome_trace(str(self._path))

"""Signals: at first they stop at once; while training, the first asks for a clean stop. SLURM's asks for a requeue.

One that was ignored when the process started (`nohup`, what a script runs with `&`) stays ignored.
"""

import os
import signal
import subprocess
from collections.abc import Collection
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any

from seqnet.errors import INTERRUPTED, TERMINATED
from seqnet.terminal import warn

ASKED = b"\nseqnet: stopping after this step, with a checkpoint; once more stops at once\n"


class StopRequest:
    """While entered, SIGINT raises KeyboardInterrupt, SIGTERM and SIGHUP raise SystemExit(143).

    Once `patient`, the first one only sets `exit_code`, to 130 or 143; it is 0 before. In a job of SLURM, SIGUSR1
    (as by `#SBATCH --signal=USR1@90`) counts as SIGTERM, and the job is to be queued again.
    numbers: the signals that are heard, None = all of these. told: what is written to standard error when one is.
    """

    def __init__(self, numbers: Collection[int] | None = None, told: bytes = ASKED) -> None:
        self.numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1) if numbers is None else numbers
        self.told = told
        self.exit_code = 0
        self.among = 1  # so many ranks, which end together once all have agreed on it
        self.patient = False
        self.deaf = False  # it hears nothing more: the process is about to end
        self.requeue = False
        self._hurries = False  # whether one more stops at once
        self.job = os.environ.get("SLURM_JOB_ID")
        self._heard = 0
        self._process, self._parent = os.getpid(), os.getppid()
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "StopRequest":
        for number in self.numbers:
            if signal.getsignal(number) is not signal.SIG_IGN and (number != signal.SIGUSR1 or self.job):
                self._before[number] = signal.signal(number, self._receive)
        return self

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process or self.deaf:
            return  # a data worker that was forked just now, and is yet to leave signals to its parent
        code = INTERRUPTED if number == signal.SIGINT else TERMINATED
        # A terminal that closes sends SIGHUP twice: by its shell, and when that ends. A sweep sends it to jobs that
        # may have heard the terminal's SIGINT themselves.
        at_once = not self.patient or (self._hurries and number != signal.SIGHUP)
        told, self._hurries = bool(self._heard), self._hurries or number != signal.SIGHUP
        self._heard = code  # set first: Python drops what is raised in some of its callbacks, as while it forks
        if self.among == 1:
            self.exit_code = code
        if number == signal.SIGUSR1:
            self.requeue = True
        elif at_once:
            raise KeyboardInterrupt if code == INTERRUPTED else SystemExit(code)
        if not told:
            with suppress(OSError):  # the terminal may be what is gone
                os.write(2, self.told)  # print() must not be used here: it may be what was interrupted

    @property
    def heard(self) -> int:
        """The exit code that this very process is asked to end with; 0 = it is not.

        Of a rank, whoever started it asks for that by no longer being there.
        """
        orphan = self.among > 1 and os.getppid() != self._parent
        return self._heard or (TERMINATED if orphan else 0)

    def queue_again(self) -> None:
        """Ask SLURM to start this job again, where SIGUSR1 asked for it; what it answers goes to standard error."""
        if not self.requeue:
            return
        try:
            subprocess.run(["scontrol", "requeue", str(self.job)], timeout=30, check=True)
        except (OSError, subprocess.SubprocessError) as error:
            warn(f"job {self.job} could not be queued again: {error}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in () if self.deaf else self._before.items():
            signal.signal(number, handler)

"""SIGINT and SIGTERM: at first they stop at once; while training, the first asks for a clean stop."""

import os
import signal
from types import FrameType, TracebackType
from typing import Any

ASKED = b"\nseqnet: stopping after this step, with a checkpoint; once more stops at once\n"


class StopRequest:
    """While entered, SIGINT and SIGTERM raise KeyboardInterrupt and SystemExit(143).

    Once `patient`, the first one only sets `exit_code`, to 130 or 143; it is 0 before.
    """

    def __init__(self) -> None:
        self.exit_code = 0
        self.patient = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "StopRequest":
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._receive)
        return self

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.exit_code or not self.patient:
            raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)
        self.exit_code = 128 + number
        os.write(2, ASKED)  # print() must not be used here: it may be what was interrupted

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

"""SIGINT and SIGTERM: the first asks for a clean stop, the second stops at once."""

import signal
from types import FrameType, TracebackType
from typing import Any


class StopRequest:
    """While entered, `exit_code` is 130 or 143 once SIGINT or SIGTERM came, and 0 before."""

    def __init__(self) -> None:
        self.exit_code = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "StopRequest":
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._receive)
        return self

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.exit_code:
            raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)
        self.exit_code = 128 + number

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

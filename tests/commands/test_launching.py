"""`processes=N` hands on how its ranks ended, and signals to them."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seqnet.commands import launching

STOPS = "import signal, sys; signal.signal(15, lambda *given: sys.exit(143));"

Run = Callable[..., int]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Ranks that are other, smaller programs, each of which is `given` its line."""

    def start(*programs: str) -> int:
        def started(environment: dict[str, str], arguments: Any) -> "subprocess.Popen[bytes]":
            return subprocess.Popen([sys.executable, "-S", "-c", programs[int(environment["RANK"])]])

        monkeypatch.setattr(launching, "started", started)
        return launching.run(len(programs), [])

    monkeypatch.setattr(launching, "GRACE", 0.0)
    return start


def test_all_is_well(run: Run) -> None:
    assert run("", "") == 0


def test_the_code_of_the_first_that_fails_is_that_of_all(run: Run) -> None:
    assert run("import time; time.sleep(60)", "raise SystemExit(3)") == 3


def test_one_that_is_killed_ends_all(run: Run) -> None:
    assert run("import time; time.sleep(60)", "import os; os.kill(os.getpid(), 9)") == 1


def test_who_does_not_end_is_killed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launching, "LEFT", 0.1)
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)"
    assert run(deaf, "raise SystemExit(7)") == 7


def test_a_signal_reaches_all(run: Run, tmp_path: Path) -> None:
    ready = f"import os, time; open({str(tmp_path / 'ready')!r}, 'w').close();"
    asks = f"while not os.path.exists({str(tmp_path / 'ready')!r}): time.sleep(0.01)\nos.kill(os.getppid(), 15)"
    assert run(f"{STOPS} {ready} signal.pause()", f"{STOPS} import os, time\n{asks}\nsignal.pause()") == 143

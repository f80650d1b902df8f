"""Ranks that train one model are stopped and killed: all of them end, one of them says why, and they go on exactly."""

import contextlib
import os
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seqnet.training import manifest
from tests.faults.processes import STANDS, alive, children, state

LAUNCH = str(Path(__file__).parents[1] / "launch.py")
QUIET = ("observers.tensorboard=false", "observers.console=false", "device=cpu", "threads=1")
RANKS = 2
DIED = re.compile(
    r"seqnet: rank (\d) ended by signal 9 \(Killed\), and all with it; "
    r"(start again|go on with: seqnet train run_dir=(\S+))\n"
)


STANDING = f"""{STANDS}
import runpy
runpy.run_path({LAUNCH!r}, run_name="__main__")
"""  # of the first rank


class Started:
    """The ranks of a run, from when they are started."""

    def __init__(self, terminal: Any, run: Path, overrides: tuple[str, ...], script: str = LAUNCH) -> None:
        self._terminal, self.run = terminal, run
        each = {word.partition("=")[0]: word for word in (*QUIET, *overrides, f"run_dir={run.name}")}
        self.pid: int = terminal.start(script, "train", f"processes={RANKS}", *each.values(), folder=run.parent)

    def ranks(self) -> list[int]:
        """The processes, in their order."""
        found: list[int] = []
        while alive(self.pid) and len(found) < RANKS:
            found = children(self.pid)
            time.sleep(0.005)
        return found

    def standing(self) -> list[int]:
        """The processes, once the first stands still."""
        found = self.ranks()
        while alive(found[0]) and state(found[0]) != "T":
            time.sleep(0.005)
        return found

    def end(self) -> Any:
        return self._terminal.end()


def test_ranks_stop_and_die_and_go_on(
    terminal: Any,
    small_runs: dict[str, tuple[str, ...]],
    differences: Callable[[Path, Path], list[str]],
    tmp_path: Path,
) -> None:
    (tmp_path / "standing.py").write_text(STANDING)
    overrides = (*small_runs["tags"], "training.max_epochs=1", "checkpoint.every_steps=3")
    whole = Started(terminal, tmp_path / "whole", overrides)
    found = whole.end()
    assert (found.code, found.out, found.err, newest(whole.run)) == (0, "", "", 9)
    run = tmp_path / "run"
    stopped = Started(terminal, run, overrides, "standing.py")
    first, _ = stopped.standing()
    os.kill(stopped.pid, signal.SIGTERM)  # who started the ranks
    while alive(first) and not is_pending(first, signal.SIGTERM):
        time.sleep(0.005)
    os.kill(first, signal.SIGCONT)
    found = stopped.end()
    step = newest(run)
    assert (found.code, found.out) == (143, ""), found
    asked, told = filter(None, found.err.splitlines())
    assert asked == "seqnet: stopping after this step, with a checkpoint; once more stops at once"
    assert told == f"seqnet: stopped at step {step}; go on with: seqnet train run_dir=run"
    assert step == 4 or step == 5
    killed = Started(terminal, run, overrides, "standing.py")
    first, second = killed.standing()
    os.kill(second, signal.SIGKILL)
    os.kill(first, signal.SIGCONT)
    found = killed.end()
    died = DIED.fullmatch(found.err)
    assert found.code == 1 and died and (died[1], died[3]) == ("1", "run"), found
    resumed = Started(terminal, run, ())  # with as many processes as are stored
    found = resumed.end()
    assert (found.code, found.err) == (0, "")
    assert not differences(run, whole.run)


def test_random_kills(
    terminal: Any,
    small_runs: dict[str, tuple[str, ...]],
    differences: Callable[[Path, Path], list[str]],
    tmp_path: Path,
    amount: Callable[[int, int], int],
    figure: Callable[[str, str], None],
) -> None:
    kills = amount(0, 20)
    if not kills:
        pytest.skip("by make test-faults")
    drawn = random.Random(2)
    overrides = (*small_runs["tags"], "checkpoint.every_steps=3")
    whole = Started(terminal, tmp_path / "whole", overrides)
    assert whole.end().code == 0
    runs, landed = 0, Counter[str]()
    while landed.total() < kills:
        run = tmp_path / f"run{runs}"
        ended = False
        for _ in range(min(drawn.randint(2, 8), kills - landed.total())):
            started = Started(terminal, run, overrides)
            ranks = started.ranks()
            moment = drawn.randint(rows(run), rows(whole.run))
            while alive(started.pid) and rows(run) < moment:
                time.sleep(0.002)
            time.sleep(drawn.uniform(0, 0.1))
            rank = drawn.randrange(RANKS)
            with contextlib.suppress(ProcessLookupError):  # it has come to its end
                os.kill(ranks[rank], signal.SIGKILL)
            at = time.monotonic()
            found = started.end()
            if ended := found.code == 0:
                break
            died = DIED.fullmatch(found.err)
            assert found.code == 1 and died and int(died[1]) == rank, found
            assert time.monotonic() - at < 30
            assert not any(map(alive, ranks))
            landed["before the first checkpoint" if newest(run) < 0 else "after it"] += 1
        assert ended or Started(terminal, run, overrides).end().code == 0
        assert not differences(run, whole.run), run
        runs += 1
    where = ", ".join(f"{count} {moment}" for moment, count in landed.most_common())
    figure(
        "SIGKILL of a rank",
        f"{landed.total()} kills of random ranks of {RANKS} at random times ({where}): each ends all within 30 "
        f"seconds, and {runs} of {runs} runs go on to an end that is bit-identical to that of {RANKS} ranks that "
        "nothing killed",
    )


def rows(run: Path) -> int:
    """How many rows the run has written."""
    path = run / "metrics.jsonl"
    return path.read_text().count("\n") if path.is_file() else 0


def newest(run: Path) -> int:
    """The step of the newest checkpoint; -1 where there is none."""
    return max((manifest.step_of(path) for path in (run / "checkpoints").glob("step_*")), default=-1)


def is_pending(pid: int, number: int) -> bool:
    """Whether a signal waits for the process to go on."""
    pending = re.search(r"^ShdPnd:\s*(\w+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return pending is not None and bool(int(pending[1], 16) >> (number - 1) & 1)

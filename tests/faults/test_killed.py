"""Runs killed with all their processes, at random times and in the worst ones, end as one that nothing stopped."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.faults.processes import alive

ROOT = Path(__file__).parents[2]
EVERY = 5  # steps between two evaluations
OPTIONS = (
    "device=cpu",
    "threads=1",
    "optimizer.lr=0.3",
    "training.max_epochs=9",
    "training.patience=2",
    f"training.evaluate_every_steps={EVERY}",
    "checkpoint.every_steps=4",
)
# Text lies in memory and has no workers; documents are shuffled.
RUNS = {"language model": "documents", "tagger with 2 workers": "tags"}
WORKERS: dict[str, tuple[str, ...]] = {"language model": (), "tagger with 2 workers": ("data.num_workers=2",)}
LANDED: Counter[str] = Counter()
SAME: list[str] = []

TRAINED = re.compile(r'\{"step": (\d+), .*"split": "train"')


def evaluating(run: Path) -> str | None:
    """The evaluation that is being made: the row of training that comes before it is the last one."""
    try:
        rows = (run / "metrics.jsonl").read_text().splitlines()
    except FileNotFoundError:
        return None
    last = TRAINED.match(rows[-1]) if rows else None
    return last[1] if last and int(last[1]) % EVERY == 0 else None


def writing(run: Path) -> str | None:
    """The checkpoint that is being written, or put in its place."""
    try:
        names = os.listdir(run / "checkpoints")
    except FileNotFoundError:
        return None
    return next((name for name in sorted(names) if name.startswith(".")), None)


LOOKS: dict[str, Callable[[Path], str | None]] = {"writing a checkpoint": writing, "in an evaluation": evaluating}
MOMENTS = (*LOOKS, "anywhere")


@dataclass
class Killer:
    """Starts runs and kills them."""

    terminal: Any
    folder: Path
    overrides: tuple[str, ...]
    drawn: random.Random
    seconds: float = 0.0  # that a whole run takes
    times: Counter[str] = field(default_factory=Counter)  # such a moment comes in a whole run

    def words(self, run: Path) -> tuple[str, ...]:
        """The command line."""
        each = {override.partition("=")[0]: override for override in (*self.overrides, f"run_dir={run.name}")}
        return ("train", *each.values())  # of a key that is given twice, the last

    def whole(self) -> Path:
        """The run that nothing stops."""
        run = self.folder / "whole"
        began, seen = time.monotonic(), dict.fromkeys(LOOKS)
        pid = self.terminal.start("seqnet", *self.words(run), folder=self.folder)
        while alive(pid):
            for moment, look in LOOKS.items():
                if (now := look(run)) and now != seen[moment]:
                    seen[moment] = now
                    self.times[moment] += 1
            time.sleep(0.001)
        ended = self.terminal.end()
        self.seconds = time.monotonic() - began
        assert ended.code == 0, ended.err
        return run

    def kill(self, run: Path, moment: str, alone: bool = False) -> bool:
        """Start the run or go on with it, and kill it at such a moment; False where it came to its end before.

        alone: as `python -m seqnet`.
        """
        before = {name: look(run) for name, look in LOOKS.items()}
        words = self.words(run)
        if alone:
            process = subprocess.Popen(
                [sys.executable, "-m", "seqnet", *words],
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
            pid = process.pid
        else:
            pid = self.terminal.start("seqnet", *words, folder=self.folder)
        try:
            self.wait(run, moment, pid)
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        code = process.wait() if alone else self.terminal.end().code
        assert code in (0, -signal.SIGKILL)
        if code == 0:
            return False
        inside = [name for name, look in LOOKS.items() if look(run) not in (None, before[name])]
        LANDED[inside[0] if inside else "elsewhere"] += 1
        return True

    def wait(self, run: Path, moment: str, pid: int) -> None:
        """Until the moment has come, or the run has ended."""
        if moment not in LOOKS:
            time.sleep(self.drawn.uniform(0, self.seconds))
            return
        look, seen, count = LOOKS[moment], LOOKS[moment](run), self.drawn.randint(1, max(1, self.times[moment]))
        while count and alive(pid):
            now = look(run)
            if now and now != seen:
                count -= 1
            seen = now or seen
            time.sleep(0.001)
        time.sleep(self.drawn.uniform(0, 0.02))


@pytest.mark.parametrize("name", RUNS)
def test_a_killed_run_ends_as_if_it_had_not_been(
    name: str,
    terminal: Any,
    small_runs: dict[str, tuple[str, ...]],
    differences: Callable[[Path, Path], list[str]],
    points: Callable[[Path], dict[str, list[Any]]],
    tmp_path: Path,
    amount: Callable[[int, int], int],
    figure: Callable[[str, str], None],
) -> None:
    drawn = random.Random(name)
    killer = Killer(terminal, tmp_path, (*small_runs[RUNS[name]], *OPTIONS, *WORKERS[name]), drawn)
    whole = killer.whole()
    shown = points(whole)
    assert shown["valid/loss"] and all(len(dict(curve)) == len(curve) for curve in shown.values())
    assert "stopped early" in (whole / "results.json").read_text()
    trials = amount(1, 25)
    for trial in range(trials):
        run = tmp_path / f"run{trial}"
        moment = MOMENTS[(trial + list(RUNS).index(name)) % len(MOMENTS)]
        while not killer.kill(run, moment, alone=trial == 0 and bool(WORKERS[name])):
            shutil.rmtree(run)  # it came to its end
        for _ in range(drawn.randint(0, amount(0, 2))):
            killer.kill(run, moment)
        ended = terminal("seqnet", *killer.words(run), folder=tmp_path)
        assert ended.code == 0, ended.err
        assert not differences(run, whole), (trial, moment)
        assert points(run) == shown, (trial, moment)
        SAME.append(name)
    where = ", ".join(f"{count} {moment}" for moment, count in LANDED.most_common())
    figure(
        "SIGKILL at random times",
        f"{len(SAME)} of {trials * len(RUNS)} end bit-identical in all components, rows, scores and TensorBoard points "
        f"({', '.join(f'{trials} of the {name}' for name in RUNS)}), each killed 1 to 3 times: "
        f"{LANDED.total()} kills, {where}",
    )

"""A run killed at any system call by which it changes its folder goes on to the end that nothing stopped."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from seqnet import configuration, folders
from seqnet.training import checkpoint, manifest
from seqnet.training.progress import Stopping

WATCHED = Path(__file__).with_name("watched.py")
CHANGING = (
    "open,openat,write,writev,pwrite64,ftruncate,fsync,fdatasync,mkdir,mkdirat,rename,renameat,renameat2,"
    "link,linkat,symlink,symlinkat,unlink,unlinkat,rmdir"
)
CALL = re.compile(r"\d+ +(\w+)\((.*)")
AGAIN = "the same step saved again"
OPTIONS = (
    "training.max_steps=2",
    "training.log_every_steps=2",
    "training.evaluate_every_steps=2",
    "checkpoint.every_steps=2",
    "checkpoint.keep=1",
)

KILLED: Counter[str] = Counter()


@dataclass(frozen=True)
class Call:
    """The `number`th call of that name, and what it was given."""

    name: str
    number: int
    given: str


@dataclass
class Watcher:
    """Trains under strace."""

    terminal: Any
    folder: Path
    composed: dict[str, Any]

    def calls(self, run: Path) -> list[Call]:
        """Those by which a run that nothing stops changes its folder."""
        log = self.folder / "calls"
        code, told = self._train(run, "-y", "-s", "0", "-e", f"trace={CHANGING}", "-o", str(log))
        assert code == 0, told
        found, counts = [], Counter[str]()
        for name, given in CALL.findall(log.read_text()):
            counts[name] += 1
            if str(run) in given and (not name.startswith("open") or "O_CREAT" in given):
                found.append(Call(name, counts[name], given.replace(str(run), run.name)))
        return found

    def kill(self, run: Path, call: Call) -> None:
        """Kill the run as it begins that call."""
        inject = f"inject={call.name}:signal=KILL:when={call.number}"
        code, told = self._train(run, "-e", f"trace={call.name}", "-e", inject, "-o", os.devnull)
        assert code == -signal.SIGKILL, (call, told)

    def _train(self, run: Path, *options: str) -> tuple[int, str]:
        """The exit code of the training run in that folder, and what it told."""
        config = self.folder / "composed.json"
        self.composed["config"]["run_dir"] = str(run)
        config.write_text(json.dumps(self.composed))
        pid = self.terminal.start(str(WATCHED), str(config), folder=self.folder)
        try:
            wait_for(pid, "stat", lambda text: text.rpartition(")")[2].split()[0] == "T")
            with strace(pid, *options):
                os.kill(pid, signal.SIGCONT)
                ended = self.terminal.end()
        except BaseException:
            os.killpg(pid, signal.SIGKILL)
            raise
        return ended.code, ended.err


def wait_for(pid: int, name: str, holds: Callable[[str], bool]) -> None:
    """Until a file of a process in /proc says so."""
    end = time.monotonic() + 60
    while not holds(Path(f"/proc/{pid}/{name}").read_text()):
        assert time.monotonic() < end
        time.sleep(0.001)


@contextmanager
def strace(pid: int, *options: str) -> Iterator[None]:
    """Watch a process until it ends; skips where that is not allowed."""
    command = ["strace", "-f", "-qq", *options, "-p", str(pid)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as watching:
        while "TracerPid:\t0\n" in Path(f"/proc/{pid}/status").read_text():
            if watching.poll() is not None:
                assert watching.stderr is not None
                pytest.skip(f"strace may not watch a process here: {watching.stderr.read().strip()}")
        yield


def files(run: Path) -> set[str]:
    """What lies in a run folder; there may be several event files, and a lock is nothing once nobody holds it."""
    names = (str(path.relative_to(run)) for path in run.rglob("*") if path.name != folders.LOCK)
    return {re.sub(r"(events\.out\.tfevents).*", r"\1", name) for name in names}


def asked_to_stop_in_its_evaluation(whole: Path, run: Path) -> None:
    """What such a run leaves short of its end: when it goes on, it evaluates and saves the same step again."""
    shutil.copytree(whole, run, symlinks=True)
    for name in ("results.json", "checkpoints/best"):
        (run / name).unlink()
    components = checkpoint.read(manifest.find(run, "last"))
    components["metrics"]["evaluated"] = None
    components["metrics"]["rows"] -= 1
    components["early_stopping"] = Stopping("loss", None, 1).state()
    checkpoint.write(run / "checkpoints", components["counters"]["step"], components)


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize("place", ["a run", AGAIN])
def test_a_run_killed_at_any_change_of_its_folder_goes_on(
    place: str,
    terminal: Any,
    train: Callable[..., tuple[int, str]],
    small_runs: dict[str, tuple[str, ...]],
    differences: Callable[[Path, Path], list[str]],
    points: Callable[[Path], dict[str, list[Any]]],
    tmp_path: Path,
    amount: Callable[[int, int], int],
    figure: Callable[[str, str], None],
) -> None:
    shows = {"observers.tensorboard": {"_target_": "seqnet.observers.tensorboard.TensorBoard"}}
    overrides = tuple({word.partition("=")[0]: word for word in (*small_runs["documents"], *OPTIONS)}.values())
    made = configuration.compose("train", (*overrides, "device=cpu", "threads=1", "observers.console=false"))
    made.config["observers"]["tensorboard"] = shows["observers.tensorboard"]
    watcher = Watcher(terminal, tmp_path, {"config": made.config, "typed": made.typed, "choices": made.choices})
    whole, run, beginning = (tmp_path / name for name in ("whole", "run", "beginning"))

    def begin() -> None:
        shutil.rmtree(run, ignore_errors=True)
        if place == AGAIN:
            shutil.copytree(beginning, run, symlinks=True)

    def check(where: Any) -> None:
        assert not differences(run, whole), where
        assert files(run) == files(whole), where
        assert points(run) == shown, where

    code, told = train(overrides, whole, shows)
    assert code == 0, told
    shown = points(whole)
    if place == AGAIN:
        asked_to_stop_in_its_evaluation(whole, beginning)
    begin()
    calls = watcher.calls(run)
    check("nowhere")
    placed = [at for at, call in enumerate(calls) if call.name.startswith("rename") and "/step_" in call.given]
    for at in sorted({*placed, *range(len(calls))[:: amount(len(calls) // 3, 1)]}):
        begin()
        watcher.kill(run, calls[at])
        found = checkpoint.newest(run / "checkpoints", lambda sentence: None)
        assert found or (at <= placed[0] and place != AGAIN), calls[at]
        code, told = train(overrides, run, shows)
        assert code == 0, (calls[at], told)
        check(calls[at])
        KILLED[calls[at].name] += 1
    each = ", ".join(f"{count} {name}" for name, count in sorted(KILLED.items()))
    figure(
        "SIGKILL at every system call of a checkpoint",
        f"all {KILLED.total()} ({each}) resume and end bit-identical, with nothing left lying about; "
        "none leaves no loadable checkpoint",
    )

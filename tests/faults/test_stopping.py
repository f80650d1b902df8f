"""Runs that are asked to stop, run out of memory or lose a worker end soon, say why, and go on to the same end."""

import contextlib
import itertools
import os
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from seqnet import folders
from seqnet.commands import scoring
from seqnet.commands.signals import StopRequest
from seqnet.data.examples import Examples
from seqnet.models.recurrent import Recurrent
from seqnet.observers.metrics_file import MetricsFile
from seqnet.training import checkpoint, manifest

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 143, signal.SIGUSR1: 143}
STOPPED = re.compile(r"seqnet: stopped at step (\d+); go on with: seqnet train run_dir=.+\n")
ASKED = "seqnet: stopping after this step, with a checkpoint; once more stops at once\n"
WORKERS = {"data.num_workers": 2}

DONE: Counter[str] = Counter()

Happening = Callable[[], None]


@pytest.fixture(autouse=True)
def guard() -> Iterator[None]:
    """Nothing of this may hang, and signals count, whatever the tests were started by."""

    def hangs(number: int, frame: Any) -> None:
        raise AssertionError("this hangs")

    handlers = {signal.SIGALRM: hangs, signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    signal.alarm(120)
    yield
    signal.alarm(0)
    for number, handler in before.items():
        signal.signal(number, handler)


@dataclass
class Runs:
    """The run that nothing stopped, its overrides, and the means to make others."""

    overrides: tuple[str, ...]
    whole: Path
    train: Callable[..., tuple[int, str]]
    differences: Callable[[Path, Path], list[str]]
    run: Path

    def goes_on(self) -> None:
        """The run goes on to the end of the whole one."""
        assert self.train(self.overrides, self.run, {"data.num_workers": 0}) == (0, "")
        assert not self.differences(self.run, self.whole)

    def ended(self) -> bool:
        """Whether it reached the end of the whole one, whoever watched."""
        return set(self.differences(self.run, self.whole)) <= {"config of last", "config of best"}

    def in_second_epoch(self, *given: Any) -> bool:
        """Whether the first one is over."""
        return (self.run / "checkpoints/step_00000009").exists()

    def comes_to(self, step: int) -> None:
        """Wait until another process has saved that step, or a later one."""
        while step > max((int(path.name[5:]) for path in (self.run / "checkpoints").glob("step_*")), default=-1):
            time.sleep(0.01)

    def newest(self) -> int:
        """The step of the newest checkpoint, which is good."""
        path = checkpoint.existing(self.run / "checkpoints")[0]
        checkpoint.verify(path)
        return manifest.step_of(path)


def last_of(*overrides: str) -> tuple[str, ...]:
    """The overrides, of each key the last: one that is given twice is refused."""
    return tuple({override.partition("=")[0]: override for override in overrides}.values())


@pytest.fixture(scope="module")
def whole(
    tmp_path_factory: pytest.TempPathFactory, small_runs: dict[str, tuple[str, ...]], train: Any
) -> tuple[tuple[str, ...], Path]:
    folder = tmp_path_factory.mktemp("stopping")
    overrides = last_of(*small_runs["tags"], "training.max_epochs=3", "checkpoint.every_steps=3")
    code, told = train(overrides, folder / "whole")
    assert code == 0, told
    return overrides, folder / "whole"


@pytest.fixture
def runs(whole: tuple[tuple[str, ...], Path], train: Any, differences: Any, tmp_path: Path) -> Runs:
    return Runs(*whole, train, differences, tmp_path / "run")


def send(*numbers: int) -> Happening:
    """Send these signals to this process."""

    def sending() -> None:
        for number in numbers:
            os.kill(os.getpid(), number)

    return sending


@contextlib.contextmanager
def patched(place: Any, name: str, at: int | Callable[..., bool], happens: Happening) -> Iterator[None]:
    """Have something done in a function of the program: the so-many-th time, or whenever `at` says so of its input."""
    function, calls = getattr(place, name), []

    def calling(*given: Any, **named: Any) -> Any:
        calls.append(given)
        if len(calls) == at if isinstance(at, int) else at(*given):
            happens()
        return function(*given, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place, name, calling)
        yield


@contextlib.contextmanager
def in_evaluation(number: int, happens: Happening) -> Iterator[None]:
    """In the middle of the so-many-th evaluation, which is to go no further."""
    evaluate, evaluations = scoring.evaluate, []

    def evaluating(*given: Any, go_on: Happening, **named: Any) -> Any:
        evaluations.append(given)
        asked: list[Happening] = []

        def slowly() -> None:
            asked.append(go_on)
            if len(evaluations) == number:
                if len(asked) == 2:
                    happens()
                assert len(asked) < 3, "the evaluation goes on"
            go_on()

        return evaluate(*given, go_on=slowly, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scoring, "evaluate", evaluating)
        yield


def in_step(number: int, happens: Happening) -> contextlib.AbstractContextManager[None]:
    """Between the gradient and the optimiser's step."""
    return patched(torch.amp.GradScaler, "unscale_", number, happens)


def in_checkpoint(step: int, happens: Happening) -> contextlib.AbstractContextManager[None]:
    """While a file of it is written."""
    name = f".writing_step_{step:08d}"
    return patched(
        checkpoint, "_write_durably", lambda path, data: (path.parent.name, path.name) == (name, "ema.json"), happens
    )


# Where the signal comes, in which step, and the step of the checkpoint that is to be there; None: there is none.
MOMENTS: dict[str, tuple[Callable[[Happening], contextlib.AbstractContextManager[None]], int | None]] = {
    "the first step": (lambda happens: in_step(1, happens), 1),
    "a step": (lambda happens: in_step(7, happens), 7),
    "the last step of an epoch": (lambda happens: in_step(9, happens), 9),
    "the very last step": (lambda happens: in_step(27, happens), 27),
    "an evaluation": (lambda happens: in_evaluation(2, happens), 10),
    "the last evaluation": (lambda happens: in_evaluation(6, happens), 27),
    "writing a checkpoint": (lambda happens: in_checkpoint(6, happens), 6),
    "writing that of the best": (lambda happens: in_checkpoint(5, happens), 5),
    "writing the last one": (lambda happens: in_checkpoint(27, happens), 27),
    "a row of metrics": (lambda happens: patched(MetricsFile, "on_training", 4, happens), 6),
}
AT_ONCE = {
    "the folder being made": (lambda happens: patched(folders, "made", 1, happens), None),
    "the configuration being written": (lambda happens: patched(checkpoint, "write_file", 1, happens), None),
    "the observers starting": (lambda happens: patched(MetricsFile, "on_start", 1, happens), None),
    "writing the first checkpoint": (lambda happens: in_checkpoint(0, happens), None),
    "scoring the best": (lambda happens: in_evaluation(7, happens), 27),
    "scoring on the test split": (lambda happens: in_evaluation(8, happens), 27),
    "writing the results": (lambda happens: patched(checkpoint, "write_file", 2, happens), 27),
}
NUMBERS = (signal.SIGTERM, signal.SIGINT)


def numbers_for(moment: str, amount: Callable[[int, int], int]) -> tuple[signal.Signals, ...]:
    """Both signals, or for every second moment the other one."""
    return NUMBERS if amount(0, 1) else NUMBERS[len(moment) % 2 :][:1]


def noted(figure: Callable[[str, str], None], what: str) -> None:
    DONE[what] += 1
    listed = "; ".join(f"{count} {name}" for name, count in DONE.items())
    figure("signals, memory, workers", f"all end with their code and one sentence: {listed}")


def test_a_run_stopped_anywhere(
    runs: Runs, amount: Callable[[int, int], int], figure: Callable[[str, str], None]
) -> None:
    for moment, (at, step) in list(MOMENTS.items())[:: amount(3, 1)]:
        for number in numbers_for(moment, amount):
            runs.run = runs.run.with_name(f"{moment} {number}")
            with at(send(number)):
                code, told = runs.train(runs.overrides, runs.run)
            assert code == CODES[number], (moment, told)
            found = STOPPED.fullmatch(told)
            assert found is not None and int(found[1]) == step == runs.newest(), (moment, told)
            assert not (runs.run / "results.json").exists()
            runs.goes_on()
            noted(figure, "asked to stop with SIGTERM or SIGINT, which end with the checkpoint of that very step")


def test_a_run_stopped_at_once(
    runs: Runs, amount: Callable[[int, int], int], figure: Callable[[str, str], None]
) -> None:
    """Before the first checkpoint there is nothing to keep, and after the last one nothing to add."""
    for moment, (at, step) in list(AT_ONCE.items())[:: amount(3, 1)]:
        for number in numbers_for(moment, amount):
            runs.run = runs.run.with_name(f"{moment} {number}")
            with at(send(number)):
                code, told = runs.train(runs.overrides, runs.run)
            assert code == CODES[number], (moment, told)
            assert told == ("seqnet: interrupted\n" if number == signal.SIGINT else "")
            if step is None:
                assert not checkpoint.existing(runs.run / "checkpoints"), moment
            else:
                assert runs.newest() == step and not (runs.run / "results.json").exists(), moment
            runs.goes_on()
            noted(figure, "asked before the first checkpoint or while the end is scored")


@pytest.mark.parametrize("second", ["the same step", "the checkpoint"])
def test_a_second_signal_stops_at_once_in(
    second: str, runs: Runs, amount: Callable[[int, int], int], figure: Callable[[str, str], None]
) -> None:
    for one, other in itertools.islice(itertools.product(NUMBERS, NUMBERS), amount(1, 4)):
        runs.run = runs.run.with_name(f"{one} {other}")
        together = second == "the same step"
        with in_step(7, send(one, other) if together else send(one)), in_checkpoint(7, send(other)):
            assert runs.train(runs.overrides, runs.run)[0] == CODES[other]
        assert runs.newest() == 6
        runs.goes_on()
        noted(figure, "asked twice")


def test_signals_from_outside(
    runs: Runs, terminal: Any, amount: Callable[[int, int], int], figure: Callable[[str, str], None], tmp_path: Path
) -> None:
    """At random times, with workers: SIGTERM of a batch system to the process, Ctrl-C to all of them."""
    drawn = random.Random(11)
    longer = ("training.max_epochs=6", "checkpoint.every_steps=null", "data.num_workers=2", "device=cpu", "threads=1")
    began = time.monotonic()
    reference = terminal("seqnet", "train", *last_of(*runs.overrides, *longer), "run_dir=whole", folder=tmp_path)
    assert (reference.code, reference.err) == (0, "")
    seconds = time.monotonic() - began
    asked = 0
    for case in range(1, amount(2, 21)):
        signal.alarm(120)
        words = ("seqnet", "train", *last_of(*runs.overrides, *longer), f"run_dir=run{case}")
        runs.run = tmp_path / f"run{case}"
        number = NUMBERS[case % 2]
        pid = terminal.start(*words, folder=tmp_path)
        if case % 3:
            runs.comes_to(5)
        time.sleep(drawn.uniform(0, seconds * (0.3 if case % 3 else 1)) if case > 1 else 0)
        with contextlib.suppress(ProcessLookupError):
            (os.killpg if number == signal.SIGINT else os.kill)(pid, number)
        found = terminal.end()
        if found.code != 0:
            assert found.code in (CODES[number], -number), found
            asked += 1
        if (said := STOPPED.search(found.err)) is not None:
            assert found.err in (f"\n{ASKED}{said[0]}", said[0])
            assert int(said[1]) == runs.newest()
        else:
            assert found.err in ("", "seqnet: interrupted\n")
        ended = terminal(*words, folder=tmp_path)
        assert (ended.code, ended.err) == (0, "")
        assert not runs.differences(runs.run, tmp_path / "whole")
    assert asked
    noted(figure, f"series of {amount(1, 20)} from outside at random times, {asked} of which came before the end")


def test_a_terminal_that_closes_stops_a_run(runs: Runs) -> None:
    """It says so twice: by its shell, and when that ends."""
    with in_step(7, send(signal.SIGHUP, signal.SIGHUP)), in_checkpoint(7, send(signal.SIGHUP)):
        code, told = runs.train(runs.overrides, runs.run)
    assert (code, STOPPED.fullmatch(told) is not None, runs.newest()) == (143, True, 7)
    runs.goes_on()
    runs.run = runs.run.with_name("twice")
    with in_step(7, send(signal.SIGHUP, signal.SIGTERM, signal.SIGTERM)):
        assert runs.train(runs.overrides, runs.run)[0] == 143
    assert runs.newest() == 6  # at once
    runs.run = runs.run.with_name("observers")
    with AT_ONCE["the observers starting"][0](send(signal.SIGHUP)):
        assert runs.train(runs.overrides, runs.run) == (143, "")


def test_a_signal_that_was_ignored_stays_ignored(runs: Runs) -> None:
    """As under `nohup`, or in what a script runs with `&`."""
    ignored = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM)
    for number in ignored:
        before = signal.signal(number, signal.SIG_IGN)
        with in_step(7, send(number, number)):
            assert runs.train(runs.overrides, runs.run) == (0, "")
        assert signal.signal(number, before) is signal.SIG_IGN
        assert not runs.differences(runs.run, runs.whole)
        runs.run = runs.run.with_name(f"{number}")


# A terminal of its own, which closes once the run has a checkpoint.
CLOSING = """
import os
import pty
import sys
import time
from pathlib import Path

from seqnet import cli

pid, window = pty.fork()
if not pid:
    sys.stdout, sys.stderr = open(1, "w"), open(2, "w")
    cli.main()
os.set_blocking(window, False)
saved = 0
while saved < 3:
    time.sleep(0.01)
    saved = max((int(path.name[5:]) for path in Path("run/checkpoints").glob("step_*")), default=0)
    try:
        with open("seen", "ab") as seen:
            seen.write(os.read(window, 1 << 16))
    except BlockingIOError:
        pass
os.close(window)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


@pytest.mark.parametrize("ignored", [False, True])
def test_a_terminal_that_truly_closes(ignored: bool, runs: Runs, terminal: Any, tmp_path: Path) -> None:
    """What the run has to say goes nowhere then; where it is to outlive its terminal, it does."""
    hup = "import signal\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\n" if ignored else ""
    (tmp_path / "closing.py").write_text(hup + CLOSING)
    words = ("training.max_epochs=3" if ignored else "training.max_epochs=100000", "device=cpu", "threads=1")
    found = terminal("closing.py", "train", *last_of(*runs.overrides, *words), "run_dir=run", folder=tmp_path)
    assert found.code == (0 if ignored else 143), found
    assert b"\x1b[" in (tmp_path / "seen").read_bytes()  # there was a bar
    assert runs.newest() >= 3
    log = (runs.run / "train.log").read_text()
    assert log.startswith("experiment  wnut17\n")
    if ignored:
        assert "\ndone        27 steps" in log
        assert runs.ended()


# A reader that takes one line, and goes.
READ = """
import os
import sys

from seqnet import cli

read, write = os.pipe()
if not os.fork():
    os.close(write)
    os.read(read, 1)
    os._exit(0)
os.close(read)
os.dup2(write, 1)
if BOTH:
    os.dup2(write, 2)
cli.main()
"""


@pytest.mark.parametrize("both", [False, True])
def test_a_reader_that_goes_away_ends_no_training(both: bool, runs: Runs, terminal: Any, tmp_path: Path) -> None:
    (tmp_path / "head.py").write_text(READ.replace("BOTH", str(both)))
    options = ("device=cpu", "threads=1", "run_dir=run", "observers.tensorboard=false")
    found = terminal("head.py", "train", *runs.overrides, *options, folder=tmp_path)
    assert found.code == 0, found
    told = "nobody reads standard output any more: the run goes on, and its lines are in train.log"
    assert found.err == ("" if both else f"seqnet: {told}\n")
    assert runs.ended()
    log = (runs.run / "train.log").read_text()
    assert log.startswith("experiment  wnut17\n") and "\ndone        27 steps" in log and "\nwhat next\n" in log


# As Python starts where standard streams are closed.
CLOSED = """
import os
import sys

from seqnet import cli

os.close(1)
os.close(2)
sys.stdout = sys.stderr = None
cli.main()
"""


def test_a_run_whose_streams_are_closed(runs: Runs, terminal: Any, tmp_path: Path) -> None:
    (tmp_path / "closed.py").write_text(CLOSED)
    options = ("device=cpu", "threads=1", "run_dir=run", "data.num_workers=2")
    found = terminal("closed.py", "train", *runs.overrides, *options, folder=tmp_path)
    assert (found.code, found.out, found.err) == (0, "", "")
    assert runs.ended()
    for code, words in ((2, ("predict", "run=run")), (0, ("checkpoint", "verify", "run")), (0, ("leaderboard", "."))):
        assert terminal("closed.py", *words, folder=tmp_path).code == code, words


# The folder that it was started in is deleted while it trains.
GONE = """
import shutil
import sys
from pathlib import Path

from seqnet import cli
from seqnet.observers.metrics_file import MetricsFile

on_training = MetricsFile.on_training

def then(*given):
    on_training(*given)
    shutil.rmtree(Path(sys.path[0]) / "here", ignore_errors=True)

MetricsFile.on_training = then
import os
os.mkdir("here")
os.chdir("here")
cli.main()
"""


def test_a_working_folder_that_goes_away(runs: Runs, terminal: Any, tmp_path: Path) -> None:
    (tmp_path / "gone.py").write_text(GONE)
    words = ("gone.py", "train", *runs.overrides, "device=cpu", "threads=1", "data.num_workers=2")
    found = terminal(*words, f"run_dir={runs.run}", folder=tmp_path)
    assert (found.code, found.err) == (0, "")
    assert runs.ended()
    found = terminal(*words, "run_dir=run", folder=tmp_path)
    assert found.code == 6, found
    assert re.fullmatch(r"seqnet: cannot write run/\S+: No such file .*: give another run_dir\n", found.err), found.err


@pytest.mark.parametrize(
    "name", ["metrics.jsonl", "results.json", "config.yaml", "train.log", "tensorboard", "checkpoints"]
)
def test_a_folder_for_a_file_and_a_file_for_a_folder(name: str, runs: Runs) -> None:
    """Refused before anything is written."""
    runs.run.mkdir()
    path = runs.run / name
    path.mkdir() if "." in name else path.write_text("mine")
    code, told = runs.train(runs.overrides, runs.run)
    assert code == 2
    assert re.fullmatch(
        rf"seqnet: {re.escape(str(path))} is a \w+, and a run has a \w+ of that name: move it away\n", told
    )
    assert os.listdir(runs.run) == [name]


def test_a_signal_that_python_drops_is_not_lost() -> None:
    """As in what runs while a process forks; a run looks before its next step."""
    with StopRequest() as stop:
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert stop.exit_code == 130


def scontrol(folder: Path, monkeypatch: pytest.MonkeyPatch, answer: str) -> Path:
    """A job of SLURM whose `scontrol` notes how it is called, and answers so; the notes."""
    folder.mkdir()
    command = folder / "scontrol"
    command.write_text(f'#!/bin/sh\necho "$@" >> {folder}/calls\n{answer}\n')
    command.chmod(0o755)
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return folder / "calls"


@pytest.mark.parametrize("moment", ["a step", "an evaluation", "the observers starting", "scoring on the test split"])
def test_slurm_queues_the_job_again(
    moment: str, runs: Runs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, figure: Callable[[str, str], None]
) -> None:
    calls = scontrol(tmp_path / "slurm", monkeypatch, "")
    at, step = (MOMENTS | AT_ONCE)[moment]
    before = signal.getsignal(signal.SIGUSR1)
    with at(send(signal.SIGUSR1)):
        code, told = runs.train(runs.overrides, runs.run)
    assert code == 143
    assert (found := STOPPED.fullmatch(told)) is not None and int(found[1]) == runs.newest() == (step or 0)
    assert calls.read_text() == "requeue 4711\n"
    assert signal.getsignal(signal.SIGUSR1) is before
    runs.goes_on()
    assert calls.read_text() == "requeue 4711\n"
    noted(figure, "jobs of SLURM queued again")


@pytest.mark.parametrize("answer", ["exit 1", None])
def test_a_job_that_cannot_be_queued_again_is_said(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: str | None
) -> None:
    scontrol(tmp_path / "slurm", monkeypatch, answer or "")
    if answer is None:
        monkeypatch.setenv("PATH", str(tmp_path))
    with in_step(7, send(signal.SIGUSR1)):
        code, told = runs.train(runs.overrides, runs.run)
    assert code == 143
    first, second = told.splitlines(keepends=True)
    assert first.startswith("seqnet: job 4711 could not be queued again: ") and "scontrol" in first
    assert STOPPED.fullmatch(second) and runs.newest() == 7
    runs.goes_on()


def test_a_job_that_is_asked_to_end_is_not_queued_again(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls = scontrol(tmp_path / "slurm", monkeypatch, "")
    with in_step(7, send(signal.SIGTERM)):
        assert runs.train(runs.overrides, runs.run)[0] == 143
    assert not calls.exists()


def test_outside_of_slurm_its_signal_is_left_alone(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    handlers = []
    with in_step(2, lambda: handlers.append(signal.getsignal(signal.SIGUSR1))):
        runs.train(runs.overrides, runs.run)
    assert handlers == [signal.SIG_DFL]


def fails(kind: type[Exception], sentence: str) -> Happening:
    """Raise it."""

    def failing() -> None:
        raise kind(sentence)

    return failing


def only_in_a_worker(happens: Happening) -> Happening:
    """Nothing happens in this process itself."""
    here = os.getpid()
    return lambda: None if os.getpid() == here else happens()


FULL = {
    "of the device": (torch.OutOfMemoryError, "CUDA out of memory. Tried to allocate 2.00 GiB."),
    "of Python": (MemoryError, ""),
    "of torch on the CPU": (RuntimeError, "DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
}


@pytest.mark.parametrize("where", ["a step", "an evaluation", "a worker"])
def test_out_of_memory(
    where: str, runs: Runs, amount: Callable[[int, int], int], figure: Callable[[str, str], None]
) -> None:
    for memory in list(FULL)[-amount(1, 3) :]:
        out_of_memory(where, memory, runs)
        noted(figure, "out of memory")


def out_of_memory(where: str, memory: str, runs: Runs) -> None:
    """Memory is full there, and the run goes on when there is more."""
    runs.run = runs.run.with_name(memory)
    changes = WORKERS if where == "a worker" else {}
    happens = fails(*FULL[memory])
    places = {
        "a step": lambda: patched(
            Recurrent, "forward", lambda model, *_: model.training and runs.newest() == 6, happens
        ),
        "an evaluation": lambda: in_evaluation(2, happens),
        "a worker": lambda: patched(Examples, "batch", runs.in_second_epoch, only_in_a_worker(happens)),
    }
    with places[where]():
        code, told = runs.train(runs.overrides, runs.run, changes)
    assert code == 7
    assert told == "seqnet: out of memory; lower data.batch_size (now 5) or training.window (now 2)\n"
    assert runs.newest() == {"a step": 6, "an evaluation": 9, "a worker": 9}[where]
    runs.goes_on()


# With little address space, which is what the limit is on.
LIMITED = """
import re
import resource
import sys

from seqnet import cli
from seqnet.commands import train  # noqa: F401

with open("/proc/self/status") as status:
    used = int(re.search(r"VmSize:\\s+(\\d+)", status.read())[1]) << 10
resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 30),) * 2)
cli.main()
"""


def test_truly_out_of_memory(terminal: Any, tmp_path: Path, figure: Callable[[str, str], None]) -> None:
    (tmp_path / "limited.py").write_text(LIMITED)
    sizes = ("data.length=50", "data.train_size=4000", "data.batch_size=4000", "model.hidden_size=1000")
    words = ("limited.py", "train", "experiment=adding", *sizes, "device=cpu", "threads=1", "run_dir=run")
    found = terminal(*words, folder=tmp_path)
    assert found.code == 7, found
    assert found.err == "seqnet: out of memory; lower data.batch_size (now 4000) or model.hidden_size (now 1000)\n"
    noted(figure, "truly out of memory")


DEATHS: dict[str, tuple[Happening, int, str]] = {
    "killed": (lambda: os.kill(os.getpid(), signal.SIGKILL), 7, r"is killed by signal: Killed; lower data.num_workers"),
    "crashed": (lambda: os.kill(os.getpid(), signal.SIGSEGV), 1, r"is killed by signal: Segmentation fault; lower "),
    "gone": (lambda: os._exit(3), 1, r"exited unexpectedly; lower data.num_workers"),
}


@pytest.mark.parametrize("death", DEATHS)
def test_a_dead_worker_ends_the_run(death: str, runs: Runs, figure: Callable[[str, str], None]) -> None:
    happens, expected, why = DEATHS[death]
    with patched(Examples, "batch", runs.in_second_epoch, only_in_a_worker(happens)):
        code, told = runs.train(runs.overrides, runs.run, WORKERS)
    assert code == expected, told
    assert re.fullmatch(rf"seqnet: a data worker \(pid [\d, ]+\) {why}.*\n", told), told
    assert runs.newest() == 9
    runs.goes_on()
    noted(figure, "data workers killed, crashed or gone")


def test_an_error_in_a_worker_is_said(runs: Runs) -> None:
    with patched(Examples, "batch", runs.in_second_epoch, only_in_a_worker(fails(ValueError, "row 7 is broken"))):
        code, told = runs.train(runs.overrides, runs.run, WORKERS)
    assert code == 1
    assert told == "seqnet: a data worker failed: ValueError: row 7 is broken (SEQNET_DEBUG=1 shows where)\n"
    assert runs.newest() == 9
    runs.goes_on()


def test_a_worker_killed_from_outside(
    runs: Runs, terminal: Any, tmp_path: Path, figure: Callable[[str, str], None]
) -> None:
    """As the kernel does when memory has run out."""
    longer = ("training.max_epochs=100000", "device=cpu", "threads=1", "data.num_workers=2")
    words = ("train", *last_of(*runs.overrides, *longer))
    pid = terminal.start("seqnet", *words, "observers.tensorboard=false", "run_dir=run", folder=tmp_path)
    runs.comes_to(9)
    killed: list[str] = []
    while not killed:  # each epoch has workers of its own
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            (*_, worker) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split() or [""]
            if worker:
                os.kill(int(worker), signal.SIGKILL)
                killed.append(worker)
    found = terminal.end()
    assert found.code == 7, found
    assert re.fullmatch(rf"seqnet: a data worker \(pid {killed[0]}\) is killed by signal: Killed; .*\n", found.err)
    assert runs.newest() >= 9
    noted(figure, "data workers killed from outside")

"""A disk that runs full, or refuses otherwise: one sentence, the checkpoints as they were, and the run goes on."""

import errno
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from seqnet.training import checkpoint, manifest

STOPPED = 12  # the step of the newest checkpoint when the disk runs full
PAGE = 4096
LARGEST = 20_000  # bytes of a file, where there is a limit: the parameters have more

# As a user types it, with the disk running full, but for so many pages, when the observers open their files.
TYPING = """
import os
import resource
import sys

from seqnet import cli
from seqnet.observers.metrics_file import MetricsFile

how = sys.argv.pop(1)
on_start = MetricsFile.on_start


def starting(self, run):
    on_start(self, run)
    if how == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST, LARGEST))
    elif how == "output":
        os.dup2(os.open("/dev/full", os.O_WRONLY), 1)
    else:
        filler = os.open("filler", os.O_WRONLY | os.O_CREAT)
        try:
            while os.write(filler, bytes(PAGE)) == PAGE:
                pass
        except OSError:
            pass
        os.truncate("filler", os.fstat(filler).st_size - PAGE * int(how))


MetricsFile.on_start = starting
cli.main()
""".replace("LARGEST", str(LARGEST)).replace("PAGE", str(PAGE))

HELD: list[str] = []


@dataclass
class Disk:
    """A small file system, which only the processes of `terminal` see; `seen` is where others find it."""

    terminal: Any
    folder: Path
    seen: Path

    def holds(self, run: Path) -> Path:
        """Nothing but a copy of a run; its folder."""
        for path in self.seen.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.copytree(run, self.seen / "run", symlinks=True)
        return self.seen / "run"


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory, terminal_within: Any) -> Iterator[Disk]:
    folder = tmp_path_factory.mktemp("disk")
    mounting = ("unshare", "-rm", "sh", "-c", f'mount -t tmpfs -o size=4m tmpfs {shlex.quote(str(folder))} && "$@"')
    try:
        tried = subprocess.run([*mounting, "sh", "true"], capture_output=True, text=True)
    except FileNotFoundError as error:
        pytest.skip(f"no small disk can be made: {error}")
    if tried.returncode:
        pytest.skip(f"no small disk can be made: {tried.stderr.strip()}")
    within = (*mounting[:-1], mounting[-1].replace('"$@"', 'exec "$@"'), "sh")
    with terminal_within(tmp_path_factory.mktemp("terminal"), *within) as terminal:
        (folder.parent / "typing.py").write_text(TYPING)
        assert terminal("seqnet", "--version", folder=folder).code == 0
        yield Disk(terminal, folder, Path(f"/proc/{terminal.pid}/root{folder}"))


@dataclass
class Runs:
    """A run stopped at a step, the same run where nothing happened, and their overrides."""

    stopped: Path
    whole: Path
    overrides: tuple[str, ...]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, small_runs: dict[str, tuple[str, ...]], train: Any) -> Runs:
    folder = tmp_path_factory.mktemp("full")
    overrides = (
        *small_runs["tags"],
        "training.max_epochs=4",
        "training.evaluate_every_steps=30",
        "training.log_every_steps=1",
        "checkpoint.every_steps=6",
    )
    code, told = train(overrides, folder / "whole")
    assert code == 0, told

    def full(folder: Path, step: int, *given: Any, **named: Any) -> Path:
        if step > STOPPED:
            raise OSError(errno.ENOSPC, "No space left on device", "a file")
        return write(folder, step, *given, **named)

    write = checkpoint.write
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "write", full)
        code, told = train(overrides, folder / "stopped")
    assert code == 6, told
    return Runs(folder / "stopped", folder / "whole", overrides)


# What is asked for, so that the file in question is the first that finds no room, what its name has, and how many
# pages are left.
NOTHING = ("observers.console=false", "observers.tensorboard=false", "checkpoint.every_steps=null")
TARGETS = {
    "checkpoint": (("checkpoint.every_steps=3",), "run/checkpoints/step_00000015", "16"),
    "event file": (("observers.tensorboard=true", *NOTHING[::2]), "run/tensorboard/events.out.tfevents.", "0"),
    "metrics.jsonl": (NOTHING, "run/metrics.jsonl", "0"),
    "train.log": (("observers.console=true", *NOTHING[1:]), "run/train.log", "0"),
}


def refused(found: Any, file: str, why: str) -> None:
    """The command ended as it does where the disk refuses a write: with one sentence."""
    assert found.code == 6, found
    assert found.err.count("\n") == 1, found.err
    assert found.err.startswith("seqnet: cannot write ") and file in found.err and why in found.err


MOUNTING = """
import subprocess
import sys

subprocess.run(["mount", "-o", f"remount,{sys.argv[1]}", "."], check=True)
"""


def test_a_disk_that_is_read_only_is_read(disk: Disk, runs: Runs, tmp_path: Path) -> None:
    run = disk.holds(runs.whole)
    mounting = tmp_path / "mounting.py"
    mounting.write_text(MOUNTING)
    before = {path: path.lstat().st_mtime_ns for path in disk.seen.rglob("*")}
    assert disk.terminal(str(mounting), "ro", folder=disk.folder).code == 0
    try:
        found = disk.terminal("seqnet", "train", "run_dir=run", folder=disk.folder)
        assert found.code == 0 and found.out.startswith("run is complete: "), found
        found = disk.terminal("seqnet", "leaderboard", ".", folder=disk.folder)
        assert found.code == 0 and " run " in found.out, found
        found = disk.terminal("seqnet", "leaderboard", ".", "output=board.csv", folder=disk.folder)
        assert found.code == 6, found
        assert found.err == "seqnet: output=board.csv cannot be written: Read-only file system\n"
        found = disk.terminal("seqnet", "train", "run_dir=run", "training.max_epochs=9", folder=disk.folder)
        assert (found.code, found.err) == (
            6,
            "seqnet: run_dir=run: no permission to write in run; give another run_dir\n",
        )
    finally:
        assert disk.terminal(str(mounting), "rw", folder=disk.folder).code == 0
    assert {path: path.lstat().st_mtime_ns for path in disk.seen.rglob("*")} == before and run.exists()


@pytest.mark.parametrize("target", TARGETS)
def test_a_full_disk_leaves_what_there_is(
    target: str,
    disk: Disk,
    runs: Runs,
    train: Any,
    differences: Callable[[Path, Path], list[str]],
    figure: Callable[[str, str], None],
) -> None:
    run = disk.holds(runs.stopped)
    with (run / "train.log").open("ab") as log:  # up to the end of its page
        log.write(b"-" * (PAGE - log.tell() % PAGE))
    options, file, left = TARGETS[target]
    words = (str(disk.folder.parent / "typing.py"), left, "train", "run_dir=run", *options)
    found = disk.terminal(*words, folder=disk.folder)
    refused(found, file, "No space left on device; free some space and resume")

    there = checkpoint.existing(run / "checkpoints")
    assert [manifest.step_of(path) for path in there] == [STOPPED, STOPPED - 6]
    assert all(checkpoint.verify(path) for path in there)
    assert {path.name for path in (run / "checkpoints").iterdir()} - {path.name for path in there} <= {"last", "best"}

    (disk.seen / "filler").unlink()
    code, told = train(runs.overrides, run)
    assert (code, told) == (0, "")
    assert not differences(run, runs.whole)
    HELD.append(target)
    figure(
        "full disk",
        f"{len(HELD)} of {len(TARGETS)} ({', '.join(HELD)}): exit code 6 and the file named, the checkpoints before "
        "verify, and with space again the run goes on to the same end",
    )


def test_a_limit_on_the_size_of_a_file(disk: Disk, runs: Runs) -> None:
    run = disk.holds(runs.stopped)
    words = (str(disk.folder.parent / "typing.py"), "limit", "train", "run_dir=run", *NOTHING[:2])
    found = disk.terminal(*words, folder=disk.folder)
    refused(found, "run/checkpoints/step_00000018", "raise the limit on the size of a file (ulimit -f) and resume")
    assert manifest.step_of(checkpoint.existing(run / "checkpoints")[0]) == STOPPED


def test_standard_output_on_a_full_disk(disk: Disk, runs: Runs) -> None:
    disk.holds(runs.stopped)
    words = (str(disk.folder.parent / "typing.py"), "output", "train", "run_dir=run", "observers.console=true")
    found = disk.terminal(*words, folder=disk.folder)
    refused(found, "standard output", "free some space and resume")


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "free some space and resume"),
        (errno.EDQUOT, "free some space and resume"),
        (errno.EROFS, "give a run_dir where it can be written"),
        (errno.EIO, "look after this disk, and resume"),
    ],
)
def test_a_disk_that_refuses_at_any_write(
    runs: Runs,
    train: Any,
    differences: Callable[[Path, Path], list[str]],
    amount: Callable[[int, int], int],
    tmp_path: Path,
    number: int,
    advice: str,
) -> None:
    """Whichever file of a checkpoint it is; a disk that is full now and then must not be left behind in pieces."""
    run = tmp_path / "run"
    files = len(list((runs.whole / "checkpoints/last").iterdir()))  # as at the end of each epoch, step 18 among them
    write = checkpoint._write_durably
    for last in range(amount(files - 1, 0), files):
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(runs.stopped, run, symlinks=True)
        written: list[Path] = []

        def refusing(path: Path, data: bytes, last: int = last, written: list[Path] = written) -> None:
            if path.parent.name.startswith(".writing_"):
                if len(written) == last:
                    path.write_bytes(data[: len(data) // 2])
                    raise OSError(number, os.strerror(number))
                written.append(path)
            write(path, data)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(checkpoint, "_write_durably", refusing)
            code, told = train(runs.overrides, run)
        place = run / "checkpoints/step_00000018"
        assert (code, told) == (6, f"seqnet: cannot write {place}: {os.strerror(number)}; {advice}\n")
        newest, *_ = there = checkpoint.existing(run / "checkpoints")
        assert manifest.step_of(newest) == STOPPED and all(checkpoint.verify(path) for path in there)
        assert not list((run / "checkpoints").glob(".*"))
    assert train(runs.overrides, run) == (0, "")
    assert not differences(run, runs.whole)


def test_what_was_written_is_read_before_the_old_one_goes(
    runs: Runs, train: Any, differences: Callable[[Path, Path], list[str]], tmp_path: Path
) -> None:
    """A disk that keeps something else than it was given."""
    run = tmp_path / "run"
    shutil.copytree(runs.stopped, run, symlinks=True)
    write = checkpoint._write_durably

    def lying(path: Path, data: bytes) -> None:
        write(path, data.replace(b'"epoch"', b'"epocj"') if path.name == "data_position.json" else data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "_write_durably", lying)
        code, told = train(runs.overrides, run)
    assert code == 6 and told.count("\n") == 1
    assert "what was just written does not read back" in told and "data_position.json is damaged" in told
    there = checkpoint.existing(run / "checkpoints")
    assert [manifest.step_of(path) for path in there] == [STOPPED, STOPPED - 6]
    assert all(checkpoint.verify(path) for path in there)
    assert train(runs.overrides, run) == (0, "")
    assert not differences(run, runs.whole)

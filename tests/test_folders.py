"""The folder of a process: named, made and held, beside other processes."""

import errno
import fcntl
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from seqnet import folders
from seqnet.errors import ConfigurationError, DiskError

HOLDING = """
import os, sys, time
from pathlib import Path
from seqnet import folders
folders.PATIENCE = float(sys.argv[2])
with folders.held(Path(sys.argv[1])):
    child = os.fork() if sys.argv[3:] else 1
    if child:
        print(child, flush=True)
    time.sleep(60)
"""


@contextmanager
def other(folder: Path, *more: str, patience: float = 0.0) -> Iterator["subprocess.Popen[str]"]:
    """A process that holds the folder, or waits for it."""
    words = [sys.executable, "-c", HOLDING, str(folder), str(patience), *more]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def said(process: "subprocess.Popen[str]") -> int:
    """What it says once it holds the folder."""
    assert process.stdout is not None
    return int(process.stdout.readline())


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "PATIENCE", 0.0)


def test_a_folder_belongs_to_one_process(tmp_path: Path, at_once: None) -> None:
    with other(tmp_path) as process:
        said(process)
        here = os.uname().nodename
        sentence = rf"in use by process {process.pid} on {re.escape(here)} since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d: wait"
        with pytest.raises(ConfigurationError, match=sentence), folders.held(tmp_path):
            pass
        before = [(path, path.stat().st_mtime_ns, path.read_bytes()) for path in tmp_path.iterdir()]
        assert folders.in_use(tmp_path) and not folders.is_held(tmp_path)
        assert [(path, path.stat().st_mtime_ns, path.read_bytes()) for path in tmp_path.iterdir()] == before
    assert not folders.in_use(tmp_path)
    assert (tmp_path / folders.LOCK).exists()  # as it was killed
    with folders.held(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_a_killed_process_gives_it_free_though_a_child_lives(tmp_path: Path) -> None:
    with other(tmp_path, "fork") as process:
        child = said(process)
        process.kill()
        with folders.held(tmp_path):
            os.kill(child, 0)  # is there
            assert folders.is_held(tmp_path)
        os.kill(child, signal.SIGKILL)


def test_what_is_held_may_be_asked_for_again(tmp_path: Path, at_once: None) -> None:
    with folders.held(tmp_path):
        with folders.held(tmp_path / "."):
            assert folders.in_use(tmp_path)
        assert folders.in_use(tmp_path)
        words = [sys.executable, "-c", HOLDING, str(tmp_path), "0"]
        found = subprocess.run(words, capture_output=True, text=True)
        assert f"in use by process {os.getpid()} on " in found.stderr


def test_who_waited_gets_the_file_that_is_there(tmp_path: Path, at_once: None) -> None:
    """Not the one that its holder took away at its end, which would keep nobody out."""
    with ExitStack() as stack:
        with folders.held(tmp_path):
            waiting = stack.enter_context(other(tmp_path, patience=60))
        assert said(waiting)
        with pytest.raises(ConfigurationError, match=f"process {waiting.pid} "), folders.held(tmp_path):
            pass


@pytest.mark.parametrize("number", folders.NO_LOCKS)
def test_a_disk_without_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    def refuse(*given: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "lockf", refuse)
    monkeypatch.setattr(fcntl, "fcntl", refuse)
    with folders.held(tmp_path):
        told = capsys.readouterr().err
        assert f"seqnet: the disk of {tmp_path} knows no locks ({os.strerror(number)}), so nothing" in told
        assert told.count("\n") == 1
    (tmp_path / folders.LOCK).touch()  # of a process that may live
    assert folders.in_use(tmp_path)


def test_a_lock_that_fails_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*given: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(fcntl, "lockf", refuse)
    with pytest.raises(DiskError, match="cannot lock .*: Input/output error"), folders.held(tmp_path):
        pass


def test_a_lock_is_no_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("mine")
    (tmp_path / folders.LOCK).symlink_to("elsewhere")
    assert not folders.in_use(tmp_path)
    with pytest.raises(DiskError), folders.held(tmp_path):
        pass
    assert (tmp_path / "elsewhere").read_text() == "mine"


def test_a_lock_that_says_something_else(tmp_path: Path, at_once: None) -> None:
    with other(tmp_path) as process:
        said(process)
        for content in ("", "[1]", "\x1b[2J", '{"pid": 1, "host": "' + os.uname().nodename + '", "since": "\x1b"}'):
            subprocess.run(
                [
                    sys.executable,
                    "-c",
                    "import sys; open(sys.argv[1], 'w').write(sys.argv[2])",
                    str(tmp_path / folders.LOCK),
                    content,
                ],
                check=True,
            )
            with (
                pytest.raises(ConfigurationError, match=rf"process {process.pid} on [^\x1b]*$"),
                folders.held(tmp_path),
            ):
                pass


def test_a_new_folder_is_nobody_elses(tmp_path: Path) -> None:
    first = folders.new(tmp_path / "outputs")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d", first.name) and not first.exists()
    names = []
    for _ in range(3):  # each began when there was none
        with folders.made(first, numbered=True) as folder:
            assert folders.is_held(folder)
            names.append(folder.name)
    assert names == [first.name, f"{first.name}_2", f"{first.name}_3"]
    with folders.made(first.with_name(names[1]), numbered=True) as folder:
        assert folder.name == f"{first.name}_4"


def test_a_folder_that_was_made_meanwhile(tmp_path: Path, at_once: None) -> None:
    run = tmp_path / "mine"
    with folders.made(run, numbered=False):
        (run / "config.yaml").touch()
    with pytest.raises(ConfigurationError, match="was made by another process"), folders.made(run, numbered=False):
        pass
    with other(run) as process:
        said(process)
        with pytest.raises(ConfigurationError, match=f"process {process.pid} "), folders.made(run, numbered=False):
            pass
    assert (run / "config.yaml").exists()
    with pytest.raises(DiskError, match="cannot be made: "), folders.made(run / "config.yaml" / "run", numbered=False):
        pass

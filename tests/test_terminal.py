"""What is shown passes one place, whoever looks, and whether anyone does."""

import contextvars
import errno
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from seqnet import terminal

ROOT = Path(__file__).parents[1]
DRIVES = "a\x1b[2J\x9b31m\x07\r\u2028\ud800\u202e"


class Broken(io.StringIO):
    """A stream whose every write ends so."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number, self.tried = number, 0

    def write(self, text: str) -> int:
        self.tried += 1
        raise OSError(self.number, os.strerror(self.number))


def test_nothing_shown_drives_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.say(f"{DRIVES}\nsecond")
    terminal.warn(f"{DRIVES}\nsecond")
    terminal.warn_at_length(f"{DRIVES}\nsecond\n")
    shown = capsys.readouterr()
    assert shown.out == f"a�[2J�31m{'�' * 5}\nsecond\n"
    assert shown.err == f"seqnet: a�[2J�31m{'�' * 5}⏎second\na�[2J�31m{'�' * 5}\nsecond\n"


def test_letters_that_standard_output_cannot_write(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="latin-1"))
    terminal.say("ü 世\x1b")
    assert raw.getvalue() == b"\xfc ??\n"


@pytest.mark.parametrize("number", terminal.GONE)
def test_who_does_not_look_ends_an_answer_and_nothing_else(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Broken(number)
    monkeypatch.setattr(sys, "stdout", broken)
    monkeypatch.setattr(sys, "stderr", broken)
    terminal.say("x")
    terminal.warn("x")
    told: list[None] = []
    out = terminal.standard_output(lambda: told.append(None))
    tried = broken.tried
    for _ in range(3):
        out.write("x")
        out.flush()
    assert (told, broken.tried) == ([None], tried + 1)
    with pytest.raises(terminal.NobodyReads):
        terminal.answer("{}")


def test_a_full_disk_is_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Broken(errno.ENOSPC))
    for shown in (terminal.say, terminal.answer):
        with pytest.raises(OSError, match="No space"):
            shown("x")


def test_streams_that_never_were_open(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    terminal.say("x")
    terminal.warn("x")
    terminal.leave(None)
    assert not terminal.standard_output().isatty()


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_file_never_gets_the_number_of_a_closed_stream(closed: str, tmp_path: Path) -> None:
    """What a library tells standard error would stand in the middle of it."""
    script = (
        "import os, sys; from seqnet import terminal; terminal.hold_closed_streams(); "
        "made = open('file', 'w'); assert made.fileno() > 2; os.write(1, b'x'); os.write(2, b'x'); "
        "print('sentence', file=sys.stderr); terminal.say('line')"
    )
    found = _shell(f'"{sys.executable}" -c "{script}" {closed}', tmp_path)
    assert found.returncode == 0, found
    assert ("line" in found.stdout, "line" in found.stderr) == (">&-" not in closed.replace("2>&-", ""), False)
    assert "sentence" not in found.stdout


def _shell(line: str, folder: Path) -> Any:
    return subprocess.run(
        ["/bin/sh", "-c", line],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", "| true"])
def test_a_command_line_whose_streams_are_closed(closed: str, tmp_path: Path) -> None:
    found = _shell(f'"{sys.executable}" -m seqnet --help {closed}', tmp_path)
    assert (found.returncode, found.stderr) == (0, "")
    found = _shell(f'"{sys.executable}" -m seqnet trian {closed}', tmp_path)
    assert found.returncode == (0 if closed == "| true" else 2)
    assert found.stdout == ""
    assert found.stderr == ("" if "2>&-" in closed else "seqnet: unknown command 'trian'; did you mean 'train'?\n")


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    line = f'mkdir gone && cd gone && rmdir ../gone && "{sys.executable}" -m seqnet'
    assert _shell(f"{line} --help", tmp_path).returncode == 0
    for command in ("train experiment=adding", "predict run=x", "leaderboard x", "train -m seed=1,2"):
        found = _shell(f"{line} {command}", tmp_path)
        assert found.returncode == 2, found
        assert found.stderr == (
            "seqnet: the folder that seqnet is started in cannot be read (No such file or directory): "
            "change to another one\n"
        )


def test_who_is_hushed_shows_only_what_is_said_aloud(capsys: pytest.CaptureFixture[str]) -> None:
    def quietly() -> None:
        terminal.hush()
        terminal.say("one")
        terminal.warn("two")
        with terminal.logged(None):
            terminal.warn("three")
        terminal.warn("four")

    contextvars.copy_context().run(quietly)
    terminal.warn("five")
    assert capsys.readouterr() == ("", "seqnet: three\nseqnet: five\n")

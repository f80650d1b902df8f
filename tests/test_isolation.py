"""A function in a process of its own."""

import os
import signal
from pathlib import Path

import pytest

from seqnet import isolation
from seqnet.configuration import parse_overrides
from seqnet.errors import ConfigurationError


def ended(function: object, *arguments: object, output: Path | None = None) -> int | None:
    process = isolation.started(function, *arguments, output=output)  # type: ignore[arg-type]
    process.join(60)
    return process.exitcode


def test_whatever_ends_it_is_told_by_its_exit_code() -> None:
    assert ended(os.getpid) == 0
    assert ended(os._exit, 3) == 3
    assert ended(os.abort) == -signal.SIGABRT
    assert isolation.ending(3) == (3, "its process ended with exit code 3 before the run did")
    assert isolation.ending(0)[0] == 1
    assert isolation.ending(-9) == (137, "killed by signal 9 (SIGKILL): perhaps there was no memory left")
    assert isolation.ending(-11) == (139, "killed by signal 11 (SIGSEGV)")
    assert isolation.ending(-40)[1] == "killed by signal 40"


def test_what_it_returns_and_raises_comes_back() -> None:
    assert isolation.result(os.getpid) != os.getpid()
    with pytest.raises(ConfigurationError, match="^a is given twice"):
        isolation.result(parse_overrides, ["a=1", "a=2"])
    with pytest.raises(RuntimeError, match="SIGABRT"):
        isolation.result(os.abort)


def test_it_finds_the_environment_and_the_folder_of_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server was started earlier, elsewhere, and safely."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEQNET_NOW", "here")
    monkeypatch.delenv(isolation.SAFE, raising=False)
    output = tmp_path / "said"
    assert ended(os.system, "echo $SEQNET_NOW $PWD [$PYTHONSAFEPATH]", output=output) == 0
    assert output.read_text() == f"here {tmp_path} []\n"


def test_a_process_is_alive_until_it_has_ended() -> None:
    reads, writes = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(writes)
        os.read(reads, 1)
        os._exit(0)
    assert isolation.alive(pid) and isolation.alive(os.getpid())
    os.close(writes)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # it has ended, and nobody has looked
    assert not isolation.alive(pid)
    os.waitpid(pid, 0)
    assert not isolation.alive(pid)
    os.close(reads)

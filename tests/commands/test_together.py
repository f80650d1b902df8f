"""Ranks that fail, are asked to stop, or die: each ends with one code, and one of them says why."""

import itertools
import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch.distributed as dist

from seqnet import terminal
from seqnet.commands import launched, launching, together
from seqnet.commands.together import Ends, Lost
from seqnet.errors import DataError, OutOfMemory

NAMES = itertools.count()

Ranks = Callable[..., list[Ends]]


@pytest.fixture(scope="module")
def port() -> Any:
    store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    yield store.port
    del store


@pytest.fixture
def ranks(port: int) -> Ranks:
    """So many ranks that know of each other, all of them this process; `dead` ones have ended without a word."""

    def make(count: int, dead: tuple[int, ...] = (), torchrun: bool = True) -> list[Ends]:
        more = {"TORCHELASTIC_RESTART_COUNT": str(next(NAMES))} | ({launched.OF_TORCHRUN: "a"} if torchrun else {})
        ended = subprocess.Popen(["true"])
        ended.wait()
        made = [Ends({**launching.environment(rank, count, port), **more}) for rank in range(count)]
        for rank in dead:
            made[rank]._write(f"here {rank}", ["0", ended.pid])
        living = [one for one in made if one.rank not in dead]
        for one in living:
            one._write(f"here {one.rank}", ["0", os.getpid()])
        for one in living:
            one._places = {rank: tuple(one._read(f"here {rank}")) for rank in range(count)}
        return living

    return make


def judged(*failed: tuple[Ends, BaseException]) -> list[BaseException]:
    """What each ends with, where they fail at the same time."""
    found: dict[int, BaseException] = {}

    def fail(one: Ends, error: BaseException) -> None:
        with terminal.logged(terminal.NOBODY):
            found[one.rank] = one.judged(error)

    threads = [threading.Thread(target=fail, args=each) for each in failed]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return [found[one.rank] for one, _ in failed]


def code(ending: BaseException) -> object:
    return ending.code if isinstance(ending, SystemExit) else getattr(ending, "exit_code", None)


def test_what_all_find_out_the_first_says(ranks: Ranks, capsys: pytest.CaptureFixture[str]) -> None:
    errors = [DataError("line 3 is no number") for _ in range(3)]
    first, *others = judged(*zip(ranks(3), errors, strict=True))
    assert first is errors[0]  # which the command tells, as it does where it is alone
    assert [code(one) for one in others] == [3, 3]
    assert capsys.readouterr().err == ""


def test_what_one_finds_out_it_says_itself(ranks: Ranks, capsys: pytest.CaptureFixture[str]) -> None:
    one, other, third = ranks(3)
    found = judged((one, Lost()), (other, OutOfMemory("out of memory; lower it")), (third, Lost()))
    assert [code(each) for each in found] == [7, 7, 7]
    assert capsys.readouterr().err == "seqnet: rank 1: out of memory; lower it\n"


def test_an_error_of_the_first_is_its_alone(ranks: Ranks, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = ranks(2)
    error = DataError("held by another")
    found = judged((one, error), (other, Lost()))
    assert found[0] is error and code(found[1]) == 3
    assert capsys.readouterr().err == ""


def test_a_dead_one_is_told_by_the_first_that_lives(ranks: Ranks, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = ranks(3, dead=(0,))
    one.works_in(Path("here"))
    # who started the ranks asks the others to end, which may be what they hear first
    found = judged((one, Lost()), (other, SystemExit(143)))
    assert [code(each) for each in found] == [1, 1]
    said = capsys.readouterr().err
    assert said == (
        "seqnet: rank 0 died, killed or crashed, and all ended with it; go on with the same command and run_dir=here\n"
    )


def test_who_sees_how_it_died_says_that_itself(ranks: Ranks, capsys: pytest.CaptureFixture[str]) -> None:
    (one,) = ranks(2, dead=(1,), torchrun=False)
    assert code(*judged((one, Lost()))) == 1
    assert capsys.readouterr().err == ""


def test_one_that_says_nothing_is_named(
    ranks: Ranks, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together, "PATIENCE", 0.1)
    one, _, third = ranks(3)
    assert [code(each) for each in judged((one, Lost()), (third, Lost()))] == [1, 1]
    assert "seqnet: rank 1 does not answer, and the others ended; " in capsys.readouterr().err


def test_all_that_are_asked_to_stop_end_so(ranks: Ranks, capsys: pytest.CaptureFixture[str]) -> None:
    interrupts = [KeyboardInterrupt(), KeyboardInterrupt()]
    first, second = judged(*zip(ranks(2), interrupts, strict=True))
    assert first is interrupts[0]  # which the command calls "interrupted"
    assert code(second) == 130
    assert capsys.readouterr().err == ""


def test_one_of_a_machine_goes_first(ranks: Ranks) -> None:
    order: list[int] = []
    first, second = ranks(2)

    def follow() -> None:
        with second.in_turn("data"):
            order.append(1)

    follower = threading.Thread(target=follow)
    with first.in_turn("data"):
        follower.start()
        follower.join(0.1)
        order.append(0)
    follower.join(30)
    assert order == [0, 1]


def test_nobody_waits_for_one_that_ended(ranks: Ranks) -> None:
    (one,) = ranks(2, dead=(1,))
    with pytest.raises(Lost):
        one.wait_for("data of 1")


def test_what_an_earlier_start_left_is_not_of_this_one(ranks: Ranks) -> None:
    (earlier,), (later,) = ranks(1), ranks(1)
    earlier.works_in(Path("runs/mine"))
    judged((earlier, DataError("of then")))
    assert later._read(together.FAILED) is None
    assert later.folder == "runs/mine"  # where it goes on

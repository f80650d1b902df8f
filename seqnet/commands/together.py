"""The ranks of one run, from where they meet to where they end: what ends one of them ends all, and one says why."""

import json
import math
import os
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from seqnet import isolation, strict_json, terminal
from seqnet.commands import launched
from seqnet.commands.signals import StopRequest
from seqnet.errors import ConfigurationError, exit_code, explained
from seqnet.training.ranks import ALONE, LONGEST, Ranks, connected

PATIENCE = 10.0  # seconds in which those who live say so, once a rank has ended
LOOK = 0.05  # seconds between two looks at the store
FOLDER = "folder"  # of the run, by its path
FAILED = "failed"  # a rank that ends by an error of its own


class Ends:
    """What ranks leave for each other on the store of who started them: that they are there, and how they end."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.rank, self.count = int(environment["RANK"]), int(environment["WORLD_SIZE"])
        self._machine = environment.get("GROUP_RANK", "0")
        self._counted = launched.OF_TORCHRUN not in environment  # whoever started them says how a rank ended
        self._places: dict[int, tuple[str, int]] = {}
        server = dist.TCPStore(environment["MASTER_ADDR"], int(environment["MASTER_PORT"]), is_master=False)  # type: ignore[attr-defined]
        start = environment.get("TORCHELASTIC_RESTART_COUNT", "0")  # what an earlier start left is not of this one
        self._store, self._lasting = _stores(server, start)

    def arrive(self) -> None:
        """Say that this rank is there, and wait for the others. Raises Lost where one ends or does not come."""
        self._write(f"here {self.rank}", [self._machine, os.getpid()])
        until = time.monotonic() + LONGEST.total_seconds()
        for rank in range(self.count):
            machine, pid = self.wait_for(f"here {rank}", until)
            self._places[rank] = (machine, pid)

    def wait_for(self, key: str, until: float = math.inf) -> Any:
        """What another rank leaves there. until: on this clock. Raises Lost where one ends meanwhile."""
        while (found := self._read(key)) is None:
            if self._read(FAILED) or self._dead() or time.monotonic() > until:
                raise Lost(f"nothing is heard of '{key}'")
            time.sleep(LOOK)
        return found

    @contextmanager
    def in_turn(self, what: str) -> Iterator[None]:
        """What is done inside, one rank of each machine does before its others, however long that takes."""
        key = f"{what} on {self._machine}"
        first = min(rank for rank, (machine, _) in self._places.items() if machine == self._machine)
        if self.rank != first:
            self.wait_for(key)
        yield
        if self.rank == first:
            self._write(key, True)

    def works_in(self, folder: Path) -> None:
        """Say where the run can be gone on with, to those who are started again too."""
        self._lasting.set(FOLDER, str(folder))

    @property
    def folder(self) -> str | None:
        """Where the run can be gone on with; None where there is no folder yet."""
        return _text(self._lasting, FOLDER)

    def end(self) -> None:
        """Say that this rank ends as all do."""
        self._leave(None)

    def judged(self, error: BaseException) -> BaseException:
        """What this rank ends with, having failed by `error`: its own one, or what ended another.

        Of what ends all alike the first rank speaks; whoever ends by itself says so; the others end as that one does.
        """
        code, sentence = (exit_code(error), "") if isinstance(error, SystemExit) else explained(error)
        asked = isinstance(error, KeyboardInterrupt | SystemExit)
        if not (asked or is_lost(error)):
            if self.rank == 0:
                self._leave(code)
                return error
            if not self._first_fails_too(code):
                _say_aloud(f"rank {self.rank}: {sentence}", error)
            return SystemExit(code)
        failed, dead, missing, folder = self._heard()
        if failed is not None:
            return SystemExit(failed)
        if asked and not dead:
            return SystemExit(code) if self.rank else error
        lost = dead or missing
        if self.rank == next(rank for rank in range(self.count) if rank not in lost) and not (dead and self._counted):
            _say_aloud(_of_lost(lost, bool(dead), folder, error), error)
        return SystemExit(1)

    def _leave(self, code: int | None) -> None:
        """Leave word: the code of an error of this rank's own; None = it ends because another one does."""
        with suppress(RuntimeError):  # who started the ranks is gone
            self._write(f"end {self.rank}", {} if code is None else {"code": code})
            if code is not None:
                self._write(FAILED, code)

    def _first_fails_too(self, code: int) -> bool:
        """Whether the first rank fails by itself as well, which then speaks. code: with which this one does."""
        self._leave(code)
        with suppress(RuntimeError):
            return bool(self._within(lambda: (self._read("end 0") or {}) if self._known(0) else None))
        return False

    def _heard(self) -> tuple[int | None, list[int], list[int], str | None]:
        """What is heard once ranks are lost: the code of one that failed, who died, who says nothing, the folder."""
        self._leave(None)
        with suppress(RuntimeError):
            everyone = range(self.count)
            self._within(lambda: self._read(FAILED) or self._dead() or all(map(self._known, everyone)) or None)
            return self._read(FAILED), self._dead(), [one for one in everyone if not self._known(one)], self.folder
        return None, [], [], None

    def _known(self, rank: int) -> bool:
        """Whether it is known of a rank how it ended."""
        return self._read(f"end {rank}") is not None or rank in self._dead()

    def _dead(self) -> list[int]:
        """The ranks of this machine that ended without a word."""
        return [
            rank
            for rank, (machine, pid) in self._places.items()
            if machine == self._machine and not isolation.alive(pid) and self._read(f"end {rank}") is None
        ]

    def _within(self, found: Callable[[], Any]) -> Any:
        """What is found within PATIENCE: the first that is not None."""
        until = time.monotonic() + PATIENCE
        while (one := found()) is None and time.monotonic() < until:
            time.sleep(LOOK)
        return one

    def _write(self, key: str, content: Any) -> None:
        self._store.set(key, strict_json.dumps(content))

    def _read(self, key: str) -> Any:
        found = _text(self._store, key)
        return None if found is None else json.loads(found)


class Lost(RuntimeError):
    """Another rank ended."""


def left(server: Any, rank: int) -> tuple[bool, bool, str | None]:
    """Whether a rank came to meet the others, whether it left word of its end, and the folder of the run."""
    store, lasting = _stores(server, "0")
    return bool(_text(store, f"here {rank}")), bool(_text(store, f"end {rank}")), _text(lasting, FOLDER)


def _stores(server: Any, start: str) -> tuple[Any, Any]:
    """What is left on a store by ranks of one start, and by all of them."""
    return tuple(dist.PrefixStore(prefix, server) for prefix in (f"ends {start}", "ends"))  # type: ignore[attr-defined,return-value]


def _text(store: Any, key: str) -> str | None:
    """What stands on a store; None where nothing does."""
    return store.get(key).decode() if store.check([key]) else None


@dataclass(frozen=True)
class Group:
    """The ranks that train together. ends: None for a process that is alone."""

    ranks: Ranks
    ends: Ends | None = None

    def in_turn(self, what: str) -> Any:
        """See `Ends.in_turn`."""
        return nullcontext() if self.ends is None else self.ends.in_turn(what)

    @property
    def folder(self) -> str | None:
        """Where an earlier start of these ranks worked; None where this is the first."""
        return None if self.ends is None else self.ends.folder

    def works_in(self, folder: Path) -> None:
        """See `Ends.works_in`."""
        if self.ends is not None:
            self.ends.works_in(folder)


SINGLE = Group(ALONE)


@contextmanager
def together(device: str, stop: StopRequest, environment: Mapping[str, str] = os.environ) -> Iterator[Group]:
    """The ranks of which this process is one; nobody but the first shows anything inside.

    device: as configured. Whatever ends a rank inside ends the others. Raises ConfigurationError.
    """
    if launched.ranks(environment) == 1:
        yield SINGLE
        return
    cuda = device != "cpu" and torch.cuda.is_available()
    if cuda and launched.ranks_here(environment) > torch.cuda.device_count():
        raise ConfigurationError(
            f"{launched.ranks_here(environment)} ranks on a machine with {torch.cuda.device_count()} GPUs, and each "
            "needs one of its own: start as many as there are GPUs, or use device=cpu"
        )
    ends = Ends(environment)
    stop.among = ends.count
    if ends.rank or launched.OF_TORCHRUN in environment:  # which also asks ranks to stop where another one has died
        stop.told = b""
    with terminal.logged(terminal.NOBODY) if ends.rank else nullcontext():
        try:
            ends.arrive()
            with connected(environment, cuda) as ranks:
                yield Group(ranks, ends)
        except BaseException as error:
            stop.deaf = True  # who started the ranks ends what is left, and this one ends by itself
            verdict = ends.judged(error)
            if verdict is error:
                raise
            raise verdict from error
        stop.deaf = True
        ends.end()


def is_lost(error: BaseException) -> bool:
    """Whether it says that ranks lost each other: it was raised as they exchanged something."""
    frames = traceback.extract_tb(error.__traceback__)
    inside = bool(frames) and Path(dist.__file__).parent in Path(frames[-1].filename).parents
    return isinstance(error, Lost | dist.DistError) or (isinstance(error, RuntimeError) and inside)


def _of_lost(lost: list[int], dead: bool, folder: str | None, error: BaseException) -> str:
    """What is said of ranks that ended without a word."""
    on = "start again" if folder is None else f"go on with the same command and run_dir={folder}"
    if not lost:
        return f"the ranks lost each other ({' '.join(str(error).split())}); {on}"
    who = f"rank {lost[0]}" if len(lost) == 1 else f"ranks {', '.join(map(str, lost))}"
    what = "died, killed or crashed, and all ended with it" if dead else "does not answer, and the others ended"
    return f"{who} {what}; {on}"


def _say_aloud(sentence: str, error: BaseException) -> None:
    with terminal.logged(None):
        if os.environ.get("SEQNET_DEBUG") == "1":
            terminal.warn_at_length("".join(traceback.format_exception(error)))
        terminal.warn(sentence)

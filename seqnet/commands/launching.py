"""`processes=N`: the ranks of one run, started on this machine, told apart, and ended together.

As torchrun does it, by the same names and on the same store: but torch's own launcher does not keep which rank ended
first, says in thirty lines what this says in one, and at a second Ctrl-C leaves the ranks to themselves.
"""

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from seqnet.commands import launched
from seqnet.errors import INTERRUPTED, TERMINATED
from seqnet.terminal import warn

HERE = "127.0.0.1"
LOOK = 0.05  # seconds between two looks at the ranks
GRACE = 3.0  # seconds in which ranks end by themselves once one has
LEFT = 25.0  # seconds from then on until what is left is killed
FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
CONTRACT = (*range(1, 8), INTERRUPTED, TERMINATED)


def run(count: int, arguments: Sequence[str]) -> int:
    """Train with so many ranks; the exit code is that of the rank that ended first. arguments: of `seqnet train`."""
    ranks: list[subprocess.Popen[bytes]] = []
    with _heard() as signals, socket.create_server((HERE, 0)) as server:
        port = server.getsockname()[1]
        try:
            ranks += [started(environment(rank, count, port), arguments) for rank in range(count)]
            from torch.distributed import TCPStore  # type: ignore[attr-defined]  # while the ranks import it too

            # Until it is there they wait.
            store = TCPStore(
                HERE, port, is_master=True, wait_for_workers=False, master_listen_fd=os.dup(server.fileno())
            )
            first = _ended(ranks, signals)
        finally:
            for rank in ranks:
                if rank.poll() is None:
                    rank.kill()
                    rank.wait()
    return 0 if first is None else _told(first, [rank.returncode for rank in ranks], store)


def environment(rank: int, count: int, port: int) -> dict[str, str]:
    """By what a rank is told apart."""
    return {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "MASTER_ADDR": HERE,
        "MASTER_PORT": str(port),
        launched.STORE: "True",
    }


def started(environment: Mapping[str, str], arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    """A rank, in a session of its own: a terminal's Ctrl-C reaches it only through this process."""
    command = [sys.executable, "-P", "-m", "seqnet", "train", *arguments]
    return subprocess.Popen(command, env={**os.environ, **environment}, start_new_session=True)


@contextmanager
def _heard() -> Iterator[list[int]]:
    """The signals that came meanwhile; those that were ignored when this process started stay so."""
    came: list[int] = []
    before: dict[int, Any] = {}
    for number in map(int, FORWARDED):
        if signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, lambda signaled, frame: came.append(signaled))
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ended(ranks: Sequence[subprocess.Popen[bytes]], signals: list[int]) -> int | None:
    """Wait until all have ended, handing on what signals come; the first that did not end well."""
    first, since, asked = None, 0.0, False
    while True:
        running = None in [rank.poll() for rank in ranks]
        codes = {number: rank.returncode for number, rank in enumerate(ranks) if rank.returncode}
        if first is None and codes:  # of several at once, one that was killed is why the others ended
            first, since = min(codes, key=lambda number: codes[number] > 0), time.monotonic()
            for number in codes:  # its data workers would hold its connections for a while
                with suppress(ProcessLookupError):
                    os.killpg(ranks[number].pid, signal.SIGKILL)
        if not running:
            return first
        while signals:
            _send(ranks, signals.pop(0))
        if first is not None and not asked and time.monotonic() - since > GRACE:
            _send(ranks, signal.SIGTERM)
            asked = True
        if first is not None and time.monotonic() - since > LEFT:
            _send(ranks, signal.SIGKILL)
        time.sleep(LOOK)


def _send(ranks: Sequence[subprocess.Popen[bytes]], number: int) -> None:
    for rank in ranks:
        rank.send_signal(number)  # to one that has ended it does nothing


def _told(first: int, codes: Sequence[int], store: Any) -> int:
    """The exit code of the rank that ended first; where one ended without a word, that is told. codes: of all."""
    from seqnet.commands.together import left

    for rank in sorted(range(len(codes)), key=lambda rank: rank != first):
        (arrived, ended, folder), code = left(store, rank), codes[rank]
        if (arrived and not ended) or (rank == first and code < 0):
            how = f"by signal {-code} ({signal.strsignal(-code)})" if code < 0 else f"with exit code {code}"
            on = "start again" if folder is None else f"go on with: seqnet train run_dir={shlex.quote(folder)}"
            warn(f"rank {rank} ended {how}, and all with it; {on}")
            return code if code in CONTRACT else 1
    return codes[first] if codes[first] > 0 else 1

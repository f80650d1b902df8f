"""Groups of processes that train one model together."""

import multiprocessing
import os
import pickle
import signal
import traceback
from collections.abc import Callable, Sequence
from itertools import count
from multiprocessing.connection import Connection
from typing import Any

import pytest
import torch
import torch.distributed as dist

from seqnet.training.ranks import Ranks, connected

LONGEST = 60  # seconds of a group: one that hangs is killed
Work = Callable[[Ranks], Any]


def rank_of(environment: dict[str, str], work: Work, answer: Connection) -> None:
    """One rank: what its work gives, or why it gives nothing."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(LONGEST)
    torch.set_num_threads(1)
    try:
        with connected(environment) as ranks:
            answer.send_bytes(pickle.dumps((True, work(ranks))))
    except BaseException:
        answer.send_bytes(pickle.dumps((False, traceback.format_exc())))
    os._exit(0)


@pytest.fixture(scope="session")
def group():
    """group(N, work): what `work` gives on each of N ranks, forked from here."""
    store = dist.TCPStore("localhost", 0, is_master=True, wait_for_workers=False)
    numbers = count()

    def run(size: int, work: Work) -> Sequence[Any]:
        fork, started, number = multiprocessing.get_context("fork"), [], next(numbers)
        for rank in range(size):
            environment = {
                "WORLD_SIZE": str(size),
                "RANK": str(rank),
                "MASTER_ADDR": "localhost",
                "MASTER_PORT": str(store.port),
                "TORCHELASTIC_RESTART_COUNT": str(number),
            }
            heard, answer = fork.Pipe(duplex=False)
            process = fork.Process(target=rank_of, args=(environment, work, answer))
            process.start()
            answer.close()
            started.append((process, heard))
        found = []
        for process, heard in started:
            try:
                found.append(pickle.loads(heard.recv_bytes()))
            except EOFError:
                found.append((False, f"rank {len(found)} was killed: it hung for {LONGEST} seconds"))
            process.join()
        wrong = [told for right, told in found if not right]
        assert not wrong, "\n".join(wrong)
        return [told for _, told in found]

    return run

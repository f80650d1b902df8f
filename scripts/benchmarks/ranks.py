"""Two ranks with a thread each beside one process with two threads: both train the same model on the same batches."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import torch
import torch.distributed as dist
from benchmarks import language_model, sentences, translator
from benchmarks.language_model import USUAL
from benchmarks.timing import Pair, pair, training_steps

from seqnet.training.allocator import keep_freed_memory
from seqnet.training.ranks import connected

STEPS = 10  # at a time
LONGEST = 120  # seconds that so many steps may take


def _text() -> tuple[Any, Any, Any, int | None]:
    """A language model of characters."""
    return (*language_model.parts(USUAL, language_model.text_of(USUAL, windows=2_000)), USUAL.steps)


def _sentences() -> tuple[Any, Any, Any, int | None]:
    """A translator of words, whose embeddings are most of what ranks send each other."""
    space, writing, examples = sentences.made(6_400)
    loader = sentences.loader(examples, translator.ROWS)
    return translator.model_of(space, feeding=False), translator.task_of(space, writing), loader, None


WORK: dict[str, Callable[[], tuple[Any, Any, Any, int | None]]] = {
    str(USUAL): _text,
    f"attention, batches of {translator.ROWS}": _sentences,
}


def ranks() -> list[Pair]:
    """A step of each; the name says how much of the processors' time it takes."""
    found = []
    for name in WORK:
        with _processes(name, 2, threads=1) as several, _processes(name, 1, threads=2) as alone:
            told = pair(f"ranks {name}: 2 x 1 thread beside 1 x 2 threads", several.run, alone.run, 60, repeats=9)
        took = f"{several.processor * 1e3:.3g} ms of the processors beside {alone.processor * 1e3:.3g}"
        print(f"{name}: {took}", flush=True)
        found.append(replace(told, name=f"{told.name}, {took}", ours=told.ours / STEPS, theirs=told.theirs / STEPS))
    return found


class _Group:
    """Processes that take steps together when they are told to."""

    def __init__(self, workers: list[Connection]) -> None:
        self._workers = workers
        self._seconds, self._steps = 0.0, 0

    def run(self) -> None:
        """So many steps."""
        for worker in self._workers:
            worker.send(STEPS)
        for worker in self._workers:
            if not worker.poll(LONGEST):
                raise SystemExit(f"a process took more than {LONGEST} seconds for {STEPS} steps")
            self._seconds += worker.recv()
        self._steps += STEPS

    @property
    def processor(self) -> float:
        """Seconds of the processors that a step took of all of them."""
        return self._seconds / self._steps


@contextmanager
def _processes(name: str, count: int, threads: int) -> Iterator[_Group]:
    """So many ranks at the first step of a work."""
    store = dist.TCPStore("localhost", 0, is_master=True, wait_for_workers=False)
    fresh, started, workers = get_context("spawn"), [], []
    for rank in range(count):
        said = {"WORLD_SIZE": count, "RANK": rank, "MASTER_ADDR": "localhost", "MASTER_PORT": store.port}
        environment = {key: str(value) for key, value in said.items()}
        ours, theirs = fresh.Pipe()
        process = fresh.Process(target=_work, args=(theirs, name, environment, threads), daemon=True)
        process.start()
        theirs.close()
        started.append(process)
        workers.append(ours)
    try:
        yield _Group(workers)
    finally:
        for worker in workers:
            worker.close()  # at which they end
        for process in started:
            process.join(LONGEST)


def _work(told: Connection, name: str, environment: dict[str, str], threads: int) -> None:
    """One rank: takes steps whenever it is told to, and answers how long its processor worked."""
    torch.set_num_threads(threads)
    keep_freed_memory()
    with connected(environment) as together:
        model, task, loader, window = WORK[name]()
        step = training_steps(model, task, loader, window, ranks=together)
        while True:
            try:
                steps = told.recv()
            except EOFError:
                return
            began = time.process_time()
            for _ in range(steps):
                step()
            told.send(time.process_time() - began)

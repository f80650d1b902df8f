"""Processes that work ahead, and whose results come in order: forked with care, and killed, never asked to end."""

import atexit
import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from multiprocessing.connection import wait
from multiprocessing.context import ForkContext
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

import torch
from torch._C import _remove_worker_pids
from torch.utils.data import DataLoader, Dataset
from torch.utils.data._utils.signal_handling import _set_SIGCHLD_handler
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

from seqnet.errors import UserError

Item = TypeVar("Item")
Result = TypeVar("Result")
Thing = TypeVar("Thing")


def ahead(made: Dataset[Any], items: Iterable[Any], workers: int, random: torch.Generator) -> Generator[Any]:
    """What `made` has for each item, in order, made by so many processes ahead of its use.

    The caller must not ask for more than there is: torch would then ask its workers to end. random: draws what torch
    seeds its workers by, which else would come from the global generator. A UserError in place of a result is raised;
    raises what is raised in a worker too, and RuntimeError where one is lost.
    """
    loader = DataLoader(
        made,
        batch_size=None,
        sampler=items,
        num_workers=workers,
        collate_fn=_unchanged,
        multiprocessing_context=_WithoutLocks(),
        worker_init_fn=_begin_work,
        generator=random,
    )
    made_ahead = _begun(loader)
    end = partial(_end, made_ahead)
    atexit.register(end)
    try:
        for result in made_ahead:
            if isinstance(result, UserError):
                raise result
            yield result
    except (RuntimeError, OSError, EOFError) as error:
        # The DataLoader does not always see that a worker died, nor by which signal.
        if not isinstance(error, RuntimeError):  # what it was about to send breaks off as it dies
            ends = wait([worker.sentinel for worker in made_ahead._workers], timeout=1)
            for worker in made_ahead._workers:
                worker.join(timeout=1 if worker.sentinel in ends else 0)
        for worker in made_ahead._workers:
            if (worker.exitcode or 0) < 0:
                what = f"DataLoader worker (pid {worker.pid}) is killed by signal"
                raise RuntimeError(f"{what}: {signal.strsignal(-worker.exitcode)}.") from error
        raise
    finally:
        end()
        atexit.unregister(end)


def in_order(work: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """`work` of each item, in order: by so many processes, by this one where there are none.

    Items and results are pickled on their way. Whatever is raised, by `work` or by the items, is raised once all
    results before it were handed out, so that an error is the same for any number of processes.
    """
    if not workers:
        yield from map(work, items)
        return
    sent = _Sent(items)
    with closing(ahead(_Works(work), sent, workers, torch.Generator())) as results:
        for result in results:
            if result is None:
                break
            yield pickle.loads(result)
    if sent.error is not None:
        raise sent.error


def beside(
    work: Callable[[Item], Result], things: Iterable[Thing], workers: int, sent: Callable[[Thing], Item]
) -> Iterator[tuple[Thing, Result]]:
    """Each thing, and `work` of what is sent of it; see `in_order`. The thing itself stays in this process."""
    waiting = deque[Thing]()  # sent, and not back yet

    def items() -> Iterator[Item]:
        for thing in things:
            waiting.append(thing)
            yield sent(thing)

    for result in in_order(work, items(), workers):
        yield waiting.popleft(), result


class _Sent:
    """Items on their way to the workers; behind the last one, or where reading them failed, stands None."""

    def __init__(self, items: Iterable[Any]) -> None:
        self._items = items
        self.error: BaseException | None = None

    def __iter__(self) -> Iterator[bytes | None]:
        try:
            for item in self._items:
                yield pickle.dumps(item, pickle.HIGHEST_PROTOCOL)  # here, where it is seen when that fails
        except Exception as error:
            self.error = error
        yield None


class _Works(Dataset[Any]):
    """What is made of an item, in a worker."""

    def __init__(self, work: Callable[[Any], Any]) -> None:
        self._work = work

    def __getitem__(self, item: bytes | None) -> Any:
        if item is None:
            return None
        os.environ["TOKENIZERS_PARALLELISM"] = "false"  # threads of a library that a fork has none of
        try:
            return pickle.dumps(self._work(pickle.loads(item)), pickle.HIGHEST_PROTOCOL)
        except UserError as error:
            return error


class _Told:
    """A multiprocessing.Event that nobody waits for: asking takes no lock, which a worker may hold as it is killed."""

    def __init__(self) -> None:
        self._value = multiprocessing.RawValue("b", 0)

    def set(self) -> None:
        """Tell it."""
        self._value.value = 1

    def is_set(self) -> bool:
        """Whether it was told."""
        return bool(self._value.value)


class _WithoutLocks(ForkContext):
    """How workers are forked."""

    def Event(self) -> Any:
        """Where torch, in a parent that has lost a worker, would else wait for ever."""
        return _Told()


def _unchanged(batch: Any) -> Any:
    return batch


def _begun(loader: DataLoader[Any]) -> Any:
    """The loader's iterator and its workers; where something comes between, no worker is left."""
    loader.check_worker_number_rationality()
    others = set(multiprocessing.active_children())
    made_ahead: Any = object.__new__(_MultiProcessingDataLoaderIter)
    try:
        with _deaths_held():
            made_ahead.__init__(loader)
        return made_ahead
    except BaseException:
        _give_up(made_ahead)
        _kill(set(multiprocessing.active_children()) - others)
        raise


def _end(made_ahead: Any) -> None:
    """End the workers, which have nothing to keep."""
    _give_up(made_ahead)
    _kill(made_ahead._workers)
    made_ahead._workers = []  # nothing is left to be ended once more as Python takes itself apart
    for queue in made_ahead._index_queues:
        queue.close()


def _give_up(made_ahead: Any) -> None:
    """Have torch forget its workers, which it would ask to end, and wait for."""
    made_ahead._shutdown = True
    with suppress(Exception):  # they may not be known yet, or no more
        _remove_worker_pids(id(made_ahead))


def _kill(workers: Iterable[BaseProcess]) -> None:
    """Python waits at its end for workers that it sent SIGTERM, which they ignore."""
    workers = list(workers)
    for worker in workers:
        worker.kill()
    for worker in workers:
        worker.join()


@contextmanager
def _deaths_held() -> Iterator[None]:
    """What torch raises wherever the process is as a worker dies waits: it would leave half an iterator or thread."""
    if threading.current_thread() is not threading.main_thread():
        yield  # there are no signals
        return
    _set_SIGCHLD_handler()
    died: list[int] = []
    handler = signal.signal(signal.SIGCHLD, lambda number, frame: died.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGCHLD, handler)
    if died and callable(handler):
        handler(died[0], None)


def _begin_work(worker: int) -> None:
    _leave_signals_to_the_parent(worker)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()


def _end_with_the_parent() -> None:
    """A worker whose parent was killed would wait for ever for someone to take what it has made."""
    parent = multiprocessing.parent_process()
    while parent is not None and os.getppid() == parent.pid:
        time.sleep(1)
    os._exit(1)


def _leave_signals_to_the_parent(worker: int) -> None:
    """An interrupt reaches all processes of a terminal; the parent ends in order and takes its workers along."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)

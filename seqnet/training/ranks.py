"""The processes that train one model together: what each has is added up, gathered, or told to all of them.

`torchrun` starts them and says in the environment which of how many each is. One process alone is a group of one, and
then nothing of torch.distributed is touched.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor

Value = TypeVar("Value")

LONGEST = timedelta(minutes=30)  # that a rank waits for the others: rank 0 may be writing alone


@dataclass(frozen=True)
class Ranks:
    """One of `count` processes, the one numbered `rank`. Every method is called by all of them, in the same order."""

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the one that writes and tells."""
        return self.rank == 0

    def share(self, rows: int) -> slice:
        """Which of so many rows are this rank's: as many as another has, or one more; of one row it is the first's."""
        return slice(-(-rows * self.rank // self.count), -(-rows * (self.rank + 1) // self.count))

    def add(self, values: Tensor) -> Tensor:
        """The sum over all ranks, in place: the same bits on each."""
        if self.count > 1:
            dist.all_reduce(values)
        return values

    def gather(self, value: Value) -> list[Value]:
        """What every rank has, in their order, on each of them."""
        if self.count == 1:
            return [value]
        found: list[Any] = [None] * self.count
        dist.all_gather_object(found, value)
        return found

    def tell(self, value: Value) -> Value:
        """What the first rank has, on each of them."""
        if self.count == 1:
            return value
        told = [value]
        dist.broadcast_object_list(told, src=0)
        return told[0]

    def told(self, make: Callable[[], Value]) -> Value:
        """What the first rank makes, which alone does so, on each of them."""
        return self.tell(cast(Value, make() if self.first else None))


ALONE = Ranks()


@contextmanager
def connected(environment: Mapping[str, str] = os.environ, cuda: bool = False) -> Iterator[Ranks]:
    """The ranks of which this process is one, as torchrun says them in the environment; ALONE where it says nothing.

    cuda: they speak by NCCL, each from its GPU, and by gloo otherwise.
    """
    count = int(environment.get("WORLD_SIZE", "1"))
    if count == 1:
        yield ALONE
        return
    rank = int(environment["RANK"])
    store = dist.TCPStore(environment["MASTER_ADDR"], int(environment["MASTER_PORT"]), is_master=False)  # type: ignore[attr-defined]
    # Restarted ranks would read the addresses of dead ones, which the store still holds.
    fresh = dist.PrefixStore(f"start {environment.get('TORCHELASTIC_RESTART_COUNT', '0')}", store)  # type: ignore[attr-defined]
    if cuda:
        torch.cuda.set_device(int(environment.get("LOCAL_RANK", "0")))
    backend = "cpu:gloo,cuda:nccl" if cuda else "gloo"
    dist.init_process_group(backend, store=fresh, rank=rank, world_size=count, timeout=LONGEST)
    try:
        yield Ranks(rank, count)
    finally:
        dist.destroy_process_group()

"""The random numbers of training: each is a pure function of where it is used, and no state is kept.

Those of a window are Philox4x32-10 (Salmon et al. 2011) with a key made of (seed, epoch, batch, window) and the counter
(place in the row, row, site); the sites are numbered in the order in which a window asks. So a window that is run again
draws the same, and the rows of a batch may be shared out among processes; what is of no row is the same in all of
them. In C where there is a compiler, on a GPU in one kernel; torch's operators give the same bits.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, cached_property
from math import prod
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from seqnet import draws_on_gpu
from seqnet.compiling import Library, compiled

Key = tuple[int, int, int, int]
"""Seed, epoch, batch, and window of the batch."""

LOW = 2**32 - 1
LANES = 8
"""Of the words of so many blocks the first ones come first, then the second ones: see `draws.c`."""
GROUP = 4 * LANES

Made = TypeVar("Made")


class _Draws:
    """What the draws of a window have in common, at which site it stands, and what was drawn once for all of it."""

    def __init__(self, key: Key, first_row: int) -> None:
        self.of, self.first_row, self.site = key, first_row, 0
        self.made: dict[Hashable, Any] = {}

    @cached_property
    def key(self) -> int:
        """64 bits: those of a counter, whose key is the seed. Most models draw nothing."""
        seed, epoch, batch, window = self.of
        one, other, *_ = philox((epoch, batch, window, 0), (seed & LOW, seed >> 32 & LOW))
        found: int = one | other << 32
        return found


_CURRENT: ContextVar[_Draws | None] = ContextVar("draws", default=None)


@contextmanager
def drawing(key: Key, first_row: int = 0) -> Iterator[None]:
    """Within, what is drawn is that of a window. first_row: the number, in its batch, of the first row that is here.

    Outside of any, each draw has a key from torch's global generator.
    """
    before = _CURRENT.set(_Draws(key, first_row))
    try:
        yield
    finally:
        _CURRENT.reset(before)


def dropout(x: Tensor, p: float, training: bool) -> Tensor:
    """As `F.dropout`: in training 0 with probability `p`, else x / (1 - p). x: [batch ...].

    Raises ValueError where p is not from 0 to below 1.
    """
    if not 0 <= p < 1:
        raise ValueError(f"a probability of dropout is from 0 to below 1, and not {p}")
    return x * kept(x.shape, p, x.dtype, x.device) if training and p else x


def once(owner: Hashable, make: Callable[[], Made]) -> Made:
    """What `make` draws, the same for `owner` however often it asks in a window. Outside of any, anew each time."""
    current = _CURRENT.get()
    if current is None:
        return make()
    if owner not in current.made:
        current.made[owner] = make()
    made: Made = current.made[owner]
    return made


def uniform(rows: int, *shape: int, device: torch.device | None = None) -> Tensor:
    """Numbers between 0 and 1, both excluded, [rows ...] in double precision; rows are those of the batch."""
    where, places = _next(), prod(shape)
    if device is not None and device.type == "cuda":
        made = draws_on_gpu.uniform(where, rows, places, device)
        if made is not None:
            return made.view(rows, *shape)
    library = _library()
    if library is None:
        return ((_words(where, rows, places, device).double() + 0.5) * 2.0**-32).view(rows, *shape)
    found = torch.empty(rows, *shape, dtype=torch.float64, pin_memory=_is_gpu(device))
    library.uniform(torch.get_num_threads(), *where, rows, places, found.data_ptr())
    return found.to(device, non_blocking=True)


def kept(shape: Sequence[int], p: float, dtype: torch.dtype, device: torch.device, of_rows: bool = True) -> Tensor:
    """What dropout multiplies by: 0 with probability `p`, else 1 / (1 - p). shape: [batch ...].

    of_rows: the first dimension is that of the batch's rows; False: of what all rows, and all processes, share.
    """
    (key, first_row, site), rows, places = _next(), shape[0], prod(shape[1:])
    where = key, first_row if of_rows else 0, site
    dropped, kept = min(round(p * 2**32), LOW), 1 / (1 - p)
    if device.type == "cuda":
        made = draws_on_gpu.keep(where, rows, places, dropped, kept, dtype, device)
        if made is not None:
            return made.view(shape)
    library = _library()
    if library is None:
        return (_words(where, rows, places, device) >= dropped).view(shape).to(dtype) * kept
    single = dtype == torch.float32
    found = torch.empty(shape, dtype=torch.float32, pin_memory=_is_gpu(device))
    library.keep(torch.get_num_threads(), *where, rows, places, dropped, kept if single else 1.0, found.data_ptr())
    found = found.to(device, non_blocking=True)
    return found if single else found.to(dtype) * kept


def _is_gpu(device: torch.device | None) -> bool:
    """Whether what is drawn leaves for there, which takes less time than a hundred of its own operations would."""
    return device is not None and device.type == "cuda"


def _next() -> tuple[int, int, int]:
    """The key of a draw, the number of its first row, and its site."""
    current = _CURRENT.get()
    if current is None:
        return int(torch.empty((), dtype=torch.int64).random_().item()), 0, 0
    current.site += 1
    return current.key, current.first_row, current.site


def _words(where: tuple[int, int, int], rows: int, places: int, device: torch.device | None) -> Tensor:
    """32 random bits for each place of each row, [rows places] int64."""
    key, first_row, site = where
    groups = -(-places // GROUP)
    blocks = torch.arange(groups * LANES, device=device).view(1, groups, LANES)
    row = torch.arange(first_row, first_row + rows, device=device).view(rows, 1, 1)
    words = torch.stack(philox((blocks, 0, row, site), (key & LOW, key >> 32)), dim=2)  # [rows groups 4 LANES]
    return words.flatten(1)[:, :places]


def philox(counter: tuple[Any, Any, Any, Any], key: tuple[int, int]) -> tuple[Any, Any, Any, Any]:
    """The block of a counter and a key, of 32 bits each: whole numbers, or tensors in int64, where products wrap."""
    a, b, c, d = counter
    k, m = key
    for _ in range(10):
        p, q = a * 0xD2511F53, c * 0xCD9E8D57
        a, b, c, d = (q >> 32 ^ b ^ k) & LOW, q, (p >> 32 ^ d ^ m) & LOW, p
        k, m = k + 0x9E3779B9 & LOW, m + 0xBB67AE85 & LOW
    return a, b & LOW, c, d & LOW


@cache
def _library() -> Library | None:
    where = "size uint64 uint64 uint64 size size".split()
    return compiled(
        "draws",
        [Path(__file__).with_suffix(".c")],
        {"keep": [*where, "uint32", "float", "array"], "uniform": [*where, "array"]},
    )

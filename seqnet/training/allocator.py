"""What a step frees stays with the process: the next one takes as large blocks again."""

import ctypes
import platform
from functools import cache

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h
LARGEST_BLOCK = 32 * 2**20  # bytes; glibc takes no higher threshold
KEPT = 512 * 2**20  # bytes
SECONDS = 20
"""After how many what was kept is given back: where each batch has other shapes, it becomes holes between blocks."""


def keep_freed_memory() -> None:
    """Have glibc keep freed blocks of up to 32 MiB, 512 MiB in all, rather than give them back to the system.

    A page that comes from the system is filled with zeros when it is first touched: a fifth of a step's time where the
    vocabulary is large. Nothing is done with another C library.
    """
    if (library := _glibc()) is not None:
        library.mallopt(M_MMAP_THRESHOLD, LARGEST_BLOCK)
        library.mallopt(M_TRIM_THRESHOLD, KEPT)


def give_freed_memory_back() -> None:
    """Have glibc give all pages back to the system in which nothing is in use. Nothing is done with another library."""
    if (library := _glibc()) is not None:
        library.malloc_trim(0)


@cache
def _glibc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None

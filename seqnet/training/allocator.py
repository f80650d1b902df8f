"""What a step frees stays with the process: the next one takes as large blocks again."""

import ctypes
import platform

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h
LARGEST_BLOCK = 32 * 2**20  # bytes; glibc takes no higher threshold
KEPT = 512 * 2**20  # bytes


def keep_freed_memory() -> None:
    """Have glibc keep freed blocks of up to 32 MiB, 512 MiB in all, rather than give them back to the system.

    A page that comes from the system is filled with zeros when it is first touched: a fifth of a step's time where the
    vocabulary is large. Nothing is done with another C library.
    """
    if platform.libc_ver()[0] == "glibc":
        library = ctypes.CDLL(None)
        library.mallopt(M_MMAP_THRESHOLD, LARGEST_BLOCK)
        library.mallopt(M_TRIM_THRESHOLD, KEPT)

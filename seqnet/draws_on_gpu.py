"""The random numbers of `draws` on a GPU: one kernel, where torch's operators would be a hundred.

torch compiles it when it is first used, with what it brings. Whatever keeps it from that, `draws` has its operators.
"""

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

import torch
from torch import Tensor

WORD = """
template <typename T>
unsigned int seqnet_word(T at, T of, long long first_row, long long key, long long key_high, long long site) {
    unsigned int place = (unsigned int)at;
    unsigned int a = place / 32 * 8 + place % 8, b = 0, c = (unsigned int)of + (unsigned int)first_row;
    unsigned int d = (unsigned int)site, k = (unsigned int)key, m = (unsigned int)key_high;
    for (int round = 0; round < 10; round++) {
        unsigned long long p = 0xD2511F53ULL * a, q = 0xCD9E8D57ULL * c;
        a = (unsigned int)(q / 4294967296ULL) ^ b ^ k;
        b = (unsigned int)q;
        c = (unsigned int)(p / 4294967296ULL) ^ d ^ m;
        d = (unsigned int)p;
        k += 0x9E3779B9U;
        m += 0xBB67AE85U;
    }
    unsigned int lane = place / 8 % 4;
    return lane < 2 ? (lane == 0 ? a : b) : (lane == 2 ? c : d);
}
"""
"""32 random bits of a place of a row. A place and a row come as numbers of the kind that a kernel returns."""

KEEP = f"""{WORD}
template <typename T>
T seqnet_keep(T at, T of, long long first_row, long long key, long long key_high, long long site, long long dropped,
       double kept) {{
    return seqnet_word<T>(at, of, first_row, key, key_high, site) < (unsigned int)dropped ? (T)0 : (T)kept;
}}
"""
UNIFORM = f"""{WORD}
template <typename T>
T seqnet_uniform(T at, T of, long long first_row, long long key, long long key_high, long long site) {{
    return (T)((seqnet_word<T>(at, of, first_row, key, key_high, site) + 0.5) / 4294967296.0);
}}
"""
WHERE = {"first_row": 0, "key": 0, "key_high": 0, "site": 0}
EXACT = 2**24
"""Whole numbers below are themselves in single precision."""


def keep(
    where: tuple[int, int, int],
    rows: int,
    places: int,
    dropped: int,
    kept: float,
    dtype: torch.dtype,
    device: torch.device,
) -> Tensor | None:
    """0 where a word is below `dropped`, elsewhere `kept`, [rows places] of `dtype`; None where there is no kernel."""
    if (kernels := _kernels()) is None:
        return None
    wide = dtype == torch.float64 or max(rows, places) >= EXACT
    at, of = _places(rows, places, torch.float64 if wide else torch.float32, device)
    found: Tensor = kernels[0](at, of, **_where(where), dropped=dropped, kept=kept)
    return found.to(dtype)


def uniform(where: tuple[int, int, int], rows: int, places: int, device: torch.device) -> Tensor | None:
    """Numbers between 0 and 1 in double precision, [rows places]; None where there is no kernel."""
    if (kernels := _kernels()) is None:
        return None
    found: Tensor = kernels[1](*_places(rows, places, torch.float64, device), **_where(where))
    return found


def _where(where: tuple[int, int, int]) -> dict[str, int]:
    key, first_row, site = where
    return {"first_row": first_row, "key": key & 0xFFFFFFFF, "key_high": key >> 32, "site": site}


@lru_cache(maxsize=32)
def _places(rows: int, places: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """The numbers of places, [places], and of rows, [rows 1]: a kernel is not told which element it computes."""
    at, of = (torch.arange(count, dtype=dtype, device=device) for count in (places, rows))
    return at, of.unsqueeze(1)


@cache
def _kernels() -> tuple[Callable[..., Any], Callable[..., Any]] | None:
    """`KEEP` and `UNIFORM`, which have run once; None where they do not."""
    try:
        from torch.cuda.jiterator import _create_jit_fn as create

        made = create(KEEP, **WHERE, dropped=0, kept=1.0), create(UNIFORM, **WHERE)
        for kernel in made:
            kernel(*_places(1, 1, torch.float64, torch.device("cuda", torch.cuda.current_device())))
    except Exception:  # a torch without it, one that has no compiler for this GPU, a cache that cannot be written
        return None
    return made

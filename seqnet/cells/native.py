"""What cells compute in C, where there is a compiler; else torch computes it."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from seqnet.compiling import Library, compiled

SOURCES = sorted(Path(__file__).parent.glob("*.[ch]"))
SIGNATURES = {  # how many sizes, and how many arrays
    "gru_forward": (4, 7),
    "gru_backward": (4, 9),
    "lstm_forward": (3, 5),
    "lstm_backward": (3, 6),
    "pool_forward": (5, 3),
    "pool_backward": (5, 6),
    "room": (2, 0),
    "sru_forward": (4, 5),
    "sru_backward": (4, 9),
    "tanh_forward": (4, 4),
    "tanh_backward": (4, 6),
}


@cache
def library() -> Library | None:
    """The compiled functions; None without a compiler, or where SEQNET_NATIVE=0 asks for none."""
    takes = {name: ["size"] * sizes + ["array"] * arrays for name, (sizes, arrays) in SIGNATURES.items()}
    return compiled("recurrence", SOURCES, takes)


def takes(*tensors: Tensor) -> bool:
    """Whether there are compiled functions, and they compute with such tensors."""
    here = all(tensor.is_cpu and tensor.dtype == torch.float32 for tensor in tensors)
    return here and not torch.compiler.is_exporting() and library() is not None


def call(name: str, sizes: Iterable[int], *arrays: Tensor) -> None:
    """Call a compiled function, with as many threads as torch has. arrays: without gaps; it fills the last ones."""
    pointers = [array.data_ptr() for array in arrays]
    getattr(library(), name)(torch.get_num_threads(), *sizes, *pointers)

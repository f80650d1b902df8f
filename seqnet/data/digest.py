"""What was read, as a short text: of files, and of the numbers that a split is made of."""

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqnet.batch import WORDS, wide
from seqnet.data.examples import Examples, Ragged, Stream

BYTES = 16


def of_split(split: Examples | Stream) -> str:
    """Of all the numbers of a split, in their order: what training sees of the data, wherever it lies.

    Words that no vocabulary has are left out: they are numbered as they are met, by which split is read first.
    """
    return of_tensors(_tensors(split))


def of_tensors(named: Iterable[tuple[str, Tensor]]) -> str:
    """Of the names, types, shapes and numbers of tensors on the CPU."""
    found = blake2b(digest_size=BYTES)
    for name, tensor in named:
        found.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        found.update(_bytes(tensor))
    return found.hexdigest()


def _tensors(split: Examples | Stream) -> Iterator[tuple[str, Tensor]]:
    if isinstance(split, Stream):
        columns: dict[str, Ragged | Tensor | None] = {"documents": split.documents}
    else:
        targets = wide(split.targets) if isinstance(split.targets, Tensor) else split.targets  # as a batch has them
        columns = {"inputs": split.inputs, "targets": targets, "source": split.source}
        for kind, named in (("view", split.views), ("whole", split.wholes)):
            columns |= {f"{kind} {name}": column for name, column in sorted(named.items()) if name != WORDS}
    for name, column in columns.items():
        if isinstance(column, Tensor):
            yield name, column
        elif column is not None:
            yield name, column.flat
            yield f"{name} offsets", column.offsets


def _bytes(tensor: Tensor) -> Any:
    array = tensor.contiguous().numpy() if tensor.dtype != torch.bool else tensor.byte().numpy()
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)

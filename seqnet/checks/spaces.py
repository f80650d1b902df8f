"""Examples that are made up of what a source says of itself before it reads anything."""

from dataclasses import replace
from typing import Any

import torch

from seqnet.data.examples import Examples, Ragged
from seqnet.data.teacher_forcing import teacher_forcing
from seqnet.errors import DataError
from seqnet.specs import Tokens

ROWS, LONGEST = 20, 12


def examples_of(source: Any, missing: DataError) -> Examples:
    """Tokens that are written, told nothing, as the source has them. Raises `missing` where it does not know them."""
    writing, targets = getattr(source, "writing", None), getattr(source, "targets", None)
    if writing is None or writing.end is None or not isinstance(targets, Tokens) or source.source is not None:
        raise missing
    source.writing = replace(writing, longest=LONGEST + 1)
    tokens = [number for number in range(targets.size) if number not in (writing.end, *writing.forbidden)]
    random = torch.Generator().manual_seed(0)
    rows = [
        torch.tensor(tokens)[torch.randint(len(tokens), (length,), generator=random)]
        for length in torch.randint(4, LONGEST + 1, (ROWS,), generator=random).tolist()
    ]
    return teacher_forcing(None, Ragged.of(rows), source.writing)

"""Sources beside what is to be written for them: what a decoder reads is what it should have written, one step late."""

from collections.abc import Iterable, Sequence
from itertools import takewhile

import torch
from torch import Tensor

from seqnet.batch import IGNORE
from seqnet.data.columns import ColumnBuilder
from seqnet.data.examples import Examples, Ragged
from seqnet.data.generation import equal_rows
from seqnet.specs import Tokens, Writing

BEGIN = "<bos>"
END = "<eos>"
ROWS = 1 << 16  # that are made at a time: all of them may be more than memory holds
LONGEST_TARGET = 100_000  # steps; a file that says more is not believed: a decoder writes half more than that


def with_ends(names: Sequence[str], ranked: int = 0, unknown: int | None = None) -> Tokens:
    """A vocabulary with two entries more, which begin and end what is written: its last two. The rest: see `Tokens`."""
    return Tokens((*names, BEGIN, END), ranked, unknown=unknown)


def writing(space: Tokens, longest: int, forbidden: Sequence[int] = ()) -> Writing:
    """How tokens of a vocabulary made by `with_ends` are written. longest: target seen in training, end included."""
    begin, end = space.size - 2, space.size - 1
    return Writing(begin=begin, end=end, forbidden=(*forbidden, begin), longest=longest)


def teacher_forcing(source: Ragged | None, targets: Ragged, writing: Writing) -> Examples:
    """Examples of a token decoder: it reads begin y_1 .. y_n and is asked y_1 .. y_n end.

    source: what an encoder reads, one row for each target, or None.
    """
    with ColumnBuilder() as read, ColumnBuilder() as wanted:
        for begin in range(0, len(targets), ROWS):
            offsets = targets.offsets[begin : begin + ROWS + 1]
            some = Ragged(targets.flat[offsets[0] : offsets[-1]], offsets - offsets[0])
            for builder, column in zip((read, wanted), _forced(some, writing), strict=True):
                builder.append(column.flat.numpy(), column.lengths.numpy())
        inputs, asked = read.column(), wanted.column()
    if inputs is None or asked is None:
        inputs, asked = _forced(targets, writing)
    return Examples(inputs, asked, source=source)


def _forced(targets: Ragged, writing: Writing) -> tuple[Ragged, Ragged]:
    """What a decoder reads, and what it is asked."""
    assert writing.begin is not None and writing.end is not None
    offsets = targets.offsets + torch.arange(len(targets.offsets))
    rows = len(targets)
    total = len(targets.flat) + rows
    kind = torch.promote_types(targets.flat.dtype, torch.int16 if writing.end < 1 << 15 else torch.int32)
    inputs, wanted = torch.empty(total, dtype=kind), torch.empty(total, dtype=kind)
    first, last = torch.zeros(total, dtype=torch.bool), torch.zeros(total, dtype=torch.bool)
    first[offsets[:-1]], last[offsets[1:] - 1] = True, True
    inputs[first], inputs[~first] = writing.begin, targets.flat.to(kind)
    wanted[last], wanted[~last] = writing.end, targets.flat.to(kind)
    return Ragged(inputs, offsets), Ragged(wanted, offsets)


def without_targets(source: Ragged, writing: Writing) -> Examples:
    """Sources for which nothing is asked: the decoder's input is its beginning alone."""
    assert writing.begin is not None
    rows = len(source)
    one_each = torch.arange(rows + 1)
    return Examples(
        Ragged(torch.full((rows,), writing.begin, dtype=torch.int64), one_each),
        Ragged(torch.full((rows,), IGNORE), one_each),
        source=source,
    )


def strip_special(ids: Iterable[int] | Tensor, writing: Writing) -> list[int]:
    """What ids say, up to the first end; neither a beginning nor positions where nothing is asked."""
    own = takewhile(lambda number: number != writing.end, map(int, ids))
    return [number for number in own if number >= 0 and number != writing.begin]


def number_teacher_forcing(source: Ragged, targets: Tensor) -> Examples:
    """Examples of a decoder that writes numbers, as many steps for every source: it reads zeros, then y_1 .. y_(n-1).

    targets: [rows time feature].
    """
    inputs = torch.cat([torch.zeros_like(targets[:, :1]), targets[:, :-1]], dim=1)
    return Examples(equal_rows(inputs), equal_rows(targets), source=source)


def numbers_without_targets(source: Ragged, size: int) -> Examples:
    """Sources for which nothing is asked of a decoder that writes `size` numbers a step: it reads one step of zeros."""
    zeros = torch.zeros(len(source), 1, size)
    return Examples(equal_rows(zeros), equal_rows(torch.full_like(zeros, float("nan"))), source=source)

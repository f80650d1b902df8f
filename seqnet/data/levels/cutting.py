"""Texts in pieces, so that no more of them is worked on at a time than memory holds."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

PIECE = 1 << 20  # characters that are worked on at a time: what is made of them on the way is many times as large
SPACE = re.compile(r"\s")


def code_points(texts: Sequence[str]) -> Iterator[np.ndarray]:
    """The code points of texts end to end, PIECE at a time, uint32."""
    text = "".join(texts)
    for begin in range(0, len(text), PIECE):
        yield np.frombuffer(text[begin : begin + PIECE].encode("utf-32-le", "surrogatepass"), np.uint32)


def batched(texts: Iterable[str], cut: Callable[[str], Iterable[str]]) -> Iterator[tuple[list[int], list[str]]]:
    """The pieces that `cut` makes of texts, about PIECE characters at a time, and which text each is of."""
    rows, pieces, size = list[int](), list[str](), 0
    for row, text in enumerate(texts):
        for piece in cut(text):
            rows.append(row)
            pieces.append(piece)
            size += len(piece)
            if size >= PIECE:
                yield rows, pieces
                rows, pieces, size = [], [], 0
    if pieces:
        yield rows, pieces


def in_pieces(
    texts: Sequence[str], cut: Callable[[str], Iterable[str]]
) -> Iterable[tuple[Sequence[int], Sequence[str]]]:
    """Texts that are not too much to be worked on at a time, as they are or in pieces; and which each is of."""
    if sum(map(len, texts)) <= PIECE:
        return [(range(len(texts)), texts)]
    return batched(texts, cut)


def whole_words(text: str) -> Iterator[str]:
    """A text in pieces of about PIECE characters that end where a word does."""
    begin = 0
    while len(text) - begin > PIECE:
        space = SPACE.search(text, begin + PIECE)
        end = space.end() if space else len(text)
        yield text[begin:end]
        begin = end
    yield text[begin:] if begin else text


def lines(text: str) -> list[str]:
    """The lines of a text, their ends with them."""
    return text.splitlines(keepends=True)

"""Pieces of text are whole letters, and together the text."""

import torch

from seqnet.commands.streaming import pieces
from seqnet.decoding.incremental import Written


def told(tokens, text, end=None):
    steps = (Written(torch.tensor([0]), torch.tensor([token]), torch.zeros(1)) for token in tokens)
    return list(pieces(steps, text, end))


def test_the_bytes_of_a_letter_come_together():
    encoded = "aß€b".encode()
    assert told(encoded, lambda ids: bytes(ids).decode("utf-8", "replace")) == ["a", "ß", "€", "b"]
    cut = encoded[:-2]  # in the middle of a letter
    found = told(cut, lambda ids: bytes(ids).decode("utf-8", "replace"))
    assert "".join(found) == bytes(cut).decode("utf-8", "replace") == "aß\N{REPLACEMENT CHARACTER}"


def test_words_bring_their_spaces_and_the_end_ends():
    words = ["one", "two", "", "three"]
    assert told([0, 2, 1, 9, 3], lambda ids: " ".join(words[one] for one in ids).strip(), 9) == ["one", "  two"]
    assert told([9], lambda ids: "", 9) == []

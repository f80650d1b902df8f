"""Entities as they are told beside a row's tags: their text, type, and where they begin and end."""

from collections.abc import Sequence
from typing import Any

from seqnet.data.read import Read


def with_spans(read: Read, answer: dict[str, Any]) -> dict[str, Any]:
    """An answer of BIO tags with the entities that they say."""
    return {**answer, "spans": entities(answer["prediction"] or [], *words_of(read))}


def words_of(read: Read) -> tuple[list[str], str | None]:
    """The words that were read, and the text in which they stand, where it is known."""
    if isinstance(read.first, str):
        return read.first.split(), read.first
    words = read.first if isinstance(read.first, list) else []
    text = read.values.get("text")
    return list(map(str, words)), text if isinstance(text, str) else None


def entities(tags: Sequence[str], words: Sequence[str], text: str | None) -> list[dict[str, Any]]:
    """The entities of a row of BIO tags: text, type, the first token and the one behind the last.

    Where the text is known in which the words stand, `begin_char` and `end_char` are places in it.
    """
    from seqnet.objectives.spans import spans

    places = None if text is None else placed(words, text)
    found = []
    for kind, begin, end in spans(tags):
        one: dict[str, Any] = {"text": " ".join(words[begin:end]), "type": kind, "begin": begin, "end": end}
        if text is not None and places is not None:
            first, last = places[begin][0], places[end - 1][1]
            one |= {"text": text[first:last], "begin_char": first, "end_char": last}
        found.append(one)
    return found


def placed(words: Sequence[str], text: str) -> list[tuple[int, int]] | None:
    """Where each word begins and ends in a text that holds all of them in this order; None where it does not."""
    found, at = [], 0
    for word in words:
        at = text.find(word, at)
        if at < 0:
            return None
        found.append((at, at + len(word)))
        at += len(word)
    return found

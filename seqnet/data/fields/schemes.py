"""How spans are written as a tag for each word: BIO, and the other schemes into it and back."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

OUTSIDE = "O"
LETTERS = {"BIO": "BI", "IOB1": "BI", "BIOES": "BIES"}  # what a tag may begin with, but for `O`


class Span(NamedTuple):
    """Words from `begin` to before `end`, and what they are."""

    begin: int
    end: int
    type: str


def problem(tag: str, scheme: str) -> str | None:
    """What is wrong with a tag of a scheme, or None."""
    if tag == OUTSIDE or (len(tag) > 2 and tag[0] in LETTERS[scheme] and tag[1] == "-"):
        return None
    wanted = ", ".join(f"{letter}-TYPE" for letter in LETTERS[scheme])
    return f"'{tag}' is no tag of the scheme {scheme}, which has {wanted} and O"


def to_bio(tags: Sequence[str], scheme: str) -> list[str]:
    """Tags of a scheme as those of BIO. An I that goes on with nothing begins a span, as it does in IOB1."""
    if scheme == "BIOES":
        tags = [{"E": "I", "S": "B"}.get(tag[0], tag[0]) + tag[1:] for tag in tags]
    return [_begun(before, tag) for before, tag in zip([OUTSIDE, *tags], tags, strict=False)]


def _begun(before: str, tag: str) -> str:
    return f"B{tag[1:]}" if tag[0] == "I" and before[2:] != tag[2:] else tag


def from_bio(tags: Sequence[str], scheme: str) -> list[str]:
    """Tags of BIO as those of a scheme: the inverse of `to_bio`."""
    following = [*tags[1:], OUTSIDE]
    if scheme == "BIOES":
        ends = [after[0] != "I" or after[2:] != tag[2:] for tag, after in zip(tags, following, strict=True)]
        last = {"B": "S", "I": "E"}
        return [last.get(tag[0], tag[0]) + tag[1:] if end else tag for tag, end in zip(tags, ends, strict=True)]
    if scheme == "IOB1":
        return [
            f"I{tag[1:]}" if tag[0] == "B" and before[2:] != tag[2:] else tag
            for before, tag in zip([OUTSIDE, *tags], tags, strict=False)
        ]
    return list(tags)


def word_places(text: str) -> list[tuple[int, int]]:
    """Where each word between white space begins, and where it has ended."""
    return [found.span() for found in re.finditer(r"\S+", text)]


def bio_of_offsets(words: Sequence[tuple[int, int]], entities: Iterable[Mapping[str, Any] | Span]) -> list[str]:
    """The BIO tag of each word, of entities that are told as offsets in the text.

    words: where each begins and has ended. entities: each with `begin`, `end` (behind its last character) and `type`. A
    word that an entity covers in part belongs to it: `Paris` of `Paris,`. Raises ValueError for an entity that holds
    no word, that overlaps another, or that is not written so.
    """
    tags = [OUTSIDE] * len(words)
    for entity in entities:
        begin, end, kind = entity if isinstance(entity, Span) else _parts(entity)
        inside = [place for place, (first, last) in enumerate(words) if first < end and last > begin]
        if not inside:
            raise ValueError(f"the entity from {begin} to {end} holds no word")
        if any(tags[place] != OUTSIDE for place in inside):
            raise ValueError(f"the entity from {begin} to {end} overlaps another")
        for place in inside:
            tags[place] = f"{'B' if place == inside[0] else 'I'}-{kind}"
    return tags


def _parts(entity: Mapping[str, Any]) -> Span:
    match entity:
        case {"begin": int(begin), "end": int(end), "type": str(kind)} if 0 <= begin < end and kind:
            return Span(begin, end, kind)
    raise ValueError('an entity is written {"begin": 0, "end": 5, "type": "PER"}')

"""Encoded rows as a person reads them, and what a person writes as tokens, by the field that they are of."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from seqnet.data.files import shown
from seqnet.errors import DataError, did_you_mean
from seqnet.kinds import Axis, Item, Kind
from seqnet.specs import Image, Spec, Tokens

SHOWN = 12  # steps of a row


def by_itself(kind: Kind) -> bool:
    """Whether a person reads entries of that kind as they are: words and classes, and a number where there is one."""
    return kind.item in (Item.TOKEN, Item.LABEL, Item.LABELS) or (kind.item is Item.NUMBER and kind.axis is Axis.ROW)


def show(one: Any, inputs: Tensor) -> str:
    """A field's entries of a row, in short. inputs: [time] or [time feature]."""
    found = getattr(one, "show", one.decode)(inputs.numpy())
    if isinstance(found, list):
        found = " ".join(map(str, found[:SHOWN])) + (f" ... ({len(found)} steps)" if len(found) > SHOWN else "")
    return str(found).strip()


def positions(one: Any, space: Spec | None, row: Tensor) -> list[str]:
    """Each position of a source by itself, as the label of an axis. row: [source_time ...]."""
    if isinstance(space, Image):
        rows, columns = space.regions
        return [f"{down + 1},{right + 1}" for down in range(rows) for right in range(columns)]
    if isinstance(space, Tokens):
        return labels(one, space, row)
    return [str(place) for place in range(1, len(row) + 1)]


def labels(one: Any, space: Tokens, ids: Sequence[int] | Tensor) -> list[str]:
    """The text of each token, or else its name: an end has no text, and that of a space would not be seen."""
    known = len(one.encoding.names) if hasattr(one, "encoding") else 0
    return [
        (one.encoding.decode([number]).strip() if number < known else "") or space.names[number]
        for number in map(int, ids)
    ]


def tokens_of(one: Any, names: Sequence[str], text: str) -> list[int]:
    """The ids of a target, or of its beginning. names: of all tokens. Raises DataError for one that is not known."""
    encode = getattr(one, "encode_beginning", lambda part: one.encode([part]))
    ids: list[int] = encode(text).flat.astype(np.int64).tolist() if text.strip() else []
    unseen = one.unseen(text)
    if unseen is not None:
        what = "word" if one.level == "words" else "character"
        hint = did_you_mean(unseen, names)
        raise DataError(f"{what} '{shown(unseen)}' does not occur in the training rows{shown(hint, 200)}")
    return ids

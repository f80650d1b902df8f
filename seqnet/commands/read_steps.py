"""What a run reads, step by step, in words: the labels of scores that stand beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from seqnet.batch import Batch
from seqnet.build import Assembly
from seqnet.data import legible
from seqnet.data.dataset import Dataset
from seqnet.specs import Image, Spelling, Tokens, Vector

MOST_COLUMNS = 20  # of numbers that are told apart


@dataclass(frozen=True, eq=False)
class InputScores:
    """Scores of one input. name: of the input; words: of its steps, None where these are numbers.

    scores: [time]; parts: by their names, of a word's letters or of named columns, [time parts]; values: the numbers
    that were read, [time feature].
    """

    name: str
    words: Sequence[str] | None
    scores: Tensor
    letters: Sequence[Sequence[tuple[str, float]]] = ()
    columns: Sequence[tuple[str, Tensor]] = ()
    values: Tensor | None = None
    map: Tensor | None = None  # of a picture, [height width]


def first_name(source: Any) -> str:
    """What the first input is called."""
    if isinstance(source, Dataset):
        return source.first or source.target
    return next(iter(source.input_kinds), "input")


def input_scores(assembly: Assembly, batch: Batch, name: str, scores: Tensor, said: Any = None) -> InputScores:
    """The scores of an input beside what was read. name: empty of the first. scores: [time ...].

    said: what the input was made of, where that is known, for words that have no number.
    """
    source = assembly.source
    space: Any
    if not name:
        space = source.inputs if batch.source is None else source.source
        values = batch.inputs if batch.source is None else batch.source
    else:
        space = {**source.views, **getattr(source, "wholes", {})}[name]
        values = batch.views[name] if name in batch.views else batch.wholes[name].values
    assert isinstance(values, Tensor)
    called, row, told = name or first_name(source), values[0].cpu(), scores.float().cpu()
    if isinstance(space, Tokens):
        return InputScores(called, words(source, called, space, row, said), told)
    if isinstance(space, Spelling):
        spelled = [[space.names[letter] for letter in step if letter] for step in row.tolist()]
        joint = "" if sum(len(one) == 1 for one in space.names) > len(space.names) // 2 else " "
        letters = [
            list(zip(step, each[: len(step)].tolist(), strict=True)) for step, each in zip(spelled, told, strict=True)
        ]
        return InputScores(called, [joint.join(step) for step in spelled], told.sum(-1), letters)
    if told.dim() == 1:  # of vectors that an encoder of one's own makes of something else
        return InputScores(called, None, told)
    names = space.names if isinstance(space, Vector) and 1 < len(space.names) <= MOST_COLUMNS else ()
    columns = [(each, told[:, place]) for place, each in enumerate(names)] if len(names) == told.shape[1] else []
    picture = None
    if isinstance(space, Image):
        picture = told.reshape(len(told), -1, space.channels).sum(-1)
    return InputScores(called, None, told.sum(-1), columns=columns, values=row.float(), map=picture)


def with_lags(lags: Tensor, scores: Tensor, step: int) -> Tensor:
    """Scores [time feature] of a series with those of its last values, read once more at a step by the output layer.

    lags: [time lags*feature], the oldest first.
    """
    last = lags[step].unflatten(0, (-1, scores.shape[1]))
    found = scores.clone()
    for back, score in enumerate(last.flip(0)):
        if step - back >= 0:
            found[step - back] += score
    return found


def words(source: Any, name: str, space: Tokens, ids: Tensor, said: Any = None) -> list[str]:
    """The text of each token; of one that has no number what was said, where that is known. ids: [time]."""
    if not isinstance(source, Dataset):
        return [space.names[token] for token in ids.flatten().tolist()]
    found = legible.labels(source.fields[name], space, ids.flatten())
    encoding: Any = getattr(source.fields[name], "encoding", None)
    unknown = getattr(encoding, "unknown", None)
    if isinstance(said, str) and encoding is not None:
        said = encoding.split(said) if hasattr(encoding, "split") else list(said)
    if unknown is None or not isinstance(said, list) or len(said) != len(found):
        return found
    numbers = ids.flatten().tolist()
    return [
        str(piece) if number == unknown else label for piece, number, label in zip(said, numbers, found, strict=True)
    ]


def in_digits(values: Tensor) -> list[float]:
    """Scores with so many digits as are told."""
    return [float(f"{value:.6g}") for value in values.to(torch.float64).tolist()]

"""Where a model looked while it wrote: its attention to each source position, step by step."""

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from seqnet.batch import IGNORE, AttentionMap, Batch
from seqnet.build import Assembly
from seqnet.data.teacher_forcing import END
from seqnet.decoding.hypothesis import Hypothesis
from seqnet.specs import Image, Vector
from seqnet.training.evaluation import evaluating
from seqnet.training.precision import Precision


def attention_maps(
    assembly: Assembly, precision: Precision, batch: Batch, hypotheses: Sequence[Sequence[Hypothesis]]
) -> list[AttentionMap]:
    """For each row of `batch` where the model looked as it wrote the best of the row's hypotheses.

    The model reads again what it wrote, in evaluation mode and under teacher forcing, which finds the weights that
    decoding found. Nothing of the run is changed. Empty where the model has no attention or writes numbers.
    """
    if not attends(assembly) or batch.source is None or not len(hypotheses):
        return []
    writing = assembly.source.writing
    written = [[*best.ids, *([writing.end] if best.ended else [])] for best, *_ in hypotheses]
    if getattr(assembly.source, "copied", None) is not None:
        written = [assembly.source.known(ids) for ids in written]
    inputs = [torch.tensor([writing.begin, *ids[:-1]]) for ids in written]
    forced = Batch(
        inputs=pad_sequence(inputs, batch_first=True),
        lengths=torch.tensor([len(ids) for ids in written]),
        targets=pad_sequence(
            [torch.tensor(ids, dtype=torch.int64) for ids in written], batch_first=True, padding_value=IGNORE
        ),
        source=batch.source,
        source_lengths=batch.source_lengths,
        wholes=batch.wholes,
    )
    with evaluating(assembly.model), precision.autocast():
        attention = assembly.model(forced.to(precision.device), None).attention
    if attention is None:
        return []
    found = []
    for row, (best, *_) in enumerate(hypotheses):
        source = words_read(assembly, batch, row)
        signal = _numbers_read(assembly, batch, row)
        target = [*assembly.source.words(best.ids), *([END] if best.ended else [])]
        weights = attention[row, :, : len(target), : len(source)].float().cpu()
        image, regions = _image_read(assembly, batch, row)
        if image is not None and weights.shape[-1] != prod(regions):  # an encoder of one's own cuts it otherwise
            image = None
        found.append(AttentionMap(weights, source, target, signal, image, regions))
    return found


def attends(assembly: Assembly) -> bool:
    """Whether a model looks back at what it read while it writes tokens."""
    writing = getattr(assembly.source, "writing", None)
    if writing is None or writing.begin is None or writing.end is None:
        return False
    return getattr(assembly.model, "attention", None) is not None


def words_read(assembly: Assembly, batch: Batch, row: int) -> list[str]:
    """A label for each position that attention can look at."""
    assert batch.source is not None and batch.source_lengths is not None
    read: Tensor = batch.source[row].cpu()
    if not isinstance(assembly.source.source, Image):  # whose positions are regions, not the lines of its pixels
        read = read[: int(batch.source_lengths[row])]
    words: list[str] = assembly.source.source_words(read)
    encoder: Any = assembly.model.encoder
    if isinstance(assembly.source.source, Image):
        return words
    positions = encoder.positions(torch.arange(len(words) + 1))  # after so many steps
    return [word for word, begins in zip(words, positions.diff().bool().tolist(), strict=True) if begins]


def _numbers_read(assembly: Assembly, batch: Batch, row: int) -> Tensor | None:
    """The numbers of each step that was read; None of words and of pictures."""
    if not isinstance(assembly.source.source, Vector) or batch.source is None or batch.source_lengths is None:
        return None
    return batch.source[row, : int(batch.source_lengths[row])].float().cpu()


def _image_read(assembly: Assembly, batch: Batch, row: int) -> tuple[Tensor | None, tuple[int, int]]:
    """The image that was read, [height width channels], and into how many regions it is cut; None of all else."""
    space = assembly.source.source
    if not isinstance(space, Image) or batch.source is None:
        return None, (0, 0)
    return batch.source[row].float().cpu().reshape(space.height, space.width, space.channels), space.regions

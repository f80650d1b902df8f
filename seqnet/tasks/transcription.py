"""A sequence is heard in a longer one, in its order; where, nobody says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from seqnet.batch import Batch, Output, has_target
from seqnet.errors import ConfigurationError
from seqnet.kinds import Axis, Item, Kind
from seqnet.tasks.seq2seq import Metrics, SequenceToSequence, WritingEvaluator


class Transcription(SequenceToSequence):
    """Tokens that lie in a source in their order; the model's features are [batch position hidden] of the source.

    The loss is of whole answers, and is divided by their tokens, the end among them as for a task that writes them.
    metrics: as of `SequenceToSequence`, of what is read off. Raises ConfigurationError.
    """

    name = "transcription"
    features = Axis.FRAME
    whole_rows = True
    asks = "row_losses"
    told = "the loss of whole rows", "objective=ctc"

    def __init__(self, objective: Any, source: Any, metrics: Metrics = ("cer", "wer")) -> None:
        super().__init__(objective, source, metrics)
        if source.writing.end is None:
            raise ConfigurationError("task=transcription writes tokens, and this data's answers are numbers")

    @staticmethod
    def scores(options: Mapping[str, Any], of_objective: Sequence[str]) -> tuple[str, ...]:
        """What a run can be judged by: `metrics` of what is read off."""
        return tuple(options["metrics"])

    @staticmethod
    def conflict(options: Mapping[str, Any], inputs: Mapping[str, Kind], target: Kind | None) -> str | None:
        """Answers are tokens."""
        if target is not None and target.item is Item.NUMBER:
            return "task=transcription writes tokens, and this data's answers are numbers"
        return SequenceToSequence.conflict(options, inputs, target)

    def loss(self, output: Output, batch: Batch) -> Tensor:
        """The objective's loss, summed over the rows of which an answer is asked."""
        assert output.lengths is not None
        wanted = has_target(batch.targets)
        rows = wanted.any(dim=1)
        lengths = (wanted.sum(dim=1) - 1).clamp(min=0)  # without the end, which is not heard
        losses = self.objective.row_losses(output.logits(), output.lengths, batch.targets, lengths)
        total: Tensor = losses.masked_fill(~rows, 0).sum()
        return total

    def evaluator(self) -> TranscriptionEvaluator:
        """Metrics, nothing counted yet."""
        return TranscriptionEvaluator(self)

    def remarks(self, model: Any, splits: Mapping[str, Any]) -> list[str]:
        """A sentence for each split that has answers for which its sources are too short. splits: Examples by name."""
        found = []
        for name, split in splits.items():
            if split is None or split.source is None:
                continue
            short = _short(model, split)
            if short:
                found.append(
                    f"{short:,} of {len(split):,} rows of {name} have longer answers than the model has positions for "
                    "them (repeated tokens need one between them), so that these rows teach nothing: let its encoders "
                    "shorten less, or make the steps of the input shorter"
                )
        return found


def _short(model: Any, split: Any) -> int:
    """How many rows have answers that have no room in the model's positions."""
    flat, offsets = split.targets.flat, split.targets.offsets
    lengths = (split.targets.lengths - 1).clamp(min=0)  # without the end
    places = torch.arange(len(flat)) - offsets[:-1].repeat_interleave(split.targets.lengths)
    alike = (flat[1:] == flat[:-1]) & (places[1:] > 0)
    rows = torch.arange(len(split)).repeat_interleave(split.targets.lengths)[1:]
    needed = lengths.index_add(0, rows, alike.long())
    return int((needed > model.positions(split.source.lengths)).sum())


class TranscriptionEvaluator(WritingEvaluator):
    """The loss of whole answers, and the metrics of those that are read off."""

    task: Transcription

    def update(self, output: Output, batch: Batch) -> float:
        """The summed loss of what `batch` asks."""
        return self.task.loss(output, batch).item()

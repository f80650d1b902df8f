"""A sequence is read whole, and another is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from seqnet.batch import Batch, Output, has_target
from seqnet.decoding.hypothesis import Hypothesis
from seqnet.errors import ConfigurationError, did_you_mean
from seqnet.kinds import Axis, Item, Kind
from seqnet.options import shown
from seqnet.specs import Tokens
from seqnet.tasks.evaluator import Evaluator, asked_items
from seqnet.tasks.merging import by_itself, counted, merge
from seqnet.tasks.output_layer import loss_of, losses_of, mixed_loss_of

OF_TOKENS = ("token_accuracy", "exact_match", "cer", "wer", "bleu", "chrf", "bracket_f1", "well_formed")
OF_NUMBERS = ("mse", "mae")
BY_LENGTH = {"exact_match_seen": False, "exact_match_longer": True}  # whether of rows longer than any of training
Metrics = Sequence[
    Literal["token_accuracy", "exact_match", "cer", "wer", "bleu", "chrf", "bracket_f1", "well_formed", "mse", "mae"]
]


def chosen_loss(losses: Tensor, mask: Tensor, output: Output) -> Tensor:
    """What the choices of a hard attention are taught by: 0, with the gradient of REINFORCE (Williams 1992).

    losses: [batch time] in nats, 0 where nothing is asked; mask: [batch time], where something is. A choice answers
    for the loss of its own step, and for those of later ones where it `reaches` them; the learnt baseline is
    subtracted and taught by its squared error. The choice's bonus, where there is one, is taken off.
    """
    assert output.log_probability is not None and output.baseline is not None
    costs = losses.detach()
    if output.reaches:
        costs = _with_later(costs)
    advantage = costs - output.baseline.detach()
    error = 0.5 * (output.baseline - costs) ** 2
    terms = advantage * output.log_probability + error
    if output.bonus is not None:
        terms = terms - output.bonus
    total = (terms * mask).sum()
    return total - total.detach()


def _with_later(costs: Tensor) -> Tensor:
    """Each step's cost and those of later ones, [batch time]."""
    if costs.is_cuda and torch.are_deterministic_algorithms_enabled():
        return _with_later(costs.cpu()).to(costs.device)  # there is no deterministic kernel on a GPU
    return costs.flip(1).cumsum(1).flip(1)


class SequenceToSequence:
    """An item at each step of a row, each after those before it; the model's features are [batch time hidden].

    metrics: scores of what is decoded freely, any of token_accuracy, exact_match, cer, wer, bleu and chrf, of trees in
    brackets bracket_f1 and well_formed too; of numbers, mse and mae. exact_match is told apart for rows whose target
    is at most as long as the longest of training, and for longer ones. What the objective itself counts is of teacher
    forcing. Raises ConfigurationError for data without anything to write, for an objective without `losses`, and for
    metrics that are unknown or not of its items.
    """

    name = "seq2seq"
    target_axis = Axis.SEQUENCE
    features = Axis.SEQUENCE
    asks = "losses"  # the method of the objective by which it is judged
    told = "the loss of each step", "objective=tokens, or of numbers objective=regression"

    def __init__(
        self,
        objective: Any,
        source: Any,
        metrics: Metrics = ("token_accuracy", "exact_match", "cer"),
    ) -> None:
        if getattr(source, "writing", None) is None:
            raise ConfigurationError(
                f"task={self.name} writes an answer step by step, but this data has none to write: use "
                "task=many_to_one or many_to_many, or data with sources and targets, such as data=parallel"
            )
        if not callable(getattr(objective, self.asks, None)):
            what, fits = self.told
            raise ConfigurationError(f"task={self.name} needs {what}, which this objective does not tell: use {fits}")
        known = OF_TOKENS if isinstance(source.targets, Tokens) else OF_NUMBERS
        for metric in metrics:
            if metric not in known:
                raise ConfigurationError(
                    f"task.metrics has '{metric}', but what this data writes is judged by {', '.join(known)}"
                    f"{did_you_mean(metric, known)}"
                )
        self.objective: Any = objective
        self.source = source
        self.metrics = tuple(metrics)

    @staticmethod
    def scores(options: Mapping[str, Any], of_objective: Sequence[str]) -> tuple[str, ...]:
        """What a run can be judged by: the objective's under teacher forcing, and `metrics` of what is written."""
        told = BY_LENGTH if "exact_match" in options["metrics"] else ()
        return (*forced(dict.fromkeys(of_objective, 0.0)), *options["metrics"], *told)

    @staticmethod
    def conflict(options: Mapping[str, Any], inputs: Mapping[str, Kind], target: Kind | None) -> str | None:
        """Metrics are of tokens, or of numbers."""
        numbers = target is not None and target.item is Item.NUMBER
        known = OF_NUMBERS if numbers else OF_TOKENS
        if target is None or set(options["metrics"]) <= set(known):
            return None
        kinds = ("tokens", "numbers") if numbers else ("numbers", "tokens")
        return (
            f"task.metrics={shown(options['metrics'])} compares {kinds[0]}, and this data's answers are {kinds[1]}: "
            f"choose of {', '.join(known)}"
        )

    def count(self, batch: Batch) -> int:
        """How many steps are asked."""
        return batch.num_targets

    def loss(self, output: Output, batch: Batch) -> Tensor:
        """The objective's loss summed over the steps that are asked; a hard attention's choices are taught by it."""
        features, targets = asked_items(output.features, batch)
        if output.mixed:
            return mixed_loss_of(self.objective.mixed_losses, output.head, features, targets)  # type: ignore[arg-type]
        if output.log_probability is None:
            return loss_of(self.objective.loss, output.head, features, targets)
        total, losses = losses_of(self.objective.losses, output.head, features, targets)
        if batch.target_index is not None:
            losses = losses.new_zeros(batch.size * batch.time).index_copy(0, batch.target_index, losses)
        return total + chosen_loss(losses.view(batch.size, batch.time), batch.target_mask(), output)

    def derived(self, loss: float) -> dict[str, float]:
        """What follows from the mean loss under teacher forcing."""
        return forced(self.objective.derived(loss))

    def report(self) -> list[Any]:
        """Of what is written: scores by length, and errors by kind of edit."""
        from seqnet.tasks.writing_scores import TEXTS
        from seqnet.tasks.writing_tables import Edits, Lengths

        texts = [name for name in self.metrics if name in TEXTS]
        units = {"characters": "cer" in texts, "words": bool({"wer", "bleu", "chrf"} & {*texts})}
        edits = [Edits(unit) for unit, used in units.items() if used]
        return [Lengths(lambda: {name: TEXTS[name]() for name in texts}), *edits]

    def unscored(self, lengths: Tensor) -> set[str]:
        """The scores that none of some rows has. lengths: of their targets, [rows]."""
        there = set((lengths > self.source.writing.longest).tolist())
        return {name for name, longer in BY_LENGTH.items() if longer not in there}

    def evaluator(self) -> WritingEvaluator:
        """Metrics, nothing counted yet."""
        return WritingEvaluator(self)


def forced(scores: dict[str, float]) -> dict[str, float]:
    """An objective's scores without those whose names are kept for what is written freely."""
    kept = (*OF_TOKENS, *OF_NUMBERS, "r2")
    return {
        name: score for name, score in scores.items() if name not in kept and not name.startswith(("mae_", "baseline_"))
    }


class WritingEvaluator:
    """The objective's metrics under teacher forcing, window by window, and those of what is written freely."""

    def __init__(self, task: SequenceToSequence) -> None:
        from seqnet.tasks.writing_scores import NUMBERS, TEXTS, TOKENS

        known = TOKENS | TEXTS | NUMBERS
        self.task = task
        self.class_names = task.objective.class_names
        self._forced = Evaluator(task.objective)
        self._source = task.source
        self._metrics: dict[str, Any] = {}
        for name in task.metrics:
            self._metrics |= {each: known[name]() for each in (name, *(BY_LENGTH if name == "exact_match" else ()))}
        by_itself(self._metrics.values())
        self._of_tokens = [metric for name, metric in self._metrics.items() if name in TOKENS]
        self._by_length = {name: metric for name, metric in self._metrics.items() if name in BY_LENGTH}
        self._of_texts = [metric for name, metric in self._metrics.items() if name in TEXTS]
        self._empty = True

    def update(self, output: Output, batch: Batch) -> float:
        """Count what `batch` asks under teacher forcing; the summed loss of it, without label smoothing."""
        return self._forced.update(output, batch)

    def written(self, found: Sequence[Sequence[Hypothesis]] | Tensor, batch: Batch) -> None:
        """Count what was written for the rows of a whole batch, where anything was asked.

        found: for each row its hypotheses, of which the first counts; of numbers [batch steps feature].
        """
        if isinstance(found, Tensor):
            self._numbers(found, batch)
        else:
            self._rows([row[0] for row in found], batch.targets)

    def _numbers(self, found: Tensor, batch: Batch) -> None:
        targets = batch.targets
        steps = min(found.shape[1], targets.shape[1])
        mask = batch.target_mask()[:, :steps]
        if mask.any():
            self._empty = False
            for metric in self._metrics.values():
                metric.update(found[:, :steps][mask].flatten().cpu(), targets[:, :steps][mask].flatten().cpu())

    def _rows(self, found: Sequence[Hypothesis], targets: Tensor) -> None:
        end = self._source.writing.end
        pairs = [
            ([*best.ids, end] if best.ended else best.ids, wanted)
            for best, row in zip(found, targets.cpu(), strict=True)
            if (wanted := row[has_target(row)].tolist())
        ]
        if not pairs:
            return
        self._empty = False
        written, wanted = zip(*pairs, strict=True)
        for metric in self._of_tokens:
            metric.update(written, wanted)
        longest = self._source.writing.longest
        for name, metric in self._by_length.items():
            rows = [(ours, row) for ours, row in pairs if (len(row) > longest) == BY_LENGTH[name]]
            metric.update([ours for ours, _ in rows], [row for _, row in rows])
        if self._of_texts:
            texts = [[self._source.text(ids) for ids in side] for side in (written, wanted)]
            for metric in self._of_texts:
                metric.update(*texts)

    def counted(self) -> dict[str, Any]:
        """All that was counted so far, for `merge`."""
        return {
            "empty": self._empty,
            "forced": self._forced.counted(),
            "metrics": counted(self._metrics.values()),
        }

    def merge(self, several: Sequence[dict[str, Any]]) -> None:
        """Have counted what several evaluators did, each of which tells it by `counted`, and nothing else."""
        self._empty = all(one["empty"] for one in several)
        self._forced.merge([one["forced"] for one in several])
        merge(self._metrics.values(), [one["metrics"] for one in several])

    def compute(self) -> dict[str, float]:
        """Each metric by name; NaN where nothing was judged, or nothing written.

        What is told of rows of some length is left out where there are none.
        """
        free = {
            name: float("nan") if self._empty else metric.compute().item()
            for name, metric in self._metrics.items()
            if name not in self._by_length or metric.asked
        }
        return forced(self._forced.compute()) | free

    def confusion(self) -> Tensor | None:
        """None: of what is written, places and not classes go astray."""
        return None

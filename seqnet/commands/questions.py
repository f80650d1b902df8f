"""What is to be explained of a run's answer to a row: which of its numbers, at which step."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from seqnet.batch import IGNORE, UNITS, Batch, Output
from seqnet.commands.stored import StoredRun
from seqnet.commands.writing import Writer
from seqnet.data.teacher_forcing import BEGIN
from seqnet.decoding.heard import Heard, allowed
from seqnet.decoding.hypothesis import Start
from seqnet.errors import ConfigurationError, DataError, did_you_mean, visible
from seqnet.kinds import Axis
from seqnet.objectives.bands import MEDIAN
from seqnet.objectives.vectors import undone
from seqnet.specs import Tokens, Vector
from seqnet.tasks.evaluator import in_the_columns_scale


@dataclass(frozen=True)
class Question:
    """One number of an answer. features: the place of its features, None of a whole row; column: which of them.

    step: counted from 1, as it is told; target: what the number is of; scale: what one of it is worth in what is told,
    and offset what 0 is; labels: those that are decided, where each is told of the ones before it, [labels].
    """

    features: int | None
    column: int
    step: int | None
    target: str
    scale: float = 1.0
    offset: float = 0.0
    labels: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Asked:
    """What is explained of a row. batch: the row, with what was written where something is.

    predictions: what is answered where each question is asked. output: the model's, of the batch. written: in words
    what the decoder reads, step by step.
    """

    batch: Batch
    questions: Sequence[Question]
    predictions: Sequence[Any]
    output: Output
    written: Sequence[str] = ()


@dataclass
class Asking:
    """Makes the questions of rows. target, step: as typed; writer: of a run that writes, else None.

    Raises ConfigurationError for a target or a step that the run's answers do not have.
    """

    stored: StoredRun
    target: str | None
    step: int | str | None
    writer: Writer | None
    names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        targets = self.stored.assembly.source.targets
        self.names = _names(targets)
        features = getattr(self.stored.assembly.task, "features", Axis.STEP)
        self._by_row, self._heard = features is Axis.ROW, features is Axis.FRAME
        self._objective, self._targets = self.stored.assembly.objective, targets
        self._text = self.writer is not None and not self.writer.numbers
        if self._by_row and self.step is not None:
            raise ConfigurationError(f"step={self.step}: this run has one answer for a whole row: leave it out")
        if self._heard and self.target is not None:
            raise ConfigurationError(
                f"target={visible(self.target)}: this run hears its whole answer at once, so only what it answers is "
                "explained: leave it out"
            )
        if self.target is not None and not self._text and self.target not in self.names:
            hint = did_you_mean(self.target, self.names) or f": choose one of {', '.join(self.names[:10])}"
            raise ConfigurationError(f"target={visible(self.target)} is none of this run's answers{hint}")

    def __call__(self, batch: Batch, number: int) -> Asked:
        """The questions of a batch of one row. number: of its line. Raises DataError for a step that it has not."""
        if self.writer is not None:
            return self._written(batch, number)
        output = self._read(batch)
        if self._by_row:
            decision, column, labels = self._decided(output, None, batch)
            return Asked(batch, [self._question(None, None, batch, column, labels)], [decision], output)
        whole = None
        if getattr(self._objective, "whole_rows", False):
            with torch.no_grad():
                whole = output.head.decide(output.features[0], batch.lengths)[0]  # type: ignore[attr-defined]
        steps = self._steps(int(batch.lengths[0]), number)
        asked, predictions = [], []
        for step in steps:
            decision, column, labels = self._decided(output, step, batch, whole)
            asked.append(self._question(step, step + 1, batch, column, labels))
            predictions.append(decision)
        return Asked(batch, asked, predictions, output)

    def numbers(self, questions: Sequence[Question]) -> Callable[[Batch], Tensor]:
        """What computes the numbers of the questions, [copies questions], of a batch that is copies of a row."""

        labels = [one.labels for one in questions if one.labels is not None]

        def answer(batch: Batch) -> Tensor:
            output: Output = self.stored.assembly.model(batch, None)
            # What is told stays what was decided of the row itself: a copy that decides otherwise would be a jump.
            told = torch.stack(labels).repeat(batch.size, 1) if labels else None
            if self._by_row:
                found = self._answers(output.head, output.features, told)
                row: Tensor = found[:, [one.column for one in questions]]
                return row
            features = output.features[:, [one.features for one in questions]]
            found = self._answers(output.head, features.flatten(0, 1), told).unflatten(0, features.shape[:2])
            steps: Tensor = found[:, range(len(questions)), [one.column for one in questions]]
            return steps

        return answer

    # ------------------------------------------------------------------------------------------------- of each kind

    def _read(self, batch: Batch) -> Output:
        with torch.no_grad():
            found: Output = self.stored.assembly.model(batch, None)
        return found

    def _steps(self, steps: int, number: int) -> list[int]:
        """Which of so many steps are asked for, from 0. Raises DataError."""
        default = "all" if self.writer is not None and (self._text or self._heard) else -1
        step = default if self.step is None else self.step
        if step == "all":
            return list(range(steps))
        assert isinstance(step, int)
        place = step - 1 if step > 0 else steps + step
        if not 0 <= place < steps:
            raise DataError(f"step={step}: the answer to line {number} has {steps} steps; choose one of these")
        return [place]

    def _question(
        self, features: int | None, step: int | None, batch: Batch, column: int, labels: Tensor | None = None
    ) -> Question:
        if self.target is not None and not self._text:
            column = self.names.index(self.target)
        scale, offset = self._units(features, column, batch)
        return Question(features, column, step, self.names[column], scale, offset, labels)

    def _units(self, features: int | None, column: int, batch: Batch) -> tuple[float, float]:
        """What one of an answer is worth in the units of the file, and what 0 is; of logarithms as they are."""
        targets = self._targets
        if not isinstance(targets, Vector) or not hasattr(self._objective, "forecast"):
            return 1.0, 0.0
        both = torch.zeros(2, targets.size, dtype=torch.float64)
        both[1, column] = 1
        units = batch.views.get(UNITS)
        if units is not None and features is not None:
            both = in_the_columns_scale(both, units[:, features].cpu().expand(2, -1))
        if targets.scale is not None and not targets.scale.log:
            both = undone(targets, both)
        zero, one = both[:, column].tolist()
        return one - zero, zero

    def _answers(self, head: Any, features: Tensor, labels: Tensor | None = None) -> Tensor:
        """A number for each of the names, [n names]. features: [n hidden]; labels: see `Question`, [n labels]."""
        logits: Tensor = head(features)
        if isinstance(self._targets, Tokens):  # of one logit for two classes the first one's is what speaks against it
            return torch.cat([-logits, logits], dim=-1) if logits.shape[-1] == 1 else logits
        if hasattr(self._objective, "conditionals"):  # of labels that are told of each other
            conditionals: Tensor = self._objective.conditionals(logits, labels)
            return conditionals
        forecast = getattr(self._objective, "forecast", None)
        return logits if forecast is None else forecast(logits)[MEDIAN]

    def _decided(
        self, output: Output, step: int | None, batch: Batch, whole: Tensor | None = None
    ) -> tuple[Any, int, Tensor | None]:
        """What is answered for a row, or at a step of it, in words; which of the names that is; labels of `Question`.

        whole: the decisions of all steps, where they are made together.
        """
        with torch.no_grad():
            features = output.features if step is None else output.features[:, step]
            if whole is not None and step is not None:
                decision = whole[step]
            else:
                logits = output.head(features)
                units = batch.views.get(UNITS)
                told = in_the_columns_scale(logits, None if units is None or step is None else units[:, step])
                decision = self._objective.decide(told.float())[0][0]
            labels = decision if hasattr(self._objective, "conditionals") else None
            answers = self._answers(output.head, features, None if labels is None else labels[None])[0]
        if isinstance(self._targets, Tokens):
            column = (
                int(decision) if not decision.is_floating_point() and decision.dim() == 0 else int(answers.argmax())
            )
        else:
            column = 0 if hasattr(self._objective, "forecast") else int(answers.argmax())
        return self._objective.explain(decision.tolist()), column, labels

    def _written(self, batch: Batch, number: int) -> Asked:
        assert self.writer is not None
        source = self.stored.assembly.source
        writing = source.writing
        if self._heard:
            return self._of_heard(batch, number)
        prefix = [] if batch.source is not None else batch.inputs[0, 1 : int(batch.lengths[0])].tolist()
        if self.writer.numbers:
            found = self.writer(batch)
            assert isinstance(found, Tensor)
            first = found.new_zeros(1, 1, found.shape[2])
            read = torch.cat([first, found[:, :-1]], dim=1)
            steps = found.shape[1]
            targets = torch.full_like(found, float("nan"))
            forced = _forced(batch, read.to(batch.inputs.device), targets)
            asked = [self._question(step, step + 1, batch, 0) for step in self._steps(steps, number)]
            predictions = [found[0, one.features].tolist() for one in asked]
            return Asked(forced, asked, predictions, self._read(forced), list(map(str, range(steps))))
        told_ids, ended = self._tokens(batch, prefix)
        ids = source.known(told_ids) if getattr(source, "copied", None) is not None else told_ids
        written = [*ids, *([writing.end] if ended else [])]
        read = torch.tensor([[writing.begin, *written[:-1]]], device=batch.lengths.device)
        forced = _forced(batch, read, torch.full_like(read, IGNORE))
        new = range(len(prefix), len(written))
        asked = [
            self._question(new[step], step + 1, forced, written[new[step]]) for step in self._steps(len(new), number)
        ]
        told = [source.text(told_ids)] * len(asked)
        return Asked(forced, asked, told, self._read(forced), [BEGIN, *source.words(written[:-1])])

    def _tokens(self, batch: Batch, prefix: list[int]) -> tuple[list[int], bool]:
        """The tokens of the text that is asked for, or else of what is written, and whether they end."""
        assert self.writer is not None
        if self.target is not None:
            try:
                return [*prefix, *self.stored.assembly.source.encode_target(self.target)], True
            except DataError as error:
                raise ConfigurationError(f"target: {error}") from error
        found = self.writer(batch, prefix)
        assert not isinstance(found, Tensor)
        return list(found[0][0].ids), found[0][0].ended

    def _of_heard(self, batch: Batch, number: int) -> Asked:
        """The tokens of the likeliest alignment, each where it is heard first."""
        output = self._read(batch)
        assert output.lengths is not None
        writing = self.stored.assembly.source.writing
        logs, lengths = allowed(
            Start(Heard(output.logits(), output.lengths), None, writing)
        )  # as what is heard is decoded
        frames = logs[0, : int(lengths[0])].argmax(-1).tolist()
        blank = self._targets.size
        heard = [
            (frame, token)
            for frame, token in enumerate(frames)
            if token != blank and (frame == 0 or frames[frame - 1] != token)
        ]
        if not heard:
            return Asked(batch, [], [], output)
        text = self.stored.assembly.source.text([token for _, token in heard])
        asked = [
            Question(heard[step][0], heard[step][1], step + 1, self.names[heard[step][1]])
            for step in self._steps(len(heard), number)
        ]
        return Asked(batch, asked, [text] * len(asked), output)


def _names(targets: Any) -> tuple[str, ...]:
    """What each number of an answer is of."""
    return tuple(map(str, targets.names)) or tuple(map(str, range(1, targets.size + 1)))


def _forced(batch: Batch, inputs: Tensor, targets: Tensor) -> Batch:
    """The row with what was written as what its decoder reads."""
    lengths = torch.full((1,), inputs.shape[1], dtype=torch.int64, device=inputs.device)
    return Batch(
        inputs, lengths, targets, source=batch.source, source_lengths=batch.source_lengths, wholes=batch.wholes
    )

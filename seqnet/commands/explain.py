"""`seqnet explain`: which of the things that were read an answer rests on, by integrated gradients."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from seqnet import relations
from seqnet.batch import LAGS, Batch
from seqnet.commands.answers import format_of
from seqnet.commands.attention_maps import words_read
from seqnet.commands.explanations import Explained, pictured, telling
from seqnet.commands.failures import explained
from seqnet.commands.lines import in_words
from seqnet.commands.pictures import Album
from seqnet.commands.predict import inputs_of
from seqnet.commands.questions import Asked, Asking, Question
from seqnet.commands.read_steps import InputScores, first_name, input_scores, with_lags
from seqnet.commands.stored import StoredRun, load
from seqnet.commands.writing import asked_writer
from seqnet.data.read import Read
from seqnet.errors import ConfigurationError, DataError
from seqnet.insight.integrated_gradients import Attribution, integrated_gradients
from seqnet.kinds import Axis
from seqnet.specs import Tokens
from seqnet.terminal import warn

WRITTEN = "written"  # what a decoder reads: what it wrote before
NOTHING = "there is nothing to explain: nothing was read, or nothing is answered"


def run(config: dict[str, Any]) -> int:
    """Explain the answer to every row that is read; the exit code. Raises ConfigurationError and DataError."""
    words = in_words(config)
    stored = load(Path(config["run"]), "best", config["trust"], config["device"], "fp32")
    format = format_of(config["output"], stored.assembly.source, config["input"])
    if format is not None and format.written != "objects":
        raise ConfigurationError(f"output={config['output']}: explanations are lines of JSON; choose a .jsonl")
    explain = Explainer(stored, config)
    drawn = None if config["pictures"] is None else Album(config["pictures"])
    with explained(stored.config, config, rows="max_points"), telling(config["output"], words) as tell:
        for row, (batch, read, problem) in enumerate(_rows(stored, config), 1):
            found: list[Explained] = []
            try:
                found = [] if batch is None else explain(batch, row, read)
            except DataError as error:  # a step that this row does not have
                if config["data"]["on_bad_row"] != "skip":
                    raise
                problem = str(error)
            if not found:
                tell(row, problem or NOTHING)
            for number, one in enumerate(found, 1):
                tell(row, one)
                if drawn is not None:
                    drawn.add(f"{row:04}" if len(found) == 1 else f"{row:04}_{number:03}", [pictured(one)])
    if explain.apart:
        remedy = _remedy(stored.config, config["max_points"])
        warn(
            f"{len(explain.apart):,} of {explain.count:,} explanations add up only to within {max(explain.apart):.1%} "
            f"of the difference, not to tolerance={config['tolerance']:g}: {remedy}"
        )
    return 0


def _remedy(trained: dict[str, Any], points: int) -> str:
    """What may make the scores of an explanation add up."""
    few = relations.lookup(trained, "attention.top_k", None)
    if few is None:
        return f"raise max_points={points}"
    return (
        f"attention.top_k={few} looks at other positions along the way, where the answer jumps, so that no number of "
        "points makes them add up"
    )


def _rows(stored: StoredRun, config: dict[str, Any]) -> Iterator[tuple[Batch | None, Read, str | None]]:
    """Each row that is read: a batch of it alone, what it was made of, or what is wrong with it."""
    for asked in inputs_of(stored, config).asked:
        places = {place: index for index, place in enumerate(asked.places)}
        for place in range(asked.rows):
            if place in places and asked.examples is not None:
                yield asked.examples.batch(torch.tensor([places[place]])), asked.read[place], None
            else:
                yield None, asked.read[place], asked.others.get(place, {}).get("error")


class Explainer:
    """Explains the answers of a run, in double precision where its model computes in it.

    apart: by how large a share of the difference the scores of some explanations miss it; count: of all there are.
    """

    def __init__(self, stored: StoredRun, config: dict[str, Any]) -> None:
        self.apart: list[float] = []
        self.count = 0
        self._stored, self._config = stored, config
        self._model: Any = stored.assembly.model
        self._model.requires_grad_(False).double()
        self._kind = torch.float64
        writer = asked_writer(config, stored)
        self._asking = Asking(stored, config["target"], config["step"], writer)
        self._encoders = self._readers(writes=writer is not None)

    def _readers(self, writes: bool) -> dict[str, nn.Module]:
        """What reads each input. Raises ConfigurationError where a model does not say it."""
        if not callable(getattr(self._model, "encoders", None)):
            raise ConfigurationError(
                f"the model {type(self._model).__name__} does not say what reads its inputs: give it a method "
                "encoders() that returns the module that reads each input, by the input's name, the first one's empty"
            )
        found = dict(self._model.encoders())
        heard = getattr(self._stored.assembly.task, "features", None) is Axis.FRAME
        return found | ({WRITTEN: self._model.inputs} if writes and not heard else {})

    def __call__(self, batch: Batch, row: int, read: Read) -> list[Explained]:
        """An explanation for each number that is asked for. batch: of one row; row: its number; read: as it stood."""
        with torch.backends.cudnn.flags(enabled=False):  # whose backward pass there is in training only
            try:
                return self._explained(batch, row, read)
            except RuntimeError as error:
                if self._kind is torch.float32 or "type" not in str(error):
                    raise
            self._model.float()  # a class of the user's own that knows single precision alone
            self._kind = torch.float32
            return self._explained(batch, row, read)

    def _explained(self, batch: Batch, row: int, read: Read) -> list[Explained]:
        length = batch.lengths if batch.source_lengths is None else batch.source_lengths
        if not int(length[0]):
            return []
        moved = batch.map(lambda one: one.to(self._kind) if one.is_floating_point() else one)
        asked = self._asking(moved.to(self._stored.precision.device), row)
        if not asked.questions:
            return []
        found = integrated_gradients(
            self._asking.numbers(asked.questions),
            asked.batch,
            self._encoders,
            self._config["baseline"],
            self._config["tolerance"],
            self._config["max_points"],
        )
        for one in found:
            self.count += 1
            if not one.complete(self._config["tolerance"]):
                self.apart.append(one.share)
        return [
            self._told(asked, question, prediction, one, read)
            for question, prediction, one in zip(asked.questions, asked.predictions, found, strict=True)
        ]

    def _told(self, asked: Asked, question: Question, prediction: Any, found: Attribution, read: Read) -> Explained:
        attention = asked.output.attention
        weights = None if attention is None or question.features is None else attention[0, :, question.features]
        positions: list[str] = []
        if weights is not None:
            positions = words_read(self._stored.assembly, asked.batch, 0)
            weights = weights[:, : len(positions)].float().cpu()
        inputs = tuple(self._inputs(asked, question, found, read))
        return Explained(question, prediction, found, self._config["baseline"], inputs, weights, tuple(positions))

    def _inputs(self, asked: Asked, question: Question, found: Attribution, read: Read) -> Iterator[InputScores]:
        assembly = self._stored.assembly
        target = getattr(assembly.source, "target", None)
        for name, scores in found.scores.items():
            told = scores * question.scale
            if name == LAGS:
                continue
            lags = found.scores.get(LAGS)
            if lags is not None and question.features is not None and (name or first_name(assembly.source)) == target:
                told = with_lags(lags * question.scale, told, question.features)
            if name == WRITTEN:
                yield self._of_written(asked, question, told)
            else:
                said = read.values.get(name) if name else read.first
                yield input_scores(assembly, asked.batch, name, told, said)

    def _of_written(self, asked: Asked, question: Question, scores: Tensor) -> InputScores:
        """Those of what was written before this step."""
        assert question.features is not None
        end = question.features + 1
        tokens = isinstance(self._stored.assembly.source.targets, Tokens)
        told = scores[:end].float().cpu()
        return InputScores(WRITTEN, asked.written[:end] if tokens else None, told if told.dim() == 1 else told.sum(-1))

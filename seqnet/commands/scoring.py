"""A run's model is scored on a split."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from seqnet.batch import Batch, EvaluationReport
from seqnet.commands.run_state import RunState
from seqnet.commands.samples import samples
from seqnet.commands.signals import StopRequest
from seqnet.commands.watched import Watched
from seqnet.commands.writing import Found, Writer, greedily, writing_of
from seqnet.tasks.class_curves import ClassCurves, tells_curves
from seqnet.training.evaluation import Abandoned, evaluate
from seqnet.training.pieces import Loader


@dataclass(frozen=True)
class Scorer:
    """Scores the model as it is. loaders: of each split; trust: the packages whose classes may be built.

    Ranks that train together score together. An evaluation that is given up is made when the run goes on.
    """

    state: RunState
    loaders: Mapping[str, Loader | None]
    stop: StopRequest
    trust: list[str] | None
    curves: bool = False  # of each class are asked for
    tell: Callable[[str, int, int], None] = lambda split, done, batches: None  # how far it is

    def __call__(self, split: str) -> EvaluationReport:
        """The scores of a split that there is, with samples of the validation. Raises Abandoned."""
        try:
            return self._scored(split)
        except Abandoned as given_up:
            self.stop.exit_code = given_up.code
            raise

    def _scored(self, split: str) -> EvaluationReport:
        began = time.monotonic()
        config, assembly, trainer = self.state.config, self.state.assembly, self.state.trainer
        loader = self.loaders[split]
        assert loader is not None
        batches, write = config["debug"]["evaluation_batches"], self._writer(split)
        most = loader.num_batches(0) if batches is None else min(loader.num_batches(0), batches)
        watched = Watched(loader, lambda done: self.tell(split, done, most))
        given = (assembly.model, assembly.task, watched, trainer.precision, trainer.window, batches, write)
        curves = ClassCurves(assembly.objective) if self.curves and tells_curves(assembly.objective) else None
        ranks = trainer.ranks
        scores, evaluator = evaluate(*given, go_on=self._go_on, choose=split == "valid", report=curves, ranks=ranks)
        calibrate = getattr(evaluator, "calibrate", None)
        if split == "valid" and calibrate is not None and calibrate(assembly.model.head):
            # It is scored with what the output layer has learned of it.
            scores, evaluator = evaluate(*given, go_on=self._go_on, ranks=ranks)
        report = EvaluationReport(
            step=trainer.position.step,
            epoch=trainer.position.epoch,
            split=split,
            scores=scores,
            seconds=time.monotonic() - began,
            confusion=evaluator.confusion(),
            class_names=evaluator.class_names,
            curves=() if curves is None else curves.curves(),
        )
        if split == "valid" and config["observers"]["samples"] and ranks.first:
            report.samples, report.pictures = samples(assembly, loader, trainer.precision, config)
        return report

    def _go_on(self) -> None:
        """Give an evaluation up when the run is to stop."""
        if code := self.stop.exit_code or self.state.trainer.exchange.stopped or self.stop.heard:
            raise Abandoned(code)

    def _writer(self, split: str) -> Callable[[int, Batch], Found] | None:
        """Writes what is scored of free writing, on the validation split greedily; None where nothing of it is."""
        config, assembly = self.state.config, self.state.assembly
        if writing_of(assembly.source) is None or not assembly.task.metrics:
            return None
        decoding = greedily(config["decoding"], self.trust) if split == "valid" else config["decoding"]
        return Writer(assembly, self.state.trainer.precision, decoding, config["seed"], trust=self.trust).of_batch

"""`seqnet train`: read the data, build the model, run the loop, tell the observers, save, score."""

import shlex
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from seqnet import build, fits, folders
from seqnet.batch import StepReport
from seqnet.commands import pretrained, results
from seqnet.commands.continuing import adapted, regroups
from seqnet.commands.data_of_run import digests, read_data
from seqnet.commands.failures import explained
from seqnet.commands.finishing import scored
from seqnet.commands.keeping import Checkpoints
from seqnet.commands.preparing import (
    compare,
    initial_weights,
    make_trainer,
    no_such_score,
    prepare_process,
    rehearse,
)
from seqnet.commands.run_state import Evaluated, RunState
from seqnet.commands.scoring import Scorer
from seqnet.commands.signals import StopRequest
from seqnet.commands.start import (
    Beginning,
    Config,
    adopt,
    begin,
    check_folder,
    check_permission,
    early_stopping,
    passed_over,
)
from seqnet.commands.stored import NOT_A_RUN, assembled, judged, load_weights
from seqnet.commands.telling import description, jump, observers
from seqnet.commands.together import SINGLE, Group, together
from seqnet.configuration import Composed, run_folder
from seqnet.errors import CheckpointError, ConfigurationError, NonFiniteError
from seqnet.observers.memory_report import MemoryReport
from seqnet.observers.run import Run
from seqnet.terminal import say, warn
from seqnet.training import checkpoint
from seqnet.training.evaluation import Abandoned
from seqnet.training.progress import Averages


def run(
    config: Config,
    typed: dict[str, Any],
    choices: dict[str, str],
    defaults: dict[str, Any] | None = None,
    places: Sequence[Path] = (),
) -> int:
    """Train as the configuration says; the exit code. The rest: see `Composed`."""
    return trained(config, typed, choices, defaults, places, StopRequest())[0]


def trained(
    config: Config,
    typed: dict[str, Any],
    choices: dict[str, str],
    defaults: dict[str, Any] | None,
    places: Sequence[Path],
    stopping: StopRequest,
) -> tuple[int, Path]:
    """The same; the exit code and the folder of the run."""
    with stopping as stop, together(config["device"], stop) as group, ExitStack() as stack:
        ranks = group.ranks
        if group.folder is not None:  # they were started again
            config = {**config, "run_dir": group.folder, "resume": "auto"}
        # What is on the disk only the first rank looks at, so that all see the same.
        folder, beginning = ranks.told(lambda: _begun(config, typed, choices, stack))
        if beginning is None:
            return 0, folder
        with explained(beginning.config):
            training = Training(beginning, folder, stop, typed, defaults or {}, places, group)
            return training.run(), training.folder


def _begun(
    config: Config, typed: dict[str, Any], choices: dict[str, str], stack: ExitStack
) -> tuple[Path, Beginning | None]:
    """The folder of the run, held where it is there, and where the run begins; None where it is complete."""
    folder = run_folder(config)
    check_folder(folder)
    if _complete(config, folder, typed, choices):
        return folder, None
    check_permission(folder)
    if folder.is_dir():
        stack.enter_context(folders.held(folder))
    beginning = begin(config, folder, typed, choices)
    if _told_complete(beginning, folder):  # by another process, while this one waited for the folder
        return folder, None
    if beginning.complete and beginning.changed:
        raise ConfigurationError(
            f"{beginning.checkpoint} is complete: {results.reason(beginning.config, beginning.components)}; raise "
            f"that limit too, as nothing is left to train with {next(iter(beginning.changed))} changed"
        )
    return folder, beginning


def _complete(config: Config, folder: Path, typed: dict[str, Any], choices: dict[str, str]) -> bool:
    """Whether a run is complete, told without holding its folder, in which nothing may have to be written."""
    if not (folder / results.FILE).exists():
        return False
    heard: list[str] = []
    try:
        found = begin(config, folder, typed, choices, heard.append)
    except CheckpointError:
        return False  # it is told once the folder is held: another process may go on with the run this very moment
    if found.complete:
        for sentence in heard:
            passed_over(sentence)
    return _told_complete(found, folder)


def _told_complete(found: Beginning, folder: Path) -> bool:
    """Whether there is nothing left to do, which then is told."""
    complete = found.complete and (folder / results.FILE).exists()
    if complete:
        say(
            f"{folder} is complete: {results.reason(found.config, found.components)}; to go on, raise that limit, or "
            "give another run_dir"
        )
    return complete


class Training:
    """One run, from the first batch to the test score."""

    def __init__(
        self,
        beginning: Beginning,
        folder: Path,
        stop: StopRequest,
        typed: Collection[str],
        defaults: dict[str, Any] | None = None,
        places: Sequence[Path] = (),
        group: Group = SINGLE,
    ) -> None:
        """Read the data and build everything; nothing is written yet, so whatever is refused leaves no folder.

        Of several ranks only the first writes and has observers.
        """
        config = self.config = beginning.config
        self.beginning, self.folder, self.stop, self.typed = beginning, folder, stop, typed
        self.group, self.ranks = group, group.ranks
        # What the user typed may name any class; what a checkpoint says is held to what `merge_stored` let pass.
        trust = None if beginning.components is None else [*config["trust"], *build.packages(config)]
        self.observers = (
            observers(config, trust) if self.ranks.first else []
        )  # first: what they import may draw random numbers
        prepare_process(config)
        device = build.device(config["device"])
        source = checked(config, trust, defaults or {}, places)
        initial = initial_weights(config) if config["init_from"] and beginning.components is None else None
        where = str(beginning.checkpoint or config["init_from"])
        with group.in_turn("data") if getattr(source, "kept", False) else nullcontext():
            self.data = read_data(source, config, typed, beginning.components or initial, where)
        vectors = None if beginning.components else pretrained.read(config, source, typed)
        build.check_targets(config, source)
        fits.check(fits.Parts(config, source, trust, places))  # of some data only a file shows what is asked
        if beginning.components is None:
            assembly = build.assemble(config, source, trust)
        else:
            assembly = assembled(config, source, trust, beginning.components, str(beginning.checkpoint))
        remark = None if vectors is None else pretrained.put(assembly.model, vectors, config["model"]["embeddings"])
        self.remarks = () if remark is None else (remark,)
        assembly.model.to(device)
        if initial is not None:
            load_weights(assembly.model, judged(initial), config["init_from"])
        loader = self.data.loaders["train"]
        assert loader is not None
        if initial is None and beginning.components is None and hasattr(assembly.model, "begin_with"):
            assembly.model.begin_with(loader.batches(0))  # type: ignore[operator]
        trainer = make_trainer(config, assembly, loader, device, trust, self.ranks, lambda: stop.heard)
        rehearse(config, assembly, trainer.precision, self.data, trust)
        read = digests(self.data.splits, beginning, folder)
        self.state = RunState(config, assembly, trainer, early_stopping(config), Averages(), read)
        if beginning.components is not None:
            self.state.restore(self._stored(), str(beginning.checkpoint))
            if regroups(beginning.changed):
                trainer.seek()
            compare(beginning.components.get("machine", {}), self.state.machine())
        self.state.check_ranks()
        asked = self.ranks.tell(any(observer.asks_for_curves for observer in self.observers))
        self.score = Scorer(self.state, self.data.loaders, stop, trust, asked, self._tell_scoring)
        self.jump = jump(trainer, beginning.before)

    def _tell_scoring(self, split: str, done: int, batches: int) -> None:
        for observer in self.observers:
            observer.on_scoring(split, done, batches)

    def _stored(self) -> dict[str, Any]:
        """The components to go on with. Raises CheckpointError."""
        stored, changed = self.beginning.components, self.beginning.changed
        assert stored is not None
        if not changed:
            return stored
        try:
            return adapted(stored, self.state.components(), self.config, changed)
        except NOT_A_RUN as error:
            raise CheckpointError(f"{self.beginning.checkpoint} does not fit this run: {error}") from error

    # ------------------------------------------------------------------ the run

    def run(self) -> int:
        """Train until a limit, early stopping or a signal; then score the best. The exit code."""
        if self.data.warning is not None:
            warn(self.data.warning)
        with ExitStack() as stack:
            changed = self.state.components() if self.beginning.changed else None
            if self.ranks.first:
                self._settle(changed, stack)
            self.folder = self.ranks.tell(self.folder)
            for observer in self.observers:
                stack.callback(observer.close)
                observer.on_start(self._description())
            saved = None if self.beginning.components is None else self.state.trainer.position.step
            self.checkpoints = Checkpoints(self.folder, self.state, saved)
            if self.beginning.components is None:
                self.checkpoints.save()
            self.stop.patient = True
            self._evaluate_and_save()  # an evaluation that was given up, when the run was stopped
            for report in self._steps():
                self._after(report)
            self.checkpoints.save()
            if self.stop.exit_code:
                return self._stopped()
            self.stop.patient = False
            try:
                self._finish()
            except Abandoned:  # SLURM's signal
                return self._stopped()
        return 0

    def _settle(self, changed: dict[str, Any] | None, stack: ExitStack) -> None:
        """Make the folder, or hold what it holds to where the run begins. changed: its components, where they are."""
        if not folders.is_held(self.folder):
            self.folder = stack.enter_context(folders.made(self.folder, numbered=not self.config["run_dir"]))
        self.group.works_in(self.folder)
        checkpoint.write_file(self.folder / "config.yaml", OmegaConf.to_yaml(OmegaConf.create(self.config)))
        (self.folder / results.FILE).unlink(missing_ok=True)  # of a shorter run, which this one goes on with
        if self.beginning.checkpoint is not None and self.beginning.components is not None:
            adopt(self.beginning.checkpoint, self.beginning.components, self.folder, changed)

    def _steps(self) -> Iterator[StepReport | None]:
        """The trainer's steps until early stopping or a signal; None for one that was left out."""
        reports = self.state.trainer.steps()
        rewinds = self.config["training"]["on_nonfinite"] == "rewind"
        while not (self.state.stopping.stop or self._asked_to_stop()):
            if rewinds:
                self._remember()
            try:
                report = next(reports)
            except StopIteration:
                return
            except NonFiniteError as error:
                if not (rewinds and error.batches):
                    raise
                self._rewind(error)
                reports = self.state.trainer.steps()
                continue
            self.checkpoints.outdate()
            yield report

    def _asked_to_stop(self) -> bool:
        """Whether all ranks agreed at the last step, or in an evaluation, to stop."""
        self.stop.exit_code = self.stop.exit_code or self.state.trainer.exchange.stopped
        return bool(self.stop.exit_code)

    def _remember(self) -> None:
        """Take a snapshot where a batch begins; running text is left out window by window, so every step begins one."""
        if not self.state.before or self.state.trainer.position.window == 0 or self.data.example.starts is not None:
            self.state.before = [*self.state.before[-1:], self.state.snapshot()]

    def _rewind(self, error: NonFiniteError) -> None:
        """Go back to where the batch began that `error` names, and go on as if it were not in the data.

        When it was the last of its epoch, go back by one batch more, which then is the last.
        """
        state = self.state
        reached = state.trainer.position
        left_out = [*reached.left_out, *error.batches]
        while True:
            state.restore(state.before.pop(), "the snapshot")
            state.trainer.position.left_out, state.trainer.position.seconds = left_out, reached.seconds
            if not state.trainer.epoch_is_over() or not state.before:
                break
        warn(f"went back to step {state.trainer.position.step}, to leave out a batch: {error}")
        self.checkpoints.rewound()
        if state.trainer.position.step < reached.step:
            for observer in self.observers:
                observer.on_rewind(self._description())

    def _after(self, report: StepReport | None) -> None:
        """What is due after a step: log, evaluate, checkpoint, in this order."""
        if report is not None:
            self.state.averages.add(report)
            for observer in self.observers:
                observer.on_step(report)
        if self.state.averages.steps and (self._evaluation_due() or self._every("log_every_steps")):
            self.log()
        self._evaluate_and_save()

    def _every(self, option: str) -> bool:
        return bool(self.state.trainer.position.step % self.config["training"][option] == 0)

    def _evaluation_due(self) -> bool:
        """Whether the weights as they are have to be scored, and were not: now and then, and when training ends."""
        trainer, evaluated = self.state.trainer, self.state.evaluated
        position = trainer.position
        if not position.step or (evaluated is not None and evaluated.step == position.step):
            return False
        if self.config["training"]["evaluate_every_steps"] is None:
            due = not (position.batch or position.window)
        else:
            due = self._every("evaluate_every_steps")
        return due or trainer.finished()

    def _evaluate_and_save(self) -> None:
        """Score the model and write a checkpoint, where they are due."""
        try:
            improved = self._evaluation_due() and self.evaluate()
        except Abandoned:
            return
        step = self.state.trainer.position.step
        if improved or step in self.state.stopping.best_steps or self.checkpoints.due():
            self.checkpoints.save(improved)

    def _stopped(self) -> int:
        for observer in self.observers:
            observer.close()  # so that the progress bar is gone
        if self.ranks.first:
            self.stop.queue_again()
        where = shlex.quote(str(self.folder))
        warn(f"stopped at step {self.state.trainer.position.step}; go on with: seqnet train run_dir={where}")
        self.ranks.tell(None)  # none ends before the first has closed all: who started them would hurry it
        return self.stop.exit_code

    def log(self) -> None:
        """Report training since the last such report."""
        assembly, trainer = self.state.assembly, self.state.trainer
        derived = getattr(assembly.task, "derived", assembly.objective.derived)  # a task that writes has its own
        rate = trainer.optimizer.param_groups[0]["lr"]
        row = self.state.averages.report(trainer.position.step, trainer.position.epoch, rate, derived)
        self.state.averages = Averages()
        self.state.rows += 1
        for observer in self.observers:
            observer.on_training(row)

    def evaluate(self) -> bool:
        """Score the validation split; whether it is the best so far. Without one, the last is the best."""
        if self.data.loaders["valid"] is None:
            return True
        average = self.state.trainer.average
        with nullcontext() if average is None else average.in_place():
            report = self.score("valid")
        stopping = self.state.stopping
        if stopping.monitor not in report.scores:
            raise no_such_score(stopping.monitor)
        value = report.scores[stopping.monitor]
        report.best = stopping.observe(value, report.scores["loss"], report.step)
        if average is not None and average.observe(value) and self.ranks.first:
            say(f"from step {report.step} on the weights are averaged")
        self.state.trainer.schedule.observe(stopping.improved)
        self.state.evaluated = Evaluated.of(report)
        self.state.rows += 1
        self.checkpoints.outdate()
        report.pictures = [*report.pictures, *chain(*(observer.pictures(report) for observer in self.observers))]
        for observer in self.observers:
            observer.on_evaluation(report)
        ended = stopping.stop or self.state.trainer.finished()
        gives_up = self.ranks.tell(any(observer.gives_up for observer in self.observers))  # only the first has any
        stopping.given_up = not ended and gives_up
        return report.best

    def _finish(self) -> None:
        """Score the best checkpoint on the test split, and write results.json. Raises Abandoned."""
        found, reports = scored(self.folder, self.state, self.score)
        if not self.ranks.first:
            return
        for observer in self.observers if "test" in reports else ():
            observer.on_evaluation(reports["test"])
        collected = results.collect(self.state, self.folder, found, reports)
        for observer in self.observers:
            observer.on_end(collected)
        checkpoint.write_file(self.folder / results.FILE, results.as_text(collected))

    def _description(self) -> Run:
        run = description(self.folder, self.beginning, self.state, self.data, self.jump, self.remarks, self.typed)
        return replace(run, tell=self._tell)

    def _tell(self, report: MemoryReport) -> None:
        for observer in self.observers:
            observer.on_memory(report)


def check(composed: Composed) -> None:
    """Refuse what a run of this configuration would be refused with before it reads anything: ConfigurationError."""
    checked(composed.config, None, composed.defaults, composed.places)


def checked(config: Config, trust: Sequence[str] | None, defaults: dict[str, Any], places: Sequence[Path]) -> Any:
    """The source, which has read nothing yet, once all that can be known without reading it is right.

    What an `auto` is in this run is written into the configuration.
    defaults, places: see `Composed`. Raises ConfigurationError.
    """
    build.locate_all(config, trust)
    build.check_options(config, trust)
    source = build.source(config, trust)
    parts = fits.Parts(config, source, trust, places)
    fits.settle(parts)
    fits.check(parts)
    fits.check_idle(parts, defaults)
    return source

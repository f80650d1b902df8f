"""`seqnet train`: read the data, build the model, run the loop, tell the observers, save, score."""

import math
import os
import random
import shlex
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import OmegaConf

from seqnet import build, fits, folders, relations
from seqnet.batch import Batch, EvaluationReport, StepReport
from seqnet.commands import pretrained, results
from seqnet.commands.beginning import (
    Beginning,
    Config,
    adopt,
    begin,
    check_folder,
    check_permission,
    early_stopping,
    limits,
    passed_over,
)
from seqnet.commands.continuing import adapted, regroups
from seqnet.commands.failures import explained
from seqnet.commands.reads import asks, reads
from seqnet.commands.run_state import Evaluated, RunState
from seqnet.commands.samples import runs_on, samples
from seqnet.commands.signals import StopRequest
from seqnet.commands.stored import NOT_A_RUN, assembled, judged, learn_again, load_weights, restore_objective
from seqnet.commands.writing import Writer, decoder, greedily, writing_of
from seqnet.configuration import Composed, run_folder
from seqnet.data import digest
from seqnet.errors import CheckpointError, ConfigurationError, DataError, NonFiniteError
from seqnet.observers.console import Console
from seqnet.observers.metrics_file import MetricsFile
from seqnet.observers.profile import Profile
from seqnet.observers.run import Observer, Run
from seqnet.observers.tensorboard import TensorBoard
from seqnet.options import shown
from seqnet.terminal import say, warn
from seqnet.training import averaging, checkpoint, manifest
from seqnet.training.allocator import keep_freed_memory
from seqnet.training.evaluation import evaluate, evaluating
from seqnet.training.precision import Precision
from seqnet.training.progress import Averages, Scored
from seqnet.training.schedule import ScheduledSampling
from seqnet.training.trainer import Clipping, Loader, Trainer


def run(
    config: Config,
    typed: dict[str, Any],
    choices: dict[str, str],
    defaults: dict[str, Any] | None = None,
    places: Sequence[Path] = (),
) -> int:
    """Train as the configuration says; the exit code. The rest: see `Composed`."""
    folder = run_folder(config)
    check_folder(folder)
    if _complete(config, folder, typed, choices):
        return 0
    check_permission(folder)
    with folders.held(folder) if folder.is_dir() else nullcontext():
        beginning = begin(config, folder, typed, choices)
        if _told_complete(beginning, folder):  # by another process, while this one waited for the folder
            return 0
        if beginning.complete and beginning.changed:
            raise ConfigurationError(
                f"{beginning.checkpoint} is complete: {results.reason(beginning.config, beginning.components)}; raise "
                f"that limit too, as nothing is left to train with {next(iter(beginning.changed))} changed"
            )
        with StopRequest() as stop, explained(beginning.config):
            return Training(beginning, folder, stop, typed, defaults or {}, places).run()


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


SMOOTH = 0.1  # a learning rate that changes by no greater share from one step to the next does not jump


class Abandoned(Exception):
    """An evaluation was given up, because a signal asked the run to stop; it is made when the run goes on."""


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
    ) -> None:
        """Read the data and build everything; nothing is written yet, so whatever is refused leaves no folder."""
        config = self.config = beginning.config
        self.beginning, self.folder, self.stop, self.typed = beginning, folder, stop, typed
        _prepare_process(config)
        self.device = build.device(config["device"])
        # What the user typed may name any class; what a checkpoint says is held to what `merge_stored` let pass.
        trust = None if beginning.components is None else [*config["trust"], *build.packages(config)]
        self.trust = trust
        source = checked(config, trust, defaults or {}, places)
        initial = _initial_weights(config) if config["init_from"] and beginning.components is None else None
        self._read(source, beginning.components or initial)
        vectors = None if beginning.components else pretrained.read(config, source, typed)
        build.check_targets(config, source)
        fits.check(fits.Parts(config, source, trust, places))  # of some data only a file shows what is asked
        if beginning.components is None:
            assembly = build.assemble(config, source, trust)
        else:
            assembly = assembled(config, source, trust, beginning.components, str(beginning.checkpoint))
        self.remarks = (
            [] if vectors is None else [pretrained.put(assembly.model, vectors, config["model"]["embeddings"])]
        )
        self.model = assembly.model.to(self.device)
        if initial is not None:
            load_weights(self.model, judged(initial), config["init_from"])
        trainer = self._trainer(assembly, trust)
        self._rehearse(assembly, trainer.precision)
        self.state = RunState(config, assembly, trainer, early_stopping(config), Averages(), self._digests())
        if beginning.components is not None:
            self.state.restore(self._stored(), str(beginning.checkpoint))
            if regroups(beginning.changed):
                trainer.seek()
            _compare(beginning.components.get("machine", {}), self.state.machine())
        self.jump = self._jump()
        self.observers = self._observers()
        # The step of the checkpoint that holds the state as it is.
        self.saved: int | None = None if beginning.components is None else trainer.position.step
        self.last_saved = time.monotonic()

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

    def _read(self, source: Any, learned: dict[str, Any] | None) -> None:
        """Tell the source what it `learned` before, or let it learn; its splits and their loaders. Raises DataError."""
        if learned is not None:
            learn_again(source, learned, str(self.beginning.checkpoint or self.config["init_from"]))
        else:
            source.fit()
        self.splits = {name: source.split(name) for name in ("train", "valid", "test")}
        self.loaders = {
            name: build.loader(self.config, split, training=name == "train") for name, split in self.splits.items()
        }
        train = self.loaders["train"]
        if train is None or not train.num_batches(0):
            raise DataError("the training split holds nothing to train on")
        if self.config["debug"]["one_batch"]:
            self.loaders["valid"] = train
        options = self.config["training"]
        first = next(iter(train.batches(0)))
        self.example = next(first.windows(options["window"], options["stride"]))
        self._check_warmup(train, first)

    def _check_warmup(self, loader: Loader, first: Batch) -> None:
        """Refuse a warm-up that was typed and is longer than the training; of an experiment's, it is to be said.

        Of epochs the steps are known where all batches have as many windows as the first.
        """
        options, warmup = self.config["training"], relations.lookup(self.config, "schedule.warmup_steps", 0)
        steps = options["max_steps"]
        if warmup and options["max_epochs"] is not None and (options["window"] is None or first.starts is not None):
            windows, of_epochs = sum(1 for _ in first.windows(options["window"], options["stride"])), 0
            for epoch in range(options["max_epochs"]):
                of_epochs += -(-windows * loader.num_batches(epoch) // options["accumulate"])
                if of_epochs >= warmup:
                    break
            steps = of_epochs if steps is None else min(steps, of_epochs)
        sentence = relations.long_warmup(self.config, steps)
        if sentence is not None and "schedule.warmup_steps" in self.typed:
            raise ConfigurationError(sentence)
        self.warning = sentence

    def _digests(self) -> dict[str, str]:
        """A digest of each split. Raises DataError where a run that goes on would read other files than it did before.

        That a set which is made by a program, and by no file of the user's, comes out otherwise is told and no more.
        """
        found = {name: digest.of_split(split) for name, split in self.splits.items() if split is not None}
        if self.beginning.components is None:
            return found
        before = self.beginning.components.get("read")
        if not isinstance(before, dict) or not isinstance(before.get("train"), str):
            raise CheckpointError(f"{self.beginning.checkpoint} does not say what data the run has read")
        for name in self.splits:
            if found.get(name) == before.get(name):
                continue
            where = relations.lookup(self.config, "data.path", None) or self.config["groups"]["data"]
            told = f"the {name} split of {where}"
            if "path" in self.config["data"]:
                raise DataError(
                    f"{told} is not what this run has read so far: it was edited, cut, reordered or split otherwise; "
                    "put it back, or give another run_dir, which may begin from this run's weights with "
                    f"init_from={shlex.quote(str(self.folder))}"
                )
            warn(f"{told} is made otherwise than when this run began: another version made it")
        return found

    def _trainer(self, assembly: build.Assembly, trust: list[str] | None) -> Trainer:
        """The loop, at its first step."""
        config, options, loader = self.config, self.config["training"], self.loaders["train"]
        assert loader is not None
        return Trainer(
            self.model,
            assembly.task,
            loader,
            build.optimizer(config, self.model, trust),
            build.make(config["schedule"], trust),
            Precision(config["precision"], self.device),
            limits(config),
            Clipping(options["clip_norm"], options["clip_value"]),
            window=options["window"],
            stride=options["stride"],
            accumulate=options["accumulate"],
            on_nonfinite=options["on_nonfinite"],
            sampling=ScheduledSampling(options["scheduled_sampling"], options["sampling_schedule"]),
            ema_decay=options["ema_decay"],
        )

    def _rehearse(self, assembly: build.Assembly, precision: Precision) -> None:
        """Find out now what cannot work."""
        assembly.task.judge()
        if writing_of(assembly.source) is not None:
            Writer(assembly, precision, self.config["decoding"], self.config["seed"], trust=self.trust)
        elif runs_on(assembly.source):
            decoder(self.config["decoding"], assembly.source, self.trust)
        if getattr(assembly.objective, "chooses", False) and self.loaders["valid"] is None:
            raise ConfigurationError(
                "objective.threshold=chosen is chosen on the validation split, and this data has none: hold one out "
                "with data.valid_share, or set a number"
            )
        assembly.task.count(self.example)
        with evaluating(self.model), precision.autocast():
            self.model(self.example.to(self.device), None)

    def _jump(self) -> tuple[float, float] | None:
        """The learning rates of the last step and the next, where limits that changed in between set them apart."""
        trainer, before = self.state.trainer, self.beginning.before
        if before is None or not trainer.position.step:
            return None
        last, now = trainer.optimizer.param_groups[0]["lr"], trainer.next_rate(trainer.limits)
        same = now == trainer.next_rate(before) or math.isclose(last, now, rel_tol=SMOOTH)
        return None if same else (last, now)

    # ------------------------------------------------------------------ the run

    def run(self) -> int:
        """Train until a limit, early stopping or a signal; then score the best. The exit code."""
        if self.warning is not None:
            warn(self.warning)
        with ExitStack() as stack:
            if not folders.is_held(self.folder):
                self.folder = stack.enter_context(folders.made(self.folder, numbered=not self.config["run_dir"]))
            checkpoint.write_file(self.folder / "config.yaml", OmegaConf.to_yaml(OmegaConf.create(self.config)))
            (self.folder / results.FILE).unlink(missing_ok=True)  # of a shorter run, which this one goes on with
            if self.beginning.checkpoint is not None and self.beginning.components is not None:
                changed = self.state.components() if self.beginning.changed else None
                adopt(self.beginning.checkpoint, self.beginning.components, self.folder, changed)
            for observer in self.observers:
                stack.callback(observer.close)
                observer.on_start(self._description())
            if self.beginning.components is None:
                self.save()
            self.stop.patient = True
            self._evaluate_and_save()  # an evaluation that was given up, when the run was stopped
            for report in self._steps():
                self._after(report)
            self.save()
            if self.stop.exit_code:
                return self._stopped()
            self.stop.patient = False
            try:
                self._finish()
            except Abandoned:  # SLURM's signal
                return self._stopped()
        return 0

    def _steps(self) -> Iterator[StepReport | None]:
        """The trainer's steps until early stopping or a signal; None for one that was left out."""
        reports = self.state.trainer.steps()
        rewinds = self.config["training"]["on_nonfinite"] == "rewind"
        while not (self.state.stopping.stop or self.stop.exit_code):
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
            self.saved = None
            yield report

    def _remember(self) -> None:
        """Take a snapshot where a batch begins; running text is left out window by window, so every step begins one."""
        if not self.state.before or self.state.trainer.position.window == 0 or self.example.starts is not None:
            self.state.before = [*self.state.before[-1:], self.state.snapshot()]

    def _rewind(self, error: NonFiniteError) -> None:
        """Go back to where the batch began that `error` names, and go on as if it were not in the data.

        When it was the last of its epoch, go back by one batch more, which then is the last.
        """
        state, folder = self.state, self.folder / "checkpoints"
        reached = state.trainer.position
        left_out = [*reached.left_out, *error.batches]
        while True:
            state.restore(state.before.pop(), "the snapshot")
            state.trainer.position.left_out, state.trainer.position.seconds = left_out, reached.seconds
            if not state.trainer.epoch_is_over() or not state.before:
                break
        warn(f"went back to step {state.trainer.position.step}, to leave out a batch: {error}")
        self.saved = None
        self.save()
        checkpoint.remove_after(folder, state.trainer.position.step)
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
        if improved or step in self.state.stopping.best_steps or self._checkpoint_due(step):
            self.save(improved)

    def _stopped(self) -> int:
        for observer in self.observers:
            observer.close()  # so that the progress bar is gone
        self.stop.queue_again()
        where = shlex.quote(str(self.folder))
        warn(f"stopped at step {self.state.trainer.position.step}; go on with: seqnet train run_dir={where}")
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
        if self.loaders["valid"] is None:
            return True
        average = self.state.trainer.average
        with nullcontext() if average is None else average.in_place():
            report = self._evaluation("valid")
        stopping = self.state.stopping
        report.best = stopping.observe(report.scores[stopping.monitor], report.scores["loss"], report.step)
        self.state.trainer.schedule.observe(stopping.improved)
        self.state.evaluated = Evaluated.of(report)
        self.state.rows += 1
        self.saved = None
        for observer in self.observers:
            observer.on_evaluation(report)
        return report.best

    def _evaluation(self, split: str) -> EvaluationReport:
        began = time.monotonic()
        config, assembly, trainer = self.config, self.state.assembly, self.state.trainer
        loader = self.loaders[split]
        assert loader is not None
        batches = config["debug"]["evaluation_batches"]
        write = self._writer(assembly, trainer.precision, split)
        scores, judge = evaluate(
            self.model,
            assembly.task,
            loader,
            trainer.precision,
            trainer.window,
            batches,
            write,
            self._go_on,
            split == "valid",
        )
        report = EvaluationReport(
            step=trainer.position.step,
            epoch=trainer.position.epoch,
            split=split,
            scores=scores,
            seconds=time.monotonic() - began,
            confusion=judge.confusion(),
            class_names=judge.class_names,
        )
        if split == "valid" and config["observers"]["samples"]:
            report.samples, report.attention = samples(assembly, loader, trainer.precision, config)
        return report

    def _go_on(self) -> None:
        """Give an evaluation up when the run is to stop."""
        if self.stop.exit_code:
            raise Abandoned

    def _writer(self, assembly: build.Assembly, precision: Precision, split: str) -> Writer | None:
        """Writes what is scored of free writing, on the validation split greedily; None where nothing of it is."""
        config = self.config
        if writing_of(assembly.source) is None or not assembly.task.metrics:
            return None
        decoding = greedily(config["decoding"]) if split == "valid" else config["decoding"]
        return Writer(assembly, precision, decoding, config["seed"], trust=self.trust)

    # ------------------------------------------------------------- what is kept

    def _checkpoint_due(self, step: int) -> bool:
        steps, minutes = self.config["checkpoint"]["every_steps"], self.config["checkpoint"]["every_minutes"]
        if steps is not None and step % steps == 0:
            return True
        return minutes is not None and time.monotonic() - self.last_saved >= minutes * 60

    def save(self, best: bool = False) -> None:
        """Write a checkpoint of everything that the run needs to go on, unless it is written already."""
        folder, step = self.folder / "checkpoints", self.state.trainer.position.step
        written = checkpoint.named(folder, step)
        if self.saved != step:
            checkpoint.write(folder, step, self.state.components())
            checkpoint.link(folder, "last", written)
            self.saved, self.last_saved = step, time.monotonic()
        if best:
            checkpoint.link(folder, "best", written)
        remembered = [step for snapshot in self.state.before for _, step in snapshot["early_stopping"]["best"]]
        best_steps = [*self.state.stopping.best_steps, *remembered]
        checkpoint.prune(folder, self.config["checkpoint"]["keep"], best_steps)

    def _finish(self) -> None:
        """Score the best checkpoint on the test split, and write results.json."""
        best = manifest.find(self.folder, "best")
        components = judged(checkpoint.read(best))
        load_weights(self.model, components, str(best))
        restore_objective(self.state.assembly.objective, components, str(best))
        scored = {"valid": self._evaluation("valid")} if self.loaders["valid"] is not None else {}
        found: dict[str, Any] = {"step": manifest.step_of(best)}
        if self.config["checkpoint"]["average_best"]:
            found = self._average(components, scored) or found
        if self.loaders["test"] is not None:
            scored["test"] = self._evaluation("test")
            for observer in self.observers:
                observer.on_evaluation(scored["test"])
        collected = results.collect(self.state, self.folder, found, scored)
        for observer in self.observers:
            observer.on_end(collected)
        checkpoint.write_file(self.folder / results.FILE, results.as_text(collected))

    def _average(self, best: dict[str, Any], scored: dict[str, EvaluationReport]) -> dict[str, Any] | None:
        """Put the mean of the best checkpoints' weights in the place of the best one, where it is better."""
        folder, stopping = self.folder / "checkpoints", self.state.stopping
        there = [path for step in stopping.best_steps if (path := checkpoint.named(folder, step)).is_dir()]
        if len(there) < 2:
            return None
        weights = averaging.mean([judged(checkpoint.read(path))["parameters"] for path in there])
        averaged = {**best, "parameters": weights, "ema": {}}
        load_weights(self.model, averaged, "the average")
        report = self._evaluation("valid")
        averages, single = (
            Scored(each.scores[stopping.monitor], each.scores["loss"], each.step) for each in (report, scored["valid"])
        )
        if not stopping.prefers(averages, single):
            load_weights(self.model, best, "the best checkpoint")
            restore_objective(self.state.assembly.objective, best, "the best checkpoint")
            return None
        scored["valid"] = report
        averaged["objective"] = self.state.components()["objective"]
        steps = sorted(map(manifest.step_of, there))
        written = checkpoint.write(folder, steps[-1], averaged, manifest.AVERAGED)
        checkpoint.link(folder, "best", written)
        return {"step": steps[-1], "averaged_steps": steps}

    # ------------------------------------------------------------- who is told

    def _observers(self) -> list[Observer]:
        wanted = self.config["observers"]
        observers: list[Observer] = [MetricsFile()]
        if wanted["tensorboard"]:
            observers.append(TensorBoard())
        if wanted["console"]:
            observers.append(Console())
        if self.config["debug"]["profile"]:
            observers.append(Profile())
        return observers

    def _changes(self) -> Iterator[str]:
        """What is changed against the run that this one goes on with, and what follows from it."""
        changed, position = self.beginning.changed, self.state.trainer.position
        for key, (before, now) in changed.items():
            yield f"{key}: {shown(before)} -> {shown(now)}"
        if regroups(changed) and (position.batch or position.window):
            yield (
                f"epoch {position.epoch + 1} goes on at {position.share:.1%} in other batches, without carried state: "
                "some of its rows may be read twice or not at all"
            )
        if "training.monitor" in changed:
            yield "the best checkpoint is chosen among those to come"

    def _description(self) -> Run:
        trainer = self.state.trainer
        return Run(
            folder=self.folder,
            config=self.config,
            experiment=self.config["groups"]["experiment"],
            model=self.model,
            example=self.example.to(self.device),
            step=trainer.position.step,
            evaluated=-1 if self.state.evaluated is None else self.state.evaluated.step,
            max_steps=trainer.limits.max_steps,
            max_epochs=trainer.limits.max_epochs,
            max_minutes=trainer.limits.max_minutes,
            parameters=sum(parameter.numel() for parameter in self.model.parameters()),
            splits={name: len(split) for name, split in self.splits.items() if split is not None},
            device=str(self.device),
            monitor=self.state.stopping.monitor,
            minutes=trainer.position.seconds / 60,
            notes=(*(told() if (told := getattr(self.state.assembly.source, "remarks", None)) else ()), *self.remarks),
            resumed=self.beginning.components is not None,
            changed=tuple(self._changes()),
            log_file=self.folder / "train.log",
            reads=tuple(reads(self.state.assembly)),
            asks=asks(self.state.assembly.source),
            rows=self.state.rows,
            jump=self.jump,
        )


def check(composed: Composed) -> None:
    """Refuse what a run of this configuration would be refused with before it reads anything: ConfigurationError."""
    checked(composed.config, None, composed.defaults, composed.places)


def checked(config: Config, trust: Sequence[str] | None, defaults: dict[str, Any], places: Sequence[Path]) -> Any:
    """The source, which has read nothing yet, once all that can be known without reading it is right.

    defaults, places: see `Composed`. Raises ConfigurationError.
    """
    build.locate_all(config, trust)
    build.check_options(config, trust)
    source = build.source(config, trust)
    parts = fits.Parts(config, source, trust, places)
    fits.check(parts)
    fits.check_idle(parts, defaults)
    return source


def _prepare_process(config: Config) -> None:
    """Seeds, threads, memory and determinism, before anything is built."""
    keep_freed_memory()
    random.seed(config["seed"])
    np.random.seed(config["seed"] % 2**32)
    torch.manual_seed(config["seed"])
    if config["threads"]:
        torch.set_num_threads(config["threads"])
    if config["deterministic"]:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS refuses to be deterministic
        torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(config["deterministic"])


def _initial_weights(config: Config) -> Any:
    """The checkpoint that `init_from` names: its weights, and the vocabulary that they belong to."""
    found = manifest.find(Path(config["init_from"]))
    components = checkpoint.read(found)
    try:
        theirs, own = components["config"]["data"]["_target_"], config["data"]["_target_"]
        components["data"]  # noqa: B018  is asked for later
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"{found} does not hold what a run can start from ({error!r})") from error
    if theirs != own:
        raise ConfigurationError(f"init_from={config['init_from']} was trained on {theirs}, and this run reads {own}")
    return components


def _compare(before: dict[str, Any], now: dict[str, Any]) -> None:
    """Say where a run goes on under conditions that change its last digits."""
    differing = [f"{key}={now[key]} (was {before[key]})" for key in now if before.get(key, now[key]) != now[key]]
    if differing:
        warn(f"goes on with {', '.join(differing)}: the last digits may differ from a run that was not stopped")

"""`seqnet train`: read the data, build the model, run the loop, tell the observers, save, score."""

import json
import random
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import OmegaConf

from seqnet import __version__, build
from seqnet.batch import EvaluationReport, StepReport
from seqnet.commands.samples import samples
from seqnet.commands.signals import StopRequest
from seqnet.commands.stored import load_weights
from seqnet.configuration import merge_stored, run_folder
from seqnet.errors import CheckpointError, ConfigurationError, DataError, OutOfMemory
from seqnet.observers.console import Console
from seqnet.observers.metrics_file import MetricsFile
from seqnet.observers.profile import Profile
from seqnet.observers.run import Run
from seqnet.observers.tensorboard import TensorBoard
from seqnet.state import leaves, with_leaves
from seqnet.training import checkpoint
from seqnet.training.evaluation import evaluate
from seqnet.training.precision import Precision
from seqnet.training.progress import Averages, Stopping
from seqnet.training.trainer import Clipping, Limits, Position, Trainer

Config = dict[str, Any]


def run(config: Config, typed: dict[str, Any], choices: dict[str, str]) -> int:
    """Train as the configuration says; the exit code. typed: the overrides as the user gave them."""
    folder = run_folder(config)
    config, components = _begin(config, folder, typed, choices)
    if components is not None and _complete(config, components, folder):
        print(f"{folder} is complete: {components['counters']['step']} steps; to go on, raise training.max_epochs "
              "or training.max_steps, or give another run_dir")
        return 0
    with _memory_errors(config):
        return Training(config, folder, components).run()


def _begin(config: Config, folder: Path, typed: dict[str, Any], choices: dict[str, str]) -> tuple[Config, Any]:
    """The configuration to run and the checkpoint to go on from, if there is one."""
    resume, stored = config["resume"], folder / "checkpoints"
    holds_run = bool(checkpoint.existing(stored)) or (folder / "config.yaml").exists()
    if resume == "auto":
        found = checkpoint.newest(stored, lambda sentence: print(f"seqnet: passed over: {sentence}", file=sys.stderr))
        if found is None:
            return config, None
        components = found[1]
    elif holds_run:
        raise ConfigurationError(f"run_dir: {folder} holds a run already; give another run_dir, or resume=auto")
    elif resume == "never":
        return config, None
    else:
        path = Path(resume)
        components = checkpoint.read(checkpoint.find(path, "last"))
        folder.mkdir(parents=True, exist_ok=True)
        rows = (path if path.name != "checkpoints" else path.parent) / "metrics.jsonl"
        rows = rows if rows.exists() else path.parent.parent / "metrics.jsonl"
        if rows.exists():
            shutil.copyfile(rows, folder / "metrics.jsonl")
    return merge_stored(config, components["config"], typed, choices), components


def _complete(config: Config, components: Any, folder: Path) -> bool:
    """Whether nothing is left to do: a limit is reached or it stopped early, and the scores are written."""
    stopping = Stopping(config["training"]["monitor"], config["training"]["patience"])
    stopping.restore(components["early_stopping"])
    counters = components["counters"]
    reached = _limits(config).reached(
        counters["step"], components["data_position"]["epoch"], counters["seconds"] / 60
    )
    return (reached or stopping.stop) and (folder / "results.json").exists()


def _limits(config: Config) -> Limits:
    training = config["training"]
    return Limits(training["max_steps"], training["max_epochs"], training["max_minutes"])


class Training:
    """One run, from the first batch to the test score."""

    def __init__(self, config: Config, folder: Path, components: Any) -> None:
        self.config, self.folder, self.resumed = config, folder, components is not None
        _prepare_process(config)
        options = config["training"]
        self.device = build.device(config["device"])
        source = build.source(config)
        initial = _initial_weights(config) if config["init_from"] and components is None else None
        learned = components or initial
        if learned is not None:
            source.restore(learned["data"])
        else:
            source.fit()
        self.splits = {name: source.split(name) for name in ("train", "valid", "test")}
        self.loaders = {
            name: build.loader(config, split, training=name == "train") for name, split in self.splits.items()
        }
        train = self.loaders["train"]
        if train is None or not train.num_batches(0):
            raise DataError("the training split holds nothing to train on")
        if config["debug"]["one_batch"]:
            self.loaders["valid"] = train
        self.assembly = build.assemble(config, source)
        model = self.assembly.model.to(self.device)
        if initial is not None:
            load_weights(model, initial, config["init_from"])
        self.precision = Precision(config["precision"], self.device)
        self.schedule = build.make(config["schedule"])
        self.optimizer = build.optimizer(config, model)
        self.trainer = Trainer(
            model,
            self.assembly.task,
            train,
            self.optimizer,
            self.schedule,
            self.precision,
            _limits(config),
            Clipping(options["clip_norm"], options["clip_value"]),
            window=options["window"],
            stride=options["stride"],
            accumulate=options["accumulate"],
            on_nonfinite=options["on_nonfinite"],
        )
        self.averages = Averages()
        self.stopping = Stopping(options["monitor"], options["patience"])
        if components is not None:
            self._restore(components)
        self.last_evaluation: EvaluationReport | None = None
        self.last_saved = time.monotonic()

    # ------------------------------------------------------------------ the run

    def run(self) -> int:
        """Train until a limit, early stopping or a signal; then score the best. The exit code."""
        config, trainer, folder = self.config, self.trainer, self.folder
        folder.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(config, folder / "config.yaml")
        every, log_every = config["training"]["evaluate_every_steps"], config["training"]["log_every_steps"]
        with ExitStack() as stack:
            self.observers = self._observers()
            for observer in self.observers:
                stack.callback(observer.close)
            for observer in self.observers:
                observer.on_start(self._description())
            stop = stack.enter_context(StopRequest())
            if not self.resumed:
                self.save()
            for report in self._steps():
                self.averages.add(report)
                for observer in self.observers:
                    observer.on_step(report)
                due = report.end_of_epoch if every is None else report.step % every == 0
                if due or report.step % log_every == 0:
                    self.log(report)
                improved = due and self.evaluate()
                if improved or self._checkpoint_due(report):
                    self.save(improved)
                if stop.exit_code:
                    self.save()
                    print(f"seqnet: stopped at step {report.step}; go on with: seqnet train run_dir={folder}",
                          file=sys.stderr)
                    return stop.exit_code
            if self.last_evaluation is None or self.last_evaluation.step != trainer.position.step:
                self.save(self.evaluate())
            elif checkpoint.existing(folder / "checkpoints")[0].name != f"step_{trainer.position.step:08d}":
                self.save()
            results = self._results()
            for observer in self.observers:
                observer.on_end(results)
        return 0

    def _steps(self) -> Iterator[StepReport]:
        """The trainer's steps until early stopping."""
        if self.stopping.stop:
            return
        for report in self.trainer.steps():
            yield report
            if self.stopping.stop:
                return

    def log(self, report: StepReport) -> None:
        """Report training since the last such report."""
        row = self.averages.report(report, self.assembly.objective.derived)
        self.averages = Averages()
        for observer in self.observers:
            observer.on_training(row)

    def evaluate(self) -> bool:
        """Score the validation split; whether it is the best so far. Without one, the last is the best."""
        loader = self.loaders["valid"]
        if loader is None:
            return True
        report = self._evaluation("valid", loader)
        monitor = self.stopping.monitor
        if monitor not in report.scores:
            raise ConfigurationError(
                f"training.monitor={monitor}, but this run is scored by {', '.join(report.scores)}"
            )
        report.best = self.stopping.observe(report.scores[monitor], report.step)
        self.schedule.observe(report.best)
        self.last_evaluation = report
        for observer in self.observers:
            observer.on_evaluation(report)
        return report.best

    def _evaluation(self, split: str, loader: Any) -> EvaluationReport:
        began = time.monotonic()
        assembly, config = self.assembly, self.config
        scores, judge = evaluate(
            assembly.model,
            assembly.task,
            loader,
            self.precision,
            config["training"]["window"],
            config["debug"]["evaluation_batches"],
        )
        report = EvaluationReport(
            step=self.trainer.position.step,
            epoch=self.trainer.position.epoch,
            split=split,
            scores=scores,
            seconds=time.monotonic() - began,
            confusion=judge.confusion(),
            class_names=judge.class_names,
        )
        if split == "valid" and config["observers"]["samples"]:
            report.samples = samples(assembly, loader, self.precision, config)
        return report

    # ------------------------------------------------------------- what is kept

    def _checkpoint_due(self, report: StepReport) -> bool:
        steps, minutes = self.config["checkpoint"]["every_steps"], self.config["checkpoint"]["every_minutes"]
        if steps is not None and report.step % steps == 0:
            return True
        return minutes is not None and time.monotonic() - self.last_saved >= minutes * 60

    def save(self, best: bool = False) -> None:
        """Write a checkpoint of everything that the run needs to go on."""
        trainer, model, position = self.trainer, self.assembly.model, self.trainer.position
        carried = leaves(trainer.state)
        components = {
            "parameters": dict(model.named_parameters()),
            "buffers": dict(model.named_buffers()),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state(),
            "scaler": self.precision.scaler.state_dict(),
            "rng": _random_states(),
            "data_position": {
                "epoch": position.epoch,
                "batch": position.batch,
                "window": position.window,
                "share": position.share,
            },
            "carried_state": {"rows": len(carried[0]) if carried else 0, "tensors": carried},
            "metrics": asdict(self.averages),
            "early_stopping": self.stopping.state(),
            "counters": {"step": position.step, "skipped": position.skipped, "seconds": position.seconds},
            "config": self.config,
            "data": self.assembly.source.state(),
        }
        folder = self.folder / "checkpoints"
        written = checkpoint.write(folder, position.step, components)
        checkpoint.link(folder, "last", written)
        if best:
            checkpoint.link(folder, "best", written)
        checkpoint.prune(folder, self.config["checkpoint"]["keep"])
        self.last_saved = time.monotonic()

    def _restore(self, components: Any) -> None:
        """Put back what `save` wrote. Raises CheckpointError where it does not fit."""
        trainer, model = self.trainer, self.assembly.model
        load_weights(model, components, str(self.folder))
        try:
            self.optimizer.load_state_dict(components["optimizer"])
            self.schedule.restore(components["schedule"])
            self.precision.scaler.load_state_dict(components["scaler"])
            trainer.position = Position(**components["data_position"], **components["counters"])
            carried = components["carried_state"]
            if carried["rows"]:
                template = model.initial_state(carried["rows"])  # type: ignore[operator]
                trainer.state = with_leaves(template, [tensor.to(self.device) for tensor in carried["tensors"]])
            self.averages = Averages(**components["metrics"])
            self.stopping.restore(components["early_stopping"])
            _set_random_states(components["rng"])
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"the checkpoint of {self.folder} does not fit this model: {error}") from error

    def _results(self) -> dict[str, Any]:
        """Score the best checkpoint on the test split, and write results.json."""
        folder, position = self.folder, self.trainer.position
        best = checkpoint.find(folder, "best")
        load_weights(self.assembly.model, checkpoint.read(best), str(best))
        results: dict[str, Any] = {
            "experiment": self.config["groups"]["experiment"],
            "monitor": self.stopping.monitor,
            "reason": self._reason(),
            "steps": position.step,
            "epochs": position.epoch,
            "best": {"step": int(best.name[5:])},
            "last": {"step": position.step},
        }
        if self.last_evaluation is not None:
            results["last"] |= self.last_evaluation.scores
        for split, key in (("valid", "best"), ("test", "test")):
            loader = self.loaders[split]
            if loader is not None:
                report = self._evaluation(split, loader)
                results.setdefault(key, {}).update(report.scores)
                if split == "test":
                    for observer in self.observers:
                        observer.on_evaluation(report)
                elif report.samples:
                    results["sample"] = report.samples[0]
        results |= {
            "parameters": sum(parameter.numel() for parameter in self.assembly.model.parameters()),
            "seconds": round(position.seconds, 1),
            "skipped_steps": position.skipped,
            "bad_rows": int(getattr(self.assembly.source, "bad_rows", 0)),
            "device": str(self.device),
            "threads": torch.get_num_threads(),
            "versions": {"seqnet": __version__, **{name: version(name) for name in ("torch", "hydra-core", "torchmetrics")}},
            "next": self._next_commands(),
        }
        (folder / "results.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
        return results

    def _reason(self) -> str:
        if self.stopping.stop:
            return f"stopped early: {self.stopping.waited} evaluations without a better {self.stopping.monitor}"
        position, limits = self.trainer.position, self.trainer.limits
        for name, value, limit in (
            ("max_steps", position.step, limits.max_steps),
            ("max_epochs", position.epoch, limits.max_epochs),
            ("max_minutes", position.seconds / 60, limits.max_minutes),
        ):
            if limit is not None and value >= limit:
                return f"training.{name}={limit} reached"
        return "ended"

    def _next_commands(self) -> list[str]:
        asks = "generate run={0}" if self.loaders["test"] is None else "predict run={0} input=FILE"
        return [
            f"seqnet {asks.format(self.folder)}",
            f"seqnet evaluate run={self.folder} split={'valid' if self.loaders['test'] is None else 'test'}",
            f"tensorboard --logdir {self.folder.parent}",
        ]

    # ------------------------------------------------------------- who is told

    def _observers(self) -> list[Any]:
        wanted, observers = self.config["observers"], [MetricsFile()]
        if wanted["tensorboard"]:
            observers.append(TensorBoard())
        if wanted["console"]:
            observers.append(Console())
        if self.config["debug"]["profile"]:
            observers.append(Profile())
        return observers

    def _description(self) -> Run:
        limits = self.trainer.limits
        example = next(iter(self.loaders["train"].batches(0)))  # type: ignore[union-attr]
        return Run(
            folder=self.folder,
            config=self.config,
            experiment=self.config["groups"]["experiment"],
            model=self.assembly.model,
            example=next(iter(example.windows(self.trainer.window))).to(self.device),
            step=self.trainer.position.step,
            max_steps=limits.max_steps,
            max_epochs=limits.max_epochs,
            max_minutes=limits.max_minutes,
            parameters=sum(parameter.numel() for parameter in self.assembly.model.parameters()),
            splits={name: len(split) for name, split in self.splits.items() if split is not None},
            device=str(self.device),
            monitor=self.stopping.monitor,
            minutes=self.trainer.position.seconds / 60,
            resumed=self.resumed,
            log_file=self.folder / "train.log",
        )


def _prepare_process(config: Config) -> None:
    """Seeds, threads and determinism, before anything is built."""
    random.seed(config["seed"])
    np.random.seed(config["seed"])
    torch.manual_seed(config["seed"])
    if config["threads"]:
        torch.set_num_threads(config["threads"])
    if config["deterministic"]:
        torch.use_deterministic_algorithms(True)
        torch.backends.cudnn.benchmark = False


def _initial_weights(config: Config) -> Any:
    """The checkpoint that `init_from` names: its weights, and the vocabulary that they belong to."""
    components = checkpoint.read(checkpoint.find(Path(config["init_from"])))
    theirs, own = components["config"]["data"]["_target_"], config["data"]["_target_"]
    if theirs != own:
        raise ConfigurationError(f"init_from={config['init_from']} was trained on {theirs}, and this run reads {own}")
    return components


def _random_states() -> dict[str, Any]:
    name, keys, place, has_gauss, cached = np.random.get_state(legacy=True)  # type: ignore[misc]
    return {
        "python": random.getstate(),
        "numpy": (str(name), [int(key) for key in keys], int(place), int(has_gauss), float(cached)),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def _set_random_states(states: dict[str, Any]) -> None:
    random.setstate(states["python"])
    np.random.set_state(states["numpy"])
    torch.set_rng_state(states["torch"])
    if states["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(states["cuda"])


@contextmanager
def _memory_errors(config: Config) -> Iterator[None]:
    """Turn running out of memory into a sentence that names what to lower."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not isinstance(error, torch.OutOfMemoryError):
            if "not enough memory" not in str(error) and "can't allocate memory" not in str(error):
                raise
        window = config["training"]["window"]
        raise OutOfMemory(
            f"out of memory; lower data.batch_size (now {config['data']['batch_size']}) or training.window "
            f"(now {window if window is not None else 'the whole sequence'})"
        ) from error

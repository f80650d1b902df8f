"""What a run needs before its first step: its process, the weights that it starts from, its loop, and a rehearsal."""

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from seqnet import build
from seqnet.commands.data_of_run import DataOfRun
from seqnet.commands.launched import ranks_here
from seqnet.commands.samples import runs_on
from seqnet.commands.start import Config, limits
from seqnet.commands.writing import Writer, decoder, writing_of
from seqnet.data.examples import Ragged
from seqnet.errors import CheckpointError, ConfigurationError
from seqnet.options import shown
from seqnet.relations import ACTIVATION
from seqnet.terminal import warn
from seqnet.training import checkpoint, manifest
from seqnet.training.activation import ActivationRegularisation
from seqnet.training.allocator import keep_freed_memory
from seqnet.training.averaging import MovingAverage, TriggeredAverage, WeightAverage
from seqnet.training.clipping import Clipping
from seqnet.training.evaluation import evaluating
from seqnet.training.pieces import Loader
from seqnet.training.precision import Precision
from seqnet.training.ranks import ALONE, Ranks
from seqnet.training.schedule import ScheduledSampling
from seqnet.training.trainer import Trainer


def prepare_process(config: Config) -> None:
    """Seeds, threads, memory and determinism, before anything is built."""
    keep_freed_memory()
    random.seed(config["seed"])
    np.random.seed(config["seed"] % 2**32)
    torch.manual_seed(config["seed"])
    here = ranks_here(os.environ)
    if config["threads"]:
        torch.set_num_threads(config["threads"])
    elif here > 1:  # torchrun gives each rank one, whatever the machine has
        torch.set_num_threads(max(1, cores() // here))
    if config["deterministic"]:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS refuses to be deterministic
        torch.backends.cudnn.benchmark = False
    if config["deterministic"] or torch.are_deterministic_algorithms_enabled():
        torch.use_deterministic_algorithms(config["deterministic"])  # which imports torch's compiler, a second or two


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def initial_weights(config: Config) -> Any:
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


def make_trainer(
    config: Config,
    assembly: build.Assembly,
    loader: Loader,
    device: torch.device,
    trust: list[str] | None,
    ranks: Ranks = ALONE,
    stopping: Callable[[], int] = lambda: 0,
) -> Trainer:
    """The loop, at its first step. trust: see `build`; ranks, stopping: see `Trainer`."""
    options = config["training"]
    return Trainer(
        assembly.model,
        assembly.task,
        loader,
        build.optimizer(config, assembly.model, trust),
        build.make(config["schedule"], trust),
        Precision(config["precision"], device),
        limits(config),
        Clipping(options["clip_norm"], options["clip_value"]),
        window=options["window"],
        stride=options["stride"],
        accumulate=options["accumulate"],
        on_nonfinite=options["on_nonfinite"],
        sampling=ScheduledSampling(options["scheduled_sampling"], options["sampling_schedule"]),
        activation=_activation(options),
        average=_average(options),
        seed=config["seed"],
        ranks=ranks,
        stopping=stopping,
    )


def _activation(options: Config) -> ActivationRegularisation | None:
    level, change = options["activation_regularisation"], options["temporal_activation_regularisation"]
    return ActivationRegularisation(level, change) if level or change else None


def _average(options: Config) -> Callable[[torch.nn.Module], WeightAverage] | None:
    decay, after = options["ema_decay"], options["average_after"]
    if after is not None:
        return lambda model: TriggeredAverage(model, after, options["monitor"])
    return None if decay is None else lambda model: MovingAverage(model, decay)


def rehearse(
    config: Config, assembly: build.Assembly, precision: Precision, data: DataOfRun, trust: list[str] | None
) -> None:
    """Find out now what cannot work. Raises ConfigurationError."""
    example = data.example
    assembly.task.evaluator()
    learns = getattr(assembly.objective, "of_validation", None)  # an option and what it does, in words
    if learns is not None and data.loaders["valid"] is None:
        raise ConfigurationError(
            f"{learns} on the validation split, and this data has none: hold one out with data.valid_share, or "
            "leave it out"
        )
    if config["training"]["average_after"] is not None and data.loaders["valid"] is None:
        raise ConfigurationError(
            f"training.average_after={config['training']['average_after']} waits for scores of the validation split, "
            "and this data has none: hold one out with data.valid_share, or set it to null"
        )
    unscored, monitor = getattr(assembly.task, "unscored", None), config["training"].get("monitor")
    targets = getattr(getattr(data.loaders["valid"], "examples", None), "targets", None)
    if unscored is not None and isinstance(targets, Ragged) and monitor in unscored(targets.lengths):
        raise no_such_score(monitor)
    if writing_of(assembly.source) is not None:
        Writer(assembly, precision, config["decoding"], config["seed"], trust=trust)
    elif runs_on(assembly.source):
        decoder(config["decoding"], assembly.source, trust)
    assembly.task.count(example)
    with evaluating(assembly.model), precision.autocast():
        output = assembly.model(example.to(precision.device), None)
    for key in ACTIVATION:
        if config["training"][key] and output.undropped is None:
            raise ConfigurationError(
                f"training.{key}={shown(config['training'][key])} is of what a model puts out at each step, and "
                f"{type(assembly.model).__name__} gives no `undropped` in its Output: set it to 0"
            )


def no_such_score(monitor: str) -> ConfigurationError:
    """The error for a monitored score that no row of validation has."""
    return ConfigurationError(
        f"training.monitor={monitor} is a score of rows that the validation split has none of: choose another"
    )


def compare(before: dict[str, Any], now: dict[str, Any]) -> None:
    """Say where a run goes on under conditions that change its last digits."""
    differing = [f"{key}={now[key]} (was {before[key]})" for key in now if before.get(key, now[key]) != now[key]]
    if differing:
        warn(f"goes on with {', '.join(differing)}: the last digits may differ from a run that was not stopped")

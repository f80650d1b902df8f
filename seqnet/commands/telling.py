"""Who is told of a run, and what: the observers and the description that they begin with."""

import math
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from seqnet import build, relations, sweep
from seqnet.build import Assembly
from seqnet.commands.continuing import regroups
from seqnet.commands.data_of_run import DataOfRun
from seqnet.commands.reads import asks, reads
from seqnet.commands.run_state import RunState
from seqnet.commands.start import Beginning, Config
from seqnet.errors import ConfigurationError
from seqnet.observers.metrics_file import MetricsFile
from seqnet.observers.profile import Profile
from seqnet.observers.pruning import Pruning
from seqnet.observers.run import Embedding, Observer, Run
from seqnet.options import shown
from seqnet.study import Median
from seqnet.training.limits import Limits
from seqnet.training.trainer import Trainer

SMOOTH = 0.1  # a learning rate that changes by no greater share from one step to the next does not jump


def observers(config: Config, trust: Sequence[str] | None = None) -> list[Observer]:
    """Those that are told of the run. trust: see `build`. Raises ConfigurationError for a class that is none."""
    build.check_options({"observers": config["observers"]}, trust)
    chosen: list[Observer] = [MetricsFile()]
    for name, options in config["observers"].items():
        if not isinstance(options, dict):  # taken out, or what all of them are told
            continue
        made = build.make(options, trust)
        if not isinstance(made, Observer):
            raise ConfigurationError(
                f"observers.{name}: {options['_target_']} is no observer: derive it from seqnet.observers.run.Observer"
            )
        chosen.append(made)
    if config["debug"]["profile"]:
        chosen.append(Profile())
    search = config["sweep"] or {}
    if search.get("pruner"):
        chosen.append(Pruning(Median(search["warmup_trials"], search["warmup_evaluations"])))
    return chosen


def jump(trainer: Trainer, before: Limits | None) -> tuple[float, float] | None:
    """The learning rates of the last step and the next, where limits that changed in between set them apart."""
    if before is None or not trainer.position.step:
        return None
    last, now = trainer.optimizer.param_groups[0]["lr"], trainer.next_rate(trainer.limits)
    same = now == trainer.next_rate(before) or math.isclose(last, now, rel_tol=SMOOTH)
    return None if same else (last, now)


def description(
    folder: Path,
    beginning: Beginning,
    state: RunState,
    data: DataOfRun,
    jumped: tuple[float, float] | None,
    remarks: Sequence[str] = (),
    typed: Collection[str] = (),
) -> Run:
    """The run as it is now. jumped: see `jump`, of where it began. remarks: on what it begins with. typed: keys."""
    trainer, source = state.trainer, state.assembly.source
    swept, varied = _varied(folder, state.config, typed)
    return Run(
        folder=folder,
        config=state.config,
        experiment=state.config["groups"]["experiment"],
        model=state.assembly.model,
        loss=state.assembly.task.loss,
        example=data.example.to(trainer.precision.device),
        step=trainer.position.step,
        evaluated=-1 if state.evaluated is None else state.evaluated.step,
        max_steps=trainer.limits.max_steps,
        max_epochs=trainer.limits.max_epochs,
        max_minutes=trainer.limits.max_minutes,
        parameters=sum(parameter.numel() for parameter in state.assembly.model.parameters()),
        splits={name: len(split) for name, split in data.splits.items() if split is not None},
        device=str(trainer.precision.device),
        monitor=state.stopping.monitor,
        minutes=trainer.position.seconds / 60,
        notes=(*_notes(state.assembly, data), *remarks),
        resumed=beginning.components is not None,
        changed=tuple(_changes(beginning, trainer)),
        log_file=folder / "train.log",
        reads=tuple(reads(state.assembly, state.config["groups"])),
        asks=asks(source, state.config["groups"]),
        rows=state.rows,
        varied=varied,
        swept=swept,
        embeddings=dict(_embeddings(state.assembly)),
        jump=jumped,
    )


def _changes(beginning: Beginning, trainer: Trainer) -> Iterator[str]:
    """What is changed against the run that this one goes on with, and what follows from it."""
    changed, position = beginning.changed, trainer.position
    for key, (before, now) in changed.items():
        yield f"{key}: {shown(before)} -> {shown(now)}"
    if regroups(changed) and (position.batch or position.window):
        yield (
            f"epoch {position.epoch + 1} goes on at {position.share:.1%} in other batches, without carried state: "
            "some of its rows may be read twice or not at all"
        )
    if "training.monitor" in changed:
        yield "the best checkpoint is chosen among those to come"


def _varied(folder: Path, config: Config, typed: Collection[str]) -> tuple[bool, dict[str, Any]]:
    """Whether the run is one of a sweep, and what that varies, else what was typed, with its values here."""
    swept = sweep.varied(folder.parent)
    groups = config["groups"]
    told = {key: relations.lookup(config, key, None) for key in swept or typed}
    return bool(swept), {key: groups.get(key, groups.get(key.replace(".", "/"), told[key])) for key in told}


def _embeddings(assembly: Assembly) -> Iterator[tuple[str, Embedding]]:
    """The embeddings of a model whose vectors have names: of each input, and of what is written."""
    model, source = assembly.model, assembly.source
    written, read = getattr(source, "inputs", None), getattr(source, "source", None)
    spaces = {"": read or written, **getattr(source, "views", {}), **getattr(source, "wholes", {})}
    encoders: dict[str, nn.Module] = model.encoders() if hasattr(model, "encoders") else {}  # type: ignore[operator]
    first = next(iter(source.input_kinds), "input")
    found: list[tuple[str, Any, Any]] = [
        (name or first, encoder, spaces.get(name)) for name, encoder in encoders.items()
    ]
    if read is not None:
        found.append(("written", getattr(model, "inputs", None), written))
    for name, encoder, space in found:
        embedding, names = getattr(encoder, "embedding", None), getattr(space, "names", ())
        if isinstance(embedding, nn.Embedding) and len(names) == embedding.num_embeddings:
            yield name, Embedding(embedding.weight, tuple(names))


def _notes(assembly: Assembly, data: DataOfRun) -> tuple[str, ...]:
    """What the source and the task have to say of what was read."""
    of_source, of_task = (getattr(part, "remarks", None) for part in (assembly.source, assembly.task))
    found = list(of_source()) if of_source is not None else []
    return (*found, *(of_task(assembly.model, data.splits) if of_task is not None else ()))

"""From a plain configuration to objects: source, objective, task, model, optimiser, loaders.

A yaml names its class with `_target_`. What the user types is trusted; a stored configuration is data, and
builds only seqnet's own classes, torch's optimisers, and those of the packages that `trust` names.
"""

import importlib
import inspect
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from seqnet.batch import Batch
from seqnet.data.batching import BucketLoader
from seqnet.data.examples import Examples, Stream
from seqnet.data.files import shown
from seqnet.data.lanes import LaneLoader, evaluation_lanes
from seqnet.errors import ConfigurationError, DataError, did_you_mean
from seqnet.models.regularisation import regularise
from seqnet.options import of as options_of
from seqnet.specs import Tokens
from seqnet.training.pieces import Loader
from seqnet.trust import OPTIMIZER, own_classes, refusal

Config = dict[str, Any]
LOADER_KEYS = ("batch_size", "batch_tokens", "num_workers", "shuffle_block")
PLACES = ("path", "name", "about", "cache")
"""What says where data lies, not what it is."""
REGULARISED = tuple(inspect.signature(regularise).parameters)[1:]
MODEL_KEYS = ("readout", "encoder")
"""What a task's yaml says to the model."""


def locate(target: str, trust: Sequence[str] | None, key: str = "_target_") -> type:
    """The class that `target`, the value of `key`, names. trust: packages beside seqnet's own; None = all there are.

    With `trust`, nothing is imported but what seqnet's own yamls name, torch's optimisers and those packages, and a
    class counts where it is defined. Raises ConfigurationError where there is no such class or it is not trusted.
    """
    module_name, _, name = target.rpartition(".")
    package = module_name.partition(".")[0]
    trusted = trust is None or package in trust or target in own_classes() or OPTIMIZER.fullmatch(target) is not None
    if not trusted:
        raise refusal(target)
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # a user's file can raise anything
        raise ConfigurationError(f"{key}: cannot import {target} ({type(error).__name__}: {error})") from error
    if not hasattr(module, name):
        raise ConfigurationError(f"{key}: {module_name} has no {name}{did_you_mean(name, dir(module))}")
    found = getattr(module, name)
    if not inspect.isclass(found):
        raise ConfigurationError(f"{key}: {target} is not a class")
    if trust is not None and not _is_trusted(found, module_name, trust):
        raise refusal(f"{found.__module__}.{found.__name__}")
    return found


def _is_trusted(found: type, module_name: str, trust: Sequence[str]) -> bool:
    """By identity: defined where it is named, not something a trusted module happens to import."""
    if module_name == "torch.optim":
        return issubclass(found, torch.optim.Optimizer)
    return found.__module__ == module_name or found.__module__.partition(".")[0] in trust


def locate_all(config: Config, trust: Sequence[str] | None = None) -> None:
    """Find every class that a configuration names, before anything is read or built. Raises ConfigurationError."""
    for key, target in _targets(config).items():
        locate(target, trust, key)


def _targets(config: Config, prefix: str = "") -> dict[str, str]:
    """The classes that a configuration names, by their dotted keys."""
    found: dict[str, str] = {}
    for key, value in config.items():
        if isinstance(value, dict):
            found |= _targets(value, f"{prefix}{key}.")
        elif key == "_target_" and isinstance(value, str):
            found[f"{prefix}{key}"] = value
    return found


def wrong_option(config: Config, trust: Sequence[str] | None = None) -> str | None:
    """The sentence for the first option that its class does not take so, by its annotations; None where all are right.

    What a task's yaml says to the model is the model's. Raises ConfigurationError where a class is not found.
    """
    for name, section in config.items():
        if not isinstance(section, dict):
            continue
        if not isinstance(section.get("_target_"), str):  # parts by their names, such as fields
            sentence = wrong_option({f"{name}.{key}": part for key, part in section.items()}, trust)
            if sentence is not None:
                return sentence
            continue
        takes = options_of(locate(section["_target_"], trust, f"{name}._target_"))
        if name == "task" and isinstance(config.get("model"), dict):
            of_model = options_of(locate(config["model"]["_target_"], trust))
            said = [key for key in MODEL_KEYS if key in of_model and section.get(key) == config["model"].get(key)]
            takes |= {key: of_model[key] for key in said}
        for key, value in section.items():
            if isinstance(value, dict):
                sentence = wrong_option({f"{name}.{key}": value}, trust)
            else:
                sentence = takes[key].refusal(f"{name}.{key}", value) if key in takes else None
            if sentence is not None:
                return sentence
    return None


def check_options(config: Config, trust: Sequence[str] | None = None, says: str = "") -> None:
    """Refuse an option that its class does not take so. says: what the sentence begins with.

    Raises ConfigurationError.
    """
    sentence = wrong_option(config, trust)
    if sentence is not None:
        raise ConfigurationError(f"{says}{sentence}")


def packages(config: Config) -> list[str]:
    """The packages beside seqnet and torch's optimisers that a configuration's `_target_`s name."""
    found = [target for target in _targets(config).values() if not target.startswith(("seqnet.", "torch.optim."))]
    return sorted({target.partition(".")[0] for target in found})


def make(config: Config, trust: Sequence[str] | None = None, **given: Any) -> Any:
    """Build the object that `config` describes; `given` are the arguments that no yaml holds.

    Of `given`, those that the class does not take are left out. Raises ConfigurationError.
    """
    options = dict(config)
    target = options.pop("_target_", None)
    if not isinstance(target, str):
        raise ConfigurationError(f"_target_ must name a class, such as seqnet.cells.lstm.LSTM, not {target!r}")
    cls = locate(target, trust)
    takes = inspect.signature(cls).parameters
    options = {key: _maker(value, trust) if _is_part(value) else value for key, value in options.items()}
    if not any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in takes.values()):
        given = {key: value for key, value in given.items() if key in takes}
    try:
        inspect.signature(cls).bind(**options, **given)
    except TypeError as error:
        raise ConfigurationError(f"{target}: {error}") from error
    return cls(**options, **given)


def _is_part(value: Any) -> bool:
    return isinstance(value, dict) and "_target_" in value


def _maker(options: Config, trust: Sequence[str] | None) -> Callable[..., Any]:
    """Makes the part that `options` describe of what it is given by name, as far as its class takes that."""
    return lambda **given: make(options, trust, **given)


@dataclass
class Assembly:
    """What a run is made of, beside the training itself."""

    source: Any
    objective: Any
    task: Any
    model: nn.Module


def source(config: Config, trust: Sequence[str] | None = None) -> Any:
    """The data source, which has read nothing yet."""
    options = {key: value for key, value in config["data"].items() if key not in LOADER_KEYS}
    given: dict[str, Any] = {"seed": config["seed"], "data_dir": data_dir()}
    if "fields" in options:
        given["num_workers"] = config["data"].get("num_workers", 0)
        given["described"] = {key: value for key, value in options.items() if key not in PLACES}
        described = {name: dict(field) for name, field in options["fields"].items()}
        columns = {name: field.pop("column", None) for name, field in described.items()}
        options["columns"] = {name: column for name, column in columns.items() if column is not None}
        options["fields"] = {name: make(field, trust) for name, field in described.items()}
        options["format"] = make(options["format"], trust)
        if "generated" in options:
            options["generated"] = make(options["generated"], trust, seed=config["seed"])
    return make(options, trust, **given)


def other_split(
    config: Config, fitted: Any, path: str, split: str, trust: Sequence[str] | None = None
) -> tuple[Any, list[str]]:
    """A split of other data of the same kind, encoded with what `fitted` learned, and sentences on what was read of it.

    None where there is none. Of data in one piece, which says of no row that it is of another split, all is the one.
    """
    if "path" not in config["data"]:
        kind = config["data"]["_target_"].rpartition(".")[2]
        raise ConfigurationError(f"this run was trained on {kind}, which reads no files of yours: leave data.path out")
    data = dict(config["data"], path=path)
    data |= dict.fromkeys(data.keys() & {"valid_share", "test_share"}, 0.0)
    other = source({**config, "data": data}, trust)
    other.restore(fitted.state())
    if getattr(fitted, "copied", None) is not None:
        other.copied = fitted.copied
    there = getattr(other, "named_splits", ("train",))
    alone = len(there) == 1 and (Path(path).is_file() or there == ("train",))
    for name in there if alone else [split]:
        if (found := other.split(name)) is not None:
            return found, left_out(other, name, split)
    return None, []


def left_out(source: Any, split: str, called: str | None = None) -> list[str]:
    """Sentences on what of a split was not read as it stands. called: what it is scored as."""
    tally = getattr(source, "tallies", {}).get(split)
    return [] if tally is None else tally.remarks(called or split)


def data_dir() -> Path:
    """Where data sets lie: the environment variable SEQNET_DATA, or else ./data."""
    return Path(os.environ.get("SEQNET_DATA") or "data")


def check_targets(config: Config, fitted: Any) -> None:
    """Raises DataError where all targets of what was read are one."""
    if isinstance(fitted.targets, Tokens) and fitted.targets.size < 2:
        where, only = config["data"].get("path") or "the data", shown(fitted.targets.names[0])
        raise DataError(f"{where}: every target of the training split is '{only}', so there is nothing to tell apart")


def assemble(config: Config, fitted: Any, trust: Sequence[str] | None = None) -> Assembly:
    """Objective, task and model for a source that knows its spaces. Raises DataError where all targets are one."""
    check_targets(config, fitted)
    objective = make(config["objective"], trust, targets=fitted.targets)
    task_options = {key: value for key, value in config["task"].items() if key not in MODEL_KEYS}
    task = make(task_options, trust, objective=objective, source=fitted)
    model_options = dict(config["model"])
    model_options.pop("embeddings", None)  # which a run begins with, and then holds
    frozen = model_options.pop("freeze_embeddings", False)
    own = options_of(locate(model_options["_target_"], trust))  # of a class that drops something in its own way
    regularised = {key: model_options.pop(key) for key in REGULARISED if key in model_options and key not in own}
    chosen = dict(model_options.pop("encoders", None) or {})
    first = getattr(fitted, "first", None)
    if first in chosen:  # which a model calls by what it is to it
        chosen |= dict.fromkeys(("inputs", "source"), chosen.pop(first))
    cell = _factory(config["cell"], trust, "input_size", "hidden_size")
    model = make(
        model_options,
        trust,
        cell=cell,
        decoder_cell=_factory(config.get("decoder_cell"), trust, "input_size", "hidden_size"),
        attention=_factory(config["attention"], trust, "query_size", "memory_size"),
        inputs=fitted.inputs,
        source=getattr(fitted, "source", None),
        views=getattr(fitted, "views", {}),
        wholes=getattr(fitted, "wholes", {}),
        recent=getattr(fitted, "recent", None),
        encoders={name: _encoder(options, cell, trust) for name, options in chosen.items()},
        out_features=objective.out_features,
        head=getattr(objective, "output_layer", None),
    )
    regularise(model, **regularised)
    if frozen and (embedding := word_embedding(model)) is not None:
        embedding.weight.requires_grad_(False)
    return Assembly(fitted, objective, task, model)


def word_embedding(model: nn.Module) -> nn.Embedding | None:
    """The embedding of a model's first input; None where it is not embedded."""
    encoders: dict[str, nn.Module] = model.encoders() if hasattr(model, "encoders") else {}  # type: ignore[operator]
    found = getattr(encoders.get(""), "embedding", None)
    return found if isinstance(found, nn.Embedding) else None


def _encoder(options: Config, cell: Callable[..., Any] | None, trust: Sequence[str] | None) -> Callable[..., Any]:
    """Makes the encoder that `options` describe of what is known of an input, its width and a deviation.

    cell: makes the model's cells, for an encoder that has layers of them.
    """
    return lambda space, size, std: make(options, trust, space=space, size=size, std=std, cell=cell)


def _factory(options: Config | None, trust: Sequence[str] | None, *names: str) -> Callable[..., Any] | None:
    """Makes what `options` describe of two sizes called `names`; None of None."""
    if options is None:
        return None
    return lambda *sizes: make(options, trust, **dict(zip(names, sizes, strict=True)))


def loader(config: Config, split: Examples | Stream | None, training: bool) -> Loader | None:
    """Batches of a split, shuffled and augmented in training; None where there is no such split."""
    if split is None:
        return None
    size, seed, block = config["data"]["batch_size"], config["seed"], config["data"].get("shuffle_block")
    if isinstance(split, Stream):
        lanes = size if training else evaluation_lanes(len(split.documents.flat), size)
        window, stride = config["training"]["window"], config["training"]["stride"]
        lane_loader = LaneLoader(split, lanes, window, seed=seed, shuffle=training, shuffle_block=block)
        if training and stride not in (None, window) and not lane_loader.single:
            raise ConfigurationError(
                f"training.stride={stride} is below training.window={window}, but a text of several documents is read "
                "window by window: set training.stride=null"
            )
        tokens = len(split.documents.flat)
        if training and lane_loader.single and tokens <= 2 * size:
            raise ConfigurationError(
                f"data.batch_size={size} lanes share {tokens} tokens of training text, so that no lane has two steps: "
                "lower data.batch_size, or give more text"
            )
        made: Loader = lane_loader
    else:
        made = BucketLoader(
            split,
            size,
            seed=seed,
            shuffle=training,
            num_workers=config["data"].get("num_workers", 0) if training else 0,
            batch_tokens=config["data"].get("batch_tokens"),
            shuffle_block=block,
        )
    return FirstBatch(made, config["training"]["window"]) if config["debug"]["one_batch"] else made


@dataclass(frozen=True)
class FirstBatch:
    """Nothing but the first batch, of running text its first window, every epoch (debug=overfit)."""

    loader: Loader
    window: int | None

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The first batch, unless `start` is past it."""
        if start == 0:
            batch = next(iter(self.loader.batches(0)))
            yield next(batch.windows(self.window)) if batch.starts is not None else batch

    def num_batches(self, epoch: int) -> int:
        """One."""
        return 1


def optimizer(config: Config, model: nn.Module, trust: Sequence[str] | None = None) -> torch.optim.Optimizer:
    """The optimiser over the model's parameters, in torch's fused implementation where there is one."""
    options = dict(config["optimizer"])
    cls = locate(options["_target_"], trust)
    if isinstance(options.get("betas"), list):
        options["betas"] = tuple(options["betas"])
    moved = [parameter for parameter in model.parameters() if parameter.requires_grad]
    try:
        if "fused" in inspect.signature(cls).parameters and "fused" not in options:
            options["fused"] = _fuses(options, moved[0].device if moved else None, trust)
        made: torch.optim.Optimizer = make(options, trust, params=moved)
    except (TypeError, ValueError) as error:  # torch's own words for a value it does not take
        raise ConfigurationError(f"optimizer: {options['_target_']} refuses these options: {error}") from error
    return made


def _fuses(options: Config, device: torch.device | None, trust: Sequence[str] | None) -> bool:
    """Whether an optimiser has a fused step there: of Adagrad, not every torch has one for a GPU."""
    weight = nn.Parameter(torch.zeros(1, device=device))
    weight.grad = torch.zeros_like(weight)
    try:
        make({**options, "fused": True}, trust, params=[weight]).step()
    except RuntimeError:
        return False
    return True


def device(name: str) -> torch.device:
    """`auto` is the GPU where there is one. Raises ConfigurationError for a GPU that is not there."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigurationError("device=cuda, but torch finds no GPU here; use device=cpu or device=auto")
    return torch.device(name, torch.cuda.current_device()) if name == "cuda" else torch.device(name)

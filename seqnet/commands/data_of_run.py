"""The data of a run: its splits and their loaders, and whether it is what the run has read before."""

import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqnet import build, relations
from seqnet.batch import Batch
from seqnet.commands.start import Beginning, Config
from seqnet.commands.stored import learn_again
from seqnet.data import digest
from seqnet.errors import CheckpointError, ConfigurationError, DataError
from seqnet.terminal import warn
from seqnet.training.pieces import Loader


@dataclass(frozen=True)
class DataOfRun:
    """Splits and loaders by name, None where there is none. example: the first window; warning: what is to be said."""

    splits: Mapping[str, Any]
    loaders: Mapping[str, Loader | None]
    example: Batch
    warning: str | None


def read_data(
    source: Any, config: Config, typed: Collection[str], learned: dict[str, Any] | None, where: str
) -> DataOfRun:
    """Tell the source what it `learned` before, which `where` holds, or let it learn, and read. Raises DataError."""
    if learned is not None:
        learn_again(source, learned, where)
    else:
        source.fit()
    splits = {}
    for name in ("train", "valid", "test"):
        if config["decoding"].get("replace_unknown") and (name != "train" or config["debug"]["one_batch"]):
            source.copy_words()  # of what is written for, which is not trained on
        splits[name] = source.split(name)
    loaders = {name: build.loader(config, split, training=name == "train") for name, split in splits.items()}
    train = loaders["train"]
    if train is None or not train.num_batches(0):
        raise DataError("the training split holds nothing to train on")
    if config["debug"]["one_batch"]:
        loaders["valid"] = train
    options = config["training"]
    first = next(iter(train.batches(0)))
    example = next(first.windows(options["window"], options["stride"]))
    return DataOfRun(splits, loaders, example, _long_warmup(config, typed, train, first))


def _long_warmup(config: Config, typed: Collection[str], loader: Loader, first: Batch) -> str | None:
    """What is to be said of a warm-up that is longer than the training. Raises ConfigurationError where it was typed.

    Of epochs the steps are known where all batches have as many windows as the first.
    """
    options, warmup = config["training"], relations.lookup(config, "schedule.warmup_steps", 0)
    steps = options["max_steps"]
    if warmup and options["max_epochs"] is not None and (options["window"] is None or first.starts is not None):
        windows, of_epochs = first.num_windows(options["window"], options["stride"]), 0
        for epoch in range(options["max_epochs"]):
            of_epochs += -(-windows * loader.num_batches(epoch) // options["accumulate"])
            if of_epochs >= warmup:
                break
        steps = of_epochs if steps is None else min(steps, of_epochs)
    sentence = relations.long_warmup(config, steps)
    if sentence is not None and "schedule.warmup_steps" in typed:
        raise ConfigurationError(sentence)
    return sentence


def digests(splits: Mapping[str, Any], beginning: Beginning, folder: Path) -> dict[str, str]:
    """A digest of each split. Raises DataError where a run that goes on would read other files than it did before.

    That a set which is made by a program, and by no file of the user's, comes out otherwise is told and no more.
    """
    config = beginning.config
    found = {name: digest.of_split(split) for name, split in splits.items() if split is not None}
    if beginning.components is None:
        return found
    before = beginning.components.get("read")
    if not isinstance(before, dict) or not isinstance(before.get("train"), str):
        raise CheckpointError(f"{beginning.checkpoint} does not say what data the run has read")
    for name in splits:
        if found.get(name) == before.get(name):
            continue
        where = relations.lookup(config, "data.path", None) or config["groups"]["data"]
        told = f"the {name} split of {where}"
        if reads_files(config):
            raise DataError(
                f"{told} is not what this run has read so far: it was edited, cut, reordered or split otherwise; "
                "put it back, or give another run_dir, which may begin from this run's weights with "
                f"init_from={shlex.quote(str(folder))}"
            )
        warn(f"{told} is made otherwise than when this run began: another version made it")
    return found


def reads_files(config: Mapping[str, Any]) -> bool:
    """Whether rows stand in files of the user's, and are not made by a program."""
    return "path" in config["data"] and not is_drawn(config)


def is_drawn(config: Mapping[str, Any]) -> bool:
    """Whether the rows of a table are made by a program, since it names no files."""
    data = config["data"]
    return bool(data.get("generated")) and data.get("path") is None and data.get("name") is None

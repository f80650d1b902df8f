"""`seqnet evaluate`: score a trained run on a split of its data, or of other data of the same kind."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from seqnet import build, trust
from seqnet.batch import Confusion
from seqnet.commands.adapting import dynamic_scores, rehearsed
from seqnet.commands.data_of_run import reads_files
from seqnet.commands.elsewhere import reads
from seqnet.commands.failures import explained
from seqnet.commands.lines import in_words
from seqnet.commands.pictures import Album
from seqnet.commands.reported import tell
from seqnet.commands.stored import StoredRun, load
from seqnet.commands.watched import OnABar
from seqnet.commands.writing import asked_writer, decoded
from seqnet.data import digest
from seqnet.data.batching import BucketLoader
from seqnet.errors import ConfigurationError, DataError
from seqnet.options import shown
from seqnet.tasks.report import Report
from seqnet.terminal import warn
from seqnet.training.evaluation import evaluate


def run(config: dict[str, Any]) -> int:
    """Write the scores, then the tables of the report; the exit code."""
    words = in_words(config)
    stored = load(Path(config["run"]), "best", config["trust"], config["device"], config["precision"])
    with explained(stored.config, config):
        scores, report = judged(stored, config)
    tell({"split": config["split"], "step": stored.step, **scores}, report.rows(), config["output"], words)
    return 0


def judged(stored: StoredRun, config: dict[str, Any]) -> tuple[dict[str, float], Report]:
    """The scores of a split, and a report of how they come about. Raises ConfigurationError and DataError."""
    stored = replace(stored, config=deepcopy(stored.config))  # a run may be asked again
    settings = stored.config
    write = asked_writer(config, stored)
    if config["data"]["on_bad_row"] is not None:
        settings["data"]["on_bad_row"] = config["data"]["on_bad_row"]
    drawn = _album(stored, config["pictures"])
    split = asked_split(stored, config)
    valid = rehearsed(stored, config, split) if config["dynamic"] else None
    if config["data"]["batch_size"] is not None:
        settings["data"] |= {"batch_size": config["data"]["batch_size"], "batch_tokens": None}
    settings["debug"]["one_batch"] = False  # whatever it was trained on, here all of it is scored
    if settings["threads"]:
        torch.set_num_threads(settings["threads"])  # the last bits of a sum depend on them
    loader = build.loader(settings, split, training=False)
    assert loader is not None
    task, window = stored.assembly.task, settings["training"]["window"]
    if write is not None and not task.metrics:
        write = None  # nothing that is written would be scored
    stands = (loader.examples.places, loader.rows(0)) if isinstance(loader, BucketLoader) else ()
    report = Report(task, stored.assembly.source, *stands)
    scores, evaluator = evaluate(
        stored.assembly.model,
        task,
        OnABar(loader, f"scoring {config['split']}"),
        stored.precision,
        window,
        write=None if write is None else write.of_batch,
        report=report,
    )
    if drawn is not None and (confusion := evaluator.confusion()) is not None:
        drawn.add("confusion", [Confusion.named(confusion, evaluator.class_names)])
    if config["dynamic"]:
        scores |= dynamic_scores(stored, config, split, valid)
    for note in [decoded(write.description), *write.notes] if write is not None else ():
        warn(note)
    return scores, report


def _album(stored: StoredRun, name: str | None) -> Album | None:
    """The folder that is asked for. Raises ConfigurationError where an evaluation counts no confusions."""
    if name is None:
        return None
    if not getattr(stored.assembly.task.evaluator(), "confuses", False):
        raise ConfigurationError(
            f"pictures={name}: an evaluation draws a confusion matrix, which is of a classification of at most "
            "50 classes, and this run is none: leave it out"
        )
    return Album(name)


def asked_split(stored: StoredRun, config: dict[str, Any]) -> Any:
    """The split of the data that is asked for; what of it was not read is told.

    Raises DataError where there is none, or where the run's own is not what it was when the run was trained.
    """
    found, remarks = split_of(stored, config, config["split"])
    if found is None:
        raise DataError(_no_split(stored, config))
    if config["data"]["path"] is None:
        _refuse_edited(stored, config["split"], found)
    for remark in remarks:
        warn(remark)
    return found


def _refuse_edited(stored: StoredRun, name: str, found: Any) -> None:
    """Raises DataError where a split of the run's own files is not what training had for it: shares are drawn anew of
    other rows, so that it may hold what was trained on.
    """
    before, data = stored.read.get(name), stored.config["data"]
    if not isinstance(before, str) or not reads_files(stored.config):
        return
    if digest.of_split(found) != before:
        where = data["path"] if data["path"] is not None else data.get("name")
        raise DataError(
            f"the {name} split of {where} is not what it was when this run was trained: it was edited, cut, reordered "
            "or split otherwise, and may now hold rows that were trained on; put it back, or score it as other data "
            "with data.path="
        )


def split_of(stored: StoredRun, config: dict[str, Any], name: str) -> tuple[Any, list[str]]:
    """A split of the data that is asked for, None where there is no such split, and sentences on what was read of it.

    Raises DataError.
    """
    path, source = config["data"]["path"], stored.assembly.source
    if path is not None:
        with reads("data.path="):
            return build.other_split(stored.config, source, path, name, config["trust"])
    trust.refuse_elsewhere(stored.config)
    return source.split(name), build.left_out(source, name)


def _no_split(stored: StoredRun, config: dict[str, Any]) -> str:
    """The sentence for a split that is not there: which are, and what would make one of this run's own data."""
    name, path, data = config["split"], config["data"]["path"], stored.config["data"]
    others = [other for other in ("test", "valid", "train") if other != name]
    ways = [f"split={other}" for other in others if split_of(stored, config, other)[0] is not None]
    if "path" in data:
        ways.append(f"{'data.path=' if path is None else 'another data.path='} with a file of yours")
    if path is None and (share := data.get(f"{name}_share")) is not None:
        ways.append(f"a new training with data.{name}_share above {shown(share)}")
    where = "this run's data" if path is None else f"data.path={path}"
    return f"split={name}: {where} has no {name} split; choose {', or '.join(ways)}"

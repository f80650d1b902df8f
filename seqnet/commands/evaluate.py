"""`seqnet evaluate`: score a trained run on a split of its data, or of other data of the same kind."""

import sys
from pathlib import Path
from typing import Any

import torch

from seqnet import build, trust
from seqnet.commands.lines import as_line, writer
from seqnet.commands.stored import load
from seqnet.commands.writing import asked_writer
from seqnet.errors import DataError
from seqnet.training.evaluation import evaluate


def run(config: dict[str, Any]) -> int:
    """Write the scores as one line of JSON; the exit code."""
    stored = load(Path(config["run"]), "best", config["trust"], config["device"], config["precision"])
    settings = stored.config
    source = stored.assembly.source
    write = asked_writer(config, stored)
    if config["data"]["on_bad_row"] is not None:
        settings["data"]["on_bad_row"] = config["data"]["on_bad_row"]
    if config["data"]["path"] is not None:
        split = build.other_split(settings, source, config["data"]["path"], config["split"], config["trust"])
    else:
        trust.refuse_elsewhere(settings)
        split = source.split(config["split"])
    if config["data"]["batch_size"] is not None:
        settings["data"] |= {"batch_size": config["data"]["batch_size"], "batch_tokens": None}
    settings["debug"]["one_batch"] = False  # whatever it was trained on, here all of it is scored
    if settings["threads"]:
        torch.set_num_threads(settings["threads"])  # the last bits of a sum depend on them
    loader = build.loader(settings, split, training=False)
    if loader is None:
        others = [name for name in ("train", "valid", "test") if name != config["split"]]
        raise DataError(f"split={config['split']}: there is no such split; try split={' or split='.join(others)}")
    task, window = stored.assembly.task, settings["training"]["window"]
    if write is not None and not task.metrics:
        write = None  # nothing that is written would be scored
    scores, _ = evaluate(stored.assembly.model, task, loader, stored.precision, window, write=write)
    with writer(config["output"]) as tell:
        tell(as_line({"split": config["split"], "step": stored.step, **scores}))
    for note in write.notes if write is not None else ():
        print(f"seqnet: {note}", file=sys.stderr)
    return 0

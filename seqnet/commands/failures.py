"""What fails for want of memory, or because a data worker died, as one sentence that names what to lower."""

import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from seqnet import relations
from seqnet.batch import Batch
from seqnet.errors import OutOfMemory, UserError, WorkerError, no_memory

Config = dict[str, Any]

DEAD_WORKER = re.compile(r"DataLoader worker \(pid\S* ?([\d, ]+)\) (is killed by signal: [^.]*|exited unexpectedly)")
FAILED_WORKER = re.compile(r"Caught \w+ in DataLoader worker process \d+\.\n.*\n(\S[^\n]*)\n*", re.DOTALL)

# What is common of that which memory grows with. Whatever is above it is called large.
ROWS, STEPS = 64, 100
OF_MODELS = {"model.hidden_size": 512, "model.embedding_size": 512, "model.num_layers": 8}
OF_DATA = {"data.length": 1000, "data.train_size": 100_000, "data.valid_size": 100_000, "data.test_size": 100_000}
OF_WRITING = {"decoding.beam_size": 10, "length": 10_000}
NAMED = 2  # at most


@contextmanager
def explained(config: Config, asked: Config | None = None, rows: str | None = None) -> Iterator[None]:
    """Turn running out of memory, and the death of a data worker, into a sentence that names what to lower.

    config: of the run. asked: what a command asks of the run, whose model then is as it is. rows: the option that
    says how large a batch is, where it is not the run's. Raises OutOfMemory and WorkerError.
    """
    try:
        yield
    except Exception as error:
        if no_memory(error) and not isinstance(error, OutOfMemory):
            merged = _merged(config, asked)
            advice = _advice(error, merged, rows or _rows_of(merged), trained=asked is not None)
            raise OutOfMemory(f"out of memory; {advice}") from error
        if isinstance(error, UserError):
            raise
        if dead := DEAD_WORKER.search(str(error)):
            sentence = (
                f"a data worker (pid {dead[1]}) {dead[2]}; lower data.num_workers (0: the run reads by itself) or "
                f"{_rows_of(config)}"
            )
            # What kills with SIGKILL is the kernel, when memory has run out.
            raise (OutOfMemory if "Killed" in dead[2] else WorkerError)(sentence) from error
        if failed := FAILED_WORKER.match(str(error)):
            raise WorkerError(f"a data worker failed: {failed[1]} (SEQNET_DEBUG=1 shows where)") from error
        raise


def _merged(config: Config, asked: Config | None) -> Config:
    """The run's options, with those that were typed for a command."""
    typed = {key: value for key, value in (asked or {}).items() if value is not None and key != "data"}
    size = relations.lookup(asked or {}, "data.batch_size", None)
    data = config["data"] if size is None else {**config["data"], "batch_size": size, "batch_tokens": None}
    return {**config, **typed, "data": data}


def _rows_of(config: Config) -> str:
    """The option of the data that says how large a batch is."""
    return "data.batch_size" if config["data"].get("batch_tokens") is None else "data.batch_tokens"


def _advice(error: BaseException, config: Config, rows: str, trained: bool) -> str:
    """What to do: of all that memory grows with, lower what is furthest above what is common, or else the batch."""
    batch, writes = _at_work(error)
    common = {rows: ROWS * STEPS if rows == "data.batch_tokens" else ROWS, **OF_MODELS}
    common |= (OF_DATA if batch is None and not trained else {}) | (OF_WRITING if writes else {})
    found = []  # how large, what to do, with what
    for key, usual in common.items():
        value = relations.lookup(config, key, None)
        if not isinstance(value, int):
            continue
        if trained and key in OF_MODELS:
            found.append((value / usual, "take a machine with more of it for", f"{key}={value}"))
        elif key == rows and batch is not None:
            found.append((batch.size / ROWS, "lower", f"{key} (now {value})"))
        else:
            found.append((value / usual, "lower", f"{key} (now {value})"))
    if prompt := config.get("prompt"):
        found.append((len(prompt) / STEPS, "shorten", f"the prompt (now {len(prompt)} letters)"))
    found.insert(1, _steps(batch, config["training"]["window"], trained))
    large = sorted((each for each in found if each[0] > 1), key=lambda each: each[0], reverse=True)
    told, before = "", ""
    for _, do, what in (large or found)[:NAMED]:
        told += (" or " if told else "") + (what if do == before else f"{do} {what}")
        before = do
    return told


def _steps(batch: Batch | None, window: int | None, trained: bool) -> tuple[float, str, str]:
    """How long rows are, and what can be done about that."""
    source = 0 if batch is None or batch.source is None else batch.source.shape[1]
    steps = 0 if batch is None else max(batch.time, source)
    if trained or source > (window or 0) > 0:  # what a decoder reads is never cut
        return steps / STEPS, "shorten", f"the longest row (now {steps} steps)" if steps else "the longest row"
    whole = f"the whole sequence, {steps} steps" if steps else "the whole sequence"
    size = (window or steps or STEPS) / STEPS  # as long as is common, where it is not known
    return size, "lower", f"training.window (now {whole if window is None else window})"


def _at_work(error: BaseException) -> tuple[Batch | None, bool]:
    """The batch that was worked at when it failed, and whether answers were being written."""
    first: BaseException = error
    while first.__cause__ is not None:
        first = first.__cause__
    batch, writes = None, False
    for frame, _ in traceback.walk_tb(first.__traceback__):
        batch = next((value for value in frame.f_locals.values() if isinstance(value, Batch)), batch)
        writes |= str(frame.f_globals.get("__name__")).startswith("seqnet.decoding.")
    return batch, writes

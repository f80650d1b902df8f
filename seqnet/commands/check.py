"""`seqnet check [OVERRIDES]`: does what a configuration puts together keep the contracts? On a few small batches."""

import copy
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from seqnet import build, fits
from seqnet.checks.contract import Verdict, doubles, judge, names
from seqnet.checks.few import few
from seqnet.checks.made_up import in_place_of_files
from seqnet.checks.measured import DoesNotApply, Measured
from seqnet.checks.spaces import examples_of
from seqnet.checks.subject import Subject
from seqnet.commands.export import check_installed
from seqnet.commands.preparing import make_trainer, prepare_process
from seqnet.commands.run_state import RunState
from seqnet.commands.start import Config, early_stopping
from seqnet.commands.train import checked
from seqnet.configuration import Composed
from seqnet.errors import ConfigurationError, MissingData
from seqnet.kinds import Axis
from seqnet.strict_json import as_line
from seqnet.terminal import answer, say, standard_output, warn
from seqnet.training.progress import Averages

BROKEN = 1
"""The exit code where a contract is broken."""

ROWS = {"train_size": 60, "valid_size": 8, "test_size": 8}
"""Rows that are drawn at most."""

WINDOW = 4
"""Steps of a window in training at most, so that the short rows are cut."""

STEPS = 100
"""After so many steps training would end, where only its time is limited."""

OFFLINE = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE")
"""What tells the Hub's libraries to ask for nothing."""

MARKS = {"passed": "green", "failed": "bold red", "does not apply": "dim"}


def run(composed: Composed, as_json: bool, exports: bool) -> int:
    """Judge every contract, that of export too where it is asked for, and tell what came of it; the exit code."""
    if exports:
        check_installed()
    subject = subject_of(composed.config, composed.defaults, composed.places, exported if exports else None)
    with doubles(subject.config["seed"]):
        subject.assembly()  # whatever cannot be built is refused as it is in training
    found = [judge(name, subject) for name in names()]
    if not as_json and standard_output().isatty():
        _show(found)
    else:
        for verdict in found:
            answer(as_line(_row(verdict)))
    broken = [verdict.title for verdict in found if verdict.outcome == "failed"]
    if broken:
        warn(f"{len(broken)} of {len(found)} contracts broken: {', '.join(broken)}")
    return BROKEN if broken else 0


def subject_of(
    config: Config,
    defaults: dict[str, Any],
    places: Sequence[Path],
    export: Callable[[build.Assembly], Measured] | None = None,
) -> Subject:
    """What is checked of a configuration. export: see `Subject`. Raises ConfigurationError and DataError."""
    checked(config, None, defaults, places)
    config = small(config)
    prepare_process(config)
    config, source, split = _data(config)
    build.check_targets(config, source)
    fits.check(fits.Parts(config, source, None, places))
    heard = getattr(build.locate(config["task"]["_target_"], None), "features", None) is Axis.FRAME
    batches, full = few(split, getattr(source, "source", None), heard)
    device = build.device("cpu")

    def trainer(parts: build.Assembly, loader: Any) -> Any:
        return make_trainer(config, parts, loader, device, None)

    def run(parts: build.Assembly, trainer: Any) -> RunState:
        return RunState(config, parts, trainer, early_stopping(config), Averages())

    return Subject(config, source, batches, full, None, trainer, run, export)


def exported(parts: build.Assembly) -> Measured:
    """How far each graph is from torch. Raises DoesNotApply where none is made, ConfigurationError where one is far."""
    from seqnet.exporting.parity import farthest
    from seqnet.exporting.plan import graph
    from seqnet.exporting.plan import parts as graphs

    reasons, made = [], False
    try:
        asked = list(graphs(parts))
    except ConfigurationError as error:
        raise DoesNotApply(f"it cannot be exported: {error}") from error
    for part in asked:
        try:
            content = graph(part)
        except ConfigurationError as error:
            reasons.append(str(error))
            continue
        made = True
        yield f"{part.file}, at its farthest", farthest(part, content)
    if not made:
        raise DoesNotApply(f"it cannot be exported: {', '.join(reasons)}")


def _data(config: Config) -> tuple[Config, Any, Any]:
    """The source and its rows; where its files are not there, of rows that are made up, and the configuration of these.

    Raises DataError.
    """
    source = build.source(config)
    try:
        with _offline():
            source.fit()
            return config, source, source.split("train")
    except MissingData as error:
        missing = error
    warn(f"the data is not there, so rows are made up of what is read and asked: {missing}")
    if "fields" not in config["data"]:
        return config, source, examples_of(source, missing)
    config = in_place_of_files(config)
    source = build.source(config)
    source.fit()
    return config, source, source.split("train")


@contextmanager
def _offline() -> Iterator[None]:
    """Of the Hub only what was fetched before is read: what is asked of it takes longer than all else."""
    before = {name: os.environ.get(name) for name in OFFLINE}
    os.environ.update(dict.fromkeys(OFFLINE, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def small(config: Config) -> Config:
    """The configuration with few rows, where rows are drawn, and short windows."""
    made = copy.deepcopy(config)
    for options in (made["data"], made["data"].get("generated") or {}):
        for key, most in ROWS.items():
            if isinstance(options.get(key), int):
                options[key] = min(options[key], most)
    training = made["training"]
    if training["window"] is not None:
        training["window"] = min(training["window"], WINDOW)
        training["stride"] = None if training["stride"] is None else min(training["stride"], training["window"])
    training |= {"max_minutes": None, "max_steps": training["max_steps"] or STEPS}  # what follows time is not exact
    made["device"], made["debug"]["one_batch"] = "cpu", False
    made["threads"] = made["threads"] or 1  # so little is computed at once that more are slower
    return made


def _row(verdict: Verdict) -> dict[str, Any]:
    """A verdict as a line of JSON says it."""
    return {
        "contract": verdict.name,
        "title": verdict.title,
        "outcome": verdict.outcome,
        "difference": verdict.difference,
        "tolerance": verdict.tolerance,
        "what": verdict.what,
        "seconds": round(verdict.seconds, 3),
    }


def _show(found: Sequence[Verdict]) -> None:
    """A row for each contract, then what is to be said of those that are broken or do not apply."""
    table = Table()
    for title in ("contract", "outcome"):
        table.add_column(title, no_wrap=True)
    for title in ("difference", "tolerance", "seconds"):
        table.add_column(title, justify="right", no_wrap=True)
    for verdict in found:
        table.add_row(
            verdict.title,
            Text(verdict.outcome, MARKS[verdict.outcome]),
            "" if verdict.difference is None else f"{verdict.difference:.2g}",
            f"{verdict.tolerance:g}",
            f"{verdict.seconds:.2f}",
        )
    Console(file=standard_output()).print(table)
    for outcome in ("does not apply", "failed"):
        for verdict in found:
            if verdict.outcome == outcome:
                say(f"{verdict.title}: {outcome}: {verdict.what}")

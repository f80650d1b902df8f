"""`seqnet probe`: how far back a model remembers, on held-out data or, of a task made for it, by the lag."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqnet import build, trust
from seqnet.batch import Batch, has_target
from seqnet.commands.evaluate import asked_split
from seqnet.commands.failures import explained
from seqnet.commands.lines import in_words
from seqnet.commands.reported import tell
from seqnet.commands.stored import StoredRun, load
from seqnet.data.examples import Examples, Ragged, Stream
from seqnet.errors import ConfigurationError, DataError, DiskError, is_full
from seqnet.insight.contexts import Asked, losses
from seqnet.insight.memory import Memory, by_context, by_lag
from seqnet.kinds import Axis
from seqnet.observers.memory_plot import draw
from seqnet.observers.plots import NEEDED
from seqnet.progress import progress
from seqnet.tasks.output_layer import pieces
from seqnet.terminal import say, warn
from seqnet.training.evaluation import evaluating

ROWS = 64  # read together
BLOCK = 100  # steps of a row that are not independent of each other
PIECES = 16  # of a running text
LAG_ROWS = 256  # that are drawn for each lag


@dataclass(frozen=True)
class Probed:
    """What was measured. memory: its answer; what: is judged; by: over what; enough: when it counts, in words.

    split, step: of the data and of the run.
    """

    memory: Memory
    what: str
    by: str
    about: Mapping[str, Any]
    enough: str
    split: str
    step: int

    def sentence(self) -> str:
        """For a person."""
        found, most = self.memory, self.memory.points[-1].steps
        said, low, high = (
            f"{most} or more" if steps is None else str(steps) for steps in (found.steps, found.low, found.high)
        )
        return f"memory: {said} steps of {self.by} (95 %: {low} to {high}): {self.enough}"

    def summary(self) -> dict[str, Any]:
        """The one number and its interval, fit for JSON; null: the most that was tried, or more."""
        found = self.memory
        return {
            "split": self.split,
            "step": self.step,
            "memory": found.steps,
            "low": found.low,
            "high": found.high,
            "tried": found.points[-1].steps,
            **({} if found.full is None else {"full_loss": found.full}),
            **self.about,
        }

    def rows(self) -> list[dict[str, Any]]:
        """A row a point of the curve."""
        return [
            {"table": "memory", self.by: point.steps, self.what: point.mean, "low": point.low, "high": point.high}
            for point in self.memory.points
        ]


def run(config: dict[str, Any]) -> int:
    """Measure, tell and draw; the exit code. Raises ConfigurationError and DataError where nothing can be probed."""
    words, draw = in_words(config), _drawing(config)
    stored = load(Path(config["run"]), "best", config["trust"], config["device"], config["precision"])
    if stored.config["threads"]:
        torch.set_num_threads(stored.config["threads"])
    with explained(stored.config, config, rows="positions"), evaluating(stored.assembly.model):
        lag = getattr(stored.assembly.source, "lag", None)
        found = _of_contexts(stored, config) if lag is None else _of_lags(stored, config, lag)
    if words:
        say(f"{found.sentence()}\n")
    tell(found.summary(), found.rows(), config["output"], words)
    if draw is not None:
        draw(found, _place(stored, config))
    return 0


# ---------------------------------------------------------------------------------------------- by what it is given


def _of_contexts(stored: StoredRun, config: dict[str, Any]) -> Probed:
    """The loss against the steps that are read before. Raises ConfigurationError."""
    model: Any = stored.assembly.model
    _refuse_without_memory(stored, config)
    split = asked_split(stored, config)
    random = torch.Generator().manual_seed(config["seed"])
    positions, most = config["positions"], config["max_context"]
    once = isinstance(split, Examples) and isinstance(split.targets, Tensor)
    asked = (
        _of_stream(split, positions, most, random) if isinstance(split, Stream) else _of_rows(split, positions, random)
    )
    longest = max((int(one.steps.max()) for one in asked), default=0) + int(once)
    least = int(once)  # of an answer at a step its own step is read in any case
    if not asked or longest <= least:
        raise DataError(
            f"run={config['run']}: no answer of the {config['split']} split has a step before it, so there is nothing "
            "to be remembered"
        )
    device, lose, done = stored.precision.device, _lose(stored), 0
    most, blocks = min(most, longest), _numbered(asked)
    with progress("probing", 2 * most, "steps of context") as reached:  # 1 + 2 + 4 + ... + most

        def given(steps: int | None) -> Any:
            nonlocal done
            with stored.precision.autocast():
                found = losses(model, lose, asked, None if steps is None else steps + 1 - least, device)
            done += steps or 0
            reached(min(done, 2 * most))
            return found

        memory = by_context(given, given(None), blocks, least, most, config["tolerance"], config["seed"])
    about = {"of": "rows" if once else "positions", "judged": len(blocks), "tolerance": config["tolerance"]}
    enough = f"with so many the loss is that of all, but for {config['tolerance']:.0%} of what context is worth"
    return Probed(memory, "loss", "context", about, enough, config["split"], stored.step)


def _refuse_without_memory(stored: StoredRun, config: dict[str, Any]) -> None:
    """Raises ConfigurationError where a model carries no context from step to step."""
    source, model, task = stored.assembly.source, stored.assembly.model, stored.assembly.task
    if getattr(source, "source", None) is not None:
        raise ConfigurationError(
            f"run={config['run']} reads a source whole before it answers, so no context is carried to be probed: "
            "seqnet explain says which steps of the source an answer rests on"
        )
    if getattr(task, "features", Axis.STEP) is not Axis.ROW and getattr(model, "bidirectional", False):
        raise ConfigurationError(
            f"run={config['run']} reads each row from its end too (model.bidirectional=true), so its answers rest on "
            "both sides and no context is carried to be probed"
        )


def _lose(stored: StoredRun) -> Callable[[Callable[[Tensor], Tensor], Tensor, Tensor], Tensor]:
    """The loss of each item."""
    objective: Any = stored.assembly.objective

    def of(head: Any, features: Tensor, targets: Tensor) -> Tensor:
        if hasattr(head, "losses"):
            own: Tensor = head.losses(features, targets)
            return own
        logits = head(features).float()
        if hasattr(objective, "losses"):
            each: Tensor = objective.losses(logits, targets, training=False)
            return each
        return torch.stack(
            [
                objective.loss(one, target, training=False)
                for one, target in zip(logits.split(1), targets.split(1), strict=True)
            ]
        )

    def lose(head: Callable[[Tensor], Tensor], features: Tensor, targets: Tensor) -> Tensor:
        parts = pieces(objective.out_features, features, targets)
        return torch.cat([of(head, some, wanted).float().flatten() for some, wanted in parts])

    return lose


def _of_stream(stream: Stream, positions: int, most: int, random: torch.Generator) -> list[Asked]:
    """Positions of a running text that have `most` tokens before them in their piece, or half of it, at least."""
    documents = stream.documents
    ends = documents.offsets[1:].tolist()
    spans = [
        (begin, end) for first, last in zip([0, *ends], ends, strict=False) for begin, end in _cut(first, last, most)
    ]
    chosen = [spans[place] for place in torch.randperm(len(spans), generator=random)[:PIECES].tolist()]
    if not chosen:
        return []
    inputs = Ragged.of([documents.flat[begin : end - 1] for begin, end in chosen])
    targets = Ragged.of([documents.flat[begin + 1 : end] for begin, end in chosen])
    examples = Examples(inputs, targets)
    first = (inputs.lengths // 2).clamp(max=most)
    return _positions([examples.batch(torch.arange(len(chosen)))], [first], positions, random)


def _cut(first: int, last: int, most: int) -> list[tuple[int, int]]:
    """A document in pieces of four times the longest context, or less."""
    size = max(4 * most, 1000)
    return [
        (begin, min(begin + size, last)) for begin in range(first, last, size) if min(begin + size, last) - begin > 2
    ]


def _of_rows(examples: Examples, positions: int, random: torch.Generator) -> list[Asked]:
    """Positions of rows, or rows with one answer each."""
    used = examples.lengths.nonzero()[:, 0]
    rows = used[torch.randperm(len(used), generator=random)[:positions]]
    once = isinstance(examples.targets, Tensor)
    batches = [examples.batch(some) for some in rows[examples.lengths[rows].argsort(stable=True)].split(ROWS)]
    if not once:
        return _positions(batches, [torch.zeros_like(batch.lengths) for batch in batches], positions, random)
    found = []
    for batch in batches:
        asked = batch.target_mask().nonzero()[:, 0]
        if len(asked):
            found.append(Asked(batch, asked, batch.lengths[asked] - 1, asked))
    return found


def _positions(batches: list[Batch], firsts: list[Tensor], positions: int, random: torch.Generator) -> list[Asked]:
    """So many of the steps that are asked, from `first` of each row on, drawn at random."""
    places = []
    for number, (batch, first) in enumerate(zip(batches, firsts, strict=True)):
        mask = has_target(batch.targets)
        mask = mask.all(-1) if mask.dim() > 2 else mask
        rows, steps = (mask & (torch.arange(batch.time) >= first[:, None])).nonzero().T
        places.append(torch.stack([torch.full_like(rows, number), rows, steps]))
    every = torch.cat(places, dim=1) if places else torch.zeros(3, 0, dtype=torch.int64)
    drawn = every[:, torch.randperm(every.shape[1], generator=random)[:positions].sort().values]
    found = []
    for number, batch in enumerate(batches):
        _, rows, steps = drawn[:, drawn[0] == number]
        if len(rows):
            found.append(Asked(batch, rows, steps, rows * (batch.time // BLOCK + 1) + steps // BLOCK))
    return found


def _numbered(asked: list[Asked]) -> Any:
    """The blocks of all positions, each batch's by numbers of their own."""
    found, before = [], 0
    for one in asked:
        found.append(one.blocks + before)
        before += int(one.blocks.max()) + 1
    return torch.cat(found).numpy()


# ------------------------------------------------------------------------------------------------------- by the lag


def _of_lags(stored: StoredRun, config: dict[str, Any], option: str) -> Probed:
    """What is right of rows that are drawn for each lag. option: of the data, that says how long the lag is."""
    if config["data"]["path"] is not None:
        kind = stored.config["groups"]["data"]
        raise ConfigurationError(f"data.path: data={kind} is drawn, and probed at lags of its own: leave data.path out")
    trust.refuse_elsewhere(stored.config)
    trained = stored.config["data"][option]
    most = config["max_lag"] or 2 * trained
    lags = sorted({*(2**power for power in range(1, most.bit_length())), *([trained] if trained <= most else []), most})
    right = {}
    with progress("probing", sum(lags), "steps") as reached:
        for lag in lags:
            right[lag] = _right(stored, config, option, lag)
            reached(sum(right))
    memory = by_lag(right, config["right"], config["seed"])
    about = {"rows": len(right[lags[0]]), "right": config["right"], "trained_lag": trained}
    enough = f"up to there {config['right']:.0%} of what is to be remembered is right"
    return Probed(memory, "accuracy", "lag", about, enough, "test", stored.step)


def _right(stored: StoredRun, config: dict[str, Any], option: str, lag: int) -> Any:
    """The share of each row that is right, [rows]."""
    assembly = stored.assembly
    rows = min(config["positions"], LAG_ROWS)
    data = {**stored.config["data"], option: lag, "test_size": rows}
    source: Any = build.source({**stored.config, "data": data}, config["trust"])
    split, found = source.split("test"), []
    for some in torch.arange(rows).split(ROWS):
        batch = split.batch(some).to(stored.precision.device)
        with stored.precision.autocast():
            output = assembly.model(batch, None)
            answers = assembly.objective.decide(output.logits().float())[0]
        found.append(source.right(answers, batch.targets).float().cpu())
    return torch.cat(found).numpy().astype(np.float64)


# ---------------------------------------------------------------------------------------------------------- the plot


def _drawing(config: dict[str, Any]) -> Callable[[Probed, Path], None] | None:
    """What draws; None where the package for it is not there and no plot was asked for. Raises ConfigurationError."""
    if config["plot"] is not None and not Path(config["plot"]).parent.is_dir():
        raise ConfigurationError(f"plot={config['plot']} cannot be written: there is no such folder")
    if find_spec("matplotlib") is None:
        if config["plot"] is not None:
            raise ConfigurationError(f"plot={config['plot']}: {NEEDED}")
        warn(f"no plot is drawn: {NEEDED}")
        return None

    def save(probed: Probed, path: Path) -> None:
        try:
            draw(probed.memory, probed.what, probed.by).save(path, format="PNG")
        except OSError as error:
            sentence = f"plot={path} cannot be written: {error.strerror}"
            if config["plot"] is not None:
                raise (DiskError if is_full(error) else ConfigurationError)(sentence) from error
            warn(f"{sentence}; name another place")  # a run that is kept from being written to is probed all the same
            return
        warn(f"the curve is drawn in {path}")

    return save


def _place(stored: StoredRun, config: dict[str, Any]) -> Path:
    """Where the plot goes: as typed, or into the folder of the run."""
    if config["plot"] is not None:
        return Path(config["plot"])
    run = Path(config["run"])
    return (run if (run / "checkpoints").is_dir() else stored.checkpoint.resolve().parent.parent) / "probe.png"

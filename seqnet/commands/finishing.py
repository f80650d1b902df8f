"""The end of a run: its best checkpoint, or the mean of several, is scored on the test split."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor

from seqnet.batch import EvaluationReport
from seqnet.commands.run_state import RunState
from seqnet.commands.scoring import Scorer
from seqnet.commands.stored import judged, load_weights, restore_objective
from seqnet.training import averaging, checkpoint, manifest
from seqnet.training.progress import Scored

Value = TypeVar("Value")
Scores = dict[str, EvaluationReport]
"""The report of each split."""


def scored(folder: Path, state: RunState, score: Scorer) -> tuple[dict[str, Any], Scores]:
    """What was chosen for the best, its weights in the model, and its scores. Raises Abandoned."""
    ranks = state.trainer.ranks
    best = ranks.told(lambda: manifest.find(folder, "best"))
    components = ranks.told(lambda: judged(checkpoint.read(best)))
    load_weights(state.assembly.model, components, str(best))
    restore_objective(state.assembly.objective, components, str(best))
    reports = {"valid": score("valid")} if score.loaders["valid"] is not None else {}
    found: dict[str, Any] = {"step": manifest.step_of(best)}
    if state.config["checkpoint"]["average_best"]:
        found = _averaged(folder / "checkpoints", state, score, components, reports) or found
    if score.loaders["test"] is not None:
        reports["test"] = score("test")
    return found, reports


def _averaged(
    folder: Path, state: RunState, score: Scorer, best: dict[str, Any], reports: Scores
) -> dict[str, Any] | None:
    """Put the mean of the best checkpoints' weights in the place of the best one, where it is better."""
    stopping, model = state.stopping, state.assembly.model
    there, weights = state.trainer.ranks.told(lambda: _mean(folder, stopping.best_steps))
    if weights is None:
        return None
    averaged = {**best, "parameters": weights, "ema": {}}
    load_weights(model, averaged, "the average")
    report = score("valid")
    averages, single = (
        Scored(each.scores[stopping.monitor], each.scores["loss"], each.step) for each in (report, reports["valid"])
    )
    if not stopping.prefers(averages, single):
        load_weights(model, best, "the best checkpoint")
        restore_objective(state.assembly.objective, best, "the best checkpoint")
        return None
    reports["valid"] = report
    averaged["buffers"] = dict(model.named_buffers())  # with what the output layer has learned of this split
    averaged |= state.components_of_choice()
    steps = sorted(map(manifest.step_of, there))
    if state.trainer.ranks.first:
        written = checkpoint.write(folder, steps[-1], averaged, manifest.AVERAGED)
        checkpoint.link(folder, "best", written)
    return {"step": steps[-1], "averaged_steps": steps}


def _mean(folder: Path, steps: Sequence[int]) -> tuple[list[Path], dict[str, Tensor] | None]:
    """Those checkpoints that are there, and the mean of their weights, where there are several."""
    there = [path for step in steps if (path := checkpoint.named(folder, step)).is_dir()]
    read = [judged(checkpoint.read(path))["parameters"] for path in there] if len(there) > 1 else []
    return there, averaging.mean(read) if read else None

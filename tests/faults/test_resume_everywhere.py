"""Each task, with each cell, stopped in each kind of place, goes on to the end that nothing stopped."""

import copy
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from seqnet import build
from seqnet.configuration import CONFIGS
from seqnet.training import checkpoint
from seqnet.training.pieces import Position
from seqnet.training.trainer import Trainer

CELLS = tuple(sorted(path.stem for path in (CONFIGS / "cell").glob("*.yaml")))
TASKS = (
    "text",
    "documents",
    "sentences",
    "tags",
    "compose",
    "drawing",
    "reverse, soft",
    "reverse, hard",
    "reverse, local",
    "reverse, multi_head",
)
MOMENTS = ("mid-epoch", "mid-sequence", "killed in evaluation", "asked to stop in evaluation")

SAME: list[str] = []

Train = Callable[..., tuple[int, str]]
Differences = Callable[[Path, Path], list[str]]


class Death(BaseException):
    """The process is gone: no handler of the program's own answers this."""


@contextmanager
def after_steps(happens: Callable[[Trainer], None]) -> Iterator[None]:
    """Have something done with the trainer after each step, when it is logged, scored and saved."""
    steps = Trainer.steps

    def stepping(trainer: Trainer) -> Iterator[Any]:
        for report in steps(trainer):
            yield report
            happens(trainer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "steps", stepping)
        yield


@contextmanager
def in_evaluation(happens: Callable[[], None]) -> Iterator[None]:
    """Have something done in the middle of the second evaluation: at the second window that it judges."""
    reached: list[object] = []

    def patched(judge_of: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def judging(task: Any) -> Any:
            judge = judge_of(task)
            update, calls = judge.update, []

            def updating(*given: Any) -> float:
                calls.append(given)
                if len(calls) == 2:
                    reached.append(judge)
                    if len(reached) == 2:
                        happens()
                found: float = update(*given)
                return found

            judge.update = updating
            return judge

        return judging

    targets = [yaml.safe_load(path.read_text())["_target_"] for path in (CONFIGS / "task").glob("*.yaml")]
    with pytest.MonkeyPatch.context() as patch:
        for cls in (build.locate(name, None) for name in targets):
            if "evaluator" in vars(cls):  # and not only in what it is derived from
                patch.setattr(cls, "evaluator", patched(cls.evaluator))
        yield


@dataclass
class Whole:
    """A run that nothing stopped, and where it stood after each step."""

    overrides: tuple[str, ...]
    folder: Path
    positions: dict[int, Position] = field(default_factory=dict)

    def note(self, trainer: Trainer) -> None:
        """Take in where the trainer stands."""
        self.positions[trainer.position.step] = copy.deepcopy(trainer.position)

    def step(self, moment: str) -> int:
        """After which step with a checkpoint, and none at the next, it stood in the middle of an epoch or sequence."""
        inside = {
            step: here
            for step, here in self.positions.items()
            if step % 3 == 0 and (step + 1) % 5 and step + 1 < max(self.positions) and (here.batch or here.window)
        }
        found = [step for step, here in inside.items() if bool(here.window) == (moment == "mid-sequence")]
        if not found:  # one text is one batch, and documents come in batches of one window, after which they go on
            assert "experiment=tiny_shakespeare" in self.overrides
            found = list(inside)
        return found[-1] if moment == "mid-sequence" else found[0]


def stopped(train: Train, whole: Whole, moment: str, run: Path) -> None:
    """The run of `whole` in another folder, stopped at such a moment."""

    def die() -> None:
        raise Death

    def die_after_the_next(trainer: Trainer) -> None:
        if trainer.position.step == last + 1:
            raise Death

    if moment == "asked to stop in evaluation":
        with in_evaluation(lambda: os.kill(os.getpid(), signal.SIGTERM)):
            code, told = train(whole.overrides, run)
        assert code == 143, told
        step, components = newest(run)
        assert components["metrics"]["evaluated"]["step"] < step  # so that the evaluation is made again
    elif moment == "killed in evaluation":
        with in_evaluation(die), pytest.raises(Death):
            train(whole.overrides, run)
    else:
        last = whole.step(moment)
        with after_steps(die_after_the_next), pytest.raises(Death):
            train(whole.overrides, run)
        step, components = newest(run)
        assert step == last
        assert components["carried_state"]["rows"] or moment != "mid-sequence"
    assert not (run / "results.json").exists()


def newest(run: Path) -> tuple[int, dict[str, Any]]:
    """The step and the components of a run's newest checkpoint."""
    path = checkpoint.existing(run / "checkpoints")[0]
    return int(path.name[5:]), checkpoint.read(path)


@pytest.mark.parametrize("task", TASKS)
def test_a_run_stopped_anywhere_goes_on_to_the_same_end(
    task: str,
    small_runs: dict[str, tuple[str, ...]],
    train: Train,
    differences: Differences,
    tmp_path: Path,
    amount: Callable[[int, int], int],
    figure: Callable[[str, str], None],
) -> None:
    place, full = TASKS.index(task), amount(0, 1)
    cells = CELLS if full else CELLS[place % len(CELLS) :][:1]
    moments = MOMENTS if full else (MOMENTS[place % 2], MOMENTS[2 + place // 2 % 2])
    for cell in cells:
        whole = Whole((*small_runs[task], f"cell={cell}", "checkpoint.every_steps=3"), tmp_path / cell)
        with after_steps(whole.note):
            code, told = train(whole.overrides, whole.folder)
        assert code == 0, told
        for moment in moments:
            run = tmp_path / f"{cell} {moment}"
            stopped(train, whole, moment, run)
            code, told = train(whole.overrides, run)
            assert code == 0, (task, cell, moment, told)
            assert not differences(run, whole.folder), (task, cell, moment)
            SAME.append(f"{task}, {cell}, {moment}")
    figure(
        "each task x cell x moment",
        f"{len(SAME)} of {len(TASKS) * len(cells) * len(moments)} bit-identical in all components, rows and scores: "
        f"{len(TASKS)} tasks ({'; '.join(TASKS)}) x {', '.join(CELLS)} x {', '.join(MOMENTS)}",
    )

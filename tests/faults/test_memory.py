"""Training does not grow: neither the memory of the process nor the number of its tensors."""

import gc
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from seqnet.observers.metrics_file import MetricsFile

WARM = 200  # steps in which caches fill
STRETCH = 150  # steps of many epochs: how many tensors there are depends on where in one a step is
KINDS = ("text", "documents", "tags", "reverse, soft")
MOST = 8 * 2**20  # bytes


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def tensors() -> int:
    """How many tensors are alive, beside those that were when the garbage collector last froze."""
    gc.collect()
    return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_many_steps_take_no_memory(
    train: Callable[..., tuple[int, str]],
    small_runs: dict[str, tuple[str, ...]],
    amount: Callable[[int, int], int],
    figure: Callable[[str, str], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps = amount(600, 10_000)
    grown = []
    on_step = MetricsFile.on_step
    for kind in KINDS[: amount(1, len(KINDS))]:
        marks = (WARM, (WARM + steps) // 2, steps)
        counts: dict[int, list[int]] = {mark: [] for mark in marks}
        memory = dict.fromkeys(marks, 0)

        def look(self: Any, report: Any, counts: Any = counts, memory: Any = memory) -> None:
            on_step(self, report)
            if report.step == WARM - STRETCH - 10:  # what is alive here may die in a few steps
                gc.collect()
                gc.freeze()
            for mark in counts:
                if mark - STRETCH < report.step <= mark:
                    counts[mark].append(tensors())
                    memory[mark] = resident()

        monkeypatch.setattr(MetricsFile, "on_step", look)
        changes = {
            "training.max_epochs": None,
            "training.max_steps": steps,
            "training.evaluate_every_steps": steps,
            "training.log_every_steps": 10,
            "schedule.warmup_steps": 2,
            "observers.tensorboard": {"_target_": "seqnet.observers.tensorboard.TensorBoard"},
        }
        code, told = train(small_runs[kind], tmp_path / kind, changes)
        assert code == 0, told
        monkeypatch.setattr(MetricsFile, "on_step", on_step)
        gc.unfreeze()
        fewest = {mark: min(counts[mark]) for mark in marks}
        assert len(set(fewest.values())) == 1 and fewest[WARM], f"{kind}: {fewest} tensors"
        assert memory[steps] - memory[WARM] <= MOST, f"{kind}: {memory} bytes"
        grown.append((memory[steps] - memory[WARM]) / 2**20)
    figure(
        "10,000 TBPTT steps",
        f"{steps:,} steps of {len(grown)} kinds of run, metrics and TensorBoard written: memory grows by at most "
        f"{max(0.0, *grown):.1f} MiB, the number of tensors not at all",
    )

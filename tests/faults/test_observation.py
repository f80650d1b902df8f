"""Watching a run changes nothing: whatever is logged, scored, saved, shown or read ahead, the same weights come out."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from seqnet.configuration import CONFIGS
from seqnet.training import checkpoint, manifest

TASKS = ("text", "tags", "compose", "reverse, hard")  # compose moves its pieces at random
DECODINGS = tuple(yaml.safe_load((CONFIGS / f"decoding/{name}.yaml").read_text()) for name in ("beam", "sampling"))
SETTINGS: dict[str, tuple[Any, ...]] = {
    "training.log_every_steps": (1, 7),
    "training.evaluate_every_steps": (None, 1, 5),
    "training.ema_decay": (None, 0.5),
    "checkpoint.every_steps": (1, 4),
    "checkpoint.every_minutes": (None, 1e-9),
    "checkpoint.keep": (1, 5),
    "checkpoint.keep_best": (2, 5),
    "checkpoint.average_best": (True,),
    "observers.console": ({"_target_": "seqnet.observers.console.Console"},),
    "observers.tensorboard": ({"_target_": "seqnet.observers.tensorboard.TensorBoard"},),
    "observers.samples": (False,),
    "observers.memory": tuple({"_target_": "seqnet.observers.memory.Memory", "every_steps": n} for n in (1, 3)),
    "observers.sample_length": (1, 40),
    "debug.profile": (True,),
    "debug.evaluation_batches": (1,),
    "data.num_workers": (1, 2),
    "decoding": DECODINGS,
    "task.metrics": ([], ["token_accuracy", "bleu"]),
}
# Components that say how a run was watched.
WATCHING = {"config", "early_stopping", "ema", "averaging", "metrics", "snapshots"}

Train = Callable[..., tuple[int, str]]
Trained = Callable[[str, dict[str, Any]], dict[str, str]]


@pytest.fixture
def trained(small_runs: dict[str, tuple[str, ...]], train: Train, tmp_path: Path) -> Trained:
    """What a small run of a task comes to with some settings changed: the sum of each component at its end."""

    def run(task: str, changes: dict[str, Any]) -> dict[str, str]:
        folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        code, told = train(small_runs[task], folder, changes)
        assert code == 0, (task, changes, told)
        found = checkpoint.fingerprint(manifest.find(folder, "last"))
        assert found.keys() >= WATCHING | {"parameters", "optimizer", "rng"}
        return {name: digest for name, digest in found.items() if name not in WATCHING}

    return run


def writes(task: str) -> bool:
    """Whether what a task writes freely can be scored; a composition is compared with nothing."""
    return task.startswith("reverse")


def test_every_option_of_watching_is_tried() -> None:
    told = yaml.safe_load((CONFIGS / "train.yaml").read_text())["observers"]
    for group, more in (("checkpoint", {}), ("observers", told)):
        options = yaml.safe_load((CONFIGS / group / "default.yaml").read_text()) | more
        assert SETTINGS.keys() >= {f"{group}.{key}" for key in options}


def test_no_way_of_watching_changes_a_run(
    trained: Trained, amount: Callable[[int, int], int], figure: Callable[[str, str], None]
) -> None:
    plain = {task: trained(task, {}) for task in TASKS}
    singles = [{key: value} for key, values in SETTINGS.items() for value in values]
    tried = [(task, one) for place, task in enumerate(TASKS) for one in singles[place :: amount(len(TASKS), 1)]]
    drawn = random.Random(4)
    for task in TASKS * amount(1, 20):
        keys = drawn.sample(sorted(SETTINGS), k=drawn.randint(2, len(SETTINGS)))
        tried.append((task, {key: drawn.choice(SETTINGS[key]) for key in keys}))
    tried = [(task, {k: v for k, v in one.items() if k != "task.metrics" or writes(task)}) for task, one in tried]
    tried = [(task, one) for task, one in tried if one]
    for task, changes in tried:
        assert trained(task, changes) == plain[task], (task, changes)
    combinations = sum(len(changes) > 1 for _, changes in tried)
    figure(
        "observation",
        f"{len(tried)} of {len(tried)} runs bit-identical: each setting of {len(SETTINGS)} options alone, and "
        f"{combinations} random combinations; {', '.join(TASKS)}",
    )


def test_no_way_of_watching_changes_a_run_on_a_gpu(trained: Trained, amount: Callable[[int, int], int]) -> None:
    if not torch.cuda.is_available():
        pytest.skip("torch finds no GPU here, so runs with device=cuda deterministic=true are not compared")
    on_gpu = {"device": "cuda", "deterministic": True}
    for task in TASKS[: amount(2, len(TASKS))]:
        plain = trained(task, on_gpu)
        for key, values in SETTINGS.items():
            if key != "task.metrics" or writes(task):
                assert trained(task, {**on_gpu, key: values[-1]}) == plain, (task, key)

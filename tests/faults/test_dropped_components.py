"""The control of the tests of exact resume: whatever of a checkpoint is not put back is noticed by them.

For each component of a checkpoint, and for each part of those that have several, a run is gone on with from a
checkpoint in which it is as a new run would have it. Were the end the same, the equal ends of other tests would say
nothing of it. The runs make use of everything: patience, a schedule that hears of evaluations, averaged weights, fp16
with its scaler, rows that are not finite, and a cell of the user's own with a buffer, that draws from the generators
of Python, NumPy and torch, from which seqnet itself never draws in training.
"""

import copy
import json
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from seqnet import configuration
from seqnet.training import checkpoint

OWN = '''
"""Classes of the user's own."""
import random

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from seqnet.state import HiddenState
from seqnet.training.schedule import Plateau


class Drawing(nn.Module):
    """Keeps a mean of its outputs, draws from three generators, and fails where a batch has four rows."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.map = nn.Linear(input_size + hidden_size, hidden_size)
        self.register_buffer("mean", torch.zeros(hidden_size))

    def initial_state(self, batch_size: int) -> HiddenState:
        return HiddenState(self.map.weight.new_zeros(batch_size, self.hidden_size))

    def forward(self, x, state):
        hidden = torch.tanh(self.map(torch.cat([x, state.hidden], dim=-1)))
        if not self.training:
            return hidden - self.mean, HiddenState(hidden)
        if len(x) == 4:
            hidden = hidden * float("nan")
        else:
            self.mean.lerp_(hidden.detach().mean(0), 0.1)
            hidden = F.dropout(hidden, 0.1) * (1 + 0.1 * random.random() + 0.1 * np.random.rand())
        return hidden - self.mean, HiddenState(hidden)


class Falling(Plateau):
    """Falls with the share of training done, beside the drops."""

    def shape(self, done: float) -> float:
        return self.current * (1 - done / 2)
'''

PARTS = ("counters", "data_position", "early_stopping", "metrics", "optimizer", "rng", "scaler", "schedule")
CLOCK = "time is not held to be equal"
CONSTANT = "torch's constant"
EXEMPT = {
    "machine": "says where a checkpoint was made, for a warning",
    "read": "of the data, which stays as it was: compared with what is read where a run goes on",
    "counters/seconds": CLOCK,
    "metrics/averages/seconds": CLOCK,
    "optimizer/param_groups": "options as configured; the rate is set anew at each step",
    "rng/cuda": "these runs are on the CPU",
    "scaler/growth_factor": CONSTANT,
    "scaler/backoff_factor": CONSTANT,
    "scaler/growth_interval": CONSTANT,
}

Train = Callable[..., tuple[int, str]]
Differences = Callable[[Path, Path], list[str]]


class Dropping:
    """Finished runs with a checkpoint of every step, and what becomes of them when a part of one is dropped."""

    def __init__(self, train: Train, differences: Differences, folder: Path, own: str, small: tuple[str, ...]) -> None:
        self._train, self._differences, self._folder = train, differences, folder
        self._trust = (f"trust=[{own}]",)
        self._small = small
        self.runs: dict[str, Path] = {}

    def add(self, name: str, *overrides: str) -> None:
        """A run that nothing stops."""
        self.runs[name] = self._folder / name
        options = ("checkpoint.every_steps=1", "checkpoint.keep=1000", "observers.samples=false")
        code, told = self._train((*self._small, *overrides, *options), self.runs[name])
        assert code == 0, told

    def steps(self, name: str) -> list[int]:
        """Those that have a checkpoint."""
        return sorted(int(path.name[5:]) for path in checkpoint.existing(self.runs[name] / "checkpoints"))

    def read(self, name: str, step: int) -> dict[str, Any]:
        """The components of a checkpoint."""
        return checkpoint.read(checkpoint.named(self.runs[name] / "checkpoints", step))

    def noticed(self, name: str, step: int, components: dict[str, Any]) -> list[str]:
        """What tells a run that goes on from these components at that step from the one that nothing stopped."""
        whole, run = self.runs[name], self._folder / "again"
        shutil.rmtree(run, ignore_errors=True)
        run.mkdir()
        for path in ("metrics.jsonl", "config.yaml"):
            shutil.copy(whole / path, run / path)
        there = self.read(name, step)
        kept = [there, *there.get("snapshots", [])]
        for best in {best for one in kept for _, best in one["early_stopping"]["best"]} - {step}:
            checkpoint.copy(checkpoint.named(whole / "checkpoints", best), run / "checkpoints")
        checkpoint.link(run / "checkpoints", "last", checkpoint.write(run / "checkpoints", step, components))
        code, told = self._train(self._trust, run)
        return self._differences(run, whole) if code == 0 else [f"exit {code}: {told.splitlines()[-1]}"]


@pytest.fixture(scope="module")
def dropping(
    tmp_path_factory: pytest.TempPathFactory,
    small_runs: dict[str, tuple[str, ...]],
    train: Train,
    differences: Differences,
) -> Iterator[Dropping]:
    folder = tmp_path_factory.mktemp("dropping")
    own = f"own_{folder.name}"
    (folder / f"{own}.py").write_text(OWN)
    for group, cls in (("cell", "Drawing"), ("schedule", "Falling")):
        (folder / "configs" / group).mkdir(parents=True)
        (folder / "configs" / group / "own.yaml").write_text(f"_target_: {own}.{cls}\n")
    (folder / "configs/schedule/own.yaml").write_text(f"_target_: {own}.Falling\nwarmup_steps: 2\npatience: 1\n")
    options = ("optimizer.lr=0.3", "schedule=own", "training.max_epochs=3", "training.patience=6")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        # A scaler grows every 2,000 steps, and these runs have fewer.
        patch.setattr(torch.amp, "GradScaler", partial(torch.amp.GradScaler, growth_interval=4))
        small = ("--config-dir", str(folder / "configs"), *small_runs["tags"], *options)
        made = Dropping(train, differences, folder, own, small)
        made.add("skip", "cell=own", "training.on_nonfinite=skip")
        made.add("rewind", "cell=own", "training.on_nonfinite=rewind")
        made.add("fp16", "precision=fp16", "training.ema_decay=null", "training.average_after=1")
        yield made


def paths_of(components: dict[str, Any]) -> Iterator[str]:
    """Each component, and the parts of those that have several."""
    for name, component in components.items():
        yield name
        if name in PARTS:
            for key, part in component.items():
                yield f"{name}/{key}"
                if name == "metrics" and isinstance(part, dict):
                    yield from (f"{name}/{key}/{leaf}" for leaf in part)


def look(tree: Any, path: str) -> Any:
    """What stands at a path; of what is not there, nothing of its kind."""
    for key in path.split("/"):
        tree = (tree or {}).get(key)
    return tree


def dropped(components: dict[str, Any], path: str, fresh: dict[str, Any]) -> dict[str, Any] | None:
    """The components with the fresh one at `path`; None where that changes nothing."""
    made = copy.deepcopy(components)
    *parents, last = path.split("/")
    place = look(made, "/".join(parents)) if parents else made
    if place is None or last not in place:
        return None
    now, then = place[last], look(fresh, path)
    place[last] = type(now)() if then is None and len(parents) > 1 else then
    return None if text(place[last]) == text(now) else made


def text(tree: Any) -> str:
    """To compare trees of tensors by."""
    rest, tensors = checkpoint.split_tensors(tree)
    return json.dumps(rest) + str({place: tensor.tolist() for place, tensor in tensors.items()})


def fresh_components(dropping: Dropping, name: str) -> dict[str, Any]:
    """Those of a run that begins. Configuration and vocabulary are the same from step 0 on: those of another run."""
    fresh = dropping.read(name, 0)
    overrides = ("experiment=wnut17", f"data.path={fresh['config']['data']['path']}", "device=cpu", "threads=1")
    fresh["config"] = configuration.compose("train", overrides).config
    fields = fresh["data"]["fields"]
    first, *words = fields["word"]
    fields["word"] = [first, *words[::-1]]
    return fresh


def test_nothing_dropped_is_nothing_noticed(dropping: Dropping, amount: Callable[[int, int], int]) -> None:
    for name in dropping.runs:
        steps = dropping.steps(name)
        for step in [steps[len(steps) // 2], *[0, 5, steps[-1]][: amount(0, 3)]]:
            assert not dropping.noticed(name, step, dropping.read(name, step)), (name, step)


def test_each_dropped_component_is_noticed(
    dropping: Dropping, amount: Callable[[int, int], int], figure: Callable[[str, str], None]
) -> None:
    noticed: dict[str, str] = {}
    paths: set[str] = set()
    for name in dropping.runs:
        fresh, steps, read = fresh_components(dropping, name), dropping.steps(name), {}
        middle = steps[len(steps) // 2]  # most is noticed from here, the rest near the end of an epoch
        of_run = {path for path in paths_of(dropping.read(name, steps[-1])) if amount(0, 1) or "/" not in path}
        paths |= of_run
        for path in sorted(of_run - noticed.keys() - EXEMPT.keys()):
            for step in [middle, *reversed(steps)]:
                read[step] = read.get(step) or dropping.read(name, step)
                components = dropped(read[step], path, fresh)
                if components is None:
                    continue  # at this step it is as at the beginning
                if found := dropping.noticed(name, step, components):
                    noticed[path] = f"run {name}, step {step}: {', '.join(found)}"
                    break
    for path, by in noticed.items():
        print(f"{path} dropped, {by}")
    missed = paths - noticed.keys() - EXEMPT.keys()
    assert not missed
    figure(
        "control: dropped components",
        f"{len(noticed)} of {len(paths - EXEMPT.keys())} drops noticed, of {len([p for p in paths if '/' not in p])} "
        f"components and their parts; {len(paths & EXEMPT.keys())} left out, each for a reason that the test gives",
    )


def test_a_checkpoint_that_lacks_a_component_is_refused(dropping: Dropping) -> None:
    components = dropping.read("skip", 5)
    for name in components.keys() - {"machine", "snapshots", "averaging"}:  # a warning; a rewind; where it is empty
        lacking = {key: value for key, value in components.items() if key != name}
        (found,) = dropping.noticed("skip", 5, lacking)
        assert found.startswith("exit 5"), (name, found)

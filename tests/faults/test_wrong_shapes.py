"""A component of a checkpoint that is none, though its sum is right: refused as a checkpoint, not met as a bug.

Each component, and each part of those that have several, is replaced with JSON of other shapes, the manifest made anew.
"""

import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from seqnet.training import checkpoint, manifest

SHAPES = {
    "an object": {"a": 1},
    "a list": [1, 2],
    "nested": [[{"a": [None, {"b": 1}]}]],
    "a number": 7,
    "a fraction": -1.5,
    "null": None,
    "a text": "x",
    "true": True,
}
READ = ("buffers", "config", "counters", "data", "ema", "parameters")  # by the commands that ask a run something
DEPTHS = {"counters": 1, "data_position": 2, "early_stopping": 3, "metrics": 3, "carried_state": 2, "schedule": 1}
DEPTHS |= {"scaler": 1, "rng": 1, "data": 2, "buffers": 1, "snapshots": 2}
COMMANDS = (
    ("train", "run_dir=run", "training.max_steps=14", "observers.console=false"),
    ("train", "resume=run", "run_dir=new", "optimizer.lr=1e-4", "training.max_steps=15", "observers.console=false"),
    ("evaluate", "run=run", "split=valid"),
    ("predict", "run=run"),
    ("generate", "run=run", "length=3"),
)
OF_NO_USE = ("machine", "scaler")  # compared where it is there, and of a run in another precision


@pytest.fixture(scope="module")
def components(
    tmp_path_factory: pytest.TempPathFactory, novel: Path, train: Callable[..., tuple[int, str]]
) -> dict[str, Any]:
    """What the last checkpoint of a run holds that makes use of every component."""
    folder = tmp_path_factory.mktemp("shapes") / "run"
    overrides = (
        "experiment=tiny_shakespeare",
        f"data.path={novel}",
        "data.batch_size=4",
        "model.hidden_size=4",
        "model.embedding_size=4",
        "training.window=40",
        "training.max_minutes=null",
        "training.max_steps=12",
        "training.evaluate_every_steps=4",
        "training.log_every_steps=5",
        "training.on_nonfinite=rewind",
        "training.ema_decay=0.9",
        "training.patience=2",
        "schedule=plateau",
        "schedule.warmup_steps=3",
        "observers.samples=false",
    )
    assert train(overrides, folder) == (0, "")
    return checkpoint.read(manifest.find(folder, "last"))


def places(tree: Any, depth: int, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands, down to a depth; of a list the first."""
    yield before
    parts = tree.items() if isinstance(tree, dict) else enumerate(tree[:1]) if isinstance(tree, (list, tuple)) else ()
    if depth:
        for key, part in parts:
            yield from places(part, depth - 1, (*before, key))


def put(tree: Any, place: tuple[Any, ...], value: Any) -> Any:
    """The tree with `value` at a place."""
    if not place:
        return value
    copied = dict(tree) if isinstance(tree, dict) else list(tree)
    copied[place[0]] = put(tree[place[0]], place[1:], value)
    return tuple(copied) if isinstance(tree, tuple) else copied


def cases(components: dict[str, Any], every: bool) -> Iterator[tuple[tuple[Any, ...], str, tuple[str, ...]]]:
    """A place, what is put there and a command; unless it is `every` one, two for each component, all in turn."""
    turn = count()
    for name, tree in components.items():
        commands = COMMANDS if name in READ else COMMANDS[:2]
        for place in places(tree, DEPTHS.get(name, 0) if every else 0):
            pairs = [(shape, command) for shape in SHAPES for command in commands]
            if not every:
                first = next(turn)
                pairs = [(list(SHAPES)[(first + k) % 8], commands[(first + k) % len(commands)]) for k in (0, 3)]
                pairs += [("an object", COMMANDS[0])] * (name == "snapshots")
            yield from (((name, *place), shape, command) for shape, command in pairs)


def test_a_component_of_another_shape_is_no_checkpoint(
    seqnet: Any, components: dict[str, Any], amount: Callable[[int, int], int], figure: Callable[[str, str], None]
) -> None:
    tried = refused = 0
    for place, shape, command in cases(components, bool(amount(0, 1))):
        for folder in ("run", "new"):
            shutil.rmtree(folder, ignore_errors=True)
        written = checkpoint.write(Path("run/checkpoints"), 12, put(components, place, SHAPES[shape]))
        for name in ("last", "best"):
            checkpoint.link(Path("run/checkpoints"), name, written)
        found = seqnet(*command, stdin=b"the fox\n")
        told = f"{place} = {shape}, {command}: {found}"
        assert found.code in ((0, 5) if len(place) > 1 or place[0] in OF_NO_USE else (5,)), told
        if found.code:
            assert found.err.splitlines()[-1].startswith("seqnet: "), told
            assert not Path("new").exists(), told
        tried, refused = tried + 1, refused + (found.code == 5)
    assert refused > 25
    figure("components of other shapes", f"{refused} of {tried} refused in one sentence, the others of no use there")

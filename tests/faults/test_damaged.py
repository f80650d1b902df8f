"""Damaged checkpoints: each is noticed, its file named, and passed over for the one before."""

import hashlib
import itertools
import json
import os
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from seqnet import build
from seqnet.errors import CheckpointError
from seqnet.training import checkpoint, manifest
from seqnet.training.trainer import Trainer

NEWEST, BEFORE, OLDEST = 12, 10, 9  # the steps of the checkpoints; the best one is BEFORE
NAME, BEFORE_NAME = f"step_{NEWEST:08d}", f"step_{BEFORE:08d}"
# It says in train.log where the run goes on.
CONSOLE = {"observers.console": {"_target_": "seqnet.observers.console.Console"}}

CAUGHT: Counter[str] = Counter()


class Death(BaseException):
    """The process is gone."""


@dataclass
class Runs:
    """A run that died with three checkpoints, the same run where nothing happened, and the means to go on."""

    died: Path
    whole: Path
    overrides: tuple[str, ...]
    train: Callable[..., tuple[int, str]]
    differences: Callable[[Path, Path], list[str]]
    seqnet: Any

    def copy(self, run: Path) -> Path:
        """The run that died, in another folder; its checkpoints."""
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(self.died, run, symlinks=True)
        return run / "checkpoints"

    def goes_on(self, run: Path, step: int) -> str:
        """The run goes on from that step to the end of the whole one; what it says on standard error."""
        code, told = self.train(self.overrides, run, CONSOLE)
        assert code == 0, told
        assert f"goes on     after step {step}\n" in (run / "train.log").read_text()
        assert not self.differences(run, self.whole)
        return told

    def caught(self, run: Path, files: tuple[Path, ...], trained: bool, step: int = BEFORE) -> None:
        """One of `files` is named by verify, and by a run that passes it over and goes on from `step`."""
        found = self.seqnet("checkpoint", "verify", run)
        assert (found.code, found.out) == (5, ""), files
        assert found.err.count("\n") == 1 and any(str(file) in found.err for file in files), (files, found.err)
        told: list[str] = []
        going = checkpoint.newest(run / "checkpoints", told.append)
        assert going is not None and going[0].name == f"step_{step:08d}", told
        assert any(str(file) in sentence for sentence in told for file in files), (files, told)
        if trained:
            err = self.goes_on(run, step)
            assert err.splitlines() == [f"seqnet: passed over: {sentence}" for sentence in told]


@pytest.fixture
def runs(died: tuple[Path, Path, tuple[str, ...]], seqnet: Any, train: Any, differences: Any) -> Runs:
    run, whole, overrides = died
    return Runs(run, whole, overrides, train, differences, seqnet)


@pytest.fixture(scope="module")
def died(
    tmp_path_factory: pytest.TempPathFactory, small_runs: dict[str, tuple[str, ...]], train: Any
) -> tuple[Path, Path, tuple[str, ...]]:
    folder = tmp_path_factory.mktemp("damaged")
    overrides = (*small_runs["tags"], "checkpoint.every_steps=3", "checkpoint.keep=3")
    code, told = train(overrides, folder / "whole", CONSOLE)
    assert code == 0, told
    steps = Trainer.steps

    def dying(trainer: Trainer) -> Iterator[Any]:
        for report in steps(trainer):
            if trainer.position.step > NEWEST:
                raise Death
            yield report

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Death):
        patch.setattr(Trainer, "steps", dying)
        train(overrides, folder / "died", CONSOLE)
    there = [manifest.step_of(path) for path in checkpoint.existing(folder / "died/checkpoints")]
    assert there == [NEWEST, BEFORE, OLDEST]
    return folder / "died", folder / "whole", overrides


def files_of(folder: Path) -> list[Path]:
    """All of a checkpoint, by name."""
    return sorted(folder.iterdir())


def flip(file: Path, place: int, bit: int) -> None:
    """Turn one bit around."""
    data = bytearray(file.read_bytes())
    data[place] ^= 1 << bit
    file.write_bytes(data)


def tree(folder: Path) -> dict[Path, Any]:
    """All that is in a folder, and when files were changed: that of a folder changes as it is held and let go."""
    found = {}
    for path in sorted(folder.rglob("*")):
        content: Any = os.readlink(path) if path.is_symlink() else path.is_file() and path.read_bytes()
        found[path] = content, None if content is False else path.lstat().st_mtime_ns
    return found


def reached(figure: Callable[[str, str], None]) -> None:
    listed = ", ".join(f"{count} {name}" for name, count in CAUGHT.items())
    figure(
        "byte flips, truncations, empty, missing and swapped files",
        f"all of these detected, the file named, gone on from the checkpoint before to the same end: {listed}",
    )


def test_every_flipped_byte_is_noticed(
    runs: Runs, tmp_path: Path, amount: Callable[[int, int], int], figure: Callable[[str, str], None]
) -> None:
    drawn = random.Random(7)
    for case in range(amount(12, 200)):
        folder = runs.copy(tmp_path / "run") / NAME
        file = drawn.choice(files_of(folder))
        flip(file, drawn.randrange(file.stat().st_size), drawn.randrange(8))
        runs.caught(tmp_path / "run", (file,), trained=case < amount(2, 200))
        CAUGHT["flips"] += 1
    reached(figure)


def test_every_byte_of_a_manifest_counts(runs: Runs, tmp_path: Path, amount: Callable[[int, int], int]) -> None:
    folder = runs.copy(tmp_path / "run") / NAME
    file = folder / manifest.MANIFEST
    whole = file.read_bytes()
    for place in range(0, len(whole), amount(54, 1)):
        flip(file, place, place % 8)
        with pytest.raises(CheckpointError, match="manifest.json|has format"):
            manifest.verified(folder, wanted=())
        file.write_bytes(whole)
    assert not manifest.verified(folder, wanted=())


def test_every_truncation_is_noticed(
    runs: Runs, tmp_path: Path, amount: Callable[[int, int], int], figure: Callable[[str, str], None]
) -> None:
    drawn = random.Random(8)
    for case in range(amount(8, 30)):
        folder = runs.copy(tmp_path / "run") / NAME
        file = drawn.choice(files_of(folder))
        os.truncate(file, drawn.randrange(1, file.stat().st_size))
        runs.caught(tmp_path / "run", (file,), trained=case < amount(1, 30))
        CAUGHT["truncations"] += 1
    reached(figure)


def as_a_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def as_a_link(file: Path) -> None:
    file.rename(file.with_name("elsewhere"))
    file.symlink_to("elsewhere")


def as_a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def longer(file: Path) -> None:
    with file.open("ab") as opened:
        opened.write(b"\n")


@pytest.mark.parametrize(
    ("what", "damage"),
    [
        ("empty", lambda file: os.truncate(file, 0)),
        ("missing", Path.unlink),
        ("longer", longer),
        ("a pipe", as_a_pipe),
        ("a link", as_a_link),
        ("a folder", as_a_folder),
    ],
)
def test_every_file_is_looked_at(
    runs: Runs,
    tmp_path: Path,
    amount: Callable[[int, int], int],
    figure: Callable[[str, str], None],
    what: str,
    damage: Callable[[Path], None],
) -> None:
    for name in [path.name for path in files_of(runs.died / "checkpoints" / NAME)]:
        file = runs.copy(tmp_path / "run") / NAME / name
        damage(file)
        runs.caught(tmp_path / "run", (file,), trained=bool(amount(0, 1)) and what in ("empty", "missing"))
        CAUGHT[f"files {what}"] += 1
    reached(figure)


def test_files_that_changed_places_are_noticed(
    runs: Runs, tmp_path: Path, amount: Callable[[int, int], int], figure: Callable[[str, str], None]
) -> None:
    folder = runs.died / "checkpoints" / NAME
    pairs = [
        (one.name, other.name)
        for one, other in itertools.combinations(files_of(folder), 2)
        if one.read_bytes() != other.read_bytes()
    ]
    for case, names in enumerate(random.Random(9).sample(pairs, amount(10, len(pairs)))):
        folder = runs.copy(tmp_path / "run") / NAME
        one, other = (folder / name for name in names)
        one.rename(folder / "third")
        other.rename(one)
        (folder / "third").rename(other)
        runs.caught(tmp_path / "run", (one, other), trained=case < amount(1, 20))
        CAUGHT["pairs swapped"] += 1
    reached(figure)


def test_a_file_of_another_checkpoint_is_noticed(
    runs: Runs, tmp_path: Path, amount: Callable[[int, int], int], figure: Callable[[str, str], None]
) -> None:
    names = [path.name for path in files_of(runs.died / "checkpoints" / NAME)]
    for name in names:
        folder = runs.copy(tmp_path / "run")
        one, other = folder / NAME / name, folder / BEFORE_NAME / name
        if not other.exists() or one.read_bytes() == other.read_bytes():
            continue
        shutil.copy(other, one)
        # Of the manifest it is that of another step; else the sizes may be the same, and the sums are not.
        runs.caught(tmp_path / "run", (one,), trained=bool(amount(0, 1)))
        CAUGHT["files of another checkpoint"] += 1
    assert CAUGHT["files of another checkpoint"] > 8
    reached(figure)


def emptied(folder: Path) -> Path:
    shutil.rmtree(folder / NAME)
    (folder / NAME).mkdir()
    return folder / NAME / manifest.MANIFEST


def another_one(folder: Path) -> Path:
    shutil.rmtree(folder / NAME)
    shutil.copytree(folder / BEFORE_NAME, folder / NAME)
    return folder / NAME / manifest.MANIFEST


def missing(folder: Path) -> Path:
    shutil.rmtree(folder / NAME)
    return folder / "last"


def a_file(folder: Path) -> Path:
    shutil.rmtree(folder / NAME)
    (folder / NAME).write_text("a checkpoint")
    return folder / NAME


def of_a_newer_format(folder: Path) -> Path:
    file = folder / NAME / manifest.MANIFEST
    body = json.loads(file.read_bytes())
    body.pop("sha256")
    file.write_bytes(manifest.manifest_of({**body, "format": manifest.FORMAT + 1}))
    return folder / NAME


@pytest.mark.parametrize("damage", [emptied, another_one, missing, a_file, of_a_newer_format])
def test_a_checkpoint_that_is_none_is_passed_over(
    runs: Runs, tmp_path: Path, figure: Callable[[str, str], None], damage: Callable[[Path], Path]
) -> None:
    runs.caught(tmp_path / "run", (damage(runs.copy(tmp_path / "run")),), trained=True)
    if damage is of_a_newer_format:
        runs.copy(tmp_path / "run")
        of_a_newer_format(tmp_path / "run/checkpoints")
        assert "has format 2; this seqnet reads format 1" in runs.seqnet("checkpoint", "verify", tmp_path / "run").err
    CAUGHT["whole checkpoints emptied, missing, mistaken or of a newer format"] += 1
    reached(figure)


def test_several_are_passed_over(runs: Runs, tmp_path: Path) -> None:
    folder = runs.copy(tmp_path / "run")
    emptied(folder)
    flip(folder / BEFORE_NAME / "rng.json", 20, 0)
    told = runs.goes_on(tmp_path / "run", OLDEST).splitlines()
    assert len(told) == 2
    assert str(folder / NAME / "manifest.json") in told[0] and str(folder / BEFORE_NAME / "rng.json") in told[1]


@pytest.mark.parametrize("target", [None, BEFORE_NAME, "../../elsewhere", "/", "last", ""])
def test_the_newest_counts_wherever_last_points(runs: Runs, tmp_path: Path, target: str | None) -> None:
    """A kill between a checkpoint and its link leaves `last` behind."""
    last = runs.copy(tmp_path / "run") / "last"
    last.unlink()
    if target == "":
        last.write_text(NAME)
    elif target is not None:
        last.symlink_to(target)
    verified = runs.seqnet("checkpoint", "verify", tmp_path / "run")
    told = runs.goes_on(tmp_path / "run", NEWEST)
    assert os.readlink(last) == os.readlink(runs.whole / "checkpoints/last")
    if target in (None, BEFORE_NAME, ""):
        assert (verified.code, told) == (0, "")
    else:
        assert verified.code == 5 and f"{last} points to {target}" in verified.err
        assert f"{last} points to {target}" in told


def test_when_all_are_damaged_nothing_is_written(
    runs: Runs, tmp_path: Path, amount: Callable[[int, int], int], figure: Callable[[str, str], None]
) -> None:
    drawn, run, elsewhere = random.Random(10), tmp_path / "run", tmp_path / "new"
    ways: list[Callable[[Path], Any]] = [
        Path.unlink,
        lambda file: os.truncate(file, file.stat().st_size // 2),
        lambda file: flip(file, drawn.randrange(file.stat().st_size), drawn.randrange(8)),
    ]
    for _ in range(amount(2, 20)):
        folder = runs.copy(run)
        files = [drawn.choice(files_of(path)) for path in checkpoint.existing(folder)]
        for file in files:
            drawn.choice(ways)(file)
        before = tree(tmp_path)
        for there, changes in ((run, {}), (elsewhere, {"resume": str(run)})):
            code, told = runs.train(runs.overrides, there, changes)
            *passed_over, last = told.splitlines()
            assert code == 5
            assert [str(file) in line for file, line in zip(files, passed_over, strict=True)] == [True] * 3
            assert last == f"seqnet: none of the checkpoints in {folder} can be loaded; begin anew in another run_dir"
        assert tree(tmp_path) == before
        CAUGHT["runs with every checkpoint damaged refused"] += 1
    reached(figure)


def test_a_lost_folder_of_checkpoints_is_no_beginning(runs: Runs, tmp_path: Path) -> None:
    folder = runs.copy(tmp_path / "run")
    for left in ((), ("last", "best")):  # nothing, or links to nothing
        for path in checkpoint.existing(folder):
            shutil.rmtree(path)
        for name in {"last", "best"} - {*left}:
            (folder / name).unlink(missing_ok=True)
        before = tree(tmp_path)
        code, told = runs.train(runs.overrides, tmp_path / "run")
        assert code == 5 and told
        assert tree(tmp_path) == before
        runs.copy(tmp_path / "run")


def test_the_one_checkpoint_that_is_named_is_the_one(runs: Runs, tmp_path: Path) -> None:
    """No other is taken for `resume=` and `init_from=` a checkpoint, nor for the best one of a run."""
    folder = runs.copy(tmp_path / "run")
    file = folder / BEFORE_NAME / "ema.safetensors"
    flip(file, 100, 3)
    (tmp_path / "lines.txt").write_text("the fox\n")
    before = tree(tmp_path)
    for changes in ({"resume": str(file.parent)}, {"init_from": str(file.parent)}, {"init_from": str(folder.parent)}):
        code, told = runs.train(runs.overrides, tmp_path / "new", changes)
        assert code == 5 and told.count("\n") == 1 and str(file) in told
    for words in (
        ("evaluate", f"run={tmp_path / 'run'}"),
        ("predict", f"run={tmp_path / 'run'}", f"input={tmp_path / 'lines.txt'}", f"output={tmp_path / 'out'}"),
        ("predict", f"run={file.parent}", f"input={tmp_path / 'lines.txt'}"),
    ):
        found = runs.seqnet(*words)
        assert (found.code, found.out) == (5, "")
        assert found.err.count("\n") == 1 and str(file) in found.err
    assert tree(tmp_path) == before


def test_a_best_one_that_is_gone_is_not_replaced_by_another(runs: Runs, tmp_path: Path) -> None:
    folder = runs.copy(tmp_path / "run")
    shutil.rmtree(folder / BEFORE_NAME)
    found = runs.seqnet("evaluate", f"run={tmp_path / 'run'}")
    assert (found.code, found.out) == (5, "")
    assert f"{folder / 'best'} points to {BEFORE_NAME}" in found.err


def test_a_damaged_best_one_is_said_when_the_run_ends(
    runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Training goes on from the newest, since a better one may come; where none does, nothing else counts as best."""
    run = tmp_path / "run"
    made = build.optimizer

    def climbing(*given: Any) -> torch.optim.Optimizer:
        """Goes up the gradient, so that each evaluation is worse than the last."""
        optimizer = made(*given)
        for settings in optimizer.param_groups:
            settings["maximize"] = True
        return optimizer

    monkeypatch.setattr(build, "optimizer", climbing)
    by_loss = {"optimizer.lr": 0.1, "training.monitor": "loss"}
    assert runs.train(runs.overrides, run, {"training.max_steps": 6, **by_loss})[0] == 0
    (best,) = {os.readlink(run / "checkpoints/best")}
    assert best == "step_00000005"
    flip(run / "checkpoints" / best / "ema.safetensors", 100, 3)
    code, told = runs.train(runs.overrides, run, {"training.max_steps": 9, **by_loss})
    assert code == 5 and told.count("\n") == 1
    assert f"{run / 'checkpoints' / best / 'ema.safetensors'} is damaged" in told
    assert not (run / "results.json").exists()
    assert runs.seqnet("checkpoint", "verify", run).out.startswith(str(run / "checkpoints/step_00000009"))


def test_sums_are_those_of_sha256(runs: Runs) -> None:
    """As `sha256sum` makes them, so that a checkpoint can be checked without seqnet."""
    folder = runs.died / "checkpoints" / NAME
    listed = json.loads((folder / manifest.MANIFEST).read_text())["files"]
    assert set(listed) == {path.name for path in files_of(folder)} - {manifest.MANIFEST}
    for name, expected in listed.items():
        data = (folder / name).read_bytes()
        assert expected == {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}

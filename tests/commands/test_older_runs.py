"""A run that was stored before an option existed goes on, and answers, as it would have done."""

import copy
import shutil
from collections.abc import Iterator
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

import pytest
import yaml

from seqnet import build, trust
from seqnet.models.regularisation import regularise
from seqnet.training import checkpoint, manifest
from tests.conftest import trained

SAID = ("_target_", "defaults")
REGULARISED = signature(regularise).parameters
SHIPPED = {
    target: path
    for group in sorted({name.partition("@")[0] for name in (*trust.groups(), *trust.NESTED, *trust.INNER)})
    for target, path in trust.shipped(group).items()
    if target.startswith("seqnet.")
}


def without_defaults(config: dict[str, Any]) -> dict[str, Any]:
    """The same without every option that is what its class, or the yaml of its section, has where nobody says it."""
    found = copy.deepcopy(config)
    for section in classes_of(found):
        said = yaml.safe_load(SHIPPED[section["_target_"]].read_text())
        takes = {**REGULARISED, **signature(build.locate(section["_target_"], None)).parameters}
        for key in section.keys() & said.keys() - {*SAID}:
            default = takes[key].default if key in takes else said[key]
            if listed(default) == section[key] and not composed(said[key]):
                del section[key]
    del found["checkpoint"], found["debug"]
    said = yaml.safe_load((trust.CONFIGS / "training/default.yaml").read_text())
    found["training"] = {key: value for key, value in config["training"].items() if value != said[key]}
    return found


def classes_of(section: Any) -> Iterator[dict[str, Any]]:
    """The parts of a configuration that name a class of ours, inner ones too; those of observers are chosen anew."""
    if isinstance(section, dict):
        if section.get("_target_") in SHIPPED:
            yield section
        for name, part in section.items():
            if name != "observers":
                yield from classes_of(part)


def composed(value: Any) -> bool:
    """Whether it is another option's value."""
    return isinstance(value, str) and value.startswith("${")


def listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def older(run: Path, folder: Path) -> Path:
    """A copy of a run whose checkpoints were stored when there was none of those options, nor `averaging`."""
    shutil.copytree(run, folder, symlinks=True)
    for path in manifest.existing(folder / "checkpoints"):
        components = checkpoint.read(path)
        components["config"] = without_defaults(components["config"])
        del components["averaging"]
        checkpoint.write(folder / "checkpoints", manifest.step_of(path), components)
    return folder


@pytest.fixture(scope="module")
def averaged_run(reverser: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("averaged"), *reverser, "training.ema_decay=0.9")


@pytest.mark.parametrize(
    ("name", "given", "default"),
    [
        ("writer_run", b"", "model.locked_dropout=false"),
        ("judge_run", b"the fox\nlazy dog\n", "model.word_dropout=0"),
        ("averaged_run", b"1 2 3\n", "attention.coverage=false"),
    ],
)
def test_a_run_without_its_newer_options_is_the_same(
    seqnet: Any, request: pytest.FixtureRequest, tmp_path: Path, name: str, given: bytes, default: str
) -> None:
    run: Path = request.getfixturevalue(name)
    old = older(run, tmp_path / "old")
    stored = checkpoint.read(manifest.find(run, "last"))["config"]
    lacking = checkpoint.read(manifest.find(old, "last"))["config"]
    key, _, option = default.partition("=")[0].partition(".")
    assert option not in lacking[key] and len(lacking["model"]) < len(stored["model"]) - 5
    assert trust.checked(lacking, []) == stored | {"observers": trust.checked(lacking, [])["observers"]}
    asked = ("predict",) if given else ("generate", "length=3", "seed=2")
    for command, *options in (("evaluate", "split=valid"), asked):
        before, now = (
            seqnet(command, f"run={folder}", *options, stdin=given if command == "predict" else None)
            for folder in (run, old)
        )
        assert (before.code, before.err) == (now.code, now.err) and before.out == now.out
        assert now.code == 0
    ended = seqnet.results(run)["steps"]
    limits = ("training.max_epochs=null", f"training.max_steps={ended + 4}", "observers.console=false")
    for folder in (run, old):
        found = seqnet("train", f"resume={folder}", f"run_dir=on_{folder.name}", default, *limits)
        assert found.code == 0, found.err
    assert seqnet("train", "run_dir=old", *limits).code == 0
    new = seqnet.fingerprint("on_run", without=("counters",))
    assert seqnet.fingerprint("on_old", without=("counters",)) == new
    assert {key: value for key, value in seqnet.fingerprint("old").items() if key in ("parameters", "ema")} == {
        key: value for key, value in new.items() if key in ("parameters", "ema")
    }


@pytest.mark.parametrize("target", SHIPPED)
def test_a_yaml_says_what_its_class_does_where_nothing_is_said(target: str) -> None:
    """From which follows that a run which lacks an option may be filled with what the yaml says."""
    said = yaml.safe_load(SHIPPED[target].read_text())
    takes = {**REGULARISED, **signature(build.locate(target, None)).parameters}
    for key in said.keys() & takes.keys() - {*SAID}:
        default = listed(takes[key].default)
        nothing = isinstance(said[key], dict) and default in (None, {}) and not any(said[key].values())
        if not (composed(said[key]) or nothing or default is Parameter.empty):
            assert (default, type(default)) == (said[key], type(said[key])), key

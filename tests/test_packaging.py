"""What the package says of itself: dependencies, constraints, and what goes into the wheel."""

import os
import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import seqnet

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def constraints():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): pin for name, pin in pinned}


def wanted(lines, extras):
    found = [Requirement(line) for line in lines]
    environments = [{"extra": extra} for extra in (extras or {""})]
    return [one for one in found if one.marker is None or any(one.marker.evaluate(each) for each in environments)]


def test_every_direct_and_indirect_dependency_is_pinned():
    pinned = constraints()
    assert pinned["torch"] == "2.13.0"
    extras = PROJECT["optional-dependencies"]
    beside = [line for name, lines in extras.items() if name != "ray" for line in lines]  # ray: an old cloudpickle
    waiting = wanted(PROJECT["dependencies"] + beside, set())
    seen = set()
    while waiting:
        one = waiting.pop()
        name = canonicalize_name(one.name)
        if name == "seqnet" or (name, frozenset(one.extras)) in seen:
            continue
        seen.add((name, frozenset(one.extras)))
        assert name in pinned, f"{name} is not in constraints.txt"
        assert one.specifier.contains(pinned[name], prereleases=True), f"{one}: {pinned[name]}"
        try:
            waiting += wanted(requires(name) or [], one.extras)
        except PackageNotFoundError:
            pass


def test_constraints_pin_exactly_and_no_other_build():
    for name, pin in constraints().items():
        assert re.fullmatch(r"[0-9][0-9a-z.]*", pin), f"{name}=={pin}"


def test_torch_has_no_upper_bound():
    (torch,) = (Requirement(line) for line in PROJECT["dependencies"] if line.startswith("torch>"))
    assert {one.operator for one in torch.specifier} == {">="}


def test_every_extra_is_in_dev():
    extras = PROJECT["optional-dependencies"]
    (own,) = (Requirement(line) for line in extras["dev"] if line.startswith("seqnet"))
    assert own.extras == extras.keys() - {"dev", "ray"}


def test_the_wheel_holds_configs_and_the_sweeper():
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["force-include"] == {"configs": "seqnet/configs"}
    assert wheel["packages"] == ["seqnet", "hydra_plugins"]
    assert (ROOT / "seqnet/py.typed").is_file()  # so that programs that use it are checked against its types
    assert not (ROOT / "hydra_plugins/__init__.py").exists()  # a namespace that other packages share


def test_version_is_that_of_the_code():
    try:
        installed = version("seqnet")
    except PackageNotFoundError:
        pytest.skip("seqnet is not installed here")
    assert installed == seqnet.__version__


def test_ci_runs_the_tests():
    script = ROOT / ".ci/run"
    assert os.access(script, os.X_OK)
    assert "make test" in script.read_text()

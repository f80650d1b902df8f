"""What the contract tests share: every class is found through its yaml, so a new file and its yaml are tested too.

A test that has an argument called as a folder of `configs` (`cell`, `data`, `experiment`, ...) is run for each
yaml in it; one with `varied_cell` for each yaml and each value of each of its named options, as (name, options).
"""

import copy
import functools
import inspect
import json
from pathlib import Path

import pytest
import torch
import yaml

from seqnet import build, rules
from seqnet.configuration import CONFIGS, compose, quoted
from seqnet.data.examples import Stream
from seqnet.errors import ConfigurationError
from seqnet.options import shown
from seqnet.spaces import Tokens

GROUPS = {folder.name for folder in CONFIGS.iterdir() if folder.is_dir()} - {"hydra"}
EXAMPLES = Path(__file__).parent / "examples"
TINY = {"train_size": 24, "valid_size": 8, "test_size": 8, "length": 12, "batch_size": 4}


def choices(group):
    """The yamls of a group. Models that read a source are the group `decoder`, the others `model`."""
    found = sorted(path.stem for path in (CONFIGS / group.replace("decoder", "model")).glob("*.yaml"))
    if group in ("model", "decoder"):
        return [choice for choice in found if reads_a_source(choice) == (group == "decoder")]
    return found


def reads_a_source(model):
    target = yaml.safe_load((CONFIGS / "model" / f"{model}.yaml").read_text(encoding="utf-8"))["_target_"]
    return "source" in inspect.signature(build.locate(target, None)).parameters


def variants(group, choice):
    """The yaml as it is, and with each other value of each option that is one of a few words, or true or false."""
    yield {}
    options = yaml.safe_load((CONFIGS / group / f"{choice}.yaml").read_text(encoding="utf-8"))
    for key, default in options.items() if "_target_" in options else ():
        if isinstance(default, bool):
            yield {key: not default}
        elif isinstance(default, str):
            known = rules.OPTIONS.get(f"{group}.{key}")
            for word in known.choices if known else ():
                if word != default:
                    yield {key: word}


def pytest_generate_tests(metafunc):
    for argument in metafunc.fixturenames:
        group = argument.removeprefix("varied_")
        if group not in GROUPS | {"decoder"}:
            continue
        if argument == group:
            metafunc.parametrize(argument, choices(group))
        else:
            found = [(choice, options) for choice in choices(group) for options in variants(group, choice)]
            names = [
                "-".join([choice, *(f"{key}={shown(options[key])}" for key in options)]) for choice, options in found
            ]
            metafunc.parametrize(argument, found, ids=names)


@functools.cache
def _composed(*overrides):
    try:
        return compose("train", [quoted(override) for override in overrides]).config
    except ConfigurationError as error:
        return error


@pytest.fixture(scope="session")
def composed():
    """The checked configuration of some overrides. Raises ConfigurationError."""

    def config(*overrides):
        found = _composed(*overrides)
        if isinstance(found, ConfigurationError):
            raise found
        return copy.deepcopy(found)

    return config


@pytest.fixture(scope="session")
def tiny(composed):
    """Overrides that make a configuration's data tiny, and have it read an example where it reads files."""

    def overrides(*arguments):
        config = composed(*arguments)
        data, groups = config["data"], config["groups"]
        found = [f"data.{key}={value}" for key, value in TINY.items() if key in data]
        if "path" in data:
            folders = [EXAMPLES / groups[group] for group in ("experiment", "data")]
            folder = next((folder for folder in folders if folder.is_dir()), None)
            if folder is None:
                pytest.fail(
                    f"configs/data/{groups['data']}.yaml reads files: put tiny ones of its format into "
                    f"tests/contracts/examples/{groups['data']}/ (train, valid and test; and, unless predict reads "
                    "the inputs of a row as JSON, one good line for it in line.txt)"
                )
            found.append(f"data.path={folder}")
        return [*arguments, *found]

    return overrides


@pytest.fixture(scope="session")
def readable():
    """A line for predict: the example's line.txt, a row's source, or its inputs as JSON, which is a text too."""

    def line(config, fitted):
        path = config["data"].get("path")
        if path and (Path(path) / "line.txt").is_file():
            return (Path(path) / "line.txt").read_text(encoding="utf-8").rstrip("\n")
        split = fitted.split("train")
        if isinstance(getattr(fitted, "source", None), Tokens):  # a source of tokens is read as it is shown
            return fitted.show(split.source[0])
        row = split.documents[0][:5] if isinstance(split, Stream) else (split.source or split.inputs)[0]
        return json.dumps(row.tolist())

    return line


@pytest.fixture(autouse=True)
def somewhere_else(monkeypatch, tmp_path):
    """An empty folder without data, and a fixed seed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEQNET_DATA", str(tmp_path / "no_data"))
    torch.manual_seed(0)

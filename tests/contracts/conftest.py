"""What the contract tests share: every class is found through its yaml, so a new file and its yaml are tested too.

A test that has an argument called as a folder of `configs` (`cell`, `data`, `experiment`, ...) is run for each
yaml in it; one with `varied_cell` for each yaml and each value of each of its named options, as (name, options).
Where several go together a few tests cover all pairs, and all the others are slow: see `covering`.
"""

import copy
import functools
import inspect
import json
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from seqnet import build, options, trust
from seqnet.configuration import CONFIGS, compose, quoted
from seqnet.data.examples import Stream
from seqnet.errors import ConfigurationError
from seqnet.kinds import ENDS, Axis
from seqnet.options import shown
from seqnet.specs import Tokens

GROUPS = {folder.name for folder in CONFIGS.iterdir() if folder.is_dir()} - {"hydra"}
EXAMPLES = Path(__file__).parent / "examples"
TABLE = "table of "
FOLDERS = {"decoder": "model", "row_model": "model", "hearing": "decoding"}
TINY = {"train_size": 24, "valid_size": 8, "test_size": 8, "length": 24, "batch_size": 4, "series": 6}
LONG_ENOUGH = ("data.generated.length=40", "data.horizon=2")


def choices(group):
    """The yamls of a group. Models that read a source are the group `decoder`, those that go step by step `model`, and
    those that read a row as a whole `row_model`. Decodings that write step by step are the group `decoding`, those that
    read off what is heard in each frame `hearing`.

    Of data, in place of `table` what the examples make of it: `table of sst2`.
    """
    found = sorted(path.stem for path in (CONFIGS / FOLDERS.get(group, group)).glob("*.yaml"))
    if group.endswith(("model", "decoder")):
        return [choice for choice in found if kind_of(choice) == group]
    if group in ("decoding", "hearing"):
        reads = {choice: getattr(part_of("decoding", choice), "features", Axis.SEQUENCE) for choice in found}
        return [choice for choice in found if (reads[choice] is Axis.FRAME) == (group == "hearing")]
    if group == "data":
        tables = sorted(folder.name for folder in EXAMPLES.iterdir() if folder.name not in found)
        return [*(choice for choice in found if choice != "table"), *(f"{TABLE}{name}" for name in tables)]
    return found


def kind_of(model):
    part = part_of("model", model)
    by_steps = hasattr(part, "step")
    if "source" in inspect.signature(part).parameters:
        return "decoder" if by_steps else "listener"
    return "model" if by_steps else "row_model"


def variants(group, choice):
    """The yaml as it is, and with each other choice of each part and value of each option of a few words."""
    yield {}
    given = read(group, choice)
    for part in parts_of(group, choice):
        found = [read(f"{group}/{part}", each.stem) for each in sorted((CONFIGS / group / part).glob("*.yaml"))]
        yield from ({part: options} for options in found if "_target_" in options and options != given[part])
    for key, option in options.of(part_of(group, choice)).items():
        if option.choices and not isinstance(given.get(key), list):
            words = [True, False] if option is options.FLAG else option.choices
            yield from ({key: word} for word in words if word != given[key])


def parts_of(group, choice):
    """The choices that a yaml makes of parts of its own, by the option that they are."""
    entries = [entry for entry in file_of(group, choice).get("defaults", ()) if isinstance(entry, dict)]
    return {part: made for entry in entries for part, made in entry.items() if f"{group}/{part}" in trust.INNER}


def read(group, choice):
    """The options of a yaml, those of its parts among them."""
    given = copy.deepcopy(file_of(group, choice))
    given.pop("defaults", None)
    made = {part: read(f"{group}/{part}", name) for part, name in parts_of(group, choice).items() if name is not None}
    return given | {part: options if "_target_" in options else None for part, options in made.items()}


@functools.cache
def file_of(group, choice):
    """What a yaml says, not to be changed."""
    return yaml.safe_load((CONFIGS / group / f"{choice}.yaml").read_text(encoding="utf-8"))


def few_of(rows, size=2):
    """Few of the rows, in which each pair of things, or so many of them, stands that goes together at all.

    rows: tuples of the same length. The first comes first, and then each time the one that brings the most new pairs.
    """
    pairs = {row: set(combinations(enumerate(row), size)) for row in rows}
    found, missing = [], set().union(*pairs.values())
    while missing:
        best = max(rows, key=lambda row: len(pairs[row] & missing))
        found.append(best)
        missing -= pairs[best]
    return found


def covering(rows):
    """The rows as parameters of a test, all slow but few in which each pair of things stands that goes together at all.

    rows: see `few_of`.
    """
    quick = set(few_of(rows))
    return [
        pytest.param(row, id="-".join(map(shown, row)), marks=() if row in quick else pytest.mark.slow) for row in rows
    ]


@functools.cache
def source_of(data):
    """The data source of a yaml, which has read nothing."""
    config = _composed(*chosen_by(data)) if data.startswith(TABLE) else {"data": read("data", data), "seed": 1}
    return build.source(config)


def chosen_by(data):
    """Overrides that choose a data set. Of the experiment only `data` counts; one that is a table brings its fields."""
    if not data.startswith(TABLE):
        return ["experiment=python_docs", f"data={data}"]
    name = data.removeprefix(TABLE)
    return [f"experiment={name if name in choices('experiment') else 'blank'}", *typed(EXAMPLES / name)]


def typed(folder):
    """Overrides that an example is read with."""
    path = folder / "typed.txt"
    return [*(path.read_text().splitlines() if path.is_file() else ()), f"data.path={folder}"]


def part_of(group, choice):
    return build.locate(read(group, choice)["_target_"], None)


def go_together(task, objective):
    """Whether an objective judges what a task asks, and tells what it needs."""
    takes, judge = part_of("task", task), part_of("objective", objective)
    asks = getattr(takes, "asks", "loss")
    whole = getattr(takes, "whole_rows", False) or not getattr(judge, "whole_rows", False)
    tells = asks != "row_losses" and hasattr(judge, asks)
    return tells and whole and takes.target_axis in getattr(judge, "axes", Axis)


def by_item(task, objective):
    """Whether what is lost is a sum over items, so that rows may be cut."""
    return not getattr(part_of("objective", objective), "whole_rows", False)


ONLY = {  # by an argument of the test: the data sets that it is for
    "filed": lambda data: data.startswith(TABLE) or "path" in read("data", data),
    "writes": lambda data: getattr(source_of(data).target_kind, "axis", None) is Axis.SEQUENCE,
    "writes_tokens": lambda data: ENDS in getattr(source_of(data).target_kind, "traits", ()),
    "sourced": lambda data: bool(source_of(data).input_kinds),
}
TOGETHER = {  # what goes together, of several groups
    "judged": lambda: [pair for pair in product(choices("task"), choices("objective")) if go_together(*pair)],
    "cut": lambda: [pair for pair in TOGETHER["judged"]() if by_item(*pair)],
    "answered": lambda: [pair for pair in TOGETHER["judged"]() if hasattr(part_of("task", pair[0]), "predictions")],
    "looking": lambda: [("none", {}, False), *(each for name in choices("attention") for each in looks_of(name))],
}


def looks_of(attention):
    """An attention with and without input feeding, and with each value of its options in turn one of both."""
    if "_target_" in read("attention", attention):
        for number, changed in enumerate(variants("attention", attention)):
            for fed in (False, True):
                if fed and changed.get("estimator") == "exact":  # which is refused
                    continue
                rare = [pytest.mark.slow] if changed and fed == bool(number % 2) else []
                yield pytest.param((attention, changed, fed), marks=rare)


def named(parts):
    """The name of a test of several things."""
    told = [changes(part) if isinstance(part, dict) else [shown(part)] for part in parts]
    return "-".join(word for words in told for word in words)


def changes(changed):
    """Changed options in words: of a part the name of its class."""
    words = {
        key: value["_target_"].rpartition(".")[2] if isinstance(value, dict) else shown(value)
        for key, value in changed.items()
    }
    return [f"{key}={word}" for key, word in words.items()]


@pytest.fixture
def filed():
    """The test is of data sets that read files."""


@pytest.fixture
def writes():
    """The test is of data sets whose targets are written step by step."""


@pytest.fixture
def writes_tokens():
    """The test is of data sets whose targets are tokens, written step by step."""


@pytest.fixture
def sourced():
    """The test is of data sets that hold something to read."""


def pytest_generate_tests(metafunc):
    for argument in metafunc.fixturenames:
        if argument in TOGETHER:
            metafunc.parametrize(argument, TOGETHER[argument](), ids=named)
        group = argument.removeprefix("varied_")
        if group not in GROUPS | FOLDERS.keys():
            continue
        if argument == group:
            wanted = [fits for name, fits in ONLY.items() if name in metafunc.fixturenames and group == "data"]
            metafunc.parametrize(argument, [each for each in choices(group) if all(fits(each) for fits in wanted)])
        else:
            made = [choice for choice in choices(group) if "_target_" in read(group, choice)]
            if group == "objective":  # what judges rows as a whole has tests of its own
                made = [choice for choice in made if hasattr(part_of(group, choice), "loss")]
            found = [(choice, changed) for choice in made for changed in variants(group, choice)]
            if "covered" in metafunc.fixturenames:
                found = [each for each in found if each[1].get("coverage")]
            metafunc.parametrize(
                argument, found, ids=["-".join([choice, *changes(changed)]) for choice, changed in found]
            )


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


def tiny_of(*arguments):
    """Overrides that make a configuration's data tiny, and have it read an example where it reads files."""
    config = _composed(*arguments)
    if isinstance(config, ConfigurationError):
        raise config
    data, groups = config["data"], config["groups"]
    found = [f"data.{key}={value}" for key, value in TINY.items() if key in data]
    drawn = data.get("generated") or {}
    found += [f"data.generated.{key}={value}" for key, value in TINY.items() if key in drawn]
    if data.get("horizon") and "length" in drawn:  # a share of each row must hold so many steps
        found = [*(each for each in found if not each.startswith("data.generated.length=")), *LONG_ENOUGH]
    if "path" in data and data["path"] is None and not drawn:
        kinds = ("data",) if groups["data"] != "table" else ("experiment",)
        folders = [folder for group in kinds for folder in EXAMPLES.iterdir() if groups[group].startswith(folder.name)]
        if not folders:
            pytest.fail(
                f"experiment={groups['experiment']} data={groups['data']} reads files: put tiny ones of its format "
                f"into tests/contracts/examples/{groups[kinds[0]]}/ (train, valid and test; overrides that they are "
                "read with in typed.txt; and, unless predict reads the inputs of a row as JSON, one good line for it "
                "in line.txt)"
            )
        found += typed(folders[0])
    return [*arguments, *found]


@pytest.fixture(scope="session")
def tiny():
    """See `tiny_of`."""
    return tiny_of


@pytest.fixture(scope="session")
def chosen():
    """See `chosen_by`."""
    return chosen_by


@pytest.fixture(scope="session")
def readable():
    """A line for predict: the example's line.txt, a row's source, or its inputs as JSON, which is a text too.

    Of rows that are drawn into columns it is the first.
    """

    def line(config, fitted):
        path = config["data"].get("path")
        if path and (Path(path) / "line.txt").is_file():
            return (Path(path) / "line.txt").read_text(encoding="utf-8").rstrip("\n")
        if (drawn := drawn_inputs(config, fitted)) is not None:
            return drawn
        split = fitted.split("train")
        if isinstance(getattr(fitted, "source", None), Tokens):  # a source of tokens is read as it is shown
            return fitted.show(split.source[0])
        row = split.documents[0][:5] if isinstance(split, Stream) else (split.source or split.inputs)[0]
        return json.dumps(row.tolist())

    return line


def drawn_inputs(config, fitted):
    """The inputs of a row that is drawn, as predict reads them; None where none is drawn, or nothing is read.

    Of rows that make sequences it is the first of these.
    """
    data = config["data"]
    if not data.get("generated") or data["path"] is not None:
        return None
    blocks, _ = fitted._blocks("train")
    values = next(blocks).values
    read = {name: values[name][0] for name in data["inputs"]}
    (first, *more) = read.values()
    return (
        json.dumps(read if more else first, default=np.ndarray.tolist) if more or not isinstance(first, str) else first
    )


@pytest.fixture(autouse=True)
def somewhere_else(monkeypatch, tmp_path):
    """An empty folder without data, and a fixed seed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEQNET_DATA", str(tmp_path / "no_data"))
    torch.manual_seed(0)

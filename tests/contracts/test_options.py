"""Every option of every yaml is read by what the yaml builds: there is none that does nothing."""

import ast
import inspect
import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

import seqnet
from seqnet import configuration
from seqnet.build import LOADER_KEYS, MODEL_KEYS, REGULARISED, locate
from seqnet.decoding.generation import OF_WRITER
from tests.contracts.conftest import parts_of, read

PACKAGE = Path(seqnet.__file__).parent
ELSEWHERE = {
    "data": LOADER_KEYS,
    "task": MODEL_KEYS,
    "model": ("embeddings", "freeze_embeddings", *REGULARISED),
    "decoding": OF_WRITER,
    "field": ("column",),
}  # by the loader, the model, what a run begins with, the writer, the data set
CODE_ONLY = (
    "encoders",
    "source",
    "wholes",
    "attention",
    "decoder_cell",
    "head",
    "heads",
    "std",
    "columns",
    "described",
    "generated",
    "recent",
)  # what other groups or a user's code hand over
BUILT = sorted(
    path.relative_to(configuration.CONFIGS).with_suffix("").as_posix()
    for path in configuration.CONFIGS.glob("*/**/*.yaml")
    if "\n_target_:" in "\n" + path.read_text(encoding="utf-8")
    and "hydra" not in path.relative_to(configuration.CONFIGS).parts
)


def used_names(function):
    """The names that a function's body reads."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


@pytest.mark.parametrize("path", BUILT)
def test_the_class_takes_and_reads_every_option(path):
    """The class has no other options, and where it has a default of its own, it is the yaml's."""
    group, _, choice = path.rpartition("/")
    options = yaml.safe_load((configuration.CONFIGS / f"{path}.yaml").read_text(encoding="utf-8"))
    cls = locate(options.pop("_target_"), None)
    for key in (*ELSEWHERE.get(group, ()), "defaults"):  # which choose of other groups
        options.pop(key, None)
    takes = inspect.signature(cls).parameters
    dead = options.keys() - takes.keys()
    assert not dead, f"{cls.__name__} does not take {', '.join(sorted(dead))}"
    if not cls.__module__.startswith("seqnet."):
        return
    unread = options.keys() - used_names(cls.__init__) if options else None
    assert not unread, f"{cls.__name__} takes {', '.join(sorted(unread))} and does not read it"
    parts = parts_of(group, choice)
    own = {name: taken.default for name, taken in takes.items() if taken.default is not inspect.Parameter.empty}
    for key, default in own.items():
        if key in CODE_ONLY or key in ELSEWHERE.get(group, ()):
            continue
        if default is None and key in parts and read(group, choice).get(key) is None:
            continue
        if inspect.isclass(default):
            assert default is locate(read(f"{group}/{key}", parts[key])["_target_"], None), key
            continue
        assert key in options, f"{path}.yaml does not say {key}, which {cls.__name__} takes"
        if not str(options[key]).startswith("${"):
            given = options[key]
            nested = isinstance(given, dict) and not any(value is not None for value in given.values())
            if isinstance(default, Mapping) and not default:
                default = None
            assert (list(default) if isinstance(default, tuple) else default) == (None if nested else given), key


COMMANDS = sorted(path.stem for path in configuration.CONFIGS.glob("*.yaml"))
NOT_READERS = ("relations.py", "fits", "errors.py", "scores.py")  # they know of options, and make nothing of them


@pytest.fixture(scope="module")
def words():
    """The strings that stand in the code that makes something of options."""
    return {
        node.value
        for path in PACKAGE.rglob("*.py")
        if path.relative_to(PACKAGE).parts[0] not in NOT_READERS
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


@pytest.mark.parametrize("command", COMMANDS)
def test_every_other_option_is_read_somewhere(command, words):
    """Its name stands in the code as a string: config["training"]["window"]."""
    config = configuration.compose(command, []).config
    elsewhere = {group for group in config["groups"] if config.get(group) is None or "_target_" in config[group]} | {
        "groups"
    }
    keys = [key for key in configuration.leaves(config) if key.split(".")[0] not in elsewhere]
    dead = [key for key in keys if key.rpartition(".")[2] not in words]
    assert not dead, f"nothing in seqnet reads {', '.join(dead)} of seqnet {command}"

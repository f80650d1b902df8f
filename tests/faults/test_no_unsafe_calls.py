"""No file of seqnet reads a pickle, evaluates text, hands one to a shell or terminal, or writes NaN: syntax trees."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(path for folder in ("seqnet", "scripts", "hydra_plugins") for path in (ROOT / folder).rglob("*.py"))

MODULES = {"cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "dbm", "code", "pty"}
MODULES |= {"torch.hub", "torch.package", "torch.jit", "xmlrpc", "telnetlib", "ftplib", "http", "urllib", "requests"}
NAMES = {
    *("builtins.eval", "builtins.exec", "builtins.compile", "builtins.__import__"),
    *("os.system", "os.popen", "os.startfile", "subprocess.getoutput", "subprocess.getstatusoutput", "tempfile.mktemp"),
    *("torch.load", "torch.save", "torch.utils.model_zoo", "torch.serialization", "numpy.save", "numpy.fromregex"),
    *("yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load", "yaml.Loader", "yaml.UnsafeLoader"),
    *("hydra.utils.instantiate", "hydra.utils.call", "hydra.utils.get_class", "hydra.utils.get_object"),
    *("omegaconf.OmegaConf.register_new_resolver", "omegaconf.OmegaConf.unsafe_merge", "shutil.unpack_archive"),
}
ONLY_IN = {  # what can do harm, and where it is needed
    "importlib.import_module": {
        "seqnet/build.py",
        "seqnet/checks/contract.py",
        "seqnet/cli.py",
        "seqnet/observers/pictures.py",
    },  # of its own package
    "pickle": {"seqnet/data/workers.py"},  # between a process and those it forked, as torch's own loader does
    "runpy": set[str](),
    "socket": {"seqnet/observers/event_file.py", "seqnet/commands/launching.py"},  # the machine's name; a free port
    "ctypes": {"seqnet/compiling.py", "seqnet/training/allocator.py"},
    "json.dump": set[str](),
    "json.dumps": {"seqnet/strict_json.py"},  # all others would write Infinity and NaN, which are no JSON
    "json.JSONEncoder": {"seqnet/data/numbers.py"},  # shows the beginning of a value in an error message
    "subprocess": {
        "seqnet/commands/signals.py",
        "seqnet/commands/launching.py",  # itself, as several ranks
        "seqnet/compiling.py",
        "scripts/",
    },
    # What is shown passes `seqnet.terminal`.
    "builtins.print": {"scripts/"},
    "sys.stdout": {"seqnet/terminal.py", "seqnet/cli.py", "seqnet/commands/lines.py"},  # to be left; to be asked for
    "sys.stderr": {"seqnet/terminal.py", "seqnet/progress.py", "scripts/"},
    "traceback.print_exception": set[str](),
    "os.write": {"seqnet/commands/signals.py"},  # words of its own
}
ALONE = "seqnet/exporting/run.py"  # a program of its own, without seqnet, so it imports and shows by itself
for needed in ("importlib.import_module", "json.dumps", "builtins.print", "sys.stdout", "sys.stderr"):
    ONLY_IN[needed].add(ALONE)
UNSAFE_OPTIONS = {("allow_pickle", True), ("shell", True), ("trust_remote_code", True), ("weights_only", False)}


def used(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of everything that is imported or referred to, whatever the file calls it.

    What is not imported counts as a builtin.
    """
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                known[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                known[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                yield node.lineno, f"{node.module}.{alias.name}"
    for node in ast.walk(tree):
        parts: list[str] = []
        inner: ast.AST = node
        while isinstance(inner, ast.Attribute):
            parts.insert(0, inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name):
            yield inner.lineno, ".".join([known.get(inner.id, f"builtins.{inner.id}"), *parts])


def unsafe(text: str, file: str) -> list[str]:
    """What a file must not hold, each with its line."""
    tree = ast.parse(text)
    found = []
    for line, name in used(tree):
        within = {name.rsplit(".", place)[0] for place in range(name.count(".") + 1)}
        if within & (MODULES | NAMES):
            found.append(f"{file}:{line} {name}")
        for needed, places in ONLY_IN.items():
            if needed in within and not any(file.startswith(place) for place in places):
                found.append(f"{file}:{line} {name}")
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and isinstance(node.value, ast.Constant):
            if (node.arg, node.value.value) in UNSAFE_OPTIONS:
                found.append(f"{file}:{node.value.lineno} {node.arg}={node.value.value}")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_calls_nothing_unsafe(path: Path) -> None:
    assert not unsafe(path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix())


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "import torch\ntorch.load('x')",
        "import torch as t\nread = t.load",
        "from torch import load as read\nread('x')",
        "import torch.hub\n",
        "from joblib import load",
        "import numpy as np\nnp.load('x', allow_pickle=True)",
        "import yaml\nyaml.load('x', yaml.SafeLoader)",
        "from yaml import unsafe_load",
        "eval('1')",
        "f = exec",
        "import builtins\nbuiltins.exec('1')",
        "import os\nos.system('ls')",
        "from os import popen",
        "import subprocess\nsubprocess.run('ls', shell=True)",
        "import subprocess",
        "import importlib\nimportlib.import_module('x')",
        "from hydra.utils import instantiate",
        "from datasets import load_dataset\nload_dataset('x', trust_remote_code=True)",
        "import ctypes",
        "import json\njson.dumps(1)",
        "from json import dump as write",
        "import json\nmake = json.JSONEncoder",
        "print('x')",
        "import sys\nsys.stdout.write('x')",
        "import sys as s\nshow = s.stderr",
    ],
)
def test_what_is_unsafe_is_found(text: str) -> None:
    assert unsafe(text, "seqnet/new.py")


def test_what_is_safe_is_let_pass() -> None:
    safe = "import re\nimport yaml\nfrom safetensors.torch import load\nload(b'')\nyaml.safe_load('1')\n"
    assert not unsafe("code = 1\nmodel.eval()\nre.compile('a')\nnp.load('a', allow_pickle=False)", "seqnet/new.py")
    assert not unsafe(safe, "seqnet/new.py")
    assert not unsafe("import subprocess\nsubprocess.run(['scontrol'])", "seqnet/commands/signals.py")
    assert len(FILES) > 100

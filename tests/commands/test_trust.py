"""Classes of the user's own, and what a stored configuration must not name."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from seqnet.training import checkpoint

CELL = '''
"""A cell of the user's own."""
from pathlib import Path
import torch
from torch import nn
from seqnet.state import HiddenState

Path("imported").touch()


class Slow(nn.Module):
    def __init__(self, input_size: int, hidden_size: int, speed: float = 0.5) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.speed = speed
        self.map = nn.Linear(input_size + hidden_size, hidden_size)

    def initial_state(self, batch_size: int) -> HiddenState:
        return HiddenState(self.map.weight.new_zeros(batch_size, self.hidden_size))

    def forward(self, x, state):
        new = torch.tanh(self.map(torch.cat([x, state.hidden], dim=-1)))
        hidden = torch.lerp(state.hidden, new, self.speed)
        return hidden, HiddenState(hidden)
'''


@pytest.fixture
def own_cell(seqnet: Any) -> str:
    """A module with a cell, and a configuration folder that names it; the module's name."""
    name = f"{Path.cwd().name}_cells".replace("-", "_")  # not one that another test has imported
    Path(f"{name}.py").write_text(CELL)
    Path("my_configs/cell").mkdir(parents=True)
    Path("my_configs/cell/slow.yaml").write_text(f"_target_: {name}.Slow\nspeed: 0.25\n")
    return name


def test_a_cell_of_ones_own(seqnet: Any, own_cell: str, language_model: tuple[str, ...]) -> None:
    options = ("--config-dir", "my_configs", "cell=slow", "cell.speed=0.3", "run_dir=run")
    found = seqnet.quietly(*language_model, "training.max_steps=4", *options)
    assert found.code == 0, found.err
    assert "speed: 0.3" in Path("run/config.yaml").read_text()
    assert f"trust=[{own_cell}]" in seqnet.results("run")["next"][0]

    for command in (("evaluate", "split=valid"), ("predict",), ("generate", "length=5")):
        found = seqnet(*command, "run=run", stdin=b"the fox\n")
        assert (found.code, found.out) == (2, "")
        assert f"add trust=[{own_cell}]" in found.err
        assert seqnet(*command, "run=run", f"trust=[{own_cell}]", stdin=b"the fox\n").code == 0

    found = seqnet("train", "run_dir=run", "training.max_steps=6")
    assert (found.code, f"add trust=[{own_cell}]" in found.err) == (2, True)
    found = seqnet("train", "run_dir=run", "training.max_steps=6", f"trust=[{own_cell}]")
    assert found.code == 0, found.err
    assert seqnet.results("run")["steps"] == 6


def test_a_module_that_cannot_be_imported_is_one_sentence(
    seqnet: Any, own_cell: str, language_model: tuple[str, ...]
) -> None:
    for contents in ("def broken(:", "raise RuntimeError('no')", "1 / 0"):
        Path(f"broken{len(contents)}.py").write_text(contents)
        Path("my_configs/cell/slow.yaml").write_text(f"_target_: broken{len(contents)}.Slow\n")
        found = seqnet.quietly(*language_model, "--config-dir", "my_configs", "cell=slow", "run_dir=run")
        assert found.code == 2
        assert "cannot import broken" in found.err
        assert found.err.count("\n") == 1
        assert not Path("run").exists()


def rewrite(run: Path, group: str, target: dict[str, Any]) -> None:
    """Change the stored configuration of every checkpoint, as someone could who hands a run on."""
    for path in checkpoint.existing(run / "checkpoints"):
        components = checkpoint.read(path)
        components["config"][group] = target
        checkpoint.write(run / "checkpoints", int(path.name[5:]), components)


EVIL = [
    {"_target_": "os.system", "command": "touch pwned"},
    {"_target_": "subprocess.Popen", "args": ["touch", "pwned"]},
    {"_target_": "builtins.exec", "source": "open('pwned', 'w')"},
    {"_target_": "torch.load", "f": "pwned"},
    {"_target_": "torch.nn.Linear", "in_features": 1, "out_features": 1},
    {"_target_": "seqnet.cli.os.system", "command": "touch pwned"},
    {"_target_": "seqnet.cli.main"},
    {"_target_": "seqnet.sweep.Path", "args": "pwned"},
    {"_target_": "torch.optim.lr_scheduler.warnings"},
    {"_target_": "torch.optim.sys.exit"},
    {"_target_": "evil.Evil"},
    {"_target_": "seqnet"},
    {"_target_": ""},
    {"_target_": 7},
    {},
]


@pytest.mark.parametrize("target", EVIL, ids=lambda target: str(target.get("_target_", "none")))
def test_a_stored_configuration_builds_nothing_strange(seqnet: Any, judge_run: Path, target: dict[str, Any]) -> None:
    Path("evil.py").write_text("open('pwned', 'w')\nclass Evil: pass\n")
    shutil.copytree(judge_run, "run", symlinks=True)
    command = {"data": ("predict", "run=run"), "cell": ("train", "run_dir=run", "training.max_epochs=9")}
    for group, arguments in command.items():
        rewrite(Path("run"), group, target)
        found = seqnet(*arguments, stdin=b"fox\n")
        assert found.code in (2, 5), found
        assert found.out == ""
        assert found.err.count("\n") == 1
        assert not Path("pwned").exists()


@pytest.mark.parametrize("component", ["config", "data", "counters", "parameters", "early_stopping", "rng"])
def test_a_checkpoint_that_lacks_something_is_no_bug(seqnet: Any, judge_run: Path, component: str) -> None:
    shutil.copytree(judge_run, "run", symlinks=True)
    for path in checkpoint.existing(Path("run/checkpoints")):
        components = checkpoint.read(path)
        components[component] = [] if component != "config" else {}
        checkpoint.write(Path("run/checkpoints"), int(path.name[5:]), components)
    if component not in ("early_stopping", "rng"):
        found = seqnet("evaluate", "run=run")
        assert found.code in (3, 5), found
    found = seqnet("train", "run_dir=run", "training.max_epochs=9")
    assert found.code in (3, 5), found
    assert found.err.count("\n") == 1


def test_config_yaml_is_for_people(seqnet: Any, judge_run: Path) -> None:
    shutil.copytree(judge_run, "run", symlinks=True)
    config = Path("run/config.yaml")
    for contents in ("hydra:\n  callbacks:\n    x:\n      _target_: os.system\n", "x: ${oc.env:HOME}\n", "{"):
        config.write_text(contents)
        assert seqnet("evaluate", "run=run").code == 0
        found = seqnet("train", "run_dir=run")
        assert (found.code, "is complete" in found.out) == (0, True)
        assert config.read_text() == contents

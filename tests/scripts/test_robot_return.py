"""A controller that drives the arm itself."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import robot_return  # noqa: E402

from seqnet.data.generated.reacher import beginning, scripted  # noqa: E402


@pytest.fixture
def run(seqnet: Any, tmp_path: Path) -> Path:
    sizes = ("train_size=300", "valid_size=20", "test_size=20")
    found = seqnet.quietly(
        "experiment=robot",
        *(f"data.generated.{size}" for size in sizes),
        "model.hidden_size=32",
        "training.max_epochs=6",
        "optimizer.lr=2e-2",
        f"run_dir={tmp_path / 'arm'}",
    )
    assert found.code == 0, found.err
    return tmp_path / "arm"


def test_a_short_training_brings_in_most_of_what_the_policy_does(
    run: Path, seqnet: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """And its torques in the loop are those that predict gives for the same steps seen."""
    found = robot_return.returns(run, arms=60, steps=40, noise=0.2, seed=5)
    assert found["at_rest"] < -40 < found["model"] < found["policy"] + 0.5
    assert found["model"] > 4 * found["policy"]

    arm, act = beginning(1, np.random.default_rng(0)), robot_return.controller(run, 1)
    seen, done = [], []
    for step in range(6):
        seen.append(arm.seen(step)[0].tolist())
        done.append(act(arm, step)[0].tolist())
        arm = arm.moved(scripted(arm))
    (row,) = seqnet("predict", f"run={run}", stdin=f"{seen}\n".encode()).rows
    np.testing.assert_allclose([list(step.values()) for step in row["prediction"]], done, atol=1e-4)

    assert robot_return.main([str(run), "--arms", "3", "--steps", "4"]) == 0
    assert "of the policy's return" in capsys.readouterr().out
    assert robot_return.main([str(run.parent / "none")]) == 2
    assert "none" in capsys.readouterr().err


@pytest.mark.slow
def test_the_whole_training_comes_within_a_twentieth_of_the_policy(seqnet: Any, tmp_path: Path) -> None:
    assert seqnet.quietly("experiment=robot", f"run_dir={tmp_path / 'arm'}").code == 0
    found = robot_return.returns(tmp_path / "arm", arms=500, steps=40, noise=0.2, seed=12345)
    assert found["model"] > found["policy"] - 0.05 * abs(found["policy"])

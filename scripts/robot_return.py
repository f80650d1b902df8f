"""What a trained controller brings in when it drives the arm itself: python scripts/robot_return.py RUN.

A run of experiment=robot sees what the policy saw, step by step, and its own torques move the arm (closed loop). The
return of an episode is the sum of distances from the point, below 0. Both drive the same arms, with the same noise.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from seqnet.commands.stored import load
from seqnet.data.generated.reacher import Arm, beginning, driven, scripted
from seqnet.errors import UserError


def controller(run: Path, arms: int) -> Any:
    """Torques of (arm, step), by a trained run that carries its state from step to step."""
    stored = load(run, "best", (), "cpu")
    source, model = stored.assembly.source, stored.assembly.model
    state = model.initial_state(arms)

    def act(arm: Arm, step: int) -> np.ndarray:
        nonlocal state
        seen = torch.from_numpy(source.fields["state"].encode([[row] for row in arm.seen(step).tolist()]).flat)
        with torch.inference_mode():
            found, state = model.step(seen, state)
        return np.asarray(source.fields["action"].undone(found.numpy()))

    return act


def returns(run: Path, arms: int, steps: int, noise: float, seed: int) -> dict[str, float]:
    """The mean return of the policy, of the run, and of an arm that stays at rest."""

    def mean(act: Any) -> float:
        random = np.random.default_rng(seed)  # the same arms and the same noise for each
        return float(driven(beginning(arms, random), steps, noise, random, act).mean())

    return {
        "policy": mean(lambda arm, step: scripted(arm)),
        "model": mean(controller(run, arms)),
        "at_rest": mean(lambda arm, step: np.zeros_like(arm.angles)),
    }


def main(arguments: list[str]) -> int:
    """Print a line for each, and how much the model's is below the policy's. 0, or 2 where the run cannot be used."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--arms", type=int, default=500)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--noise", type=float, default=0.2)
    parser.add_argument("--seed", type=int, default=12345)
    asked = parser.parse_args(arguments)
    try:
        found = returns(asked.run, asked.arms, asked.steps, asked.noise, asked.seed)
    except UserError as error:
        print(f"robot_return: {error}", file=sys.stderr)
        return 2
    for name, value in found.items():
        print(f"{name:8} {value:8.3f}")
    print(f"below    {(found['policy'] - found['model']) / abs(found['policy']):8.1%} of the policy's return")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A simulated arm of two links that is to reach a point, shown to it at the beginning only."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from seqnet.data.formats.generated import Drawn
from seqnet.options import NotNegative, Rows, Steps

LINKS = (1.0, 0.8)
STEP = 0.1  # seconds
SHOWN = 2  # steps at which the point is seen
STATE = ("cos1", "sin1", "cos2", "sin2", "speed1", "speed2", "x", "y")
ACTION = ("torque1", "torque2")


class Arm(NamedTuple):
    """The state of some arms, [arms 2] each; the second angle is that between the links."""

    angles: np.ndarray
    speeds: np.ndarray
    points: np.ndarray  # to be reached

    def hands(self) -> np.ndarray:
        """Where their ends are, [arms 2]."""
        total = self.angles.cumsum(1)
        x, y = (sum(length * wave(total[:, link]) for link, length in enumerate(LINKS)) for wave in (np.cos, np.sin))
        return np.stack([x, y], axis=1)

    def seen(self, step: int) -> np.ndarray:
        """What their controller sees, [arms 8]: cosine and sine of each angle, speeds, and the point, at first."""
        waves = np.stack([np.cos(self.angles), np.sin(self.angles)], axis=2).reshape(len(self.angles), 4)
        return np.concatenate([waves, self.speeds, self.points if step < SHOWN else np.zeros_like(self.points)], axis=1)

    def moved(self, torques: np.ndarray) -> "Arm":
        """A step later. torques: [arms 2], which count from -1 to 1."""
        speeds = self.speeds + STEP * (12.0 * np.clip(torques, -1, 1) - 2.0 * self.speeds)
        return self._replace(angles=self.angles + STEP * speeds, speeds=speeds)

    def distances(self) -> np.ndarray:
        """How far their ends are from the points, [arms]."""
        return np.asarray(np.linalg.norm(self.hands() - self.points, axis=1))


def beginning(arms: int, random: np.random.Generator) -> Arm:
    """Arms at rest, anywhere, with points that they can reach by the same bend of the elbow."""
    angles = np.stack([random.uniform(-1.5, 1.5, arms), random.uniform(0.5, 2.4, arms)], axis=1)
    goals = np.stack([random.uniform(-1.5, 1.5, arms), random.uniform(0.5, 2.4, arms)], axis=1)
    return Arm(angles, np.zeros((arms, 2)), Arm(goals, goals, goals).hands())


def scripted(arm: Arm) -> np.ndarray:
    """The torques [arms 2] of the policy: springs and brakes towards the angles at which the point is reached."""
    one, two = LINKS
    x, y = arm.points.T
    bend = np.arccos(np.clip((x**2 + y**2 - one**2 - two**2) / (2 * one * two), -1, 1))
    turn = np.arctan2(y, x) - np.arctan2(two * np.sin(bend), one + two * np.cos(bend))
    away = np.stack([turn, bend], axis=1) - arm.angles
    away = (away + math.pi) % (2 * math.pi) - math.pi
    return np.asarray(np.clip(1.5 * away - 0.3 * arm.speeds, -1, 1))


def driven(
    arm: Arm, steps: int, noise: float, random: np.random.Generator, act: Callable[[Arm, int], np.ndarray]
) -> np.ndarray:
    """The return of each arm, [arms]: distances summed over steps, below 0. act: torques of (arm, step).

    noise: the deviation of what the motors add to each torque.
    """
    total = np.zeros(len(arm.angles))
    for step in range(steps):
        arm = arm.moved(act(arm, step) + noise * random.standard_normal(arm.angles.shape))
        total -= arm.distances()
    return total


class Reacher(Drawn):
    """A row is a step of an episode: what the controller sees, and what the scripted policy does.

    The point is seen at the first two steps only, so it has to be remembered. noise: the deviation of what the motors
    add to each torque, so that episodes go where a learner's own mistakes lead, too. Sizes are in episodes.
    """

    names: ClassVar = ("episode", "step", *STATE, *ACTION)

    def __init__(
        self,
        seed: int,
        length: Steps = 40,
        noise: NotNegative = 0.2,
        train_size: Rows = 2000,
        valid_size: Rows = 100,
        test_size: Rows = 100,
    ) -> None:
        super().__init__(seed, train_size, valid_size, test_size)
        self.length, self.noise = length, noise

    def count(self, file: Any) -> int:
        """How many rows there are."""
        return self.sizes[file.split] * self.length

    def draw(self, split: str, rows: int, random: np.random.Generator) -> Iterable[Sequence[Any]]:
        """The steps of one episode after the other."""
        seen, done = [], []

        def act(arm: Arm, step: int) -> np.ndarray:
            seen.append(arm.seen(step))
            done.append(scripted(arm))
            return done[-1]

        episodes = rows // self.length
        driven(beginning(episodes, random), self.length, self.noise, random, act)
        told = np.concatenate([np.stack(seen, axis=1), np.stack(done, axis=1)], axis=2).round(5)
        for episode in range(episodes):
            for step in range(self.length):
                yield f"{split}{episode + 1}", step, *told[episode, step].tolist()

"""Series of unlike sizes that come round: what will they be?"""

import math
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from seqnet.data.formats.generated import Drawn, GeneratedSplit
from seqnet.options import NotNegative, Rows, Steps

PERIODS = (12, 6, 40)  # steps; the first is the season
SIZES = (1.0, 1000.0)


class Seasonal(Drawn):
    """A row is a step of a series: three waves of periods 12, 6 and 40, a slope and noise.

    Sizes are drawn between 1 and 1,000, evenly by their logarithm. The phase of the season is known ahead, and the kind
    of a series, low or high, says whether its slope is below or above 0. noise: its deviation, over that of the waves.
    What comes last is held out, so all is the training split.
    """

    names: ClassVar = ("series", "step", "value", "sine", "cosine", "kind")

    def __init__(self, seed: int, series: Rows = 60, length: Steps = 240, noise: NotNegative = 0.35) -> None:
        super().__init__(seed, series * length, 1, 1)
        self.series, self.length, self.noise = series, length, noise

    @property
    def files(self) -> dict[str, GeneratedSplit]:
        """All is one table."""
        return {"train": super().files["train"]}

    def draw(self, split: str, rows: int, random: np.random.Generator) -> Iterable[Sequence[Any]]:
        """The steps of one series after the other."""
        time = np.arange(self.length)
        for number in range(self.series):
            size = math.exp(random.uniform(math.log(SIZES[0]), math.log(SIZES[1])))
            shares, phases = random.uniform(0.3, 1.0, len(PERIODS)), random.uniform(0, 2 * math.pi, len(PERIODS))
            waves = sum(
                share * np.sin(2 * math.pi * time / period + phase)
                for share, period, phase in zip(shares, PERIODS, phases, strict=True)
            )
            slope = random.uniform(-0.01, 0.01)
            noise = self.noise * math.sqrt((shares**2).sum() / 2) * random.standard_normal(self.length)
            values = size * (3.0 + waves + slope * time + noise)
            for step, value in enumerate(values.tolist()):
                angle = 2 * math.pi * step / PERIODS[0]
                phase = round(math.sin(angle), 6), round(math.cos(angle), 6)
                yield f"s{number + 1:02}", step, float(f"{value:.6g}"), *phase, "high" if slope > 0 else "low"

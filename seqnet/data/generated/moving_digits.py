"""Clips of a scanned digit that moves: which way does it go?"""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from seqnet.data.formats.generated import Drawn
from seqnet.data.scans import SIDE, Scans
from seqnet.options import NotNegative, Rows, Steps

WAYS = {
    "up": (-1, 0),
    "up_right": (-1, 1),
    "right": (0, 1),
    "down_right": (1, 1),
    "down": (1, 0),
    "down_left": (1, -1),
    "left": (0, -1),
    "up_left": (-1, -1),
}
CANVAS = 16  # pixels, of each side


class MovingDigits(Drawn):
    """Columns `file` (a clip) and `label` (which way its digit goes).

    A scan of 8 x 8 on 16 x 16 pixels moves by a pixel a frame, in one of eight directions and round the edges. It
    begins anywhere, so that one frame tells nothing. noise: the deviation of what is added to every pixel. Scans of
    one split are in no other; see Scans.
    """

    names: ClassVar = ("file", "label")

    def __init__(
        self,
        seed: int,
        frames: Steps = 8,
        noise: NotNegative = 0.1,
        train_size: Rows = 3000,
        valid_size: Rows = 500,
        test_size: Rows = 1000,
    ) -> None:
        super().__init__(seed, train_size, valid_size, test_size)
        self.scans = Scans(seed, 0.7, 0.15)
        self.frames, self.noise = frames, noise

    def draw(self, split: str, rows: int, random: np.random.Generator) -> Iterable[Sequence[Any]]:
        """Clips [frames 16 16] float32 and the names of their motions."""
        scans = self.scans.split(split)[0].numpy()
        for _ in range(rows):
            canvas = np.zeros((CANVAS, CANVAS), np.float32)
            canvas[:SIDE, :SIDE] = scans[random.integers(len(scans))]
            canvas = np.roll(canvas, tuple(random.integers(CANVAS, size=2)), (0, 1))
            name = list(WAYS)[random.integers(len(WAYS))]
            down, right = WAYS[name]
            clip = np.stack([np.roll(canvas, (down * t, right * t), (0, 1)) for t in range(self.frames)])
            yield clip + self.noise * random.standard_normal(clip.shape, np.float32), name

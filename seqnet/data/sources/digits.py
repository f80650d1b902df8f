"""Handwritten digits: the 1,797 scans of 8 x 8 grey values that come with scikit-learn (an extra, not a dependency)."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from seqnet.data.examples import Examples, Ragged
from seqnet.data.generation import equal_rows, generator, nothing_read
from seqnet.data.numbers import read_vectors, unasked_rows
from seqnet.errors import ConfigurationError, DataError, did_you_mean
from seqnet.spaces import Space, Tokens, Vector

SIDE = 8
DARKEST = 16
WIDTHS = {"row": SIDE, "pixel": 1}  # numbers a step
SHADES = " .:-=+*#%@"


class Digits:
    """Which digit is it, read row by row (8 steps of 8 numbers) or pixel by pixel (64 steps of 1)?

    Grey values are divided by 16. The split is drawn from the seed, digit by digit, so that all ten are in
    every split in like shares; what training and validation leave is the test split.
    """

    targets = Tokens(tuple("0123456789"))

    def __init__(self, seed: int, by: str = "row", train_share: float = 0.7, valid_share: float = 0.15) -> None:
        if by not in WIDTHS:
            raise ConfigurationError(f"data.by must be row or pixel, not '{by}'{did_you_mean(by, WIDTHS)}")
        if not (train_share > 0 and valid_share > 0 and train_share + valid_share < 1):
            raise ConfigurationError(
                "data.train_share and data.valid_share must be above 0 and leave a share to the test split, "
                f"but they are {train_share} and {valid_share}"
            )
        self.seed = seed
        self.width = WIDTHS[by]
        self.train_share = train_share
        self.valid_share = valid_share
        self.inputs = Vector(self.width)
        self.views: dict[str, Space] = {}
        self.bad_rows = 0
        self._scans: tuple[Tensor, Tensor] | None = None

    def fit(self) -> None:
        """Load the scans. Raises ConfigurationError where scikit-learn is not installed."""
        self._load()

    def state(self) -> dict[str, Any]:
        """Nothing learned."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Take nothing back. Raises DataError where there is something."""
        nothing_read(state)

    def split(self, name: str) -> Examples:
        """The rows of `train`, `valid` or `test`. Raises ConfigurationError where scikit-learn is not installed."""
        scans, digits = self._load()
        random = generator(self.seed, "digits")
        chosen = []
        for digit in range(10):
            rows = (digits == digit).nonzero()[:, 0]
            rows = rows[torch.randperm(len(rows), generator=random)]
            train = round(self.train_share * len(rows))
            valid = train + round(self.valid_share * len(rows))
            chosen.append({"train": rows[:train], "valid": rows[train:valid], "test": rows[valid:]}[name])
        rows = torch.cat(chosen)
        if not len(rows):
            raise DataError(f"no scan is left for the {name} split; change data.train_share and data.valid_share")
        return Examples(equal_rows(scans[rows].view(len(rows), -1, self.width) / DARKEST), digits[rows])

    def _load(self) -> tuple[Tensor, Tensor]:
        """Scans [rows 64] and digits [rows], loaded once."""
        if self._scans is None:
            try:
                from sklearn.datasets import load_digits
            except ImportError as error:
                raise ConfigurationError(
                    "the digits come with scikit-learn, which is not installed: pip install 'seqnet[digits]'"
                ) from error
            scans, digits = load_digits(return_X_y=True)
            self._scans = torch.tensor(scans, dtype=torch.float32), torch.tensor(digits, dtype=torch.int64)
        return self._scans

    def read_inputs(self, lines: Iterable[str], where: str, first: int = 1) -> Examples:
        """Each line a scan of grey values from 0 to 16: 8 lists of 8 by row, 64 numbers by pixel. Raises DataError."""
        scans = read_vectors(lines, where, first, self.width)
        time = SIDE * SIDE // self.width
        for line, scan in enumerate(torch.split(scans.flat, scans.lengths.tolist()), first):
            if len(scan) != time:
                raise DataError(f"{where}, line {line}: {len(scan)} steps, but a scan has {time}")
            if scan.min() < 0 or scan.max() > DARKEST:
                raise DataError(f"{where}, line {line}: a grey value outside 0 to {DARKEST}")
        return unasked_rows(Ragged(scans.flat / DARKEST, scans.offsets))

    def show(self, inputs: Tensor) -> str:
        """The scan drawn in characters, eight lines. inputs: [time feature]."""
        shades = (inputs.reshape(SIDE, SIDE) * (len(SHADES) - 1)).round().long().tolist()
        return "\n".join("".join(SHADES[shade] * 2 for shade in row) for row in shades)

"""What the sources of handwritten digits share: the 1,797 scans that come with scikit-learn (an extra)."""

from collections.abc import Iterable

import torch
from torch import Tensor

from seqnet.data.examples import Ragged
from seqnet.data.generation import Unlearned, equal_rows, generator
from seqnet.data.numbers import read_json, read_vectors, whole
from seqnet.data.shades import SHADES, in_characters
from seqnet.errors import ConfigurationError, DataError
from seqnet.options import SomeShare
from seqnet.specs import Spec

SIDE = 8
DARKEST = 16


class Scans:
    """Scans of 8 x 8 grey values, divided by 16, so from 0 (paper) to 1 (ink), and which digit each of them is.

    The split is drawn from the seed, digit by digit, so that all ten are in every split in like shares; what
    training and validation leave is the test split. Raises ConfigurationError for shares that leave it nothing.
    """

    def __init__(self, seed: int, train_share: float, valid_share: float) -> None:
        if not (train_share > 0 and valid_share > 0 and train_share + valid_share < 1):
            raise ConfigurationError(
                "data.train_share and data.valid_share must be above 0 and leave a share to the test split, "
                f"but they are {train_share} and {valid_share}"
            )
        self._seed = seed
        self._train_share = train_share
        self._valid_share = valid_share
        self._loaded: tuple[Tensor, Tensor] | None = None

    def load(self) -> tuple[Tensor, Tensor]:
        """All scans [rows 8 8] and their digits [rows]. Raises ConfigurationError where scikit-learn is missing."""
        if self._loaded is None:
            try:
                from sklearn.datasets import load_digits
            except ImportError as error:
                raise ConfigurationError(
                    "the digits come with scikit-learn, which is not installed: pip install 'seqnet[digits]'"
                ) from error
            scans, digits = load_digits(return_X_y=True)
            grey = torch.tensor(scans, dtype=torch.float32).view(-1, SIDE, SIDE) / DARKEST
            self._loaded = grey, torch.tensor(digits, dtype=torch.int64)
        return self._loaded

    def split(self, name: str) -> tuple[Tensor, Tensor]:
        """Scans [rows 8 8] and digits [rows] of `train`, `valid` or `test`. Raises as `load`, and DataError."""
        scans, digits = self.load()
        random = generator(self._seed, "digits")
        chosen = []
        for digit in range(10):
            rows = (digits == digit).nonzero()[:, 0]
            rows = rows[torch.randperm(len(rows), generator=random)]
            train = round(self._train_share * len(rows))
            valid = train + round(self._valid_share * len(rows))
            chosen.append({"train": rows[:train], "valid": rows[train:valid], "test": rows[valid:]}[name])
        rows = torch.cat(chosen)
        if not len(rows):
            raise DataError(f"no scan is left for the {name} split; change data.train_share and data.valid_share")
        return scans[rows], digits[rows]


class Scanned(Unlearned):
    """A data set of all the scans, that learns nothing of them. Grey values and split: see Scans."""

    def __init__(self, seed: int, train_share: SomeShare = 0.7, valid_share: SomeShare = 0.15) -> None:
        self.scans = Scans(seed, train_share, valid_share)
        self.views: dict[str, Spec] = {}
        self.bad_rows = 0

    def fit(self) -> None:
        """Load the scans. Raises ConfigurationError where scikit-learn is not installed."""
        self.scans.load()


def read_scans(lines: Iterable[str], where: str, first: int, width: int = SIDE) -> Ragged:
    """Each line a scan of grey values from 0 to 16, as steps of `width` numbers; divided by 16. Raises DataError."""
    scans = read_vectors(lines, where, first, width)
    time = SIDE * SIDE // width
    for line, scan in enumerate(torch.split(scans.flat, scans.lengths.tolist()), first):
        if len(scan) != time:
            raise DataError(f"{where}, line {line}: {len(scan)} steps, but a scan has {time}")
        if scan.min() < 0 or scan.max() > DARKEST:
            raise DataError(f"{where}, line {line}: a grey value outside 0 to {DARKEST}")
    return Ragged(scans.flat / DARKEST, scans.offsets)


def read_digits(lines: Iterable[str], where: str, first: int) -> Ragged:
    """Each line a digit, such as 7 or [7]: a sequence of one. Raises DataError."""
    digits = []
    for line, text in enumerate(lines, first):
        value = read_json(text, f"{where}, line {line}")
        one = value[0] if isinstance(value, list) and len(value) == 1 else value
        digits.append(whole(one, 0, 9, f"{where}, line {line}"))
    return equal_rows(torch.tensor(digits, dtype=torch.int64).view(-1, 1))


def show_scan(scan: Tensor) -> str:
    """A scan, or its first pixels, drawn in characters, a line a row. scan: numbers from 0 to 1 in any shape."""
    return in_characters(row.numpy() for row in scan.detach().cpu().flatten().split(SIDE))


def read_drawing(text: str) -> list[int] | None:
    """The grey values, 0 to 16, of what `show_scan` draws; None of another text. Lines may lack spaces at the end."""
    *lines, last = text.split("\n")
    rows = [*(line.ljust(2 * SIDE) for line in lines), last]
    if not set("".join(rows)) <= set(SHADES) or max(map(len, rows)) > 2 * SIDE:
        return None
    return [round(SHADES.index(pixel) * DARKEST / (len(SHADES) - 1)) for row in rows for pixel in row[::2]]

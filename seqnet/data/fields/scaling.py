"""Numbers, scaled by what the training rows say, and how what is missing is filled."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any, ClassVar

import numpy as np

from seqnet.data.fields.field import BadValues, Block, Raw
from seqnet.data.fields.options import chosen, no_effect
from seqnet.data.numbers import LARGEST
from seqnet.errors import ConfigurationError, DataError
from seqnet.specs import Scale, Vector

WIDEST = 1 << 20  # numbers a step; a stored state that says more is not believed

FEWEST, MOST = 4, 6  # significant digits that a number of a column is told with
LOOK = 1000  # numbers of a column whose digits are counted


def significant(values: np.ndarray) -> np.ndarray:
    """How many significant digits the numbers of each column have, from FEWEST to MOST. values: [n width]."""
    known = np.isfinite(values) & (values != 0)
    given = np.where(known, values, 1.0)
    first = np.floor(np.log10(np.abs(given)))
    found = np.full(values.shape[1], MOST)
    for digits in range(MOST - 1, FEWEST - 1, -1):
        unit = 10.0 ** (first - digits + 1)
        whole = np.isclose(np.round(given / unit) * unit, given, rtol=1e-9, atol=0).all(axis=0)
        found = np.where(whole & (found == digits + 1), digits, found)
    return found


class Moments:
    """Count, mean and squared deviations of each column, block after block (Chan et al. 1979), in double precision."""

    def __init__(self, width: int) -> None:
        self.count = np.zeros(width, np.int64)
        self.mean = np.zeros(width)
        self._squares = np.zeros(width)
        self._lowest, self._highest = np.full(width, np.inf), np.full(width, -np.inf)
        self.digits = np.full(width, FEWEST)

    def observe(self, values: np.ndarray) -> None:
        """Take in values [n width]; NaN is passed over."""
        known = ~np.isnan(values)
        count = known.sum(0)
        mean = np.where(known, values, 0).sum(0) / np.maximum(count, 1)
        squares = np.square(np.where(known, values - mean, 0)).sum(0)
        self._add(count, mean, squares)
        self._lowest = np.fmin(self._lowest, np.where(known, values, np.inf).min(0, initial=np.inf))
        self._highest = np.fmax(self._highest, np.where(known, values, -np.inf).max(0, initial=-np.inf))

    def _add(self, count: np.ndarray, mean: np.ndarray, squares: np.ndarray) -> None:
        total = np.maximum(self.count + count, 1)
        away = np.where(self.count > 0, mean - self.mean, 0)
        self.mean = np.where(self.count > 0, self.mean + away * (count / total), mean)
        self._squares += squares + np.square(away) * (self.count * (count / total))
        self.count += count

    def join(self, other: "Moments") -> None:
        """Take in what another was shown: of one block the same bits as the block itself."""
        self._add(other.count, other.mean, other._squares)
        self._lowest, self._highest = np.fmin(self._lowest, other._lowest), np.fmax(self._highest, other._highest)

    @property
    def deviation(self) -> np.ndarray:
        """The standard deviation of each column, 1 where all its values are the same."""
        differs = self._lowest < self._highest
        found = np.sqrt(self._squares / np.maximum(self.count, 1))
        return np.where(differs & (found > 0), found, 1.0)


class ScaledField(ABC):
    """Numbers, one a row or several, or one a step or several; stored as float32, and NaN where nothing is judged.

    scale: none, standard (less the mean of the training rows, over their standard deviation, column by column) or
    log (the same of the logarithm); further ones are a subclass's own. missing: raise, or what stands for a number
    that is missing: mean, zero, last (the one before in the row, at its beginning the mean), or unjudged (nothing: as a
    target it is not judged). mask: a second number beside each says 1 where it is missing. Raises ConfigurationError.
    """

    opens_files: ClassVar[bool] = False
    scales: ClassVar[tuple[str, ...]] = ("none", "standard", "log")
    fillings: ClassVar[tuple[str, ...]] = ("raise", "mean", "zero", "unjudged")

    def __init__(self, scale: str, missing: str, mask: bool, width: int | None = None) -> None:
        chosen("scale", scale, self.scales)
        chosen("missing", missing, self.fillings)
        if mask and missing in ("raise", "unjudged"):
            raise no_effect("mask", "true", f"with missing={missing}: no missing number is filled")
        if scale == "log" and missing == "zero":
            raise ConfigurationError(
                "data.fields.*.missing=zero cannot go with scale=log, since zero has no logarithm; take missing=mean"
            )
        self._scale, self._missing, self._mask = scale, missing, mask
        self._said = width
        self._moments: Moments | None = None
        self._width = width
        self._mean, self._deviation = np.zeros(0), np.ones(0)
        self._digits: tuple[int, ...] = ()

    @abstractmethod
    def _read(self, values: Sequence[Raw]) -> tuple[np.ndarray, np.ndarray]:
        """The numbers of all values end to end, [total width], NaN where one is missing, and how many steps each has.

        Raises BadValues.
        """

    def _joined(self, rows: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Rows [steps width] end to end, and the steps of each. Raises BadValues where they are not of one width."""
        width = self._width if self._width is not None else rows[0].shape[1] if rows else 1
        narrow = {row: len_told(found.shape[1], width) for row, found in enumerate(rows) if found.shape[1] != width}
        if narrow:
            raise BadValues(narrow)
        return np.concatenate([np.zeros((0, width)), *rows]), np.fromiter(map(len, rows), np.int64, len(rows))

    def _checked(self, values: Sequence[Raw]) -> tuple[np.ndarray, np.ndarray]:
        """As `_read`, and the numbers are such as the options take, their logarithms where these are asked for."""
        flat, lengths = self._read(values)
        gone = np.isnan(flat).any(axis=1)
        if self._missing == "raise" and gone.any():
            first = lengths.cumsum() - lengths
            raise BadValues({row: _gap(gone[first[row] :], lengths[row]) for row in _rows_of(gone, lengths)})
        if self._scale == "log":
            below = (flat <= 0).any(axis=1)
            if below.any():
                row_of = np.repeat(np.arange(len(lengths)), lengths)
                least = {row: np.nanmin(flat[row_of == row]) for row in _rows_of(below, lengths)}
                raise BadValues({row: f"{value:g} has no logarithm" for row, value in least.items()})
            flat = np.log(flat)
        return flat, lengths

    def observe(self, values: Sequence[Raw]) -> None:
        """Take in the numbers of training rows. Raises BadValues."""
        flat, _ = self._checked(values)
        if not len(values):
            return
        if self._moments is None:
            self._width = flat.shape[1]
            self._moments = Moments(self._width)
        if self._moments.count.max() < LOOK:
            some = flat[:LOOK]
            self._moments.digits = np.maximum(
                self._moments.digits, significant(np.exp(some) if self._scale == "log" else some)
            )
        self._moments.observe(flat)

    @property
    def join(self) -> "Callable[[ScaledField], None] | None":
        """Takes in what another was shown of one block; None where the first row says how wide all are."""
        return None if self._said is None else self._join

    def _join(self, other: "ScaledField") -> None:
        if other._moments is None:
            return
        if self._moments is None:
            self._moments = Moments(len(other._moments.count))
        if self._moments.count.max() < LOOK:
            self._moments.digits = np.maximum(self._moments.digits, other._moments.digits)
        self._moments.join(other._moments)

    def learned(self) -> Vector:
        """Mean and deviation of each column, where it is scaled, and how many digits its numbers have."""
        if self._moments is None and len(self._mean):  # restored
            return self._space()
        moments = self._moments or Moments(self._width or 1)
        self._width = len(moments.count)
        self._mean = moments.mean
        self._deviation = moments.deviation if self._scale != "none" else np.ones(self._width)
        self._digits = tuple(moments.digits.tolist())
        self._moments = None
        return self._space()

    def _space(self) -> Vector:
        assert self._width is not None
        if self._mask:
            return Vector(self._width * 2)
        if self._scale == "none":
            return Vector(self._width, digits=self._digits)
        scale = Scale(tuple(self._mean.tolist()), tuple(self._deviation.tolist()), self._scale == "log")
        return Vector(self._width, scale=scale, digits=self._digits)

    def encode(self, values: Sequence[Raw]) -> Block:
        """The numbers, scaled, [total size] float32. Raises BadValues."""
        flat, lengths = self._checked(values)
        gone = np.isnan(flat)
        if self._missing != "unjudged" and gone.any():
            flat = self._filled(flat, gone, lengths)
        centre = self._mean if self._scale != "none" else 0.0
        scaled = (flat - centre) / self._deviation
        scaled = np.concatenate([scaled, gone], axis=1) if self._mask else scaled
        return Block(np.clip(scaled, -LARGEST, LARGEST).astype(np.float32), lengths)

    def _filled(self, flat: np.ndarray, gone: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        if self._missing == "zero":
            return np.where(gone, 0.0, flat)
        if self._missing == "last":
            first = np.repeat(lengths.cumsum() - lengths, lengths)[:, None]  # where each step's row begins
            place = np.maximum.accumulate(np.where(gone, -1, np.arange(len(flat))[:, None]), axis=0)
            before = np.take_along_axis(flat, np.maximum(place, 0), 0)
            return np.where(place >= first, before, self._mean)
        return np.where(gone, self._mean, flat)

    def undone(self, entry: Any) -> np.ndarray:
        """Scaled numbers [... size] in the file's own units [... width], as exactly as float32 has kept them."""
        assert self._width is not None
        scaled = np.asarray(entry, np.float64)[..., : self._width]
        # A step of float32 is what an entry is sure of; digits beyond it are noise (0.1 is not 0.100000001).
        step = np.spacing(np.abs(scaled).astype(np.float32)).astype(np.float64)
        centre = self._mean if self._scale != "none" else np.zeros(self._width)
        values = scaled * self._deviation + centre
        sure = np.maximum(step * self._deviation, 8 * np.spacing(np.abs(centre)))
        if self._scale == "log":
            with np.errstate(over="ignore"):
                values = np.exp(values)
                sure = sure * values
        return np.vectorize(_rounded, otypes=[np.float64])(values, sure) if values.size else values

    def _exported(self, axis: str) -> dict[str, Any]:
        """What a subclass says of itself. axis: row or step."""
        width = self._width or 1
        return {
            "kind": "numbers",
            "axis": axis,
            "width": width,
            "centre": [0.0] * width if self._scale == "none" else self._mean.tolist(),
            "middle": self._mean.tolist(),
            "deviation": self._deviation.tolist(),
            "log": self._scale == "log",
            "missing": self._missing,
            "mask": self._mask,
        }

    def show(self, entry: Any) -> Any:
        """As `decode`, with the digits of each column: what was scaled row by row has noise behind them."""
        found = self.decode(entry)
        return _with_digits(found, self._digits)

    @abstractmethod
    def decode(self, entry: Any) -> Any:
        """Numbers in the file's units, None where there is none. entry: [... feature]."""

    def state(self) -> dict[str, Any]:
        """Mean, deviation and digits of each column."""
        return {"mean": self._mean.tolist(), "deviation": self._deviation.tolist(), "digits": list(self._digits)}

    def restore(self, state: Any) -> None:
        """The inverse of `state`. Raises DataError where it is malformed."""
        match state:
            case {"mean": list(mean), "deviation": list(deviation), "digits": list(digits), **others} if not others:
                means, deviations = _finite(mean), _finite(deviation)
                known = all(type(each) is int and FEWEST <= each <= MOST for each in digits)
                width = self._said or len(means)
                if len(means) == len(deviations) == len(digits) == width > 0 and min(deviations) > 0 and known:
                    self._width = width
                    self._mean, self._deviation = np.array(means), np.array(deviations)
                    self._digits = tuple(digits)
                    return
        raise DataError("the stored data state is not that of scaled numbers: no mean and deviation for each column")


def _finite(numbers: list[Any]) -> list[float]:
    """The numbers, or none where one is not finite."""
    fine = len(numbers) <= WIDEST and all(
        isinstance(each, int | float) and not isinstance(each, bool) and abs(each) <= LARGEST for each in numbers
    )
    return list(map(float, numbers)) if fine else []


def _rows_of(steps: Any, lengths: np.ndarray) -> list[int]:
    """The rows that some steps belong to. steps: [total] bool."""
    found: list[int] = np.unique(np.repeat(np.arange(len(lengths)), lengths)[steps]).tolist()
    return found


def _gap(gone: np.ndarray, length: int) -> str:
    """What is wrong with a row of so many steps, of which some are gone."""
    return f"entry {int(gone.argmax()) + 1}: a number is missing" if length > 1 else "a number is missing"


def len_told(found: int, wanted: int) -> str:
    """What is wrong with a row of another width."""
    return f"{found} number{'' if found == 1 else 's'} where there must be {wanted}"


def _with_digits(value: Any, digits: Sequence[int]) -> Any:
    """Numbers, lists of one for each column, or lists of these, with so many significant digits."""
    if not isinstance(value, list):
        return value if value is None else float(f"{value:.{digits[0]}g}")
    if len(digits) == 1 or any(isinstance(one, list) for one in value):
        return [_with_digits(one, digits) for one in value]
    return [_with_digits(one, [digit]) for one, digit in zip(value, cycle(digits), strict=False)]


def _rounded(value: float, sure: float) -> float:
    if not math.isfinite(value) or not 0 < sure < math.inf:
        return value
    return round(value, -math.ceil(math.log10(sure)))


def as_json(value: Any) -> Any:
    """Numbers, or nested lists of them, None in place of NaN."""
    if isinstance(value, list):
        return list(map(as_json, value))
    return None if value != value else value

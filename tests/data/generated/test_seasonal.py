"""Series that come round, of unlike sizes."""

import numpy as np

from seqnet.data.files import BadRows
from seqnet.data.generated.seasonal import Seasonal


def values(one: Seasonal) -> np.ndarray:
    found = [rows.columns for rows in one.rows(one.files["train"], ["series", "value"], BadRows("raise"))]
    series = [name for names, _ in found for name in names]
    assert len(set(series)) == one.series and len(series) == one.series * one.length
    return np.array([value for _, column in found for value in column]).reshape(one.series, one.length)


def test_sizes_are_unlike_and_each_comes_round() -> None:
    found = values(Seasonal(1, series=40, length=240, noise=0.0))
    spread = found.std(axis=1)
    assert spread.max() / spread.min() > 100
    lines = np.abs(np.fft.rfft(found - found.mean(axis=1, keepdims=True)))[:, 3:] / spread[:, None]
    strongest = set(np.argsort(lines.mean(0))[-3:] + 3)
    assert strongest == {240 // 12, 240 // 6, 240 // 40}


def test_a_pure_function_of_the_seed() -> None:
    one, again, other = (values(Seasonal(seed, series=2, length=24)) for seed in (1, 1, 2))
    assert np.array_equal(one, again) and not np.isclose(one, other).any()

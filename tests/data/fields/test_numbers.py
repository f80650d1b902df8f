"""Numbers: scaled by what the training rows say, in the file's units again, what is missing filled."""

import math
from typing import Any

import numpy as np
import pytest

from seqnet.data.fields.field import BadValues
from seqnet.data.fields.number import NumberField
from seqnet.data.fields.numbers import NumbersField
from seqnet.data.fields.scaling import Moments
from seqnet.data.fields.series import SeriesField
from seqnet.data.fields.time import TimeField
from seqnet.data.fields.vector import VectorField
from seqnet.errors import ConfigurationError
from seqnet.kinds import AHEAD
from seqnet.specs import Scale, Tokens, Vector


def learned(field: Any, values: list[Any]) -> Any:
    field.observe(values)
    field.learned()
    return field


def flat(field: Any, values: list[Any]) -> list[Any]:
    found: list[Any] = field.encode(values).flat.tolist()
    return found


def test_a_number_is_scaled_by_mean_and_deviation() -> None:
    field = learned(NumberField(), [2, "4", 6.0, 8])
    assert field.state() == {"mean": [5.0], "deviation": [math.sqrt(5)], "digits": [4]}
    assert flat(field, [5, 5 + math.sqrt(5)]) == [[0.0], [1.0]]
    assert field.decode([-1.0]) == pytest.approx(5 - math.sqrt(5), abs=1e-6)
    assert field.decode(np.float32(0)) == 5.0


def test_the_logarithm_is_scaled() -> None:
    field = learned(NumberField(scale="log"), [1, math.e**2])
    assert flat(field, [math.e]) == pytest.approx(np.array([[0.0]]))
    assert flat(field, [math.e**2]) == pytest.approx(np.array([[1.0]]))
    assert field.decode(field.encode([68000]).flat[0]) == pytest.approx(68000, rel=1e-6)
    with pytest.raises(BadValues) as caught:
        field.encode([1, 0, -3])
    assert caught.value.problems == {1: "0 has no logarithm", 2: "-3 has no logarithm"}
    with pytest.raises(ConfigurationError, match="zero has no logarithm"):
        NumberField(scale="log", missing="zero")


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_numbers_far_from_one_keep_their_differences(block: int) -> None:
    values = [1e9 + (-1) ** row for row in range(1000)]
    field = NumberField()
    for begin in range(0, 1000, block):
        field.observe(values[begin : begin + block])
    field.learned()
    assert field.state()["mean"] == pytest.approx([1e9], abs=1e-6)
    assert field.state()["deviation"] == pytest.approx([1.0], abs=1e-6)
    assert [field.decode(row) for row in field.encode([1e9 - 1, 1e9 + 1]).flat] == [1e9 - 1, 1e9 + 1]


@pytest.mark.parametrize("value", [0.0, 0.1, -1e9, 1e-30, 3e38])
def test_a_column_that_never_changes_is_only_centred(value: float) -> None:
    field = NumberField()
    for _ in range(5):
        field.observe([value] * 3)
    field.learned()
    assert field.state()["deviation"] == [1.0]
    assert flat(field, [value]) == pytest.approx(np.array([[0.0]]), abs=1e-6 * abs(value))
    assert field.decode(field.encode([value]).flat[0]) == pytest.approx(value)


def test_moments_are_those_of_all_values_at_once() -> None:
    values = np.random.default_rng(0).normal([1e6, 0, -3], [1e-2, 1e4, 1], (1000, 3))
    values[::3, 1] = np.nan
    moments = Moments(3)
    for part in np.split(values, [0, 1, 10, 11, 500]):
        moments.observe(part)
    assert moments.mean == pytest.approx(np.nanmean(values, 0), rel=1e-12)
    assert moments.deviation == pytest.approx(np.nanstd(values, 0), rel=1e-6)
    assert moments.count.tolist() == [1000, 666, 1000]


@pytest.mark.parametrize("value", [0.1, 1234567.0, -0.001, 1e-7, 2.5e10])
@pytest.mark.parametrize("scale", ["none", "standard"])
def test_what_comes_back_has_no_digits_that_float32_made_up(value: float, scale: Any) -> None:
    field = learned(NumberField(scale=scale), [value, 2 * value, 5 * value])
    assert field.decode(field.encode([value]).flat[0]) == value


@pytest.mark.parametrize(
    ("missing", "wanted"), [("mean", [0.0, 0.0]), ("zero", [-2.0, -2.0]), ("unjudged", [math.nan, math.nan])]
)
def test_what_is_missing_is_filled(missing: Any, wanted: list[float]) -> None:
    field = learned(NumberField(missing=missing), ["1", "", 3, "NA", None, math.nan])
    assert field.state() == {"mean": [2.0], "deviation": [1.0], "digits": [4]}
    found = field.encode(["?", None, 3]).flat[:, 0]
    assert found.tolist() == pytest.approx([*wanted, 1.0], nan_ok=True)
    if missing == "unjudged":
        assert field.decode(found[0]) is None
    else:
        masked = learned(NumberField(missing=missing, mask=True), ["1", "", 3])
        assert masked.encode(["", 3]).flat.tolist() == [[wanted[0], 1.0], [1.0, 0.0]]
        assert masked.decode(masked.encode([3]).flat[0]) == 3.0
        again = NumberField(missing=missing, mask=True)
        again.restore(masked.state())
        assert again.encode([""]).flat.tolist() == [[wanted[0], 1.0]]


def test_a_mask_of_what_is_never_filled_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="mask=true has no effect with missing=raise"):
        NumberField(mask=True)


def test_the_last_number_stands_for_one_that_is_missing() -> None:
    field = learned(SeriesField(missing="last", scale="none"), [[1, None, 3], [None, 5]])
    found = field.encode([[None, 1, None, None, 2, None], [None, 7]])
    assert found.flat[:, 0].tolist() == [3, 1, 1, 1, 2, 2, 3, 7]  # 3: the mean; a row knows nothing of the one before
    pairs = learned(SeriesField(missing="last", scale="none"), [[[1, 10], [3, 30]]])
    assert pairs.encode([[[1, None], [None, 20], [None, None]]]).flat.tolist() == [[1, 20], [1, 20], [1, 20]]


def test_columns_are_scaled_each_by_its_own() -> None:
    field = NumbersField()
    field.observe([[0, 100], "2 300"])
    assert field.learned() == Vector(2, scale=Scale((1.0, 200.0), (1.0, 100.0)), digits=(4, 4))
    assert flat(field, [[2, 100]]) == [[1.0, -1.0]]
    assert field.decode(np.array([1.0, -1.0])) == [2.0, 100.0]
    with pytest.raises(BadValues, match="3 numbers where there must be 2"):
        field.encode([[1, 2, 3]])


@pytest.mark.parametrize("scale", ["standard", "none", "log"])
def test_numbers_are_told_with_as_many_digits_as_their_column_has(scale: Any) -> None:
    field = NumbersField(scale=scale)
    field.observe([[98.6, 1004.31, 12_000, 1 / 3], [5, 20.5, 68_100, None]][:1])
    field.observe([[5, 20.55, 68_100, 2 / 3]])
    space = field.learned()
    assert space.digits == (4, 6, 4, 6)
    assert space.rounded([1.23456789, 1234567.0, 35_213.4, 0.123456789]) == [1.235, 1234570.0, 35_210.0, 0.123457]
    again = NumbersField(scale=scale)
    again.restore(field.state())
    assert again.learned() == space
    assert Vector(1).rounded([1 / 3]) == [0.333333]


def test_the_width_of_a_vector() -> None:
    assert learned(VectorField(), [[1, 2]]).learned() == Vector(2, digits=(4, 4))
    with pytest.raises(BadValues) as caught:
        VectorField(width=3).observe([[1, 2, 3], [1, 2]])
    assert caught.value.problems == {1: "2 numbers where there must be 3"}
    with pytest.raises(ConfigurationError, match=r"data\.fields\.\*\.width is 0; it must be at least 1"):
        VectorField(width=0)


def test_a_series_may_be_of_vectors() -> None:
    field = SeriesField(scale="none", known_ahead=True)
    field.observe([[[1, 2], [3, 4]], np.zeros((3, 2), np.int16)])
    assert field.learned() == Vector(2, digits=(4, 4)) and AHEAD in field.kind.traits
    found = field.encode([[[1, 2], [3, 4]], np.ones((1, 2))])
    assert found.flat.tolist() == [[1, 2], [3, 4], [1, 1]] and found.lengths.tolist() == [2, 1]
    assert field.decode(found.flat[:2]) == [[1, 2], [3, 4]] and field.decode(found.flat[2]) == [1, 1]


def test_parts_of_a_time_stamp() -> None:
    field = TimeField(part="weekday", form="label", axis="row")
    assert field.learned() == Tokens(tuple("Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()))
    assert field.encode(["2024-05-31", "2024-06-03 23:59"]).flat.tolist() == [4, 0]
    assert field.decode(np.array([4])) == "Friday"
    cycle = TimeField(part="hour")
    assert cycle.encode(["2024-05-31 06:00", [18 * 3600]]).flat == pytest.approx(np.array([[1, 0], [-1, 0]]), abs=1e-6)
    assert cycle.encode([np.array(["2024-05-31T12:00"], "datetime64[m]")]).flat == pytest.approx(
        np.array([[0, -1]]), abs=1e-6
    )
    month = TimeField(part="month")
    assert month.decode(month.encode(["2023-07-02 12:00"]).flat) == [0.5]
    german = TimeField(part="day", form="label", axis="row", pattern="%d.%m.%Y")
    assert german.decode(german.encode(["31.05.2024"]).flat) == "31"
    with pytest.raises(BadValues, match="'2024-05-31' is not a time stamp such as the pattern"):
        german.encode(["2024-05-31"])

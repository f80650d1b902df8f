import math

import pytest

from seqnet.observers.gradient_flow import LayerMemory
from seqnet.observers.memory_report import cut_off, fading, far_share, figures, percent, reach, verdict


def falling(factor: float, steps: int = 50) -> list[float]:
    return [3 * factor**lag for lag in range(steps)]


def layer(curve: list[float], name: str = "layers.0", **more) -> LayerMemory:
    return LayerMemory(name, "LSTM", more.pop("windowed", True), {"hidden": curve}, **more)


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.0, 1.1])
def test_how_it_fades_and_how_far_it_reaches(factor: float) -> None:
    curve = falling(factor)
    assert fading(curve) == pytest.approx(factor)
    share = sum(curve[: reach(curve) + 1]) / sum(curve)
    assert share >= 0.99 > sum(curve[: reach(curve)]) / sum(curve)
    assert far_share(curve) == pytest.approx(sum(factor**lag for lag in range(45, 50)) / 5)


@pytest.mark.parametrize(("window", "stride", "known"), [(10, 10, 10), (10, 3, 10), (10, 10, 6), (8, 1, 50)])
def test_what_windows_cut_off_of_a_gradient_that_fades_evenly(window: int, stride: int, known: int) -> None:
    """A step with n steps before it in its window keeps 1 - factor^(n + 1) of its gradient, whatever is known of it."""
    factor = 0.8
    wanted = sum(factor ** (n + 1) for n in range(window - stride, window)) / stride
    assert cut_off(falling(factor, known), window, stride) == pytest.approx(wanted)


def test_what_does_not_fade_is_cut_off_who_knows_how_much() -> None:
    assert cut_off(falling(1.01), 50, 50) is None


@pytest.mark.parametrize(
    ("factor", "window", "clipped", "said"),
    [
        (0.5, None, 0, "vanishes: its norm falls to a thousandth within 10 of 49 steps; 99 % of it comes from"),
        (0.99, None, 0.25, "reaches 49 steps back, where its norm is still 62 % of that at the last one; 25 % of"),
        (1.2, None, 0, "explodes: 49 steps back its norm is 5,443 times as large"),
        (0.8, 50, 0, "falls to a thousandth within 31 of 49 steps; training.window=50 cuts off about 8.0 %"),
        (1.0, 50, 0, "; as it does not fade, training.window=50 cuts off whatever lies further back"),
        (math.inf, None, 0, "overflows within 49 steps: it explodes"),
    ],
)  # fmt: skip
def test_the_verdict_is_one_sentence(factor: float, window: int | None, clipped: float, said: str) -> None:
    curve = [1.0, *[math.inf] * 49] if math.isinf(factor) else falling(factor)
    told = verdict([layer(curve)], window, None, clipped)
    assert told.startswith("layers.0 (LSTM): the gradient ") and said in told
    assert "\n" not in told


def test_the_verdict_is_on_the_layer_that_looks_back_the_farthest_of_those_that_are_cut() -> None:
    several = [layer(falling(0.5), "a"), layer(falling(0.9), "b"), layer(falling(0.99), "source", windowed=False)]
    assert verdict(several, 50, None, 0).startswith("b (LSTM)")
    assert verdict(several[2:], None, None, 0).startswith("source (LSTM)")


def test_the_verdict_where_nothing_can_be_told() -> None:
    nameless = LayerMemory("layers.0", "Own", True, missing=["no gradient, as its state has no part called hidden"])
    assert verdict([nameless], None, None, 0) == (
        "no gradient through time can be shown: layers.0 (Own): no gradient, as its state has no part called hidden"
    )
    assert verdict([layer([0.0, 0.0, 0.0])], None, None, 0).endswith("layers.0 (LSTM): it is 0")
    assert (
        verdict([layer([1.0, 0.5])], 2, None, 0)
        == "layers.0 (LSTM): 2 steps are too few to tell how the gradient fades"
    )


def test_single_numbers_are_those_that_are_finite() -> None:
    found = figures(
        layer([1.0, 0.5, 0.25], half_life=(4.0, 9.0), saturation={"forget": (0.1, 0.2)}, spectral_radius=0.5)
    )
    assert found == {
        "reach": 2, "far_share": 0.25, "half_life": 4.0, "longest_half_life": 9.0, "spectral_radius": 0.5,
        "forget_shut": 0.1, "forget_open": 0.2,
    }  # fmt: skip
    assert figures(layer([1.0, math.inf], spectral_radius=math.nan)).keys() == {"reach"}


@pytest.mark.parametrize(("share", "said"), [(0, "0 %"), (0.0004, "under 0.1 %"), (0.034, "3.4 %"), (0.126, "13 %")])
def test_a_share_as_a_person_says_it(share: float, said: str) -> None:
    assert percent(share) == said

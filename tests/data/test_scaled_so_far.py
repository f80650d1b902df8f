"""Series scaled at each step by what was read up to it."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqnet.data.examples import Ragged
from seqnet.data.fields.numbers import NumbersField
from seqnet.data.fields.series import SeriesField
from seqnet.data.scaled_so_far import FARTHEST, LEAST, SoFar, scaled_so_far
from seqnet.tasks.evaluator import in_the_columns_scale


def rows(*lengths: int, features: int = 2) -> Ragged:
    torch.manual_seed(0)
    return Ragged.of([torch.randn(length, features) * 3 + row * 50 for row, length in enumerate(lengths)])


@pytest.mark.parametrize("season", [None, 1, 3, 20])
def test_each_step_is_scaled_by_its_row_so_far(season: int | None) -> None:
    column = rows(7, 1, 12)
    found = SoFar.of(column, season)
    place = 0
    for row in range(len(column)):
        for step in range(len(column[row])):
            past = column[row][: step + 1].double()
            deviation = past.std(0, correction=0)
            deviation = torch.where(deviation > 1e-6, deviation, torch.ones(2).double())
            centre = past[-(season or step + 1) :].mean(0)
            torch.testing.assert_close(found.centre[place].double(), centre, atol=1e-4, rtol=1e-5)
            torch.testing.assert_close(found.deviation[place].double(), deviation, atol=1e-4, rtol=1e-3)
            assert bool(found.enough[place]) == (step + 1 >= max(season or 0, LEAST))
            place += 1


def test_what_is_read_does_not_know_what_comes() -> None:
    column = rows(9, 9)
    changed = Ragged(column.flat.clone(), column.offsets)
    changed.flat[5:9] += 1000
    before, after = (scaled_so_far({"x": one}, {"x": 3})["x"].flat for one in (column, changed))
    assert torch.equal(before[:5], after[:5]) and torch.equal(before[9:], after[9:])
    assert after.abs().max() <= FARTHEST


def test_answers_come_back_to_the_scale_of_the_column() -> None:
    column = rows(8)
    so_far = SoFar.of(column, None)
    ahead = torch.randn(8, 3, 2) * 100
    asked = so_far.asked(ahead)
    assert asked[: LEAST - 1].isnan().all() and not asked[LEAST - 1 :].isnan().any()
    back = in_the_columns_scale(asked.flatten(1), so_far.units())
    torch.testing.assert_close(back[LEAST - 1 :], ahead.flatten(1)[LEAST - 1 :])
    assert in_the_columns_scale(ahead, None) is ahead


def write(path: Path) -> None:
    """Hours of two shops of very unlike sizes, with a slope that leaves what training saw behind."""
    lines = ["shop,hour,sales"]
    for shop, size in (("small", 1), ("large", 1000)):
        lines += [f"{shop},{hour},{size * (3 * hour + 20 * math.sin(hour * math.pi / 3)):.3f}" for hour in range(120)]
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("scale", ["window", "standard"])
def test_a_trend_is_followed_where_the_scale_is_that_of_the_window(seqnet: Any, scale: str) -> None:
    write(Path("sales.csv"))
    options = ("data.fields.sales.season=6",) if scale == "window" else ()
    found = seqnet.quietly(
        "experiment=blank",
        "data.path=sales.csv",
        "+field@data.fields.sales=series",
        f"data.fields.sales.scale={scale}",
        *options,
        "data.rows.group=shop",
        "data.rows.order=hour",
        "data.inputs=[sales]",
        "data.target=sales",
        "data.horizon=3",
        "data.valid_share=0.2",
        "objective=regression",
        "model.hidden_size=16",
        "optimizer.lr=1e-2",
        "training.max_epochs=150",
        "training.evaluate_every_steps=50",
        "run_dir=run",
    )
    assert found.code == 0, found.err
    best = seqnet.results("run")["best"]
    if scale == "standard":  # its answers stay among the numbers that training saw
        assert best["mae"] > 8_000
        return
    assert best["mae"] < 4_000
    Path("new.csv").write_text("\n".join(Path("sales.csv").read_text().splitlines()[:111]))
    small = seqnet("predict", "run=run", "input=new.csv").rows[0]["prediction"]
    assert small == pytest.approx([3 * hour + 20 * math.sin(hour * math.pi / 3) for hour in (110, 111, 112)], abs=15)


@pytest.mark.parametrize("kind", [SeriesField, NumbersField])
def test_what_is_shown_has_the_digits_of_its_column(kind: Any) -> None:
    """A value near the column's mean that was scaled by its row has more noise than its size lets expect."""
    field = kind()
    field.observe([[600.03, 620.03]] if kind is SeriesField else [[600.03, 1.0], [620.03, 3.0]])
    field.learned()
    noisy = np.full((1, 1 if kind is SeriesField else 2), 1e-6, np.float32)
    assert field.decode(noisy)[0] == pytest.approx(610.03001)
    assert field.show(noisy) == ([610.03] if kind is SeriesField else [610.03, 2.0])
    assert field.show(np.full_like(noisy, np.nan)) == [None] * noisy.shape[1]

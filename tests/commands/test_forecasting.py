"""Forecasts of a run: of rows without a value, further than was trained for, as pictures."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from seqnet import cli
from seqnet.batch import Forecast
from seqnet.commands.forecasting import as_text

FUTURE = 9
QUIET = ("observers.tensorboard=false", "observers.console=false", "device=cpu", "threads=1")
OPTIONS = (
    "experiment=time_series",
    "data.path=sales.csv",
    "data.fields.value.column=sold",
    "data.fields.value.season=4",
    "data.fields.phase.column=promo",
    "data.fields.kind.column=shop",
    "data.rows.group=shop",
    "data.rows.order=day",
    "data.horizon=3",
    "data.lags=8",
    "data.batch_size=2",
    "model.hidden_size=8",
    "schedule=constant",
    "training.max_epochs=12",
    "training.evaluate_every_steps=6",
    "training.monitor=mase",
)


def write(path: Path, future: int = 0) -> None:
    """Two shops that come round every 4 days, and sell half as much more on days that are known ahead."""
    lines = ["shop,day,sold,promo"]
    for shop, size in (("small", 1), ("large", 1000)):
        for day in range(60 + future):
            promo = int(day % 7 == 3)
            sold = size * (5 + 2 * math.sin(day * math.pi / 2) + 2.5 * promo) if day < 60 else ""
            lines.append(f"{shop},{day},{sold},{promo}")
    path.write_text("\n".join(lines) + "\n")


def came(size: float, day: int) -> float:
    return size * (5 + 2 * math.sin(day * math.pi / 2) + 2.5 * (day % 7 == 3))


@pytest.fixture(scope="module")
def run_of(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A run of an objective, trained once, and its answers."""
    folder = tmp_path_factory.mktemp("forecasts")
    write(folder / "sales.csv")
    write(folder / "new.csv", FUTURE)
    made: dict[str, Path] = {}

    def run(objective: str) -> tuple[Path, Path]:
        if objective not in made:
            options = [option.replace("sales.csv", str(folder / "sales.csv")) for option in OPTIONS]
            chosen = [] if objective == "quantile" else [f"objective={objective}"]
            assert cli.answer(["train", *options, *chosen, *QUIET, f"run_dir={folder / objective}"]) == 0
            made[objective] = folder / objective
        return made[objective], folder / "new.csv"

    return run


def test_it_is_told_beside_what_needs_no_model(seqnet: Any, run_of: Any) -> None:
    run, _ = run_of("quantile")
    test = seqnet.results(run)["test"]
    assert test["mase"] < 0.6 * test["mase_last_value"]
    assert test["wql"] < test["wql_last_value"]
    assert {"mase_seasonal_naive", "wql_seasonal_naive", "coverage"} <= test.keys()
    assert "wanted" in seqnet.results(run)["sample"]


def test_what_is_best_is_best_by_the_score_of_forecasts(seqnet: Any, run_of: Any) -> None:
    run, _ = run_of("quantile")
    results = seqnet.results(run)
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    scores = {row["step"]: row["mase"] for row in rows if row["split"] == "valid"}
    assert results["monitor"] == "mase" and len(scores) > 1
    assert results["best"]["mase"] == min(scores.values()) == scores[results["best"]["step"]]


def test_each_series_is_judged_by_itself_under_its_name(seqnet: Any, run_of: Any) -> None:
    run, _ = run_of("quantile")
    scores, *tables = seqnet("evaluate", f"run={run}").rows
    series = [row for row in tables if row["table"] == "series"]
    assert {row["series"] for row in series} == {"small", "large"}
    assert [row["mase"] for row in series] == sorted((row["mase"] for row in series), reverse=True)
    weighed = sum(row["n"] * row["mase"] for row in series) / sum(row["n"] for row in series)
    assert weighed == pytest.approx(scores["mase"], rel=1e-4)
    assert {row["series"] for row in tables if row["table"] == "errors"} <= {"small", "large"}


def test_what_is_known_ahead_is_read_of_rows_without_a_value(seqnet: Any, run_of: Any) -> None:
    run, new = run_of("quantile")
    found = seqnet("predict", f"run={run}", f"input={new}")
    assert found.err == ""
    for row, size in zip(found.rows, (1, 1000), strict=True):
        assert row["prediction"].keys() == {"0.1", "0.5", "0.9"}
        assert row["prediction"]["0.5"] == pytest.approx([came(size, day) for day in (60, 61, 62)], rel=0.4)
        assert row["prediction"]["0.1"] < row["prediction"]["0.5"] < row["prediction"]["0.9"]
    blind = seqnet("predict", f"run={run}", f"input={run.parent / 'sales.csv'}")
    assert "phase is known ahead, and 2 rows of what was read did not say" in blind.err


@pytest.mark.parametrize("objective", ["quantile", "gaussian"])
def test_further_than_was_trained_for(seqnet: Any, run_of: Any, objective: str) -> None:
    """The first steps are those of the run itself; those beyond follow from answers that were fed back."""
    run, new = run_of(objective)
    asked = ("predict", f"run={run}", f"input={new}")
    near, far = seqnet(*asked).rows, seqnet(*asked, f"horizon={FUTURE}", "pictures=drawn")
    key = {"quantile": "0.5", "gaussian": "mean"}[objective]
    for one, other in zip(near, far.rows, strict=True):
        short, long = (row["prediction"][key] for row in (one, other))
        assert len(long) == FUTURE and long[:3] == pytest.approx(short, rel=1e-5)
        assert all(value is not None for value in long)
        if objective == "quantile":
            assert other["prediction"]["0.9"][3:] == [None] * (FUTURE - 3)
        if objective == "gaussian":
            assert len(other["prediction"]["deviation"]) == FUTURE and min(other["prediction"]["deviation"]) > 0
    assert ("the band ends after 3 steps" in far.err) == (objective == "quantile")
    assert sorted(path.name for path in Path("drawn").iterdir()) == ["0001.png", "0002.png"]
    assert seqnet("evaluate", f"run={run}", "pictures=scored").code == 2 and not Path("scored").exists()
    assert seqnet(*asked, "horizon=2").rows[1]["prediction"][key] == pytest.approx(short[:2], rel=1e-5)


def test_what_is_not_known_is_refused(seqnet: Any, run_of: Any) -> None:
    run, new = run_of("quantile")
    found = seqnet("predict", f"run={run}", f"input={new}", f"horizon={FUTURE + 1}")
    assert found.code == 3 and "phase is not known for all steps" in found.err
    sizes = ("data.train_size=4", "data.valid_size=2", "data.test_size=2", "data.length=5", "debug=quick")
    assert seqnet.quietly("experiment=ball", *sizes, "run_dir=ball").code == 0
    for option, why in (("horizon=4", "does not forecast a series"), ("pictures=drawn", "nothing to draw")):
        found = seqnet("predict", "run=ball", option, stdin=b"[[0.5, 1], [0.5, 1]]\n")
        assert found.code == 2 and why in found.err


def test_a_forecast_as_text_stands_below_what_came() -> None:
    levels = {0.1: torch.tensor([1.0, 2.0]), 0.5: torch.tensor([10.0, 20.0])}
    lines = as_text(Forecast(torch.zeros(3), levels, torch.tensor([9.0, 21.0]), "x")).splitlines()
    assert [line.split() for line in lines] == [["wanted", "9", "21"], ["0.1", "1", "2"], ["0.5", "10", "20"]]
    assert len({len(line) for line in lines}) == 1


def test_rows_of_json_may_hold_more_of_what_is_known_ahead(seqnet: Any, run_of: Any) -> None:
    run, _ = run_of("quantile")
    row = {
        "value": [came(1, day) for day in range(20)],
        "phase": [int(day % 7 == 3) for day in range(23)],
        "kind": "small",
    }
    gaps = {**row, "value": [*row["value"], None, None, None]}
    found = seqnet("predict", f"run={run}", stdin=f"{json.dumps(row)}\n{json.dumps(gaps)}\n".encode())
    assert found.err == "" and found.rows[0]["prediction"] == found.rows[1]["prediction"]

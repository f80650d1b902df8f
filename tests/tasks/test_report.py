"""A report looks at what was asked, window by window: worked out by hand."""

import math
from typing import Any

import pytest
import torch

from seqnet.batch import IGNORE, UNKNOWN_LABEL, Batch, Output
from seqnet.objectives.classification import Classification
from seqnet.objectives.regression import Regression
from seqnet.objectives.tables import NEVER_SEEN
from seqnet.specs import Tokens, Vector
from seqnet.tasks.many_to_many import ManyToMany
from seqnet.tasks.many_to_one import ManyToOne
from seqnet.tasks.report import WORST, Report


class Source:
    """Shows the numbers that were read."""

    def show(self, inputs: torch.Tensor) -> str:
        return " ".join(map(str, inputs.tolist()))


def seen(task: Any, logits: torch.Tensor, batch: Batch, window: int | None = None) -> list[dict[str, Any]]:
    """The report of a model that answers with these logits, [batch ...]."""
    report, begin = Report(task, Source()), 0
    for piece in batch.windows(window):
        features = logits if batch.row_targets else logits[:, begin : begin + piece.time]
        report.window(Output(features, torch.nn.Identity(), None), piece)
        begin += piece.time
    report.batch(batch, None)
    return list(report.rows())


def test_a_class_a_row() -> None:
    logits = torch.tensor([[3.0, 0.0], [0.0, 1.0], [0.0, 2.0], [0.0, 2.0]])
    inputs = torch.arange(12).view(4, 3)
    batch = Batch(inputs, torch.tensor([3, 2, 1, 3]), torch.tensor([0, 0, 1, UNKNOWN_LABEL]), row_targets=True)
    task = ManyToOne(Classification(Tokens(("bad", "good"))))
    for window in (None, 2):
        bad, good, never, first, second, error = seen(task, logits, batch, window)
        assert (bad["precision"], bad["recall"], bad["support"]) == (1.0, 0.5, 2)
        assert (good["precision"], good["recall"], good["support"]) == (1 / 3, 1.0, 1)
        assert (never["class"], never["recall"]) == (NEVER_SEEN, 0.0)
        assert error == {
            "table": "errors",
            "input": "3 4",
            "target": "bad",
            "prediction": "good",
            "loss": error["loss"],
        }
        assert error["loss"] == pytest.approx(math.log(1 + math.e), abs=1e-5)
        assert {first["target"], second["target"]} == {"bad", NEVER_SEEN}


def test_a_class_a_step_in_windows() -> None:
    logits = torch.tensor([[[2.0, 0.0], [2.0, 0.0], [0.0, 2.0]], [[0.0, 2.0], [0.0, 2.0], [9.0, 0.0]]])
    targets = torch.tensor([[0, 1, IGNORE], [1, 1, IGNORE]])
    batch = Batch(torch.arange(6).view(2, 3), torch.tensor([3, 2]), targets)
    task = ManyToMany(Classification(Tokens(("N", "V"))))
    *whole, error = seen(task, logits, batch)
    for window in (1, 2):
        *others, other = seen(task, logits, batch, window)
        assert others == whole and other.pop("loss") == pytest.approx(error["loss"], abs=1e-5)
        assert other.items() <= error.items()
    assert (error["input"], error["target"], error["prediction"]) == ("0 1 2", ["N", "V", None], ["N", "N", "V"])
    right, wrong = math.log(1 + math.exp(-2)), math.log(1 + math.exp(2))
    assert error["loss"] == pytest.approx((right + wrong) / 2, abs=1e-5)


def test_the_worst_are_kept_and_no_more() -> None:
    rows = 3 * WORST
    logits = torch.stack([torch.zeros(rows), torch.arange(rows).float()], dim=1)
    batch = Batch(torch.arange(rows)[:, None], torch.ones(rows, dtype=torch.int64), torch.zeros(rows).long(), True)
    found = seen(ManyToOne(Classification(Tokens(("a", "b")))), logits, batch)
    assert [row["input"] for row in found if row["table"] == "errors"] == [str(rows - 1 - n) for n in range(WORST)]


def test_numbers_by_column() -> None:
    batch = Batch(torch.zeros(2, 1), torch.ones(2).long(), torch.tensor([[1.0, 2.0], [3.0, 4.0]]), True)
    task = ManyToOne(Regression(Vector(2, ("x", "y"))))
    x, y, *errors = seen(task, torch.tensor([[2.0, 2.0], [3.0, 1.0]]), batch)
    assert (x["column"], x["mae"], x["bias"]) == ("x", 0.5, 0.5)
    assert (y["column"], y["mae"], y["bias"]) == ("y", 1.5, -1.5)
    assert [(row["prediction"], row["loss"]) for row in errors] == [
        ({"x": 3.0, "y": 1.0}, 4.5),
        ({"x": 2.0, "y": 2.0}, 0.5),
    ]


def test_running_text_has_no_rows() -> None:
    batch = Batch(torch.zeros(1, 2).long(), torch.tensor([2]), torch.zeros(1, 2).long(), starts=torch.tensor([True]))
    assert seen(ManyToMany(Classification(Tokens(("a", "b")))), torch.zeros(1, 2, 2), batch) == []

"""Tables of a report, by hand."""

import math
from typing import Any

import pytest
import torch

from seqnet.objectives.spans import spans
from seqnet.objectives.tables import NEVER_SEEN, Classes, Entities, Judged, Labels, Numbers


def rows(table: Any, *judged: Judged) -> list[dict[str, Any]]:
    for row in judged:
        table.update(row)
    return list(table.rows())


def test_a_row_a_class_and_what_was_taken_for_another() -> None:
    seen = [("a", "a", 0.1), ("a", "b", 2.0), ("a", "b", 1.0), ("b", "b", 0.2), ("b", "a", 4.0), ("c", "c", 0.0)]
    a, b, c, first, second = rows(Classes("abcd"), *(Judged(*one) for one in seen))
    assert a == {"table": "classes", "class": "a", "precision": 1 / 2, "recall": 1 / 3, "f1": 2 / 5, "support": 3}
    assert b == {"table": "classes", "class": "b", "precision": 1 / 3, "recall": 1 / 2, "f1": 2 / 5, "support": 2}
    assert c["f1"] == 1 and c["class"] == "c"  # of d there is nothing to tell
    # What costs most is first: one error of 4 nats, then two of 3 together.
    assert first == {"table": "confusions", "target": "b", "prediction": "a", "count": 1, "loss": 4.0}
    assert second == {"table": "confusions", "target": "a", "prediction": "b", "count": 2, "loss": 1.5}


def test_steps_are_counted_where_they_are_asked() -> None:
    judged = Judged(["x", None, "y", NEVER_SEEN], ["y", "x", "y", "x"], 1.0, by_step=True)
    found = rows(Classes("xy"), judged, judged)
    assert [(row["class"], row["support"], row["recall"]) for row in found[:3]] == [
        ("x", 2, 0.0),
        ("y", 2, 1.0),
        (NEVER_SEEN, 2, 0.0),
    ]
    assert found[0]["precision"] == 0 and found[2]["precision"] is None
    assert [(row["target"], row["prediction"], row["count"]) for row in found[3:]] == [
        (NEVER_SEEN, "x", 2),
        ("x", "y", 2),
    ]
    assert all("loss" not in row for row in found)


def test_the_ten_confusions_that_cost_most() -> None:
    found = rows(Classes([]), *(Judged(f"{number:02}", "x", float(number)) for number in range(15)))
    assert [row["target"] for row in found if row["table"] == "confusions"] == [f"{14 - n:02}" for n in range(10)]


def test_entities_by_type() -> None:
    tags = Judged(["B-PER", "I-PER", "O", "B-LOC", "B-LOC"], ["B-PER", "I-PER", "O", "B-LOC", "I-LOC"], 0.0, True)
    other = Judged(["O", None, "B-PER"], ["B-ORG", "B-ORG", "B-PER"], 0.0, True)
    loc, org, per = rows(Entities(spans), tags, other)
    assert loc == {"table": "entities", "type": "LOC", "precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 2}
    assert org == {"table": "entities", "type": "ORG", "precision": 0.0, "recall": None, "f1": 0.0, "support": 0}
    assert per == {"table": "entities", "type": "PER", "precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 2}


def test_a_row_of_which_nothing_is_asked_has_no_entities() -> None:
    assert rows(Entities(spans), Judged([None, None], ["B-PER", "O"], 0.0, True), Judged([], [], 0.0, True)) == []


@pytest.mark.parametrize("by_step", [False, True])
def test_labels_of_which_any_may_be_there(by_step: bool) -> None:
    wanted, found = [["a"], ["a", "b"], []], [["a", "b"], ["b"], []]
    judged = (
        [Judged(wanted, found, 0.0, True)]
        if by_step
        else [Judged(*pair, 0.0) for pair in zip(wanted, found, strict=True)]
    )
    a, b = rows(Labels("abc"), *judged)
    assert a == {"table": "labels", "label": "a", "precision": 1.0, "recall": 0.5, "f1": 2 / 3, "support": 2}
    assert b == {"table": "labels", "label": "b", "precision": 0.5, "recall": 1.0, "f1": 2 / 3, "support": 1}


def test_errors_by_step_ahead_and_by_column() -> None:
    table = Numbers(("x", "y"), 2, lambda scaled: scaled * 10)
    wanted = torch.tensor([[0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 2.0, 3.0]])
    table.items(wanted + torch.tensor([[0.1, 0.0, -0.3, 0.4], [0.1, 0.0, 0.3, 0.0]]), wanted)
    first, second, x, y = rows(table)
    assert (first["table"], first["step"], x["table"], x["column"], y["column"]) == ("horizon", 1, "columns", "x", "y")
    assert (first["mae"], first["bias"]) == pytest.approx((0.5, 0.5), abs=1e-5)  # errors 1, 0, 1, 0
    assert (second["mae"], second["bias"]) == pytest.approx((2.5, 1.0), abs=1e-5)  # errors -3, 4, 3, 0
    assert second["rmse"] == pytest.approx(math.sqrt(34 / 4), abs=1e-5)
    assert (x["mae"], x["bias"], y["mae"], y["bias"]) == pytest.approx((2.0, 0.5, 1.0, 1.0), abs=1e-5)
    assert rows(Numbers((), 1, lambda scaled: scaled)) == []

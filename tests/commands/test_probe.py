"""`seqnet probe`: one number with its interval, the curve behind it, and a plot, for what carries a context."""

import json
import sys
from types import SimpleNamespace

import pytest
from PIL import Image

from seqnet.commands import probe
from seqnet.errors import ConfigurationError

QUICK = ("positions=60", "max_context=16")


def told(answer):
    assert answer.code == 0, answer.err
    summary, *points = (json.loads(line) for line in answer.out.splitlines())
    return summary, points


def test_a_language_model_by_the_context_that_is_carried(seqnet, writer_run):
    summary, points = told(seqnet("probe", f"run={writer_run}", "split=valid", *QUICK))
    assert summary["judged"] == 60 and summary["of"] == "positions" and summary["tried"] == 16
    assert {0, 1, 2, 4, 8, 16} <= {point["context"] for point in points}
    assert all(point["table"] == "memory" and point["low"] <= point["loss"] <= point["high"] for point in points)
    with Image.open(writer_run / "probe.png") as picture:
        assert picture.format == "PNG" and picture.width > 500
    again = told(seqnet("probe", f"run={writer_run}", "split=valid", "plot=mine.png", *QUICK))
    assert again == (summary, points)
    with Image.open("mine.png") as picture:
        assert picture.format == "PNG"


def test_a_classifier_by_how_many_of_the_last_steps_it_sees(seqnet, judge_run, tmp_path):
    summary, points = told(seqnet("probe", f"run={judge_run}", "plot=x.png", *QUICK))
    assert summary["of"] == "rows" and points[0]["context"] == 1
    assert points[-1]["loss"] == pytest.approx(summary["full_loss"], abs=1e-6)  # no row is longer
    (tmp_path / "other.csv").write_text("text,label\n" + "the quick fox,friendly\na dog,not\n" * 4)
    other, _ = told(seqnet("probe", f"run={judge_run}", "plot=x.png", "data.path=other.csv", *QUICK))
    assert other["judged"] == 8 and other["tried"] == 3


def test_a_task_with_a_lag_by_the_lag(seqnet, adding_run):
    summary, points = told(seqnet("probe", f"run={adding_run}", "plot=x.png", "positions=20"))
    assert [point["lag"] for point in points] == [2, 4, 8, 10, 16, 20]
    assert all(0 <= point["low"] <= point["accuracy"] <= point["high"] <= 1 for point in points)
    assert summary["trained_lag"] == 10 and summary["rows"] == 20 and summary["memory"] in (0, 2, 4, 8, 10, 16, None)


def test_where_nothing_can_be_probed_a_sentence_says_why(seqnet, reverse_run, writer_run, judge_run, adding_run):
    def refused(*asked, code=2):
        found = seqnet("probe", *asked)
        assert found.code == code and found.out == "" and found.err.count("\n") == 1, found.err
        return found.err

    assert "reads a source whole before it answers" in refused(f"run={reverse_run}")
    assert "split=test" in refused(f"run={writer_run}", code=3)
    assert "data.path: data=adding is drawn" in refused(f"run={adding_run}", "data.path=x.csv")
    assert "plot=no/x.png cannot be written" in refused(f"run={judge_run}", "plot=no/x.png")
    assert "positions=1 must be a whole number of at least 2" in refused(f"run={judge_run}", "positions=1")
    both = SimpleNamespace(
        assembly=SimpleNamespace(source=None, model=SimpleNamespace(bidirectional=True), task=SimpleNamespace())
    )
    with pytest.raises(ConfigurationError, match="reads each row from its end too"):
        probe._refuse_without_memory(both, {"run": "x"})


def test_without_its_package_the_numbers_are_told_all_the_same(seqnet, judge_run, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    found = seqnet("probe", f"run={judge_run}", *QUICK)
    assert "pip install 'seqnet[plots]'" in found.err and told(found)[0]["of"] == "rows"
    found = seqnet("probe", f"run={judge_run}", "plot=x.png", *QUICK)
    assert found.code == 2 and "plot=x.png: plots need the package matplotlib" in found.err

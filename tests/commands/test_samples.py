"""What is shown of a model's answers."""

from pathlib import Path
from typing import Any

import pytest

from seqnet.commands.samples import beside, readable
from seqnet.data import lanes


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        ("B-person", "B-person"),
        (0.123456, "0.123"),
        (7, "7"),
        ({"target": 0.5}, "0.5"),
        ({"x": 0.25, "y": 1.0}, "(0.25 1)"),
        (["O", "B-person"], "O B-person"),
        (list(range(12)), "... 2 3 4 5 6 7 8 9 10 11"),
        ([[60, 64, 67], [], [62]], "60+64+67 - 62"),
        ([{"x": 1.0, "y": 2.0}, {"x": 3.0, "y": 4.0}], "(1 2) (3 4)"),
    ],
)
def test_answers_are_short(answer: Any, shown: str) -> None:
    assert readable(answer) == shown


def test_a_drawing_that_ended_early_stands_beside_what_was_wanted() -> None:
    assert beside("##..\n##", "....\n####\n####") == "##..   ....\n##     ####\n       ####"
    assert beside("", "..\n##") == "     ..\n     ##"


def test_a_sample_of_text_goes_on_from_held_out_text(seqnet: Any, writer_run: Path, novel: Path) -> None:
    sample = seqnet.results(writer_run)["sample"]
    assert len(sample) == 32 + 5
    assert sample[:32] in novel.read_text()


def test_a_sample_of_a_row_says_what_was_wanted(seqnet: Any, judge_run: Path, adding_run: Path) -> None:
    said, _, rest = seqnet.results(judge_run)["sample"].partition(" (wanted ")
    assert said in ("friendly", "not")
    wanted, _, text = rest.partition("): ")
    assert wanted == ("friendly" if "fox" in text.split() else "not")
    assert "(wanted " in seqnet.results(adding_run)["sample"]


def test_of_a_large_text_it_is_that_of_a_small_one(
    seqnet: Any, monkeypatch: pytest.MonkeyPatch, language_model: tuple[str, ...]
) -> None:
    monkeypatch.setattr(lanes, "EVALUATION_STEPS", 7)  # so that lanes of evaluation are several, and uneven
    short = (*language_model, "training.max_steps=2")
    assert seqnet.quietly(*short, "run_dir=small").code == 0
    monkeypatch.setattr(lanes, "LARGE", 0)
    assert seqnet.quietly(*short, "run_dir=large").code == 0
    assert seqnet.results("large")["sample"] == seqnet.results("small")["sample"]
    assert seqnet.rows("large") == seqnet.rows("small")

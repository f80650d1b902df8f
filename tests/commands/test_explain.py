"""`seqnet explain`: what each kind of answer rests on, as lines of JSON, on a terminal and in pictures."""

import io
import json
import re
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from seqnet import cli
from seqnet.commands.explain import Explainer, _remedy
from seqnet.commands.stored import load
from seqnet.data.read import Read
from seqnet.errors import ConfigurationError

HEADER = {
    "row",
    "prediction",
    "target",
    "step",
    "value",
    "baseline_value",
    "sum",
    "gap",
    "points",
    "baseline",
    "inputs",
}


def lines(answer):
    assert answer.code == 0, answer.err
    return [json.loads(line) for line in answer.out.splitlines()]


def adds_up(row):
    """Whether all that is told of an explanation is of one mind, to the tolerance of 1 %."""
    total = sum(sum(one["scores"]) for one in row["inputs"].values())
    difference = row["value"] - row["baseline_value"]
    assert total == pytest.approx(row["sum"], abs=1e-5)
    assert row["gap"] == pytest.approx(abs(row["sum"] - difference), abs=1e-6)
    assert row["gap"] <= 0.01 * max(abs(difference), 0.01) + 1e-9
    return True


def test_a_class_of_a_text(seqnet, judge_run):
    asked = b"the unseen brown fox\n\na dog\n"
    first, blank, last = lines(seqnet("explain", f"run={judge_run}", stdin=asked))
    assert first.keys() == HEADER and first["row"] == 1 and first["step"] is None
    assert first["target"] == first["prediction"] and first["baseline"] == "zero"
    assert first["inputs"]["text"]["steps"] == ["the", "unseen", "brown", "fox"]  # a word without a number, too
    assert adds_up(first) and adds_up(last) and blank["row"] == 2 and "nothing to explain" in blank["error"]

    said = {row["target"]: row for name in ("friendly", "not") for row in lines(
        seqnet("explain", f"run={judge_run}", f"target={name}", stdin=b"a dog\n")
    )}  # fmt: skip
    assert said.keys() == {"friendly", "not"} and said[last["target"]]["inputs"] == last["inputs"]
    assert said["friendly"]["value"] != said["not"]["value"]


def test_batched_and_single_rows_have_the_same_scores(seqnet, judge_run):
    rows = ["the quick brown fox jumps over a dog", "a", "dog and fox"]
    together = lines(seqnet("explain", f"run={judge_run}", stdin="\n".join(rows).encode()))
    for row, one in zip(rows, together, strict=True):
        (alone,) = lines(seqnet("explain", f"run={judge_run}", stdin=row.encode()))
        assert alone["inputs"] == one["inputs"]


def test_the_next_token(seqnet, writer_run):
    (last,) = lines(seqnet("explain", f"run={writer_run}", stdin=b"the fox"))
    assert (
        last["step"] == 7 and last["inputs"]["text"]["steps"] == ["t", "h", "e", " ", "f", "o", "x"] and adds_up(last)
    )
    every = lines(seqnet("explain", f"run={writer_run}", "step=all", stdin=b"the fox"))
    assert [row["step"] for row in every] == [1, 2, 3, 4, 5, 6, 7] and every[-1]["inputs"] == last["inputs"]
    for row in every:  # what comes later says nothing
        assert not any(row["inputs"]["text"]["scores"][row["step"] :])
    (chosen,) = lines(seqnet("explain", f"run={writer_run}", "step=-2", "target=q", stdin=b"the fox"))
    assert (chosen["step"], chosen["target"]) == (6, "q") and adds_up(chosen)
    both = ("step=4", "data.on_bad_row=skip", "max_points=1")
    short, long = lines(seqnet("explain", f"run={writer_run}", *both, stdin=b"the\nthe fox"))
    assert short == {"row": 1, "error": "step=4: the answer to line 1 has 3 steps; choose one of these"}
    assert long["row"] == 2 and long["step"] == 4


def test_each_token_that_is_written_given_those_before(seqnet, reverse_run):
    rows = lines(seqnet("explain", f"run={reverse_run}", stdin=b"1 2 3\n"))
    for step, row in enumerate(rows, 1):
        assert row["step"] == step and adds_up(row)
        assert row["inputs"]["source"]["steps"] == row["attention"]["positions"] == ["1", "2", "3"]
        assert row["inputs"]["written"]["steps"][0] == "<bos>" and len(row["inputs"]["written"]["steps"]) == step
        (weights,) = row["attention"]["weights"]
        assert sum(weights) == pytest.approx(1, abs=1e-4)
    told = lines(seqnet("explain", f"run={reverse_run}", "target=3 2 1", stdin=b"1 2 3\n"))
    assert [row["target"] for row in told] == ["3", "2", "1", "<eos>"] and {row["prediction"] for row in told} == {
        "3 2 1"
    }


def test_numbers_in_their_units_and_columns(seqnet, adding_run, tmp_path):
    steps = [[step / 10, step % 3 == 0] for step in range(8)]
    row = json.dumps([[value, int(marked)] for value, marked in steps]).encode()
    (found,) = lines(
        seqnet("explain", f"run={adding_run}", "baseline=mean", f"pictures={tmp_path / 'seen'}", stdin=row)
    )
    assert found["target"] == "sum" and found["baseline"] == "mean" and adds_up(found)
    assert found["prediction"]["sum"] == pytest.approx(found["value"], abs=1e-4)
    inputs = found["inputs"]["inputs"]
    assert inputs["steps"] == list(range(1, 9)) and inputs["columns"].keys() == {"value", "marker"}
    both = [sum(pair) for pair in zip(*inputs["columns"].values(), strict=True)]
    assert both == pytest.approx(inputs["scores"], abs=1e-6)
    assert [path.name for path in (tmp_path / "seen").iterdir()] == ["0001.png"]


def test_a_picture_is_drawn_of_words_and_of_images(seqnet, reverse_run, caption_run, tmp_path):
    assert seqnet("explain", f"run={reverse_run}", "pictures=words", "step=1", stdin=b"1 2\n").code == 0
    image = json.dumps([[(row * column) % 16 / 16 for column in range(8)] for row in range(8)]).encode()
    (found, *_) = lines(seqnet("explain", f"run={caption_run}", "pictures=image", "max_points=32", stdin=image))
    assert len(found["inputs"]["source"]["scores"]) == 8 and found["inputs"]["source"]["steps"] == list(range(1, 9))
    for path in (Path("words/0001.png"), Path("image/0001_001.png")):
        with Image.open(path) as picture:
            assert len(picture.getcolors(1 << 20)) > 5, path


class Screen(io.StringIO):
    """A terminal that keeps what it is told."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("colour", [True, False])
def test_a_person_sees_colours_or_where_there_are_none_scores(judge_run, monkeypatch, colour, tmp_path):
    monkeypatch.setenv("TERM", "xterm-256color" if colour else "dumb")
    monkeypatch.setenv("COLORTERM", "truecolor" if colour else "")
    (tmp_path / "lines.txt").write_text("quick fox\n")
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    assert cli.answer(["explain", f"run={judge_run}", f"input={tmp_path / 'lines.txt'}"]) == 0
    said = screen.getvalue()
    assert "is at" in said and "answered" in said
    assert ("\x1b[" in said and ";48;2;" in said) if colour else re.search(r"quick \([+-]", said)


def test_what_cannot_be_explained_is_refused_in_a_sentence(seqnet, judge_run, writer_run, reverse_run):
    def refused(*asked, stdin=b"the fox"):
        found = seqnet("explain", *asked, stdin=stdin)
        assert found.code in (2, 3) and found.out == "" and found.err.count("\n") == 1
        return found.err

    assert "target=friendy is none of this run's answers; did you mean 'friendly'?" in refused(
        f"run={judge_run}", "target=friendy"
    )
    assert "step=2: this run has one answer for a whole row" in refused(f"run={judge_run}", "step=2")
    assert "step=9: the answer to line 1 has 7 steps" in refused(f"run={writer_run}", "step=9")
    assert "target: " in refused(f"run={reverse_run}", "target=9 9", stdin=b"1 2\n")
    assert "choose a .jsonl" in refused(f"run={judge_run}", "output=out.csv")
    assert "baseline=zro must be zero or mean; did you mean 'zero'?" in refused(f"run={judge_run}", "baseline=zro")
    assert "step=0 must be all, or a whole number other than 0" in refused(f"run={judge_run}", "step=0")


def test_where_attention_jumps_more_points_are_no_remedy():
    assert _remedy({"attention": {"top_k": None}}, 8) == _remedy({"attention": None}, 8) == "raise max_points=8"
    assert "attention.top_k=2 looks at other positions" in _remedy({"attention": {"top_k": 2}}, 8)


def test_scores_that_do_not_add_up_are_told(seqnet, judge_run):
    found = seqnet("explain", f"run={judge_run}", "max_points=1", "tolerance=0.000001", stdin=b"the quick fox\n")
    assert found.code == 0 and "1 of 1 explanations add up only to within" in found.err and "max_points=1" in found.err
    assert json.loads(found.out)["points"] == 1


def test_a_part_that_knows_single_precision_alone_is_explained_in_it(judge_run):
    stored = load(judge_run, "best", [], "cpu", "fp32")
    encoder = stored.assembly.model.encoders()[""]
    encoder.register_forward_hook(lambda module, given, made: made @ torch.eye(made.shape[-1]))
    asked = {"target": None, "step": None, "baseline": "zero", "tolerance": 0.01, "max_points": 256, "run": "run"}
    explain = Explainer(stored, {**asked, "decoding": None, "trust": []})
    row = stored.assembly.source.read_inputs(["the quick fox"], "x").batch(torch.tensor([0]))
    (found,) = explain(row, 1, Read(1, {}, "the quick fox"))
    assert found.attribution.complete(0.01) and next(stored.assembly.model.parameters()).dtype is torch.float32


def test_a_model_that_does_not_say_what_reads_its_inputs_is_refused(judge_run):
    stored = load(judge_run, "best", [], "cpu", "fp32")
    stored.assembly.model = torch.nn.Linear(1, 1)
    asked = {"target": None, "step": None, "decoding": None, "trust": [], "run": "run"}
    with pytest.raises(
        ConfigurationError, match="the model Linear does not say what reads its inputs: give it a method"
    ):
        Explainer(stored, asked)

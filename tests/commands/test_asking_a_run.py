"""evaluate, predict and generate: what a trained run answers, from its folder alone."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from seqnet.strict_json import as_line

ROOT = Path(__file__).parents[2]


# -------------------------------------------------------------------- evaluate


@pytest.mark.parametrize("run", ["judge_run", "adding_run", "writer_run"])
def test_evaluate_gives_the_scores_of_results_json_exactly(
    seqnet: Any, request: pytest.FixtureRequest, run: str
) -> None:
    folder = request.getfixturevalue(run)
    reached = seqnet.results(folder)
    for split, key in (("valid", "best"), ("test", "test")):
        if key not in reached:
            continue
        row, *tables = seqnet("evaluate", f"run={folder}", f"split={split}").rows
        assert all("table" in other for other in tables)
        assert row == {"split": split, "step": reached["best"]["step"], **reached[key]}
    last = seqnet("evaluate", f"run={folder}/checkpoints/last", "split=valid").rows[0]
    assert {key: last[key] for key in reached["last"]} == reached["last"]


def test_evaluate_on_other_files_and_into_a_file(seqnet: Any, judge_run: Path, reviews: Path) -> None:
    Path("other.csv").write_text("text,label\nfox fox,friendly\nlazy dog,not\nzebra,not\n")
    assert seqnet("evaluate", f"run={judge_run}", "data.path=other.csv", "output=scores.jsonl").out == ""
    row, *tables = map(json.loads, Path("scores.jsonl").read_text().splitlines())
    classes = [one for one in tables if one["table"] == "classes"]
    assert [(one["class"], one["support"]) for one in classes] == [("friendly", 1), ("not", 2)]
    wrong = sum(one["count"] for one in tables if one["table"] == "confusions")
    assert wrong == round(3 * (1 - row["accuracy"])) == sum(one["table"] == "errors" for one in tables)
    lines = {"fox fox": 2, "lazy dog": 3, "<unk>": 4}
    for one in (one for one in tables if one["table"] == "errors"):
        assert one["place"] == f"other.csv, line {lines[one['input']]}"
        assert one["columns"] == {"input": {"text": one["input"]}, "target": "label"}
    assert (3 * row["accuracy"]) == pytest.approx(round(3 * row["accuracy"]))
    assert row["loss"] > 0
    small = seqnet("evaluate", f"run={judge_run}", "data.batch_size=1").rows[0]
    assert small["loss"] == pytest.approx(seqnet.results(judge_run)["test"]["loss"], abs=1e-6)


@pytest.mark.parametrize(("command", "option"), [("predict", "input="), ("evaluate", "data.path=")])
def test_what_is_wrong_with_a_file_is_said_in_the_options_of_the_command(
    seqnet: Any, judge_run: Path, command: str, option: str
) -> None:
    Path("other.csv").write_text("txet,label\nfox fox,friendly\n")
    found = seqnet(command, f"run={judge_run}", f"{option}other.csv")
    assert (found.code, found.out) == (3, "")
    assert found.err == (
        "seqnet: other.csv, line 1: no column 'text' in the header, which has txet, label; did you mean 'txet'? rename "
        "it there, since a run reads the columns that it was trained on\n"
    )
    Path("empty").mkdir()
    found = seqnet(command, f"run={judge_run}", f"{option}empty")
    assert found.code == 3 and found.err.endswith(f" your own file or folder with {option}\n")


def test_evaluate_refuses(seqnet: Any, writer_run: Path, adding_run: Path) -> None:
    found = seqnet("evaluate", f"run={adding_run}", "data.path=file.jsonl")
    assert (found.code, "trained on Adding, which reads no files" in found.err) == (2, True)
    found = seqnet("predict", f"run={adding_run}", "input=new.csv")
    assert (found.code, "trained on Adding, which is made and has no such files: give one" in found.err) == (2, True)
    found = seqnet("evaluate", "run=nowhere")
    assert (found.code, "nowhere does not exist" in found.err) == (5, True)
    found = seqnet("evaluate", f"run={writer_run}", "split=tset")
    assert (found.code, "did you mean 'test'?" in found.err) == (2, True)
    found = seqnet("evaluate", f"run={writer_run}", "split=valid", "output=no/folder")
    assert (found.code, found.out, "output=no/folder" in found.err) == (2, "", True)


def test_a_split_that_is_not_there_is_told_with_what_is(seqnet: Any, novel: Path, writer_run: Path) -> None:
    def refused(run: Path | str, *typed: str) -> str:
        found = seqnet("evaluate", f"run={run}", *typed)
        assert (found.code, found.out) == (3, "")
        return str(found.err)

    own = "choose split=valid, or split=train, or data.path= with a file of yours, or a new training with"
    assert refused(writer_run) == (
        f"seqnet: split=test: this run's data has no test split; {own} data.test_share above 0.0\n"
    )
    Path("other").mkdir()
    shutil.copy(novel, "other/valid.txt")
    assert refused(writer_run, "data.path=other") == (
        "seqnet: split=test: data.path=other has no test split; choose split=valid, or another data.path= with a file "
        "of yours\n"
    )
    small = ("model.hidden_size=4", "training.max_minutes=null", "training.max_steps=1")
    assert seqnet.quietly("experiment=python_docs", *small, "debug.one_batch=true", "run_dir=docs").code == 0
    assert refused("docs") == (
        "seqnet: split=test: this run's data has no test split; choose split=valid, or split=train\n"
    )


def test_rows_of_another_split_are_never_scored_as_the_one_that_is_asked_for(seqnet: Any, judge_run: Path) -> None:
    asked = ("evaluate", f"run={judge_run}", "data.path=parts", "data.on_bad_row=skip")
    Path("parts").mkdir()
    Path("parts/train.csv").write_text("text,label\nfox,friendly\nlazy dog,not\n")
    assert seqnet(*asked).rows[0]["split"] == "test", "all there is"
    Path("parts/valid.csv").write_text("text,label\nfox,friendly\n,not\n")
    found = seqnet(*asked)
    assert (found.code, "data.path=parts has no test split; choose split=valid, or split=train" in found.err) == (
        3,
        True,
    )
    found = seqnet(*asked, "split=valid")
    assert (found.code, found.err) == (0, "seqnet: left out 1 of 2 rows of valid (data.on_bad_row=skip)\n")
    Path("one.csv").write_text("text,label\nfox,friendly\n,not\n")
    found = seqnet("evaluate", f"run={judge_run}", "data.path=one.csv", "data.on_bad_row=skip")
    assert (found.code, found.err) == (0, "seqnet: left out 1 of 2 rows of test (data.on_bad_row=skip)\n")


def test_a_split_that_may_hold_what_was_trained_on_is_not_scored(seqnet: Any, judge_run: Path, reviews: Path) -> None:
    before = reviews.read_bytes()
    try:
        reviews.write_bytes(before + b"fox,friendly\n")
        found = seqnet("evaluate", f"run={judge_run}", "split=valid")
        assert (found.code, found.out) == (3, "")
        assert f"the valid split of {reviews} is not what it was when this run was trained" in found.err
        assert seqnet("evaluate", f"run={judge_run}", f"data.path={reviews}").code == 0
    finally:
        reviews.write_bytes(before)
    assert seqnet("evaluate", f"run={judge_run}", "split=valid").code == 0


def test_what_is_said_to_do_next_can_be_done_where_nothing_could_be_held_out(seqnet: Any) -> None:
    Path("one.jsonl").write_text('{"inputs": [[0.5], [0.25]], "target": 0.75}\n')
    fields = ("+field@data.fields.inputs=series", "+field@data.fields.target=number")
    asked = ("data.inputs=[inputs]", "data.target=target", "task=many_to_one", "objective=regression")
    choices = ("experiment=blank", *fields, *asked, "data.path=one.jsonl")
    small = ("model.embedding_size=null", "model.hidden_size=4", "training.max_epochs=1")
    found = seqnet.quietly(*choices, *small, "run_dir=run")
    assert found.code == 0, found.err
    found = seqnet("evaluate", "run=run", "split=valid")
    assert (found.code, found.err) == (
        3,
        "seqnet: split=valid: this run's data has no valid split; choose split=train, or data.path= with a file of "
        "yours, or a new training with data.valid_share above 0.1\n",
    )
    said = next(line for line in seqnet.results("run")["next"] if "evaluate" in line)
    assert seqnet(*said.split()[1:]).code == 0


# --------------------------------------------------------------------- predict


def test_predictions_keep_the_order_of_the_lines(seqnet: Any, judge_run: Path) -> None:
    texts = ["fox", "the lazy dog", "a", "unheard words entirely", "seven wizards make toxic brew", "fox"]
    whole = seqnet("predict", f"run={judge_run}", stdin="\n".join(texts).encode()).rows
    alone = [seqnet("predict", f"run={judge_run}", stdin=text.encode()).rows[0] for text in texts[:3]]
    assert len(whole) == 6
    assert whole[0] == whole[5]
    for row, other in zip(whole, alone, strict=False):
        assert row["prediction"] == other["prediction"]
        assert row["score"] == pytest.approx(other["score"], abs=1e-6)


def test_a_score_is_the_probability_of_the_prediction(seqnet: Any, judge_run: Path) -> None:
    for row in seqnet("predict", f"run={judge_run}", stdin=b"fox\nthe lazy dog\n").rows:
        assert row["prediction"] in ("friendly", "not")
        assert 0.5 <= row["score"] <= 1  # of two classes


def test_predictions_of_a_file_do_not_depend_on_the_batch(
    seqnet: Any, judge_run: Path, reviews: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [line.partition(",")[0] for line in reviews.read_text().splitlines()[1:]]
    Path("lines.txt").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(texts).encode())
    from_lines = seqnet("predict", f"run={judge_run}", "input=lines.txt").rows
    assert len(from_lines) == 60
    monkeypatch.setattr("seqnet.commands.lines.BLOCK", 100)
    others = (
        seqnet("predict", f"run={judge_run}", f"input={reviews}").rows,  # the training format
        seqnet("predict", f"run={judge_run}", "input=lines.txt", "data.batch_size=1").rows,
        seqnet("predict", f"run={judge_run}", "input=lines.txt", "data.batch_size=1000").rows,
    )
    for other in others:
        assert [row["prediction"] for row in other] == [row["prediction"] for row in from_lines]
        assert [row["score"] for row in other] == pytest.approx([row["score"] for row in from_lines], abs=1e-6)


def test_a_row_a_step_for_a_language_model(seqnet: Any, writer_run: Path) -> None:
    (row,) = seqnet("predict", f"run={writer_run}", stdin="the \u2603".encode()).rows
    assert len(row["prediction"]) == len(row["score"]) == 5


def test_numbers_are_read_as_json(seqnet: Any, adding_run: Path) -> None:
    sequence = [[0.5, 1], [0.25, 0], [0.125, 1]]
    Path("new.jsonl").write_text(f"{json.dumps(sequence)}\n{json.dumps(sequence * 4)}\n")
    short, long = seqnet("predict", f"run={adding_run}", "input=new.jsonl").rows
    assert short.keys() == {"prediction", "score", "inputs"} and short["score"] is None
    assert (short["inputs"], long["inputs"]) == (sequence, sequence * 4)
    assert long["prediction"] != short["prediction"]
    for line in (b"[[1, 2], [3]]", b"nonsense", b"[]", b"[[NaN, 1]]"):
        found = seqnet("predict", f"run={adding_run}", stdin=b"[[1, 0]]\n" + line)
        assert found.code == 3
        assert "standard input, line 2" in found.err
        assert found.err.count("\n") == 1


@pytest.mark.parametrize("before", ["", "\n \n", "\ufeff"])
@pytest.mark.parametrize("more", [{}, {"inputs": 1}])
def test_lines_of_objects_are_a_table(seqnet: Any, judge_run: Path, before: str, more: dict[str, Any]) -> None:
    (one,) = seqnet("predict", f"run={judge_run}", stdin=b"fox\n").rows
    Path("new.jsonl").write_text(before + json.dumps({"text": "fox", **more}) + "\n", "utf-8")
    assert seqnet("predict", f"run={judge_run}", "input=new.jsonl").rows == [{**one, **more}]


def test_a_comment_makes_no_text_of_a_table(seqnet: Any, judge_run: Path) -> None:
    Path("new.jsonl").write_text('// exported\n{"text": "fox"}\n')
    found = seqnet("predict", f"run={judge_run}", "input=new.jsonl")
    assert (found.code, found.out) == (3, "") and "new.jsonl, line 1: not JSON" in found.err
    found = seqnet("predict", f"run={judge_run}", "input=new.jsonl", "data.on_bad_row=skip")
    assert [row["prediction"] is None for row in found.rows] == [True, False]
    Path("new.jsonl").write_text('["fox"]\n')
    assert len(seqnet("predict", f"run={judge_run}", "input=new.jsonl").rows) == 1


@pytest.mark.parametrize(("line", "told"), [("text,label", True), ("text", True), ("label", False), ("fox", False)])
def test_a_header_that_is_answered_as_a_text_is_told(seqnet: Any, judge_run: Path, line: str, told: bool) -> None:
    found = seqnet("predict", f"run={judge_run}", stdin=f"{line}\nfox\n".encode())
    assert found.code == 0 and len(found.rows) == 2
    assert ("line 1 is the header of the training file" in found.err) == told


@pytest.mark.parametrize("kind", ["target", "targets"])
def test_objects_with_inputs_are_read_as_they_are(seqnet: Any, kind: str) -> None:
    Path("mine").mkdir()
    answer = "high" if kind == "target" else ["low", "high"]
    rows = [{"inputs": [[0.0, 1.0], [1.0, 0.5]], kind: answer}] * 3
    rows += [{"inputs": [[1.0, 0.0], [0.0, 0.5]], kind: "low" if kind == "target" else ["high", "high"]}]
    for name in ("train", "valid", "test"):
        Path(f"mine/{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = "many_to_one" if kind == "target" else "many_to_many"
    fields = ("+field@data.fields.inputs=series", f"+field@data.fields.{kind}=label")
    axis = ("data.fields.targets.axis=step",) if kind == "targets" else ()
    asked = (*axis, "data.inputs=[inputs]", f"data.target={kind}", f"task={task}", "objective=classification")
    choices = ("experiment=blank", *fields, *asked, "data.path=mine")
    small = ("model.embedding_size=null", "model.hidden_size=4", "training.max_epochs=1")
    found = seqnet.quietly(*choices, *small, "run_dir=run")
    assert found.code == 0, found.err
    found = seqnet("predict", "run=run", "input=mine/test.jsonl")
    assert found.code == 0, found.err
    assert len(found.rows) == 4
    assert seqnet("predict", "run=run", stdin=json.dumps(rows[0]["inputs"]).encode()).rows[0] == {
        key: value for key, value in found.rows[0].items() if key != kind
    }


@pytest.mark.parametrize(
    ("contents", "place"),
    [(b"fox\ndo\0g\n", "line 2: the line holds a NUL"), (b"fox\n\n\xff\xfe\n", "line 3: not UTF-8")],
)
def test_a_bad_line_is_named_and_leaves_no_output(seqnet: Any, judge_run: Path, contents: bytes, place: str) -> None:
    Path("lines.txt").write_bytes(contents)
    Path("out.jsonl").write_text("before")
    found = seqnet("predict", f"run={judge_run}", "input=lines.txt", "output=out.jsonl")
    assert found.code == 3
    assert f"lines.txt, {place}" in found.err
    assert found.err.count("\n") == 1
    assert Path("out.jsonl").read_text() == "before"
    assert sorted(os.listdir()) == ["lines.txt", "out.jsonl"]


@pytest.mark.parametrize("run", ["judge_run", "adding_run", "writer_run"])
def test_a_blank_line_has_an_empty_answer(
    seqnet: Any, run: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seqnet.commands.lines.BLOCK", 12)
    line = "[[1, 0], [0.5, 1]]" if run == "adding_run" else "fox"
    folder = request.getfixturevalue(run)
    (there,) = seqnet("predict", f"run={folder}", stdin=line.encode()).rows
    found = seqnet("predict", f"run={folder}", stdin=f"\n{line}\n  \n\n{line}\n{line}\n\n".encode())
    assert found.code == 0 and [found.rows[place] for place in (1, 4, 5)] == [there] * 3
    for place in (0, 2, 3, 6):
        assert (found.rows[place]["prediction"], found.rows[place]["score"]) == (None, None)


def test_a_bad_line_behind_a_blank_one_is_named(seqnet: Any, adding_run: Path) -> None:
    found = seqnet("predict", f"run={adding_run}", stdin=b"[[1, 0]]\n\n[[1]]\n")
    assert found.code == 3 and "standard input, line 3" in found.err and found.err.count("\n") == 1


def test_bad_lines_are_answered_with_what_is_wrong_where_they_are_skipped(seqnet: Any, adding_run: Path) -> None:
    lines = b"[[1, 0]]\nnonsense\n\n\xff\n[[1, 0]]"
    found = seqnet("predict", f"run={adding_run}", "data.on_bad_row=skip", stdin=lines)
    assert found.code == 0 and len(found.rows) == 5
    assert found.rows[0] == found.rows[4] and found.rows[0]["prediction"] is not None
    assert [row["prediction"] for row in found.rows[1:4]] == [None] * 3
    assert "line 2" in found.rows[1]["error"] and "error" not in found.rows[2]
    assert "line 4: not UTF-8" in found.rows[3]["error"]


def test_bad_rows_of_a_table_are_answered_where_they_stand(seqnet: Any, judge_run: Path) -> None:
    Path("new.csv").write_text("text,other\nfox,1\n,2\nthe dog,3\nlazy\n,5\n")
    found = seqnet("predict", f"run={judge_run}", "input=new.csv", "data.on_bad_row=skip")
    assert found.code == 0
    assert [row["prediction"] is None for row in found.rows] == [False, True, False, True, True]
    assert [f"line {line}" in row.get("error", "") for line, row in enumerate(found.rows, 2)] == [
        row["prediction"] is None for row in found.rows
    ]
    found = seqnet("predict", f"run={judge_run}", "input=new.csv")
    assert found.code == 3 and "new.csv, line" in found.err
    Path("none.csv").write_text("text,other\n,1\n,2\n")
    found = seqnet("predict", f"run={judge_run}", "input=none.csv", "data.on_bad_row=skip")
    assert [row["prediction"] for row in found.rows] == [None, None]


def test_bad_rows_behind_a_block_or_a_file_are_answered_where_they_stand(
    seqnet: Any, judge_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seqnet.data.formats.format.ROWS", 4)
    lines = ["fox,1"] * 9
    lines[5] = lines[7] = lines[8] = "fox,1,2"
    Path("new").mkdir()
    Path("new/test-00000-of-00002.csv").write_text("\n".join(["text,other", *lines, ""]))
    Path("new/test-00001-of-00002.csv").write_text("text,other\nfox,1,2\nfox,1\n")
    found = seqnet("predict", f"run={judge_run}", "input=new", "data.on_bad_row=skip")
    told = [row.get("error", "").partition(":")[0] for row in found.rows]
    first = "new/test-00000-of-00002.csv, line"
    assert told[:9] == ["", "", "", "", "", f"{first} 7", "", f"{first} 9", f"{first} 10"]
    assert told[9:] == ["new/test-00001-of-00002.csv, line 2", ""]


def test_a_sentence_that_cannot_be_read_is_no_conll(seqnet: Any, judge_run: Path) -> None:
    found = seqnet("predict", f"run={judge_run}", "output=out.conll", "data.on_bad_row=skip", stdin=b"fox\n")
    assert found.code == 2 and "a sentence that cannot be read has no lines in output=out.conll" in found.err


def test_what_training_did_not_see_is_told(seqnet: Any, judge_run: Path) -> None:
    found = seqnet("predict", f"run={judge_run}", stdin=b"fox zebra\nfox\nzebra fox\n")
    assert found.code == 0
    assert "40.0% of the tokens of text in what was read are unknown" in found.err


def test_nothing_in_nothing_out(seqnet: Any, judge_run: Path) -> None:
    found = seqnet("predict", f"run={judge_run}", stdin=b"")
    assert (found.code, found.out, found.err) == (0, "", "")
    found = seqnet("predict", f"run={judge_run}", "input=missing.txt")
    assert (found.code, found.err) == (3, "seqnet: input=missing.txt cannot be read: No such file or directory\n")
    found = seqnet("predict", f"run={judge_run}", "input=missing.csv")
    assert (found.code, "missing.csv" in found.err) == (3, True)


def test_a_pipe_is_answered_line_by_line(judge_run: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "seqnet", "predict", f"run={judge_run}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )
    assert process.stdin is not None and process.stdout is not None
    for text in (b"fox\n", b"lazy dog\n"):
        process.stdin.write(text)
        process.stdin.flush()
        assert "prediction" in json.loads(process.stdout.readline())
    process.stdin.close()
    assert process.stdout.read() == b""
    assert process.wait(60) == 0
    process.stdout.close()


# -------------------------------------------------------------------- generate


def test_a_seed_makes_the_same_text(seqnet: Any, writer_run: Path) -> None:
    def text(*options: str) -> str:
        (row,) = seqnet("generate", f"run={writer_run}", "prompt=the ", "length=40", *options).rows
        assert row["prompt"] == "the "
        assert len(row["prediction"]) == 40
        assert row["score"] < 0
        return str(row["prediction"])

    assert text() == text("seed=1") != text("seed=2")
    greedy = text("decoding=greedy")
    assert greedy == text("decoding=greedy", "seed=2") == text("top_k=1") == text("top_p=1e-9")
    assert greedy == text("min_p=1", "seed=5")
    assert text("min_p=0.2", "seed=2") != text("typical_p=0.2", "seed=2")
    assert greedy == text("temperature=1e-6", "seed=3")
    assert greedy == text("temperature=0", "seed=3") == text("temperature=0", "top_k=5")
    assert greedy == text("decoding.temperature=0", "seed=3")
    assert text("temperature=100") != text()


def test_a_prompt_of_nothing_begins_after_a_line_break(seqnet: Any, writer_run: Path) -> None:
    empty, line_break = (seqnet("generate", f"run={writer_run}", f"prompt={p}", "length=9") for p in ("", "\n"))
    default = seqnet("generate", f"run={writer_run}", "length=9")
    assert empty.code == 0, empty.err
    assert empty.rows[0]["prediction"] == line_break.rows[0]["prediction"] == default.rows[0]["prediction"]
    assert empty.rows[0]["prompt"] == default.rows[0]["prompt"] == ""


def test_unknown_letters_of_a_prompt_are_told(seqnet: Any, writer_run: Path) -> None:
    found = seqnet("generate", f"run={writer_run}", "prompt=fox \u2603\u2603", "length=9")
    assert found.code == 0
    told = "seqnet: 2 of the prompt's 6 tokens are unknown to the model\nseqnet: decoded by sampling temperature=1.0\n"
    assert found.err == told
    assert len(found.rows[0]["prediction"]) == 9


@pytest.mark.parametrize("level", ["characters", "words", "bpe"])
def test_of_a_prompt_that_nobody_typed_nothing_is_told(seqnet: Any, level: str) -> None:
    Path("one_line.txt").write_text("the quick brown fox jumps over a lazy dog " * 30)
    small = ("model.hidden_size=4", "training.window=8", "training.max_minutes=null", "training.max_steps=1")
    choices = ("experiment=tiny_shakespeare", "data.path=one_line.txt", "data.batch_size=1", "schedule.warmup_steps=0")
    found = seqnet.quietly(*choices, *small, f"data.fields.text.level={level}", "run_dir=run")
    assert found.code == 0, found.err
    how = "seqnet: decoded by sampling temperature=1.0\n"
    for prompt in ((), ("prompt=",), ("prompt=null",)):
        found = seqnet("generate", "run=run", "length=3", *prompt)
        assert (found.code, found.err, found.rows[0]["prompt"]) == (0, how, "")
    typed = seqnet("generate", "run=run", "length=3", "prompt=\u2603")
    told = "" if level == "bpe" else "seqnet: 1 of the prompt's 1 tokens are unknown to the model\n"
    assert (typed.code, typed.err, typed.rows[0]["prompt"]) == (0, told + how, "\u2603")


def test_a_reader_that_has_enough_ends_the_answers(terminal: Any, adding_run: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.txt").write_text("[[0.5, 1]]\n" * 3)
    gone = "read, write = os.pipe()\nos.close(read)\nos.dup2(write, 1)"
    (tmp_path / "enough.py").write_text(f"import os\nfrom seqnet import cli\n{gone}\ncli.main()\n")
    for output in ((), ("output=/dev/stdout",)):
        words = ("predict", f"run={adding_run}", "input=rows.txt", "device=cpu", *output)
        found = terminal("enough.py", *words, folder=tmp_path)
        assert (found.code, found.out, found.err) == (0, "", "")


def test_an_answer_is_a_line_that_can_be_written_and_shown() -> None:
    for text in ("\x1b[2J", "\x9b2J", "\ud800", "\u202e", "a\r\nb"):
        line = as_line({"prediction": text})
        assert line.encode().decode().isprintable() and json.loads(line) == {"prediction": text}


def test_a_full_disk_is_said(seqnet: Any, writer_run: Path) -> None:
    found = seqnet("generate", f"run={writer_run}", "length=5", "output=/dev/full")
    assert (found.code, found.out) == (6, "")
    assert "output=/dev/full cannot be written: No space left on device" in found.err


def test_generated_text_goes_to_a_file(seqnet: Any, writer_run: Path) -> None:
    assert seqnet("generate", f"run={writer_run}", "length=3000", "output=text.jsonl").out == ""
    assert len(json.loads(Path("text.jsonl").read_text())["prediction"]) == 3000


def test_generate_refuses(seqnet: Any, judge_run: Path, writer_run: Path) -> None:
    found = seqnet("generate", f"run={judge_run}")
    assert found.code == 2
    assert "is not a language model" in found.err and "seqnet predict" in found.err
    found = seqnet("generate", f"run={writer_run}", "decoding=greedy", "top_k=3")
    assert (found.code, "decoding=sampling" in found.err) == (2, True)
    for override in ("temperature=-1", "top_p=2", "min_p=0", "typical_p=1", "length=0", "decoding=beem"):
        assert seqnet("generate", f"run={writer_run}", override).code == 2


def test_a_gpu_that_is_not_there_is_refused(
    seqnet: Any, judge_run: Path, writer_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for command, run in (("evaluate", judge_run), ("predict", judge_run), ("generate", writer_run)):
        found = seqnet(command, f"run={run}", "device=cuda", stdin=b"")
        assert (found.code, found.out) == (2, "")
        assert found.err == "seqnet: device=cuda, but torch finds no GPU here; use device=cpu or device=auto\n"


# ------------------------------------------------------------------ checkpoint


def test_verify_and_fingerprint(seqnet: Any, judge_run: Path) -> None:
    found = seqnet("checkpoint", "verify", judge_run)
    assert found.code == 0
    assert found.out.endswith("all as written\n")
    found = seqnet("checkpoint", "fingerprint", judge_run)
    lines = [line.split("  ") for line in found.out.splitlines()]
    assert all(len(digest) == 64 for digest, _ in lines)
    assert {name: digest for digest, name in lines} == seqnet.fingerprint(judge_run)
    shutil.copytree(judge_run, "run", symlinks=True)
    (Path("run/checkpoints/last") / "rng.json").unlink()
    for action in ("verify", "fingerprint"):
        found = seqnet("checkpoint", action, "run")
        assert (found.code, found.out, "rng.json" in found.err) == (5, "", True)
    assert seqnet("checkpoint", "verify", "nowhere").code == 5
    found = seqnet("checkpoint", "verfy", "run")
    assert (found.code, "did you mean 'verify'?" in found.err) == (2, True)
    assert seqnet("checkpoint").code == 2

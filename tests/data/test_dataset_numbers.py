"""Series of numbers with an answer a row or a step, in JSON lines."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from seqnet.batch import IGNORE
from seqnet.data.examples import Examples, Ragged
from seqnet.errors import DataError

LABELLED = [{"inputs": [[1, 2], [3, 4.5]], "target": "up"}, {"inputs": [[5, 6]], "target": "down"}]
NUMBERED = [{"inputs": [1, 2, 3], "target": 0.5}, {"inputs": [4], "target": -1}]
STEPWISE = [{"inputs": [1, 2], "targets": [[1, 0], [2, 0.5]]}, {"inputs": [4], "targets": [[3, 3]]}]
TAGGED = [{"inputs": [1, 2], "targets": ["b", "a"]}, {"inputs": [4], "targets": ["a"]}]
PLAIN = {"scale": "none"}
TARGETS: dict[str, dict[str, Any]] = {
    "label": {"type": "label", "column": "target"},
    "number": {"type": "number", "column": "target", **PLAIN},
    "numbers": {"type": "numbers", "column": "target", **PLAIN},
    "numbers a step": {"type": "series", "column": "targets", **PLAIN},
    "label a step": {"type": "label", "axis": "step", "column": "targets"},
}
ROWS = {"label": LABELLED, "number": NUMBERED, "numbers a step": STEPWISE, "label a step": TAGGED}


def write(folder: Path, train: list[Any], valid: list[Any] | None = None) -> Path:
    for name, rows in (("train", train), ("valid", valid or train), ("test", train)):
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def source(table: Callable[..., Any]) -> Callable[..., Any]:
    """Series, as they are, and what is asked of them, one of TARGETS."""

    def make(path: Path | None, target: str = "label", **options: Any) -> Any:
        fields = {"inputs": {"type": "series", **PLAIN}, "answer": TARGETS[target]}
        return table(path, fields, ["inputs"], "answer", **options)

    return make


def step_targets(data: Examples) -> Ragged:
    assert isinstance(data.targets, Ragged)
    return data.targets


def test_a_label_a_row(tmp_path: Path, fitted: Any) -> None:
    made = fitted(write(tmp_path, LABELLED))
    data = made.split("train")
    assert made.inputs.size == 2 and made.targets.names == ("down", "up")
    assert data.inputs[0].tolist() == [[1, 2], [3, 4.5]]
    assert data.inputs[1].tolist() == [[5, 6]]
    assert data.targets.tolist() == [1, 0]


def test_a_number_a_row(tmp_path: Path, fitted: Any) -> None:
    made = fitted(write(tmp_path, NUMBERED), "number")
    data = made.split("valid")
    assert (made.inputs.size, made.targets.size) == (1, 1)
    assert data.inputs[0].tolist() == [[1], [2], [3]]
    assert data.targets.tolist() == [[0.5], [-1]]


def test_numbers_a_step(tmp_path: Path, fitted: Any) -> None:
    made = fitted(write(tmp_path, STEPWISE), "numbers a step")
    assert made.targets.size == 2
    assert step_targets(made.split("train"))[0].tolist() == [[1, 0], [2, 0.5]]


def test_a_label_a_step(tmp_path: Path, fitted: Any) -> None:
    made = fitted(write(tmp_path, TAGGED), "label a step")
    assert made.targets.names == ("a", "b")
    assert step_targets(made.split("test"))[0].tolist() == [1, 0]


def test_null_is_a_step_of_which_nothing_is_asked(tmp_path: Path, fitted: Any) -> None:
    made = fitted(write(tmp_path, [{"inputs": [1, 2], "targets": [None, "a"]}, *TAGGED]), "label a step")
    assert step_targets(made.split("train"))[0].tolist() == [IGNORE, 0]


@pytest.mark.parametrize("target", list(ROWS))
def test_what_was_learned_comes_back_without_the_files(tmp_path: Path, target: str, fitted: Any, source: Any) -> None:
    rows = ROWS[target]
    made = fitted(write(tmp_path, rows), target)
    again = source(tmp_path / "gone", target)
    again.restore(json.loads(json.dumps(made.state())))
    assert (again.inputs, again.targets, again.state()) == (made.inputs, made.targets, made.state())
    plain = again.read_inputs([json.dumps(rows[0]["inputs"])], "stdin")
    row = again.read_inputs([json.dumps(rows[0])], "stdin")
    assert torch.equal(plain.inputs.flat, made.split("train").inputs[0])
    assert torch.equal(plain.inputs.flat, row.inputs.flat)
    answers = plain.targets.flat if isinstance(plain.targets, Ragged) else plain.targets
    shaped = made.split("train").targets
    assert answers.shape[1:] == (shaped.flat if isinstance(shaped, Ragged) else shaped).shape[1:]
    assert (answers.isnan() if answers.is_floating_point() else answers == IGNORE).all()


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ('{"inputs": [[1, NaN]], "target": "up"}', "inputs: a number is missing"),
        ('{"inputs": [[1, 1e400]], "target": "up"}', "inputs: entry 1: entry 2: Infinity is not a finite number"),
        ('{"inputs": [[1, 2], [3]], "target": "up"}', "inputs: [[1, 2], [3]] is not a list of lists of as many num"),
        ({"inputs": [[1, 2, 3]], "target": "up"}, "inputs: 3 numbers where there must be 2"),
        ({"inputs": [], "target": "up"}, "inputs: the list is empty"),
        ({"inputs": 3, "target": "up"}, "inputs: 3 is not a list of numbers"),
        ({"inputs": [[1, 2]]}, "answer: the value is missing"),
        ({"target": "up"}, "inputs: the value is missing"),
        ({"inputs": [[1, 2]], "target": 1.5}, "answer: 1.5 is neither a name nor a whole number"),
        ([1], 'the JSON value is not an object, which is written {"name": value, ...}'),
        ("nonsense", "not JSON that can be read (Expecting value: line 1 column 1 (char 0))"),
    ],
)
def test_a_bad_row_is_named_or_skipped_and_counted(tmp_path: Path, row: Any, complaint: str, fitted: Any) -> None:
    write(tmp_path, [LABELLED[0], row, LABELLED[1]])
    with pytest.raises(DataError) as caught:
        fitted(tmp_path)
    said = str(caught.value)
    assert said.startswith(f"{tmp_path / 'train.jsonl'}, line 2: {complaint}")
    assert said.endswith("; mend it, or leave such rows out with data.on_bad_row=skip")
    made = fitted(tmp_path, on_bad_row="skip")
    assert len(made.split("train")) == 2
    assert made.bad_rows == 1


@pytest.mark.parametrize(
    ("row", "target", "complaint"),
    [
        ({"inputs": [[]], "target": 1}, "number", "inputs: its steps hold no numbers"),
        ({"inputs": [1], "target": []}, "numbers", "answer: the list is empty"),
        ({"inputs": [1], "target": True}, "number", "answer: true is not a number"),
        ({"inputs": [1, 2], "targets": [1]}, "numbers a step", "answer: 1 steps, and inputs has 2"),
        ({"inputs": [1, 2], "targets": [1, "a"]}, "numbers a step", "answer: entry 2: 'a' is not a number"),
    ],
)
def test_a_bad_first_row_is_refused_or_skipped(
    tmp_path: Path, row: Any, target: str, complaint: str, fitted: Any
) -> None:
    good = [{"inputs": [1, 2], "targets": [1, 2]}] if "step" in target else NUMBERED
    if target == "numbers":
        good = [{**row, "target": [row["target"]]} for row in good]
    write(tmp_path, [row, *good])
    with pytest.raises(DataError, match=f"line 1: {complaint}"):
        fitted(tmp_path, target)
    made = fitted(tmp_path, target, on_bad_row="skip")
    assert (made.targets.size, made.bad_rows) == (1, 1)
    assert [len(made.split(name)) for name in ("train", "valid")] == [len(good)] * 2


def test_a_single_file_is_cut_by_the_seed(tmp_path: Path, fitted: Any) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(f'{{"inputs": [{n}], "target": {n}}}\n' for n in range(20)), encoding="utf-8")

    def parts(**options: Any) -> list[list[float]]:
        made = fitted(path, "number", **options)
        return [made.split(name).inputs.flat[:, 0].tolist() for name in ("train", "valid", "test")]

    shares = {"valid_share": 0.2, "test_share": 0.1}
    found = parts(**shares)
    assert [len(part) for part in found] == [14, 4, 2]
    assert sorted(sum(found, [])) == list(range(20))
    assert parts(**shares) == found != parts(**shares, seed=1)
    whole = fitted(path, "number")
    assert (len(whole.split("train")), whole.split("valid"), whole.split("test")) == (20, None, None)


def test_scores_are_of_scaled_numbers_and_the_scale_is_that_of_the_training_rows(tmp_path: Path, table: Any) -> None:
    rows = [{"inputs": [n, n + 1], "target": 1000.0 * n} for n in range(4)]
    fields = {"inputs": {"type": "series"}, "target": {"type": "number"}}
    made = table(write(tmp_path, rows, [{"inputs": [100], "target": 0}]), fields, ["inputs"], "target")
    made.fit()
    train = made.split("train")
    assert train.inputs.flat.mean().abs() < 1e-6 and train.targets.mean().abs() < 1e-6
    assert made.fields["target"].decode(made.split("valid").targets[0]) == 0
    assert made.split("valid").inputs.flat.item() == pytest.approx((100 - 2) / train_deviation(rows), rel=1e-5)


def train_deviation(rows: list[dict[str, Any]]) -> float:
    return float(torch.tensor([step for row in rows for step in row["inputs"]]).double().std(correction=0))


def test_missing_and_empty_files_are_refused(tmp_path: Path, fitted: Any) -> None:
    with pytest.raises(DataError, match=r"no/loads does not exist: ask me"):
        fitted(None, name="no/loads", about="ask me")
    path = tmp_path / "train.jsonl"
    path.write_text("")
    with pytest.raises(DataError, match=r"train.jsonl: no row that can be used"):
        fitted(path)
    path.write_bytes(json.dumps(LABELLED[0]).encode() + b"\n\xff\n")
    with pytest.raises(DataError, match=r"line 2: byte 1 of the line is not UTF-8"):
        fitted(path)
    path.rename(tmp_path / "test.jsonl")
    with pytest.raises(DataError, match="there are no training rows"):
        fitted(tmp_path)

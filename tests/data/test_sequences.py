import json
from pathlib import Path
from typing import Any

import pytest
import torch

from seqnet.batch import IGNORE
from seqnet.data.examples import Examples, Ragged
from seqnet.data.sources.sequences import Sequences
from seqnet.errors import ConfigurationError, DataError
from seqnet.spaces import Tokens, Vector

LABELLED = [{"inputs": [[1, 2], [3, 4.5]], "target": "up"}, {"inputs": [[5, 6]], "target": "down"}]
NUMBERED = [{"inputs": [1, 2, 3], "target": 0.5}, {"inputs": [4], "target": -1}]
STEPWISE = [{"inputs": [1, 2], "targets": [[1, 0], [2, 0.5]]}, {"inputs": [4], "targets": [[3, 3]]}]
TAGGED = [{"inputs": [1, 2], "targets": ["b", "a"]}, {"inputs": [4], "targets": ["a"]}]


def write(folder: Path, train: list[Any], valid: list[Any] | None = None) -> Path:
    for name, rows in (("train", train), ("valid", valid or train), ("test", train)):
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def fitted(folder: Path, **options: Any) -> Sequences:
    source = Sequences("nowhere", folder, **options)
    source.fit()
    return source


def step_targets(data: Examples) -> Ragged:
    assert isinstance(data.targets, Ragged)
    return data.targets


def test_a_label_a_row(tmp_path: Path) -> None:
    source = fitted(write(tmp_path, LABELLED))
    data = source.split("train")
    assert source.inputs == Vector(2)
    assert source.targets == Tokens(("down", "up"))
    assert data.inputs[0].tolist() == [[1, 2], [3, 4.5]]
    assert data.inputs[1].tolist() == [[5, 6]]
    assert isinstance(data.targets, torch.Tensor)
    assert data.targets.tolist() == [1, 0]
    assert source.split("train") is data, "each split is read once"


def test_a_number_a_row(tmp_path: Path) -> None:
    source = fitted(write(tmp_path, NUMBERED))
    data = source.split("valid")
    assert (source.inputs, source.targets) == (Vector(1), Vector(1))
    assert data.inputs[0].tolist() == [[1], [2], [3]]
    assert isinstance(data.targets, torch.Tensor)
    assert data.targets.tolist() == [[0.5], [-1]]


def test_numbers_a_step(tmp_path: Path) -> None:
    source = fitted(write(tmp_path, STEPWISE))
    assert source.targets == Vector(2)
    assert step_targets(source.split("train"))[0].tolist() == [[1, 0], [2, 0.5]]


def test_a_label_a_step(tmp_path: Path) -> None:
    source = fitted(write(tmp_path, TAGGED))
    assert source.targets == Tokens(("a", "b"))
    assert step_targets(source.split("test"))[0].tolist() == [1, 0]


@pytest.mark.parametrize("rows", [LABELLED, NUMBERED, STEPWISE, TAGGED])
def test_what_was_learned_comes_back_without_the_files(tmp_path: Path, rows: list[Any]) -> None:
    source = fitted(write(tmp_path, rows))
    again = Sequences("nowhere", tmp_path)
    again.restore(json.loads(json.dumps(source.state())))
    assert (again.inputs, again.targets, again.state()) == (source.inputs, source.targets, source.state())
    line = json.dumps(rows[0]["inputs"])
    plain, row = again.read_inputs([line], "stdin"), again.read_inputs([json.dumps(rows[0])], "stdin")
    assert torch.equal(plain.inputs.flat, source.split("train").inputs[0])
    assert torch.equal(plain.inputs.flat, row.inputs.flat)
    answers = plain.targets.flat if isinstance(plain.targets, Ragged) else plain.targets
    shaped = source.split("train").targets
    assert answers.shape[1:] == (shaped.flat if isinstance(shaped, Ragged) else shaped).shape[1:]
    assert (answers.isnan() if answers.is_floating_point() else answers == IGNORE).all()


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"width": 1, "each_step": False, "size": 1},
        {"width": 0, "each_step": False, "size": 1, "labels": None},
        {"width": 1, "each_step": 0, "size": 1, "labels": None},
        {"width": 1, "each_step": False, "size": None, "labels": None},
        {"width": 1, "each_step": False, "size": 1, "labels": ["a"]},
        {"width": 1, "each_step": False, "size": None, "labels": [1]},
        {"width": 1, "each_step": False, "size": None, "labels": "ab"},
        {"width": 1, "each_step": False, "size": 1, "labels": None, "more": 1},
    ],
)
def test_a_malformed_state_is_refused(state: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"^the stored data state is not that of numeric sequences"):
        Sequences("nowhere").restore(state)


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ('{"inputs": [[1, NaN]], "target": "up"}', ", step 1: NaN is not a finite number"),
        ('{"inputs": [[1, 2], [3]], "target": "up"}', ", step 2: 1 numbers where there must be 2"),
        ({"inputs": [], "target": "up"}, ": the sequence is empty"),
        ({"inputs": 3, "target": "up"}, ": 3 is not a list of steps"),
        ({"inputs": [[1, 2]]}, ': {"inputs": [[1, 2]]} is not an object with "inputs" and "target"'),
        ({"inputs": [[1, 2]], "target": 1}, ", target: 1 is not a label (a string), as in the first row"),
        ([1], ': [1] is not an object with "inputs" and "target"'),
        ("nonsense", ": not valid JSON at column 1"),
        ("", ": not valid JSON at column 1"),
    ],
)
def test_a_bad_row_is_named_or_skipped_and_counted(tmp_path: Path, row: Any, complaint: str) -> None:
    write(tmp_path, [LABELLED[0], row, LABELLED[1]])
    with pytest.raises(DataError) as caught:
        fitted(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / 'train.jsonl'}, line 2{complaint}")
    source = fitted(tmp_path, on_bad_row="skip")
    assert len(source.split("train")) == 2
    assert source.bad_rows == 1


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ({"inputs": [[]], "target": 1}, "an empty list where there must be numbers"),
        ({"inputs": [1], "target": []}, "an empty list where there must be numbers"),
        ({"inputs": [1], "target": 1, "targets": [1]}, 'either "target" or "targets"'),
        ({"inputs": [1], "target": True}, "true is not a number"),
        ({"inputs": [1, 2], "targets": [1]}, "1 targets for 2 steps"),
    ],
)
def test_a_first_row_without_a_form_is_refused_or_skipped(tmp_path: Path, row: Any, complaint: str) -> None:
    write(tmp_path, [row, *NUMBERED])
    with pytest.raises(DataError, match=f"line 1.*{complaint}"):
        fitted(tmp_path)
    assert fitted(tmp_path, on_bad_row="skip").targets == Vector(1)


def test_a_label_never_seen_in_training_is_refused(tmp_path: Path) -> None:
    source = fitted(write(tmp_path, LABELLED, [{"inputs": [[1, 2]], "target": "upp"}]))
    with pytest.raises(DataError, match=r'valid.jsonl, line 1: label "upp" is not in train.jsonl; did you mean .up.\?'):
        source.split("valid")


def test_missing_empty_and_wrongly_encoded_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"train.jsonl does not exist: put train.jsonl, valid.jsonl and test.jsonl"):
        fitted(tmp_path)
    (tmp_path / "train.jsonl").write_text("")
    with pytest.raises(DataError, match="no usable row"):
        fitted(tmp_path)
    (tmp_path / "train.jsonl").write_bytes(json.dumps(NUMBERED[0]).encode() + b"\n\xff\n")
    with pytest.raises(DataError, match="line 2: not UTF-8 text"):
        fitted(tmp_path)


def test_an_unknown_choice_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"^data.on_bad_row must be raise or skip, not 'ignore'"):
        Sequences("nowhere", on_bad_row="ignore")

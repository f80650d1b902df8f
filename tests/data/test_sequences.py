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


def fitted(path: Path | None, **options: Any) -> Sequences:
    source = Sequences(**{"seed": 0, "data_dir": "nowhere", "path": path, **options})
    source.fit()
    return source


def rows_of(source: Sequences, name: str) -> Examples:
    data = source.split(name)
    assert data is not None
    return data


def step_targets(data: Examples) -> Ragged:
    assert isinstance(data.targets, Ragged)
    return data.targets


def test_a_label_a_row(tmp_path: Path) -> None:
    source = fitted(write(tmp_path, LABELLED))
    data = rows_of(source, "train")
    assert source.inputs == Vector(2)
    assert source.targets == Tokens(("down", "up"))
    assert data.inputs[0].tolist() == [[1, 2], [3, 4.5]]
    assert data.inputs[1].tolist() == [[5, 6]]
    assert isinstance(data.targets, torch.Tensor)
    assert data.targets.tolist() == [1, 0]
    assert source.split("train") is data, "each split is read once"


def test_a_number_a_row(tmp_path: Path) -> None:
    source = fitted(write(tmp_path, NUMBERED))
    data = rows_of(source, "valid")
    assert (source.inputs, source.targets) == (Vector(1), Vector(1))
    assert data.inputs[0].tolist() == [[1], [2], [3]]
    assert isinstance(data.targets, torch.Tensor)
    assert data.targets.tolist() == [[0.5], [-1]]


def test_numbers_a_step(tmp_path: Path) -> None:
    source = fitted(write(tmp_path, STEPWISE))
    assert source.targets == Vector(2)
    assert step_targets(rows_of(source, "train"))[0].tolist() == [[1, 0], [2, 0.5]]


def test_a_label_a_step(tmp_path: Path) -> None:
    source = fitted(write(tmp_path, TAGGED))
    assert source.targets == Tokens(("a", "b"))
    assert step_targets(rows_of(source, "test"))[0].tolist() == [1, 0]


@pytest.mark.parametrize("rows", [LABELLED, NUMBERED, STEPWISE, TAGGED])
def test_what_was_learned_comes_back_without_the_files(tmp_path: Path, rows: list[Any]) -> None:
    source = fitted(write(tmp_path, rows))
    again = Sequences(0, "nowhere", tmp_path)
    again.restore(json.loads(json.dumps(source.state())))
    assert (again.inputs, again.targets, again.state()) == (source.inputs, source.targets, source.state())
    line = json.dumps(rows[0]["inputs"])
    plain, row = again.read_inputs([line], "stdin"), again.read_inputs([json.dumps(rows[0])], "stdin")
    assert torch.equal(plain.inputs.flat, rows_of(source, "train").inputs[0])
    assert torch.equal(plain.inputs.flat, row.inputs.flat)
    answers = plain.targets.flat if isinstance(plain.targets, Ragged) else plain.targets
    shaped = rows_of(source, "train").targets
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
    ],
)
def test_a_malformed_state_is_refused(state: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="^the stored data state "):
        Sequences(0, "nowhere").restore(state)


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ('{"inputs": [[1, NaN]], "target": "up"}', "inputs, step 1: NaN is not a finite number"),
        ('{"inputs": [[1, 2], [3]], "target": "up"}', "inputs, step 2: 1 numbers where there must be 2"),
        ({"inputs": [], "target": "up"}, "inputs: the sequence is empty"),
        ({"inputs": 3, "target": "up"}, "inputs: 3 is not a list of steps"),
        ({"inputs": [[1, 2]]}, '{"inputs": [[1, 2]]} must have "inputs" and either "target" or "targets"'),
        ({"target": "up"}, '{"target": "up"} must have "inputs" and either "target" or "targets"'),
        ({"inputs": [[1, 2]], "target": 1}, "target: 1 is not a label (a string), as in the first row"),
        ({"inputs": [[1, 2]], "targets": ["up"]}, '"targets" where the first row has "target"'),
        ([1], 'the JSON value is not an object, which is written {"name": value, ...}'),
        ("nonsense", "not JSON that can be read (Expecting value: line 1 column 1 (char 0))"),
    ],
)
def test_a_bad_row_is_named_or_skipped_and_counted(tmp_path: Path, row: Any, complaint: str) -> None:
    write(tmp_path, [LABELLED[0], row, LABELLED[1]])
    with pytest.raises(DataError) as caught:
        fitted(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / 'train.jsonl'}, line 2: {complaint}; mend it, or leave such rows out with data.on_bad_row=skip"
    )
    source = fitted(tmp_path, on_bad_row="skip")
    assert len(rows_of(source, "train")) == 2
    assert source.bad_rows == 1


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ({"inputs": [[]], "target": 1}, "inputs, step 1: 0 numbers where there must be 1"),
        ({"inputs": [1], "target": []}, "target: 0 numbers where there must be 1"),
        ({"inputs": [1], "target": 1, "targets": [1]}, 'either "target" or "targets"'),
        ({"inputs": [1], "target": True}, "target: true is not a number"),
        ({"inputs": [1, 2], "targets": [1]}, "1 targets for 2 steps"),
        ({"inputs": [1, 2], "targets": [1, "a"]}, 'targets, step 2: "a" is not a number'),
    ],
)
def test_a_first_row_without_a_form_is_refused_or_skipped(tmp_path: Path, row: Any, complaint: str) -> None:
    write(tmp_path, [row, *NUMBERED])
    with pytest.raises(DataError, match=f"line 1: .*{complaint}"):
        fitted(tmp_path)
    assert fitted(tmp_path, on_bad_row="skip").targets == Vector(1)


@pytest.mark.parametrize("answer", [{"target": "upp"}, {"targets": ["up", "upp"]}])
def test_a_label_never_seen_in_training_is_a_bad_row(tmp_path: Path, answer: dict[str, Any]) -> None:
    right = {key: "up" if value == "upp" else ["up", "up"] for key, value in answer.items()}
    known, strange = ({"inputs": [1, 2], **told} for told in (right, answer))
    write(tmp_path, [known], [known, strange])
    with pytest.raises(DataError) as caught:
        fitted(tmp_path).split("valid")
    assert str(caught.value) == (
        f"{tmp_path / 'valid.jsonl'}, line 2: label 'upp' does not occur in the training split; did you mean 'up'?; "
        "mend it, or leave such rows out with data.on_bad_row=skip"
    )
    source = fitted(tmp_path, on_bad_row="skip")
    assert [len(rows_of(source, "valid")) for _ in range(2)] == [1, 1]
    assert source.bad_rows == 1
    write(tmp_path, [known], [strange])
    with pytest.raises(DataError, match=r"valid.jsonl: no row that can be used"):
        fitted(tmp_path, on_bad_row="skip").split("valid")


def test_a_single_file_is_cut_by_the_seed(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(f'{{"inputs": [{n}], "target": {n}}}\n' for n in range(20)), encoding="utf-8")

    def parts(**options: Any) -> list[list[float]]:
        source = fitted(path, **options)
        return [rows_of(source, name).inputs.flat[:, 0].tolist() for name in ("train", "valid", "test")]

    found = parts(valid_share=0.2)
    assert [len(part) for part in found] == [14, 4, 2]
    assert sorted(sum(found, [])) == list(range(20))
    assert parts(valid_share=0.2) == found != parts(valid_share=0.2, seed=1)
    assert [len(part) for part in parts()] == [16, 2, 2]
    whole = fitted(path, valid_share=0.0, test_share=0.0)
    assert (len(rows_of(whole, "train")), whole.split("valid"), whole.split("test")) == (20, None, None)


def test_a_folder_by_name_may_have_dev_rows_and_no_test_rows(tmp_path: Path) -> None:
    (tmp_path / "sequences").mkdir()
    folder = write(tmp_path / "sequences", NUMBERED)
    (folder / "valid.jsonl").rename(folder / "dev.jsonl")
    (folder / "test.jsonl").unlink()
    source = fitted(None, data_dir=tmp_path, test_share=0.0)
    assert torch.equal(rows_of(source, "valid").inputs.flat, rows_of(source, "train").inputs.flat)
    assert source.split("test") is None


def test_missing_and_empty_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no/sequences does not exist: put train.jsonl, valid.jsonl and test.jsonl"):
        fitted(None, data_dir="no")
    with pytest.raises(DataError, match=r"no/loads does not exist: ask me"):
        fitted(None, data_dir="no", name="loads", about="ask me")
    path = tmp_path / "train.jsonl"
    path.write_text("")
    with pytest.raises(DataError, match=r"train.jsonl: no row that can be used"):
        fitted(path)
    path.write_bytes(json.dumps(NUMBERED[0]).encode() + b"\n\xff\n")
    with pytest.raises(DataError, match=r"line 2: byte 1 of the line is not UTF-8"):
        fitted(path)
    path.rename(tmp_path / "test.jsonl")
    with pytest.raises(DataError, match="there are no training rows"):
        fitted(tmp_path)


def test_an_unknown_choice_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"^data.on_bad_row must be raise or skip, not 'ignore'"):
        Sequences(0, "nowhere", on_bad_row="ignore")

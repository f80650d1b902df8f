"""Tables of a text and its label."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from seqnet.batch import IGNORE, UNKNOWN_LABEL
from seqnet.errors import ConfigurationError, DataError

TRAIN = "a good film\tpos\na bad film\tneg\n"
SKIP = "mend it, or leave such rows out with data.on_bad_row=skip"


def write(folder: Path, content: str | bytes, name: str = "train.tsv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.fixture
def source(table: Callable[..., Any]) -> Callable[..., Any]:
    """A table of texts and labels, by position unless `named`. text: options of the text."""

    def make(path: Path | str | None, text: dict[str, Any] | None = None, named: bool = False, **options: Any) -> Any:
        fields = {"text": {"type": "text", **(text or {})}, "label": {"type": "label"}}
        if not named:
            for position, name in enumerate(fields):
                fields[name].setdefault("column", position)
        return table(path, fields, ["text"], "label", **options)

    return make


def test_words_and_labels_become_numbers(tmp_path: Path, fitted: Any) -> None:
    made = fitted(write(tmp_path, TRAIN))
    assert made.inputs.names == ("<unk>", "a", "film", "bad", "good")
    assert made.targets.names == ("neg", "pos")
    train = made.split("train")
    assert [train.inputs[n].tolist() for n in range(2)] == [[1, 4, 2], [1, 3, 2]]
    assert isinstance(train.targets, torch.Tensor) and train.targets.tolist() == [1, 0]
    assert made.show(train.inputs[0]) == "a good film"
    assert made.split("train") is train, "each split is read once"


def test_words_of_other_splits_are_unknown_and_counted(tmp_path: Path, fitted: Any) -> None:
    write(tmp_path, TRAIN)
    write(tmp_path, "a great film\tpos\n", "dev.tsv")
    made = fitted(tmp_path)
    assert made.split("valid").inputs.flat.tolist() == [1, 0, 2]
    assert (made.tallies["valid"].tokens, made.tallies["valid"].unknown_tokens) == ({"text": 3}, {"text": 1})
    assert made.split("test") is None


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("train.csv", "label,text\n1,so good\n0,so bad\n"),
        ("train.jsonl", '{"text": "so good", "label": 1}\n{"text": "so bad", "label": 0}\n'),
        ("train.tsv", "text\tlabel\nso good\t1\nso bad\t0\n"),
    ],
)
def test_columns_by_name_of_any_format(tmp_path: Path, name: str, content: str, fitted: Any) -> None:
    made = fitted(write(tmp_path, content, name), named=True)
    train = made.split("train")
    assert [made.show(train.inputs[n]) for n in range(2)] == ["so good", "so bad"]
    assert made.targets.names == ("0", "1")


def test_a_single_file_is_cut_by_the_seed(tmp_path: Path, fitted: Any) -> None:
    path = write(tmp_path, "".join(f"w{n}\t{n % 2}\n" for n in range(20)))
    shares = {"valid_share": 0.2, "test_share": 0.1}
    made = fitted(path, **shares)
    assert [len(made.split(name)) for name in ("train", "valid", "test")] == [14, 4, 2]
    assert made.inputs.size == 15
    assert fitted(path, **shares).state() == made.state()
    assert fitted(path, **shares, seed=1).state() != made.state()


def test_a_split_with_files_of_its_own_takes_no_share(tmp_path: Path, fitted: Any) -> None:
    write(tmp_path, "".join(f"w{n}\t{n % 2}\n" for n in range(20)))
    write(tmp_path, "x\t0\n" * 3, "test.tsv")
    made = fitted(tmp_path, valid_share=0.1, test_share=0.5)
    assert [len(made.split(name)) for name in ("train", "valid", "test")] == [18, 2, 3]


def test_state_is_json_and_comes_back(tmp_path: Path, fitted: Any, source: Any) -> None:
    made, again = fitted(write(tmp_path, TRAIN)), source(write(tmp_path, "good new\tneg\n", "test.tsv"))
    again.restore(json.loads(json.dumps(made.state())))
    assert (again.inputs, again.targets) == (made.inputs, made.targets)
    assert again.split("test").inputs.flat.tolist() == [4, 0]
    assert again.split("train") is None
    fields = made.state()["fields"]
    labels = {**fields["label"], "labels": []}
    malformed: list[Any] = [{}, None, {"fields": {"text": fields["text"]}, "longest": None}]
    malformed += [{"fields": {**fields, "label": labels}, "longest": None}, {"fields": fields, "longest": 3}]
    for state in malformed:
        with pytest.raises(DataError, match="stored"):
            again.restore(state)


def test_lines_to_predict(tmp_path: Path, fitted: Any) -> None:
    made = fitted(write(tmp_path, TRAIN))
    examples = made.read_inputs(["good film", "new\ta"], "in.txt")
    assert [examples.inputs[n].tolist() for n in range(2)] == [[4, 2], [0, 1]]
    assert isinstance(examples.targets, torch.Tensor) and examples.targets.tolist() == [IGNORE, IGNORE]
    assert len(made.read_inputs([], "in.txt")) == 0


@pytest.mark.parametrize("answer", ["count", "skip", "raise"])
def test_a_label_never_seen(tmp_path: Path, answer: str, fitted: Any) -> None:
    write(tmp_path, TRAIN)
    path = write(tmp_path, "good\tpos\nfine\tposs\nbad\tneg\n", "valid.tsv")
    made = fitted(tmp_path, on_unknown_label=answer)
    said = "label: label 'poss' does not occur in the training rows"
    if answer == "raise":
        with pytest.raises(DataError) as caught:
            made.split("valid")
        assert str(caught.value).startswith(f"{path}, line 2: {said}; did you mean 'pos'?; mend it, or count it")
    elif answer == "count":
        assert made.split("valid").targets.tolist() == [1, UNKNOWN_LABEL, 0]
        assert (made.tallies["valid"].unknown_labels, made.bad_rows) == (1, 0)
    else:
        with pytest.raises(DataError) as caught:
            made.split("valid")
        assert str(caught.value).startswith(f"{path}, line 2: {said}") and str(caught.value).endswith(SKIP)
        made = fitted(tmp_path, on_unknown_label=answer, on_bad_row="skip")
        assert [len(made.split("valid")) for _ in range(2)] == [2, 2]
        assert made.bad_rows == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("good\tpos\n \tneg\n", "line 2: text: there is no text; mend it"),
        ("good\tpos\nbad\t\n", "line 2: label: the value is missing; mend it"),
        ("good\tpos\nbad\n", "line 2: 1 column where the first row has 2; mend it"),
        (b"good\tpos\n\xe9\tneg\n", "line 2: byte 1 of the line is not UTF-8"),
        ("good\tpos\n\0\0\tneg\n", "line 2: the line holds a NUL byte, so this is no text; mend it"),
        ("good\tpos\n" + "so " * 5 + "bad\tneg\n", "line 2: text: 6 tokens, more than max_length=5; mend it"),
    ],
)
def test_a_bad_row_is_refused_or_skipped_and_counted(
    tmp_path: Path, content: str | bytes, said: str, fitted: Any, refused: Any
) -> None:
    path = write(tmp_path, content)
    assert refused(path, {"max_length": 5}).startswith(f"{path}, {said}")
    made = fitted(path, {"max_length": 5}, on_bad_row="skip")
    assert [len(made.split("train")) for _ in range(2)] == [1, 1]
    assert made.bad_rows == 1


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ('{"text": 3, "label": "x"}', "text: it is no text but int"),
        ('{"text": "a", "label": 0.5}', "label: 0.5 is neither a name nor a whole number"),
        ('{"text": "a"}', "label: the value is missing"),
        ('{"text": "a", "label": null}', "label: the value is missing"),
        ("nonsense", "not JSON that can be read"),
    ],
)
def test_a_bad_row_of_json(tmp_path: Path, row: str, said: str, refused: Any) -> None:
    path = write(tmp_path, '{"text": "b", "label": "y"}\n' + row + "\n", "train.jsonl")
    assert refused(path, named=True).startswith(f"{path}, line 2: {said}")


def test_files_without_anything(tmp_path: Path, fitted: Any, refused: Any) -> None:
    assert "no row that can be read" in refused(write(tmp_path, ""))
    assert "no row that can be used" in refused(write(tmp_path, " \tx\n"), on_bad_row="skip")
    assert "no row that can be used" in refused(write(tmp_path, "a b\tx\n"), {"max_length": 1}, on_bad_row="skip")
    assert "no column 'text' in the header" in refused(write(tmp_path, TRAIN), named=True)
    assert "no row that can be used" in refused(write(tmp_path, "text\tlabel\n"), named=True)
    assert "there are no training rows" in refused(write(tmp_path, TRAIN, "test.tsv"))
    assert "there are no training rows" in refused(write(tmp_path, TRAIN), test_share=1.0)
    assert "does not exist: put train.tsv there" in refused(None, name="nowhere", about="put train.tsv there")


def test_bad_options(source: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"data\.fields\.\*\.max_length is 0"):
        source(None, {"max_length": 0})
    with pytest.raises(ConfigurationError, match=r"data\.on_bad_row must be raise or skip, not 'ignore'"):
        source(None, on_bad_row="ignore")
    with pytest.raises(ConfigurationError, match=r"data\.path is not set"):
        source(None).fit()


@pytest.mark.skipif(not os.environ.get("SEQNET_DATA"), reason="SEQNET_DATA does not name a folder of data sets")
def test_sst2(fitted: Any) -> None:
    folder = Path(os.environ["SEQNET_DATA"])
    if not (folder / "sst2").is_dir():
        pytest.skip(f"{folder} holds no sst2")
    made = fitted(folder / "sst2", {"min_count": 2})
    assert [len(made.split(name)) for name in ("train", "valid", "test")] == [6_920, 872, 1_821]
    assert made.targets.names == ("0", "1")

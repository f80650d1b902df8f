import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from seqnet.batch import IGNORE
from seqnet.data.sources.sentences import Sentences
from seqnet.errors import ConfigurationError, DataError
from seqnet.spaces import Tokens

TRAIN = "a good film\tpos\na bad film\tneg\n"
PLACES = {"text_column": 0, "label_column": 1}


def write(folder: Path, content: str | bytes, name: str = "train.tsv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def source(path: Path | str | None, **options: Any) -> Sentences:
    return Sentences(**{"seed": 0, "data_dir": "nowhere", "path": path, "valid_share": 0.0, **PLACES, **options})


def fitted(path: Path, **options: Any) -> Sentences:
    made = source(path, **options)
    made.fit()
    return made


def refused(path: Path, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        fitted(path, **options)
    return str(caught.value)


def test_words_and_labels_become_numbers(tmp_path: Path) -> None:
    made = fitted(write(tmp_path, TRAIN))
    assert made.inputs.names == ("<unk>", "a", "film", "bad", "good")
    assert made.targets == Tokens(("neg", "pos"))
    train = made.split("train")
    assert train is not None
    assert [train.inputs[n].tolist() for n in range(2)] == [[1, 4, 2], [1, 3, 2]]
    assert isinstance(train.targets, torch.Tensor) and train.targets.tolist() == [1, 0]
    assert made.show(train.inputs[0]) == "a good film"


def test_words_of_other_splits_are_unknown(tmp_path: Path) -> None:
    write(tmp_path, TRAIN)
    write(tmp_path, "a great film\tpos\n", "dev.tsv")
    made = fitted(tmp_path)
    valid = made.split("valid")
    assert valid is not None and valid.inputs.flat.tolist() == [1, 0, 2]
    assert made.split("test") is None


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("train.csv", "label,text\n1,so good\n0,so bad\n"),
        ("train.jsonl", '{"text": "so good", "label": 1}\n{"text": "so bad", "label": 0}\n'),
        ("train.tsv", "text\tlabel\nso good\t1\nso bad\t0\n"),
    ],
)
def test_formats_with_names(tmp_path: Path, name: str, content: str) -> None:
    made = fitted(write(tmp_path, content, name), text_column="text", label_column="label")
    train = made.split("train")
    assert train is not None
    assert [made.show(train.inputs[n]) for n in range(2)] == ["so good", "so bad"]
    assert made.targets == Tokens(("0", "1"))


def test_labels_may_be_true_and_false(tmp_path: Path) -> None:
    path = write(tmp_path, '{"text": "x", "label": true}\n{"text": "y", "label": false}\n', "train.jsonl")
    assert fitted(path, text_column="text", label_column="label").targets == Tokens(("false", "true"))


def test_characters_and_lower_case(tmp_path: Path) -> None:
    made = fitted(write(tmp_path, "Ab\tx\nba\ty\n"), level="characters", lower=True)
    train = made.split("train")
    assert made.inputs.names == ("<unk>", "a", "b")
    assert train is not None and train.inputs.flat.tolist() == [1, 2, 2, 1]


def test_byte_pairs(tmp_path: Path) -> None:
    made = fitted(write(tmp_path, TRAIN), level="bpe", vocabulary_size=260)
    train = made.split("train")
    assert train is not None and made.show(train.inputs[1]) == "a bad film"


def test_a_single_file_is_cut_by_the_seed(tmp_path: Path) -> None:
    path = write(tmp_path, "".join(f"w{n}\t{n % 2}\n" for n in range(20)))
    made = fitted(path, valid_share=0.2, test_share=0.1)
    sizes = [len(made.split(name) or []) for name in ("train", "valid", "test")]
    assert sizes == [14, 4, 2]
    assert made.inputs.size == 15
    assert fitted(path, valid_share=0.2, test_share=0.1).state() == made.state()
    assert fitted(path, valid_share=0.2, test_share=0.1, seed=1).state() != made.state()


def test_state_is_json_and_comes_back(tmp_path: Path) -> None:
    made, again = fitted(write(tmp_path, TRAIN)), source(write(tmp_path, "good new\tneg\n", "test.tsv"))
    again.restore(json.loads(json.dumps(made.state())))
    assert (again.inputs, again.targets) == (made.inputs, made.targets)
    test = again.split("test")
    assert test is not None and test.inputs.flat.tolist() == [4, 0]
    assert again.split("train") is None
    for state in ({}, {"text": made.state()["text"], "labels": []}, {"text": {}, "labels": ["a"]}, None):
        with pytest.raises(DataError, match="stored"):
            again.restore(state)  # type: ignore[arg-type]


def test_lines_to_predict(tmp_path: Path) -> None:
    made = fitted(write(tmp_path, TRAIN))
    examples = made.read_inputs(["good film", "new\ta"], "in.txt")
    assert [examples.inputs[n].tolist() for n in range(2)] == [[4, 2], [0, 1]]
    assert isinstance(examples.targets, torch.Tensor) and examples.targets.tolist() == [IGNORE, IGNORE]
    with pytest.raises(DataError, match=r"in\.txt, line 4: there is no text; take the line out"):
        made.read_inputs(["good", ""], "in.txt", first=3)


def test_a_label_never_seen(tmp_path: Path) -> None:
    write(tmp_path, TRAIN)
    path = write(tmp_path, "good\tpos\nfine\tposs\nbad\tneg\n", "valid.tsv")
    made = fitted(tmp_path)
    with pytest.raises(DataError) as caught:
        made.split("valid")
    assert str(caught.value) == (
        f"{path}, line 2: label 'poss' does not occur in the training split; did you mean 'pos'?; "
        "mend it, or leave such rows out with data.on_bad_row=skip"
    )
    made = fitted(tmp_path, on_bad_row="skip")
    assert len(made.split("valid") or []) == 2
    assert len(made.split("valid") or []) == 2
    assert made.bad_rows == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("good\tpos\n \tneg\n", "line 2: the row has no tokens; mend it"),
        ("good\tpos\nbad\t\n", "line 2: the row has no label; mend it"),
        ("good\tpos\nbad\n", "line 2: 1 column where the first row has 2; mend it"),
        (b"good\tpos\n\xe9\tneg\n", "line 2: byte 1 of the line is not UTF-8; mend it"),
        ("good\tpos\n\0\0\tneg\n", "line 2: the line holds a NUL byte, so this is no text; mend it"),
        ("good\tpos\n" + "so " * 5 + "bad\tneg\n", "line 2: 6 tokens, more than data.max_length=5; mend it"),
    ],
)
def test_a_bad_row_is_refused_or_skipped(tmp_path: Path, content: str | bytes, said: str) -> None:
    path = write(tmp_path, content)
    assert refused(path, max_length=5).startswith(f"{path}, {said}")
    made = fitted(path, max_length=5, on_bad_row="skip")
    assert len(made.split("train") or []) == 1
    assert made.bad_rows == 1


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ('{"text": 3, "label": "x"}', "the text is not a string but int"),
        ('{"text": "a", "label": 0.5}', "the label is neither a string nor a whole number but float"),
        ('{"text": "a"}', r"no column 'label' as data.label_column says \(there are text\)"),
        ('{"text": "a", "label": null}', "the value is null"),
        ("nonsense", "not JSON that can be read"),
    ],
)
def test_a_bad_row_of_json(tmp_path: Path, row: str, said: str) -> None:
    path = write(tmp_path, row + "\n", "train.jsonl")
    with pytest.raises(DataError, match=f"{path}, line 1: .*{said}"):
        fitted(path, text_column="text", label_column="label")


def test_files_without_anything(tmp_path: Path) -> None:
    assert "no row that can be read" in refused(write(tmp_path, ""))
    assert "no row that can be used" in refused(write(tmp_path, " \tx\n"), on_bad_row="skip")
    assert "no row that can be used" in refused(write(tmp_path, "a b\tx\n"), on_bad_row="skip", max_length=1)
    assert "no column 'text' in the header" in refused(write(tmp_path, TRAIN), text_column="text", label_column="label")
    assert "no row that can be used" in refused(
        write(tmp_path, "text\tlabel\n"), text_column="text", label_column="label"
    )
    assert "there are no training rows" in refused(write(tmp_path, TRAIN, "test.tsv"))
    assert "there are no training rows" in refused(write(tmp_path, TRAIN), test_share=1.0)
    assert "does not exist: put train.tsv there" in refused(tmp_path / "x.tsv", about="put train.tsv there")


def test_bad_options() -> None:
    with pytest.raises(ConfigurationError, match=r"data\.max_length is 0"):
        source(None, max_length=0)
    with pytest.raises(ConfigurationError, match="cannot go together"):
        source(None, text_column="text")


@pytest.mark.skipif(not os.environ.get("SEQNET_DATA"), reason="SEQNET_DATA does not name a folder of data sets")
def test_sst2() -> None:
    folder = Path(os.environ["SEQNET_DATA"])
    if not (folder / "sst2").is_dir():
        pytest.skip(f"{folder} holds no sst2")
    made = source(None, data_dir=folder, name="sst2", min_count=2)
    made.fit()
    assert [len(made.split(name) or []) for name in ("train", "valid", "test")] == [6_920, 872, 1_821]
    assert made.targets == Tokens(("0", "1"))

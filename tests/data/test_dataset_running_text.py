"""Running text: a field that is both what is read and what is asked for."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from seqnet.batch import IGNORE
from seqnet.data.examples import Ragged, Stream
from seqnet.data.formats import format as sizes
from seqnet.data.lanes import LaneLoader
from seqnet.errors import ConfigurationError, DataError

ALPHABET = "abcdefghijklmnopqrst"


def write(folder: Path, content: str | bytes, name: str = "input.txt") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.fixture
def source(table: Callable[..., Any]) -> Callable[..., Any]:
    """A text, of characters unless said; a tenth is held out. text: options of the field."""

    def make(path: Path | str | None, text: dict[str, Any] | None = None, **options: Any) -> Any:
        fields = {"text": {"type": "text", "level": "characters", **(text or {})}}
        return table(path, fields, ["text"], "text", **{"valid_share": 0.1, **options})

    return make


def texts(made: Any, name: str) -> list[str]:
    stream = made.split(name)
    assert isinstance(stream, Stream)
    return [made.decode(stream.documents[n]) for n in range(len(stream.documents))]


def test_the_end_of_a_single_text_is_held_out(tmp_path: Path, fitted: Any) -> None:
    made = fitted(write(tmp_path, ALPHABET), valid_share=0.2, test_share=0.1)
    assert texts(made, "train") == [ALPHABET[:14]]
    assert [len(text) for text in texts(made, "valid")] == [4]
    assert [len(text) for text in texts(made, "test")] == [2]


@pytest.mark.parametrize("size", [12, 40])
@pytest.mark.parametrize("level", ["characters", "words"])
def test_a_text_in_pieces_is_held_out_alike(
    tmp_path: Path, size: int, level: str, fitted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, "\none two\nthree four five six\nseven\n\n" * 4)
    whole = fitted(path, {"level": level}, valid_share=0.3, test_share=0.2)
    monkeypatch.setattr(sizes, "BYTES", size)
    made = fitted(path, {"level": level}, valid_share=0.3, test_share=0.2)
    for name in ("train", "valid", "test"):
        assert texts(made, name) == texts(whole, name)


def test_there_is_no_test_split_unless_there_is_one(tmp_path: Path, fitted: Any) -> None:
    assert fitted(write(tmp_path, ALPHABET)).split("test") is None
    assert fitted(write(tmp_path, ALPHABET), valid_share=0.0).split("valid") is None


def test_the_vocabulary_is_that_of_the_training_split(tmp_path: Path, fitted: Any) -> None:
    made = fitted(write(tmp_path, "aaab aab" + "z!"), valid_share=0.2)
    assert made.inputs.names == ("<unk>", "a", "b", " ")
    assert made.targets == made.inputs
    assert made.forbidden == (0,)
    stream = made.split("valid")
    assert stream.documents.flat.tolist() == [0, 0]
    assert made.show(stream.documents[0]) == "\N{REPLACEMENT CHARACTER}" * 2


def test_it_lies_in_its_smallest_type_and_is_read_in_the_model_s(tmp_path: Path, fitted: Any) -> None:
    stream = fitted(write(tmp_path, ALPHABET)).split("train")
    assert stream.documents.flat.dtype == torch.uint8
    for lanes in (2, 3):
        (batch,) = LaneLoader(stream, lanes, 4, seed=0, shuffle=False).batches(0)
        for window in batch.windows(4):
            assert window.inputs.dtype == window.targets.dtype == torch.int64
        assert sum(window.num_targets for window in batch.windows(4)) == 17


def test_words_are_not_cut_in_two(tmp_path: Path, fitted: Any) -> None:
    made = fitted(write(tmp_path, "one two\nthree four five six\n"), {"level": "words"}, valid_share=0.5)
    assert texts(made, "train") == [" one two\nthree four"]
    assert texts(made, "valid") == [" <unk> <unk>\n"]
    assert made.inputs.names[:2] == ("<unk>", "<eos>")


def test_byte_pairs(tmp_path: Path, fitted: Any) -> None:
    made = fitted(write(tmp_path, "low lower lowest\n" * 30), {"level": "bpe", "vocabulary_size": 262})
    assert made.inputs.size == 262
    assert "".join(texts(made, "train") + texts(made, "valid")) == "low lower lowest\n" * 30


def test_a_folder_of_documents(tmp_path: Path, fitted: Any) -> None:
    for letter in "abcde":
        write(tmp_path, letter * 3, f"{letter}.txt")
    made = fitted(tmp_path, valid_share=0.2)
    assert len(texts(made, "train")) == 4
    assert len(texts(made, "valid")) == 1
    assert made.state() == fitted(tmp_path, valid_share=0.2).state()


def test_a_folder_with_named_splits(tmp_path: Path, source: Any) -> None:
    for name in ("train", "valid", "test"):
        write(tmp_path, f"the {name} text", f"ptb.{name}.txt")
    made = source(None, name=str(tmp_path))
    made.fit()
    assert texts(made, "train") == ["the train text"]
    assert len(texts(made, "valid")[0]) == len("the valid text")
    assert len(texts(made, "test")[0]) == len("the test text")


def test_rows_of_a_table_are_documents(tmp_path: Path, fitted: Any) -> None:
    rows = [{"body": "first text"}, {"body": " "}, {"body": "second text"}, {"body": 3}, {"body": None}]
    path = write(tmp_path, "\n".join(map(json.dumps, rows)), "train.jsonl")
    body = {"column": "body"}
    with pytest.raises(DataError, match=r"train\.jsonl, line 2: text: the text is missing; mend it"):
        fitted(path, body, valid_share=0.0)
    made = fitted(path, body, valid_share=0.0, on_bad_row="skip")
    assert texts(made, "train") == ["first text", "second text"]
    assert made.bad_rows == 3
    with pytest.raises(DataError, match="no column 'text'"):
        fitted(path)


def test_state_is_json_and_comes_back(tmp_path: Path, fitted: Any, source: Any) -> None:
    path = write(tmp_path, ALPHABET)
    made, again = fitted(path), source(path)
    again.restore(json.loads(json.dumps(made.state())))
    assert again.inputs == made.inputs
    assert texts(again, "train") == texts(made, "train")
    assert again.encode("cab").tolist() == made.encode("cab").tolist()
    for broken in ({"labels": []}, {**made.state(), "longest": 3}):
        with pytest.raises(DataError, match="the stored data state"):
            again.restore(broken)


def test_lines_to_evaluate(tmp_path: Path, fitted: Any) -> None:
    made = fitted(write(tmp_path, ALPHABET * 2), {"lower": True})
    examples = made.read_inputs(["ABC", "de"], "lines.txt")
    assert [made.decode(examples.inputs[n]) for n in range(2)] == ["abc", "de"]
    assert isinstance(examples.targets, Ragged)
    assert (examples.targets.flat == IGNORE).all()
    assert torch.equal(examples.targets.offsets, examples.inputs.offsets)
    assert len(made.read_inputs([], "lines.txt")) == 0


def test_bad_files(tmp_path: Path, fitted: Any, source: Any) -> None:
    for nothing in ("", " \n\n"):
        path = write(tmp_path, nothing)
        with pytest.raises(DataError, match=r"input\.txt, line 1: there is no text in the file; mend it"):
            fitted(path)
        with pytest.raises(DataError, match=r"input\.txt: no row that can be used"):
            fitted(path, on_bad_row="skip", valid_share=0.0)
    path = write(tmp_path, b"good\nb\xffd\nfine again\n")
    with pytest.raises(DataError, match=r"input\.txt, line 2: byte 2 of the line is not UTF-8"):
        fitted(path)
    made = fitted(path, on_bad_row="skip", valid_share=0.0)
    assert texts(made, "train") == ["good\nfine again\n"]
    assert made.bad_rows == 1
    with pytest.raises(DataError, match="no document of the valid split has two tokens"):
        fitted(write(tmp_path, "abcdefghij"), valid_share=0.1).split("valid")
    with pytest.raises(DataError, match="there are no training rows; name some"):
        fitted(write(tmp_path, "abc", "test.txt"))
    with pytest.raises(DataError, match="does not exist: put input.txt there"):
        source(None, name="plays", about="put input.txt there").fit()


def test_bad_options(source: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"data\.path is not set"):
        source(None).fit()
    with pytest.raises(ConfigurationError, match=r"data\.fields\.\*\.level must be"):
        source(None, {"level": "letters"})
    with pytest.raises(ConfigurationError, match=r"max_length=9 has no effect on running text"):
        source(None, {"max_length": 9})


@pytest.mark.skipif(not os.environ.get("SEQNET_DATA"), reason="SEQNET_DATA does not name a folder of data sets")
def test_tiny_shakespeare(fitted: Any) -> None:
    folder = Path(os.environ["SEQNET_DATA"])
    if not (folder / "tiny_shakespeare").is_dir():
        pytest.skip(f"{folder} holds no tiny_shakespeare")
    made = fitted(folder / "tiny_shakespeare")
    train, valid = made.split("train"), made.split("valid")
    assert (len(train), len(valid)) == (1_003_854, 111_540)
    assert made.inputs.size == 66  # 65 characters, all in the training text, and the unknown one
    assert int(valid.documents.flat.min()) > 0

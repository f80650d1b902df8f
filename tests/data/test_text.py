import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from seqnet.batch import IGNORE
from seqnet.data.examples import Ragged, Stream
from seqnet.data.sources.text import Text
from seqnet.errors import ConfigurationError, DataError

ALPHABET = "abcdefghijklmnopqrst"


def write(folder: Path, content: str | bytes, name: str = "input.txt") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def source(path: Path | str | None, **options: Any) -> Text:
    return Text(**{"seed": 0, "data_dir": "nowhere", "path": path, **options})


def fitted(path: Path, **options: Any) -> Text:
    made = source(path, **options)
    made.fit()
    return made


def texts(made: Text, name: str) -> list[str]:
    stream = made.split(name)
    assert isinstance(stream, Stream)
    return [made.decode(stream.documents[n]) for n in range(len(stream.documents))]


def test_the_end_of_a_single_text_is_held_out(tmp_path: Path) -> None:
    made = fitted(write(tmp_path, ALPHABET), valid_share=0.2, test_share=0.1)
    assert texts(made, "train") == [ALPHABET[:14]]
    assert [len(text) for text in texts(made, "valid")] == [4]
    assert [len(text) for text in texts(made, "test")] == [2]


def test_there_is_no_test_split_unless_there_is_one(tmp_path: Path) -> None:
    assert fitted(write(tmp_path, ALPHABET)).split("test") is None
    assert fitted(write(tmp_path, ALPHABET), valid_share=0.0).split("valid") is None


def test_the_vocabulary_is_that_of_the_training_split(tmp_path: Path) -> None:
    made = fitted(write(tmp_path, "aaab aab" + "z!"), valid_share=0.2)
    assert made.inputs.names == ("<unk>", "a", "b", " ")
    assert made.targets == made.inputs
    assert made.forbidden == (0,)
    stream = made.split("valid")
    assert stream is not None
    assert stream.documents.flat.tolist() == [0, 0]
    assert made.show(stream.documents[0]) == "\N{REPLACEMENT CHARACTER}" * 2


def test_words_are_not_cut_in_two(tmp_path: Path) -> None:
    made = fitted(write(tmp_path, "one two\nthree four five six\n"), level="words", valid_share=0.5)
    assert texts(made, "train") == [" one two\nthree four"]
    assert texts(made, "valid") == [" <unk> <unk>\n"]
    assert made.inputs.names[:2] == ("<unk>", "<eos>")


def test_byte_pairs(tmp_path: Path) -> None:
    made = fitted(write(tmp_path, "low lower lowest\n" * 30), level="bpe", vocabulary_size=262)
    assert made.inputs.size == 262
    assert "".join(texts(made, "train") + texts(made, "valid")) == "low lower lowest\n" * 30


def test_a_folder_of_documents(tmp_path: Path) -> None:
    for letter in "abcde":
        write(tmp_path, letter * 3, f"{letter}.txt")
    made = fitted(tmp_path, valid_share=0.2)
    assert len(texts(made, "train")) == 4
    assert len(texts(made, "valid")) == 1
    assert made.state() == fitted(tmp_path, valid_share=0.2).state()


def test_a_folder_with_named_splits(tmp_path: Path) -> None:
    for name in ("train", "valid", "test"):
        write(tmp_path, f"the {name} text", f"ptb.{name}.txt")
    made = source(None, data_dir=tmp_path.parent, name=tmp_path.name)
    made.fit()
    assert texts(made, "train") == ["the train text"]
    assert len(texts(made, "valid")[0]) == len("the valid text")
    assert len(texts(made, "test")[0]) == len("the test text")


def test_rows_of_a_table_are_documents(tmp_path: Path) -> None:
    rows = [{"body": "first text"}, {"body": " "}, {"body": "second text"}, {"body": 3}]
    path = write(tmp_path, "\n".join(map(json.dumps, rows)), "train.jsonl")
    with pytest.raises(DataError, match=r"train\.jsonl, line 2: there is no text in column 'body'; mend it"):
        fitted(path, text_column="body", valid_share=0.0)
    made = fitted(path, text_column="body", valid_share=0.0, on_bad_row="skip")
    assert texts(made, "train") == ["first text", "second text"]
    assert made.bad_rows == 2
    with pytest.raises(DataError, match="line 1: no column 'text' as data.text_column says"):
        fitted(path)
    with pytest.raises(DataError, match="no row that can be used"):
        fitted(path, on_bad_row="skip")


def test_state_is_json_and_comes_back(tmp_path: Path) -> None:
    path = write(tmp_path, ALPHABET)
    made, again = fitted(path), source(path)
    again.restore(json.loads(json.dumps(made.state())))
    assert again.inputs == made.inputs
    assert texts(again, "train") == texts(made, "train")
    assert again.encode("cab").tolist() == made.encode("cab").tolist()
    with pytest.raises(DataError, match="does not say its level"):
        again.restore({"labels": []})


def test_lines_to_evaluate(tmp_path: Path) -> None:
    made = fitted(write(tmp_path, ALPHABET * 2), lower=True)
    examples = made.read_inputs(["ABC", "de"], "lines.txt")
    assert [made.decode(examples.inputs[n]) for n in range(2)] == ["abc", "de"]
    assert isinstance(examples.targets, Ragged)
    assert (examples.targets.flat == IGNORE).all()
    assert torch.equal(examples.targets.offsets, examples.inputs.offsets)
    with pytest.raises(DataError, match=r"lines\.txt, line 8: there is no text; take the line out"):
        made.read_inputs(["abc", " "], "lines.txt", first=7)
    assert len(made.read_inputs([], "lines.txt")) == 0


def test_bad_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"input\.txt: there is no text in it"):
        fitted(write(tmp_path, ""))
    path = write(tmp_path, b"good\nb\xffd\nfine again\n")
    with pytest.raises(DataError, match=r"input\.txt, line 2: byte 2 of the line is not UTF-8; mend it"):
        fitted(path)
    made = fitted(path, on_bad_row="skip", valid_share=0.0)
    assert texts(made, "train") == ["good\nfine again\n"]
    assert made.bad_rows == 1
    with pytest.raises(DataError, match="no document of the valid split has two tokens"):
        fitted(write(tmp_path, "abcdefghij"), valid_share=0.1).split("valid")
    with pytest.raises(DataError, match="there is no training text; name some"):
        fitted(write(tmp_path, "abc", "test.txt"))
    with pytest.raises(DataError, match="does not exist: put input.txt there"):
        source(None, name="plays", about="put input.txt there").fit()


def test_bad_options(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"data\.path is not set"):
        source(None).fit()
    with pytest.raises(ConfigurationError, match=r"data\.level must be"):
        source(None, level="letters")
    with pytest.raises(ConfigurationError, match=r"data\.on_bad_row"):
        source(None, on_bad_row="no")
    with pytest.raises(ConfigurationError, match=r"data\.valid_share"):
        source(None, valid_share=-0.1)


@pytest.mark.skipif(not os.environ.get("SEQNET_DATA"), reason="SEQNET_DATA does not name a folder of data sets")
def test_tiny_shakespeare() -> None:
    folder = Path(os.environ["SEQNET_DATA"])
    if not (folder / "tiny_shakespeare").is_dir():
        pytest.skip(f"{folder} holds no tiny_shakespeare")
    made = source(None, data_dir=folder, name="tiny_shakespeare")
    made.fit()
    train, valid = made.split("train"), made.split("valid")
    assert train is not None and valid is not None
    assert (len(train), len(valid)) == (1_003_854, 111_540)
    assert made.inputs.size == 66  # 65 characters, all in the training text, and the unknown one
    assert int(valid.documents.flat.min()) > 0

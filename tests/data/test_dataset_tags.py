"""Sentences with a tag for each word."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from seqnet.batch import IGNORE, UNKNOWN_LABEL
from seqnet.data.batching import BucketLoader
from seqnet.data.examples import Examples, Ragged
from seqnet.errors import ConfigurationError, DataError
from seqnet.specs import Spelling

TRAIN = "EU\tB-ORG\nsaid\tO\n\nsaid\tO\n"


def write(folder: Path, content: str | bytes, name: str = "train.conll") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.fixture
def source(table: Callable[..., Any]) -> Callable[..., Any]:
    """Words, their letters and their tags. most: of the letters; None = these are not read."""

    def make(
        path: Path, most: int | None = 20, word: int = 0, tag: int = -1, lower: bool = False, **options: Any
    ) -> Any:
        fields = {
            "word": {"type": "tokens", "column": word, "lower": lower},
            "letters": {"type": "letters", "column": word, "most": most},
            "tag": {"type": "tags", "column": tag},
        }
        if most is None:
            del fields["letters"]
        return table(path, fields, [name for name in fields if name != "tag"], "tag", **options)

    return make


def targets(examples: Examples | None) -> list[int]:
    assert examples is not None and isinstance(examples.targets, Ragged)
    assert torch.equal(examples.targets.offsets, examples.inputs.offsets)
    return examples.targets.flat.tolist()


def test_words_tags_and_letters_become_numbers(tmp_path: Path, fitted: Any) -> None:
    made = fitted(write(tmp_path, TRAIN), most=3)
    assert made.inputs.names == ("<unk>", "said", "EU")
    assert made.targets.names == ("B-ORG", "O")
    assert made.views == {"letters": Spelling(("<pad>", "<unk>", "a", "d", "i", "s", "E", "U"), 3)}
    train = made.split("train")
    assert train.inputs.offsets.tolist() == [0, 2, 3]
    assert train.inputs.flat.tolist() == [2, 1, 1]
    assert targets(train) == [0, 1, 1]
    assert train.views["letters"].flat.tolist() == [[6, 7, 0], [5, 2, 4], [5, 2, 4]]
    batch = train.batch(torch.tensor([0, 1]))
    assert batch.views["letters"].tolist() == [[[6, 7, 0], [5, 2, 4]], [[5, 2, 4], [0, 0, 0]]]
    assert batch.targets.tolist() == [[0, 1], [1, IGNORE]]
    assert made.show(train.inputs[0]) == "EU said"


def test_letters_stay_as_written_where_words_are_lower_case(tmp_path: Path, fitted: Any) -> None:
    made = fitted(write(tmp_path, TRAIN), lower=True)
    assert made.inputs.names == ("<unk>", "said", "eu")
    assert {"E", "U"} < set(made.views["letters"].names)


def test_without_letters(tmp_path: Path, fitted: Any) -> None:
    made = fitted(write(tmp_path, TRAIN), most=None)
    assert made.views == {} and made.split("train").views == {}


def test_columns_of_conll_2003(tmp_path: Path, fitted: Any) -> None:
    path = write(tmp_path, "-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n")
    assert fitted(path).targets.names == ("B-ORG", "O")
    assert fitted(path, tag=1).targets.names == ("NNP", "VBZ")
    assert fitted(path, word=1).inputs.names == ("<unk>", "NNP", "VBZ")


def test_comments(tmp_path: Path, fitted: Any, refused: Any) -> None:
    path = write(tmp_path, "# id 1\nEU B\n\n# id 2\nsaid O\n")
    said = refused(path)
    assert f"{path}, line 2: 2 columns where the first line has 3 (line 1 begins with #: data/format=conll " in said
    assert "data.format.comments=true passes over comments" in said
    assert fitted(path, format={"type": "conll", "comments": True}).targets.names == ("B", "O")


def test_comments_that_are_read_as_words_are_told(tmp_path: Path, fitted: Any) -> None:
    path = write(tmp_path, "# B-A\nEU O\nrejects O\n\n# B-C\nsaid O\n")
    assert any("line 1 begins with # and is read as a word" in each for each in fitted(path).remarks())
    path = write(tmp_path, "EU B\n\n# O\n1 O\n")  # a word
    assert not any("begins with #" in each for each in fitted(path).remarks())


def test_other_splits(tmp_path: Path, fitted: Any) -> None:
    write(tmp_path, TRAIN)
    write(tmp_path, "Zé\tO\n", "test.conll")
    made = fitted(tmp_path)
    test = made.split("test")
    assert test.inputs.flat.tolist() == [0]
    assert test.views["letters"].flat[0, :3].tolist() == [1, 1, 0]
    assert made.split("valid") is None


def test_a_single_file_is_cut_by_the_seed(tmp_path: Path, fitted: Any) -> None:
    made = fitted(write(tmp_path, "a O\n\n" * 10), valid_share=0.2, test_share=0.1)
    assert [len(made.split(name)) for name in ("train", "valid", "test")] == [7, 2, 1]


@pytest.mark.parametrize("most", [20, None])
def test_state_is_json_and_comes_back(tmp_path: Path, most: int | None, fitted: Any, source: Any) -> None:
    path = write(tmp_path, TRAIN)
    made, again = fitted(path, most), source(path, most)
    state = json.loads(json.dumps(made.state()))
    again.restore(state)
    assert (again.inputs, again.targets, again.views) == (made.inputs, made.targets, made.views)
    assert targets(again.split("train")) == targets(made.split("train"))
    with pytest.raises(DataError, match="the stored data state is not that of the fields word"):
        source(path, None if most else 20).restore(state)
    for name, broken in (("tag", "O"), ("word", ["a"]), ("tag", {"labels": ["O", "O"], "commonest": "O"})):
        with pytest.raises(DataError, match="stored"):
            source(path, most).restore({**state, "fields": {**state["fields"], name: broken}})


def test_lines_to_predict(tmp_path: Path, fitted: Any) -> None:
    made = fitted(write(tmp_path, TRAIN))
    examples = made.read_inputs(["EU never  said", "said"], "in.txt")
    assert examples.inputs.flat.tolist() == [2, 0, 1, 1]
    assert targets(examples) == [IGNORE] * 4
    assert examples.views["letters"].flat.shape == (4, 20)
    assert len(made.read_inputs([], "in.txt")) == 0


def test_a_tag_never_seen(tmp_path: Path, fitted: Any) -> None:
    write(tmp_path, TRAIN)
    path = write(tmp_path, "EU\tB-ORG\n\nin\tO\nU.S.\tB-LOC\n", "dev.conll")
    made = fitted(tmp_path)
    assert targets(made.split("valid")) == [0, 1, UNKNOWN_LABEL]
    assert made.tallies["valid"].unknown_labels == 1
    with pytest.raises(DataError) as caught:
        fitted(tmp_path, on_unknown_label="raise").split("valid")
    assert str(caught.value).startswith(f"{path}, line 3: tag: label 'B-LOC' does not occur in the training rows; mend")
    made = fitted(tmp_path, on_unknown_label="skip", on_bad_row="skip")
    assert len(made.split("valid")) == 1 == made.bad_rows


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("EU\tB\n\nsaid\n", "line 3: 1 column where the first line has 2; mend it"),
        ("EU\tB\n\nin\tO\nsaid\t\n", "line 3: tag: tag 2 is empty; mend it"),
        ("EU\tB\n\nin\tO\n\tO\n", "line 3: word: word 2 is empty; mend it"),
        (b"EU\tB\n\n\xff\tO\n", "line 3: byte 1 of the line is not UTF-8"),
        ("EU\tB\n\n\0\tO\n", "line 3: the line holds a NUL byte, so this is no text; mend it"),
    ],
)
def test_a_bad_sentence_is_refused_or_skipped(
    tmp_path: Path, content: str | bytes, said: str, fitted: Any, refused: Any
) -> None:
    path = write(tmp_path, content)
    assert refused(path).startswith(f"{path}, {said}")
    made = fitted(path, on_bad_row="skip")
    assert len(made.split("train")) == 1 == made.bad_rows


def test_files_without_what_is_needed(tmp_path: Path, fitted: Any, refused: Any) -> None:
    path = write(tmp_path, "EU\nsaid\n")
    assert f"{path}: columns 0 and -1 are the same one" in refused(path)
    assert f"{path}: no column 1, since there is 1" in refused(path, tag=1)
    assert f"{path}: no row that can be used" in refused(write(tmp_path, "\n\n"))
    assert "there are no training rows" in refused(write(tmp_path, TRAIN, "test.conll"))
    strange = write(tmp_path, "EU B\n", "test.conll")
    made = fitted(write(tmp_path, TRAIN).parent, on_bad_row="skip", on_unknown_label="skip")
    with pytest.raises(DataError, match=f"{strange}: no row that can be used"):
        made.split("test")


@pytest.mark.skipif(not os.environ.get("SEQNET_DATA"), reason="SEQNET_DATA does not name a folder of data sets")
def test_wnut17(fitted: Any) -> None:
    folder = Path(os.environ["SEQNET_DATA"])
    if not (folder / "wnut17").is_dir():
        pytest.skip(f"{folder} holds no wnut17")
    made = fitted(folder / "wnut17")
    assert [len(made.split(name)) for name in ("train", "valid", "test")] == [3_394, 1_009, 1_287]
    assert made.targets.size == 13
    sides = [side for batch in BucketLoader(made.split("train"), 16, 1, True).batches(0) for side in batch.filled()]
    assert 1 - sum(filled for filled, _ in sides) / sum(places for _, places in sides) <= 0.02
    outside = made.targets.names.index("O")
    assert sum(tag == outside for tag in targets(made.split("train"))) == 59_570


def test_letters_beside_a_text_say_what_has_a_word_a_step(tmp_path: Path, table: Callable[..., Any]) -> None:
    path = write(tmp_path, "text,label\na dull film,0\na fine one,1\n", "train.csv")
    fields = {
        "text": {"type": "text", "level": "words"},
        "letters": {"type": "letters", "column": "text"},
        "label": {"type": "label"},
    }
    with pytest.raises(ConfigurationError, match=r"text has none: .*, or choose field@data\.fields\.text=tokens$"):
        table(path, fields, ["text", "letters"], "label")
    fields["text"] = {"type": "tokens"}
    made = table(path, fields, ["text", "letters"], "label")
    made.fit()
    assert made.split("train").inputs.offsets.tolist() == [0, 3, 6]

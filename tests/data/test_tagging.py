import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from seqnet.batch import IGNORE
from seqnet.data.batching import BucketLoader
from seqnet.data.examples import Examples, Ragged
from seqnet.data.sources.tagging import Tagging
from seqnet.errors import ConfigurationError, DataError
from seqnet.spaces import Spelling, Tokens

TRAIN = "EU\tB-ORG\nsaid\tO\n\nsaid\tO\n"


def write(folder: Path, content: str | bytes, name: str = "train.conll") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def source(path: Path | str | None, **options: Any) -> Tagging:
    return Tagging(**{"seed": 0, "data_dir": "nowhere", "path": path, "valid_share": 0.0, **options})


def fitted(path: Path, **options: Any) -> Tagging:
    made = source(path, **options)
    made.fit()
    return made


def refused(path: Path, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        fitted(path, **options)
    return str(caught.value)


def targets(examples: Examples | None) -> list[int]:
    assert examples is not None and isinstance(examples.targets, Ragged)
    assert torch.equal(examples.targets.offsets, examples.inputs.offsets)
    return examples.targets.flat.tolist()


def test_words_tags_and_characters_become_numbers(tmp_path: Path) -> None:
    made = fitted(write(tmp_path, TRAIN), max_characters=3)
    assert made.inputs.names == ("<unk>", "said", "EU")
    assert made.targets == Tokens(("B-ORG", "O"))
    assert made.views == {"characters": Spelling(("<pad>", "<unk>", "a", "d", "i", "s", "E", "U"), 3)}
    train = made.split("train")
    assert train is not None
    assert train.inputs.offsets.tolist() == [0, 2, 3]
    assert train.inputs.flat.tolist() == [2, 1, 1]
    assert targets(train) == [0, 1, 1]
    assert train.views["characters"].flat.tolist() == [[6, 7, 0], [5, 2, 4], [5, 2, 4]]
    batch = train.batch(torch.tensor([0, 1]))
    assert batch.views["characters"].tolist() == [[[6, 7, 0], [5, 2, 4]], [[5, 2, 4], [0, 0, 0]]]
    assert batch.targets.tolist() == [[0, 1], [1, IGNORE]]
    assert made.show(train.inputs[0]) == "EU said"


def test_without_characters(tmp_path: Path) -> None:
    made = fitted(write(tmp_path, TRAIN), characters=False, lower=True)
    train = made.split("train")
    assert made.inputs.names == ("<unk>", "said", "eu")
    assert made.views == {} and train is not None and train.views == {}


def test_characters_stay_as_written_in_lower_case(tmp_path: Path) -> None:
    made = fitted(write(tmp_path, TRAIN), lower=True)
    assert {"E", "U"} < set(made.views["characters"].names)


def test_columns_of_conll_2003(tmp_path: Path) -> None:
    content = "-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n"
    assert fitted(write(tmp_path, content)).targets == Tokens(("B-ORG", "O"))
    assert fitted(write(tmp_path, content), tag_column=1).targets == Tokens(("NNP", "VBZ"))
    assert fitted(write(tmp_path, content), token_column=1).inputs.names == ("<unk>", "NNP", "VBZ")


def test_comments(tmp_path: Path) -> None:
    path = write(tmp_path, "# id 1\nEU B\n\n# id 2\nsaid O\n")
    assert f"{path}, line 2: 2 columns where the first line has 3" in refused(path)
    assert fitted(path, comments=True).targets == Tokens(("B", "O"))


def test_other_splits(tmp_path: Path) -> None:
    write(tmp_path, TRAIN)
    write(tmp_path, "Zé\tO\n", "test.conll")
    made = fitted(tmp_path)
    test = made.split("test")
    assert test is not None and test.inputs.flat.tolist() == [0]
    assert test.views["characters"].flat[0, :3].tolist() == [1, 1, 0]
    assert made.split("valid") is None


def test_a_single_file_is_cut_by_the_seed(tmp_path: Path) -> None:
    made = fitted(write(tmp_path, "a O\n\n" * 10), valid_share=0.2, test_share=0.1)
    assert [len(made.split(name) or []) for name in ("train", "valid", "test")] == [7, 2, 1]


@pytest.mark.parametrize("characters", [True, False])
def test_state_is_json_and_comes_back(tmp_path: Path, characters: bool) -> None:
    path = write(tmp_path, TRAIN)
    made, again = fitted(path, characters=characters), source(path, characters=characters)
    state = json.loads(json.dumps(made.state()))
    again.restore(state)
    assert (again.inputs, again.targets, again.views) == (made.inputs, made.targets, made.views)
    assert targets(again.split("train")) == targets(made.split("train"))
    with pytest.raises(DataError, match=r"does not go with data\.characters="):
        source(path, characters=not characters).restore(state)
    malformed: list[Any] = [{}, {**state, "tags": "O"}, {**state, "words": ["a"]}, {**state, "tags": ["O", "O"]}, None]
    for broken in malformed:
        with pytest.raises(DataError, match="stored"):
            source(path, characters=characters).restore(broken)


def test_lines_to_predict(tmp_path: Path) -> None:
    made = fitted(write(tmp_path, TRAIN))
    examples = made.read_inputs(["EU never  said", "said"], "in.txt")
    assert examples.inputs.flat.tolist() == [2, 0, 1, 1]
    assert targets(examples) == [IGNORE] * 4
    assert examples.views["characters"].flat.shape == (4, 20)
    with pytest.raises(DataError, match=r"in\.txt, line 2: there is no token; take the line out"):
        made.read_inputs(["EU", " "], "in.txt")
    assert len(made.read_inputs([], "in.txt")) == 0


def test_a_tag_never_seen(tmp_path: Path) -> None:
    write(tmp_path, TRAIN)
    path = write(tmp_path, "EU\tB-ORG\n\nin\tO\nU.S.\tB-LOC\n", "dev.conll")
    made = fitted(tmp_path)
    with pytest.raises(DataError) as caught:
        made.split("valid")
    assert str(caught.value).startswith(f"{path}, line 4: tag 'B-LOC' does not occur in the training split")
    made = fitted(tmp_path, on_bad_row="skip")
    assert len(made.split("valid") or []) == 1
    assert made.bad_rows == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("EU\tB\n\nsaid\n", "line 3: 1 column where the first line has 2; mend it"),
        ("EU\tB\n\nin\tO\nsaid\t\n", "line 4: the token or its tag is empty; mend it"),
        (b"EU\tB\n\n\xff\tO\n", "line 3: byte 1 of the line is not UTF-8; mend it"),
        ("EU\tB\n\n\0\tO\n", "line 3: the line holds a NUL byte, so this is no text; mend it"),
    ],
)
def test_a_bad_sentence_is_refused_or_skipped(tmp_path: Path, content: str | bytes, said: str) -> None:
    path = write(tmp_path, content)
    assert refused(path).startswith(f"{path}, {said}")
    made = fitted(path, on_bad_row="skip")
    assert len(made.split("train") or []) == 1
    assert made.bad_rows == 1


def test_files_without_what_is_needed(tmp_path: Path) -> None:
    path = write(tmp_path, "EU\nsaid\n")
    assert refused(path).startswith(f"{path}, line 1: there is no tag column beside the tokens")
    assert "line 1: no column 1, since there are 1" in refused(path, tag_column=1)
    assert "no sentence that can be used" in refused(write(tmp_path, "\n\n"))
    assert "there are no training rows" in refused(write(tmp_path, TRAIN, "test.conll"))
    assert "does not exist: put train.conll there" in refused(tmp_path / "x", about="put train.conll there")
    strange = write(tmp_path, "EU B\n", "test.conll")
    made = fitted(write(tmp_path, TRAIN).parent, on_bad_row="skip")
    with pytest.raises(DataError, match=f"{strange}: no sentence that can be used"):
        made.split("test")


def test_bad_options() -> None:
    with pytest.raises(ConfigurationError, match=r"data\.max_characters is 0"):
        source(None, max_characters=0)
    with pytest.raises(ConfigurationError, match=r"data\.vocabulary_size is 1"):
        source(None, vocabulary_size=1)


@pytest.mark.skipif(not os.environ.get("SEQNET_DATA"), reason="SEQNET_DATA does not name a folder of data sets")
def test_wnut17() -> None:
    folder = Path(os.environ["SEQNET_DATA"])
    if not (folder / "wnut17").is_dir():
        pytest.skip(f"{folder} holds no wnut17")
    made = source(None, data_dir=folder, name="wnut17")
    made.fit()
    assert [len(made.split(name) or []) for name in ("train", "valid", "test")] == [3_394, 1_009, 1_287]
    assert made.targets.size == 13
    sides = [side for batch in BucketLoader(made.split("train"), 16, 1, True).batches(0) for side in batch.filled()]
    assert 1 - sum(filled for filled, _ in sides) / sum(places for _, places in sides) <= 0.02
    outside = made.targets.names.index("O")
    assert sum(tag == outside for tag in targets(made.split("train"))) == 59_570

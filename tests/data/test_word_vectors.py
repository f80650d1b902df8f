"""Word vectors as GloVe, fastText and word2vec write them."""

import gzip
import struct
from pathlib import Path

import pytest
import torch

from seqnet.data.word_vectors import read
from seqnet.errors import DataError

VECTORS = {"the": [0.5, -1.0, 2.0], "cat": [1.0, 0.25, 0.0], "zebra": [9.0, 9.0, 9.0], "café": [-0.5, 0.125, 4.0]}
NAMES = ("<unk>", "Cat", "the", "café", "The", "nowhere")
HEAD = f"{len(VECTORS)} 3\n"
LINES = "".join(f"{word} {' '.join(map(str, numbers))}\n" for word, numbers in VECTORS.items())
FORMS = {
    "glove.txt": LINES.encode(),
    "fasttext.vec": f"{HEAD}{LINES}".replace("\n", " \n").encode(),
    "glove.txt.gz": gzip.compress(LINES.encode()),
    "word2vec.bin": HEAD.encode()
    + b"".join(word.encode() + b" " + struct.pack("<3f", *numbers) + b"\n" for word, numbers in VECTORS.items()),
    "without_ends.bin.gz": gzip.compress(
        HEAD.encode()
        + b"".join(word.encode() + b" " + struct.pack("<3f", *numbers) for word, numbers in VECTORS.items())
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_each_form_gives_the_words_of_the_vocabulary_and_no_others(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(FORMS[name])
    found = read(path, NAMES)
    assert found.width == 3
    read_as = dict(zip(found.places.tolist(), found.vectors.tolist(), strict=True))
    # "The" is not there but "the" is in the vocabulary by itself, so nothing stands for both
    assert read_as == {1: VECTORS["cat"], 2: VECTORS["the"], 3: VECTORS["café"]}


def test_the_first_of_two_counts_and_several_words_in_one_line_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "glove.txt"
    path.write_text("the 1 2\nthe cat 3 4\nthe 5 6\ncat 7 8\n")
    found = read(path, ("the", "cat"))
    assert dict(zip(found.places.tolist(), found.vectors.tolist(), strict=True)) == {0: [1, 2], 1: [7, 8]}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"the 1 2 3\ncat 1 2\n", "line 2: behind the word must be 3 finite numbers"),
        (b"the 1 2 3\ncat 1 2 3 4\n", "line 2: behind the word must be 3 finite numbers"),
        (b"3 3\nthe 1 2 3\ncat 1 x 3\n", "line 3: behind the word must be 3 finite numbers"),
        (b"the 1 2\ncat 1 nan\n", "line 2: behind the word must be 2 finite numbers"),
        (b"hello world\n", "line 1: 'hello world' is neither a word with its numbers nor two whole numbers"),
        (b"", "line 1"),
        (b"PK\x03\x04\xff\xfe\x00\n", "line 1"),
        (b"2 0\n", "line 1: a word would have 0 numbers"),
        (FORMS["word2vec.bin"][:-9], "word 4 of 4: the file ends here"),
        (HEAD.encode() + b"the " + struct.pack("<3f", 1, 2, float("nan")) + b"\n" * 60, "word 1 of 4: its numbers"),
        (b"dog 1 2\nhorse 3 4\n", "none of the 6 entries of the vocabulary"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "vectors"
    path.write_bytes(content)
    with pytest.raises(DataError, match=told) as caught:
        read(path, (*NAMES[1:], "cat"))
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such file"):
        read(tmp_path / "none.txt", NAMES)


def test_only_what_is_needed_is_held(tmp_path: Path) -> None:
    """Of 20 MB some hundred kB."""
    import tracemalloc

    path = tmp_path / "large.vec"
    line = " ".join(["0.1234567"] * 100)
    with path.open("w") as file:
        for number in range(20_000):
            file.write(f"w{number} {line}\n")
    tracemalloc.start()
    found = read(path, ("w5", "w19999"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert torch.equal(found.places.sort().values, torch.tensor([0, 1])) and peak < 1_000_000

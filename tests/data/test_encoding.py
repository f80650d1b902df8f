import errno
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqnet.data import encoding
from seqnet.data.encoding import TextEncoder, ragged
from seqnet.errors import ConfigurationError, DataError

TEXT = "the cat sat\nthe dog\n\nthe end\n"


def learned(level: str, text: str = TEXT, **options: Any) -> TextEncoder:
    encoder = TextEncoder(**{"level": level, "lower": False, "vocabulary_size": None, "min_count": 1, **options})
    encoder.learn([text])
    return encoder


def round_trip(encoder: TextEncoder, text: str) -> str:
    return encoder.decode(torch.from_numpy(encoder.encode(text)))


def test_characters() -> None:
    encoder = learned("characters", "abba c")
    assert encoder.names == ("<unk>", "a", "b", " ", "c")
    assert encoder.encode("cabx\U0001f600").tolist() == [4, 1, 2, 0, 0]
    assert round_trip(encoder, "cab x") == "cab \N{REPLACEMENT CHARACTER}"
    assert encoder.forbidden == (0,)


def test_words_with_line_ends() -> None:
    encoder = learned("words", TEXT, line_ends=True)
    assert encoder.names == ("<unk>", "<eos>", "the", "cat", "dog", "end", "sat")
    assert encoder.encode(TEXT).tolist() == [2, 3, 6, 1, 2, 4, 1, 1, 2, 5, 1]
    assert round_trip(encoder, TEXT) == " " + TEXT


def test_words_without_line_ends() -> None:
    encoder = learned("words")
    assert encoder.names == ("<unk>", "the", "cat", "dog", "end", "sat")
    assert round_trip(encoder, "the\nmouse  sat") == " the <unk> sat"


@pytest.mark.parametrize("level", ["characters", "words", "bpe"])
def test_decoded_pieces_can_be_put_end_to_end(level: str) -> None:
    encoder = learned(level, TEXT, line_ends=True)
    ids = torch.from_numpy(encoder.encode(TEXT))
    whole = encoder.decode(ids[:3]) + encoder.decode(ids[3:])
    assert whole.split() == TEXT.split()
    assert encoder.encode(whole).tolist() == ids.tolist() or level == "bpe"


def test_byte_pairs_read_anything_and_join_what_is_frequent() -> None:
    encoder = learned("bpe", "low lower lowest\n" * 20, vocabulary_size=262)
    assert len(encoder.names) == 262
    assert "low" in encoder.names
    assert round_trip(encoder, "Grüße 😀\n\nlow") == "Grüße 😀\n\nlow"
    assert encoder.forbidden == ()
    assert len(encoder.encode("low")) == 1
    assert encoder.encode("low\nlow").tolist() == [*encoder.encode("low\n"), *encoder.encode("low")]


@pytest.mark.parametrize("level", ["characters", "words", "bpe"])
def test_the_limit_counts_every_row_of_the_embedding(level: str) -> None:
    size = 300 if level == "bpe" else 3
    assert len(learned(level, "a b c d e f g " * 3 + "abcdefgh" * 40, vocabulary_size=size).names) <= size


@pytest.mark.parametrize("level", ["characters", "words", "bpe"])
def test_state_is_json_and_comes_back(level: str) -> None:
    encoder = learned(level)
    again = TextEncoder(level, False, None, 1)
    again.restore(json.loads(json.dumps(encoder.state())))
    assert again.names == encoder.names
    assert again.encode(TEXT + "new").tolist() == encoder.encode(TEXT + "new").tolist()
    assert [again.encode_all([TEXT, "cat"])[1].tolist()] == [encoder.encode("cat").tolist()]


def test_lower_case() -> None:
    encoder = learned("words", "The the THE", lower=True)
    assert encoder.names == ("<unk>", "the")
    assert encoder.encode("tHE").tolist() == [1]


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (None, "does not say its level"),
        ({"level": "characters"}, "does not say its level"),
        ({"level": "words", "tokens": ["<unk>"]}, r"one of words, but data\.level=characters"),
        ({"level": "characters", "tokens": "abc"}, "not a list of different tokens"),
        ({"level": "characters", "tokens": ["<unk>", "ab"]}, "no characters"),
    ],
)
def test_a_malformed_state_is_refused(state: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        TextEncoder("characters", False, None, 1).restore(state)


def tokenizer(vocabulary: Any, merges: Any = (), **more: Any) -> str:
    return json.dumps({"version": "1.0", "model": {"type": "BPE", "vocab": vocabulary, "merges": merges}, **more})


MALFORMED = [
    None,
    "{",
    ["<unk>"],
    "[" * 100_000,
    tokenizer("/etc/passwd", "/etc/passwd"),
    tokenizer({"a": 0, "b": 2}),
    tokenizer({"a": 0, "b": 0}),
    tokenizer({"a": -1}),
    tokenizer({"a": "0"}),
    tokenizer({"a": 0, "b": 1}, [["a", "b"]]),
    tokenizer({"a": 0}, [["a"]]),
    tokenizer({"a": 0}, 7),
]


def test_of_a_tokenizer_its_entries_and_merges_alone_are_taken() -> None:
    encoder = learned("bpe", "abc abc", vocabulary_size=258)
    stored = json.loads(encoder.state()["tokens"])
    padding = {"strategy": {"Fixed": 10**9}, "direction": "Right", "pad_id": 0, "pad_type_id": 0, "pad_token": "a"}
    hostile = json.dumps(
        {**stored, "padding": {**padding, "pad_to_multiple_of": None}, "normalizer": {"type": "Lowercase"}}
    )
    restored = TextEncoder("bpe", False, 258, 1)
    restored.restore({"level": "bpe", "tokens": hostile})
    assert restored.encode("Abc abc").tolist() == encoder.encode("Abc abc").tolist()
    assert restored.state() == encoder.state()
    old = {**stored, "model": {**stored["model"], "merges": [" ".join(pair) for pair in stored["model"]["merges"]]}}
    restored.restore({"level": "bpe", "tokens": json.dumps(old)})
    assert restored.state() == encoder.state()


@pytest.mark.parametrize("tokens", MALFORMED, ids=lambda tokens: str(tokens)[:60])
def test_a_malformed_tokenizer_is_refused(tokens: Any) -> None:
    with pytest.raises(DataError, match="stored tokenizer cannot be read"):
        TextEncoder("bpe", False, None, 1).restore({"level": "bpe", "tokens": tokens})


def test_wrong_options_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"data\.level must be .* not 'word'; did you mean 'words'\?"):
        TextEncoder("word", False, None, 1)
    with pytest.raises(ConfigurationError, match=r"data\.vocabulary_size is 256; it must be at least 257"):
        TextEncoder("bpe", False, 256, 1)
    with pytest.raises(ConfigurationError, match=r"data\.min_count is 0"):
        TextEncoder("words", False, None, 0)


def test_without_tokenizers_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'seqnet\[text\]'"):
        learned("bpe")


def test_entries_stand_by_falling_frequency_where_it_says_so() -> None:
    words = learned("words", "c c c b b a a a a d")
    assert words.names == ("<unk>", "a", "c", "b", "d") and words.ranked == 5
    assert learned("characters", "abbc").ranked == 4
    assert learned("bpe", "a b").ranked == 0


def numbered(lengths: list[int]) -> Iterator[np.ndarray]:
    begin = 0
    for length in lengths:
        yield np.arange(begin, begin + length)
        begin += length


@pytest.mark.parametrize("lengths", [[], [0, 0], [3, 0, 5], [100] * 7])
@pytest.mark.parametrize("limit", [16, 1 << 20])
def test_rows_end_to_end_are_the_same_in_memory_and_in_a_file(
    lengths: list[int], limit: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(encoding, "LARGE", limit)
    made = ragged(numbered(lengths))
    assert made.flat.dtype == torch.int64
    assert made.flat.tolist() == list(range(sum(lengths)))
    assert made.lengths.tolist() == lengths
    assert (str(tmp_path) in Path("/proc/self/maps").read_text()) == (sum(lengths) * 8 > limit)
    made.flat.add_(1)  # it is its own
    assert made.flat.tolist() == list(range(1, 1 + sum(lengths)))
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "SpooledTemporaryFile", lambda limit: open("/dev/full", "wb", buffering=0))
    with pytest.raises(OSError) as caught:
        ragged(numbered([100]))
    assert caught.value.errno == errno.ENOSPC

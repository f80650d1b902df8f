import json
import sys
from typing import Any

import pytest

from seqnet.data.fields.text import TextField
from seqnet.errors import ConfigurationError, DataError

TEXT = "the cat sat\nthe dog\n\nthe end\n"


class Encoder(TextField):
    """Of one text."""

    def ids(self, text: str) -> list[int]:
        return self.encode([text]).flat.tolist()

    def text(self, ids: list[int]) -> str:
        return self.encoding.decode(ids)

    @property
    def names(self) -> tuple[str, ...]:
        return self.encoding.names


def learned(level: Any, text: str = TEXT, line_ends: bool = False, **options: Any) -> Encoder:
    encoder = Encoder(level, **options)
    if line_ends:
        encoder.stream()
    encoder.observe([text])
    encoder.learned()
    return encoder


def round_trip(encoder: Encoder, text: str) -> str:
    return encoder.text(encoder.ids(text))


def test_characters() -> None:
    encoder = learned("characters", "abba c")
    assert encoder.names == ("<unk>", "a", "b", " ", "c")
    assert encoder.ids("cabx\U0001f600") == [4, 1, 2, 0, 0]
    assert round_trip(encoder, "cab x") == "cab \N{REPLACEMENT CHARACTER}"
    assert encoder.encoding.forbidden == (0,)


def test_words_with_line_ends() -> None:
    encoder = learned("words", TEXT, line_ends=True)
    assert encoder.names == ("<unk>", "<eos>", "the", "cat", "dog", "end", "sat")
    assert encoder.ids(TEXT) == [2, 3, 6, 1, 2, 4, 1, 1, 2, 5, 1]
    assert round_trip(encoder, TEXT) == " " + TEXT


def test_words_without_line_ends() -> None:
    encoder = learned("words")
    assert encoder.names == ("<unk>", "the", "cat", "dog", "end", "sat")
    assert round_trip(encoder, "the\nmouse  sat") == " the <unk> sat"


@pytest.mark.parametrize("level", ["characters", "words", "bpe"])
def test_decoded_pieces_can_be_put_end_to_end(level: str) -> None:
    encoder = learned(level, TEXT, line_ends=True)
    ids = encoder.ids(TEXT)
    whole = encoder.text(ids[:3]) + encoder.text(ids[3:])
    assert whole.split() == TEXT.split()
    assert encoder.ids(whole) == ids or level == "bpe"


def test_byte_pairs_read_anything_and_join_what_is_frequent() -> None:
    encoder = learned("bpe", "low lower lowest\n" * 20, vocabulary_size=262)
    assert len(encoder.names) == 262
    assert "low" in encoder.names
    assert round_trip(encoder, "Grüße 😀\n\nlow") == "Grüße 😀\n\nlow"
    assert encoder.encoding.forbidden == ()
    assert len(encoder.ids("low")) == 1
    assert encoder.ids("low\nlow") == [*encoder.ids("low\n"), *encoder.ids("low")]


@pytest.mark.parametrize("level", ["characters", "words", "bpe"])
def test_the_limit_counts_every_row_of_the_embedding(level: str) -> None:
    size = 300 if level == "bpe" else 3
    assert len(learned(level, "a b c d e f g " * 3 + "abcdefgh" * 40, vocabulary_size=size).names) <= size


@pytest.mark.parametrize("level", ["characters", "words", "bpe"])
def test_state_is_json_and_comes_back(level: str) -> None:
    encoder = learned(level)
    again = Encoder(level)
    again.restore(json.loads(json.dumps(encoder.state())))
    assert again.names == encoder.names
    assert again.ids(TEXT + "new") == encoder.ids(TEXT + "new")


def test_lower_case() -> None:
    encoder = learned("words", "The the THE", lower=True)
    assert encoder.names == ("<unk>", "the")
    assert encoder.ids("tHE") == [1]


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (None, "does not say its level"),
        ({"level": "characters"}, "does not say its level"),
        ({"level": "words", "tokens": ["<unk>"]}, "one of words, but the field's level is characters"),
        ({"level": "characters", "tokens": "abc"}, "not a list of different tokens"),
        ({"level": "characters", "tokens": ["<unk>", "ab"]}, "no characters"),
    ],
)
def test_a_malformed_state_is_refused(state: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        Encoder("characters").restore(state)


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
    restored = Encoder("bpe", vocabulary_size=258)
    restored.restore({"level": "bpe", "tokens": hostile})
    assert restored.ids("Abc abc") == encoder.ids("Abc abc")
    assert restored.state() == encoder.state()
    old = {**stored, "model": {**stored["model"], "merges": [" ".join(pair) for pair in stored["model"]["merges"]]}}
    restored.restore({"level": "bpe", "tokens": json.dumps(old)})
    assert restored.state() == encoder.state()


@pytest.mark.parametrize("tokens", MALFORMED, ids=lambda tokens: str(tokens)[:60])
def test_a_malformed_tokenizer_is_refused(tokens: Any) -> None:
    with pytest.raises(DataError, match="stored tokenizer cannot be read"):
        Encoder("bpe").restore({"level": "bpe", "tokens": tokens})


def test_wrong_options_are_refused() -> None:
    with pytest.raises(
        ConfigurationError, match=r"data\.fields\.\*\.level must be .* not 'word'; did you mean 'words'\?"
    ):
        Encoder("word")
    with pytest.raises(ConfigurationError, match=r"data\.fields\.\*\.vocabulary_size is 256; it must be at least 257"):
        Encoder("bpe", vocabulary_size=256)
    with pytest.raises(ConfigurationError, match=r"data\.fields\.\*\.min_count is 0"):
        Encoder("words", min_count=0)


def test_without_tokenizers_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'seqnet\[text\]'"):
        learned("bpe")


def test_entries_stand_by_falling_frequency_where_it_says_so() -> None:
    words = learned("words", "c c c b b a a a a d")
    assert words.names == ("<unk>", "a", "c", "b", "d") and words.learned().ranked == 5
    assert learned("characters", "abbc").learned().ranked == 4
    assert learned("bpe", "a b").learned().ranked == 0

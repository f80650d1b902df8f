"""Texts: what today's sources made of them, large ones in pieces, joint vocabularies."""

from typing import Any

import numpy as np
import pytest

from seqnet.data.fields.field import BadValues, Block
from seqnet.data.fields.text import TextField
from seqnet.data.levels import cutting
from seqnet.data.vocabulary import UNKNOWN
from seqnet.errors import ConfigurationError, DataError
from seqnet.kinds import OPEN, STREAM
from seqnet.specs import Tokens

TRAIN = ["The cat sat.", "the dog; the DOG", "größer 😀 the end", "the\nend\u2028of it"]
OTHER = ["the mouse sat.", "Größer 猫"]


def learned(texts: list[str], **options: Any) -> TextField:
    field = TextField(**options)
    field.observe(texts)
    field.learned()
    return field


@pytest.mark.parametrize("level", ["characters", "words", "bpe"])
def test_a_field_says_beforehand_whether_it_has_an_unknown_token_and_then_which(level: str) -> None:
    field = learned(TRAIN, level=level)
    space = field.learned()
    assert (OPEN in field.kind.traits) == (space.unknown is not None) == (level != "bpe")
    if space.unknown is not None:
        assert space.names[space.unknown] == UNKNOWN
        assert field.encode(["猫"]).flat.tolist() == [space.unknown]


@pytest.mark.parametrize(
    "size", [(2, np.uint8), (256, np.uint8), (257, np.int16), (1 << 15, np.int16), (40000, np.int32)]
)
def test_the_column_has_the_smallest_type(size: tuple[int, type]) -> None:
    count, kind = size
    field = learned([" ".join(map(str, range(count - 1)))])
    assert len(field.encoding.names) == count
    found = field.encode([" ".join(map(str, range(count)))])
    assert found.flat.dtype == kind and found.flat.max() == count - 1 and found.flat[-1] == 0


@pytest.mark.parametrize("level", ["characters", "words", "bpe"])
def test_running_text_in_pieces_is_the_whole(level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "".join(f"{line} {'word ' * (line % 7)}é {'x' * (line % 30)}\n" for line in range(300))
    whole, apart = TextField(level=level), TextField(level=level)
    for field in (whole, apart):
        field.stream()
        assert STREAM in field.kind.traits
    whole.observe([text])
    whole.learned()
    monkeypatch.setattr(cutting, "PIECE", 50)
    lines = text.splitlines(keepends=True)
    pieces = ["".join(lines[begin : begin + 70]) for begin in range(0, 300, 70)]
    apart.observe(pieces)
    apart.observe(["\n"])  # a piece may be blank
    apart.learned()
    assert apart.encoding.names == whole.encoding.names
    found = [apart.encode([piece]).flat for piece in pieces]
    monkeypatch.undo()
    assert np.concatenate(found).tolist() == whole.encode([text]).flat.tolist()
    assert whole.decode(whole.encode(["1 é\n2\n"]).flat) == "1 é\n2\n"


def test_what_stands_at_a_cut_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["", "a", "ab cd", " " * 9, "abcdefghijkl m", "a b  c\td\ne", "x" * 30]
    for size in range(1, 12):
        monkeypatch.setattr(cutting, "PIECE", size)
        for text in texts:
            assert "".join(cutting.whole_words(text)) == text
            assert [word for piece in cutting.whole_words(text) for word in piece.split()] == text.split()
        batches = list(cutting.batched(texts, cutting.whole_words))
        joined = [""] * len(texts)
        for rows, pieces in batches:
            for row, piece in zip(rows, pieces, strict=True):
                joined[row] += piece
        assert joined == texts


def test_words_are_parted_from_signs() -> None:
    field = learned(["«Hello,» he said: don't pay 3€ (50%)!"], tokenizer="punctuation")
    words = "« Hello , » he said : don ' t pay 3 € ( 50 % ) !"
    assert field.decode(field.encode(["«Hello,» he said: don't pay 3€ (50%)!"]).flat) == words
    assert len(field.encode(["हिन्दी।"]).flat) == 2  # vowel signs are no punctuation


def test_composed_and_decomposed_letters_are_the_same() -> None:
    field = learned(["caf\u00e9"], level="characters")
    assert field.encode(["cafe\u0301"]).flat.tolist() == field.encode(["caf\u00e9"]).flat.tolist()
    assert len(learned(["\ufb01ne"], level="characters", normalise="NFKC").encode(["\ufb01ne"]).flat) == 4
    assert len(learned(["cafe\u0301"], level="characters", normalise=None).encode(["cafe\u0301"]).flat) == 5


def test_unknown_tokens_are_counted() -> None:
    field = learned(["a b a"], min_count=2)
    assert field.unknown(field.encode(["a b", "c"])) == 2
    pairs = learned(["a b a"], level="bpe")
    assert pairs.unknown(pairs.encode(["猫"])) == 0


def test_a_row_that_is_too_long_is_bad() -> None:
    field = learned(["a b c"], max_length=2)
    with pytest.raises(BadValues) as caught:
        field.encode(["a", "a b c", "a b", "c c c c"])
    ending = "tokens, more than max_length=2"
    assert caught.value.problems == {1: f"3 {ending}", 3: f"4 {ending}"}
    with pytest.raises(ConfigurationError, match=r"max_length=2 has no effect on running text"):
        TextField(max_length=2).stream()


def test_two_fields_share_a_vocabulary() -> None:
    one, other = TextField(min_count=2), TextField(min_count=2, vocabulary="one")
    other.share(one)
    one.observe(["a b"])
    other.observe(["b c c"])
    assert one.learned() == other.learned() == Tokens(("<unk>", "b", "c"), 3, unknown=0)
    assert other.encode(["a b c"]).flat.tolist() == one.encode(["a b c"]).flat.tolist() == [0, 1, 2]
    again, beside = TextField(min_count=2), TextField(min_count=2)
    beside.share(again)
    again.restore(one.state())
    beside.restore(other.state())
    assert beside.encode(["c"]).flat.tolist() == [2]
    with pytest.raises(ConfigurationError, match="must have the same level, tokenizer"):
        TextField(lower=True).share(one)


def test_a_state_of_another_level_is_refused() -> None:
    with pytest.raises(DataError, match="is one of characters, but the field's level is words"):
        TextField().restore(learned(["a"], level="characters").state())
    with pytest.raises(DataError, match="stored tokenizer cannot be read"):
        TextField(level="bpe").restore({"level": "bpe", "tokens": "{}"})


def test_limits_that_leave_no_token_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"data\.fields\.\*\.vocabulary_size is 256; it must be at least 257"):
        TextField(level="bpe", vocabulary_size=256)
    with pytest.raises(ConfigurationError, match=r"tokenizer=punctuation has no effect with level=characters"):
        TextField(level="characters", tokenizer="punctuation")


def test_a_block_says_where_each_text_ends() -> None:
    found: Block = learned(["a b", "c"]).encode(["c", "a b a", "zzz"])
    assert found.lengths.tolist() == [1, 3, 1]

"""Sentences, one a step."""

import numpy as np
import pytest

from seqnet.data.fields.field import BadValues
from seqnet.data.fields.sentences import SentencesField
from seqnet.errors import ConfigurationError


def learned(values, **options):
    field = SentencesField(**options)
    field.observe(values)
    field.learned()
    return field


def test_each_sentence_is_a_row_of_word_numbers():
    field = learned([["Mary went home.", "Mary slept."]], most=4, tokenizer="punctuation", lower=True)
    block = field.encode([["mary slept .", "John went home there now"], ["home"]])
    assert block.lengths.tolist() == [2, 1] and block.flat.shape == (3, 4)
    assert field.decode(block.flat[0]) == "mary slept ."
    assert field.decode(block.flat[1]) == "<unk> went home <unk>"
    assert block.flat[2].tolist()[1:] == [0, 0, 0]
    assert field.unknown(block) == 2
    assert field.show(block.flat[:2]) == "mary slept . / <unk> went home <unk>"


def test_a_text_is_cut_where_sentences_end():
    field = learned(["Mary went home. John slept!\nWho? nobody"])
    assert field.encode(["Mary went home. John slept!\nWho? nobody"]).lengths.tolist() == [4]


def test_what_it_learned_can_be_stored():
    field, other = learned([["a b", "c"]], most=3), SentencesField(most=3)
    other.restore(field.state())
    np.testing.assert_array_equal(field.encode([["c a"]]).flat, other.encode([["c a"]]).flat)


@pytest.mark.parametrize("value", [[], None, 3, ["a", ""], ["a", 4], "  "])
def test_what_holds_no_sentences_is_a_bad_value(value):
    with pytest.raises(BadValues):
        SentencesField().encode([value])


@pytest.mark.parametrize("options", [{"most": 0}, {"tokenizer": "letters"}])
def test_options_that_cannot_be_are_refused(options):
    with pytest.raises(ConfigurationError, match="data.fields"):
        SentencesField(**options)

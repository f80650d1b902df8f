from collections import Counter
from typing import Any

import pytest

from seqnet.data.vocabulary import PADDING, UNKNOWN, Vocabulary, check_limits, restore_names
from seqnet.errors import ConfigurationError, DataError

COUNTS = Counter(["the", "cat", "the", "dog", "a", "cat", "the"])


def test_the_most_frequent_come_first_and_then_the_alphabet() -> None:
    assert Vocabulary.build(COUNTS, (UNKNOWN,)).names == (UNKNOWN, "the", "cat", "a", "dog")


def test_the_limit_counts_special_entries() -> None:
    vocabulary = Vocabulary.build(COUNTS, (PADDING, UNKNOWN), max_size=4)
    assert vocabulary.names == (PADDING, UNKNOWN, "the", "cat")
    assert len(vocabulary) == 4


def test_rare_tokens_are_unknown() -> None:
    vocabulary = Vocabulary.build(COUNTS, (UNKNOWN,), min_count=2)
    assert vocabulary.names == (UNKNOWN, "the", "cat")
    assert vocabulary.encode(["the", "a", "dog", "cat", "mouse"]) == [1, 0, 0, 2, 0]
    assert vocabulary.decode([1, 0, 2]) == ["the", UNKNOWN, "cat"]


def test_a_special_entry_in_the_data_is_that_entry() -> None:
    vocabulary = Vocabulary.build(Counter([UNKNOWN, UNKNOWN, "a"]), (UNKNOWN,))
    assert vocabulary.names == (UNKNOWN, "a")
    assert vocabulary.encode([UNKNOWN]) == [0]


def test_state_and_back() -> None:
    vocabulary = Vocabulary.build(COUNTS, (UNKNOWN,))
    assert Vocabulary.restore(vocabulary.state(), (UNKNOWN,)).names == vocabulary.names


@pytest.mark.parametrize(
    "state", [None, {}, "abc", [1, 2], [], ["a", UNKNOWN], [UNKNOWN, "a", "a"], [PADDING, UNKNOWN], [UNKNOWN, "\ud800"]]
)
def test_a_malformed_state_is_refused(state: Any) -> None:
    with pytest.raises(DataError, match="stored vocabulary is not a list of different tokens that begins with <unk>"):
        Vocabulary.restore(state, (UNKNOWN,))


@pytest.mark.parametrize("names", [None, [], ["a", 1], ["a", "a"], ["\udfff"]])
def test_malformed_names_are_refused(names: Any) -> None:
    with pytest.raises(DataError, match="stored data state has .*labels"):
        restore_names(names, "labels")


def test_limits_out_of_range_are_refused() -> None:
    check_limits(None, 1, 2)
    with pytest.raises(ConfigurationError, match=r"data\.vocabulary_size is 1; it must be at least 2"):
        check_limits(1, 1, 2)
    with pytest.raises(ConfigurationError, match=r"data\.min_count is 0"):
        check_limits(None, 0, 2)

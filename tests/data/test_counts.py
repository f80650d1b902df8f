"""Words are counted exactly, however few of them memory holds."""

import pickle
import random
from collections import Counter

import pytest

from seqnet.data import counts, temporary
from seqnet.data.counts import Counts
from seqnet.data.vocabulary import UNKNOWN, Vocabulary
from seqnet.errors import DiskError

WORDS = [f"word{int(random.Random(row).paretovariate(0.7))}" for row in range(3000)] + ["Größe", "a\nb", "\ud800"]


@pytest.fixture(autouse=True)
def _few_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "MOST", 50)
    monkeypatch.setattr(counts, "PARTS", 7)


def counted() -> Counts:
    made = Counts()
    for begin in range(0, len(WORDS), 20):
        made.update(WORDS[begin : begin + 20])
    return made


def test_words_beyond_memory_are_counted_exactly() -> None:
    made = counted()
    assert len(made._files) > 3 and made
    assert dict(made.items()) == dict(made.items()) == Counter(WORDS)
    assert dict(pickle.loads(pickle.dumps(made)).items()) == Counter(WORDS)


@pytest.mark.parametrize("size", [None, 1, 2, 40, 10**6])
@pytest.mark.parametrize("least", [1, 3])
def test_a_vocabulary_of_them_is_that_of_words_in_memory(size: int | None, least: int) -> None:
    plain = Vocabulary.build(Counter(WORDS), (UNKNOWN,), size, least)
    assert Vocabulary.build(counted(), (UNKNOWN,), size, least).names == plain.names


def test_what_another_counted_is_counted_once() -> None:
    one, other = Counts(), Counts()
    one.update(WORDS[:1000])
    other.update(WORDS[1000:1030])
    one.join(other)
    one.join(other)
    assert dict(one.items()) == Counter(WORDS[:1030]) and not other


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "TemporaryFile", lambda: open("/dev/full", "wb", buffering=0))
    monkeypatch.setattr(temporary.tempfile, "gettempdir", lambda: "/scratch")
    with pytest.raises(DiskError, match=r"temporary folder /scratch: No space left on device; .* TMPDIR$"):
        counted()

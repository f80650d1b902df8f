"""What is told of texts that were written, by hand."""

import random
from typing import Any

import pytest
from torchmetrics.functional.text import char_error_rate
from torchmetrics.text import CharErrorRate

from seqnet.tasks import edits as editing
from seqnet.tasks.edits import CORRECT, DELETION, INSERTION, SUBSTITUTION, edits
from seqnet.tasks.writing_tables import Edits, Lengths


def test_what_became_of_each_letter() -> None:
    assert edits("kitten", "sitting") == [
        (SUBSTITUTION, "k", "s"),
        *[(CORRECT, letter, letter) for letter in "itt"],
        (SUBSTITUTION, "e", "i"),
        (CORRECT, "n", "n"),
        (INSERTION, "", "g"),
    ]
    assert edits("", "ab") == [(INSERTION, "", "a"), (INSERTION, "", "b")]
    assert edits(["a", "b"], []) == [(DELETION, "a", ""), (DELETION, "b", "")]
    assert edits("aaa", "aa") == [(CORRECT, "a", "a"), (CORRECT, "a", "a"), (DELETION, "a", "")]


def test_edits_are_as_few_as_an_error_rate_counts() -> None:
    drawn = random.Random(1)
    for _ in range(60):
        wanted, found = ("".join(drawn.choices("abc", k=drawn.randint(1, 9))) for _ in range(2))
        made = edits(wanted, found)
        assert "".join(one for _, one, _ in made) == wanted and "".join(other for *_, other in made) == found
        wrong = sum(kind != CORRECT for kind, *_ in made)
        assert wrong == pytest.approx(char_error_rate([found], [wanted]).item() * len(wanted), abs=1e-4)


def test_what_is_too_long_is_compared_place_by_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(editing, "LARGEST", 4)
    assert edits("xabcy", "xbcy") == [
        (CORRECT, "x", "x"),
        (DELETION, "a", ""),
        *[(CORRECT, letter, letter) for letter in "bcy"],
    ]
    assert [kind for kind, *_ in edits("abc", "cb")] == [SUBSTITUTION, CORRECT, DELETION]


def test_by_kind_of_edit_and_the_commonest_ones() -> None:
    table = Edits("words")
    for wanted, found in (
        ("the old dog", "the dog"),
        ("a red dog", "a blue dog"),
        ("a red cat", "a blue cat"),
        ("x", "x y"),
    ):
        table.update(wanted, found, 0)
    inserted, deleted, substituted, *confusions = table.rows()
    assert inserted == {"table": "edits", "unit": "words", "edit": "insertion", "count": 1, "share": 0.1}
    assert (deleted["count"], substituted["count"], substituted["share"]) == (1, 2, 0.2)  # of ten wanted words
    assert [(row["target"], row["prediction"], row["count"]) for row in confusions] == [
        ("red", "blue", 2),
        ("", "y", 1),
        ("old", "", 1),
    ]


def test_by_length() -> None:
    table = Lengths(lambda: {"cer": CharErrorRate()})
    for wanted, found, tokens in (("abcde", "abcde", 5), ("ab", "ax", 2), ("abcdef", "abcdef", 6), ("x" * 50, "x", 50)):
        table.update(wanted, found, tokens)
    shown: list[dict[str, Any]] = list(table.rows())
    assert [(row["length"], row["rows"], row["exact_match"]) for row in shown] == [
        ("1-5", 2, 0.5),
        ("6-10", 1, 1.0),
        ("41+", 1, 0.0),
    ]
    assert [row["cer"] for row in shown] == pytest.approx([1 / 7, 0.0, 49 / 50])

"""The parts of an inspection: profiles, sequences of rows, encodings, sizes."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqnet.data.formats.auto import Auto
from seqnet.data.inspection import profile as profiles
from seqnet.data.inspection.columns import guess, guesses
from seqnet.data.inspection.encodings import encoding_of
from seqnet.data.inspection.headers import heads
from seqnet.data.inspection.locating import name_pattern
from seqnet.data.inspection.profile import Profile, Tally, quantiles
from seqnet.data.inspection.sequences import sequences
from seqnet.data.inspection.sizes import sizes
from seqnet.data.inspection.survey import survey


def profile(values: Any, name: str = "x") -> Profile:
    made = Profile(name, name)
    made.add(values)
    return made


def test_quantiles_are_lengths_that_so_many_do_not_exceed() -> None:
    assert quantiles(Counter({1: 50, 2: 45, 9: 5})) == (1, 2, 9)
    assert quantiles(Counter({7: 1})) == (7, 7, 7)
    assert quantiles(Counter()) == (0, 0, 0)


def test_a_tally_does_not_grow_with_what_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles, "MOST", 10)
    tally = Tally()
    for number in range(1000):
        tally.add(str(number % 500))
        tally.add_all([str(number), "0"])
    assert tally.full and len(tally) <= 12
    assert tally["0"] == 1000 + 2 + 1


@pytest.mark.parametrize(
    ("values", "type"),
    [
        (["0.1 0.2 0.3", "1 2"] * 9, "series"),
        ([[1.5, 2], [3.5]] * 9, "series"),
        ([[[1, 2], [3, 4]]] * 9, "series"),
        ([["B-X", "I-X"], ["O"]] * 9, "tags"),
        ([["a", "b"], ["c"]] * 9, "tokens"),
        (np.zeros((9, 5)), "series"),
        (np.zeros((9, 8, 8)), "image"),
        (np.zeros((9, 4, 8, 8)), "frames"),
        ([b"\x89PNG..."] * 9, "image"),
        ([{"bytes": b"RIFF...", "path": None}] * 9, "audio"),
        ([b"GIF89a..."] * 9, "frames"),
        ([b"\x1a\x45\xdf\xa3..."] * 9, "frames"),
        ([b"\0\0\0\x18ftypmp42"] * 9, "frames"),
        ([b"RIFF....AVI ..."] * 9, "frames"),
        ([1.5, None, "NA", 2.5] * 9, "number"),
        ([True, False] * 9, "label"),
        (["ACGT", "GGTC", "TTAC", "CCAG"] * 9, "label"),
        ([f"acgNu{'ACGT'[n % 4] * n}" for n in range(9)], "dna"),
        ([f"MKV{'ACGT'[n % 4] * n}" for n in range(9)], "text"),
        ([{"a": 1}] * 9, None),
        ([None, ""] * 9, None),
        (["same"] * 9, None),
        ([f"u{number}" for number in range(9)], None),
        (list(range(9)), None),
        (["0,84 0,76", "0,1 0,2"] * 9, None),
        (["0,84; 0,76", "0,1; 0,2"] * 9, None),
        (["1, 2, 3", "1, 2"] * 9, "series"),
        ([950, "1 000", "12 345"] * 9, None),
        (["120 130", "110 125"] * 9, "series"),
    ],
)
def test_a_column_is_proposed_by_what_it_holds(values: Any, type: str | None) -> None:
    assert guess(profile(values)).type == type


@pytest.mark.parametrize(
    ("tags", "scheme"),
    [(["B-X", "I-X", "O"], "BIO"), (["S-X", "B-Y", "E-Y", "O"], "BIOES"), (["I-X", "O", "B-Y"], "IOB1")],
)
def test_how_tags_are_written(tags: list[str], scheme: str) -> None:
    assert guess(profile([tags] * 5)).options == {"scheme": scheme}


def test_a_header_is_not_like_the_rows() -> None:
    rows = [[f"a text of {number}", "xy"[number % 2]] for number in range(9)]
    assert heads([["phrase", "mood"], *rows])
    assert not heads(rows)
    assert not heads([["phrase", "x"], *rows])  # x is one of the values
    assert heads([["de", "en"], *[["ein Hund", "a dog"], ["zwei Katzen", "two cats"]] * 4])
    texts = [[f"ein {word}", f"a {word}"] for word in "abcdefgh"]
    assert not heads([["Hund", "dog"], *texts]) and heads([["de", "en"], *texts])


def test_parts_of_names_of_files() -> None:
    assert name_pattern([Path(f"{digit}_ann_{take}.wav") for digit in range(3) for take in range(4)]) == (
        "{part1}_{part2}_{part3}"
    )
    assert name_pattern([Path(f"{number}.wav") for number in range(9)]) is None
    assert name_pattern([Path("a_b.wav"), Path("c.wav")]) is None


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (b"plain", "utf-8"),
        ("schön und größer".encode(), "utf-8"),
        ("schön und größer".encode("cp1252"), "cp1252"),
        ("schön".encode("utf-16"), "utf-16"),
        ("世界 ".encode() * 400_000, "utf-8"),  # letters that blocks are cut in
        ("schön größer".encode() + b"\xff", "utf-8"),
    ],
)
def test_an_encoding_by_its_bytes(content: bytes, encoding: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    assert encoding_of(tmp_path / "a.csv") == encoding


def test_sizes_grow_with_the_rows_and_warm_up_is_a_part_of_training() -> None:
    made = [sizes(rows, profile(["some words"]), "text", {}) for rows in (20, 2_000, 50_000, 1_000_000)]
    for one, other in zip(made, made[1:], strict=False):
        assert one.hidden_size <= other.hidden_size and one.batch_size <= other.batch_size
        assert one.max_epochs >= other.max_epochs
    assert made[1].embedding_size < 300
    for rows, one in zip((20, 2_000, 50_000, 1_000_000), made, strict=True):
        assert one.warmup_steps <= min(300, one.max_epochs * rows / one.batch_size / 18)


@pytest.mark.parametrize(("twice", "found"), [((), True), ((70,), True), (range(60, 70), False)])
def test_a_few_rows_at_the_place_of_others_hide_no_sequences(twice: Any, found: bool, tmp_path: Path) -> None:
    rows = [f"{store},{day},{day % 7}" for store in "ab" for day in [*range(100), *twice]]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["store,day,sold", *rows]) + "\n")
    seen = survey([str(path)], Auto(), lambda _: None)
    made = sequences(seen, guesses(seen))
    assert (made is not None) is found
    if made is not None:
        assert [len(each) for each in made.rows] == [100, 100] and made.doubled == 2 * len(twice)

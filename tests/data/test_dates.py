import functools
import re
import sys
from collections import defaultdict
from datetime import date, timedelta

import pytest
import torch
from babel.dates import format_date

from seqnet.batch import IGNORE
from seqnet.data.examples import Ragged
from seqnet.data.sources.dates import FORMATS, LOCALES, Dates, Format, as_read, clear, formats
from seqnet.errors import ConfigurationError, DataError

SMALL = {"first_year": 2000, "last_year": 2009, "train_size": 400, "valid_size": 50, "test_size": 50}


@pytest.fixture(scope="module")
def dates() -> Dates:
    source = Dates(0, **SMALL)
    source.fit()
    return source


def rows(source: Dates, name: str) -> list[tuple[str, str]]:
    split = source.split(name)
    assert split.source is not None and isinstance(split.targets, Ragged)
    return [(source.show(split.source[row]), source.text(split.targets[row])) for row in range(len(split))]


@functools.cache
def readings(year: int) -> dict[str, set[date]]:
    """All dates of a year by each of their texts, slowly: babel writes every one."""
    found = defaultdict[str, set[date]](set)
    day = date(year, 1, 1)
    while day.year == year:
        for locale in LOCALES:
            for name in FORMATS:
                found[as_read(format_date(day, name, locale))].add(day)
        day += timedelta(days=1)
    return found


def test_dates_are_written_as_babel_writes_them() -> None:
    random = torch.Generator().manual_seed(0)
    for locale in LOCALES:
        for name in FORMATS:
            form = Format(locale, name)
            for offset in torch.randint(73000, (12,), generator=random).tolist():
                day = date(1900, 1, 1) + timedelta(days=offset)
                written = form.write(str(day.year), day.month, day.day, day.weekday())
                assert written == as_read(format_date(day, name, locale)), (locale, name, day)
                numbers = re.findall(r"\d+", written)
                assert [number for number in numbers if len(number) > 2] == [str(day.year)], "so a text says its year"


def test_every_locale_is_of_the_gregorian_calendar_and_has_all_three_formats() -> None:
    assert len(set(LOCALES)) == len(LOCALES) >= 30
    assert len(formats()) == 3 * len(LOCALES)


def test_no_text_that_is_drawn_has_two_readings(dates: Dates) -> None:
    """And no more are left out than need be: exactly those which another day of the year has too."""
    by_text = readings(2004)
    unlike = {text for text, days in by_text.items() if len(days) == 1}
    drawn = {
        form.write("2004", month, day, date(2004, month, day).weekday())
        for (month, day), forms in clear().items()
        for form in forms
    }
    assert drawn == unlike
    assert "05/03/2004" in by_text.keys() - unlike and "03/25/2004" in unlike
    assert all(
        text in unlike for name in ("train", "valid", "test") for text, iso in rows(dates, name) if "2004" in iso
    )


def test_a_row_says_its_own_date(dates: Dates) -> None:
    by_text = readings(2004)
    seen = [(text, iso) for text, iso in rows(dates, "train") if iso.startswith("2004")]
    assert len(seen) > 20
    assert all({day.isoformat() for day in by_text[text]} == {iso} for text, iso in seen)


def test_no_two_splits_share_a_date(dates: Dates) -> None:
    days = {name: {iso for _, iso in rows(dates, name)} for name in ("train", "valid", "test")}
    assert not days["train"] & days["valid"] and not days["train"] & days["test"] and not days["valid"] & days["test"]
    assert {name: len(found) for name, found in days.items()} == {"train": 400, "valid": 50, "test": 50}
    everyday = Dates(0, **{**SMALL, "first_year": 2004, "last_year": 2004, "train_size": 1000})
    everyday.fit()
    train = {iso for _, iso in rows(everyday, "train")}
    assert len(train) == 366 - 100, "each of the year's other days, several times"
    assert not train & {iso for name in ("valid", "test") for _, iso in rows(everyday, name)}


def test_rows_are_drawn_from_the_seed(dates: Dates) -> None:
    other = Dates(1, **SMALL)
    other.fit()
    assert rows(dates, "valid") == rows(dates, "valid") != rows(other, "valid")
    longer = Dates(0, **{**SMALL, "train_size": 800})
    longer.fit()
    assert rows(longer, "test") == rows(dates, "test")


def test_what_a_person_types_is_read(dates: Dates) -> None:
    lines = ["5 mars 2021", "  5. 3. 2021\n", "5\u00a0mars 2021", "05\u200f/03\u200f/2021", "5. brezna 2021 a\u0301"]
    data = dates.read_inputs(lines, "stdin")
    assert data.source is not None and isinstance(data.targets, Ragged)
    shown = [dates.show(data.source[row]) for row in range(5)]
    assert shown == ["5 mars 2021", "5. 3. 2021", "5 mars 2021", "05/03/2021", "5. brezna 2021 á"]
    assert data.inputs.flat.tolist() == [dates.writing.begin] * 5
    assert (data.targets.flat == IGNORE).all()


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("", "line 3: the line is empty; give a date with a year of four digits, such as 5 mars 2021"),
        ("5 mars § 2021", "line 3, character 8: '§' cannot be read; give a date with"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(dates: Dates, line: str, complaint: str) -> None:
    with pytest.raises(DataError, match=f"^stdin, {complaint}"):
        dates.read_inputs(["5 mars 2021", line], "stdin", 2)


def test_answers_are_iso_dates_with_an_end(dates: Dates) -> None:
    ids = dates.encode_target("2021-03-05")
    assert dates.text([*ids, dates.writing.end, ids[0]]) == "2021-03-05"
    assert dates.words([ids[0], dates.writing.end]) == ["2", "<eos>"]
    assert dates.writing.longest == 11 and dates.writing.forbidden == (dates.writing.begin,)
    with pytest.raises(DataError, match=r"^'2021/' can be no answer's beginning: '/' is none of 0123456789-"):
        dates.encode_target("2021/")


def test_restoring_needs_no_babel(dates: Dates, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "babel.dates", None)
    formats.cache_clear()
    clear.cache_clear()
    other = Dates(0, **SMALL)
    other.restore(dates.state())
    read = other.read_inputs(["5 mars 2021"], "stdin").source
    assert read is not None and other.source_words(read[0]) == list("5 mars 2021")
    with pytest.raises(ConfigurationError, match=r"^data=dates needs the package babel: pip install 'seqnet\[dates\]'"):
        other.fit()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"first_year": 999}, "data.first_year=999 and data.last_year=2099 must be years from 1000 to 9999"),
        ({"first_year": 2001, "last_year": 2000}, "the first not after the last"),
        ({"first_year": 2000, "last_year": 2001}, "take 2000 days, and .* have 731: leave some to train on"),
        ({"valid_size": 0}, "data.valid_size must be at least 1"),
    ],
)
def test_years_and_sizes_that_cannot_be_are_refused(options: dict[str, int], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        Dates(0, **options)

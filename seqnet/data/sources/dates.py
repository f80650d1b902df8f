"""Dates as people of many countries write them, to be written as ISO 8601 does: `5 mars 2021`, 2021-03-05."""

import re
import unicodedata
from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import Annotated, Any, Literal, get_args

import torch

from seqnet.data.examples import Examples
from seqnet.data.generation import generator
from seqnet.data.vocabulary import restore_names
from seqnet.data.written import Written
from seqnet.errors import ConfigurationError, DataError
from seqnet.options import Rows, whole

LOCALES = (
    "ar bg ca cs da de el en_GB en_US es es_PR et eu fi fr ga he hi hr hu is it ja ko lt lv nb nl pl pt_BR pt_PT ro "
    "ru sk sl sv tr uk vi zh"
).split()
Name = Literal["medium", "long", "full"]
FORMATS: tuple[Name, ...] = get_args(Name)
LONGEST = len("2021-03-05")
FIELD = re.compile(r"%\((\w+)\)s")
YEAR = "y"  # the field with all digits of it
PARTS = {"d": "day", "M": "month", "L": "month", "E": "weekday", "c": "weekday", YEAR: "year"}  # by a field's letter
LEAP_YEAR = 2000
Year = Annotated[int, whole(1000, 9999)]
DAYS = {
    "day": [date(LEAP_YEAR, 1, day) for day in range(1, 32)],
    "month": [date(LEAP_YEAR, month, 1) for month in range(1, 13)],
    "weekday": [date(LEAP_YEAR, 5, day) for day in range(1, 8)],  # from a Monday on
}
UNSEEN = {0x00A0: " ", 0x202F: " ", 0x200E: None, 0x200F: None}  # spaces that do not break, marks of direction


class Format:
    """One way to write a date, read out of babel once: writing a date then costs a microsecond.

    Raises ConfigurationError where babel is missing.
    """

    def __init__(self, locale: str, name: Name) -> None:
        try:
            from babel.dates import DateTimeFormat, get_date_format
        except ImportError as error:
            raise ConfigurationError("data=dates needs the package babel: pip install 'seqnet[dates]'") from error
        self.template = as_read(str(get_date_format(name, locale).format))
        fields = FIELD.findall(self.template)
        parts = [PARTS.get(field[0]) for field in fields]
        self.weekday = "weekday" in parts
        self.whole = YEAR in fields and {"day", "month", "weekday", "year"} >= set(parts) >= {"day", "month", "year"}
        self.texts = {
            field: (part, [as_read(DateTimeFormat(day, locale)[field]) for day in DAYS[part]])
            for field, part in zip(fields, parts, strict=True)
            if part in DAYS
        }

    def write(self, year: str, month: int, day: int, weekday: int) -> str:
        """The date as text. month, day: from 1; weekday: from 0, Monday."""
        places = {"month": month - 1, "day": day - 1, "weekday": weekday}
        written = {field: texts[places[part]] for field, (part, texts) in self.texts.items()}
        return self.template % (written | {YEAR: year})


def as_read(text: str) -> str:
    """A text as it is typed: one way to write an accent, plain spaces, no marks of direction."""
    return unicodedata.normalize("NFC", text).translate(UNSEEN)


@cache
def formats() -> list[Format]:
    """All formats that write day, month and a whole year. Raises ConfigurationError where babel is missing."""
    return [form for locale in LOCALES for name in FORMATS if (form := Format(locale, name)).whole]


@cache
def clear() -> dict[tuple[int, int], list[Format]]:
    """By month and day, the formats that write it as no format writes another day of the year."""
    first = date(LEAP_YEAR, 1, 1).toordinal()
    days = [(day.month, day.day) for day in map(date.fromordinal, range(first, first + 366))]
    read_as: dict[str, tuple[int, int]] = {}
    unclear = set[str]()
    written: dict[tuple[int, int], list[tuple[Format, list[str]]]] = {day: [] for day in days}
    for form in formats():
        weekdays = range(7) if form.weekday else (0,)
        for day in days:
            texts = [form.write("", *day, weekday) for weekday in weekdays]
            unclear.update(text for text in texts if read_as.setdefault(text, day) is not day)
            written[day].append((form, texts))
    return {day: [form for form, texts in forms if unclear.isdisjoint(texts)] for day, forms in written.items()}


class Dates(Written):
    """Dates of the Gregorian calendar as babel writes them in many locales; the answer is `YYYY-MM-DD`.

    A row is a day from `first_year` to `last_year` in the medium, long or full format of a locale; tokens are
    characters. A text that is two dates (`05/03/2021`) is never drawn. The seed gives each day to one split, and
    train takes the days that valid and test leave in turn. No-break spaces are read as spaces, marks of direction
    are passed over. Raises ConfigurationError.
    """

    between = ""
    readable = "a date with a year of four digits, such as 5 mars 2021"

    def __init__(
        self,
        seed: int,
        first_year: Year = 1900,
        last_year: Year = 2099,
        train_size: Rows = 40000,
        valid_size: Rows = 1000,
        test_size: Rows = 1000,
    ) -> None:
        super().__init__(seed, train_size, valid_size, test_size)
        if not 1000 <= first_year <= last_year <= 9999:
            raise ConfigurationError(
                f"data.first_year={first_year} and data.last_year={last_year} must be years from 1000 to 9999, "
                "the first not after the last"
            )
        self.first = date(first_year, 1, 1).toordinal()
        self.days = date(last_year, 12, 31).toordinal() + 1 - self.first
        if valid_size + test_size >= self.days:
            raise ConfigurationError(
                f"data.valid_size and data.test_size take {valid_size + test_size} days, and data.first_year="
                f"{first_year} to data.last_year={last_year} have {self.days}: leave some to train on"
            )

    # ------------------------------------------------------------------------------ what is learned

    def fit(self) -> None:
        """Learn the characters of all formats. Raises ConfigurationError where babel is missing."""
        texts = ["0123456789"]
        for form in formats():
            texts += [FIELD.sub("", form.template), *(text for _, part in form.texts.values() for text in part)]
        self._know(sorted(set("".join(texts))))

    def _know(self, characters: Sequence[str]) -> None:
        self.know(characters, "0123456789-", LONGEST)

    def state(self) -> dict[str, Any]:
        """The characters of all formats, which may differ between versions of babel."""
        return {"characters": list(self.source.names)}

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`. Raises DataError where it is malformed."""
        if not isinstance(state, dict) or state.keys() != {"characters"}:
            raise DataError("the stored data state is not that of dates: it lacks their characters")
        self._know(restore_names(state["characters"], "characters"))

    # ------------------------------------------------------------------------------- what is drawn

    def split(self, name: str) -> Examples:
        """The rows of `train`, `valid` or `test`."""
        order = torch.randperm(self.days, generator=generator(self.seed, "days")).tolist()
        valid, test = self.sizes["valid"], self.sizes["test"]
        mine = {"valid": order[:valid], "test": order[valid : valid + test], "train": order[valid + test :]}[name]
        random = generator(self.seed, name)
        chances = torch.rand(self.sizes[name], generator=random, dtype=torch.float64).tolist()
        sources, answers = [], []
        for row, chance in enumerate(chances):
            day = date.fromordinal(self.first + mine[row % len(mine)])
            forms = clear()[day.month, day.day]
            form = forms[int(chance * len(forms))]
            sources.append(form.write(str(day.year), day.month, day.day, day.weekday()))
            answers.append(day.isoformat())
        return self.pairs(sources, answers)

    # -------------------------------------------------------------------------------- what is read

    def tokens(self, text: str) -> Sequence[str]:
        """The characters of a text, as `as_read` has them."""
        return as_read(text)

    def exported(self) -> dict[str, Any]:
        """See seqnet.exported."""
        return self._exported(replaced={str(point): other for point, other in UNSEEN.items()})

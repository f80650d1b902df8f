"""What is odd about some files, each in a sentence that says what to do."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from seqnet.data.files import counted, shown
from seqnet.data.formats.table import Table
from seqnet.data.inspection.columns import Guess
from seqnet.data.inspection.readings import ASKED, Reading, gives_away
from seqnet.data.inspection.survey import LOOKED_AT, Survey

NEARLY_ALL = 0.5  # of the tokens of a split are unknown
RARE = 2  # rows of a class
DATE = re.compile(r"\d{1,2}[./]\d{1,2}[./]\d{2,4}.*")


def oddities(survey: Survey, guesses: Sequence[Guess], made: Sequence[Reading], said: str | None) -> list[str]:
    """The sentences."""
    found = [*survey.told, *_of_files(survey), *_of_header(survey)]
    for guess in guesses:
        found += _of_column(survey, guess, said)
        if guess.otherwise is not None and made and _read(made[0], guess):
            found.append(f"{shown(guess.name, 40)} is read as {guess.type}; it may be meant as {guess.otherwise}")
        if made and (other := same(survey, guess, guesses, made[0])) is not None:
            found.append(f"{shown(guess.name, 40)} says the same as {other}, which is asked for, so it is not read")
    found += _of_splits(survey, guesses)
    if made and made[0].inputs and all(made[0].fields[name][0] in ("number", "numbers", "label", "labels") for name in made[0].inputs):
        found.append(
            "nothing that is read has steps, so a row is one step and a recurrent model has nothing to remember: rows that "
            "belong together are made sequences with data.rows.group= and data.rows.order="
        )
    if not made and not survey.rows:
        found.append("there are no training rows: name a file that has some")
    elif not made:
        found.append("no column can be asked for beside one that is read: name it with --target, or mend what is said above")
    return list(dict.fromkeys(found))


def _read(reading: Reading, guess: Guess) -> bool:
    """Whether a reading has a field of a column, of the type that was proposed."""
    return any(
        options.get("column", name) == guess.column and kind == guess.type
        for name, (kind, options) in reading.fields.items()
    )


def same(survey: Survey, guess: Guess, guesses: Sequence[Guess], reading: Reading) -> str | None:
    """The target where the column gives it away, by another name for each of its values."""
    _, options = reading.fields[reading.target]
    column = options.get("column", reading.target)
    target = next((other for other in guesses if other.column == column and other is not guess), None)
    if target is None or target.type != "label" or target.name in reading.inputs:
        return None
    return target.name if gives_away(survey, guess, target) else None


def _of_files(survey: Survey) -> Iterator[str]:
    if survey.encoding == "cp1252":
        if getattr(survey.format, "encoding", None) == "cp1252":
            yield "the text is not UTF-8 and is read as cp1252, of an older Windows program: data.format.encoding=cp1252"
        else:
            yield "the text is not UTF-8, which this format has to be: write it anew as UTF-8"
    if survey.encoding == "utf-16":
        yield "the text is UTF-16: data.format.encoding=utf-16"
    if survey.bad:
        yield (
            f"{counted(survey.bad, 'row')} cannot be read ({survey.problem}): mend them, or leave them out with "
            "data.on_bad_row=skip"
        )
    for name, split in survey.splits.items():
        if split.part:
            yield f"only the first {split.rows:,} rows of {name} were looked at, {LOOKED_AT >> 20} MiB of them"


def _of_header(survey: Survey) -> Iterator[str]:
    if not isinstance(survey.format, Table) or survey.headed:
        return
    for profile in survey.columns:
        first = str(profile.first)
        alone = profile.values.get(first) == 1 and 1 < profile.distinct <= max(profile.present / 3, 3)
        if (alone and min([often for value, often in profile.values.items() if value != first], default=0) > 2) or first.lower() in ASKED:
            yield (
                f"the first row may be a header, since '{shown(first, 30)}' stands nowhere else in {profile.name}: name "
                "the columns with data.fields.NAME.column=, or give data.format.header=true with data/format="
            )
            return


def _of_column(survey: Survey, guess: Guess, said: str | None) -> Iterator[str]:
    profile, name = guess.profile, shown(guess.name, 40)
    if guess.type in ("image", "audio", "frames") and profile.are("text") and survey.base is not None:
        yield f"{name} holds names of files: it is read as {guess.type}, which opens them, and not as text"
        gone = [value for value in list(profile.values)[:100] if not (survey.base / value).exists()]
        if gone:
            yield (
                f"{name}: there is no file {shown(str(Path(survey.base, gone[0])), 100)}; names are relative to the "
                "folder of the table, so put the files there"
            )
    wanted = said == guess.name or (said is None and guess.name.lower() in ASKED)
    if wanted and guess.type in ("text", None) and profile.present > 10 and profile.distinct > 0.8 * profile.present:
        if profile.words and max(profile.words) <= 5:
            yield (
                f"{name}: nearly every value is another ({profile.distinct:,} of {profile.present:,}), so as labels there is "
                "nothing to learn; is another column meant, or a text that is written?"
            )
    if guess.type == "label":
        rare = [value for value, often in profile.values.items() if often < RARE]
        if rare and len(rare) > profile.distinct / 4:
            yield (
                f"{name}: {len(rare)} of {profile.distinct} labels have one row each, such as '{shown(rare[0], 30)}'; a "
                "model cannot learn these, so join or mend them"
            )
        alike: dict[str, str] = {}
        for value in profile.values:
            other = alike.setdefault(value.lower(), value)
            if other != value:
                yield f"{name}: '{shown(other, 30)}' and '{shown(value, 30)}' are two labels; write them alike if they are one"
                break
    if profile.commas and profile.commas + profile.numeric >= 0.9 * profile.present:
        yield f"{name}: decimals are written with a comma, such as {shown(str(profile.first), 20)}; write them with a point"
    elif guess.type == "text" and profile.numeric > 0.9 * profile.present:
        odd = next(value for value in profile.values if not value[:1].isdigit() and value[:1] not in "+-.")if any(
            not value[:1].isdigit() and value[:1] not in "+-." for value in profile.values
        ) else ""
        yield f"{name}: nearly all values are numbers, but '{shown(odd, 20)}' is none; mend such rows to read it as numbers"
    if profile.words and max(profile.words) <= 2 and DATE.fullmatch(str(profile.first)):
        yield f"{name}: dates such as {shown(str(profile.first), 20)} are sorted as text; write them as 2024-05-31"
    if profile.padded and guess.type == "label":
        yield f"{name}: numbers begin with 0, as codes do: they are read as labels"
    if profile.missing and guess.type is not None and profile.missing > profile.rows / 10:
        kept = guess.type in ("number", "series")
        yield (
            f"{name} is missing in {profile.missing / profile.rows:.0%} of the rows"
            + (": its mean stands for it (missing=mean), and a second number says where" if kept else ", so it is not read")
        )


def _of_splits(survey: Survey, guesses: Sequence[Guess]) -> Iterator[str]:
    for name, split in survey.splits.items():
        for other, again in split.again.items():
            if other == name and again > split.rows / 100:
                yield f"{name}: {counted(again, 'row')} of {split.rows:,} stand there before already; leave them out"
            elif other != name:
                yield (
                    f"{counted(again, 'row')} of {name} are in {other} too, so the score would be too good: take them out "
                    f"of {other}"
                )
        for guess in guesses:
            unknown = split.unknown.get(guess.name, 0.0)
            if guess.type == "text" and guess.options.get("level") != "characters" and unknown > NEARLY_ALL:
                yield (
                    f"{guess.name}: {unknown:.0%} of the words of {name} are none of training's, so they are all alike to "
                    "a model; read it with level=characters or level=bpe, or split the rows anew"
                )

"""What is odd about some files, each in a sentence that says what to do."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from seqnet.data.fields.raw import THOUSANDS, of_comma
from seqnet.data.files import counted
from seqnet.data.files import shown as shortened
from seqnet.data.formats.csv import DELIMITERS, Csv
from seqnet.data.formats.table import Table
from seqnet.data.formats.tsv import Tsv
from seqnet.data.inspection.columns import Guess
from seqnet.data.inspection.maker import Reading, gives_away
from seqnet.data.inspection.profile import APART, ASKED, LOOKED_AT
from seqnet.data.inspection.survey import Survey

NEARLY_ALL = 0.5  # of the tokens of a split are unknown
NEARLY_EVERY = 0.8  # value of a column is another
OFTEN = 0.1  # of the values are missing
NAME = 30  # letters of a name or a value that are shown
FILLED = {
    "mean": "its mean stands for it (missing=mean), and a second number says where",
    "last": "the one before stands for it (missing=last)",
    "unjudged": "nothing is asked there (missing=unjudged)",
}
MANY = 4  # lines of a cell that look like rows
QUOTED = re.compile(r'"([^"]|"")*"')
DATE = re.compile(r"\d{1,2}[./]\d{1,2}[./]\d{2,4}.*")
OF_ROWS = ("number", "numbers", "label", "labels")


def shown(text: str) -> str:
    """A name or a value as a sentence shows it."""
    return shortened(text, NAME)


def oddities(survey: Survey, guesses: Sequence[Guess], made: Sequence[Reading], said: str | None) -> list[str]:
    """The sentences. made: what is proposed; said: the column that was asked for."""
    found = [*survey.told, *_of_text(survey), *_of_rows(survey), *_of_quotes(survey), *_of_header(survey)]
    for guess in guesses:
        for look in (_files, _labels, _numbers):
            found += look(survey, guess)
        found += _gaps(guess, made)
        found += _asked(guess, said)
        found += _beside(survey, guess, guesses, made[0]) if made else ()
    found += [*_again(survey), *_unknown(survey, guesses), *_proposed(survey, made)]
    return list(dict.fromkeys(found))


# ------------------------------------------------------------------------------------------------------- the files


def _of_text(survey: Survey) -> Iterator[str]:
    read = getattr(survey.format, "encoding", None)
    if survey.encoding == "cp1252" and read == "utf-8":
        yield (
            "the text is not UTF-8: --encoding cp1252 reads what was written in Western Europe, cp1250, cp1251 or "
            "mac-roman other text"
        )
    elif survey.encoding == "cp1252" and read == "cp1252":
        yield (
            "the text is not UTF-8 and is read as cp1252, of Western Europe (data.format.encoding=cp1252): if letters "
            "look wrong, give --encoding cp1250, cp1251, mac-roman or another"
        )
    elif survey.encoding == "cp1252" and read is None:
        yield "the text is not UTF-8, which this format has to be: write it anew as UTF-8"
    if survey.encoding == "utf-16":
        yield "the text is UTF-16: data.format.encoding=utf-16"


def _of_rows(survey: Survey) -> Iterator[str]:
    if survey.bad:
        rows = counted(survey.bad, "row")
        yield f"{rows} cannot be read ({survey.problem}): mend them, or leave them out with data.on_bad_row=skip"
    for name, split in survey.splits.items():
        if split.part:
            yield f"only the first {split.rows:,} rows of {name} were looked at, {LOOKED_AT >> 20} MiB of them"


def _of_quotes(survey: Survey) -> Iterator[str]:
    """That quotes are not read, or that one which is never closed takes the lines behind it."""
    for profile in survey.columns:
        name = shown(profile.name)
        quoted = [value for value in profile.values if QUOTED.fullmatch(value)]
        if isinstance(survey.format, Tsv) and sum(profile.values[each] for each in quoted) > OFTEN * profile.present:
            yield f"{name}: cells stand in quotes, such as {shown(quoted[0])}, which tsv keeps: --format csv reads them"
        lines = profile.tallest.split("\n")
        within = lines[1:-1]
        if isinstance(survey.format, Csv) and len(within) >= MANY:
            if any(all(delimiter in line for line in within) for delimiter in DELIMITERS):
                yield (
                    f"{name}: a cell holds {len(lines)} lines that look like rows, from '{shown(lines[0])}' on: take "
                    "out the quote before it, or write it twice in a cell in quotes"
                )


def _of_header(survey: Survey) -> Iterator[str]:
    """That the header stands among the rows, or that the first row may name the columns, where it is read as a row."""
    if not isinstance(survey.format, Table):
        return
    if survey.headed:
        names = tuple(profile.name for profile in survey.columns)
        again = sum(row == names for row in zip(*map(survey.sample.get, names), strict=True)) if survey.sample else 0
        if again:
            told = shown(", ".join(names))
            yield f"the header ({told}) stands among the rows again, {counted(again, 'time')}: take it out"
        return
    for profile in survey.columns:
        first = str(profile.first)
        others = [often for value, often in profile.values.items() if value != first]
        few = len(others) <= max(profile.present / 3, 2)
        if first.lower() in ASKED or (profile.values.get(first) == 1 and few and min(others, default=0) > 2):
            yield (
                f"the first row may be a header, since '{shown(first)}' stands nowhere else in {profile.name}: "
                "--header true reads it so"
            )
            return


# ----------------------------------------------------------------------------------------------------- the columns


def _files(survey: Survey, guess: Guess) -> Iterator[str]:
    if guess.type not in ("image", "audio", "frames") or not guess.profile.are("text") or survey.base is None:
        return
    name = shown(guess.name)
    yield f"{name} holds names of files: it is read as {guess.type}, which opens them, and not as text"
    gone = next((value for value in list(guess.profile.values)[:100] if not (survey.base / value).exists()), None)
    if gone is not None:
        path = shortened(str(Path(survey.base, gone)), 100)
        yield f"{name}: there is no file {path}; names are relative to the folder of the table, so put the files there"


def _labels(survey: Survey, guess: Guess) -> Iterator[str]:
    if guess.type != "label" or guess.profile.steps:
        return
    name, values = shown(guess.name), guess.profile.values
    rare = [value for value, often in values.items() if often == 1]
    if len(rare) > len(values) / 4:
        yield (
            f"{name}: {len(rare)} of {len(values)} labels have one row each, such as '{shown(rare[0])}', which is too "
            "little to learn from: join or mend them"
        )
    alike: dict[str, str] = {}
    for value in values:
        other = alike.setdefault(value.lower(), value)
        if other != value:
            yield f"{name}: '{shown(other)}' and '{shown(value)}' are two labels; write them alike if they are one"
            return


def _numbers(survey: Survey, guess: Guess) -> Iterator[str]:
    """What are no numbers here, though they seem to be."""
    profile, name, first = guess.profile, shown(guess.name), shown(str(guess.profile.first))
    if profile.commas and profile.commas + profile.numeric >= 0.9 * profile.present:
        with_comma = [value for value in profile.values if "," in value]
        if all(map(THOUSANDS.fullmatch, with_comma)):
            yield f"{name}: in {shown(with_comma[0])} {of_comma(with_comma[0])}"
        else:
            yield f"{name}: decimals are written with a comma, such as {first}; write them with a point"
    elif profile.grouped:
        value = next(value for value in profile.values if APART.fullmatch(value))
        yield f"{name}: a space stands between the figures of {value}: write {''.join(value.split())}"
    elif guess.type == "text" and profile.are("text") and profile.numeric > 0.9 * profile.present:
        odd = next((value for value in profile.values if value[:1] not in "+-.0123456789"), "")
        yield f"{name}: nearly all values are numbers, but '{shown(odd)}' is none; mend it to read them as numbers"
    if profile.words and max(profile.words) <= 2 and DATE.fullmatch(str(profile.first)):
        yield f"{name}: dates such as {first} would be sorted as text; write them as 2024-05-31"
    if profile.padded and guess.type == "label":
        yield f"{name}: numbers begin with 0, as codes do, so they are read as labels"


def _gaps(guess: Guess, made: Sequence[Reading]) -> Iterator[str]:
    if guess.type is not None and guess.gaps > OFTEN * guess.profile.rows:
        share = guess.gaps / guess.profile.rows
        yield f"{shown(guess.name)} is missing in {share:.0%} of the rows: {_filled(guess, made)}"


def _filled(guess: Guess, made: Sequence[Reading]) -> str:
    """What the first reading does where a value is missing."""
    for name, (_, options) in made[0].fields.items() if made else ():
        column = options.get("column", name)
        if column == guess.column or (isinstance(column, list) and guess.column in column):
            return FILLED.get(str(options.get("missing")), "these rows are left out (data.on_bad_row=skip)")
    return "it is not read"


def _asked(guess: Guess, said: str | None) -> Iterator[str]:
    """That a column that is called as labels are has hardly one value twice."""
    profile = guess.profile
    meant = guess.name in (said,) if said is not None else guess.name.lower() in ASKED
    if not meant or guess.type in ("number", "label", "labels") or max(profile.words, default=9) > 5:
        return
    if profile.present > 10 and profile.distinct > NEARLY_EVERY * profile.present:
        yield (
            f"{shown(guess.name)}: nearly every value is another ({profile.distinct:,} of {profile.present:,}), so as "
            "labels there is nothing to learn: name another column with --target, or write them with task=seq2seq"
        )


def _beside(survey: Survey, guess: Guess, guesses: Sequence[Guess], made: Reading) -> Iterator[str]:
    """What else a column that is read may be, and that it tells what is asked for."""
    fields = [(options.get("column", name), kind) for name, (kind, options) in made.fields.items()]
    if guess.otherwise is not None and (guess.column, guess.type) in fields:
        yield f"{shown(guess.name)} is read as {guess.type}; it may be meant as {guess.otherwise}"
    _, options = made.fields[made.target]
    asked = options.get("column", made.target)
    for target in guesses:
        if target.column == asked and made.target not in made.inputs and gives_away(survey, guess, target):
            yield f"{shown(guess.name)} says the same as {shown(target.name)}, which is asked for, so it is not read"


# ------------------------------------------------------------------------------------------------------ the splits


def _again(survey: Survey) -> Iterator[str]:
    for name, split in survey.splits.items():
        for other, again in split.again.items():
            rows = counted(again, "row")
            if other != name:
                yield f"{rows} of {name} are in {other} too, so the score would be too good: take them out of {other}"
            elif again > split.rows / 100:
                yield f"{name}: {rows} of {split.rows:,} stand there before already; leave them out"


def _unknown(survey: Survey, guesses: Sequence[Guess]) -> Iterator[str]:
    for name, split in survey.splits.items():
        for guess in guesses:
            share = split.unknown.get(guess.name, 0.0)
            if guess.type == "text" and guess.options.get("level") != "characters" and share > NEARLY_ALL:
                yield (
                    f"{shown(guess.name)}: {share:.0%} of the words of {name} are none of training's, so a model "
                    "cannot tell them apart: read it with level=characters or level=bpe, or draw the splits anew"
                )


def _proposed(survey: Survey, made: Sequence[Reading]) -> Iterator[str]:
    if not survey.rows:
        yield "there are no training rows: name a file that has some"
    elif not made:
        yield "there is no column to ask for beside one that is read: name it with --target, or mend what is said above"
    elif made[0].inputs and all(made[0].fields[name][0] in OF_ROWS for name in made[0].inputs):
        yield (
            "nothing that is read has steps, so a row is one step and a recurrent model has nothing to remember: rows "
            "that belong together are made sequences with data.rows.group= and data.rows.order="
        )

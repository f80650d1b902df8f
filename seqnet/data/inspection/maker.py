"""Columns as the fields of a reading: their names, what is asked for, what can be read beside it."""

import keyword
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from seqnet.data.inspection.columns import Guess
from seqnet.data.inspection.profile import ASKED, Profile, quantiles
from seqnet.data.inspection.sizes import Sizes
from seqnet.data.inspection.survey import Survey

OF_ROW = ("label", "labels", "number")
STEPPED = ("tokens", "series", "roll")
WHOLE = ("text", "dna", "audio", "frames", "image")


@dataclass
class Reading:
    """Something that can be learned. fields: by name, the type and its options; groups, options: further choices."""

    about: str
    fields: dict[str, tuple[str, dict[str, Any]]]
    inputs: list[str]
    target: str
    groups: dict[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class Maker:
    """Makes readings of columns. named: the identifier of each column."""

    survey: Survey
    guesses: list[Guess]
    named: dict[str, str]
    shares: dict[str, Any]  # of the data, that every reading has

    def fields(self, chosen: Iterable[Guess]) -> dict[str, tuple[str, dict[str, Any]]]:
        """Fields of some columns; one that is not called as its column says which it is."""
        made = {}
        for guess in chosen:
            name = self.named[guess.name]
            column = {} if name == guess.column else {"column": guess.column}
            made[name] = (str(guess.type), column | guess.options)
        return made

    def reading(
        self, about: str, inputs: Sequence[Guess], target: Guess, groups: dict[str, str], size: Sizes, **options: Any
    ) -> Reading:
        """One of some columns."""
        names = [self.named[guess.name] for guess in inputs]
        asked = self.named[target.name]
        told = about.format(inputs=", ".join(names), target=asked)
        kept = {key.replace("__", "."): value for key, value in options.items()}
        gaps = any(guess.gaps and "missing" not in guess.options for guess in [*inputs, target])
        every = (
            self.shares
            | ({"data.on_bad_row": "skip"} if gaps else {})
            | size.options(bool({"text", "tokens", "label", "letters"} & {str(each.type) for each in inputs}))
        )
        return Reading(
            told, self.fields([*inputs, target]), names, asked, {**groups, "schedule": "cosine"}, every | kept
        )


def identifiers(guesses: Sequence[Guess]) -> dict[str, str]:
    """A name for the field of each column: its own where that can be, else one like it."""
    found: dict[str, str] = {}
    for guess in guesses:
        plain = unicodedata.normalize("NFKD", guess.name).encode("ascii", "ignore").decode()
        name = re.sub(r"\W+", "_", plain.partition("..")[0]).strip("_")
        if not guess.profile.name or isinstance(guess.column, int) or not re.match(r"[A-Za-z]", name):
            name = str(guess.type or "column")
        elif guess.name != guess.column or ".." in guess.name:
            name = str(guess.type)
        if keyword.iskeyword(name) or name in ("null", "true", "false"):
            name = f"{name}_"
        number, first = 1, name
        while name in found.values():
            number += 1
            name = f"{first}{number}"
        found[guess.name] = name
    return found


def asked(guesses: Sequence[Guess], said: str | None) -> Guess | None:
    """The column that is asked for, once a row: the one that was said, that is called so, or the last that can be."""
    if said is not None:
        guess = next(guess for guess in guesses if guess.name == said)
        if guess.type in (*OF_ROW, "text"):
            return guess
        profile = guess.profile
        if profile.numbers:
            return replace(guess, type="number", options={})
        return replace(guess, type="label", options={}) if profile.are("text") else None
    able = [guess for guess in guesses if guess.type in OF_ROW]
    others = [guess for guess in guesses if guess.type is not None]
    if not able or len(others) < 2:
        return None
    called = [guess for guess in able if guess.name.lower() in ASKED]
    if called:
        return min(called, key=lambda guess: ASKED.index(guess.name.lower()))
    return able[-1]


def complete(guesses: Iterable[Guess], but: Sequence[Guess] = ()) -> list[Guess]:
    """The columns that can be read, without those that are often missing; of numbers a missing one is filled."""
    kept = []
    for guess in guesses:
        if guess.type is None or any(guess is other for other in but):
            continue
        if guess.type in ("number", "series") and incomplete(guess):
            guess = replace(guess, options={**guess.options, "missing": "mean", "mask": True})
        elif guess.gaps > guess.profile.rows / 10:
            continue
        kept.append(guess)
    return kept


def incomplete(guess: Guess) -> bool:
    return guess.gaps > 0


def with_numbers_joined(maker: Maker, inputs: list[Guess]) -> list[Guess]:
    """Several numbers a row as one field."""
    numbers = [guess for guess in inputs if guess.type == "number"]
    if len(numbers) < 2:
        return inputs
    options = {key: value for guess in numbers for key, value in guess.options.items()}
    one = replace(joined(numbers, "numbers"), options=options)
    maker.named.setdefault(one.name, free("numbers", maker.named.values()))
    return [*(guess for guess in inputs if guess.type != "number"), one]


def joined(numbers: Sequence[Guess], type: str) -> Guess:
    """Columns of numbers as one field."""
    made = Profile("+".join(guess.name for guess in numbers), [guess.column for guess in numbers])
    made.rows = numbers[0].profile.rows
    return Guess(made, type, "")


def free(name: str, taken: Iterable[str]) -> str:
    taken, number, first = set(taken), 1, name
    while name in taken:
        number += 1
        name = f"{first}{number}"
    return name


def read_as_words(guess: Guess, rows: int, asked: bool = False) -> Guess:
    """A text with the options that suit it: how words are parted, rare ones unknown, capitals."""
    profile, options = guess.profile, dict(guess.options)
    if options.get("level") == "characters":
        return guess
    total = sum(profile.tokens.values())
    marked = sum(often for token, often in profile.tokens.items() if len(token) > 1 and token[-1] in ".,;:!?")
    if marked > 0.03 * total:
        options["tokenizer"] = "punctuation"
    if rows >= 1000 and sum(often == 1 for often in profile.tokens.values()) > len(profile.tokens) / 5:
        options["min_count"] = 2
    if not asked and any(token != token.lower() for token in list(profile.tokens)[:1000]):
        options["lower"] = True
    return replace(guess, options=options)


def gives_away(survey: Survey, guess: Guess, target: Guess) -> bool:
    """Whether a label is another name of the one that is asked for, in every row that was kept."""
    if guess.type != "label" or target.type != "label" or guess.name == target.name:
        return False
    pairs = set(zip(survey.sample.get(guess.name, ()), survey.sample.get(target.name, ()), strict=False))
    return len(pairs) > 1 and all(len({pair[place] for pair in pairs}) == len(pairs) for place in (0, 1))


def lengths(guess: Guess) -> tuple[int, int, int] | None:
    """What half of a column's values, 95 % and all do not exceed, in tokens or steps; None where it has none."""
    profile = guess.profile
    if guess.type in ("text", "dna"):
        by_letter = guess.type == "dna" or guess.options.get("level") == "characters"
        return quantiles(profile.letters if by_letter else profile.words)
    return quantiles(profile.steps) if profile.steps else None

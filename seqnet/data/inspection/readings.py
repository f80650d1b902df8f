"""What the columns of some files can be trained on: inputs, target, task, and sizes that suit so many rows."""

import keyword
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from seqnet.data.formats.documents import Documents
from seqnet.data.inspection.columns import Guess
from seqnet.data.inspection.profile import Profile, quantiles
from seqnet.data.inspection.sequences import Sequences
from seqnet.data.inspection.sizes import Sizes, sizes
from seqnet.data.inspection.survey import Survey
from seqnet.errors import ConfigurationError, did_you_mean

ASKED = (
    *("target", "label", "labels", "class", "classes", "category", "categories", "y", "sentiment", "stars", "rating"),
    *(
        "score",
        "answer",
        "action",
        "outcome",
        "intent",
        "kind",
        "kinds",
        "species",
        "diagnosis",
        "grade",
        "topic",
        "upos",
    ),
    *("ner", "ner_tags", "tag", "tags", "pos", "translation", "summary", "output", "response", "result", "price"),
)
WORDS = ("form", "word", "words", "token", "tokens", "text")
OF_ROW = ("label", "labels", "number")
STEPPED = ("tokens", "series", "roll")
WHOLE = ("text", "audio", "frames", "image")
HORIZON = 12  # steps ahead, where no season is known
GROUPS = 1000  # sequences that are told apart by their names


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
        every = self.shares | size.options(
            bool({"text", "tokens", "label", "letters"} & {str(each.type) for each in inputs})
        )
        return Reading(
            told, self.fields([*inputs, target]), names, asked, {**groups, "schedule": "cosine"}, every | kept
        )


def readings(survey: Survey, guesses: list[Guess], said: str | None, found: Sequences | None) -> list[Reading]:
    """What can be learned, the likeliest first. said: the column that is asked for. Raises ConfigurationError."""
    if said is not None and said not in [guess.name for guess in guesses]:
        names = [guess.name for guess in guesses]
        raise ConfigurationError(f"--target {said} is no column{did_you_mean(said, names) or ': ' + ', '.join(names)}")
    shares: dict[str, Any] = {}
    if (split := next((guess for guess in guesses if guess.role == "split"), None)) is not None:
        shares["data.split_column"] = split.column
    if survey.bad:
        shares["data.on_bad_row"] = "skip"
    maker = Maker(survey, guesses, identifiers(guesses), shares)
    made: list[Reading | None] = []
    if isinstance(survey.format, Documents):
        return [running_text(maker, guesses[0])] if survey.rows else []
    if found is not None:
        made.append(by_rows(maker, found, said))
    made.append(by_step(maker, said))
    if made and made[0] is not None and said is None:  # the same column, a row by itself
        _, options = made[0].fields[made[0].target]
        said = next(guess.name for guess in guesses if guess.column == options.get("column", made[0].target))
    target = asked(guesses, said)
    if target is not None:
        made.append(of_row(maker, target))
        if target.otherwise == "number" and found is None:
            made.append(of_row(maker, replace(target, type="number", options={})))
        made += [of_row(other, target) for other in read_otherwise(maker, target)]
    texts = [guess for guess in guesses if guess.type == "text"]
    if said is None and len(texts) > 1:
        made.append(written(maker, texts[0], texts[1]))
    elif said is not None and target is not None and target.type == "text":
        made.append(
            written(maker, next((each for each in guesses if each is not target and each.type in WHOLE), None), target)
        )
    made.append(next_step(maker, said))
    if said is None and target is None and len(texts) == 1:
        made.append(running_text(maker, texts[0]))
    return [reading for reading in made if reading is not None]


# --------------------------------------------------------------------------------------------------------- columns


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
        if guess.type in ("number", "series") and _gone(guess):
            guess = replace(guess, options={**guess.options, "missing": "mean", "mask": True})
        elif guess.profile.missing > guess.profile.rows / 10:
            continue
        kept.append(guess)
    return kept


def _gone(guess: Guess) -> bool:
    profile = guess.profile
    return profile.missing > 0 or (guess.type == "number" and profile.numeric < profile.present)


def with_numbers_joined(maker: Maker, inputs: list[Guess]) -> list[Guess]:
    """Several numbers a row as one field."""
    numbers = [guess for guess in inputs if guess.type == "number"]
    if len(numbers) < 2:
        return inputs
    options = {key: value for guess in numbers for key, value in guess.options.items()}
    one = replace(joined(numbers, "numbers"), options=options)
    maker.named.setdefault(one.name, _free("numbers", maker.named.values()))
    return [*(guess for guess in inputs if guess.type != "number"), one]


def joined(numbers: Sequence[Guess], type: str) -> Guess:
    """Columns of numbers as one field."""
    made = Profile("+".join(guess.name for guess in numbers), [guess.column for guess in numbers])
    made.rows = numbers[0].profile.rows
    return Guess(made, type, "")


def _free(name: str, taken: Iterable[str]) -> str:
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


def read_otherwise(maker: Maker, target: Guess) -> list[Maker]:
    """Makers for whom a column that is read, not asked for, is what else it may be."""
    made = []
    for place, guess in enumerate(maker.guesses):
        if guess.name != target.name and guess.otherwise is not None and guess.otherwise != "number":
            other = replace(guess, type=guess.otherwise, options={}, otherwise=None)
            made.append(replace(maker, guesses=[*maker.guesses[:place], other, *maker.guesses[place + 1 :]]))
    return made


# --------------------------------------------------------------------------------------------------------- readings


def of_row(maker: Maker, target: Guess) -> Reading | None:
    """An answer for each row."""
    if target.type == "text":
        return None
    rows = maker.survey.rows
    but = [guess for guess in maker.guesses if guess.name == target.name or gives_away(maker.survey, guess, target)]
    inputs = complete((guess for guess in maker.guesses if guess.type not in ("tags",)), but)
    inputs = [read_as_words(guess, rows) if guess.type == "text" else guess for guess in inputs]
    inputs = with_numbers_joined(maker, inputs)
    order = (*STEPPED, *WHOLE)
    inputs.sort(key=lambda guess: order.index(str(guess.type)) if guess.type in order else len(order))
    if not inputs:
        return None
    first, stepped = inputs[0], inputs[0].type in STEPPED
    inputs = [
        guess
        for guess in inputs
        if guess.type not in STEPPED or guess is first or (stepped and _aligned(maker, first, guess))
    ]
    texts = [guess for guess in inputs if guess.type == "text"]
    for other in texts[1:]:
        if other.options == texts[0].options:
            place = inputs.index(other)
            inputs[place] = replace(other, options={**other.options, "vocabulary": maker.named[texts[0].name]})
    objective = {"label": "classification", "labels": "multi_label", "number": "regression"}[str(target.type)]
    if target.type == "number" and _gone(target):
        target = replace(target, options={**target.options, "missing": "unjudged"})
    elif target.profile.missing:
        maker.shares["data.on_bad_row"] = "skip"
    size = sizes(rows, first.profile, str(first.type), first.options)
    options: dict[str, Any] = {}
    if first.type in (*WHOLE, *STEPPED):
        options |= {"model__bidirectional": True, "task__readout": "max"}
    if target.type == "label":
        options["training__monitor"] = "accuracy"
    what = {"label": "one label a row", "labels": "several labels a row", "number": "a number a row"}[str(target.type)]
    made = maker.reading(
        f"{what}: {{inputs}} -> {{target}}",
        inputs,
        target,
        {"task": "many_to_one", "objective": objective},
        size,
        **options,
    )
    return made


def _aligned(maker: Maker, one: Guess, other: Guess) -> bool:
    sample = maker.survey.sample
    return sample.get(one.name) == sample.get(other.name) is not None


def by_step(maker: Maker, said: str | None) -> Reading | None:
    """An answer for each word, or each step of a list."""
    lists = [
        guess for guess in maker.guesses if guess.type in ("tokens", "tags", "series") and guess.profile.are("list")
    ]
    lists = [guess for guess in lists if guess.profile.steps and guess.profile.column is not None]
    words = next((guess for guess in lists if guess.name.lower() in WORDS), None)
    words = words or next((guess for guess in lists if guess.type == "tokens"), None) or next(iter(lists), None)
    if words is None:
        return None
    tags = [guess for guess in lists if guess is not words and _aligned(maker, words, guess) and _few(guess, words)]
    if said is not None:
        tags = [guess for guess in tags if guess.name == said]
    if not tags:
        return None
    called = [guess for guess in tags if guess.name.lower() in ASKED]
    spans = [guess for guess in tags if guess.type == "tags"]
    target = (
        spans[-1] if spans else min(called, key=lambda guess: ASKED.index(guess.name.lower())) if called else tags[-1]
    )
    bio = bool(spans) and target in spans
    if not bio:
        target = replace(target, type="tags" if target.type == "tokens" else "label")
        target.options = {} if target.type == "tags" else {"axis": "step"}
    rows = maker.survey.rows
    inputs = [words]
    if words.type == "tokens":
        options: dict[str, Any] = {"lower": True} | ({"min_count": 2} if rows >= 500 else {})
        letters = replace(words, type="letters", options={"column": words.column})
        inputs = [replace(words, options=options)]
        spelled = maker.named[words.name]
    size = sizes(rows, words.profile, str(words.type), {})
    objective = "tags" if bio else "classification"
    monitor = "entity_f1" if bio else "accuracy"
    made = maker.reading(
        "a label for each step: {inputs} -> {target}",
        inputs,
        target,
        {"task": "many_to_many", "objective": objective},
        size,
        model__bidirectional=True,
        training__monitor=monitor,
    )
    if words.type == "tokens":
        name = _free("letters", maker.named.values())
        made.fields = {spelled: made.fields[spelled], name: ("letters", letters.options), **made.fields}
        made.inputs.append(name)
        made.about = made.about.replace(spelled, f"{spelled}, {name}", 1)
    return made


def _few(guess: Guess, words: Guess) -> bool:
    if guess.type == "tags":
        return True
    items = guess.profile.items or guess.profile.classes
    total = sum(items.values())
    named = guess.name.lower() in ASKED or isinstance(guess.column, int)
    few = len(items) <= max(total // 10, 2) and len(items) <= 200
    return not items.full and 1 < len(items) and (few or named) and (guess.type == "tokens" or named)


def written(maker: Maker, source: Guess | None, target: Guess) -> Reading | None:
    """A text that is written for each row."""
    if source is None:
        return None
    rows = maker.survey.rows
    one = read_as_words(source, rows) if source.type == "text" else source
    other = read_as_words(target, rows, asked=True)
    size = sizes(rows, target.profile, "text", other.options)
    groups = {"task": "seq2seq", "model": "encoder_decoder", "attention": "soft"}
    return maker.reading(
        "a text that is written: {inputs} -> {target}", [one], other, groups, size, model__bidirectional=True
    )


def running_text(maker: Maker, guess: Guess) -> Reading:
    """What comes next in a text that is read from end to end."""
    letters = maker.survey.letters
    options = {"level": "characters"} if letters < 5_000_000 else {"level": "bpe"}
    guess = replace(guess, type="text", options=options)
    size = sizes(max(letters // 64, 1), guess.profile, "running", options)
    return maker.reading(
        "running text: each next character" if options["level"] == "characters" else "running text: each next token",
        [guess],
        guess,
        {"task": "many_to_many", "objective": "tokens"},
        size,
        training__window=64,
    )


def next_step(maker: Maker, said: str | None) -> Reading | None:
    """What comes next in a series, or in the notes of a piece."""
    series = [
        guess for guess in maker.guesses if guess.type in ("series", "roll") and max(guess.profile.steps, default=0) > 1
    ]
    guess = next((guess for guess in series if said in (None, guess.name)), None)
    if guess is None or (
        maker.survey.format.beside and len(maker.guesses) > 1
    ):  # files that are found by all their names
        return None
    size = sizes(maker.survey.rows, guess.profile, "series", {})
    about, objective = "the next step of a series: {inputs} -> {target}", "regression"
    if guess.type == "roll":
        about, objective = "the next notes: {inputs} -> {target}", "multi_label"
    return maker.reading(about, [guess], guess, {"task": "many_to_many", "objective": objective}, size)


def by_rows(maker: Maker, found: Sequences, said: str | None) -> Reading | None:
    """What is asked at the steps of sequences that rows make: the next ones of a series, or a label at each."""
    sample = maker.survey.sample
    keys = {found.order.name, found.group.name if found.group else None}
    columns = [guess for guess in maker.guesses if guess.name not in keys]
    numbers = [guess for guess in columns if guess.type == "number"]
    labels = [guess for guess in columns if guess.type == "label" and not found.stays(sample[guess.name])]
    target = next((guess for guess in columns if guess.name == said), None)
    if said is not None and target is None:
        return None
    target = target or next((guess for guess in labels if guess.name.lower() in ASKED), None)
    target = target or (numbers[-1] if numbers else labels[-1] if labels else None)
    if target is None or target.type not in ("number", "label"):
        return None
    options: dict[str, Any] = {"data__rows__order": found.order.column}
    if found.group is not None:
        options["data__rows__group"] = found.group.column
    if target.type == "label":
        return _labelled_steps(maker, found, numbers, labels, target, options)
    return _forecast(maker, found, numbers, labels, target, options)


def _labelled_steps(
    maker: Maker, found: Sequences, numbers: list[Guess], labels: list[Guess], target: Guess, options: dict[str, Any]
) -> Reading | None:
    inputs: list[Guess] = []
    if numbers:
        state = replace(numbers[0], type="series") if len(numbers) == 1 else joined(numbers, "series")
        maker.named.setdefault(state.name, _free("state", maker.named.values()))
        inputs = [replace(state, options=_filled(numbers))]
    inputs += [replace(guess, options={**guess.options, "axis": "step"}) for guess in labels if guess is not target]
    if not inputs:
        return None
    target = replace(target, options={**target.options, "axis": "step"})
    size = sizes(len(found.rows), target.profile, "series", {}, found.longest)
    groups = {"task": "many_to_many", "objective": "classification"}
    return maker.reading("a label at each step: {inputs} -> {target}", inputs, target, groups, size, **options)


def _filled(numbers: Sequence[Guess]) -> dict[str, Any]:
    return {"missing": "last", "mask": True} if any(map(_gone, numbers)) else {}


def _forecast(
    maker: Maker, found: Sequences, numbers: list[Guess], labels: list[Guess], target: Guess, options: dict[str, Any]
) -> Reading | None:
    sample = maker.survey.sample
    series = [target, *(guess for guess in numbers if guess is not target)]
    inputs = []
    for guess in series:
        made = replace(guess, type="series", options=_filled([guess]))
        if found.trend(sample[guess.name]) is not None:
            made.options["scale"] = "window"
            if found.season is not None and found.season * 2 <= found.shortest:
                made.options["season"] = found.season
        inputs.append(made)
    if "mask" in inputs[0].options:  # what is asked for has no second number beside it
        inputs[0].options.pop("mask")
    inputs += [replace(guess, options={**guess.options, "axis": "step"}) for guess in labels]
    group = found.group
    if group is not None and len(found.rows) <= GROUPS:
        inputs.append(replace(group, type="label", options={}))
    held = maker.survey.splits.keys() & {"valid"} or "data.split_column" in maker.shares
    share = 0.1 if found.shortest * 0.1 >= 2 * HORIZON else 0.2
    ahead = found.season or HORIZON
    ahead = max(1, min(ahead, int(found.shortest * share) // 2))
    options["data__horizon"] = ahead
    if not held:
        options["data__valid_share"] = share
    rows = len(found.rows)
    if found.longest > 8 * max(ahead, 12) and rows < 200:
        length = 4 * max(ahead, 12)
        options |= {"data__rows__length": length, "data__rows__every": max(ahead // 2, 1)}
        rows = sum(map(len, found.rows)) // max(ahead // 2, 1)
    size = sizes(rows, target.profile, "series", {}, min(found.longest, 96))
    groups = {"task": "many_to_many", "objective": "regression"}
    steps = "the next step" if ahead == 1 else f"the next {ahead} steps"
    return maker.reading(f"{steps} of a series: {{inputs}} -> {{target}}", inputs, inputs[0], groups, size, **options)


def lengths(guess: Guess) -> tuple[int, int, int] | None:
    """What half of a column's values, 95 % and all do not exceed, in tokens or steps; None where it has none."""
    profile = guess.profile
    if guess.type == "text":
        return quantiles(profile.letters if guess.options.get("level") == "characters" else profile.words)
    return quantiles(profile.steps) if profile.steps else None

"""What the columns of some files can be trained on: inputs, target, task, and sizes that suit so many rows."""

from dataclasses import replace
from typing import Any

from seqnet.data.formats.documents import Documents
from seqnet.data.inspection.by_rows import by_rows
from seqnet.data.inspection.columns import Guess
from seqnet.data.inspection.maker import (
    STEPPED,
    WHOLE,
    Maker,
    Reading,
    asked,
    complete,
    free,
    gives_away,
    identifiers,
    incomplete,
    read_as_words,
    with_numbers_joined,
)
from seqnet.data.inspection.profile import ASKED
from seqnet.data.inspection.sequences import Sequences
from seqnet.data.inspection.sizes import sizes
from seqnet.data.inspection.survey import Survey
from seqnet.errors import ConfigurationError, did_you_mean

WORDS = ("form", "word", "words", "token", "tokens", "text")


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


def read_otherwise(maker: Maker, target: Guess) -> list[Maker]:
    """Makers for whom a column that is read, not asked for, is what else it may be."""
    made = []
    for place, guess in enumerate(maker.guesses):
        if guess.name != target.name and guess.otherwise is not None and guess.otherwise != "number":
            other = replace(guess, type=guess.otherwise, options={}, otherwise=None)
            made.append(replace(maker, guesses=[*maker.guesses[:place], other, *maker.guesses[place + 1 :]]))
    return made


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
    if target.type == "number" and incomplete(target):
        target = replace(target, options={**target.options, "missing": "unjudged"})
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
        name = free("letters", maker.named.values())
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

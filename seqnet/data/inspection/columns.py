"""What a column may be read as, and why: a proposal, since types are said and never guessed in silence."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from seqnet.data.fields import schemes
from seqnet.data.fields.pictures import content
from seqnet.data.fields.raw import Unusable
from seqnet.data.files import counted, shown
from seqnet.data.formats.babi import Babi
from seqnet.data.formats.midi import Midi
from seqnet.data.inspection.profile import ARRAYS, CLIPS, PICTURES, SOUNDS, Profile, quantiles
from seqnet.data.inspection.survey import Survey
from seqnet.data.split_of import named

SPLITS = 10  # values at most of a column that says the split, of which some are of none
CLASSES = 1000  # labels at most
ID = re.compile(r"(.*[_ -])?(id|idx|index|uuid|guid|key|nr|no|row)", re.IGNORECASE)
WIDE = 8  # columns of numbers in a row, called t0, t1, ..., that are taken for the steps of one series
NUMBERED = re.compile(r"(.*?)(\d+)")
LETTERS_OF_A_SEQUENCE = 26  # of DNA and proteins
DNA = set("ACGTUN")


@dataclass
class Guess:
    """A column, and the field it is proposed for: None where it is none. role: order, split or id, of no field."""

    profile: Profile
    type: str | None
    why: str
    options: dict[str, Any] = field(default_factory=dict)
    role: str | None = None
    otherwise: str | None = None  # another type that may be meant

    @property
    def name(self) -> str:
        """Of the column."""
        return self.profile.name

    @property
    def column(self) -> Any:
        """What it is asked for by."""
        return self.profile.column

    @property
    def gaps(self) -> int:
        """How many values are missing to the field: blanks, of numbers words such as NA too; blank labels are none."""
        if self.type == "labels":
            return self.profile.nulls
        counted = self.type in ("number", "series") and self.profile.numbers
        return self.profile.rows - self.profile.numeric if counted else self.profile.missing


def guesses(survey: Survey) -> list[Guess]:
    """A proposal for each column; a run of numbered columns of numbers is one."""
    found = [guess(profile, survey.base) for profile in _ranges(survey.columns)]
    if isinstance(survey.format, Midi):
        steps = quantiles(found[0].profile.steps)
        found[0] = Guess(found[0].profile, "roll", f"the notes of each of {steps[0]} steps and more")
    if isinstance(survey.format, Babi):
        found[-1] = Guess(found[-1].profile, None, "which sentences answer the question, as no one knows before")
    return found


def guess(profile: Profile, base: Path | None = None) -> Guess:
    """The field of a column. base: the folder that names of files are relative to."""
    if not profile.present:
        return Guess(profile, None, "it is empty")
    if profile.kinds.keys() & {"picture", "clip", "sound", "bytes"}:
        return _of_bytes(profile)
    if profile.are("array"):
        return _of_arrays(profile, profile.shapes)
    if profile.are("list"):
        return _of_lists(profile)
    if profile.kinds["object"] or len(profile.kinds.keys() - {"text", "number"}) > 0:
        keys = f" with {shown(', '.join(profile.keys))}" if profile.keys else ""
        return Guess(profile, None, f"values are objects{keys}: one of them is asked for as {profile.name}.KEY")
    if sum(profile.endings.values()) == profile.present:
        return _of_files(profile, base)
    if profile.distinct == 1 and profile.rows > 1 and not profile.values.full:
        return Guess(profile, None, f"every value is {shown(next(iter(profile.values)), 20)}, so it tells nothing")
    splits = {named(value) for value in profile.values}
    if "train" in splits and (None not in splits or (len(splits) > 2 and profile.distinct <= SPLITS)):
        others = [value for value in profile.values if named(value) is None]
        left = (
            f"; {shown(', '.join(others))}: of none, so left out (data.split_values says otherwise)" if others else ""
        )
        return Guess(profile, None, f"it says which split a row is of{left}", role="split")
    if profile.times == profile.present:
        return Guess(profile, None, "time stamps", role="order")
    if profile.grouped:
        return Guess(profile, None, "numbers with a space between their figures, which are none here")
    if profile.lists == profile.present:
        low, _, high = quantiles(profile.steps)
        return Guess(
            profile, "series", f"text of {low} to {high} numbers" if low < high else f"text of {low} numbers each"
        )
    if profile.numbers:
        return _of_numbers(profile)
    return _of_texts(profile)


# ------------------------------------------------------------------------------------------------------ by content


def _of_bytes(profile: Profile) -> Guess:
    kind = next((kind for kind in ("picture", "clip", "sound") if profile.are(kind)), None)
    if kind is None:
        return Guess(profile, None, "bytes that are neither pictures nor sounds")
    types = {"picture": "image", "clip": "frames", "sound": "audio"}
    return Guess(profile, types[kind], f"the bytes of {kind}s", {"size": [32, 32]} if kind != "sound" else {})


def _of_arrays(profile: Profile, shapes: Mapping[tuple[int, ...], int]) -> Guess:
    dimensions = {len(shape) for shape in shapes}
    shape = next(iter(shapes))
    told = f"arrays of shape {list(shape)}"
    if len(dimensions) > 1:
        return Guess(profile, None, "arrays of different dimensions")
    if dimensions == {1}:
        return Guess(profile, "series", f"{told}, a number a step", otherwise="vector")
    if dimensions == {2}:
        if shape[0] == shape[1] and len(shapes) == 1 and profile.low >= 0 and profile.high <= 255:
            return Guess(
                profile, "image", f"{told} of values from {profile.low:g} to {profile.high:g}", otherwise="series"
            )
        return Guess(profile, "series", f"{told}, steps of {shape[1]} numbers", otherwise="image")
    if dimensions == {3}:
        if shape[2] == 3:
            return Guess(profile, "image", f"{told}: height, width, colours", {"channels": 3}, otherwise="frames")
        return Guess(profile, "frames", f"{told}: time, height, width")
    return Guess(profile, None, told)


def _of_lists(profile: Profile) -> Guess:
    low, high = min(profile.steps), max(profile.steps)
    length = f"lists of {low} to {high}" if low < high else f"lists of {low}"
    if profile.items and not profile.shapes:
        if any(schemes_of(profile)):
            return Guess(
                profile,
                "tags",
                f"{length} tags of spans, of {len(profile.items)} kinds",
                {"scheme": schemes_of(profile)},
            )
        if profile.spaced:
            return Guess(profile, "tokens", f"{length} texts, each a step of its own")
        return Guess(profile, "tokens", f"{length} words, {_many(profile.items)} different")
    if profile.shapes and not profile.items:
        inner = {len(shape) for shape in profile.shapes}
        if inner == {0}:
            return Guess(profile, "series", f"{length} numbers", otherwise="vector" if low == high else None)
        if inner == {1} and (-1,) not in profile.shapes:
            if len(profile.shapes) == 1:
                return Guess(profile, "series", f"{length} steps of {next(iter(profile.shapes))[0]} numbers")
            return Guess(profile, "labels", f"{length} steps with some labels each", {"axis": "step"})
    return Guess(profile, None, "lists of different things, or empty ones")


def schemes_of(profile: Profile) -> str:
    """How tags of spans are written; nothing where the items are no such tags."""
    tags = [*profile.items, *(profile.values if not profile.items else ())]
    if not any(tag[1:2] == "-" for tag in tags) or profile.items.full:
        return ""
    if not all(tag == schemes.OUTSIDE or re.fullmatch(r"[BIES]-\S+", tag) for tag in tags):
        return ""
    letters = {tag[0] for tag in tags if tag != schemes.OUTSIDE}
    if letters & {"E", "S"}:
        return "BIOES"
    begun = {tag[2:] for tag in tags if tag[0] == "B"}
    return "BIO" if {tag[2:] for tag in tags if tag[0] == "I"} <= begun else "IOB1"


def _of_files(profile: Profile, base: Path | None) -> Guess:
    endings = set(profile.endings)
    told = f"names of {' and '.join(sorted(endings))} files"
    first = str(profile.first)
    if endings <= set(SOUNDS):
        return Guess(profile, "audio", told)
    if endings <= set(CLIPS):
        return Guess(profile, "frames", told, {"size": [32, 32]})
    if endings <= set(PICTURES):
        return _of_pictures(profile, base, told)
    if endings <= set(ARRAYS) and base is not None:
        try:
            array = content(base / first)
        except Unusable:
            return Guess(profile, "frames", f"{told}, which cannot be opened")
        if isinstance(array, np.ndarray):
            found = _of_arrays(profile, {array.shape: 1})
            if array.ndim == 2:
                found = Guess(profile, "image", f"arrays of shape {list(array.shape)}", otherwise=None)
            return Guess(profile, found.type if array.ndim > 1 else None, f"{told}, {found.why}", found.options)
    return Guess(profile, None, told)


def _of_pictures(profile: Profile, base: Path | None, told: str) -> Guess:
    """Pictures of one size as they are, others brought to one, both sides at most 64."""
    from PIL import Image, UnidentifiedImageError

    sizes = set()
    for name in list(profile.values)[:50]:
        try:
            with Image.open((base or Path()) / name) as image:
                sizes.add((image.height, image.width))
        except (OSError, ValueError, UnidentifiedImageError):
            continue
    if len(sizes) == 1 and max(next(iter(sizes))) <= 64:
        height, width = next(iter(sizes))
        return Guess(profile, "image", f"{told} of {height} x {width} pixels")
    return Guess(profile, "image", f"{told} of different sizes, or large" if sizes else told, {"size": [32, 32]})


def _of_numbers(profile: Profile) -> Guess:
    span = f"{profile.low:g} to {profile.high:g}"
    whole = profile.whole == profile.numeric
    few = profile.distinct <= min(20, profile.present // 3) and not profile.values.full
    if (
        whole
        and profile.all_differ
        and (ID.fullmatch(profile.name) or profile.high - profile.low == profile.present - 1)
    ):
        return Guess(profile, None, f"every value is another: it numbers the rows, {span}", role="id")
    if profile.padded:
        return _of_texts(profile)
    if whole and few:
        kinds = counted(profile.distinct, "different one")
        other = "number" if profile.distinct > 2 or profile.high > 20 else None  # 0 and 1 are no amounts
        return Guess(profile, "label", f"whole numbers {span}, {kinds}: classes", {"order": "value"}, otherwise=other)
    return Guess(profile, "number", f"numbers, {span}")


def _of_texts(profile: Profile) -> Guess:
    if profile.commas and profile.commas + profile.numeric >= 0.9 * profile.present:
        return Guess(profile, None, "numbers with a comma in them, which are none here")
    words, most = quantiles(profile.words)[0], max(profile.words, default=0)
    many = profile.values.full or profile.distinct > profile.present / 3 or profile.distinct > CLASSES
    if (separator := _separator(profile)) is not None:
        why = f"several of {len(profile.parted[separator])} labels with '{separator}' between them"
        blank = profile.missing - profile.nulls
        why += f", none in {counted(blank, 'row')}" if blank else ""
        return Guess(profile, "labels", why, {"separator": separator})
    if not many and words <= 3:
        return Guess(profile, "label", f"{profile.distinct} different values", otherwise=None)
    if most <= 1:
        sequence = len(profile.alphabet) <= LETTERS_OF_A_SEQUENCE and not any(map(str.isdigit, profile.alphabet))
        coded = any(map(str.isdigit, profile.alphabet)) or ID.fullmatch(profile.name) is not None
        if profile.all_differ and coded:
            return Guess(profile, None, "every value is another, in one word: it names the rows", role="id")
        if sequence and set("".join(profile.alphabet).upper()) <= DNA and len(profile.alphabet) > 2:
            return Guess(profile, "dna", "letters of DNA or RNA")
        if sequence or profile.all_differ or quantiles(profile.letters)[0] > 12:
            return Guess(
                profile, "text", f"letters without spaces, of {len(profile.alphabet)} kinds", {"level": "characters"}
            )
    if most <= 3 and ID.fullmatch(profile.name) and profile.all_differ:
        return Guess(profile, None, "every value is another: it names the rows", role="id")
    letters = quantiles(profile.letters)[0]
    if letters > 15 * max(words, 1):
        return Guess(profile, "text", "text with few spaces", {"level": "characters"})
    return Guess(profile, "text", f"texts, {_many(profile.tokens)} different words")


def _separator(profile: Profile) -> str | None:
    """What stands between labels of a column that holds several of a few."""
    for separator, pieces in profile.parted.items():
        often = profile.joined[separator] >= 0.05 * profile.present and sum(profile.words.values()) == profile.present
        few = not pieces.full and 2 <= len(pieces) <= min(CLASSES, max(profile.present // 3, 2))
        short = all(len(piece.split()) <= 3 for piece in pieces)
        if often and few and short and max(profile.words) < 20 and len(pieces) <= profile.distinct:
            return separator
    return None


def _many(tally: Any) -> str:
    return f"{len(tally):,}" + (" and more" if tally.full else "")


# ---------------------------------------------------------------------------------------------------------- ranges


def _ranges(profiles: list[Profile]) -> list[Profile]:
    """The profiles, runs of columns t0, t1, ... that hold numbers as one, whose values are lists."""
    found, at = list[Profile](), 0
    while at < len(profiles):
        run = _run(profiles[at:])
        if len(run) < WIDE:
            found.append(profiles[at])
            at += 1
            continue
        made = Profile(f"{run[0].name}..{run[-1].name}", f"{run[0].column}..{run[-1].column}")
        made.rows = run[0].rows
        made.missing = max(profile.rows - profile.numeric for profile in run)
        made.kinds["list"] = made.present
        made.steps[len(run)] = made.present
        made.shapes[()] = made.present * len(run)
        made.low, made.high = min(profile.low for profile in run), max(profile.high for profile in run)
        found.append(made)
        at += len(run)
    return found


def _run(profiles: list[Profile]) -> list[Profile]:
    run: list[Profile] = []
    before = None
    for profile in profiles:
        parts = NUMBERED.fullmatch(profile.name)
        this = (parts[1], int(parts[2])) if parts else None
        if this is None or not profile.numbers or (before is not None and this != (before[0], before[1] + 1)):
            break
        run.append(profile)
        before = this
    if run and isinstance(run[0].column, int) and run[0].distinct <= 20 < max(each.distinct for each in run):
        return []  # the first of columns without names is often a class
    if run and isinstance(run[-1].column, int) and run[-1].distinct <= 20 < max(each.distinct for each in run):
        run.pop()  # or the last
    return run

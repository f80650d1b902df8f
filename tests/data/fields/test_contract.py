"""Every field in configs/field: what holds of all of them. A new yaml needs a line in EXAMPLES."""

import io
import json
import math
import unicodedata
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image as Picture

from seqnet import configuration
from seqnet.build import locate
from seqnet.data.fields.field import BadValues, Block, UnknownLabels
from seqnet.errors import ConfigurationError, DataError
from seqnet.kinds import Axis, Item, Kind
from seqnet.specs import Image, Tokens, Vector

YAMLS = {path.stem: yaml.safe_load(path.read_text()) for path in (configuration.CONFIGS / "field").glob("*.yaml")}


def png(values: Any, mode: str | None = None) -> bytes:
    """Grey values or colours as the bytes of a PNG."""
    file = io.BytesIO()
    Picture.fromarray(np.array(values, np.uint8), mode).save(file, "PNG")
    return file.getvalue()


def tone(hertz: float, rate: int = 8000, seconds: float = 0.1) -> np.ndarray:
    """A sine."""
    return np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate).astype(np.float32)


@dataclass
class Example:
    """Values of a field, what comes back of them, what must be refused, and what each option changes."""

    values: list[Any]
    kind: Kind
    back: list[Any] | None = None  # decoded; None: the values themselves
    bad: list[tuple[Any, str]] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)  # that it is made with
    changes: dict[str, list[Any]] = field(default_factory=dict)  # values of each option; each changes something
    reads_later: bool = False  # what is wrong is seen when it is encoded


STEPS, ROW = Axis.STEP, Axis.ROW
WORDS = [["The", "cat", "sat"], ["A", "cat", "é2", "."]]
NUMBERS_CHANGE: dict[str, list[Any]] = {"scale": ["none"], "missing": ["mean", "zero", "unjudged"]}
PIXELS = [[0, 51, 255], [255, 102, 0]]
PICTURE_CHANGES: dict[str, list[Any]] = {"size": [[4, 4]], "channels": [3], "largest": [51.0]}
SOUND = {"array": tone(440), "sampling_rate": 8000}
EXAMPLES = {
    "text": Example(
        ["the cat", "The cat sat.", "café cafe\u0301"],
        Kind(Item.TOKEN, Axis.SEQUENCE, frozenset({"ranked", "open", "words"})),
        ["the cat", "The cat sat.", "café café"],
        [(None, "the text is missing"), (3, "it is no text but int"), ("  ", "there is no text")],
        changes={
            "level": ["characters", "bpe"],
            "tokenizer": ["punctuation"],
            "lower": [True],
            "normalise": [None],
            "vocabulary_size": [3],
            "min_count": [2],
            "vocabulary": ["other"],
            "max_length": [2],
        },
    ),
    "tokens": Example(
        [*WORDS, ["cafe\u0301"]],
        Kind(Item.TOKEN, STEPS, frozenset({"ranked", "open"})),
        [*WORDS, ["café"]],
        [
            ([], "no words"),
            (["a", 3], "word 2 is no text but 3"),
            (["a", " "], "word 2 is empty"),
            (7, "7 is not a list"),
        ],
        changes={"lower": [True], "vocabulary_size": [3], "min_count": [2], "normalise": [None]},
    ),
    "letters": Example(
        [*WORDS, ["cafe\u0301"]],
        Kind(Item.TOKEN, STEPS, frozenset({"ranked", "letters"})),
        [*WORDS, ["café"]],
        [([], "no words"), (None, "the value is missing")],
        changes={"most": [2], "lower": [True], "vocabulary_size": [4], "min_count": [2], "normalise": [None]},
    ),
    "word_shape": Example(
        [*WORDS, ["McDonald's", "cafe\u0301"]],
        Kind(Item.TOKEN, STEPS, frozenset({"ranked", "open"})),
        [["Xxx", "xx", "xx"], ["X", "xx", "xd", "."], ["XxXxx'x", "xx"]],
        [([], "no words")],
        changes={"run": [1, 3], "vocabulary_size": [3], "min_count": [2], "normalise": [None]},
    ),
    "sentences": Example(
        [["The cat sat.", "A cat sat"], "It rained. It poured!\nWho cares", ["cafe\u0301 ."]],
        Kind(Item.TOKEN, STEPS, frozenset({"ranked", "letters"})),
        [["The cat sat.", "A cat sat"], ["It rained.", "It poured!", "Who cares"], ["café ."]],
        [
            ([], "no words"),
            (None, "missing"),
            (["a", 3], "word 2 is no text but 3"),
            (["a", " "], "word 2 is empty"),
        ],
        changes={
            "most": [2],
            "tokenizer": ["punctuation"],
            "lower": [True],
            "vocabulary_size": [4],
            "min_count": [2],
            "normalise": [None],
        },
    ),
    "label": Example(
        ["10", 9, True, "cat", " cat", 9.0],
        Kind(Item.LABEL, ROW),
        ["10", "9", "true", "cat", "cat", "9"],
        [
            (None, "missing"),
            ("", "missing"),
            (0.5, "0.5 is neither a name nor a whole number"),
            ([1], "neither a name"),
        ],
        changes={"axis": ["step"], "order": ["frequency", "value"]},
    ),
    "labels": Example(
        ["urgent, billing", "", ["billing"], "9", "10,9"],
        Kind(Item.LABELS, ROW),
        [["billing", "urgent"], [], ["billing"], ["9"], ["10", "9"]],
        [(None, "labels are missing"), (7, "7 is not a list"), ([0.5], "neither a name")],
        changes={"separator": [" ", ";"], "axis": ["step"], "order": ["frequency", "value"]},
    ),
    "tags": Example(
        [["O", "B-PER", "I-PER"], "I-LOC O B-LOC", ["O"]],
        Kind(Item.LABEL, STEPS),
        [["O", "B-PER", "I-PER"], ["I-LOC", "O", "B-LOC"], ["O"]],
        [([], "no labels"), (None, "missing"), ([0.5], "neither a name")],
        changes={"scheme": ["BIO", "BIOES", "IOB1"], "convert_back": [True], "order": ["frequency"]},
    ),
    "tree": Example(
        ["(S (NP (DT the) (NN dog)) (VP (VBZ barks)))", "( (S-TPC-1 (NP=2 (NN it)) (VP (VBZ is) (ADJP (JJ so)))))"],
        Kind(Item.TOKEN, Axis.SEQUENCE, frozenset({"ranked", "open"})),
        ["(S (NP XX XX ) (VP XX ) )", "(S (NP XX ) (VP XX (ADJP XX ) ) )"],
        [
            (None, "the text is missing"),
            ("(S (NP (DT the))", "1 of the brackets are not closed"),
            ("(S (NN it)) (S (NN it))", "2 trees where there must be one"),
            ("(S (NN it)))", "'[)]' stands outside of the brackets"),
            ("it rains", "'it' stands outside"),
            ("(S (NP ) (NN it))", "the phrase '[(]NP' is empty"),
            ("(NN it)", "a tree is one phrase with a label"),
            ("((S (NN a)) (S (NN b)))", "a tree is one phrase with a label"),
        ],
        changes={"word_tags": [False], "well_formed": [False], "max_length": [3]},
    ),
    "number": Example(
        ["1.5", 2, -3.25, "1e3"],
        Kind(Item.NUMBER, ROW),
        [1.5, 2.0, -3.25, 1000.0],
        [
            ("abc", "'abc' is not a number"),
            ("1,5", "decimals are written with a point"),
            ("1,500", r"write 1500 \(or 1\.500, if it is a decimal\)"),
            ("", "a number is missing"),
            (None, "a number is missing"),
            (True, "true is not a number"),
            ("1_000", "'1_000' is not a number"),
            (math.inf, "not a finite number"),
            (10**400, "not a finite number"),
            ([1], "is not a number"),
        ],
        changes={**NUMBERS_CHANGE, "scale": ["none", "log"], "mask": [True]},
    ),
    "numbers": Example(
        [["1.5", 2], [-3.25, "1e3"], "4 5"],
        Kind(Item.NUMBER, ROW),
        [[1.5, 2.0], [-3.25, 1000.0], [4.0, 5.0]],
        [
            (["a", 1], "entry 1: 'a' is not a number"),
            ([1], "1 number where there must be 2"),
            (None, "missing"),
            ([None, 1], "number is missing"),
        ],
        changes={**NUMBERS_CHANGE, "scale": ["none", "log"], "mask": [True]},
    ),
    "vector": Example(
        [[1, 2, 3.5], "[4, 5, 6]", np.array([7.0, 8.0, 9.0])],
        Kind(Item.NUMBER, ROW),
        [[1.0, 2.0, 3.5], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]],
        [([1, 2], "2 numbers where there must be 3"), ([1, None, 2], "a number is missing"), ([[1]], "holds lists")],
        changes={"width": [2], "scale": ["standard"]},
    ),
    "series": Example(
        [[1, 2, 3.5], "4,5", np.array([7.0])],
        Kind(Item.NUMBER, STEPS),
        [[1.0, 2.0, 3.5], [4.0, 5.0], [7.0]],
        [
            ([], "the list is empty"),
            ("0,84 0,76", "commas stand within the numbers of '0,84 0,76'; write decimals with a point"),
            ("0,84;0,76", "commas stand within"),
            ([[1, 2]], "2 numbers where there must be 1"),
            ([1, [2]], "as many numbers each"),
            ([1, "x"], "entry 2: 'x' is not a number"),
            ([1, None], "a number is missing"),
            (None, "the value is missing"),
            ([[[1.0]]], "lists of lists"),
        ],
        changes={
            "scale": ["none", "window"],
            "season": [2],
            "missing": ["mean", "zero", "last", "unjudged"],
            "mask": [True],
            "known_ahead": [True],
        },
    ),
    "time": Example(
        [["2024-05-31 06:00", "2024-06-01T18:00:00Z"], "2024-02-29"],
        Kind(Item.NUMBER, STEPS, frozenset({"ahead"})),
        [[0.25, 0.75], [0.0]],
        [("31.5.2024", "'31.5.2024' is not a time stamp"), ([None], "a time stamp is missing"), ([], "no time stamps")],
        changes={
            "part": ["minute", "weekday", "day", "month", "yearday"],
            "form": ["label"],
            "axis": ["row"],
            "pattern": ["%d.%m.%Y"],
        },
    ),
    "image": Example(
        [png(PIXELS), {"bytes": png(PIXELS)}, np.array(PIXELS, np.uint8)],
        Kind(Item.PIXEL, Axis.GRID),
        [[[0, 0.2, 1], [1, 0.4, 0]]] * 3,
        [
            (b"GIF9 no picture", "no picture that can be read"),
            (png(PIXELS)[:-28], "the picture cannot be read"),
            ("nowhere.png", "there is no file nowhere.png"),
            (np.zeros((2, 3, 4)), r"shape \[2, 3, 4\]"),
            (np.array([[math.nan]]), "not a finite number"),
            (png([[1, 2]]), "1 x 2 pixels where the first has 2 x 3"),
            (None, "the value is missing"),
        ],
        changes=PICTURE_CHANGES,
        reads_later=True,
    ),
    "frames": Example(
        [np.array([PIXELS, PIXELS], np.uint8), np.array([PIXELS] * 3, np.uint8)],
        Kind(Item.PIXEL, Axis.SEQUENCE),
        [[[[0, 0.2, 1], [1, 0.4, 0]]] * 2, [[[0, 0.2, 1], [1, 0.4, 0]]] * 3],
        [
            (np.zeros((2, 3)), r"where a clip has \[time, height, width\]"),
            (np.zeros((0, 2, 3)), "no frame"),
            (b"x", "no picture"),
            (np.array([[PIXELS]], np.uint8), r"shape \[1, 2, 3\]"),
        ],
        changes={**PICTURE_CHANGES, "most": [1]},
        reads_later=True,
    ),
    "audio": Example(
        [SOUND, {"array": tone(880), "sampling_rate": 8000}],
        Kind(Item.NUMBER, Axis.SEQUENCE),
        [],
        [
            ({"array": tone(440), "sampling_rate": 50}, "50 samples a second, which is not sound"),
            (tone(440), "does not say its rate"),
            (b"RIFF no sound", "no recording that can be read"),
            (np.zeros((2, 3, 4)), "is no recording"),
            ({"array": np.array([math.inf]), "sampling_rate": 8000}, "not a finite number"),
        ],
        changes={
            "rate": [4000],
            "features": ["raw"],
            "bands": [20],
            "window_ms": [64.0],
            "hop_ms": [8.0],
            "standardise": [False],
            "mask_bands": [2],
            "mask_time": [0.2],
        },
        reads_later=True,
    ),
    "dna": Example(
        ["ACGTN", "acgu"],
        Kind(Item.TOKEN, STEPS),
        ["ACGTN", "ACGT"],
        [
            ("ACGX", "letter 4: 'X' is none of A, C, G, T, U and N"),
            ("", "there are no letters"),
            (None, "the sequence is missing"),
        ],
        changes={"both_strands": [True]},
    ),
    "roll": Example(
        [[[60, 64], [], [21]], [[108]]],
        Kind(Item.LABELS, STEPS),
        None,
        [
            ([[20]], "step 1: 20 is outside 21 to 108"),
            ([[60], [60.5]], "step 2: 60.5 is not a MIDI note"),
            ([60], "step 1: 60 is not a list of notes"),
            ([], "is not a list of steps"),
            (None, "the piece is missing"),
        ],
        changes={"lowest": [20, 22], "highest": [109], "transpose": [2]},
    ),
}
NAMES = sorted(YAMLS)


def made(name: str, **options: Any) -> Any:
    written = {key: value for key, value in YAMLS[name].items() if key not in ("_target_", "column")}
    return locate(YAMLS[name]["_target_"], None)(**{**written, **EXAMPLES[name].options, **options})


def fitted(name: str, blocks: list[list[Any]] | None = None, **options: Any) -> Any:
    found = made(name, **options)
    for block in [EXAMPLES[name].values] if blocks is None else blocks:
        found.observe(block)
    found.learned()
    return found


def same(one: Block, other: Block) -> bool:
    alike = one.flat.dtype == other.flat.dtype and one.flat.shape == other.flat.shape
    exact = one.flat.dtype.kind in "ui"
    equal = (
        np.array_equal(one.flat, other.flat) if exact else np.allclose(one.flat, other.flat, rtol=1e-6, equal_nan=True)
    )
    return alike and equal and np.array_equal(one.lengths, other.lengths)


def rows(block: Block) -> list[np.ndarray]:
    return np.split(block.flat, block.lengths.cumsum()[:-1])


def test_every_yaml_has_an_example() -> None:
    assert sorted(EXAMPLES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_its_kind_is_known_before_and_its_column_is_what_it_says(name: str) -> None:
    field = made(name)
    assert field.kind == EXAMPLES[name].kind
    field.observe(EXAMPLES[name].values)
    space = field.learned()
    block = field.encode(EXAMPLES[name].values)
    assert field.kind == EXAMPLES[name].kind
    assert block.flat.dtype in (np.uint8, np.int16, np.int32, np.float32) and block.lengths.dtype == np.int64
    assert len(block.lengths) == len(EXAMPLES[name].values) and block.lengths.sum() == len(block.flat)
    if field.kind.axis is ROW:
        assert (block.lengths == 1).all()
    if isinstance(space, Tokens):
        assert block.flat.dtype.kind in "ui" and 0 <= block.flat.min() <= block.flat.max() < space.size
    if isinstance(space, Vector):
        assert block.flat.shape[1:] == (space.size,)
    if isinstance(space, Image):
        assert block.flat.shape[-1] == space.width and (field.kind.axis is Axis.SEQUENCE) == (block.flat.ndim == 3)


@pytest.mark.parametrize("name", NAMES)
def test_block_by_block_it_learns_the_same(name: str) -> None:
    values = EXAMPLES[name].values
    whole, apart = fitted(name), fitted(name, [[value] for value in values])
    assert same(whole.encode(values), apart.encode(values))
    parts = [whole.encode([value]) for value in values]
    together = Block(np.concatenate([part.flat for part in parts]), np.concatenate([part.lengths for part in parts]))
    assert same(together, whole.encode(values))
    nothing = whole.encode([])
    assert len(nothing.flat) == len(nothing.lengths) == 0
    assert nothing.flat.shape[1:] == together.flat.shape[1:] and nothing.flat.dtype == together.flat.dtype


@pytest.mark.parametrize("name", NAMES)
def test_what_it_learned_is_json_and_comes_back(name: str) -> None:
    field, again = fitted(name), made(name)
    again.restore(json.loads(json.dumps(field.state())))
    assert json.dumps(again.state()) == json.dumps(field.state())
    assert same(again.encode(EXAMPLES[name].values), field.encode(EXAMPLES[name].values))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_decoded_is_what_was_encoded(name: str) -> None:
    example = EXAMPLES[name]
    field = fitted(name)
    found = [field.decode(row) for row in rows(field.encode(example.values))]
    json.dumps(found)
    if name != "audio":  # of its bands no recording can be made
        assert found == (example.values if example.back is None else example.back)
    if name not in ("audio", "time"):  # nor of an hour a date
        again = fitted(name, [found])
        wanted = [unicodedata.normalize("NFC", one) if isinstance(one, str) else one for one in found]
        assert [again.decode(row) for row in rows(again.encode(found))] == wanted or name == "word_shape"


@pytest.mark.parametrize("name", NAMES)
def test_all_bad_values_of_a_block_are_told_at_once_and_change_nothing(name: str) -> None:
    example = EXAMPLES[name]
    field = fitted(name)
    for bad, said in example.bad:
        block = [example.values[0], bad, example.values[0], bad]
        with pytest.raises(BadValues, match=said) as caught:
            field.encode(block)
        assert sorted(caught.value.problems) == [1, 3], bad
        learning = made(name)
        learning.observe(example.values[:1])
        if not example.reads_later:
            with pytest.raises(BadValues, match=said) as caught:
                learning.observe(block)
            assert sorted(caught.value.problems) == [1, 3]
        learning.learned()
        assert json.dumps(learning.state()) == json.dumps(fitted(name, [example.values[:1]]).state())


def fingerprint(name: str, **options: Any) -> Any:
    """What can be seen from outside of a field that is made with these options."""
    values = EXAMPLES[name].values
    try:
        field = made(name, **options)
    except ConfigurationError as error:
        assert "data.fields.*." in str(error)
        return "refused"
    seen = [field.kind, getattr(field, "vocabulary", None) if name == "text" else None]
    for block in ([value] for value in [*values, *(bad for bad, _ in EXAMPLES[name].bad)]):
        try:
            field.observe(block)
        except BadValues as error:
            seen.append(error.problems)
    seen.append(field.grammar(("(S", ")", "XX"), 3) if name == "tree" else None)
    seen += [field.learned(), *(getattr(field, one, None) for one in ("by_window", "augment", "vary"))]
    seen += [getattr(field, "season", None)]  # of the data set that forecasts
    for value in [*values, *(bad for bad, _ in EXAMPLES[name].bad)]:
        try:
            block = field.encode([value])
            seen += [block.flat.tolist(), block.lengths.tolist(), repr(field.decode(rows(block)[0]))]
        except BadValues as error:
            seen.append(error.problems)
    return repr(seen)


OPTIONS = [(name, option) for name in NAMES for option in YAMLS[name] if option not in ("_target_", "column")]


@pytest.mark.parametrize(("name", "option"), OPTIONS)
def test_every_option_changes_something_or_is_refused(name: str, option: str) -> None:
    assert EXAMPLES[name].changes[option]
    plain = fingerprint(name)
    for value in EXAMPLES[name].changes[option]:
        assert value != YAMLS[name][option]
        assert fingerprint(name, **{option: value}) != plain, value


@pytest.mark.parametrize(("name", "option"), OPTIONS)
def test_a_value_out_of_range_is_refused(name: str, option: str) -> None:
    default = YAMLS[name][option]
    if isinstance(default, bool) or option in ("vocabulary", "pattern"):
        return
    nonsense = {"separator": "", "normalise": "NFQ", "channels": 2, "size": [0, 3]}
    wrong = nonsense.get(option, "nonsense" if isinstance(default, str) else -1)
    with pytest.raises(ConfigurationError, match=rf"data\.fields\.\*\.{option}|{option}"):
        made(name, **{option: wrong})


HOSTILE: list[Any] = [
    {},
    {"a": 1},
    "text",
    [[]],
    [None],
    1.5,
    -1,
    True,
    10**30,
    [0, 0],
    [True, True],
    ["<unk>", "<unk>"],
    ["<pad>", "<unk>", "<unk>"],
    ["<unk>", "\ud800"],
    ["<pad>", "<unk>", 3],
    {"mean": [0.0], "deviation": [0.0], "digits": [4]},
    {"mean": [0.0], "deviation": [math.nan], "digits": [4]},
    {"mean": [0.0], "deviation": [1.0, 1.0], "digits": [4]},
    {"mean": [0.0], "deviation": ["1"], "digits": [4]},
    {"mean": [math.inf], "deviation": [1.0], "digits": [4]},
    {"mean": [10**400], "deviation": [1.0], "digits": [4]},
    {"mean": [], "deviation": [], "digits": []},
    {"mean": [0.0], "deviation": [-1.0], "digits": [4]},
    {"mean": [0.0], "deviation": [1.0], "digits": [4], "more": 1},
    {"mean": [0.0], "deviation": [1.0], "digits": [99]},
    {"mean": [0.0], "deviation": [1.0], "digits": [4, 4]},
    {"mean": [0.0], "deviation": [1.0], "digits": [True]},
    {"mean": [0.0], "deviation": [1.0]},
    {"level": "words", "tokens": ["a"]},
    {"level": "characters", "tokens": ["<unk>", "a"]},
    [1 << 40, 1 << 40],
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("state", HOSTILE, ids=lambda state: ascii(state)[:40])
def test_a_hostile_state_is_refused(name: str, state: Any) -> None:
    with pytest.raises(DataError, match="stored"):
        made(name).restore(state)


@pytest.mark.parametrize("name", ["label", "labels", "tags"])
def test_a_label_that_training_never_saw_is_told_apart(name: str) -> None:
    field = fitted(name)
    value = {"label": "dog", "labels": ["dog"], "tags": ["O", "dog"]}[name]
    with pytest.raises(UnknownLabels, match="'dog' does not occur in the training rows$") as caught:
        field.encode([EXAMPLES[name].values[0], value])
    assert list(caught.value.problems) == [1]
    assert len(caught.value.block.lengths) == 2
    with pytest.raises(BadValues) as worse:
        field.encode([value, EXAMPLES[name].bad[0][0]])
    assert not isinstance(worse.value, UnknownLabels) and list(worse.value.problems) == [1]

"""run.py beside what it stands for: fields, objectives and decodings of seqnet give the same."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqnet.attention.memory import memory
from seqnet.data.examples import Ragged
from seqnet.data.fields.dna import DnaField
from seqnet.data.fields.label import LabelField
from seqnet.data.fields.labels import LabelsField
from seqnet.data.fields.letters import LettersField
from seqnet.data.fields.number import NumberField
from seqnet.data.fields.numbers import NumbersField
from seqnet.data.fields.sentences import SentencesField
from seqnet.data.fields.series import SeriesField
from seqnet.data.fields.text import TextField
from seqnet.data.fields.time import TimeField
from seqnet.data.fields.tokens import TokensField
from seqnet.data.fields.vector import VectorField
from seqnet.data.fields.word_shape import WordShapeField
from seqnet.data.references import lagged
from seqnet.data.scaled_so_far import SoFar
from seqnet.data.teacher_forcing import with_ends, writing
from seqnet.decoding.beam import Beam
from seqnet.decoding.greedy import Greedy
from seqnet.decoding.hypothesis import Start
from seqnet.decoding.sampling import Sampling
from seqnet.errors import ConfigurationError
from seqnet.exported import described
from seqnet.exporting import run
from seqnet.objectives.classification import Classification
from seqnet.objectives.crf import Crf
from seqnet.objectives.fvsbn import Fvsbn
from seqnet.objectives.gaussian import Gaussian
from seqnet.objectives.multi_label import MultiLabel
from seqnet.objectives.nade import Nade
from seqnet.objectives.quantile import Quantile
from seqnet.objectives.regression import Regression
from seqnet.specs import Scale, Tokens, Vector
from seqnet.state import HiddenState
from seqnet.tasks.evaluator import decided

TEXTS = [
    "The cat's   mat, at 12:30!\n\nWe'll see  \t it\u00b2 -- caf\u00e9 na\u00efve \u0130stanbul \u4f60\u597d",
    "\U0001f600 x\u2028y don't \u0663\u0664 \r\n  end ",
    "  'tis (well) 'D'oh'' they'rent  a1b2 \u00a0\u3000 \x85tail\n\n\n ",
    "Zo\u0065\u0308 e\u0301! It\u2019s \u00bd a \u2167 \ufb01le.",
]
ANY_TEXT = st.text(min_size=1, max_size=40).filter(str.strip)


def same(field: Any, value: Any) -> None:
    """run.py reads a value as the field does."""
    wanted = field.encode([value]).flat
    found = run.READERS[described(field, "it")["kind"]](described(field, "it")).encode(value)
    assert found.shape[1:] == wanted.shape[1:]
    assert np.array_equal(found, wanted.astype(found.dtype)), (value, found, wanted)


def learned(field: Any, values: list[Any]) -> Any:
    field.observe(values)
    field.learned()
    return field


TEXT_FIELDS = [
    learned(TextField("characters", normalise="NFKC"), TEXTS),
    learned(TextField("words", tokenizer="punctuation", lower=True), TEXTS),
    learned(TextField("words", min_count=2, normalise=None), TEXTS * 2 + ["once"]),
    learned(TextField("bpe", vocabulary_size=300), TEXTS * 3),
]


@pytest.mark.parametrize("field", TEXT_FIELDS, ids=["characters", "punctuation", "rare", "bpe"])
@settings(max_examples=15, deadline=None, derandomize=True)
@given(drawn=ANY_TEXT)
def test_texts_are_read_and_written_as_their_field_does(field: Any, drawn: str) -> None:
    reader = run.Text(described(field, "it"))
    for text in (drawn, *TEXTS):
        same(field, text)
        ids = field.encode([text]).flat.astype(int).tolist()
        assert reader.decode(ids) == field.encoding.decode(ids)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(text=st.text(alphabet=" '\n\tastrevmdlAé12²½!-\u00a0\u3000你", max_size=12))
def test_byte_pairs_are_cut_as_their_library_cuts_them(text: str) -> None:
    import tokenizers

    cut = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    known = run.BytePairs({}, [])
    wanted = [piece for piece, _ in cut.pre_tokenize_str(text)]
    assert ["".join(known.letters[byte] for byte in piece.encode()) for piece in run.pieces(text)] == wanted


def test_running_text_knows_where_lines_end() -> None:
    field = TextField("words")
    field.stream()
    learned(field, ["a b\nc a\n"])
    reader = run.Text(described(field, "it"))
    for text in ("a b\nc", "\n", "b\n\nc a z"):
        same(field, text)
        ids = field.encode([text]).flat.astype(int).tolist()
        assert reader.decode(ids) == field.encoding.decode(ids)
        assert reader.decode(ids[:1]) + reader.decode(ids[1:], reader.decode(ids[:1])) == reader.decode(ids)


WORDS = ["Apple's NATO 2024 met", "a b c apple Zoe\u0301 e\u0301"]


@pytest.mark.parametrize(
    "field",
    [
        TokensField(lower=True),
        TokensField(normalise="NFKC", min_count=2),
        WordShapeField(),
        WordShapeField(run=1),
        LettersField(most=3),
        SentencesField(most=4, tokenizer="punctuation"),
    ],
)
def test_words_are_read_as_their_field_does(field: Any) -> None:
    learned(field, WORDS)
    for value in (*WORDS, "Zoë's APPLES!! x-9\u2167 ab", ["one", "More\u00b2"], "A b. C d e f g?  h"):
        same(field, value)


PARTS: list[tuple[Any, Any]] = [
    *[(part, "cycle") for part in ("minute", "hour", "weekday", "day", "month")],
    *[(part, "label") for part in ("minute", "hour", "weekday", "day", "month", "yearday")],
]


@pytest.mark.parametrize(
    ("field", "values"),
    [
        (NumberField(), [1, 2.5, "4"]),
        (NumberField("log", missing="mean"), [1, 2.5, None, "1e3"]),
        (NumbersField("standard", missing="zero", mask=True), [[1, None], [2, 3], [4.5, 6]]),
        (VectorField(scale="standard"), [[1, 2], [3, 5.5]]),
        (SeriesField(missing="last"), [[1, 2, None, 4], "3 4; na", [None, 7]]),
        (SeriesField("none"), [[[1, 2], [3, 4]], [[5, 6]]]),
        (SeriesField("standard", missing="mean", mask=True), [[1, 2, None, 4], [5]]),
        (DnaField(), ["acgtNU", "TTT"]),
        (LabelField(), ["b", "a", 3, True]),
        (LabelField("step"), [["b", "a"], "a b a"]),
        *[(TimeField(part, form), [["2024-02-29 13:45", 1e9], "2023-12-31"]) for part, form in PARTS],
        (TimeField("hour", axis="row", pattern="%d.%m.%Y %H h"), ["3.10.1990 07 h"]),
        (LabelsField(), ["a,b", [], ["b"]]),
        (LabelsField(axis="step"), [["a,b", "a"], [["b"], []]]),
    ],
)
def test_other_values_are_read_as_their_field_does(field: Any, values: list[Any]) -> None:
    learned(field, values)
    for value in values:
        same(field, value)


def test_a_part_that_says_nothing_of_itself_is_refused_by_its_name() -> None:
    class Mine(LabelField):
        """Does something else."""

    with pytest.raises(ConfigurationError, match=r"data\.fields\.tag is of .*Mine, which does not say how"):
        described(Mine(), "data.fields.tag")


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        (learned(NumberField(), [1, 2]), "x", '"x" is not a finite number'),
        (learned(NumberField(), [1, 2]), None, "a number is missing"),
        (learned(SeriesField("none"), [[[1, 2]]]), [[1, 2], [3]], "1 number where there must be 2"),
        (learned(LabelField(), ["a", "b"]), "c", "'c' is none of a, b"),
        (learned(TokensField(), ["a b"]), ["a", 3], "it must be a list of words"),
        (DnaField(), "ACX", "not 'X'"),
        (TEXT_FIELDS[0], "  ", "there is no text"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(field: Any, value: Any, sentence: str) -> None:
    with pytest.raises(run.Problem, match=sentence):
        run.READERS[described(field, "it")["kind"]](described(field, "it")).encode(value)


@pytest.mark.parametrize("season", [None, 4])
def test_a_series_is_scaled_by_what_was_read_so_far(season: int | None) -> None:
    values = np.random.default_rng(0).normal(5, 3, (30, 2)).astype(np.float32)
    values[3:6] = values[2]
    column = Ragged.of([torch.from_numpy(values)])
    wanted, found = SoFar.of(column, season), run.so_far(values, season)
    assert np.allclose(found.centre, wanted.centre.numpy(), rtol=1e-6)
    assert np.allclose(found.deviation, wanted.deviation.numpy(), rtol=1e-5)
    assert np.array_equal(run.lagged(values, 3), lagged(column, 3).numpy(), equal_nan=True)


# --------------------------------------------------------------------------------------------------------- objectives


NAMES = Tokens(("a", "b", "c"))
NUMBERS = Vector(2, ("x", "y"), scale=Scale((1.0, 2.0), (3.0, 0.5), log=True), digits=(4, 6))


def chained(cls: Any) -> Any:
    """An objective whose labels depend much on each other."""
    made = cls(Vector(4, ("a", "b", "c", "d")))
    for weight in made.links.parameters():
        torch.nn.init.normal_(weight, std=3, generator=torch.Generator().manual_seed(3)).requires_grad_(False)
    return made


@pytest.mark.parametrize(
    "objective",
    [
        Classification(NAMES),
        Classification(Tokens(("no", "yes")), one_logit=True),
        Classification(Tokens(NAMES.names, commonest=1), bias=0.75),
        Classification(Tokens(("no", "yes"), commonest=1), one_logit=True, bias=0.75),
        MultiLabel(Vector(3, ("a", "b", "c")), threshold=0.3),
        chained(Fvsbn),
        chained(Nade),
        Regression(NUMBERS),
        Regression(Vector(1)),
        Quantile(NUMBERS),
        Gaussian(NUMBERS),
    ],
    ids=lambda one: type(one).__name__,
)
def test_answers_are_told_as_their_objective_does(objective: Any) -> None:
    logits = torch.randn(20, objective.out_features, generator=torch.Generator().manual_seed(1))
    judge = run.JUDGES[described(objective, "objective")["kind"]](described(objective, "objective"))
    wanted, scores = decided(objective, torch.nn.Identity(), logits)
    found = judge(logits.numpy())
    told, shares = [one for one, _ in found], [share for _, share in found]
    assert shares == [None if score is None else pytest.approx(score, rel=1e-5) for score in scores]
    for one, other in zip(told, wanted, strict=True):
        assert one == other if objective.judges[0].value != "number" else _flat(one) == pytest.approx(_flat(other))
    if hasattr(objective, "probabilities"):
        assert np.allclose(judge.probabilities(logits.numpy()), objective.probabilities(logits).numpy(), atol=1e-6)


def _flat(answer: Any) -> list[float]:
    if isinstance(answer, dict):
        answer = list(answer.values())
    return [each for part in answer for each in _flat(part)] if isinstance(answer, list) else [answer]


def test_tags_of_a_row_are_found_together() -> None:
    torch.manual_seed(0)
    objective = Crf(Tokens(("O", "B-X", "I-X")))
    head = objective.output_layer(4)
    for weight in head.parameters():
        torch.nn.init.normal_(weight)
    judge = run.Chain({**described(objective, "objective"), **objective.exported_weights(head)})
    for steps in (1, 2, 9):
        features = torch.randn(steps, 4)
        with torch.no_grad():
            tags, likely = head.decide(features, torch.tensor([steps]))
            found = judge(objective.exported_layer(head)(features).numpy())
        assert [tag for tag, _ in found] == [objective.explain(tag) for tag in tags.tolist()]
        assert [share for _, share in found] == pytest.approx(likely.tolist(), abs=1e-5)


# ---------------------------------------------------------------------------------------------------------- decoding


class Table:
    """A model whose next token depends on the last two, by a table; it looks at a source of 3 positions."""

    def __init__(self, tokens: int, seed: int) -> None:
        random = torch.Generator().manual_seed(seed)
        self.logits = torch.randn(tokens, tokens, tokens, generator=random) * 2
        self.looks = torch.rand(tokens, 3, generator=random).softmax(-1)

    def step(self, inputs: Any, state: Any, memory: Any) -> Any:
        before = state.hidden[:, 0].long()
        return (
            self.logits[before, inputs].clone(),
            HiddenState(inputs[:, None].float()),
            self.looks[inputs][:, None],
        )

    # what onnxruntime's session has

    def get_inputs(self) -> list[Any]:
        return [_Named("inputs"), _Named("state.0")]

    def get_outputs(self) -> list[Any]:
        return [_Named("logits"), _Named("attention"), _Named("new.state.0")]

    def run(self, names: list[str], given: dict[str, Any]) -> list[Any]:
        state = HiddenState(torch.from_numpy(given["state.0"]))
        logits, new, looks = self.step(torch.from_numpy(given["inputs"]), state, None)
        return [logits.numpy(), looks.mean(1).numpy(), new.hidden.numpy()]


class _Named:
    def __init__(self, name: str) -> None:
        self.name = name


MEMORY = [np.zeros((2, 1))]  # that the table does not look at
LIMITS: list[dict[str, Any]] = [{}, {"min_length": 4}, {"no_repeat_ngram": 2}, {"max_length": 3}]
BEAMS = [
    {"beam_size": 5, "n_best": 3},
    {"beam_size": 1},
    {"beam_size": 4, "n_best": 2, "length_penalty": 0.0},
    {"beam_size": 3, "coverage_penalty": 0.5, "n_best": 3},
    {"beam_size": 12},
]


def _both(tokens: int, seed: int) -> tuple[Table, Any, dict[str, Any], Any]:
    table, how = Table(tokens, seed), writing(with_ends(tuple(map(str, range(tokens - 2)))), 8, (0,))
    said = {"begin": how.begin, "end": how.end, "forbidden": list(how.forbidden), "longest": how.longest}
    return table, how, said, memory(torch.zeros(2, 3, 1), torch.zeros(2, 3, 1), None)


@pytest.mark.parametrize("limits", LIMITS, ids=str)
@pytest.mark.parametrize("beams", BEAMS, ids=str)
def test_a_beam_finds_the_same(beams: dict[str, Any], limits: dict[str, Any]) -> None:
    for tokens, seed in ((4, 0), (7, 1), (30, 2)):
        table, how, said, looked = _both(tokens, seed)
        wanted = Beam(**beams, **limits).decode(
            table, Start(looked, HiddenState(torch.tensor([[1.0], [0.0]])), how, looks=True)
        )
        for row, start in enumerate((1.0, 0.0)):
            steps = run.Steps(table, [np.array([[start]], np.float32)], MEMORY)
            first = np.array([said["begin"]])
            found = run.beam(steps, first, run.Decoding("beam", **beams, **limits), said)
            assert [(one.ids, one.ended, one.looked) for one in found] == [
                (one.ids, one.ended, one.looked) for one in wanted[row]
            ]
            assert [one.score for one in found] == pytest.approx([one.score for one in wanted[row]], rel=1e-5)


@pytest.mark.parametrize("limits", LIMITS, ids=str)
def test_greedy_writes_the_same(limits: dict[str, Any]) -> None:
    for tokens, seed in ((4, 0), (7, 1), (30, 2)):
        table, how, said, looked = _both(tokens, seed)
        wanted = Greedy(**limits).decode(
            table, Start(looked, HiddenState(torch.tensor([[1.0], [0.0]])), how, looks=True)
        )
        steps = run.Steps(table, [np.array([[1.0], [0.0]], np.float32)], MEMORY)
        first = np.full(2, said["begin"])
        found = run.written_by(steps, first, run.Decoding(**limits), said, None)
        assert [(row[0].ids, row[0].ended, row[0].looked) for row in found] == [
            (row[0].ids, row[0].ended, row[0].looked) for row in wanted
        ]
        assert [row[0].score for row in found] == pytest.approx([row[0].score for row in wanted], rel=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"temperature": 0.5},
        {"top_k": 3},
        {"top_p": 0.6},
        {"top_k": 4, "top_p": 0.7, "temperature": 2.0},
        {"min_p": 0.3},
        {"typical_p": 0.6},
        {"top_k": 5, "min_p": 0.2, "typical_p": 0.7, "temperature": 2.0},
    ],
)
def test_tokens_are_drawn_of_the_same_distribution(options: dict[str, Any]) -> None:
    logits, draws = torch.randn(1, 6, generator=torch.Generator().manual_seed(3)), 20_000
    found = run.Decoding("sampling", **options).choose(
        np.repeat(run.log_softmax(logits.numpy()), draws, 0), np.random.default_rng(1)
    )
    from seqnet.decoding.sampling import sample

    asked = {"temperature": 1.0, "top_k": None, "top_p": None, **options}
    wanted = sample(logits.expand(draws, -1), generator=torch.Generator().manual_seed(2), **asked)
    ours, theirs = np.bincount(found, minlength=6) / draws, wanted.bincount(minlength=6).numpy() / draws
    assert np.abs(ours - theirs).max() < 0.015
    assert ((ours > 0) == (theirs > 0)).all()
    Sampling(**options)  # takes the same options


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("name", "best"),
        ("temperature", -1.0),
        ("top_k", 0),
        ("top_p", 1.5),
        ("beam_size", 0),
        ("n_best", 6),
        ("length_penalty", -1.0),
        ("min_length", -1),
        ("max_length", 0),
    ],
)
def test_an_option_out_of_range_is_refused(option: str, value: Any) -> None:
    with pytest.raises(run.Problem) as refused:
        run.Decoding(**{option: value}).checked()
    assert refused.value.exit_code == 2


def test_lines_are_json() -> None:
    answer = {"prediction": [1.5, float("nan"), {"low": float("-inf")}], "score": None}
    assert run.as_line(answer) == '{"prediction": [1.5, null, {"low": null}], "score": null}\n'


def test_an_option_without_effect_is_called_as_it_is_typed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "Model", lambda: SimpleNamespace(asks="row"))
    for option in ("--length", "--beam-size", "--temperature"):
        assert run.main([option, "1"]) == 2
        assert capsys.readouterr().err == f"run.py: {option} is of a model that writes, and this one does not\n"

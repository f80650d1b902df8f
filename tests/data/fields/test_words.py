"""Words, their letters and shapes, labels and tags: worked out by hand, and as the source of taggings has them."""

from typing import Any

import numpy as np
import pytest

from seqnet.batch import IGNORE
from seqnet.data.fields import schemes
from seqnet.data.fields.field import UNKNOWN_LABEL, BadValues, UnknownLabels
from seqnet.data.fields.label import LabelField
from seqnet.data.fields.labels import LabelsField
from seqnet.data.fields.tags import TagsField
from seqnet.data.fields.word_shape import WordShapeField
from seqnet.errors import ConfigurationError
from seqnet.kinds import BIO
from seqnet.specs import Vector


def learned(field: Any, values: list[Any]) -> Any:
    field.observe(values)
    field.learned()
    return field


def test_shapes() -> None:
    field = WordShapeField()
    shapes = {"Apple": "Xxx", "NATO": "XX", "iPhone": "xXxx", "2024": "dd", "U.S.": "X.X.", "猫": "x", "a1b": "xdx"}
    assert {word: field.shape(word) for word in shapes} == shapes
    assert WordShapeField(run=1).shape("McDonalds") == "XxXx"
    found = learned(field, [["Apple", "Pear", "x"]])
    assert found.vocabulary.names == ("<unk>", "Xxx", "x")
    assert found.unknown(found.encode([["Plum", "12"]])) == 1


def test_orders_of_labels() -> None:
    values = ["10", "9", "b", "9", "10", "9"]
    assert learned(LabelField(), values).names == ("10", "9", "b")
    assert learned(LabelField(order="value"), values).names == ("9", "10", "b")
    assert learned(LabelField(order="frequency"), values).names == ("9", "10", "b")
    assert learned(LabelField(order="frequency"), ["b", "a", "b"]).names == ("b", "a")


def test_a_step_without_a_label_is_not_judged() -> None:
    field = learned(LabelField(axis="step"), [["a", None, "b"]])
    assert field.names == ("a", "b")
    found = field.encode([[None, "b"], "a b"])
    assert found.flat.dtype == np.int16
    assert found.flat.tolist() == [IGNORE, 1, 0, 1] and found.lengths.tolist() == [2, 2]
    assert field.decode(found.flat[:2]) == [None, "b"]


def test_unknown_labels_can_be_counted_and_only_a_slip_is_mended() -> None:
    field = learned(LabelField(), ["positive", "negative", "class 1"])
    with pytest.raises(UnknownLabels) as caught:
        field.encode(["positve", "negative", "neutral", "Negative", "class 2"])
    told = {position: problem.partition("; ")[2] for position, problem in caught.value.problems.items()}
    assert told == {0: "did you mean 'positive'?", 2: "", 3: "did you mean 'negative'?", 4: ""}
    lost = UNKNOWN_LABEL
    assert caught.value.block.flat.tolist() == [lost, field.names.index("negative"), lost, lost, lost]
    assert field.decode(caught.value.block.flat[:1]) is None
    with pytest.raises(UnknownLabels) as caught:  # it is there again and again: no slip
        field.encode(["positve"] * 2)
    assert "did you mean" not in str(caught.value)
    tags = learned(TagsField(scheme="BIO"), [["B-corporation", "O"]])
    with pytest.raises(UnknownLabels, match="training rows$"):
        tags.encode([["B-corporation", "I-corporation"]])


def test_several_labels() -> None:
    field = LabelsField()
    field.observe(["urgent,billing", ["other"]])
    assert field.learned() == Vector(3, ("billing", "other", "urgent"), shares=(0.5, 0.5, 0.5))
    found = field.encode([" urgent , billing", "", []])
    assert found.flat.dtype == np.uint8
    assert found.flat.tolist() == [[1, 0, 1], [0, 0, 0], [0, 0, 0]] and found.lengths.tolist() == [1, 1, 1]
    with pytest.raises(UnknownLabels) as caught:
        field.encode(["urgent,new", "other"])
    assert caught.value.block.flat.tolist() == [[0, 0, 1], [0, 1, 0]]
    steps = learned(LabelsField(axis="step", separator=" "), [["a b", ""], [["b"]]])
    assert steps.encode([["b", "a b"]]).flat.tolist() == [[0, 1], [1, 1]]
    assert steps.decode(steps.encode([["b", "a b"]]).flat) == [["b"], ["a", "b"]]
    with pytest.raises(ConfigurationError, match="separator is empty"):
        LabelsField(separator="")


BIOES = ["S-A", "O", "B-A", "I-A", "E-A", "S-B", "B-A", "E-A"]
IOB1 = ["I-A", "O", "I-A", "I-A", "I-A", "I-B", "I-A", "I-A"]
IN_BIO = ["B-A", "O", "B-A", "I-A", "I-A", "B-B", "B-A", "I-A"]


@pytest.mark.parametrize(("scheme", "tags"), [("BIOES", BIOES), ("IOB1", IOB1), ("BIO", IN_BIO)])
def test_schemes_become_bio_and_come_back(scheme: Any, tags: list[str]) -> None:
    assert schemes.to_bio(tags, scheme) == IN_BIO
    assert schemes.from_bio(IN_BIO, scheme) == tags
    field = learned(TagsField(scheme=scheme), [tags])
    assert BIO in field.kind.traits
    assert field.names == ("B-A", "B-B", "I-A", "O")
    assert field.decode(field.encode([tags]).flat) == IN_BIO
    if scheme != "BIO":
        back = learned(TagsField(scheme=scheme, convert_back=True), [tags])
        assert back.decode(back.encode([tags]).flat) == tags


def test_spans_that_touch_in_iob1() -> None:
    assert schemes.to_bio(["I-A", "B-A", "I-A"], "IOB1") == ["B-A", "B-A", "I-A"]
    assert schemes.from_bio(["B-A", "B-A", "I-A"], "IOB1") == ["I-A", "B-A", "I-A"]


@pytest.mark.parametrize("scheme", ["BIO", "BIOES"])
def test_an_i_that_goes_on_with_nothing_begins_a_span(scheme: Any) -> None:
    """As conlleval reads it, and as the moves of a scheme have it."""
    assert schemes.to_bio(["I-A", "I-A", "O", "I-B", "I-A"], scheme) == ["B-A", "I-A", "O", "B-B", "B-A"]


def test_a_tag_of_no_scheme_is_bad() -> None:
    with pytest.raises(BadValues, match="'NOUN' is no tag of the scheme BIO, which has B-TYPE, I-TYPE and O"):
        TagsField(scheme="BIO").observe([["NOUN"]])
    with pytest.raises(BadValues, match="'E-PER' is no tag of the scheme IOB1"):
        TagsField(scheme="IOB1").observe([["E-PER"]])
    field = learned(TagsField(scheme="IOB1"), [["I-A", None, "I-A"]])
    assert field.decode(field.encode([["I-A", None, "I-A"]]).flat) == ["B-A", None, "B-A"]


def test_offsets_become_tags() -> None:
    text = "Marie Curie lived in Paris, France."
    words = schemes.word_places(text)
    assert [text[begin:end] for begin, end in words] == ["Marie", "Curie", "lived", "in", "Paris,", "France."]
    entities = [{"begin": 0, "end": 11, "type": "PER"}, {"begin": 21, "end": 26, "type": "LOC"}]
    assert schemes.bio_of_offsets(words, entities) == ["B-PER", "I-PER", "O", "O", "B-LOC", "O"]
    assert schemes.bio_of_offsets(words, [schemes.Span(28, 34, "LOC")])[-1] == "B-LOC"
    for wrong, said in [
        ([{"begin": 11, "end": 12, "type": "X"}], "holds no word"),
        ([schemes.Span(0, 8, "A"), schemes.Span(6, 11, "B")], "overlaps another"),
        ([{"begin": 3, "end": 3, "type": "X"}], "an entity is written"),
        ([{"begin": 0, "type": "X"}], "an entity is written"),
    ]:
        with pytest.raises(ValueError, match=said):
            schemes.bio_of_offsets(words, wrong)  # type: ignore[arg-type]

"""What belongs to no class: options, and what cannot go together, as data."""

import pytest
import yaml

from seqnet import relations
from seqnet.configuration import CONFIGS
from seqnet.options import shown


@pytest.mark.parametrize(
    ("option", "right", "wrong"),
    [
        (relations.OPTIONS["optimizer.etas"], [[0.5, 1.2]], [[0.5, 0.5], [1.5, 2]]),
        (relations.PATH, [None, "a b/é"], ["", 3]),
        (relations.OPTIONS["optimizer.step_sizes"], [[0, 1], [1, 1]], [[2, 1], [-1, 1], [1]]),
        (
            relations.PAIRS["optimizer.eps"],
            [[None, 0.1], [1e-10, 0]],
            [[], [0, 0], [1e-30, 0.1], [0.1], [0.1, None], [-1, 0], ["a", 0], 1e-8],
        ),
    ],
)
def test_options_accept_what_they_say(option, right, wrong):
    assert all(option.refusal("key", value) is None for value in right)
    for value in wrong:
        assert option.refusal("key", value).startswith(f"key={shown(value)} must be {option.words}")


def test_an_entry_that_the_default_breaks_is_for_another_class():
    assert relations.option("data.length", 10).refusal("data.length", "x") is not None
    assert relations.option("data.length", "short").refusal("data.length", "x") is None


def test_a_key_without_an_entry_has_the_type_of_its_default():
    for default, wrong in ((1, 1.5), (1.5, "a"), (True, 1), ("a", 1), ([], 1)):
        assert relations.option("nowhere", default).refusal("nowhere", default) is None
        assert relations.option("nowhere", default).refusal("nowhere", wrong) is not None
    assert relations.option("nowhere", None).refusal("nowhere", "anything") is None


def test_an_option_of_a_class_may_be_null_or_a_position_until_its_class_is_asked():
    for default, right in ((1, None), (1.5, None), (True, None), ([], None), ("a", None), ("a", 0)):
        assert relations.option("model.own", default, of_class=True).refusal("model.own", right) is None
    for default, wrong in ((1, "a"), (1.5, "a"), (True, 1), ([], 1), ("a", True), ("a", [1])):
        assert relations.option("model.own", default, of_class=True).refusal("model.own", wrong) is not None


def test_a_relation_is_asked_only_where_its_values_are_such_as_it_compares():
    wrong = {"decoding": {"n_best": 6, "beam_size": 5}}
    assert relations.conflict(wrong).startswith("decoding.n_best=6 is above decoding.beam_size=5")
    for beams in (None, "a", 0, 6):
        assert relations.conflict({"decoding": {"n_best": 6, "beam_size": beams}}) is None
    assert relations.conflict({"decoding": {"n_best": 6}}) is None


def test_what_says_nothing_is_told_with_the_reason():
    assert relations.idle({"checkpoint": {"average_best": True, "keep_best": 3}}) == {}
    found = relations.idle({"checkpoint": {"average_best": True, "keep_best": 1}})
    assert list(found) == ["checkpoint.average_best"] and "checkpoint.keep_best=1" in found["checkpoint.average_best"]


def test_what_is_said_of_dynamic_evaluation_is_the_yamls_own():
    stored = yaml.safe_load((CONFIGS / "evaluate.yaml").read_text(encoding="utf-8"))
    values = {f"adaptation.{key}": value for key, value in stored["adaptation"].items()} | {"dynamic": False}
    asked = [relation for relation in relations.RELATIONS if relation.keys[-1] == "dynamic"]
    assert [relation.keys[0] for relation in asked] == [key for key in values if key != "dynamic"]
    assert not any(relation.clash(*(values[key] for key in relation.keys)) for relation in asked)

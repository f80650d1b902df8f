"""Every model in configs/model that reads a row as a whole keeps the contracts of `seqnet check`."""

from types import SimpleNamespace

import pytest
import torch

from seqnet import build
from seqnet.batch import Batch, Whole
from seqnet.checks.contract import judge
from seqnet.checks.subject import Subject
from seqnet.kinds import ONE, Axis, Item, Kind
from seqnet.specs import Tokens, Vector

WORDS, NUMBERS, CLASSES = Tokens(tuple("abcdefgh")), Vector(4), Tokens(("x", "y", "z"))
TIME = 11
STEPS = {"words": Kind(Item.TOKEN, Axis.STEP), "numbers": Kind(Item.NUMBER, Axis.STEP)}


@pytest.fixture
def part(row_model, composed):
    return build.locate(composed("experiment=blank", f"model={row_model}")["model"]["_target_"], None)


@pytest.fixture
def lengths(part):
    """Of the rows; a model of one value a row has rows of one step."""
    return [TIME, 7, 0, 1, 4, TIME] if part.reads({"inputs": STEPS["words"]}) else [1] * 6


@pytest.fixture(params=["words", "numbers", "several"])
def subject(request, row_model, lengths, composed):
    """A model, and rows of different lengths, of several inputs or of one."""
    config = composed("experiment=blank", "task=many_to_one", f"model={row_model}")
    main = NUMBERS if request.param == "numbers" else WORDS
    several = request.param == "several"
    wholes = {"label": Tokens(("p", "q", "r"), axis=Axis.ROW), "text": Tokens(tuple("uvw"), axis=Axis.SEQUENCE)}
    spaces = SimpleNamespace(
        inputs=main,
        targets=CLASSES,
        views={"beside": NUMBERS} if several else {},
        wholes=wholes if several else {},
    )
    full = batch(main, several, [max(lengths)] * len(lengths))
    return Subject(config, spaces, [batch(main, several, lengths), batch(main, several, lengths)], full)


def batch(main, several, lengths):
    size, time = len(lengths), max(lengths)
    shape = (size, time, 4) if main is NUMBERS else (size, time)
    inputs = torch.randn(shape) if main is NUMBERS else torch.randint(0, 8, shape)
    views, wholes = {}, {}
    if several:
        views = {"beside": torch.randn(size, time, 4)}
        wholes = {
            "label": Whole(torch.randint(0, 3, (size, 1))),
            "text": Whole(torch.randint(0, 3, (size, 5)), torch.tensor([5, 1, 2, 5, 3, 4])),
        }
    return Batch(inputs, torch.tensor(lengths), torch.randint(0, 3, (size,)), True, views=views, wholes=wholes)


def test_it_keeps_the_contracts(subject):
    for contract in ("alone", "padding", "full_gradient", "learns", "repeatable"):
        verdict = judge(contract, subject)
        assert verdict.outcome == "passed", verdict
    assert judge("windows", subject).outcome == "does not apply"


def test_it_says_that_it_reads_to_the_end_of_a_row(part, composed, row_model):
    """So that the laws cut nothing for it."""
    options = composed("experiment=blank", f"model={row_model}")["model"]
    assert part.ahead(options) and part.features(options) is Axis.ROW
    one = {"inputs": Kind(Item.NUMBER, Axis.STEP, frozenset({ONE})), "more": Kind(Item.LABEL, Axis.ROW)}
    assert part.reads(one) == set(one)

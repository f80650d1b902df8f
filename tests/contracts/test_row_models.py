"""Every model in configs/model that reads a row as a whole: padding, and the rows beside it, do not matter."""

from types import SimpleNamespace

import pytest
import torch

from seqnet import build
from seqnet.batch import Batch, Whole
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
def made(request, row_model, lengths, composed):
    """A model in double precision, whose dropout is off, and a batch for it."""
    config = composed("experiment=blank", f"model={row_model}")
    main = NUMBERS if request.param == "numbers" else WORDS
    several = request.param == "several"
    spaces = SimpleNamespace(
        inputs=main,
        targets=CLASSES,
        views={"beside": NUMBERS} if several else {},
        wholes={"label": Tokens(("p", "q", "r"), axis=Axis.ROW), "text": Tokens(tuple("uvw"), axis=Axis.SEQUENCE)}
        if several
        else {},
    )
    net = build.assemble(config, spaces).model.double().eval()
    for parameter in net.parameters():
        torch.nn.init.uniform_(parameter, -0.6, 0.6)
    size, time = len(lengths), max(lengths)
    shape = (size, time, 4) if main is NUMBERS else (size, time)
    inputs = torch.randn(shape).double() if main is NUMBERS else torch.randint(0, 8, shape)
    views = {"beside": torch.randn(size, time, 4).double()} if several else {}
    wholes = {}
    if several:
        wholes = {
            "label": Whole(torch.randint(0, 3, (size, 1))),
            "text": Whole(torch.randint(0, 3, (size, 5)), torch.tensor([5, 1, 2, 5, 3, 4])),
        }
    batch = Batch(inputs, torch.tensor(lengths), torch.randint(0, 3, (size,)), True, views=views, wholes=wholes)
    return net, batch


def alone(batch, row):
    length = int(batch.lengths[row])
    return Batch(
        batch.inputs[row : row + 1, :length],
        batch.lengths[row : row + 1],
        batch.targets[row : row + 1],
        True,
        views={name: view[row : row + 1, :length] for name, view in batch.views.items()},
        wholes={
            name: Whole(one.values[row : row + 1], None if one.lengths is None else one.lengths[row : row + 1])
            for name, one in batch.wholes.items()
        },
    )


def test_a_row_by_itself_gives_what_it_gives_in_a_batch(made):
    net, batch = made
    with torch.no_grad():
        together = net(batch).logits()
        for row, length in enumerate(batch.lengths.tolist()):
            if length:
                torch.testing.assert_close(net(alone(batch, row)).logits()[0], together[row])
    assert together.isfinite().all()


def test_what_stands_in_padding_reaches_no_answer_and_no_weight(made):
    net, batch = made

    def judged(batch):
        net.zero_grad()
        logits = net(batch).logits()
        torch.nn.functional.cross_entropy(logits, batch.targets).backward()
        return logits.detach(), [parameter.grad.clone() for parameter in net.parameters()]

    def longer(values):
        more = values[:, :1].repeat_interleave(3, dim=1)
        return fouled(torch.cat([values, more], dim=1))

    def fouled(values):
        values = values.clone()
        values[torch.arange(values.shape[1]) >= batch.lengths[:, None]] = 7 if values.dim() == 2 else float("nan")
        return values

    expected, gradients = judged(batch)
    views = {name: longer(view) for name, view in batch.views.items()}
    found, others = judged(
        Batch(longer(batch.inputs), batch.lengths, batch.targets, True, views=views, wholes=batch.wholes)
    )
    torch.testing.assert_close(found, expected)
    for one, other in zip(others, gradients, strict=True):
        torch.testing.assert_close(one, other)
    assert all(gradient.isfinite().all() and gradient.any() for gradient in gradients)


def test_it_says_that_it_reads_to_the_end_of_a_row(part, composed, row_model):
    """So that the laws cut nothing for it."""
    options = composed("experiment=blank", f"model={row_model}")["model"]
    assert part.ahead(options) and part.features(options) is Axis.ROW
    one = {"inputs": Kind(Item.NUMBER, Axis.STEP, frozenset({ONE})), "more": Kind(Item.LABEL, Axis.ROW)}
    assert part.reads(one) == set(one)

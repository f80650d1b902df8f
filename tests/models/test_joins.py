"""Further inputs of a recurrent model: read whole, and joined to the steps."""

from functools import partial

import pytest
import torch
import yaml

from seqnet import build
from seqnet.attention.scores.additive import Additive
from seqnet.attention.soft import Soft
from seqnet.batch import Batch, Whole
from seqnet.cells.gru import GRU
from seqnet.cells.lstm import LSTM
from seqnet.configuration import CONFIGS
from seqnet.errors import ConfigurationError
from seqnet.kinds import Axis
from seqnet.models.encoder_decoder import EncoderDecoder
from seqnet.models.joins.attend import Attend
from seqnet.models.joins.concat import Concat
from seqnet.models.joins.state import InitialState
from seqnet.models.recurrent import Recurrent
from seqnet.specs import Image, Tokens, Vector

JOINS = [
    build.locate(options["_target_"], None)
    for options in (yaml.safe_load(path.read_text()) for path in sorted((CONFIGS / "model/join").glob("*.yaml")))
    if "_target_" in options
]  # a new one's yaml is enough to test it
WORDS = Tokens(tuple("abcdefgh"))
WHOLES = {
    "question": Tokens(tuple("uvwxyz"), axis=Axis.SEQUENCE),
    "speech": Vector(3, axis=Axis.SEQUENCE),
    "picture": Image(4, 6, 3),
    "country": Tokens(("at", "de", "ch"), axis=Axis.ROW),
    "price": Vector(1, axis=Axis.ROW),
}
ROWS, TIME = 3, 7


def wholes(rows: int = ROWS) -> dict[str, Whole]:
    torch.manual_seed(5)
    lengths = torch.tensor([4, 1, 3])[:rows]
    return {
        "question": Whole(torch.randint(6, (rows, 4)), lengths),
        "speech": Whole(torch.randn(rows, 4, 3, dtype=torch.float64), lengths),
        "picture": Whole(torch.rand(rows, 4, 18, dtype=torch.float64)),
        "country": Whole(torch.randint(3, (rows, 1))),
        "price": Whole(torch.randn(rows, 1, 1, dtype=torch.float64)),
    }


def model(join=None, cell=LSTM, **options) -> Recurrent:
    torch.manual_seed(0)
    made = Recurrent(
        cell,
        WORDS,
        {},
        2,
        hidden_size=6,
        embedding_size=5,
        wholes=WHOLES,
        join=join,
        attention=partial(Soft, score=Additive),
        **options,
    )
    return made.double().eval()


def batch(lengths=(TIME, 3, 5)) -> Batch:
    torch.manual_seed(1)
    return Batch(torch.randint(8, (ROWS, TIME)), torch.tensor(lengths), torch.randint(2, (ROWS, TIME)), wholes=wholes())


@pytest.mark.parametrize("cell", [LSTM, GRU])
@pytest.mark.parametrize("join", [None, *JOINS])
def test_windows_and_steps_are_the_whole(join, cell):
    net, whole = model(join, cell), batch((TIME,) * ROWS)
    expected = net(whole).logits()
    state, found = None, []
    for window in whole.windows(3):
        output = net(window, state)
        state = output.state
        found.append(output.logits())
    torch.testing.assert_close(torch.cat(found, dim=1), expected, atol=1e-10, rtol=0)
    joined, state = net.begin(whole)
    for step in range(TIME):
        logits, state = net.step(whole.inputs[:, step], state, joined=joined)
        torch.testing.assert_close(logits, expected[:, step], atol=1e-10, rtol=0)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("join", [None, *JOINS])
def test_a_row_does_not_depend_on_the_rows_and_the_padding_beside_it(join, bidirectional):
    net, whole = model(join, bidirectional=bidirectional), batch()
    expected = net(whole).logits()
    for row, length in enumerate(whole.lengths.tolist()):
        alone = {
            name: Whole(one.values[row : row + 1, : None if one.lengths is None else int(one.lengths[row])])
            for name, one in whole.wholes.items()
        }
        one = Batch(
            whole.inputs[row : row + 1, :length],
            whole.lengths[row : row + 1],
            whole.targets[row : row + 1, :length],
            wholes=alone,
        )
        torch.testing.assert_close(net(one).logits()[0], expected[row, :length], atol=1e-10, rtol=0)


@pytest.mark.parametrize("join", JOINS)
@pytest.mark.parametrize("name", list(WHOLES))
def test_every_input_is_read_and_learns(name, join):
    net, whole = model(join), batch()
    output = net(whole).logits()
    changed = dict(whole.wholes)
    values, lengths = changed[name]
    changed[name] = Whole(values + 1 if values.is_floating_point() else (values + 1) % 3, lengths)
    other = Batch(whole.inputs, whole.lengths, whole.targets, wholes=changed)
    assert (net(other).logits() != output).any()
    output.sum().backward()
    silent = [name for name, weight in net.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert not [name for name in silent if "score" not in name]


def test_one_value_a_row_stands_at_every_step_and_the_rest_in_the_first_state():
    net, whole = model(), batch()
    joined = {name: type(join) for join in net.joins for name in join.names}
    assert joined == dict.fromkeys(("country", "price"), Concat) | dict.fromkeys(
        ("question", "speech", "picture"), InitialState
    )
    _, first = net.begin(whole)
    later = net(whole, net.initial_state(ROWS)).logits()
    torch.testing.assert_close(net(whole, first).logits(), net(whole).logits(), atol=0, rtol=0)
    assert (later != net(whole).logits()).any()


def test_attention_to_a_single_position_is_that_position():
    torch.manual_seed(0)
    one = {"country": WHOLES["country"]}
    net = Recurrent(GRU, WORDS, {}, 2, hidden_size=4, wholes=one, join=Attend, attention=Soft).double()
    whole = batch()
    y, _ = net.layers(net.inputs(whole.inputs, {}), None, whole.lengths)
    (attend,) = net.joins
    vector = attend.by_name()["country"](whole.wholes["country"].values)
    expected = torch.tanh(attend.combine(torch.cat([vector.expand(-1, TIME, -1), y], dim=-1)))
    found = net(whole).features
    for row, length in enumerate(whole.lengths.tolist()):
        torch.testing.assert_close(found[row, :length], expected[row, :length])


def test_attending_needs_an_attention():
    with pytest.raises(ConfigurationError, match="attention=soft"):
        Recurrent(GRU, WORDS, {}, 2, wholes=WHOLES, join=Attend)


def test_an_encoder_decoder_reads_further_inputs_beside_its_source():
    torch.manual_seed(0)
    targets = Tokens((*"pq", "<bos>", "<eos>"))
    for encoder, source in (("recurrent", WORDS), ("none", WHOLES["picture"])):
        further = {name: space for name, space in WHOLES.items() if name != "picture"}
        net = EncoderDecoder(
            LSTM, targets, 4, source, wholes=further, attention=Soft, encoder=encoder, hidden_size=6, embedding_size=5
        ).double()
        values = torch.randint(8, (ROWS, 4)) if source is WORDS else wholes()["picture"].values
        lengths = torch.tensor([4, 2, 3]) if source is WORDS else torch.full((ROWS,), 4)
        rest = {name: one for name, one in wholes().items() if name != "picture"}
        inputs = torch.randint(4, (ROWS, 5))
        whole = Batch(inputs, torch.full((ROWS,), 5), inputs, source=values, source_lengths=lengths, wholes=rest)
        expected = net.eval()(whole).logits()
        state, found = None, []
        for window in whole.windows(2):
            output = net(window, state)
            state = output.state
            found.append(output.logits())
        torch.testing.assert_close(torch.cat(found, dim=1), expected, atol=1e-10, rtol=0)
        for name, one in rest.items():
            changed = one.values + 1 if one.values.is_floating_point() else (one.values + 1) % 3
            other = Batch(
                inputs,
                whole.lengths,
                inputs,
                source=values,
                source_lengths=lengths,
                wholes=rest | {name: Whole(changed, one.lengths)},
            )
            assert (net(other).logits() != expected).any()

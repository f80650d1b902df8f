"""Every model in configs/model that reads a source, with every cell and every attention in configs/attention, with and
without input feeding, keeps the contracts of `seqnet check`; and the hypotheses of a beam give what each has alone."""

from itertools import product
from types import SimpleNamespace

import pytest
import torch

from seqnet import fits
from seqnet.batch import IGNORE, Batch
from seqnet.checks.contract import judge
from seqnet.checks.subject import Subject
from seqnet.data.teacher_forcing import with_ends, writing
from seqnet.state import detach, leaves, map_state, select
from tests.contracts.conftest import choices, covering, read

WORDS = with_ends(tuple("abcdefgh"))
RAGGED, TIME = [7, 4, 1, 7, 5], 7
SOURCES, SOURCE_TIME = [6, 2, 5, 1, 6], 6


@pytest.fixture
def subject(composed):
    """Builds task and model: hard attention's choices are its best, which they are in evaluation."""

    def of(decoder, cell, attention, options, feeding):
        config = composed("experiment=blank", "task=seq2seq", f"model={decoder}", f"attention={attention}")
        config["cell"] = read("cell", cell)
        if config["attention"] is not None:
            config["attention"] |= options
            if "num_heads" in config["attention"]:
                config["attention"]["num_heads"] = 2
            if "window" in config["attention"]:
                config["attention"]["window"] = 1
        config["model"] |= {"hidden_size": 6, "embedding_size": 5, "num_layers": 2, "input_feeding": feeding}
        fits.settle(fits.Parts(config, None))
        spaces = SimpleNamespace(
            source=WORDS, inputs=WORDS, targets=WORDS, views={}, writing=writing(WORDS, 9), text=lambda ids: str(ids)
        )
        return Subject(config, spaces, [batch(), batch()], whole_rows())

    return of


@pytest.fixture
def looks(subject, decoder, looking):
    """The model with each attention and each value of its named options, of GRUs, and without attention."""
    attention, options, feeding = looking
    return subject(decoder, "gru", attention, options, feeding)


@pytest.fixture
def net(looks):
    return looks.model().double()


def batch(lengths=RAGGED, sources=SOURCES):
    rows = len(lengths)
    lengths, sources = torch.tensor(lengths), torch.tensor(sources)
    targets = torch.randint(0, WORDS.size, (rows, TIME))
    targets[torch.arange(TIME) >= lengths[:, None]] = IGNORE
    source = torch.randint(0, WORDS.size, (rows, SOURCE_TIME))
    return Batch(torch.randint(0, WORDS.size, (rows, TIME)), lengths, targets, source=source, source_lengths=sources)


def whole_rows():
    return batch([TIME] * 4, [SOURCE_TIME, 3, 1, 4])


def same(found, wanted):
    for one, other in zip(leaves(found), leaves(wanted), strict=True):
        torch.testing.assert_close(one, other)


def test_it_keeps_the_contracts(looks):
    for contract in ("windows", "steps", "full_gradient", "padding", "alone", "causal"):
        verdict = judge(contract, looks)
        assert verdict.outcome == "passed", verdict


def test_hypotheses_of_a_beam_ask_one_memory(net):
    whole = whole_rows()
    with torch.no_grad():
        memory, state = net.begin(whole)
        rows = torch.arange(whole.size).repeat_interleave(3)
        beam = select(state, rows)
        words = torch.randint(0, WORDS.size, (whole.size * 3, 3))
        for step in range(3):
            logits, beam, weights = net.step(words[:, step], beam, memory)
        for row in range(whole.size * 3):
            one, mine = select(state, rows[row : row + 1]), select(memory, rows[row : row + 1])
            for step in range(3):
                alone, one, looked = net.step(words[row : row + 1, step], one, mine)
            torch.testing.assert_close(logits[row : row + 1], alone)
            if looked is not None:
                torch.testing.assert_close(weights[row : row + 1], looked)
            same(select(beam, torch.tensor([row])), one)


def test_its_state_is_batch_first_and_what_a_checkpoint_can_put_back(net):
    whole = batch()
    state, first = detach(net(whole).state), net.initial_state(whole.size)
    assert type(state) is type(first) and len(leaves(state)) == len(leaves(first))
    rows = torch.tensor([1, 1, 0])
    same(select(state, rows), map_state(lambda part: part[rows], state))
    fresh = net.reset(state, torch.tensor([True, False, False, False, False]))
    for new, old, zero in zip(leaves(fresh), leaves(state), leaves(first), strict=True):
        torch.testing.assert_close(new[1:], old[1:])
        assert (new[0] == zero[0].flatten()[0]).all()


def test_it_uses_source_and_state(net):
    whole = whole_rows()
    other = Batch(
        whole.inputs, whole.lengths, whole.targets, source=whole.source.roll(1, 1), source_lengths=whole.source_lengths
    )
    with torch.no_grad():
        assert not torch.allclose(net(whole).logits()[0], net(other).logits()[0])
        _, state = net.begin(whole)
        state = state._replace(layers=map_state(lambda part: part + 1, state.layers))
        assert not torch.allclose(net(whole).logits(), net(whole, state).logits())


@pytest.mark.parametrize(
    "chosen",
    covering(
        [
            row
            for row in product(choices("decoder"), choices("cell"), choices("attention"), (False, True))
            if row[2:] != ("none", True)
        ]
    ),
)
def test_with_every_cell_it_keeps_the_contracts(subject, chosen):
    decoder, cell, attention, feeding = chosen
    made = subject(decoder, cell, attention, {}, feeding)
    for contract in ("windows", "steps", "learns"):
        verdict = judge(contract, made)
        assert verdict.outcome == "passed", verdict

"""Every schedule, optimiser, decoding and attention by its yaml."""

import copy
import inspect
import json
import math
from itertools import groupby, pairwise, product

import pytest
import torch
from torch import nn

from seqnet import build
from seqnet.decoding.generation import OF_WRITER
from seqnet.decoding.heard import Heard
from seqnet.decoding.hypothesis import Start
from seqnet.errors import ConfigurationError
from seqnet.specs import Writing
from seqnet.state import HiddenState


@pytest.fixture
def made_schedule(schedule, composed):
    options = composed(f"schedule={schedule}")["schedule"]

    def make(**changed):
        return build.make(options | changed)

    return make


@pytest.mark.parametrize("warmup_steps", [0, 5])
def test_a_schedule_is_finite_and_never_negative(made_schedule, warmup_steps):
    made = made_schedule(warmup_steps=warmup_steps)
    factors = [made.factor(step, step / 40) for step in range(41)]
    assert all(math.isfinite(factor) and 0 <= factor <= 1 for factor in factors)
    assert made.factor(40, 1.3) == factors[-1]  # past its end
    assert factors[warmup_steps] > 0
    assert factors[:warmup_steps] == sorted(factors[:warmup_steps])
    assert warmup_steps == 0 or factors[0] == pytest.approx(1 / (warmup_steps + 1), rel=1e-2)
    assert [made.factor(step, step / 40) for step in range(41)] == factors  # asking changes nothing


def test_a_schedule_goes_on_from_its_state(made_schedule):
    one, other = made_schedule(), made_schedule()
    heard = [True, False, False, False, False, True, False, False, False, False, False]
    for improved in heard[:6]:
        one.observe(improved)
    other.restore(json.loads(json.dumps(one.state())))
    for step, improved in enumerate(heard):
        assert other.factor(step, step / 11) == one.factor(step, step / 11)
        one.observe(improved), other.observe(improved)
    assert other.state() == one.state()


@pytest.fixture
def regression(optimizer, composed):
    """A linear regression that a model of five weights solves exactly, and its optimiser."""
    config = composed("experiment=digits", f"optimizer={optimizer}")
    model = nn.Linear(4, 1)
    inputs = torch.randn(32, 4)
    targets = inputs @ torch.tensor([[1.0], [-2.0], [0.5], [1.5]]) + 3

    def step():
        made.zero_grad()
        loss = (model(inputs) - targets).square().mean()
        loss.backward()
        made.step()
        return loss.item()

    made = build.optimizer(config, model)
    return config, model, made, step


def test_an_optimizer_lowers_the_loss_from_the_first_steps_on(regression):
    losses = [regression[3]() for _ in range(4)]
    assert losses == sorted(losses, reverse=True)
    assert losses[3] < losses[0]


def test_an_optimizer_goes_on_from_its_state(regression):
    config, model, made, step = regression
    step(), step()
    state, weights = copy.deepcopy(made.state_dict()), [p.detach().clone() for p in model.parameters()]
    step()
    expected = [p.detach().clone() for p in model.parameters()]
    other = build.optimizer(config, model)
    other.load_state_dict(state)
    with torch.no_grad():
        for p, before in zip(model.parameters(), weights, strict=True):
            p.copy_(before)  # its gradient is that of the third step still
    other.step()
    for p, wanted in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(p.detach(), wanted, rtol=0, atol=0)


class Chain:
    """A model whose next token depends on its row and the last one, by a table of logits [4 7 7]; it has no memory."""

    def __init__(self, table):
        self.table = table

    def step(self, inputs, state, memory):
        return self.table[state.hidden[:, 0], inputs], state, None


WRITING = Writing(begin=5, end=6, forbidden=(5, 0), longest=8)
ROWS = HiddenState(torch.arange(4)[:, None])


@pytest.fixture
def written(decoding, composed):
    """What is written for each row: written(table, prefix, seed, rows, option=...)."""
    options = composed("experiment=reverse", f"decoding={decoding}")["decoding"]
    options = {key: value for key, value in options.items() if key not in OF_WRITER}

    def decode(table, prefix=(), seed=5, rows=ROWS, **changed):
        made = build.make(options | changed)
        return made.decode(Chain(table), Start(None, rows, WRITING, prefix, torch.Generator().manual_seed(seed)))

    return decode


def log_probability(table, row, ids, ended):
    """Of what was written, by the chain rule."""
    tokens = [WRITING.begin, *ids, *([WRITING.end] if ended else [])]
    logs = table[row].log_softmax(-1).double()
    return sum(logs[one, other].item() for one, other in pairwise(tokens))


def test_a_decoding_draws_from_the_generator_it_is_handed_alone(written):
    table = torch.randn(4, 7, 7)
    before = torch.get_rng_state()
    assert written(table) == written(table)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_decoding_tells_what_the_model_gives_what_it_wrote(written):
    table = torch.randn(4, 7, 7)
    table[:, :, [0, 5]] = -torch.inf
    found = written(table)
    assert len(found) == 4
    for row, hypotheses in enumerate(found):
        assert [one.score for one in hypotheses] == sorted((one.score for one in hypotheses), reverse=True)
        for best in hypotheses:
            expected = log_probability(table, row, best.ids, best.ended)
            assert best.log_probability == pytest.approx(expected, rel=1e-4)
            assert WRITING.end not in best.ids and len(best.ids) + best.ended <= 12  # half more than the longest


def test_a_decoding_writes_what_is_certain_and_never_what_is_forbidden(written):
    table = torch.full((4, 7, 7), -200.0)
    for row in range(4):
        for one, other in pairwise([5, 1, 2, 3, 4][: row + 2] + [6]):
            table[row, one, other] = 200.0
    assert [[best.ids, best.ended] for best, *_ in written(table)] == [
        [[1, 2, 3, 4][: row + 1], True] for row in range(4)
    ]
    table = torch.randn(4, 7, 7)
    table[:, :, [0, 5]] = 20.0
    assert not any({0, 5} & set(one.ids) for row in written(table) for one in row)


def test_a_decoding_keeps_to_its_limits_and_to_what_it_must_begin_with(written):
    ends, goes_on = torch.randn(4, 7, 7), torch.randn(4, 7, 7)
    ends[:, :, 6], goes_on[:, :, 6] = 30.0, -torch.inf
    for seed in range(3):
        assert all(len(row[0].ids) >= 3 for row in written(ends, seed=seed, min_length=3))
        assert all(len(row[0].ids) == 4 and not row[0].ended for row in written(goes_on, seed=seed, max_length=4))
        for row in written(goes_on, seed=seed, no_repeat_ngram=2, max_length=9):
            pairs = list(pairwise(row[0].ids))
            assert len(pairs) == len(set(pairs))
        assert all(row[0].ids[:2] == [4, 4] for row in written(goes_on, (4, 4), seed))


def test_the_rows_beside_do_not_matter_to_a_decoding(written):
    table = torch.randn(4, 7, 7)
    together = written(table)
    if written(table, seed=6) != together:
        pytest.skip("draws at random")
    for row in range(4):
        (alone,) = written(table, rows=HiddenState(torch.tensor([[row]])))
        assert [one.ids for one in alone] == [one.ids for one in together[row]]
        assert [one.score for one in alone] == pytest.approx([one.score for one in together[row]])


# ------------------------------------------------------------------------- decodings of what is heard in each frame

LENGTHS = torch.tensor([4, 3, 1, 0])
FRAMES, BLANK = 4, 7  # behind the seven tokens


@pytest.fixture
def read_off(hearing, composed):
    """What is read off for each row: read_off(logs, lengths, prefix)."""
    made = build.make(composed("experiment=reverse", f"decoding={hearing}")["decoding"])
    return lambda logs, lengths=LENGTHS, prefix=(): made.decode(
        None, Start(Heard(logs, lengths), None, WRITING, prefix)
    )


def spoken():
    """Log-probabilities of four rows, [4 frame classes]."""
    return torch.randn(4, FRAMES, BLANK + 1).mul(2).log_softmax(-1)


def probability(frames, ids):
    """Of an answer: that of all its alignments with [frame classes], each written out."""
    classes = sorted({*ids, BLANK})
    paths = product(classes, repeat=len(frames))
    found = (path for path in paths if [token for token, _ in groupby(path) if token != BLANK] == ids)
    return sum(math.exp(sum(frames[at, token].item() for at, token in enumerate(path))) for path in found)


def test_what_is_read_off_follows_from_what_is_heard_alone(read_off):
    logs, before = spoken(), torch.get_rng_state()
    kept = logs.clone()
    assert read_off(logs) == read_off(logs)
    assert torch.equal(torch.get_rng_state(), before) and torch.equal(logs, kept)
    with pytest.raises(ConfigurationError, match="leave it out"):
        read_off(logs, prefix=(4,))


def test_what_is_read_off_is_no_likelier_than_it_is_and_never_forbidden(read_off):
    logs = spoken()
    logs[0, :, [0, 5, 6]] = 3.0  # of what is never written, not even where it is the likeliest
    logs[1, :, 4] = 2.0  # in each frame the same, which is one token all the same
    for row, (hypotheses, length) in enumerate(zip(read_off(logs), LENGTHS.tolist(), strict=True)):
        assert [one.score for one in hypotheses] == sorted((one.score for one in hypotheses), reverse=True)
        for one in hypotheses:
            assert one.ended and len(one.ids) <= length and not {0, 5, 6, BLANK} & set(one.ids)
            assert 0 < math.exp(one.log_probability) <= probability(logs[row, :length], one.ids) + 1e-6


def test_what_is_certain_is_read_off(read_off):
    heard = [[1, 1, BLANK, 1], [2, 3, 3, 4], [BLANK] * 4, [4, BLANK, BLANK, 4]]
    logs = torch.full((4, FRAMES, BLANK + 1), -200.0)
    logs[torch.arange(4)[:, None], torch.arange(FRAMES), torch.tensor(heard)] = 0.0
    found = [best for best, *_ in read_off(logs, torch.tensor([4, 4, 4, 3]))]
    assert [best.ids for best in found] == [[1, 1], [2, 3, 4], [], [4]]
    assert [best.log_probability for best in found] == pytest.approx([0.0] * 4)


def test_neither_rows_beside_nor_padding_matter_to_what_is_read_off(read_off):
    logs = spoken()
    together = read_off(logs)
    for row, length in enumerate(LENGTHS.tolist()):
        (alone,) = read_off(logs[row : row + 1, :length], LENGTHS[row : row + 1])
        assert [one.ids for one in alone] == [one.ids for one in together[row]]
        assert [one.score for one in alone] == pytest.approx([one.score for one in together[row]])


# --------------------------------------------------------------------------------------------------------- attention


def test_an_attention_composes_or_says_what_it_does_not_go_with(attention, composed):
    try:
        options = composed(f"attention={attention}")["attention"]
    except ConfigurationError as refused:
        assert f"attention={attention}" in str(refused)
    else:
        assert options is None or inspect.isclass(build.locate(options["_target_"], None))

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from seqnet.attention.local import Local
from seqnet.attention.memory import Memory
from seqnet.attention.soft import Soft
from seqnet.errors import ConfigurationError
from tests.attention.conftest import SCORES

QUERY = 6


@pytest.mark.parametrize("window", [0, 1, 2, 50])
@pytest.mark.parametrize("position", ["monotonic", "predicted"])
@pytest.mark.parametrize("coverage", [False, True], ids=["plain", "coverage"])
@pytest.mark.parametrize("score", SCORES)
def test_is_the_formula(reference, score, coverage, position, window):
    local = reference.randomised(Local(QUERY, 5, SCORES[score], window, position, coverage))
    query, encoded, paid = reference.inputs(5, coverage)
    weights = dict(local.score.named_parameters())
    predicts = dict(local.predict.named_parameters()) if local.predict else {}

    def answer(row, at):
        last = int(reference.lengths[row]) - 1
        if predicts:
            hidden = torch.tanh(predicts["0.weight"] @ query[row, at])
            centre = last * torch.sigmoid(predicts["2.weight"][0] @ hidden)
        else:
            centre = torch.tensor(min(int(reference.position[row, at]), last)).double()
        places = [place for place in range(last + 1) if abs(place - round(centre.item())) <= window]
        scores = []
        for place in places:
            seen = 0 if paid is None else paid[row, at, place]
            found = reference.score(score, weights, query[row, at], encoded[row, place], seen)
            if predicts and window:
                found = found - (place - centre) ** 2 / (2 * (window / 2) ** 2)
            scores.append(found)
        found = dict(zip(places, reference.softmax(scores), strict=True))
        return sum(weight * encoded[row, place] for place, weight in found.items()), found

    found = local(query, local.prepare(encoded, reference.lengths), reference.position, paid, True)
    context, expected = reference.each(answer)
    leaves = [query, encoded, paid, *local.parameters()]
    reference.same([found.context, found.weights], [context, expected[:, None]], leaves)


@pytest.mark.parametrize("coverage", [False, True], ids=["plain", "coverage"])
@pytest.mark.parametrize("score", SCORES)
def test_a_monotonic_window_over_everything_is_soft_attention(reference, score, coverage):
    local = reference.randomised(Local(QUERY, 5, SCORES[score], 7, "monotonic", coverage))
    soft = Soft(QUERY, 5, SCORES[score], coverage).double()
    soft.load_state_dict(local.state_dict())
    query, encoded, paid = reference.inputs(5, coverage)
    found = local(query, local.prepare(encoded, reference.lengths), reference.position, paid, True)
    wanted = soft(query, soft.prepare(encoded, reference.lengths), reference.position, paid, True)
    leaves = [query, encoded, paid]
    reference.same(found[:2], wanted[:2], [*leaves, *local.parameters()], [*leaves, *soft.parameters()])


def test_monotonic_stops_at_the_last_valid_position():
    local = Local(2, 2, window=1, position="monotonic")
    memory = local.prepare(torch.randn(2, 6, 2), torch.tensor([6, 3]))
    found = local(torch.randn(2, 5, 2), memory, torch.arange(3, 8).expand(2, -1))
    assert [[row.nonzero().flatten().tolist() for row in rows] for rows in found.weights[:, 0]] == [
        [[2, 3, 4], [3, 4, 5], [4, 5], [4, 5], [4, 5]],
        [[1, 2]] * 5,
    ]


def test_a_window_of_0_copies_one_position():
    local = Local(2, 2, window=0, position="monotonic")
    encoded = torch.randn(1, 5, 2)
    found = local(torch.randn(1, 3, 2), local.prepare(encoded, None), torch.tensor([[0, 3, 7]]))
    torch.testing.assert_close(found.context, encoded[:, [0, 3, 4]])


def test_predicted_positions_stay_within_the_row():
    local = Local(2, 2, window=0)
    memory = local.prepare(torch.randn(2, 9, 2), torch.tensor([9, 4]))
    query = torch.randn(2, 50, 2) * 100
    local.predict[2].weight.data *= 100
    places = local(query, memory, torch.zeros(2, 50)).weights.argmax(-1)[:, 0]
    assert {0, 8} <= set(places[0].tolist()) <= set(range(9))
    assert {0, 3} <= set(places[1].tolist()) <= set(range(4))


class Made(TorchDispatchMode):
    """Counts the numbers in tensors that are made; a view of another is none."""

    def __init__(self):
        super().__init__()
        self.numbers = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        given = {part.untyped_storage().data_ptr() for part in args if isinstance(part, torch.Tensor)}
        found = function(*args, **(kwargs or {}))
        for part in found if isinstance(found, (tuple, list)) else [found]:
            if isinstance(part, torch.Tensor) and part.untyped_storage().data_ptr() not in given:
                self.numbers += part.numel()
        return found


@pytest.mark.parametrize("position", ["monotonic", "predicted"])
@pytest.mark.parametrize("score", SCORES)
def test_its_work_grows_with_the_window_and_not_with_the_source(score, position):
    """Multiply-adds and numbers written, of all target steps at once and of a single one."""

    def work(kind, source, queries, **options):
        attention = kind(QUERY, QUERY, score=SCORES[score], **options).eval()
        coverage = torch.rand(3, queries, source)
        memory = attention.prepare(torch.randn(3, source, QUERY), torch.tensor([source, 12, 5]))
        query, position = torch.randn(3, queries, QUERY), torch.arange(queries).expand(3, -1)
        with torch.no_grad(), FlopCounterMode(display=False) as flops, Made() as made:
            attention(query, memory, position, coverage if attention.coverage else None, False)
        return flops.get_total_flops(), made.numbers

    for coverage in (False, True):
        options = {"window": 2, "position": position, "coverage": coverage}
        for queries in (1, 8):
            assert work(Local, 400, queries, **options) == work(Local, 20, queries, **options)
            less, more = work(Local, 400, queries, **options), work(Local, 400, queries, **options | {"window": 4})
            assert less[0] < more[0] < 2 * less[0] and less[1] < more[1] < 2 * less[1]
    assert work(Soft, 400, 8)[0] > 10 * work(Local, 400, 8, window=2)[0]


def test_what_is_outside_the_window_does_not_matter():
    local = Local(2, 2, window=1, position="monotonic")
    encoded = torch.randn(1, 9, 2)
    memory = local.prepare(encoded, None)
    spoilt = torch.where((torch.arange(9) > 4)[:, None], 1e6, encoded)
    query, position = torch.randn(1, 4, 2), torch.arange(4)[None]
    found = local(query, Memory(spoilt, spoilt, memory.lengths, None), position)
    torch.testing.assert_close(found.context, local(query, memory, position).context)


def test_refuses_a_window_below_0_and_an_unknown_position():
    with pytest.raises(ConfigurationError, match="attention.window=-1 must be at least 0"):
        Local(2, 2, window=-1)
    with pytest.raises(ConfigurationError, match="attention.position=predict is not .*; did you mean 'predicted'"):
        Local(2, 2, position="predict")

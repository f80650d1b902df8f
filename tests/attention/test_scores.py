from functools import partial

import pytest
import torch

from seqnet.attention.local import Local
from seqnet.attention.scores.additive import Additive
from seqnet.attention.scores.dot import Dot
from seqnet.attention.scores.general import General
from seqnet.attention.scores.scaled_dot import ScaledDot
from seqnet.attention.scoring import Scoring
from seqnet.errors import ConfigurationError
from tests.attention.conftest import SCORES


def test_by_hand():
    query, keys = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, -1.0], [0.5, 0.0]])
    assert Dot(2, False)(query, keys).tolist() == [[1.0, 0.5]]  # 3 - 2, 1/2
    torch.testing.assert_close(ScaledDot(2, False)(query, keys), torch.tensor([[1.0, 0.5]]) / 2**0.5)
    general = Scoring(General, 2, 3, False)
    general.key.weight.data = torch.tensor([[1.0, 0.0, 2.0], [0.0, -1.0, 0.0]])
    encoded = torch.tensor([[1.0, 3.0, 0.0]])
    assert general(query, general.keys(encoded)).tolist() == [[-5.0]]  # [1 2] . [1 -3]


def test_additive_by_hand():
    score = Additive(2, False)
    score.v.data = torch.tensor([[[2.0], [-1.0]]]).squeeze(0)
    # tanh(ln 2) = 3/5, tanh(ln 3) = 4/5
    two, three = torch.tensor(2.0).log(), torch.tensor(3.0).log()
    query, keys = torch.tensor([[1.0, 1.0]]), torch.stack([two - 1, three - 1])[None]
    torch.testing.assert_close(score(query, keys), torch.tensor([[2 * 0.6 - 0.8]]))


def test_coverage_by_hand():
    query, keys, coverage = torch.tensor([[1.0]]), torch.tensor([[2.0], [3.0]]), torch.tensor([[0.5, 4.0]])
    product, additive = Dot(1, coverage=True), Additive(1, coverage=True)
    assert product(query, keys, coverage).tolist() == [[2.0, 3.0]]  # w begins at 0
    product.seen.data.fill_(-2)
    assert product(query, keys, coverage).tolist() == [[1.0, -5.0]]
    additive.v.data.fill_(1), additive.seen.data.fill_(-1)
    torch.testing.assert_close(additive(query, keys, coverage), torch.tensor([[2.5, 0.0]]).tanh())


def test_reach_by_hand():
    """What was paid to the left, at the position itself, to the right; what lies beside the source counts as paid."""
    query, keys, coverage = torch.tensor([[1.0]]), torch.zeros(3, 1), torch.tensor([[1.0, 2.0, 4.0]])
    product, additive = Dot(1, coverage=True, reach=1), Additive(1, coverage=True, reach=1)
    assert product(query, keys, coverage).tolist() == [[0.0, 0.0, 0.0]]  # U begins at 0
    product.seen.data = torch.tensor([[100.0], [10.0], [1.0]])
    assert product(query, keys, coverage).tolist() == [[112.0, 124.0, 241.0]]
    assert product(-2 * query, keys, coverage).tolist() == [[-224.0, -248.0, -482.0]]  # as the query weighs it
    additive.v.data.fill_(1)
    additive.seen.data = torch.tensor([[[1.0], [0.0], [-1.0]]])
    torch.testing.assert_close(additive(query - 1, keys, coverage), torch.tensor([[-1.0, -3.0, 1.0]]).tanh())


@pytest.mark.parametrize("name", SCORES)
def test_reach_is_of_coverage_and_of_the_whole_source(name):
    with pytest.raises(ConfigurationError, match="attention.score.reach=2 is .* set attention.coverage=true"):
        SCORES[name](4, coverage=False, reach=2)
    with pytest.raises(ConfigurationError, match="attention=local reads a window of the source alone"):
        Local(4, 4, partial(SCORES[name], reach=2), coverage=True)


@pytest.mark.parametrize("name", SCORES)
def test_keys_are_projected_where_the_widths_or_the_score_ask_for_it(name):
    assert (Scoring(SCORES[name], 4, 4, False).key is None) == (name in ("dot", "scaled_dot"))
    score = Scoring(SCORES[name], 4, 6, False)
    assert score(torch.randn(2, 3, 4), score.keys(torch.randn(2, 5, 6))).shape == (2, 3, 5)

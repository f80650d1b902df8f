import pytest
import torch

from seqnet.attention.scores import SCORES, Product, Score, Tanh
from seqnet.errors import ConfigurationError


def test_by_hand():
    query, keys = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, -1.0], [0.5, 0.0]])
    assert Product()(query, keys).tolist() == [[1.0, 0.5]]  # 3 - 2, 1/2
    assert Product(scale=0.5)(query, keys).tolist() == [[0.5, 0.25]]
    general = Score("general", 2, 3, False)
    general.key.weight.data = torch.tensor([[1.0, 0.0, 2.0], [0.0, -1.0, 0.0]])
    encoded = torch.tensor([[1.0, 3.0, 0.0]])
    assert general(query, general.keys(encoded)).tolist() == [[-5.0]]  # [1 2] . [1 -3]


def test_tanh_by_hand():
    score = Tanh(2)
    score.v.data = torch.tensor([[[2.0], [-1.0]]]).squeeze(0)
    # tanh(ln 2) = 3/5, tanh(ln 3) = 4/5
    two, three = torch.tensor(2.0).log(), torch.tensor(3.0).log()
    query, keys = torch.tensor([[1.0, 1.0]]), torch.stack([two - 1, three - 1])[None]
    torch.testing.assert_close(score(query, keys), torch.tensor([[2 * 0.6 - 0.8]]))


def test_coverage_by_hand():
    query, keys, coverage = torch.tensor([[1.0]]), torch.tensor([[2.0], [3.0]]), torch.tensor([[0.5, 4.0]])
    product, tanh = Product(coverage=True), Tanh(1, coverage=True)
    assert product(query, keys, coverage).tolist() == [[2.0, 3.0]]  # w begins at 0
    product.seen.data.fill_(-2)
    assert product(query, keys, coverage).tolist() == [[1.0, -5.0]]
    tanh.v.data.fill_(1), tanh.seen.data.fill_(-1)
    torch.testing.assert_close(tanh(query, keys, coverage), torch.tensor([[2.5, 0.0]]).tanh())


@pytest.mark.parametrize("name", SCORES)
def test_keys_are_projected_where_the_widths_or_the_score_ask_for_it(name):
    assert (Score(name, 4, 4, False).key is None) == (name in ("dot", "scaled_dot"))
    score = Score(name, 4, 6, False)
    assert score(torch.randn(2, 3, 4), score.keys(torch.randn(2, 5, 6))).shape == (2, 3, 5)


def test_an_unknown_score_is_refused():
    with pytest.raises(ConfigurationError, match="attention.score=generel is not one of .*; did you mean 'general'"):
        Score("generel", 4, 4, False)

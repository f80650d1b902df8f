import pytest
import torch

from seqnet.attention.soft import Soft
from tests.attention.conftest import SCORES

QUERY = 6


@pytest.mark.parametrize("memory_size", [QUERY, 5])
@pytest.mark.parametrize("coverage", [False, True], ids=["plain", "coverage"])
@pytest.mark.parametrize("score", SCORES)
def test_is_the_formula(reference, score, coverage, memory_size):
    soft = reference.randomised(Soft(QUERY, memory_size, score=SCORES[score], coverage=coverage))
    query, encoded, paid = reference.inputs(memory_size, coverage)
    weights = dict(soft.score.named_parameters())

    def answer(row, at):
        places = range(int(reference.lengths[row]))
        scores = [
            reference.score(
                score, weights, query[row, at], encoded[row, place], 0 if paid is None else paid[row, at, place]
            )
            for place in places
        ]
        found = dict(zip(places, reference.softmax(scores), strict=True))
        return sum(weight * encoded[row, place] for place, weight in found.items()), found

    found = soft(query, soft.prepare(encoded, reference.lengths), reference.position, paid, True)
    leaves = [query, encoded, paid, *soft.parameters()]
    context, expected = reference.each(answer)
    reference.same([found.context, found.weights], [context, expected[:, None]], leaves)


def test_by_hand():
    soft = Soft(2, 2, score=SCORES["dot"])
    # scores ln 3 and 0: weights 3/4 and 1/4
    three = torch.tensor(3.0).log().item()
    encoded = torch.tensor([[[1.0, 4.0], [0.0, 8.0]]])
    found = soft(torch.tensor([[[three, 0.0]]]), soft.prepare(encoded, None), torch.zeros(1, 1))
    torch.testing.assert_close(found.weights, torch.tensor([[[[0.75, 0.25]]]]))
    torch.testing.assert_close(found.context, torch.tensor([[[0.75, 5.0]]]))

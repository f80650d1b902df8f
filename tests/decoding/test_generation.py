from functools import partial

import pytest
import torch
from torch import nn

from seqnet.decoding.generation import generate
from seqnet.decoding.greedy import Greedy
from seqnet.decoding.sampling import Sampling
from seqnet.errors import ConfigurationError
from seqnet.state import HiddenState


class Counter:
    """A model that knows the sum of all it has read: that, modulo the vocabulary, it holds likeliest."""

    def __init__(self, vocabulary=7):
        self.vocabulary = vocabulary

    def initial_state(self, batch_size):
        return HiddenState(torch.zeros(batch_size, 1, dtype=torch.long))

    def step(self, inputs, state):
        total = state.hidden + inputs[:, None]
        logits = 3.0 * nn.functional.one_hot(total.squeeze(1) % self.vocabulary, self.vocabulary)
        return logits, HiddenState(total)


def test_greedy_by_hand():
    # 1+2 = 3, then 6, 12 = 5, 17 = 3 ...; 0+1 = 1, then 2, 4, 8 = 1
    ids, scores = generate(Counter(), torch.tensor([[1, 2], [0, 1]]), 4, Greedy().choose)
    assert ids.tolist() == [[3, 6, 5, 3], [1, 2, 4, 1]]
    expected = torch.tensor([3.0] + [0.0] * 6).log_softmax(0)[0]
    torch.testing.assert_close(scores, expected.expand(2, 4))


def test_a_longer_prompt_goes_on_where_a_shorter_one_went():
    choose = Greedy().choose
    ids, scores = generate(Counter(), torch.tensor([[1, 2]]), 6, choose)
    rest, rest_scores = generate(Counter(), torch.cat([torch.tensor([[1, 2]]), ids[:, :2]], dim=1), 4, choose)
    assert torch.equal(rest, ids[:, 2:]) and torch.equal(rest_scores, scores[:, 2:])


@pytest.mark.parametrize("options", [{}, {"top_k": 3}, {"top_p": 0.95}, {"temperature": 5.0}])
def test_forbidden_tokens_never_come(options):
    choose = partial(Sampling(**options).choose, generator=torch.Generator().manual_seed(0))
    prompt = torch.ones(50, 1, dtype=torch.long)
    ids, scores = generate(Counter(), prompt, 40, choose, forbidden=(0, 3))
    assert set(ids.unique().tolist()) <= {1, 2, 4, 5, 6}
    assert scores.isfinite().all()
    without, _ = generate(Counter(), prompt, 40, choose)
    assert {0, 3} <= set(without.unique().tolist())


def test_the_score_is_the_models_own_probability():
    class Fixed(Counter):
        def step(self, inputs, state):
            return torch.tensor([0.5, 0.3, 0.2]).log().expand(len(inputs), 3), state

    choose = partial(Sampling(temperature=0.1, top_k=1).choose, generator=torch.Generator())
    ids, scores = generate(Fixed(), torch.tensor([[0]]), 2, choose, forbidden=(0,))
    assert ids.tolist() == [[1, 1]]
    torch.testing.assert_close(scores, torch.tensor([[0.3, 0.3]]).log())


def test_frequencies_follow_the_model():
    class Fixed(Counter):
        def step(self, inputs, state):
            return torch.tensor([0.5, 0.3, 0.2]).log().expand(len(inputs), 3), state

    choose = partial(Sampling().choose, generator=torch.Generator().manual_seed(0))
    ids, _ = generate(Fixed(), torch.zeros(100, 1, dtype=torch.long), 100, choose, forbidden=(2,))
    share = (ids == 0).float().mean().item()
    assert share == pytest.approx(0.5 / 0.8, abs=5 * (0.625 * 0.375 / 10_000) ** 0.5)


def test_no_gradients_are_kept_and_the_global_generator_stands():
    layer = nn.Linear(1, 5)

    class Model(Counter):
        def step(self, inputs, state):
            return layer(inputs[:, None].float()), state

    before = torch.get_rng_state()
    choose = partial(Sampling().choose, generator=torch.Generator().manual_seed(0))
    _, scores = generate(Model(), torch.tensor([[1]]), 3, choose)
    assert not scores.requires_grad and torch.equal(torch.get_rng_state(), before)


def test_nothing_asked_and_nothing_to_go_on_from():
    ids, scores = generate(Counter(), torch.tensor([[1, 2]]), 0, Greedy().choose)
    assert ids.shape == scores.shape == (1, 0) and ids.dtype == torch.long
    with pytest.raises(ConfigurationError, match="prompt is empty"):
        generate(Counter(), torch.zeros(1, 0, dtype=torch.long), 3, Greedy().choose)

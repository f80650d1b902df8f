import pytest
import torch
from torch import nn

from seqnet.decoding.beam import Beam
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


def written(prompt, length, decoding, forbidden=(), generator=None, model=None):
    """The ids that were written, [batch length], and their log-probabilities."""
    found = generate(model or Counter(), prompt, length, decoding, forbidden, generator)
    return torch.tensor([row[0].ids for row in found]), torch.tensor([row[0].log_probability for row in found])


def seeded():
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("decoding", [Greedy(), Beam(beam_size=1), Beam(beam_size=3)], ids=["greedy", "one", "beam"])
def test_the_likeliest_by_hand(decoding):
    # 1+2 = 3, then 6, 12 = 5, 17 = 3 ...; 0+1 = 1, then 2, 4, 8 = 1
    ids, scores = written(torch.tensor([[1, 2], [0, 1]]), 4, decoding)
    assert ids.tolist() == [[3, 6, 5, 3], [1, 2, 4, 1]]
    expected = torch.tensor([3.0] + [0.0] * 6).log_softmax(0)[0]
    torch.testing.assert_close(scores, 4 * expected.expand(2))


@pytest.mark.parametrize("kind", [Greedy, Beam, Sampling])
def test_so_many_tokens_are_written_and_no_more_than_max_length(kind):
    prompt = torch.tensor([[1, 2], [0, 1]])
    assert written(prompt, 5, kind(max_length=9, min_length=7))[0].shape == (2, 5)
    assert written(prompt, 5, kind(max_length=3))[0].shape == (2, 3)


def test_a_beam_finds_what_greedy_passes_by():
    """After 1 all is even, after 0 a 1 is nearly certain: 0.4 * 0.98 beats 0.6 / 2."""

    class Trap(Counter):
        def step(self, inputs, state):
            after = torch.tensor([[0.02, 0.98, 0.0], [0.5, 0.5, 0.0], [0.4, 0.6, 0.0]])
            return after[inputs].log(), state

    prompt = torch.tensor([[2], [2]])
    greedy, its = written(prompt, 2, Greedy(), model=Trap())
    assert greedy.tolist() == [[1, 0]] * 2 and its.tolist() == pytest.approx([torch.tensor(0.3).log().item()] * 2)
    beam, better = written(prompt, 2, Beam(beam_size=2), model=Trap())
    assert beam.tolist() == [[0, 1]] * 2 and better.tolist() == pytest.approx([torch.tensor(0.392).log().item()] * 2)


def test_a_longer_prompt_goes_on_where_a_shorter_one_went():
    prompt = torch.tensor([[1, 2]])
    ids, score = written(prompt, 6, Greedy())
    _, begun = written(prompt, 2, Greedy())
    rest, rest_score = written(torch.cat([prompt, ids[:, :2]], dim=1), 4, Greedy())
    assert torch.equal(rest, ids[:, 2:])
    torch.testing.assert_close(begun + rest_score, score)


@pytest.mark.parametrize("options", [{}, {"top_k": 3}, {"top_p": 0.95}, {"temperature": 5.0}])
def test_forbidden_tokens_never_come(options):
    prompt, own = torch.ones(50, 1, dtype=torch.long), seeded()
    ids, scores = written(prompt, 40, Sampling(**options), (0, 3), own)
    assert set(ids.unique().tolist()) <= {1, 2, 4, 5, 6}
    assert scores.isfinite().all()
    without, _ = written(prompt, 40, Sampling(**options), (), own)
    assert {0, 3} <= set(without.unique().tolist())


def test_the_score_is_the_models_own_probability():
    class Fixed(Counter):
        def step(self, inputs, state):
            return torch.tensor([0.5, 0.3, 0.2]).log().expand(len(inputs), 3), state

    sampling = Sampling(temperature=0.1, top_k=1)
    ids, scores = written(torch.tensor([[0]]), 2, sampling, (0,), seeded(), Fixed())
    assert ids.tolist() == [[1, 1]]
    torch.testing.assert_close(scores, 2 * torch.tensor([0.3]).log())


def test_frequencies_follow_the_model():
    class Fixed(Counter):
        def step(self, inputs, state):
            return torch.tensor([0.5, 0.3, 0.2]).log().expand(len(inputs), 3), state

    ids, _ = written(torch.zeros(100, 1, dtype=torch.long), 100, Sampling(), (2,), seeded(), Fixed())
    share = (ids == 0).float().mean().item()
    assert share == pytest.approx(0.5 / 0.8, abs=5 * (0.625 * 0.375 / 10_000) ** 0.5)


def test_no_gradients_are_kept_and_the_global_generator_stands():
    layer = nn.Linear(1, 5)

    class Model(Counter):
        def step(self, inputs, state):
            return layer(inputs[:, None].float()), state

    before = torch.get_rng_state()
    _, score = written(torch.tensor([[1]]), 3, Sampling(), (), seeded(), Model())
    assert not layer.weight.grad and score.isfinite().all() and torch.equal(torch.get_rng_state(), before)


def test_nothing_asked_and_nothing_to_go_on_from():
    for decoding in (Greedy(), Sampling(), Beam()):
        ids, scores = written(torch.tensor([[1, 2]]), 0, decoding)
        assert ids.shape == (1, 0) and scores.tolist() == [0]
    with pytest.raises(ConfigurationError, match="prompt is empty"):
        written(torch.zeros(1, 0, dtype=torch.long), 3, Greedy())

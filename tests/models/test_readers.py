import pytest
import torch

from seqnet.models.readers import Features, OneHot, Projection, TokenEmbedding, WordsWithCharacters, make_reader
from seqnet.spaces import Tokens, Vector

WORDS = Tokens(("<pad>", "the", "cat", "sat"))
LETTERS = Tokens(("<pad>", "a", "b", "c"))


def test_an_embedding_of_10000_by_100_has_a_million_weights():
    reader = make_reader(Tokens(tuple(map(str, range(10_000)))), {}, 100)
    assert sum(weight.numel() for weight in reader.parameters()) == 1_000_000
    assert reader.size == 100


def test_an_embedding_looks_up_its_rows():
    reader = make_reader(WORDS, {}, 3)
    assert isinstance(reader, TokenEmbedding)
    ids = torch.tensor([[1, 3], [2, 2]])
    assert torch.equal(reader(ids, {}), reader.embedding.weight[ids])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tokens_without_a_size_are_one_hot_in_the_models_type(dtype):
    reader = make_reader(WORDS, {}, None).to(dtype)
    assert isinstance(reader, OneHot)
    assert reader.size == 4
    x = reader(torch.tensor([[1, 3]]), {})
    assert x.dtype == dtype
    assert x.tolist() == [[[0, 1, 0, 0], [0, 0, 0, 1]]]
    assert not reader.state_dict()


def test_numbers_are_projected_or_left_alone():
    x = torch.randn(2, 5, 3)
    projection = make_reader(Vector(3), {}, 6)
    assert isinstance(projection, Projection)
    assert projection.size == 6
    torch.testing.assert_close(projection(x, {}), x @ projection.linear.weight.T + projection.linear.bias)
    raw = make_reader(Vector(3), {}, None)
    assert isinstance(raw, Features)
    assert raw.size == 3
    assert raw(x, {}) is x


@pytest.mark.parametrize(("size", "width"), [(5, 5), (None, 4)])
def test_words_are_read_beside_their_characters(size, width):
    reader = make_reader(WORDS, {"characters": LETTERS}, size)
    assert isinstance(reader, WordsWithCharacters)
    assert reader.size == width + 30
    ids, characters = torch.tensor([[1, 2]]), torch.tensor([[[1, 2], [3, 0]]])
    x = reader(ids, {"characters": characters})
    assert x.shape == (1, 2, reader.size)
    torch.testing.assert_close(x[..., :width], reader.words(ids, {}))


def test_a_spelling_is_the_maximum_over_a_words_own_characters():
    reader = make_reader(WORDS, {"characters": LETTERS}, 5).double()
    weight, bias = reader.convolution.weight, reader.convolution.bias  # [filters size 3]
    vectors = reader.embedding.weight[[0, 1, 2, 3, 0]]  # "abc" with nothing on either side
    windows = [torch.einsum("fsk,ks->f", weight, vectors[place : place + 3]) + bias for place in range(3)]
    expected = torch.stack(windows).amax(0)
    for padding in range(3):
        spelling = reader.spelling(torch.tensor([[[1, 2, 3] + [0] * padding]]))
        torch.testing.assert_close(spelling[0, 0], expected)


def test_a_step_without_characters_spells_nothing():
    reader = make_reader(WORDS, {"characters": LETTERS}, 5)
    spelling = reader.spelling(torch.tensor([[[0, 0, 0], [1, 0, 0]]]))
    assert not spelling[0, 0].any()
    spelling.sum().backward()
    assert all(weight.grad is None or weight.grad.isfinite().all() for weight in reader.parameters())
    assert not reader.embedding.weight.grad[0].any()

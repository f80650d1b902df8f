import pytest
import torch

from seqnet.models.encoders.inputs import Inputs, make_encoder
from seqnet.models.encoders.letters import Letters
from seqnet.models.encoders.numbers import Features, Projection
from seqnet.models.encoders.tokens import OneHot, TokenEmbedding
from seqnet.specs import Spelling, Tokens, Vector

WORDS = Tokens(("<pad>", "the", "cat", "sat"))
LETTERS = Spelling(("<pad>", "a", "b", "c"), 4)


def test_an_embedding_of_10000_by_100_has_a_million_weights():
    encoder = make_encoder(Tokens(tuple(map(str, range(10_000)))), 100)
    assert sum(weight.numel() for weight in encoder.parameters()) == 1_000_000
    assert encoder.size == 100


def test_an_embedding_looks_up_its_rows():
    encoder = make_encoder(WORDS, 3)
    assert isinstance(encoder, TokenEmbedding)
    ids = torch.tensor([[1, 3], [2, 2]])
    assert torch.equal(encoder(ids), encoder.embedding.weight[ids])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tokens_without_a_size_are_one_hot_in_the_models_type(dtype):
    encoder = make_encoder(WORDS, None).to(dtype)
    assert isinstance(encoder, OneHot)
    assert encoder.size == 4
    x = encoder(torch.tensor([[1, 3]]))
    assert x.dtype == dtype
    assert x.tolist() == [[[0, 1, 0, 0], [0, 0, 0, 1]]]
    assert not encoder.state_dict()


def test_numbers_are_projected_or_left_alone():
    x = torch.randn(2, 5, 3)
    projection = make_encoder(Vector(3), 6)
    assert isinstance(projection, Projection)
    assert projection.size == 6
    torch.testing.assert_close(projection(x), x @ projection.linear.weight.T + projection.linear.bias)
    raw = make_encoder(Vector(3), None)
    assert isinstance(raw, Features)
    assert raw.size == 3
    assert raw(x) is x


@pytest.mark.parametrize(("size", "width"), [(5, 5), (None, 4)])
def test_inputs_of_the_same_steps_stand_side_by_side(size, width):
    shapes = Tokens(("Xx", "x"))
    inputs = Inputs(WORDS, {"letters": LETTERS, "values": shapes}, size)
    narrow = 2 if size is None else 3  # of two names: ceil(1.6 * 2^0.56)
    assert inputs.size == width + 30 + narrow
    ids, letters, shape = torch.tensor([[1, 2]]), torch.tensor([[[1, 2], [3, 0]]]), torch.tensor([[1, 0]])
    x = inputs(ids, {"letters": letters, "values": shape})
    assert x.shape == (1, 2, inputs.size)
    torch.testing.assert_close(x[..., :width], inputs.main(ids))
    torch.testing.assert_close(x[..., width : width + 30], inputs.beside["of_letters"](letters))
    torch.testing.assert_close(x[..., width + 30 :], inputs.beside["of_values"](shape))


def test_an_input_may_have_an_encoder_of_the_users_own():
    class Doubled(torch.nn.Module):
        def __init__(self, space, size, std):
            super().__init__()
            self.size = space.size

        def forward(self, values):
            return 2 * values

    inputs = Inputs(Vector(2), {"more": Vector(3)}, 5, encoders={"inputs": Doubled, "more": Doubled})
    main, more = torch.randn(2, 4, 2), torch.randn(2, 4, 3)
    assert inputs.size == 5
    torch.testing.assert_close(inputs(main, {"more": more}), 2 * torch.cat([main, more], dim=-1))


def test_a_spelling_is_the_maximum_over_a_words_own_characters():
    encoder = Letters(LETTERS).double()
    weight, bias = encoder.convolution.weight, encoder.convolution.bias  # [filters size 3]
    vectors = encoder.embedding.weight[[0, 1, 2, 3, 0]]  # "abc" with nothing on either side
    windows = [torch.einsum("fsk,ks->f", weight, vectors[place : place + 3]) + bias for place in range(3)]
    expected = torch.stack(windows).amax(0)
    for padding in range(3):
        spelling = encoder(torch.tensor([[[1, 2, 3] + [0] * padding]]))
        torch.testing.assert_close(spelling[0, 0], expected)


def test_a_step_without_characters_spells_nothing():
    encoder = Letters(LETTERS)
    spelling = encoder(torch.tensor([[[0, 0, 0], [1, 0, 0]]]))
    assert not spelling[0, 0].any()
    spelling.sum().backward()
    assert all(weight.grad is None or weight.grad.isfinite().all() for weight in encoder.parameters())
    assert not encoder.embedding.weight.grad[0].any()

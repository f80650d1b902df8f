"""The side that reads: with recurrent layers, and without."""

import pytest
import torch

from seqnet.cells.gru import GRU
from seqnet.layers.stack import stacked
from seqnet.models.encoder import Encoder
from seqnet.models.encoders.numbers import Features
from seqnet.models.encoders.tokens import OneHot, TokenEmbedding
from seqnet.specs import Tokens, Vector
from seqnet.state import leaves

WORDS, LENGTHS = Tokens(tuple("abcd")), torch.tensor([3, 1, 0])


def encoder(reader, layers=0, bidirectional=False, dropout=0.0):
    torch.manual_seed(0)
    stack = stacked(GRU, reader.size, 5, layers, bidirectional) if layers else None
    return Encoder(reader, stack, dropout).double().eval()


def test_without_layers_the_vectors_are_those_of_the_reader_and_the_state_is_their_mean():
    source = torch.tensor(
        [[[1.0, 2], [3, 4], [5, 12]], [[7, 8], [50, 50], [50, 50]], [[9, 9], [9, 9], [9, 9]]]
    ).double()
    encoded, (state,) = encoder(Features(Vector(2)))(source, LENGTHS)
    assert encoded.tolist() == [[[1, 2], [3, 4], [5, 12]], [[7, 8], [0, 0], [0, 0]], [[0, 0]] * 3]
    assert state.hidden.tolist() == [[3, 6], [7, 8], [0, 0]]
    encoded, (state,) = encoder(Features(Vector(2)))(source[:1], None)
    assert torch.equal(encoded, source[:1]) and state.hidden.tolist() == [[3, 6]]


@pytest.mark.parametrize("layers", [0, 2])
@pytest.mark.parametrize("reader", [OneHot(WORDS), TokenEmbedding(WORDS, 4)], ids=["one-hot", "embedding"])
def test_its_first_states_are_shaped_as_its_final_ones(reader, layers):
    made = encoder(reader, layers, bidirectional=layers > 0)
    _, states = made(torch.zeros(3, 2, dtype=torch.int64), None)
    first = made.initial_state(3)
    assert [part.shape for part in leaves(first)] == [part.shape for part in leaves(states)]
    assert made.size == (10 if layers else 4)


@pytest.mark.parametrize("layers", [0, 2])
def test_padding_reaches_neither_value_nor_gradient(layers):
    made = encoder(Features(Vector(2)), layers, bidirectional=layers > 0)
    source = torch.randn(3, 3, 2).double()
    source[torch.arange(3) >= LENGTHS[:, None]] = float("nan")
    source.requires_grad_()
    encoded, states = made(source, LENGTHS)
    assert not encoded[1, 1:].any() and not encoded[2].any()
    sum(part.square().sum() for part in [encoded, *leaves(states)]).backward()
    assert source.grad.isfinite().all() and source.grad[0].all()
    assert not source.grad[torch.arange(3) >= LENGTHS[:, None]].any()
    for row, length in ((0, 3), (1, 1)):
        alone, final = made(source[row : row + 1, :length].detach(), None)
        torch.testing.assert_close(alone[0], encoded[row, :length])
        for one, other in zip(leaves(final), leaves(states), strict=True):
            torch.testing.assert_close(one[0], other[row])


def test_dropout_on_what_is_read_is_drawn_in_training_only():
    made, source = encoder(Features(Vector(2)), dropout=0.5), torch.ones(1, 50, 2).double()
    assert torch.equal(made(source, None)[0], source)
    dropped = made.train()(source, None)[0]
    assert set(dropped.unique().tolist()) == {0.0, 2.0}

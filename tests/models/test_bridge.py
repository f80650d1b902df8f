"""From the encoder's final states to the decoder's first."""

import pytest
import torch

from seqnet.errors import ConfigurationError
from seqnet.models.bridge import Bridge
from seqnet.state import BidirectionalState, HiddenState, LSTMState


def hidden(size, rows=1):
    return HiddenState(torch.randn(rows, size))


def lstm(size, rows=1):
    return LSTMState(torch.randn(rows, size), torch.randn(rows, size))


def test_linear_by_hand():
    """tanh(W s + b), s both directions' hidden and cell states side by side, another W for each tensor."""
    bridge = Bridge("linear", (BidirectionalState(lstm(1), lstm(1)),), (lstm(2),))
    with torch.no_grad():
        for number, linear in enumerate(bridge.maps[0]):
            assert linear.weight.shape == (2, 4)
            linear.weight.copy_(torch.tensor([[1.0, 0, 0, 2], [0, -1, 1, 0]]))
            linear.bias.fill_(number)
    before = LSTMState(torch.tensor([[0.1]]), torch.tensor([[0.2]]))
    after = LSTMState(torch.tensor([[0.3]]), torch.tensor([[0.4]]))
    (state,) = bridge((BidirectionalState(before, after),), (lstm(2),))
    assert isinstance(state, LSTMState)
    torch.testing.assert_close(state.hidden, torch.tensor([[0.9, 0.1]]).tanh())
    torch.testing.assert_close(state.cell, torch.tensor([[1.9, 1.1]]).tanh())


def test_layers_meet_their_own_and_the_last_stands_for_what_is_missing():
    encoder, decoder = (hidden(3, 2), hidden(3, 2)), (hidden(3, 2), hidden(3, 2), hidden(3, 2))
    found = Bridge("copy", encoder, decoder)(encoder, decoder)
    assert [torch.equal(one.hidden, encoder[place].hidden) for one, place in zip(found, (0, 1, 1), strict=True)] == [
        True
    ] * 3
    fewer = Bridge("copy", encoder, decoder[:1])(encoder, decoder[:1])
    assert len(fewer) == 1 and torch.equal(fewer[0].hidden, encoder[0].hidden)


def test_zero_leaves_what_the_decoder_begins_with():
    bridge, decoder = Bridge("zero", (hidden(3),), (lstm(2),)), (lstm(2),)
    assert bridge((hidden(3),), decoder) is decoder
    assert not list(bridge.parameters())


@pytest.mark.parametrize(
    ("encoder", "decoder"),
    [
        ((hidden(3),), (hidden(4),)),
        ((hidden(3),), (lstm(3),)),
        ((lstm(3),), (hidden(3),)),
        ((BidirectionalState(hidden(3), hidden(3)),), (hidden(3),)),
        ((hidden(4), hidden(3)), (hidden(3), hidden(3))),
    ],
    ids=["width", "rnn-lstm", "lstm-rnn", "directions", "a-layer-below"],
)
def test_a_copy_between_states_of_other_shapes_is_refused(encoder, decoder):
    with pytest.raises(ConfigurationError, match=r"model\.bridge=copy needs an encoder .*: set model\.bridge=linear"):
        Bridge("copy", encoder, decoder)


def test_an_unknown_kind_is_refused():
    with pytest.raises(ConfigurationError, match=r"model\.bridge=copi .*did you mean 'copy'\?"):
        Bridge("copi", (hidden(3),), (hidden(3),))

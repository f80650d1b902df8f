"""The sooner product against torch's own."""

import pytest
import torch
from torch import nn

from seqnet.models import product as module
from seqnet.models.product import product


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(1, 300), (4, 300), (5, 300), (200, 300), (3, 70, 300)], ids=str)
def test_it_is_the_layer_s_output(shape, bias):
    torch.manual_seed(0)
    layer, x = nn.Linear(300, 1000, bias), torch.randn(shape)
    expected = layer(x)
    with torch.inference_mode():
        torch.testing.assert_close(product(layer, x), expected.detach())
    assert product(layer, x).grad_fn is not None, "there is no gradient"


def test_rows_that_do_not_lie_side_by_side():
    layer, x = nn.Linear(300, 1000), torch.randn(20, 7, 300)
    with torch.no_grad():
        torch.testing.assert_close(product(layer, x[:, 3]), layer(x[:, 3].contiguous()))


def test_where_it_is_taken(monkeypatch):
    """By enough rows in single precision, without gradient or autocast; never for what is no plain linear layer."""
    if not module.AVAILABLE:
        pytest.skip("torch was built without oneDNN")

    class Own(nn.Linear):
        pass

    taken = []
    own = torch.ops.mkldnn._linear_pointwise
    monkeypatch.setattr(torch.ops.mkldnn, "_linear_pointwise", lambda x, *rest: taken.append(x.shape) or own(x, *rest))
    layer, many, few = nn.Linear(300, 1000), torch.randn(20, 300), torch.randn(4, 300)
    with torch.no_grad():
        product(layer, many)
        assert taken == [(20, 300)]
        product(layer, few)
        product(nn.Linear(300, 10), many)
        product(Own(300, 1000), many)
        product(nn.Linear(300, 1000).double(), many.double())
        with torch.autocast("cpu", torch.bfloat16):
            assert product(layer, many).dtype == torch.bfloat16
    product(layer, many)
    assert len(taken) == 1

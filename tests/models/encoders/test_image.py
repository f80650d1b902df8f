import pytest
import torch
from torch.nn import functional as F

from seqnet.errors import ConfigurationError
from seqnet.models.encoder import Encoder
from seqnet.models.encoders.image import Regions
from seqnet.models.encoders.inputs import make_encoder
from seqnet.specs import Image


def slow_convolution(picture, weight, bias):
    """[in height width] to [out height width], as the formula says: zeros outside."""
    _, height, width = picture.shape
    out = bias[:, None, None].repeat(1, height, width).clone()
    for down in range(height):
        for right in range(width):
            for i in range(3):
                for j in range(3):
                    y, x = down + i - 1, right + j - 1
                    if 0 <= y < height and 0 <= x < width:
                        out[:, down, right] += weight[:, :, i, j] @ picture[:, y, x]
    return out


@pytest.mark.parametrize(("height", "width"), [(8, 8), (4, 6), (5, 7), (1, 3), (1, 1)])
def test_regions_are_what_two_convolutions_see_there(height, width):
    encoder = make_encoder(Image(height, width), 4).double()
    assert isinstance(encoder, Regions)
    assert encoder.size == 4
    pictures = torch.rand(3, height, width, dtype=torch.float64)
    found = encoder(pictures)
    rows, columns = Image(height, width).regions
    assert found.shape == (3, rows * columns, 4)
    for picture, regions in zip(pictures, found, strict=True):
        seen = slow_convolution(picture[None], encoder.first.weight, encoder.first.bias).relu() + encoder.place
        seen = slow_convolution(seen, encoder.second.weight, encoder.second.bias).relu()
        for region, vector in enumerate(regions):
            down, right = divmod(region, columns)
            part = seen[:, 2 * down : 2 * down + 2, 2 * right : 2 * right + 2]
            torch.testing.assert_close(vector, part.flatten(1).mean(1))


def test_a_region_knows_its_place_and_little_of_what_is_far_away():
    torch.manual_seed(0)
    encoder = make_encoder(Image(8, 8), 16)
    blank, dot = torch.zeros(1, 8, 8), torch.zeros(1, 8, 8)
    dot[0, 0, 0] = 1
    without, with_dot = encoder(blank)[0], encoder(dot)[0]
    assert len(without.unique(dim=0)) == 16  # blank everywhere, and yet no two regions are alike
    changed = (without != with_dot).any(1).view(4, 4)
    assert changed.nonzero().tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]  # two convolutions reach two values on


def test_gradients_are_those_of_finite_differences():
    encoder = make_encoder(Image(3, 4), 2).double()
    assert torch.autograd.gradcheck(lambda picture: encoder(picture), torch.rand(2, 3, 4).double().requires_grad_())


def test_an_encoder_without_layers_hands_on_the_regions_and_their_mean():
    encoder = make_encoder(Image(8, 8), 6)
    pictures = torch.rand(2, 8, 8)
    encoded, (state,) = Encoder(encoder, None, 0.0)(pictures, None)
    assert torch.equal(encoded, encoder(pictures))
    torch.testing.assert_close(state.hidden, encoded.mean(1))


def test_it_learns_where_the_dot_is():
    torch.manual_seed(0)
    places = torch.arange(16)
    pictures = torch.zeros(16, 4, 4)
    pictures[places, places // 4, places % 4] = 1
    encoder, head = make_encoder(Image(4, 4), 16), torch.nn.Linear(16, 16)
    optimizer = torch.optim.Adam([*encoder.parameters(), *head.parameters()], lr=1e-2)
    for _ in range(300):
        loss = F.cross_entropy(head(encoder(pictures).mean(1)), places)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.1


def test_a_picture_without_a_width_is_refused():
    with pytest.raises(ConfigurationError, match="^model.embedding_size=null .* set it to a number$"):
        make_encoder(Image(8, 8), None)

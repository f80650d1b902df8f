"""Encoders of pictures, clips and sentences."""

import pytest
import torch

from seqnet.errors import ConfigurationError
from seqnet.models.encoders.convolutional import Convolutional, moved
from seqnet.models.encoders.feature_map import FeatureMap
from seqnet.models.encoders.position_encoding import PositionEncoding
from seqnet.specs import Frame, Image, Spelling, Tokens

CLIP = Frame.of(Image(8, 6, 3), axis="step")


def test_a_picture_is_one_vector_and_a_clip_one_a_frame():
    torch.manual_seed(0)
    picture, clip = Convolutional(Image(8, 6, 3), 5, (2, 3)), Convolutional(CLIP, 5, (2, 3))
    clip.load_state_dict(picture.state_dict())
    values = torch.rand(4, 8, 18)
    one = picture(values)
    assert one.shape == (4, 1, 5)
    frames = clip(torch.stack([values.flatten(1), values.flatten(1).flip(0)], dim=1))
    assert frames.shape == (4, 2, 5)
    torch.testing.assert_close(frames[:, :1], one)
    torch.testing.assert_close(frames[:, 1:], one.flip(0))


def test_what_stands_beside_a_picture_changes_nothing():
    torch.manual_seed(0)
    encoder, values = Convolutional(CLIP, 5, (2, 3)).train(), torch.rand(3, 2, 8 * 18)
    torch.testing.assert_close(encoder(values)[1:2, :1], encoder(values[1:2, :1]))


def test_in_training_alone_rows_are_moved_all_their_frames_alike():
    torch.manual_seed(0)
    pixels = torch.rand(6, 3, 5, 4, 2)
    found = moved(pixels, 1)
    padded = torch.nn.functional.pad(pixels, (0, 0, 1, 1, 1, 1))
    shifts = set()
    for row in range(6):
        fits = [
            (down, right)
            for down in range(3)
            for right in range(3)
            if torch.equal(padded[row, :, down : down + 5, right : right + 4], found[row])
        ]
        assert len(fits) == 1
        shifts |= set(fits)
    assert len(shifts) > 1
    encoder, values = Convolutional(Image(8, 8), 5, (2,), shift=2).eval(), torch.rand(4, 8, 8)
    assert torch.equal(encoder(values), encoder(values))
    assert not torch.equal(encoder.train()(values), encoder(values))


def test_a_feature_map_has_a_vector_for_each_region_that_attention_tells_apart():
    torch.manual_seed(0)
    space = Image(5, 7, 2)
    encoder = FeatureMap(space, (3, 4)).eval()
    with torch.no_grad():
        encoder.place.zero_()
    values = torch.zeros(1, 5, 14)
    values[0, 4, 12:] = 1.0  # the last pixel of the last row
    found = encoder(values)
    assert found.shape == (1, 3 * 4, 4)
    changed = (found - encoder(torch.zeros_like(values))).abs().sum(-1)[0] > 0
    assert changed[-1]


def test_a_sentence_is_the_sum_of_its_words_times_the_vector_of_their_places():
    encoder = PositionEncoding(Spelling(("<pad>", "a", "b"), 3), 4)
    words = torch.tensor([[[1, 2, 0], [0, 0, 0]]])
    table, place = encoder.embedding.weight, encoder.position
    expected = torch.stack([table[1] * place[0] + table[2] * place[1], torch.zeros(4)])
    torch.testing.assert_close(encoder(words)[0], expected)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Convolutional(Image(8, 8), None), "embedding_size"),
        (lambda: Convolutional(Image(3, 8), 4, (2, 2)), "fewer channels"),
        (lambda: PositionEncoding(Tokens(("a", "b")), 4), "sentences"),
        (lambda: PositionEncoding(Spelling(("<pad>", "a"), 3), None), "embedding_size"),
    ],
)
def test_what_cannot_be_read_is_refused(make, told):
    with pytest.raises(ConfigurationError, match=told):
        make()

import importlib.util

import pytest
import torch

from seqnet.data.sources.digit_pixels import DigitPixels
from seqnet.data.sources.digits import Digits
from seqnet.errors import DataError

needs_scans = pytest.mark.skipif(not importlib.util.find_spec("sklearn"), reason="scikit-learn is not installed")


@needs_scans
def test_each_pixel_is_a_token_and_the_picture_comes_back() -> None:
    source, scans = DigitPixels(1), Digits(1).split("test")
    batch = source.split("test").batch(torch.arange(5))
    assert batch.targets.shape == (5, 65) and (batch.targets[:, -1] == source.writing.end).all()
    assert (batch.inputs[:, 0] == source.writing.begin).all()
    assert batch.source is not None and isinstance(scans.targets, torch.Tensor)
    assert torch.equal(batch.source[:, 0], scans.targets[:5])
    for row in range(5):
        assert torch.equal(source.picture(batch.targets[row]), scans.inputs[row])
        assert len(source.text(batch.targets[row]).split("\n")) == 8


def test_what_was_not_written_is_paper() -> None:
    source = DigitPixels(1)
    picture = source.picture([16, 8, source.writing.end])
    assert picture[0, :2].tolist() == [1.0, 0.5] and picture.sum() == 1.5


def test_a_digit_a_line_asks_for_a_drawing_and_grey_values_begin_one() -> None:
    source = DigitPixels(1)
    batch = source.read_inputs(["7", "[0]"], "stdin").batch(torch.arange(2))
    assert batch.source is not None and batch.source.tolist() == [[7], [0]]
    assert source.encode_target("0 16 5") == [0, 16, 5]
    drawn = source.text([0, 16, 5, 0, 0, 0, 0, 0, 9, 0])
    assert drawn == "  @@--          \n++  "
    assert source.encode_target("\n".join(map(str.rstrip, drawn.split("\n")))) == [0, 16, 5, 0, 0, 0, 0, 0, 9]
    with pytest.raises(DataError, match="'17' is no grey value"):
        source.encode_target("3 17")
    with pytest.raises(DataError, match="^stdin, line 6: 10 is not a whole number from 0 to 9"):
        source.read_inputs(["7", "10"], "stdin", 5)

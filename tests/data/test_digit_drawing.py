import importlib.util

import pytest
import torch

from seqnet.data.sources.digit_drawing import DigitDrawing
from seqnet.data.sources.digits import Digits
from seqnet.errors import ConfigurationError, DataError

needs_scans = pytest.mark.skipif(not importlib.util.find_spec("sklearn"), reason="scikit-learn is not installed")


@needs_scans
@pytest.mark.parametrize("name", ["train", "valid", "test"])
def test_rows_are_drawn_from_the_top_each_after_those_before_it(name: str) -> None:
    drawing, scans = DigitDrawing(1).split(name), Digits(1).split(name)
    batch = drawing.batch(torch.arange(len(drawing)))
    pictures = scans.inputs.flat.view(-1, 8, 8)
    assert isinstance(scans.targets, torch.Tensor)
    assert torch.equal(batch.targets, pictures)
    assert not batch.inputs[:, 0].any()
    assert torch.equal(batch.inputs[:, 1:], pictures[:, :-1])
    assert batch.source is not None and torch.equal(batch.source, scans.targets[:, None])
    assert batch.dense and batch.source_full


def test_it_writes_eight_rows_of_numbers() -> None:
    source = DigitDrawing(1)
    assert (source.inputs.size, source.targets.size, source.source.size) == (8, 8, 10)
    assert (source.writing.begin, source.writing.end, source.writing.longest) == (None, None, 8)


def test_a_digit_a_line_asks_for_a_drawing() -> None:
    source = DigitDrawing(1)
    batch = source.read_inputs(["7", "[0]"], "stdin").batch(torch.arange(2))
    assert batch.source is not None and batch.source.tolist() == [[7], [0]]
    assert batch.inputs.tolist() == [[[0.0] * 8]] * 2
    assert batch.targets.shape == (2, 1, 8) and batch.targets.isnan().all()
    assert source.show(batch.source[0]) == "7"
    assert source.source_words(batch.source[1]) == ["0"]
    assert len(source.read_inputs([], "stdin")) == 0


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("10", ": 10 is not a whole number from 0 to 9"),
        ("-1", ": -1 is not a whole number from 0 to 9"),
        ("7.5", ": 7.5 is not a whole number from 0 to 9"),
        ("[1, 2]", r": \[1, 2\] is not a number"),
        ('"seven"', ': "seven" is not a number'),
        ("", ": not valid JSON"),
    ],
)
def test_anything_but_a_digit_is_refused_with_its_line(line: str, complaint: str) -> None:
    with pytest.raises(DataError, match=f"^stdin, line 6{complaint}"):
        DigitDrawing(1).read_inputs(["7", line], "stdin", 5)


def test_a_drawing_is_shown_in_characters_whatever_its_values() -> None:
    values = torch.zeros(8, 8)
    values[:, 3], values[:, 4] = 1.5, -0.5
    source = DigitDrawing(1)
    assert source.text(values) == "\n".join(["      @@        "] * 8)
    assert source.words(values)[:2] == ["row 1", "row 2"]


def test_nothing_is_learned_and_shares_are_checked() -> None:
    source = DigitDrawing(1)
    source.restore({})
    assert source.state() == {}
    with pytest.raises(DataError, match="learns nothing"):
        source.restore({"mean": 1})
    with pytest.raises(ConfigurationError, match="^data.train_share and data.valid_share must"):
        DigitDrawing(1, valid_share=0.0)

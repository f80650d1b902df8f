"""What there is to see of one answer, in one file."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from seqnet.batch import AttentionMap, Drawing, Tree
from seqnet.observers.pictures import GAP, draw, save


def test_a_drawing_is_dark_where_it_has_ink():
    picture = np.asarray(draw(Drawing(torch.tensor([[0.0, 1.0, 2.0], [0.5, -1.0, 0.0]]))))
    assert picture.shape == (32, 48)
    assert picture[::16, ::16].tolist() == [[255, 0, 0], [127, 255, 255]]


def test_more_than_one_stand_below_each_other(tmp_path: Path):
    several = [Tree(["(S", "XX", ")"], ["a"]), AttentionMap(torch.ones(1, 1, 2) / 2, ["a", "b"], ["y"])]
    save(tmp_path / "one.png", several)
    first, second = map(draw, several)
    with Image.open(tmp_path / "one.png") as sheet:
        assert sheet.size == (max(first.width, second.width), first.height + GAP + second.height)
        assert sheet.crop((0, 0, *first.size)).tobytes() == first.tobytes()
        top = first.height + GAP
        assert sheet.crop((0, top, second.width, top + second.height)).tobytes() == second.tobytes()

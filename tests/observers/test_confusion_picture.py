"""A drawn confusion matrix."""

import numpy as np
import torch

from seqnet.batch import Confusion
from seqnet.observers.confusion_picture import draw


def test_it_is_darker_where_more_of_a_row_went():
    many = torch.zeros(50, 50)
    many[0, 1], many[0, 2] = 9, 1
    picture = np.asarray(draw(Confusion.named(many, ())))
    assert picture.shape == (800, 800, 3) and picture.dtype == np.uint8
    first, most, some = picture[8, 8], picture[8, 24], picture[8, 40]
    assert list(first) == [255, 255, 255] and most.sum() < some.sum() < first.sum()
    names = ("a name longer than most names", "ü世")
    few = np.asarray(draw(Confusion(torch.tensor([[1.0, 20_000.0], [0.0, 0.0]]), names)))
    assert few.shape[0] == few.shape[1] and few.shape[2] == 3
    margin = few.shape[0] - 10 - 2 * 72
    assert list(few[margin + 5, margin + 72 + 5]) == [8, 48, 107]  # row 0, column 1
    assert list(few[margin + 72 + 5, margin + 72 + 5]) == [255, 255, 255]


def test_a_class_that_training_never_saw_has_a_name_too():
    assert Confusion.named(torch.eye(3), ("a", "b")).names == ("a", "b", "<unknown>")
    assert Confusion.named(torch.eye(2), ("a", "b")).names == ("a", "b")

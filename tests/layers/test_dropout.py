"""Dropout that is locked for a window, against its definition."""

import copy

import pytest
import torch

from seqnet.cells.gru import GRU
from seqnet.draws import drawing
from seqnet.layers.dropout import Drop
from seqnet.layers.layer import Layer
from seqnet.layers.stack import Stack

KEY = (1, 2, 3, 4)
ONES = torch.ones(4, 7, 40)


def drawn(module, x, key=KEY, first_row=0):
    with drawing(key, first_row):
        return module(x)


def test_a_row_has_one_mask_for_all_steps_and_rows_have_others():
    drop = Drop(0.3, locked=True)
    found = drawn(drop, ONES)
    assert torch.equal(found, found[:, :1].expand_as(found))
    assert not torch.equal(found[0], found[1])
    assert found.unique().tolist() == pytest.approx([0, 1 / 0.7])
    assert not torch.equal(drawn(Drop(0.3), ONES)[:, 0], drawn(Drop(0.3), ONES)[:, 1])  # one that is not locked


def test_it_is_the_same_however_a_window_is_cut_and_another_in_the_next():
    drop = Drop(0.5, locked=True)
    whole = drawn(drop, ONES)
    with drawing(KEY):
        parts = [drop(ONES[:, :2]), drop(ONES[:, 2:3]), drop(ONES[:, 3:])]
    assert torch.equal(torch.cat(parts, dim=1), whole)
    assert torch.equal(drawn(copy.deepcopy(drop), ONES), whole)
    assert not torch.equal(drawn(drop, ONES, key=(1, 2, 3, 5)), whole)
    assert not torch.equal(drop(ONES), drop(ONES))  # outside of any window


def test_rows_that_are_shared_out_have_the_masks_that_they_have_together():
    drop = Drop(0.5, locked=True)
    parts = [drawn(drop, ONES[:1]), drawn(drop, ONES[1:], first_row=1)]
    assert torch.equal(torch.cat(parts), drawn(drop, ONES))


def test_a_vector_a_row_is_dropped_as_ever():
    x = torch.ones(4, 50)
    assert torch.equal(drawn(Drop(0.5, locked=True), x), drawn(Drop(0.5), x))


def test_nothing_is_dropped_in_evaluation_or_without_a_probability():
    for drop in (Drop(0.5, locked=True).eval(), Drop(0.0, locked=True)):
        assert drop(ONES) is ONES


def test_layers_have_masks_of_their_own():
    stack = Stack([Layer(GRU(40, 40)) for _ in range(3)], dropout=0.5)
    for drop in stack.between:
        drop.locked = True
    with drawing(KEY):
        one, other = (drop(ONES) for drop in stack.between)
    assert not torch.equal(one, other)

"""What is asked of bits and of nested brackets, counted and matched by hand."""

import pytest
import torch

from seqnet.data.sources.adding import Adding
from seqnet.data.sources.copy_memory import CopyMemory
from seqnet.data.sources.nested import DEPTH, Nested
from seqnet.data.sources.parity import Parity
from seqnet.errors import DataError

SMALL = {"train_size": 300, "valid_size": 20, "test_size": 20}


def rows_of(examples):
    return [(examples.inputs[row].tolist(), examples.targets[row].tolist()) for row in range(len(examples))]


def test_parity_counts_the_ones_so_far():
    for bits, asked in rows_of(Parity(0, 13, **SMALL).split("train")):
        assert asked == [sum(bits[: step + 1]) % 2 for step in range(13)]


@pytest.mark.parametrize("length", [2, 9, 40])
def test_brackets_are_closed_by_their_own_kind_and_the_first_stays_open(length):
    deepest = set()
    for read, asked in rows_of(Nested(0, length, **SMALL).split("train")):
        assert len(read) == length // 2 * 2 + 1
        stack = []
        for bracket, closing in zip(read, asked, strict=True):
            if bracket < 2:
                stack.append(bracket)
            else:
                assert stack.pop() == bracket - 2 and stack
            assert closing == stack[-1] and len(stack) <= DEPTH + 1
            deepest.add(len(stack))
        assert len(stack) == 1
    assert max(deepest) == min(DEPTH, length // 2) + 1


def test_only_what_must_be_remembered_counts_as_right():
    targets = torch.tensor([[0, 1, 1], [1, 0, 0]])
    answers = torch.tensor([[1, 0, 1], [1, 0, 1]])
    for source in (Parity(0), Nested(0)):
        assert source.right(answers, targets).tolist() == [1, 0]
    assert Adding(0).right(torch.tensor([[1.0], [1.0]]), torch.tensor([[1.03], [0.95]])).tolist() == [1, 0]
    symbols = torch.arange(30).view(1, 30) % 8
    guessed = symbols.clone()
    guessed[:, :25] = 0  # blanks, and half of the last ten
    assert CopyMemory(0, 10, **SMALL).right(guessed, symbols).item() == pytest.approx(0.5 + 0.1)


def test_both_read_what_a_person_types_and_show_it():
    source = Nested(0)
    assert source.show(source.read_inputs(["[0, 1, 3]"], "x").inputs[0]) == "([]"
    assert Parity(0).show(Parity(0).read_inputs(["[1, 0, 1]"], "x").inputs[0]) == "101"
    for one, line in ((source, "[4]"), (Parity(0), "[2]")):
        with pytest.raises(DataError, match="line 1"):
            one.read_inputs([line], "x")

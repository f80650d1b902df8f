"""Scores stand beside what was read: words as they were typed, letters, columns, and a series' last values."""

from types import SimpleNamespace

import torch

from seqnet.batch import Batch
from seqnet.commands.read_steps import input_scores, with_lags
from seqnet.specs import Image, Spelling, Tokens, Vector


def told(space, values, scores, said=None):
    source = SimpleNamespace(inputs=space, views={}, input_kinds={"read": None})
    batch = Batch(values[None], torch.tensor([len(values)]), torch.zeros(1))
    return input_scores(SimpleNamespace(source=source), batch, "", scores, said)


def test_tokens_letters_columns_and_places():
    words = told(Tokens(("a", "b")), torch.tensor([1, 0]), torch.tensor([0.5, -1.0]))
    assert (words.name, words.words, words.scores.tolist()) == ("read", ["b", "a"], [0.5, -1.0])

    spelled = told(
        Spelling(("", "x", "y"), 3), torch.tensor([[1, 2, 0], [2, 0, 0]]), torch.tensor([[1.0, 2, 0], [3, 0, 0]])
    )
    assert spelled.words == ["xy", "y"] and spelled.scores.tolist() == [3, 3]
    assert spelled.letters == [[("x", 1.0), ("y", 2.0)], [("y", 3.0)]]

    numbers = told(Vector(2, ("u", "v")), torch.zeros(3, 2), torch.arange(6.0).view(3, 2))
    assert numbers.words is None and numbers.scores.tolist() == [1, 5, 9]
    assert {name: scores.tolist() for name, scores in numbers.columns} == {"u": [0, 2, 4], "v": [1, 3, 5]}

    picture = told(Image(2, 3, channels=2), torch.zeros(2, 6), torch.ones(2, 6))
    assert picture.scores.tolist() == [6, 6] and picture.map.tolist() == [[2, 2, 2]] * 2


def test_a_word_without_a_number_is_told_as_it_was_typed(table, tmp_path):
    (tmp_path / "train.csv").write_text("text,y\na cat,1\na dog,0\n")
    source = table(
        tmp_path / "train.csv", {"text": {"type": "text", "level": "words"}, "y": {"type": "label"}}, ["text"], "y"
    )
    source.fit()
    batch = source.read_inputs(["a bird!"], "x").batch(torch.tensor([0]))
    scores = torch.zeros(batch.time)
    found = input_scores(SimpleNamespace(source=source), batch, "", scores, "a bird!")
    assert found.words[:2] == ["a", "bird!"[: len(found.words[1])]] and "<unk>" not in found.words
    assert "<unk>" in input_scores(SimpleNamespace(source=source), batch, "", scores, "of other words").words


def test_what_the_output_layer_reads_of_a_series_once_more_is_of_the_steps_that_it_was():
    lags = torch.zeros(4, 6)
    lags[2] = torch.tensor([1.0, 2, 3, 4, 5, 6])  # three steps of two columns, the oldest first
    found = with_lags(lags, torch.zeros(4, 2), 2)
    assert found.tolist() == [[1, 2], [3, 4], [5, 6], [0, 0]]
    lags[1] = lags[2]
    assert with_lags(lags, torch.ones(4, 2), 1).tolist() == [[4, 5], [6, 7], [1, 1], [1, 1]]  # none before the first

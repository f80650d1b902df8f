"""A drawn tree: what stands over what, and lines where they belong."""

import numpy as np
import pytest
from PIL import Image

from seqnet.batch import Tree
from seqnet.observers.tree_picture import FAINT, LEVEL, MARGIN, PHRASE, Node, draw, parsed


def nested(node: Node) -> object:
    return [node.label, *map(nested, node.below)] if node.phrase else node.label


def of(tokens: str, words: str) -> Tree:
    return Tree(tokens.split(), words.split())


@pytest.mark.parametrize(
    ("tokens", "words", "roots", "left"),
    [
        ("(S (NP XX XX ) (VP XX ) )", "the dog barks", [["S", ["NP", "the", "dog"], ["VP", "barks"]]], []),
        ("(S XX )", "a b c", [["S", "a"]], ["b", "c"]),
        ("(S XX XX )", "a", [["S", "a", "XX"]], []),
        (") (S (NP XX", "a", [["S", ["NP", "a"]]], []),
        ("XX (S XX ) )", "a b", ["a", ["S", "b"]], []),
        ("", "a", [], ["a"]),
    ],
)
def test_what_is_no_tree_is_taken_as_it_is(tokens: str, words: str, roots: list[object], left: list[str]):
    found, unread = parsed(of(tokens, words))
    assert ([nested(node) for node in found], unread) == (roots, left)


def has(picture: Image.Image, colour: tuple[int, int, int]) -> bool:
    return bool((np.asarray(picture) == colour).all(-1).any())


def test_a_phrase_stands_over_the_middle_of_what_it_holds():
    picture = draw(of("(I XX )", "l"))  # one letter over one letter: a line straight down between them
    points = np.asarray(picture)
    rows, columns = (points == FAINT).all(-1).nonzero()
    assert len(set(columns.tolist())) == 1
    assert (rows.min(), rows.max()) == (MARGIN + 24, MARGIN + LEVEL)
    blue = (points == PHRASE).all(-1).nonzero()
    assert blue[0].max() < rows.min() and abs(blue[1].mean() - columns[0]) < 2


def test_words_without_a_leaf_are_grey_and_each_level_is_as_high():
    whole, lacking = draw(of("(S XX XX )", "ii ii")), draw(of("(S XX )", "ii ii"))
    assert lacking.height == whole.height
    assert draw(of("(S (NP XX ) )", "ii")).height == whole.height + LEVEL
    right = lacking.crop((lacking.width - 30, 60, lacking.width, lacking.height))
    assert has(right, FAINT) and not has(right, (0, 0, 0))


@pytest.mark.parametrize(("tokens", "words"), [("", ""), ("(S", ""), ("(VERYLONGLABEL XX )", "a"), (")", "")])
def test_the_smallest_are_drawn(tokens: str, words: str):
    assert np.array_equal(np.asarray(draw(of(tokens, words))), np.asarray(draw(of(tokens, words))))

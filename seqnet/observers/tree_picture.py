"""A bracketed tree: phrases above, lines down to what they hold, the words that were read below."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from PIL import Image, ImageDraw

from seqnet.batch import Tree
from seqnet.decoding.brackets import CLOSE, LEAF, OPEN
from seqnet.observers.text_image import text_image

LEVEL, MARGIN, GAP = 46, 14, 14
PHRASE, WORD, FAINT = (34, 94, 168), (0, 0, 0), (150, 150, 150)


@dataclass
class Node:
    """A phrase with its label, or a word."""

    label: str
    phrase: bool
    below: list["Node"] = field(default_factory=list)
    unread: bool = False  # a word without a leaf
    x: float = 0.0  # its middle, in points
    y: float = 0.0

    @property
    def height(self) -> int:
        """Levels below it."""
        return 1 + max((node.height for node in self.below), default=0) if self.phrase else 0


def parsed(tree: Tree) -> tuple[list[Node], list[str]]:
    """The trees that tokens make, and the words that have no leaf.

    What is none is taken as it is: a bracket that closes nothing is passed over, one that is not closed ends last.
    """
    roots: list[Node] = []
    opened: list[Node] = []
    words = iter(tree.words)
    for token in tree.tokens:
        if token == CLOSE:
            del opened[-1:]
            continue
        phrase = token.startswith(OPEN)
        node = Node(token.removeprefix(OPEN), True) if phrase else Node(next(words, LEAF), False)
        (opened[-1].below if opened else roots).append(node)
        if phrase:
            opened.append(node)
    return roots, list(words)


def draw(tree: Tree) -> Image.Image:
    """Phrases in blue, words in black; in grey those that have no leaf."""
    roots, left_over = parsed(tree)
    roots += [Node(word, False, unread=True) for word in left_over]
    nodes = list(_all(roots))
    font, labels = text_image([node.label for node in nodes], 17)
    for node, label in zip(nodes, labels, strict=True):
        node.label = label
    right = float(MARGIN)
    for root in roots:
        right = _place(root, right, font.getlength)
    depth = max((root.height for root in roots), default=0)
    bottom = MARGIN + 12 + depth * LEVEL  # the middle of the words
    picture = Image.new("RGB", (max(60, round(right - GAP + MARGIN)), bottom + 12 + MARGIN), "white")
    pen = ImageDraw.Draw(picture)
    for root in roots:
        _stand(root, MARGIN + 12 if root.phrase else bottom, bottom)
    nodes = list(_all(roots))
    for node in nodes:
        for below in node.below:
            pen.line((node.x, node.y + 12, below.x, below.y - 12), fill=FAINT, width=1)
    for node in nodes:
        around = pen.textbbox((node.x, node.y), node.label, font=font, anchor="mm")
        pen.rectangle(around, fill="white")  # of a line that passes
        ink = PHRASE if node.phrase else FAINT if node.unread else WORD
        pen.text((node.x, node.y), node.label, fill=ink, font=font, anchor="mm")
    return picture


def _all(roots: Sequence[Node]) -> Iterator[Node]:
    """Every node, from the left."""
    for node in roots:
        yield node
        yield from _all(node.below)


def _place(node: Node, left: float, length: Callable[[str], float]) -> float:
    """Put what a node holds side by side from `left` on, and it over their middle; where the next one may begin."""
    own = length(node.label)
    if not node.below:
        node.x = left + own / 2
        return left + own + GAP
    right = left
    for below in node.below:
        right = _place(below, right, length)
    node.x = (node.below[0].x + node.below[-1].x) / 2
    lacking = max(0.0, own / 2 - (node.x - left))  # a label that is wider than what is below it
    if lacking:
        for each in _all([node]):
            each.x += lacking
    return max(right + lacking, node.x + own / 2 + GAP)


def _stand(node: Node, y: int, bottom: int) -> None:
    """Put a node at height y, and what it holds a level lower; words stand at the bottom."""
    node.y = y
    for below in node.below:
        _stand(below, y + LEVEL if below.phrase else bottom, bottom)

"""Trees are well-formed whatever a model says, and whatever looks for them."""

from itertools import product

import pytest
import torch
from torch import nn

from seqnet.decoding.beam import Beam
from seqnet.decoding.brackets import Brackets
from seqnet.decoding.constrained import Constrained
from seqnet.decoding.greedy import Greedy
from seqnet.decoding.hypothesis import Start
from seqnet.decoding.obeying import Obeying
from seqnet.decoding.sampling import Sampling
from seqnet.specs import Writing
from seqnet.state import HiddenState
from seqnet.tasks.writing_scores import is_tree

NAMES = ("<unk>", "XX", ")", "(S", "(NP", "<bos>", "<eos>")
BEGIN, END = 5, 6
GRAMMAR = Brackets.of(NAMES, END)
WORDS = torch.tensor([1, 2, 3, 5, 9, 0])


def writing(longest=20):
    return Writing(begin=BEGIN, end=END, forbidden=(0, BEGIN), longest=longest, grammar=GRAMMAR)


class Stubborn(nn.Module):
    """A model that always says much the same, and nothing of trees: the logits of a step follow from the token read."""

    def __init__(self, seed, liked=()):
        super().__init__()
        drawn = torch.randn(len(NAMES), len(NAMES), generator=torch.Generator().manual_seed(seed))
        drawn[:, list(liked)] += 20
        self.head = nn.Linear(len(NAMES), len(NAMES), bias=False)
        self.head.weight = nn.Parameter(drawn, requires_grad=False)

    def step(self, inputs, state, memory, head=None):
        features = nn.functional.one_hot(inputs, len(NAMES)).float()
        return (head or self.head)(features), HiddenState(state.hidden + 1), None


def written(decoding, model, words=WORDS, prefix=(), **how):
    state = HiddenState(torch.zeros(len(words), 1))
    found = Obeying(decoding, GRAMMAR, words).decode(model, Start(None, state, writing(**how), prefix))
    return [[(" ".join(NAMES[token] for token in one.ids), one) for one in row] for row in found]


SEARCHES = {
    "greedy": Greedy(),
    "beam": Beam(4, n_best=3),
    "sampling": Sampling(),
    "hot": Sampling(temperature=50),
    "nucleus": Sampling(top_k=3, top_p=0.8),
    "at_least": Greedy(min_length=12),
    "without_repeats": Beam(3, no_repeat_ngram=2),
    "among": Constrained(Beam(2), [1, 2, 3]),
}


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("liked", [(), (3, 4), (2,), (END,), (1,)], ids=["nothing", "open", "close", "end", "leaf"])
def test_what_is_written_is_a_tree_with_a_leaf_for_each_word(search, liked):
    for seed in range(3):
        for row, words in zip(written(SEARCHES[search], Stubborn(seed, liked)), WORDS.tolist(), strict=True):
            for text, one in row:
                assert one.ended and one.log_probability > -torch.inf
                assert is_tree(text, words) if words else text == "", text


def test_the_grammar_lets_through_all_trees_and_nothing_else():
    """Of all texts of up to six tokens, by a reading of their own."""
    for words, left in product((1, 2), (4, 6)):
        passed, trees = set(), set()
        for length in range(left):
            for tokens in product(range(1, 5), repeat=length):
                tree = GRAMMAR.begin(torch.tensor([words]))
                fits = True
                for place, token in enumerate((*tokens, END)):
                    fits = fits and bool(GRAMMAR.allowed(tree, left - place)[0, token])
                    tree = GRAMMAR.read(tree, torch.tensor([token]))
                text = " ".join(NAMES[token] for token in tokens)
                passed |= {text} if fits else set()
                trees |= {text} if is_tree(text, words) else set()
        assert passed == trees and bool(trees) == (left >= words + 3)


def test_probabilities_are_of_what_may_be_written():
    """Sampled often enough, each tree comes up as often as its score says."""
    words, model = torch.full((4000,), 1), Stubborn(3)
    found = [row[0] for row in written(Sampling(), model, words, longest=4)]
    assert len({text for text, _ in found}) > 3
    for text, one in dict(found).items():
        share = sum(text == other for other, _ in found) / len(found)
        assert share == pytest.approx(torch.tensor(one.log_probability).exp().item(), abs=0.03), text


def test_a_row_is_written_alone_as_beside_others():
    for search in ("greedy", "beam"):
        together = written(SEARCHES[search], Stubborn(5))
        for row, words in zip(together, WORDS, strict=True):
            (alone,) = written(SEARCHES[search], Stubborn(5), words[None])
            assert [text for text, _ in alone] == [text for text, _ in row]


def test_a_prefix_is_written_as_it_is_given_and_gone_on_with():
    for name in ("greedy", "beam", "sampling"):
        for row in written(SEARCHES[name], Stubborn(0), torch.tensor([3]), prefix=(3, 4, 1)):
            assert row[0][0].startswith("(S (NP XX ") and is_tree(row[0][0], 3)
    for row in written(Greedy(), Stubborn(0), torch.tensor([3]), prefix=(2, 2)):  # no tree begins so
        assert row[0][1].ended


def test_a_vocabulary_without_brackets_is_refused():
    with pytest.raises(ValueError, match="'[(]LABEL'"):
        Brackets.of(("a", "b", "<eos>"), 2)

"""Scores of free writing: by hand, and as sacrebleu prints them."""

import math
import sys

import pytest
import sacrebleu

from seqnet.errors import ConfigurationError
from seqnet.tasks.writing_scores import TEXTS, TOKENS


def scored(name, written, wanted):
    metric = (TOKENS | TEXTS)[name]()
    for ours, theirs in zip(written, wanted, strict=True):  # row by row is as all at once
        metric.update([ours], [theirs])
    return metric.compute().item()


def test_token_accuracy_is_by_place_and_over_wanted_tokens():
    # 2 of 3; 1 of 2, needless tokens count nothing; 0 of 2, nothing was written
    written, wanted = [[1, 2, 9], [1, 7, 7, 7], []], [[1, 2, 3], [1, 2], [4, 9]]
    assert scored("token_accuracy", written, wanted) == pytest.approx(3 / 7)


def test_exact_match_is_to_the_last_token():
    written, wanted = [[1, 2, 9], [1, 2], [1, 2, 9, 9], [9]], [[1, 2, 9], [1, 2, 9], [1, 2, 9], [9]]
    assert scored("exact_match", written, wanted) == 0.5


def test_error_rates_are_edits_for_each_one_wanted():
    written, wanted = ["2021-03-06", "", "the brown fox"], ["2021-03-05", "abc", "a quick brown fox"]
    assert scored("cer", written, wanted) == pytest.approx((1 + 3 + 7) / (10 + 3 + 17))
    assert scored("wer", written, wanted) == pytest.approx((1 + 1 + 2) / (1 + 1 + 4))


def test_bleu_by_hand():
    # 4 of 5 words, 3 of 4 pairs, 2 of 3 triples, 1 of 2 fours; nothing too short
    assert scored("bleu", ["a b c d e"], ["a b c d f"]) == pytest.approx(100 * (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25)
    # the same words over two texts, of which one is a word short: e^(1 - 10 / 9)
    short = scored("bleu", ["a b c d e", "p q r s"], ["a b c d e", "p q r s t"])
    assert short == pytest.approx(100 * math.exp(1 - 10 / 9))


EDGES = [
    ([""], ["the fox jumps over it"]),
    (["the fox jumps over it"], [""]),
    ([""], [""]),
    (["x y z"], ["the fox jumps over it"]),  # all wrong
    (["the fox"], ["the fox"]),  # too short for four words in a row
    (["the fox jumps over it"], ["the fox jumps over it"]),
    (["fox the it over jumps a b c d"], ["the fox jumps over it"]),  # right words, no two in a row
]


@pytest.mark.parametrize(("written", "wanted"), EDGES)
def test_edges_are_as_sacrebleu_has_them(written, wanted):
    bleu = sacrebleu.corpus_bleu(written, [wanted], tokenize="none").score
    assert scored("bleu", written, wanted) == pytest.approx(bleu, abs=1e-9)
    assert scored("chrf", written, wanted) == pytest.approx(sacrebleu.corpus_chrf(written, [wanted]).score, abs=1e-9)


def test_without_sacrebleu_its_command_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "sacrebleu", None)
    with pytest.raises(ConfigurationError, match=r"task\.metrics has bleu, .* pip install 'seqnet\[text\]'"):
        TEXTS["bleu"]()


def test_phrases_of_trees_are_counted_with_label_beginning_and_end():
    """One that stands there twice has to be written twice; a bracket that is not closed is no phrase."""
    wanted = "(S (NP XX XX ) (VP XX (NP XX ) ) )"
    assert scored("bracket_f1", [wanted], [wanted]) == 1
    assert scored("bracket_f1", ["(S (NP XX XX ) (VP XX (PP XX ) ) )"], [wanted]) == pytest.approx(3 / 4)
    assert scored("bracket_f1", ["(S XX )", wanted], ["(S (S XX ) )", wanted]) == pytest.approx(2 * 5 / (1 + 2 + 8))
    assert scored("bracket_f1", [") (S (NP XX"], [wanted]) == 0


@pytest.mark.parametrize(
    ("written", "well"),
    [
        ("(S XX (NP XX ) )", True),
        ("(S (S XX XX ) )", True),
        ("(S XX )", False),  # of one word
        ("(S XX XX", False),
        ("(S XX XX ) )", False),
        ("(S XX XX ) (S XX )", False),
        ("(S XX XX (NP ) )", False),
        ("XX XX", False),
        ("", False),
    ],
)
def test_a_tree_is_one_phrase_of_as_many_words(written, well):
    assert scored("well_formed", [written], ["(S (NP XX XX ) )"]) == well

"""Scores of free writing: by hand, and as sacrebleu prints them."""

import random

import pytest
import sacrebleu

from seqnet.tasks.writing_scores import TEXTS, TOKENS

WORDS = "a b cc ddd the fox jumps . , Ünder".split()


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


def corpora():
    """References, and what was written: right, with other words, all wrong, empty, shorter and longer."""
    drawn = random.Random(1)
    for _ in range(150):
        wanted = [" ".join(drawn.choices(WORDS, k=drawn.randint(0, 12))) for _ in range(drawn.randint(1, 4))]
        share = drawn.choice([0, 0.1, 0.5])
        said = [[word if drawn.random() > share else drawn.choice(WORDS) for word in text.split()] for text in wanted]
        cut = drawn.choice([None, None, 3, 0])
        yield [" ".join(words[:cut]) for words in said], wanted


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


def test_random_corpora_are_as_sacrebleu_has_them():
    found = []
    for written, wanted in corpora():
        found.append(scored("bleu", written, wanted))
        assert found[-1] == pytest.approx(sacrebleu.corpus_bleu(written, [wanted], tokenize="none").score, abs=1e-9)
        chrf = sacrebleu.corpus_chrf(written, [wanted]).score
        assert scored("chrf", written, wanted) == pytest.approx(chrf, abs=1e-9)
    assert 0 in found and max(found) == pytest.approx(100) and sum(5 < score < 95 for score in found) > 30

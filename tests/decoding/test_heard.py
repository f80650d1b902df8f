"""Answers read off what is heard in each frame, beside all alignments written out."""

import itertools
import math
from collections import defaultdict
from itertools import groupby

import pytest
import torch

from seqnet.decoding.best_path import BestPath
from seqnet.decoding.heard import Heard
from seqnet.decoding.hypothesis import Start
from seqnet.decoding.prefix_beam import PrefixBeam
from seqnet.errors import ConfigurationError
from seqnet.specs import Writing

BLANK = 4  # behind a, b, the beginning and the end
WRITING = Writing(begin=2, end=3, forbidden=(2,), longest=9)


def answers(logs):
    """The probability of every answer, by all alignments of [frame classes]."""
    found = defaultdict(float)
    for path in itertools.product((0, 1, BLANK), repeat=len(logs)):
        answer = tuple(token for token, _ in groupby(path) if token != BLANK)
        found[answer] += math.exp(sum(logs[frame, token].item() for frame, token in enumerate(path)))
    return found


@pytest.fixture(params=range(3))
def heard(request):
    random = torch.Generator().manual_seed(request.param)
    logs = torch.randn(4, 6, 5, generator=random, dtype=torch.float64).mul(1.5).log_softmax(-1)
    return Heard(logs, torch.tensor([6, 4, 1, 0]))


def test_a_wide_beam_finds_the_likeliest_answers(heard):
    found = PrefixBeam(beam_size=500, n_best=4, negligible=0).decode(None, Start(heard, None, WRITING))
    for row, length in enumerate(heard.lengths.tolist()):
        wanted = sorted(answers(heard.logs[row, :length].float()).items(), key=lambda one: -one[1])[:4]
        assert [tuple(one.ids) for one in found[row]] == [ids for ids, _ in wanted]
        assert [math.exp(one.score) for one in found[row]] == pytest.approx([each for _, each in wanted])


def test_a_narrow_beam_is_no_better_and_keeps_what_counts(heard):
    (wide,), (narrow,) = (
        PrefixBeam(beam_size=size).decode(None, Start(Heard(heard.logs[:1], heard.lengths[:1]), None, WRITING))
        for size in (500, 3)
    )
    assert narrow[0].score <= wide[0].score + 1e-12
    assert len(narrow) == 1


def test_the_best_path_is_that_of_the_likeliest_classes(heard):
    allowed = heard.logs.clone()
    allowed[..., [2, 3]] = -torch.inf
    for row, (found,) in enumerate(BestPath().decode(None, Start(heard, None, WRITING))):
        path = allowed[row, : heard.lengths[row]].argmax(-1).tolist()
        assert found.ids == [token for token, _ in groupby(path) if token != BLANK]
        assert found.score == pytest.approx(allowed[row, : heard.lengths[row]].max(-1).values.sum().item(), rel=1e-5)


def test_the_likeliest_answer_need_not_be_on_the_likeliest_path():
    """Nothing is the likeliest class of both frames here, and a the likelier answer (Graves et al. 2006, 3.2)."""
    logs = torch.full((1, 2, 5), -torch.inf)
    logs[0, :, 0], logs[0, :, BLANK] = math.log(0.4), math.log(0.6)
    heard = Heard(logs, torch.tensor([2]))
    assert BestPath().decode(None, Start(heard, None, WRITING))[0][0].ids == []
    (best,) = PrefixBeam().decode(None, Start(heard, None, WRITING))[0]
    assert best.ids == [0] and math.exp(best.score) == pytest.approx(0.64)


@pytest.mark.parametrize("decoding", [BestPath(), PrefixBeam()])
def test_nobody_says_how_it_begins(decoding, heard):
    with pytest.raises(ConfigurationError, match="hears all of them at once: leave it out"):
        decoding.decode(None, Start(heard, None, WRITING, prefix=[0]))


def test_more_answers_than_are_followed_are_refused():
    with pytest.raises(ConfigurationError, match="at most decoding.beam_size=2"):
        PrefixBeam(beam_size=2, n_best=3)

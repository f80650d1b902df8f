"""Groups of a beam that write other tokens: by hand, a hypothesis at a time, and each row as if it were alone."""

import math

import pytest
import torch

from seqnet.decoding.beam import Beam
from seqnet.decoding.hypothesis import Start
from seqnet.errors import ConfigurationError
from seqnet.specs import Writing

END, BEGIN = 2, 3
WRITING = Writing(begin=BEGIN, end=END, forbidden=(BEGIN,), longest=4)


class Table:
    """Logits drawn once for each of many states; the next state follows from the state and what was read."""

    def __init__(self, seed, vocabulary=8):
        self.logits = torch.randn(199, vocabulary, generator=torch.Generator().manual_seed(seed)) * 1.5

    def step(self, inputs, state, memory):
        place = (state[0] * 7 + inputs + 1) % 199
        return self.logits[place], (place,), None


def begin(seed, rows):
    return torch.zeros(rows, 1), (torch.arange(rows) * 13 + seed,)


def by_hand(model, place, size, groups, diversity, n_best, steps):
    """The search of one row, a hypothesis at a time: scores (by probability alone) and tokens, best first."""
    each, found = size // groups, []
    beams = [[(0.0, [], place, BEGIN)] for _ in range(groups)]
    ended = [[] for _ in range(groups)]
    done = [False] * groups
    for _ in range(steps):
        used = []
        for group in range(groups):
            if done[group]:
                continue
            more = []
            for total, ids, here, read in beams[group]:
                logits, (after,), _ = model.step(torch.tensor([read]), (torch.tensor([here]),), None)
                for token, log in enumerate(logits[0].log_softmax(-1).double().tolist()):
                    if token != BEGIN:
                        more.append((total + log, [*ids, token], int(after), token))
            more.sort(key=lambda one: -(one[0] - diversity * used.count(one[3])))
            ended[group] += [(total, ids[:-1]) for total, ids, _, token in more[:each] if token == END]
            beams[group] = [one for one in more[: 2 * each] if one[3] != END][:each]
            used += [token for *_, token in beams[group]]
            best = sorted((total for total, _ in ended[group]), reverse=True)[:n_best]
            reach = max(total for total, *_ in beams[group])
            done[group] = len(ended[group]) >= each or (len(best) == n_best and best[-1] >= reach)
    for group in range(groups):
        found += [(True, *one) for one in ended[group]]
        found += [] if done[group] else [(False, total, ids) for total, ids, *_ in beams[group]]
    once = {(over, *ids): (not over, -total, ids) for over, total, ids in reversed(found)}
    return [(-total, ids) for _, total, ids in sorted(once.values())[:n_best]]


@pytest.mark.parametrize(("size", "groups"), [(2, 2), (4, 2), (6, 3), (3, 3)])
@pytest.mark.parametrize("diversity", [0.3, 2.0])
def test_it_is_the_search_a_hypothesis_at_a_time(size, groups, diversity):
    changed = 0
    for seed in range(4):
        model, (memory, state) = Table(seed), begin(seed, 4)
        options = {"length_penalty": 0.0, "n_best": size, "max_length": 6}
        found = Beam(size, groups=groups, diversity=diversity, **options).decode(model, Start(memory, state, WRITING))
        plain = Beam(size, **options).decode(model, Start(memory, state, WRITING))
        for row in range(4):
            wanted = by_hand(model, int(state[0][row]), size, groups, diversity, size, 6)
            assert [one.ids for one in found[row]] == [ids for _, ids in wanted]
            assert [one.score for one in found[row]] == pytest.approx([total for total, _ in wanted], abs=1e-5)
            changed += [one.ids for one in found[row]] != [one.ids for one in plain[row]]
            alone = Start(memory[row : row + 1], (state[0][row : row + 1],), WRITING)
            (one_row,) = Beam(size, groups=groups, diversity=diversity, **options).decode(model, alone)
            assert one_row == found[row]
    assert changed, "groups never found anything else"


class Same:
    """A model that says the same at every step: tokens 0, 1 and 2 with 0.5, 0.3 and 0.2."""

    def step(self, inputs, state, memory):
        return torch.tensor([0.5, 0.3, 0.2]).log().expand(len(inputs), -1), state, None


@pytest.mark.parametrize(
    ("diversity", "second"),
    [
        (0.50, [0, 0]),  # 0.5 e^-0.5 = 0.303 is still more than 0.3: both groups write the same, which is told once
        (0.52, [1, 1]),  # 0.5 e^-0.52 = 0.297
    ],
)
def test_the_penalty_by_hand(diversity, second):
    writing = Writing(begin=0, end=None, forbidden=(), longest=2)
    start = Start(None, (torch.zeros(1),), writing)
    (found,) = Beam(2, 0.0, n_best=2, groups=2, diversity=diversity).decode(Same(), start)
    assert [one.ids for one in found] == [[0, 0], second][: 1 + (second != [0, 0])]
    assert [one.score for one in found] == pytest.approx([2 * math.log(0.5), 2 * math.log(0.3)][: len(found)])


def test_one_group_is_the_beam():
    model, (memory, state) = Table(3), begin(3, 5)
    start = Start(memory, state, WRITING)
    assert Beam(4, groups=1, n_best=4).decode(model, start) == Beam(4, n_best=4).decode(model, start)


def test_many_rows_are_decoded_in_parts(monkeypatch):
    model, (memory, state) = Table(3), begin(3, 7)
    beam = Beam(4, groups=2, n_best=3)
    together = beam.decode(model, Start(memory, state, WRITING))
    monkeypatch.setattr("seqnet.decoding.beam.AT_ONCE", 8)
    assert beam.decode(model, Start(memory, state, WRITING)) == together


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"beam_size": 5, "groups": 2}, "decoding.beam_size=5 cannot be shared out among decoding.groups=2"),
        ({"beam_size": 2, "groups": 4}, "decoding.groups=4"),
        ({"groups": 0}, "decoding.groups=0"),
        ({"diversity": 0.7}, "decoding.diversity=0.7 has no effect: it is between groups, and decoding.groups=1"),
    ],
)
def test_what_does_not_go_together_is_refused(options, named):
    with pytest.raises(ConfigurationError, match=named):
        Beam(**options)

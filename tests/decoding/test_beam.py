"""Beam search against enumeration, against greedy search, and against the model's own word for its scores."""

import itertools
from typing import NamedTuple

import pytest
import torch

from seqnet.attention.soft import Soft
from seqnet.batch import Batch
from seqnet.cells.gru import GRU
from seqnet.decoding.beam import Beam
from seqnet.decoding.greedy import Greedy
from seqnet.decoding.hypothesis import Start
from seqnet.errors import ConfigurationError
from seqnet.models.encoder_decoder import EncoderDecoder
from seqnet.specs import Tokens, Writing
from seqnet.training.evaluation import evaluating

END, BEGIN = 2, 3
WRITING = Writing(begin=BEGIN, end=END, forbidden=(BEGIN,), longest=4)
ROWS = 3


class LengthsOnly(NamedTuple):
    """All that a beam asks of what attention looks at."""

    lengths: torch.Tensor


class Table:
    """Logits drawn once for each of many states; the next state follows from the state and what was read."""

    def __init__(self, seed, vocabulary=4):
        self.logits = torch.randn(199, vocabulary, generator=torch.Generator().manual_seed(seed)) * 1.5
        self.asked = []

    def step(self, inputs, state, memory):
        self.asked.append((len(inputs), len(memory)))
        place = (state[0] * 7 + inputs + 1) % 199
        return self.logits[place], (place,), None


def begin(seed, rows=ROWS):
    return torch.zeros(rows, 1), (torch.arange(rows) * 13 + seed,)


def enumerated(model, state, length_penalty, min_length, steps):
    """All that one row may write, best first: (score, tokens)."""
    found = []
    for length in range(min_length, steps):
        for tokens in itertools.product((0, 1), repeat=length):
            here, read, total = state, BEGIN, 0.0
            for token in (*tokens, END):
                logits, (here,), _ = model.step(torch.tensor([read]), (here,), here)
                total += logits.log_softmax(-1)[0, token].double().item()
                read = token
            found.append((total / ((5 + length + 1) / 6) ** length_penalty, list(tokens)))
    return sorted(found, reverse=True)


@pytest.mark.parametrize("length_penalty", [0.0, 0.6, 1.0, 2.0])
@pytest.mark.parametrize("min_length", [0, 2])
def test_a_beam_as_large_as_the_search_space_finds_the_best_in_order(length_penalty, min_length):
    for seed in range(10):
        model, (memory, state) = Table(seed), begin(seed)
        beam = Beam(100, length_penalty, n_best=3, min_length=min_length, max_length=4)
        found = beam.decode(model, Start(memory, state, WRITING))
        for row in range(ROWS):
            best = enumerated(model, state[0][row : row + 1], length_penalty, min_length, 4)[:3]
            assert [(hypothesis.ids) for hypothesis in found[row]] == [tokens for _, tokens in best]
            assert [hypothesis.score for hypothesis in found[row]] == pytest.approx([score for score, _ in best])
            assert all(hypothesis.ended for hypothesis in found[row])


class Looking(Table):
    """A table whose model also looks at three positions of a source, in two heads; of each row so many are valid."""

    def __init__(self, seed, lengths):
        super().__init__(seed)
        looks = torch.randn(199, 2, 3, generator=torch.Generator().manual_seed(seed + 100)) * 2
        self.looks = looks.masked_fill(torch.arange(3) >= lengths[:, None, None, None], -torch.inf).softmax(-1)

    def step(self, inputs, state, memory):
        logits, (place,), _ = super().step(inputs, state, memory)
        return logits, (place, state[1]), self.looks[state[1], place]


@pytest.mark.parametrize("coverage_penalty", [0.2, 3.0])
@pytest.mark.parametrize("length_penalty", [0.0, 1.0])
def test_so_it_does_with_a_coverage_penalty(length_penalty, coverage_penalty):
    """What padding of the source was paid, nothing, must not count: the rows' sources differ in length."""
    lengths, changed = torch.tensor([3, 1, 2]), 0
    for seed in range(8):
        model, memory = Looking(seed, lengths), LengthsOnly(lengths)
        state = (begin(seed)[1][0], torch.arange(ROWS))
        beam = Beam(100, length_penalty, coverage_penalty, n_best=3, max_length=4)
        found = beam.decode(model, Start(memory, state, WRITING))
        for row in range(ROWS):
            expected = []
            for score, tokens in enumerated(Table(seed), state[0][row : row + 1], length_penalty, 0, 4):
                here, paid = state[0][row].item(), torch.zeros(3)
                for read in (BEGIN, *tokens):
                    here = (here * 7 + read + 1) % 199
                    paid = paid + model.looks[row, here].mean(0)
                covered = paid[: lengths[row]].clamp(max=1).log().sum().item()
                expected.append((score + coverage_penalty * covered, tokens))
            best = sorted(expected, reverse=True)[:3]
            changed += best[0][1] != expected[0][1]
            assert [one.ids for one in found[row]] == [tokens for _, tokens in best]
            assert [one.score for one in found[row]] == pytest.approx([score for score, _ in best], abs=1e-5)
    assert changed, "the penalty never changed what is best"


def by_hand(model, state, beam_size, length_penalty, n_best, steps, size=0, shortest=0):
    """The same search for one row, a hypothesis at a time: what is found, best first."""
    alive, ended = [(0.0, [], state, BEGIN)], []
    for time in range(steps):
        more = []
        for total, ids, here, read in alive:
            logits, (after,), _ = model.step(torch.tensor([read]), (here,), here)
            logs = logits[0].log_softmax(-1)
            grams = {tuple(ids[place : place + size]) for place in range(len(ids) - size + 1)} if size else set()
            for token in range(len(logs)):
                banned = token == BEGIN or token == END and time < shortest
                if not banned and tuple([*ids, token][-size:]) not in grams:
                    more.append((total + logs[token].double().item(), [*ids, token], after, token))
        more.sort(key=lambda one: -one[0])
        for total, ids, _, token in more[:beam_size]:
            if token == END:
                ended.append((total / ((5 + len(ids)) / 6) ** length_penalty, ids[:-1]))
        alive = [one for one in more[: 2 * beam_size] if one[3] != END][:beam_size]
        best = sorted(ended, key=lambda one: -one[0])[:n_best]
        norm = ((5 + steps) / 6) ** length_penalty
        if not alive or len(ended) >= beam_size or len(best) == n_best and best[-1][0] >= alive[0][0] / norm:
            return best
    return (best + [(total / norm, ids) for total, ids, *_ in alive])[:n_best]


@pytest.mark.parametrize("beam_size", [1, 2, 3, 7])
@pytest.mark.parametrize(("size", "shortest"), [(0, 0), (2, 0), (0, 3), (3, 2)])
def test_a_small_beam_is_the_same_search_a_hypothesis_at_a_time(beam_size, size, shortest):
    for seed in range(10):
        n_best = min(beam_size, 1 + seed % 3)
        model, (memory, state) = Table(seed, 7), begin(seed, 5)
        beam = Beam(beam_size, 0.8, n_best=n_best, max_length=8, no_repeat_ngram=size, min_length=shortest)
        found = beam.decode(model, Start(memory, state, WRITING))
        for row in range(5):
            expected = by_hand(model, state[0][row : row + 1], beam_size, 0.8, n_best, 8, size, shortest)
            assert [one.ids for one in found[row]] == [ids for _, ids in expected]
            assert [one.score for one in found[row]] == pytest.approx([score for score, _ in expected], abs=1e-5)


class Even:
    """All it may write is equally likely, or nearly: tokens 4 and 5 are, then all others."""

    def __init__(self, vocabulary, ahead=0.0):
        self.logits = torch.zeros(vocabulary)
        self.logits[4:6] = ahead

    def step(self, inputs, state, memory):
        return self.logits.expand(len(inputs), -1), state, None


@pytest.mark.parametrize("vocabulary", [6, 50, 5000])
def test_of_equals_the_first_goes_first(vocabulary):
    memory, state = begin(0)
    greedy = Greedy(max_length=3).decode(Even(vocabulary), Start(memory, state, WRITING))
    one = Beam(1, max_length=3).decode(Even(vocabulary), Start(memory, state, WRITING))
    assert [row[0].ids for row in greedy] == [row[0].ids for row in one] == [[0, 0, 0]] * ROWS
    writing = Writing(BEGIN, None, (BEGIN,), 2)
    for row in Beam(4, n_best=4).decode(Even(vocabulary), Start(memory, state, writing)):
        assert [one.ids for one in row] == [[0, 0], [0, 1], [0, 2], [0, 4]]
    for row in Beam(4, n_best=4).decode(Even(vocabulary, 1.0), Start(memory, state, writing)):
        assert [one.ids for one in row] == [[4, 4], [4, 5], [5, 4], [5, 5]]


def test_what_was_cut_off_comes_after_what_ended():
    """Also where it scores better, so that the first of several is the one that is told alone."""

    class Loth:
        """Ends with probability 0.35 / 1.25 after its first token, and never else."""

        def step(self, inputs, state, memory):
            logits = torch.tensor([0.6, 0.3, 0.0, 0.0, 0.0, 0.0]).log().repeat(len(inputs), 1)
            logits[state[0] == 1, END] = torch.tensor(0.35).log()
            return logits, (state[0] + 1,), None

    memory, state = torch.zeros(1, 1), (torch.zeros(1, dtype=torch.int64),)
    several = Beam(3, n_best=3, max_length=4).decode(Loth(), Start(memory, state, WRITING))[0]
    assert [one.ended for one in several] == [True, False, False]
    assert [one.ids for one in several[:2]] == [[0], [0, 0, 0, 0]]
    assert several[0].score < several[1].score
    assert several[1].score > several[2].score
    alone = Beam(3, max_length=4).decode(Loth(), Start(memory, state, WRITING))[0]
    assert alone == several[:1]


LIMITS = [
    {},
    {"min_length": 3},
    {"no_repeat_ngram": 1},
    {"no_repeat_ngram": 2},
    {"max_length": 2},
    {"min_length": 5, "no_repeat_ngram": 3},
]


@pytest.mark.parametrize("limits", LIMITS, ids=str)
@pytest.mark.parametrize("prefix", [(), (0, 0, 1)], ids=["", "prefix"])
def test_greedy_is_a_beam_of_one(limits, prefix):
    for seed in range(10):
        limits = {"max_length": 9} | limits
        if len(prefix) > limits["max_length"]:
            continue
        memory, state = begin(seed)
        greedy = Greedy(**limits).decode(Table(seed, 6), Start(memory, state, WRITING, prefix))
        beam = Beam(1, 0.0, **limits).decode(Table(seed, 6), Start(memory, state, WRITING, prefix))
        assert greedy == beam


def test_no_repeated_pair_by_hand():
    """The model would write 0 1 0 1 ...; without a pair twice it must turn off before the second 0 1."""

    class Waver:
        def step(self, inputs, state, memory):
            wanted = torch.where(inputs == 0, 1, 0)
            return torch.nn.functional.one_hot(wanted, 6) * 5.0 + torch.tensor([0.0, 0, -9, -9, 2, 1]), state, None

    memory, state = begin(0, 1)
    free = Greedy(max_length=6).decode(Waver(), Start(memory, state, WRITING))[0][0]
    assert free.ids == [0, 1, 0, 1, 0, 1] and not free.ended
    bound = Greedy(max_length=6, no_repeat_ngram=2).decode(Waver(), Start(memory, state, WRITING))[0][0]
    assert bound.ids == [0, 1, 0, 4, 0, 5]
    assert Greedy(max_length=3).decode(Waver(), Start(memory, state, WRITING, [4]))[0][0].ids == [4, 0, 1]


DECODINGS = {"greedy": Greedy, "beam": lambda **limits: Beam(4, n_best=4, **limits)}


@pytest.mark.parametrize("kind", DECODINGS)
def test_rows_beside_do_not_matter_and_finished_ones_are_asked_no_more(kind):
    model = Table(4, 6)
    memory, state = begin(4, 20)
    together = DECODINGS[kind](max_length=12).decode(model, Start(memory, state, WRITING))
    asked = [rows for rows, _ in model.asked]
    for row in range(20):
        alone = DECODINGS[kind](max_length=12).decode(
            model, Start(memory[row : row + 1], (state[0][row : row + 1],), WRITING)
        )
        assert [one.ids for one in alone[0]] == [one.ids for one in together[row]]
        assert [one.score for one in alone[0]] == pytest.approx([one.score for one in together[row]])
    width = 4 if kind == "beam" else 1
    assert asked[0] == 20 and max(asked) <= 20 * width
    assert asked[-1] < asked[1], "no row has left"
    assert all(rows in (memories, memories * width) for rows, memories in model.asked), "the memory was copied"
    if kind == "greedy":
        lengths = [len(row[0].ids) for row in together]
        assert asked == [sum(length >= step for length in lengths) for step in range(len(asked))]


def test_many_rows_are_decoded_in_parts(monkeypatch):
    """Each with its own memory, state and first input: what is found is what all at once find."""
    lengths = torch.arange(20) % 3 + 1
    state, first = (torch.arange(20) * 13, torch.arange(20)), torch.arange(20) % 2
    beam = Beam(4, 1.0, 0.5, n_best=2, max_length=8)
    decode = lambda: beam.decode(Looking(3, lengths), Start(LengthsOnly(lengths), state, WRITING, first=first))  # noqa: E731
    expected = decode()
    monkeypatch.setattr("seqnet.decoding.beam.AT_ONCE", 30)
    assert decode() == expected
    monkeypatch.setattr("seqnet.decoding.beam.AT_ONCE", 3)
    assert decode() == expected


VOCABULARY = Tokens(tuple("abcdefgh"))
HOW = Writing(begin=6, end=7, forbidden=(6,), longest=9)


@pytest.fixture(params=[(False, False), (True, False), (False, True)], ids=["plain", "feeding", "coverage"])
def translator(request):
    feeding, coverage = request.param
    torch.manual_seed(1)
    model = EncoderDecoder(
        cell=GRU,
        inputs=VOCABULARY,
        source=VOCABULARY,
        out_features=8,
        attention=lambda query, memory: Soft(query, memory, coverage=coverage),
        hidden_size=8,
        embedding_size=6,
        input_feeding=feeding,
    )
    for parameter in model.parameters():
        torch.nn.init.uniform_(parameter, -0.9, 0.9)
    return model


def sources(lengths=(5, 3, 1)):
    rows = len(lengths)
    begins = torch.full((rows, 1), HOW.begin)
    source = torch.randint(0, 6, (rows, max(lengths)), generator=torch.Generator().manual_seed(3))
    return Batch(
        begins, torch.ones(rows, dtype=torch.int64), begins, source=source, source_lengths=torch.tensor(lengths)
    )


@pytest.mark.parametrize("penalty", [0.0, 0.7])
def test_scores_are_those_of_teacher_forcing(translator, penalty):
    """Also the attention's share in them; and the true rank of the beam's best is no worse than greedy's."""
    batch = sources()
    with evaluating(translator):
        memory, state = translator.begin(batch)
        found = Beam(4, 1.0, penalty, n_best=4, max_length=9).decode(translator, Start(memory, state, HOW))
        for row, hypotheses in enumerate(found):
            length = int(batch.source_lengths[row])
            for one in hypotheses:
                targets = torch.tensor([[*one.ids, HOW.end]])[:, : len(one.ids) + one.ended]
                inputs = torch.cat([torch.tensor([[HOW.begin]]), targets[:, :-1]], dim=1)
                alone = Batch(
                    inputs,
                    torch.tensor([inputs.shape[1]]),
                    targets,
                    source=batch.source[row : row + 1, :length],
                    source_lengths=torch.tensor([length]),
                )
                output = translator(alone)
                total = output.logits().log_softmax(-1).gather(2, targets[..., None]).sum().item()
                covered = output.attention.mean(1).sum(1).clamp(max=1).log().sum().item()
                assert one.log_probability == pytest.approx(total, abs=1e-4)
                expected = total / ((5 + targets.shape[1]) / 6) + penalty * covered
                assert one.score == pytest.approx(expected, abs=1e-4)
            assert hypotheses == sorted(hypotheses, key=lambda one: (not one.ended, -one.score))


def test_a_coverage_penalty_needs_attention():
    memory, state = begin(0)
    with pytest.raises(ConfigurationError, match=r"coverage_penalty=0\.5 .* has none"):
        Beam(2, coverage_penalty=0.5).decode(Table(0), Start(memory, state, WRITING))


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"beam_size": 0}, r"decoding\.beam_size=0 must be a whole number of at least 1"),
        ({"beam_size": 2, "n_best": 3}, r"decoding\.n_best=3 .*decoding\.beam_size=2"),
        ({"n_best": 0}, r"decoding\.n_best=0"),
        ({"length_penalty": -1.0}, r"decoding\.length_penalty"),
        ({"max_length": 3, "min_length": 4}, r"decoding\.max_length=3 .*decoding\.min_length=4"),
        ({"max_length": 0}, r"decoding\.max_length=0"),
        ({"no_repeat_ngram": -1}, r"decoding\.no_repeat_ngram"),
    ],
)
def test_bad_options_are_refused(options, named):
    with pytest.raises(ConfigurationError, match=named):
        Beam(**options)


def test_a_model_that_is_no_number_any_more_ends_by_its_length():
    class Broken:
        def step(self, inputs, state, memory):
            return torch.full((len(inputs), 6), float("nan")), state, None

    memory, state = begin(0)
    for decoding in (Greedy(max_length=4), Beam(3, max_length=4)):
        assert len(decoding.decode(Broken(), Start(memory, state, WRITING))) == ROWS

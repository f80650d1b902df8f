"""Decoding with some tokens of a vocabulary against masking the logits of all others."""

import pytest
import torch
from torch import nn

from seqnet.attention.soft import Soft
from seqnet.batch import Batch
from seqnet.cells.gru import GRU
from seqnet.decoding.beam import Beam
from seqnet.decoding.constrained import Constrained, rows_of
from seqnet.decoding.generation import generate
from seqnet.decoding.greedy import Greedy
from seqnet.decoding.hypothesis import Start
from seqnet.decoding.sampling import Sampling
from seqnet.models.encoder_decoder import EncoderDecoder
from seqnet.models.recurrent import Recurrent
from seqnet.specs import Tokens, Writing
from seqnet.training.evaluation import evaluating

SPACE = Tokens(tuple("abcdefghijkl"))
BEGIN, END = 10, 11
WRITING = Writing(begin=BEGIN, end=END, forbidden=(BEGIN, 4), longest=6)
ONLY = [7, 1, 4, 2, 1]  # in any order, one twice, one that is never written
PREFIX = (9, 1)  # begins with a token that is not of them

LIMITS = {"max_length": 9, "min_length": 2, "no_repeat_ngram": 2}
DECODINGS = {
    "greedy": Greedy(**LIMITS),
    "beam": Beam(3, 0.7, 0.3, n_best=3, **LIMITS),
    "sampling": Sampling(temperature=1e-6, **LIMITS),
}


class Masked:
    """A model whose logits are -inf but for some tokens."""

    def __init__(self, model, tokens):
        self.model = model
        self.kept = torch.zeros(SPACE.size, dtype=torch.bool)
        self.kept[list(tokens)] = True

    def initial_state(self, batch_size):
        return self.model.initial_state(batch_size)

    def step(self, *given):
        logits, *rest = self.model.step(*given)
        return logits.masked_fill(~self.kept, -torch.inf), *rest


def spread(model):
    for parameter in model.parameters():
        nn.init.uniform_(parameter, -0.9, 0.9)
    return model


class Wavy(nn.Linear):
    """An output layer that is more than one product."""

    def forward(self, features):
        return 3 * super().forward(features).sin()


@pytest.fixture(params=[False, True], ids=["linear", "another"])
def translator(request):
    torch.manual_seed(1)
    sizes = {"hidden_size": 8, "embedding_size": 6, "out_features": SPACE.size}
    model = spread(EncoderDecoder(cell=GRU, inputs=SPACE, source=SPACE, attention=Soft, **sizes))
    if request.param:
        model.head = spread(Wavy(8, SPACE.size))
    return model


def sources():
    rows = 6
    begins = torch.full((rows, 1), BEGIN)
    source = torch.randint(0, 10, (rows, 5), generator=torch.Generator().manual_seed(3))
    return Batch(begins, torch.ones(rows, dtype=torch.int64), begins, source=source, source_lengths=torch.arange(rows))


def alike(found, expected):
    assert [[one.ids for one in row] for row in found] == [[one.ids for one in row] for row in expected]
    for part in ("score", "log_probability", "ended"):
        ours, theirs = ([getattr(one, part) for row in rows for one in row] for rows in (found, expected))
        assert ours == pytest.approx(theirs, abs=1e-5)


@pytest.mark.parametrize("prefix", [(), PREFIX], ids=["", "prefix"])
@pytest.mark.parametrize("kind", DECODINGS)
def test_it_is_masking_all_others(translator, kind, prefix):
    decoding = DECODINGS[kind]
    with evaluating(translator):
        memory, state = translator.begin(sources())
        found = Constrained(decoding, ONLY).decode(translator, Start(memory, state, WRITING, prefix))
        kept = {*ONLY, END, *prefix}
        writing = Writing(BEGIN, END, (*WRITING.forbidden, *(set(prefix) - {*ONLY})), WRITING.longest)
        alike(found, decoding.decode(Masked(translator, kept), Start(memory, state, writing, prefix)))
        free = decoding.decode(translator, Start(memory, state, WRITING, prefix))
    for row in found:
        for one in row:
            assert tuple(one.ids[: len(prefix)]) == prefix
            assert set(one.ids[len(prefix) :]) <= {7, 1, 2}
    assert [row[0].ids for row in found] != [row[0].ids for row in free]


@pytest.mark.parametrize("kind", DECODINGS)
def test_so_it_is_of_a_language_model(kind):
    """Whose prompt ends with what it may not write."""
    torch.manual_seed(2)
    model = spread(Recurrent(GRU, SPACE, {}, SPACE.size, hidden_size=8, embedding_size=6))
    decoding = type(DECODINGS[kind])(**({"temperature": 1e-6} if kind == "sampling" else {}))
    prompt = torch.tensor([[0, 3], [5, 1], [8, 8]])
    with evaluating(model):
        found = generate(model, prompt, 7, Constrained(decoding, ONLY), (4,))
        alike(found, generate(Masked(model, ONLY), prompt, 7, decoding, (4,)))


def test_draws_are_as_likely_as_the_model_says_of_those_tokens():
    many = 20_000
    logits = torch.tensor([0.3, 1.0, -0.5, 2.0, 0.0])

    class Same:
        head = nn.Identity()

        def step(self, inputs, state, memory, head):
            return head(logits.expand(len(inputs), -1)), state, None

    state = (torch.zeros(many, dtype=torch.int64),)
    writing = Writing(begin=0, end=None, forbidden=(), longest=1)
    found = Constrained(Sampling(), [1, 2, 4]).decode(
        Same(), Start(None, state, writing, generator=torch.Generator().manual_seed(0))
    )
    shares = torch.bincount(torch.tensor([row[0].ids[0] for row in found]), minlength=5) / many
    expected = logits[[1, 2, 4]].softmax(0)
    assert shares[[0, 3]].tolist() == [0, 0]
    assert ((shares[[1, 2, 4]] - expected).abs() <= 5 * (expected * (1 - expected) / many).sqrt()).all()


def test_only_their_rows_of_the_output_layer_are_computed():
    head, features = nn.Linear(5, 12), torch.randn(3, 5)
    few = rows_of(head, torch.tensor([7, 1, 11]))
    assert few.weight.shape == (3, 5)
    torch.testing.assert_close(few(features), head(features)[:, [7, 1, 11]])
    bare = nn.Linear(5, 12, bias=False)
    torch.testing.assert_close(rows_of(bare, torch.tensor([2]))(features), bare(features)[:, 2:3])

"""A linear-chain CRF is what adding up every row of tags by hand says."""

import re
from itertools import product

import pytest
import torch

from seqnet.errors import ConfigurationError
from seqnet.objectives.crf import UNLIKELY, Crf, allowed_moves
from seqnet.specs import Tokens, Vector

BIO = ("O", "B-A", "I-A", "B-B", "I-B")
BIOES = ("B-A", "E-A", "I-A", "O", "S-A")
SPEECH = ("NOUN", "VERB", "DET")
SCHEMES = {BIO: "O |B-A (I-A )*|B-B (I-B )*", BIOES: "O |S-A |B-A (I-A )*E-A "}
LENGTHS = torch.tensor([3, 1, 4, 0, 2])
STEPS = int(LENGTHS.sum())


def layer_of(names, constrained=True):
    """An output layer whose scores are drawn."""
    made = Crf(Tokens(names), constrained).output_layer(6)
    with torch.no_grad():
        for parameter in (made.begin, made.move, made.end):
            parameter.normal_()
    return made


def score(layer, emissions, tags):
    """s(x, y), term by term."""
    total = layer.begin[tags[0]] + layer.end[tags[-1]] + sum(emissions[t, tag] for t, tag in enumerate(tags))
    return (total + sum(layer.move[pair] for pair in zip(tags, tags[1:], strict=False))).item()


def is_allowed(names, tags):
    """As one would write a row of entities of the scheme."""
    row = "".join(f"{names[tag]} " for tag in tags)
    return names not in SCHEMES or re.fullmatch(f"({SCHEMES[names]})*", row) is not None


def by_hand(layer, names, features, constrained=True):
    """Every row of tags that may be, each with the log of its share."""
    emissions = layer.emission(features)
    every = product(range(len(names)), repeat=len(features))
    rows = [tags for tags in every if not constrained or is_allowed(names, tags)]
    scores = torch.tensor([score(layer, emissions, tags) for tags in rows], dtype=torch.float64)
    return rows, scores - scores.logsumexp(0)


@pytest.mark.parametrize("constrained", [True, False])
@pytest.mark.parametrize("names", [BIO, BIOES, SPEECH], ids=["BIO", "BIOES", "speech"])
def test_losses_answers_and_shares_are_those_of_all_rows(names, constrained):
    torch.manual_seed(0)
    layer, features = layer_of(names, constrained), 2 * torch.randn(STEPS, 6)
    decided, shares = layer.decide(features, LENGTHS)
    for begin, length in zip((LENGTHS.cumsum(0) - LENGTHS).tolist(), LENGTHS.tolist(), strict=True):
        part = slice(begin, begin + length)
        if not length:
            continue
        rows, logs = by_hand(layer, names, features[part], constrained)
        best = rows[int(logs.argmax())]
        assert decided[part].tolist() == list(best)
        for step, tag in enumerate(best):
            share = sum(log.exp() for tags, log in zip(rows, logs, strict=True) if tags[step] == tag)
            assert shares[begin + step].item() == pytest.approx(share.item(), abs=1e-5)
        for tags, log in list(zip(rows, logs, strict=True))[::7]:
            loss = layer.row_losses(features[part], torch.tensor(tags), torch.tensor([length]))
            assert loss.item() == pytest.approx(-log.item(), rel=1e-4, abs=1e-4)


def test_rows_together_are_what_each_is_alone():
    """However long the others are; a row without a step costs nothing. The gradient too."""
    torch.manual_seed(0)
    layer, features = layer_of(BIO), torch.randn(STEPS, 6, requires_grad=True)
    targets = torch.tensor([0, 1, 2, 3, 0, 0, 1, 2, 0, 3])
    losses = layer.row_losses(features, targets, LENGTHS)
    parts = zip(features.split(LENGTHS.tolist()), targets.split(LENGTHS.tolist()), strict=True)
    alone = [layer.row_losses(row, wanted, torch.tensor([len(row)]))[0] for row, wanted in parts]
    torch.testing.assert_close(losses, torch.stack(alone))
    assert losses[3] == 0 and (losses[LENGTHS > 0] > 0).all()
    together, apart = (torch.autograd.grad(total, features)[0] for total in (losses.sum(), sum(alone)))
    torch.testing.assert_close(together, apart)


def test_a_row_of_one_step_is_a_softmax_of_logits():
    torch.manual_seed(0)
    objective, layer, features = Crf(Tokens(SPEECH)), layer_of(SPEECH), torch.randn(5, 6)
    targets, ones = torch.tensor([0, 1, 2, 0, 1]), torch.ones(5, dtype=torch.int64)
    torch.testing.assert_close(
        objective.loss(layer(features), targets), layer.row_losses(features, targets, ones).sum()
    )
    for ours, theirs in zip(objective.decide(layer(features)), layer.decide(features, ones), strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("names", [BIO, BIOES], ids=["BIO", "BIOES"])
def test_what_is_answered_is_allowed_whatever_the_emissions_say(names):
    torch.manual_seed(1)
    layer = layer_of(names)
    for strength in (1, 30):
        decided, shares = layer.decide(strength * torch.randn(60, 6), torch.full((10,), 6))
        assert all(is_allowed(names, row) for row in decided.view(10, 6).tolist())
        assert shares.isfinite().all()
    free, _ = layer_of(names, constrained=False).decide(30 * torch.randn(60, 6), torch.full((10,), 6))
    assert not all(is_allowed(names, row) for row in free.view(10, 6).tolist())


def test_targets_that_break_their_scheme_have_a_loss_and_a_gradient():
    layer, features = layer_of(BIO), torch.randn(3, 6, requires_grad=True)
    loss = layer.row_losses(features, torch.tensor([0, 2, 4]), torch.tensor([3])).sum()  # O I-A I-B
    assert -3 * UNLIKELY > loss > -UNLIKELY
    loss.backward()
    assert features.grad.isfinite().all() and features.grad.any()


def test_moves():
    moves = allowed_moves(BIO)
    assert moves.begin.tolist() == [True, True, False, True, False] and moves.end.all()
    assert moves.move[:, 2].tolist() == [False, True, True, False, False]  # what I-A may stand behind
    moves = allowed_moves(BIOES)
    assert moves.begin.tolist() == [True, False, False, True, True] and moves.end.tolist() == [0, 1, 0, 1, 1]
    assert moves.move[0].tolist() == [False, True, True, False, False]  # what may follow B-A
    assert all(part.all() for part in allowed_moves(("O", "NN")))


def test_entities_are_counted_where_there_are_some():
    assert Crf(Tokens(BIO)).row_metrics().keys() == {"entity_f1"}
    assert Crf(Tokens(SPEECH)).row_metrics() == {} == Crf(Tokens(BIOES)).row_metrics()
    with pytest.raises(ConfigurationError, match="objective=crf judges one of several classes"):
        Crf(Vector(2))

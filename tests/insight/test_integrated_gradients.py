"""Integrated gradients are known by hand of a linear model, add up, and do not depend on what is computed together."""

import pytest
import torch
from torch import nn

from seqnet.batch import LAGS, Batch, Output, Whole
from seqnet.cells.gru import GRU
from seqnet.cells.lstm import LSTM
from seqnet.errors import ConfigurationError
from seqnet.insight.integrated_gradients import integrated_gradients
from seqnet.models.cnn import CNN
from seqnet.models.encoder_decoder import EncoderDecoder
from seqnet.models.encoders.inputs import Inputs
from seqnet.models.recurrent import Recurrent
from seqnet.specs import Axis, Spelling, Tokens, Vector

WORDS, LETTERS, NUMBERS = Tokens(tuple("abcdefgh")), Spelling(tuple("_xyz"), 4), Vector(3)


class Linear(nn.Module):
    """A weight for each number of each step's vector, summed over all of them."""

    def __init__(self, space, views=None, size=None):
        super().__init__()
        self.inputs = Inputs(space, views or {}, size)
        self.weight = nn.Parameter(torch.randn(5, self.inputs.size))

    def encoders(self):
        return {"": self.inputs.main, **self.inputs.by_name()}

    def forward(self, batch):
        return Output((self.inputs(batch.inputs, batch.views) * self.weight).sum((1, 2))[:, None], nn.Identity(), None)


def batch(inputs, **more):
    return Batch(inputs, torch.tensor([inputs.shape[1]]), torch.zeros(1, dtype=torch.int64), True, **more)


def explained(model, row, **options):
    return integrated_gradients(lambda copies: model(copies).logits(), row, model.encoders(), **options)


@pytest.mark.parametrize("baseline", ["zero", "mean"])
def test_of_a_linear_model_they_are_the_weight_times_the_difference(baseline):
    torch.manual_seed(0)
    model, x = Linear(NUMBERS).double(), torch.randn(1, 5, 3).double()
    (found,) = explained(model, batch(x), baseline=baseline)
    away = x[0] - (x[0].mean(0) if baseline == "mean" else 0)
    torch.testing.assert_close(found.scores[""], model.weight.detach() * away)
    assert found.gap < 1e-12 and found.points == 16

    model, ids = Linear(WORDS, {"spelled": LETTERS}, size=4).double(), torch.randint(0, 8, (1, 5))
    (found,) = explained(model, batch(ids, views={"spelled": torch.randint(0, 4, (1, 5, 4))}), baseline=baseline)
    table = model.inputs.main.embedding.weight.detach()[ids[0]]
    away = table - (table.mean(0) if baseline == "mean" else 0)
    torch.testing.assert_close(found.scores[""], (model.weight.detach()[:, :4] * away).sum(-1))
    assert found.scores["spelled"].shape == (5, 4)


def recurrent(cell, **options):
    torch.manual_seed(1)
    wholes = {"whole": Tokens(tuple("pqr"), axis=Axis.SEQUENCE), "once": Vector(2, axis=Axis.ROW)}
    model = Recurrent(cell, WORDS, {"spelled": LETTERS, "numbers": NUMBERS}, 3, 8, wholes=wholes, **options)
    for parameter in model.parameters():
        nn.init.uniform_(parameter, -0.7, 0.7)
    return model.double().eval()


def row_of_everything(time):
    views = {"spelled": torch.randint(0, 4, (1, time, 4)), "numbers": torch.randn(1, time, 3).double()}
    wholes = {
        "whole": Whole(torch.randint(0, 3, (1, 4)), torch.tensor([4])),
        "once": Whole(torch.randn(1, 1, 2).double(), torch.tensor([1])),
    }
    return batch(torch.randint(0, 8, (1, time)), views=views, wholes=wholes)


@pytest.mark.parametrize("cell", [GRU, LSTM])
@pytest.mark.parametrize("options", [{"readout": "last"}, {"readout": "mean", "bidirectional": True, "num_layers": 2}])
def test_scores_of_all_inputs_add_up_to_the_difference_of_the_logit(cell, options):
    model, row = recurrent(cell, **options), row_of_everything(6)
    found = explained(model, row, tolerance=1e-4)
    assert [one.value for one in found] == pytest.approx(model(row).logits()[0].tolist())
    for one in found:
        assert one.scores.keys() == {"", "spelled", "numbers", "whole", "once"}
        assert one.complete(1e-4) and one.points < 1024
        assert all(score.abs().sum() > 0 for score in one.scores.values())


def test_what_is_computed_together_changes_nothing():
    model, row = recurrent(GRU, readout="mean"), row_of_everything(5)
    together, apart = explained(model, row, copies=64), explained(model, row, copies=1)
    for one, other in zip(together, apart, strict=True):
        for name, scores in one.scores.items():
            torch.testing.assert_close(scores, other.scores[name])


def test_a_source_and_what_was_written_are_told_apart_where_they_share_an_embedding():
    torch.manual_seed(2)
    model = EncoderDecoder(
        GRU, WORDS, 8, WORDS, hidden_size=6, embedding_size=6, shared_embedding=True, tied=True
    ).double()
    ids = torch.tensor([[1, 2, 3, 4]])
    row = Batch(ids, torch.tensor([4]), ids, source=ids, source_lengths=torch.tensor([4]))
    readers = {**model.eval().encoders(), "written": model.inputs}
    (found,) = integrated_gradients(lambda copies: model(copies).logits()[:, 1, :1], row, readers, tolerance=1e-6)
    assert found.complete(1e-6) and found.scores.keys() == {"", "written"}
    assert found.scores["written"][:2].abs().min() > 0 and not found.scores["written"][2:].any()
    assert found.scores[""].abs().min() > 0


def test_a_gap_is_told_where_the_points_do_not_suffice():
    torch.manual_seed(3)
    model = CNN(NUMBERS, {}, 1, embedding_size=4).double().eval()  # of kinks
    x = torch.linspace(-3, 3, 36).sin().view(1, 12, 3).double()
    few, many = (explained(model, batch(x), tolerance=1e-9, most=most)[0] for most in (2, 128))
    assert (few.points, many.points) == (2, 128) and many.gap < few.gap / 10
    assert not few.complete(1e-9) and few.complete(1.0)


def test_last_values_that_the_output_layer_reads_have_scores_of_their_own():
    class Late(Linear):
        def forward(self, batch):
            return Output(super().forward(batch).features + batch.views[LAGS][:, -1].sum(-1, True), nn.Identity(), None)

    torch.manual_seed(4)
    model, x = Late(NUMBERS).double(), torch.randn(1, 5, 3).double()
    lags = torch.randn(1, 5, 6).double()
    (found,) = explained(model, batch(x, views={LAGS: lags}))
    torch.testing.assert_close(found.scores[LAGS][-1], lags[0, -1])
    assert not found.scores[LAGS][:-1].any() and found.gap < 1e-12


def test_a_model_that_detaches_is_refused():
    class Detached(Linear):
        def forward(self, batch):
            found = super().forward(batch)
            return Output(found.features.detach(), nn.Identity(), None)

    with pytest.raises(ConfigurationError, match="no gradient"):
        explained(Detached(NUMBERS), batch(torch.randn(1, 5, 3)))

"""What a model drops around its cells: embeddings and words by their definitions, and all of it within a window."""

import copy
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from seqnet.attention.scores.dot import Dot
from seqnet.attention.soft import Soft
from seqnet.batch import Batch
from seqnet.cells.gru import GRU
from seqnet.cells.lstm import LSTM
from seqnet.cells.raster import RasterLSTM
from seqnet.draws import drawing, kept, uniform
from seqnet.errors import ConfigurationError
from seqnet.models.encoder_decoder import EncoderDecoder
from seqnet.models.encoders.tokens import TokenEmbedding
from seqnet.models.recurrent import Recurrent
from seqnet.models.regularisation import regularise
from seqnet.specs import Tokens

KEY = (1, 2, 3, 4)
WORDS = Tokens(("<unk>", *"abcdefg"), unknown=0)
ALL: dict[str, Any] = {
    "locked_dropout": True,
    "weight_dropout": 0.5,
    "embedding_dropout": 0.3,
    "word_dropout": 0.3,
}
DROPS = {"input_dropout": 0.4, "dropout": 0.4, "output_dropout": 0.4, "num_layers": 2}


def ids(*shape: int) -> Tensor:
    return torch.randint(8, shape, generator=torch.Generator().manual_seed(0))


def embedding(**options: Any) -> TokenEmbedding:
    torch.manual_seed(0)
    return TokenEmbedding(WORDS, 5, **options)


def test_a_token_is_dropped_wherever_it_stands_in_a_window_and_scaled() -> None:
    read, values = embedding(embedding_dropout=0.5), ids(6, 9)
    with drawing(KEY):
        found = read(values)
    with drawing(KEY):
        mask = kept((1, 8), 0.5, torch.float32, values.device, of_rows=False)[0]
    assert set(mask.tolist()) == {0.0, 2.0}
    torch.testing.assert_close(found, (read.embedding.weight * mask[:, None])[values], atol=0, rtol=0)
    with drawing(KEY, first_row=3):  # another process, and a step by itself
        assert torch.equal(read(values[3:, 2:3]), found[3:, 2:3])
    assert torch.equal(read.eval()(values), read.embedding(values))


def test_words_are_read_as_unknown_each_by_itself() -> None:
    read, values = embedding(word_dropout=0.3), ids(40, 25)
    with drawing(KEY):
        found = read(values)
    with drawing(KEY):
        dropped = uniform(40, 25) < 0.3
    assert abs(dropped.double().mean() - 0.3) < 0.05
    assert torch.equal(found, read.embedding(values.masked_fill(dropped, 0)))
    with drawing(KEY, first_row=10):
        assert torch.equal(read(values[10:]), found[10:])
    assert torch.equal(read.eval()(values), read.embedding(values))
    without = TokenEmbedding(Tokens(tuple("abcdefgh")), 5, word_dropout=0.9)
    assert torch.equal(without(values), without.embedding(values))


def language_model(cell: Any = LSTM, **options: Any) -> Recurrent:
    torch.manual_seed(0)
    return Recurrent(cell, WORDS, {}, 8, hidden_size=6, embedding_size=6, tied=True, **{**DROPS, **options})


def translator(**options: Any) -> EncoderDecoder:
    torch.manual_seed(0)
    soft = partial(Soft, score=Dot)
    return EncoderDecoder(GRU, WORDS, 8, WORDS, attention=soft, hidden_size=6, embedding_size=6, **DROPS, **options)


def batch(rows: int = 4, time: int = 9) -> Batch:
    read = ids(rows, time)
    full = torch.full((rows,), time)
    return Batch(read, full, read.flip(0), source=ids(rows, 5), source_lengths=torch.full((rows,), 5))


def features(model: Any, window: Batch, **more: Any) -> Tensor:
    with drawing(KEY):
        found: Tensor = model(window, None, **more).features
    return found


def test_it_reaches_all_that_drops_of_sources_and_of_what_a_decoder_reads() -> None:
    model, whole = translator(), batch()
    plain = features(model, whole)
    regularise(model, **ALL)
    embeddings = [module for module in model.modules() if isinstance(module, TokenEmbedding)]
    assert [(one.embedding_dropout, one.word_dropout) for one in embeddings] == [(0.3, 0.3)] * 2
    both = [*model.encoder.layers.layers, *model.layers.layers]
    assert len(both) == 4 and all(layer.weight_dropout == 0.5 for layer in both)
    assert model.output_dropout.locked and model.encoder.input_dropout.locked and model.layers.between[0].locked
    assert not torch.equal(features(model, whole), plain)
    assert torch.equal(features(model, whole), features(copy.deepcopy(model), whole))
    model.eval()
    assert torch.equal(features(model, whole), features(translator().eval(), whole))


def test_a_decoder_that_runs_step_by_step_drops_the_same_as_at_once() -> None:
    """With input feeding the steps are calls of their own; a weight of 0 on what is fed makes it the plain decoder."""
    plain, fed, whole = translator(), translator(input_feeding=True), batch()
    own = fed.state_dict()
    for name, weight in plain.state_dict().items():
        own[name] = weight if own[name].shape == weight.shape else torch.cat([weight, weight.new_zeros(18, 6)], dim=1)
    fed.load_state_dict(own)
    for model in (plain, fed):
        regularise(model, **ALL)
    torch.testing.assert_close(features(plain, whole), features(fed, whole), atol=1e-6, rtol=0)


def test_windows_that_overlap_have_one_mask_before_and_behind_the_place_where_they_are_cut() -> None:
    model, whole = language_model(), batch()
    regularise(model, **ALL)
    cut = next(whole.windows(9, 4)) if whole.time > 9 else copy.copy(whole)
    object.__setattr__(cut, "advance", 4)
    torch.testing.assert_close(features(model, cut), features(model, whole), atol=1e-6, rtol=0)


def test_what_cannot_be_dropped_is_refused() -> None:
    closed = Tokens(tuple("abcdefgh"))
    model = Recurrent(LSTM, closed, {}, 8, hidden_size=6, embedding_size=6)
    with pytest.raises(ConfigurationError, match=r"model.word_dropout=0.1 reads the unknown token"):
        regularise(model, word_dropout=0.1)
    raster = language_model(partial(RasterLSTM, width=2, height=2))
    with pytest.raises(ConfigurationError, match="RasterLSTM names none: give it recurrent_weights"):
        regularise(raster, weight_dropout=0.5)

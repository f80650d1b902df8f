"""Models that read a source whole, with further inputs beside it."""

import pytest
import torch

from seqnet.batch import Batch, Whole
from seqnet.cells.gru import GRU
from seqnet.kinds import Axis
from seqnet.models.encoder_decoder import EncoderDecoder
from seqnet.models.transcriber import Transcriber
from seqnet.specs import Tokens, Vector

SPEAKERS = Tokens(("Ann", "Bob", "Cid"), axis=Axis.ROW)


def transcriber(**options):
    return Transcriber(GRU, Vector(3), 4, {"speaker": SPEAKERS}, hidden_size=5, embedding_size=4, **options)


def encoder_decoder(**options):
    wholes = {"speaker": SPEAKERS}
    return EncoderDecoder(GRU, Tokens(tuple("abcd")), 4, Vector(3), wholes, hidden_size=5, embedding_size=4, **options)


@pytest.mark.parametrize("made", [transcriber, encoder_decoder])
def test_what_reads_each_input_is_found_by_its_name(made):
    model = made()
    found = model.encoders()
    assert list(found) == ["", "speaker"]
    assert found[""] is model.encoder.inputs and found["speaker"].embedding.num_embeddings == 3


@pytest.mark.parametrize("encoder", ["recurrent", "none"])
@pytest.mark.parametrize("made", [transcriber, encoder_decoder])
def test_sources_without_a_step_are_read(made, encoder):
    model = made(encoder=encoder).eval()
    nothing = torch.zeros(2, dtype=torch.int64)
    batch = Batch(
        inputs=torch.zeros(2, 1, dtype=torch.int64),
        lengths=nothing + 1,
        targets=torch.zeros(2, 1, dtype=torch.int64),
        source=torch.zeros(2, 0, 3),
        source_lengths=nothing,
        wholes={"speaker": Whole(torch.tensor([[0], [2]]))},
    )
    output = model(batch)
    assert output.logits().isfinite().all()
    assert output.lengths is None or output.lengths.tolist() == [0, 0]

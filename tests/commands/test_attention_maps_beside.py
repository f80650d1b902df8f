"""An attention map of a decoder that is told more than its source."""

import torch

from seqnet.attention.soft import Soft
from seqnet.batch import Batch, Whole
from seqnet.build import Assembly
from seqnet.cells.gru import GRU
from seqnet.commands.attention_maps import attention_maps
from seqnet.data.teacher_forcing import with_ends, writing
from seqnet.decoding.hypothesis import Hypothesis
from seqnet.kinds import Axis
from seqnet.models.encoder_decoder import EncoderDecoder
from seqnet.specs import Tokens
from seqnet.training.precision import Precision

READ, WRITTEN = Tokens(tuple("abc")), with_ends("xy")


class Source:
    """Letters read, other letters written."""

    source = READ
    writing = writing(WRITTEN, 3)

    def source_words(self, row):
        return [READ.names[token] for token in row]

    def words(self, ids):
        return [WRITTEN.names[token] for token in ids]


def test_it_is_read_with_its_further_inputs() -> None:
    torch.manual_seed(1)
    wholes = {"speaker": Tokens(("Ann", "Bob"), axis=Axis.ROW)}
    model = EncoderDecoder(GRU, WRITTEN, WRITTEN.size, READ, wholes, attention=Soft, hidden_size=5, embedding_size=4)
    source = torch.tensor([[0, 1, 2], [0, 1, 2]])
    batch = Batch(
        inputs=torch.zeros(2, 1, dtype=torch.int64),
        lengths=torch.ones(2, dtype=torch.int64),
        targets=torch.zeros(2, 1, dtype=torch.int64),
        source=source,
        source_lengths=torch.tensor([3, 3]),
        wholes={"speaker": Whole(torch.tensor([[0], [1]]))},
    )
    hypotheses = [[Hypothesis([0, 1], 0.0, 0.0, True)]] * 2
    one, other = attention_maps(
        Assembly(Source(), None, None, model), Precision("fp32", torch.device("cpu")), batch, hypotheses
    )
    assert one.target == ["x", "y", "<eos>"] and one.weights.shape == other.weights.shape == (1, 3, 3)
    assert not torch.allclose(one.weights, other.weights)  # the same letters, said by another

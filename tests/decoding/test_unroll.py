import torch

from seqnet.attention.soft import Soft
from seqnet.batch import Batch
from seqnet.cells.lstm import LSTM
from seqnet.decoding.unroll import unroll
from seqnet.models.encoder_decoder import EncoderDecoder
from seqnet.specs import Vector
from seqnet.training.evaluation import evaluating


class Doubling:
    """Writes twice what it read, and what its row's memory says."""

    def step(self, inputs, state, memory):
        return 2 * inputs + memory[0][:, None], (state[0] + 1,), None


def test_each_step_reads_what_the_last_one_wrote():
    written = unroll(Doubling(), (torch.tensor([1.0, 3.0]),), (torch.zeros(2),), steps=3, size=2)
    assert written.tolist() == [[[1, 1], [3, 3], [7, 7]], [[3, 3], [9, 9], [21, 21]]]


def test_what_is_rolled_out_is_what_teacher_forcing_answers_to_it():
    torch.manual_seed(0)
    model = EncoderDecoder(
        LSTM, Vector(3), 3, Vector(2), attention=Soft, hidden_size=5, embedding_size=None, input_feeding=True
    )
    begins, ones = torch.zeros(4, 1, 3), torch.ones(4, dtype=torch.int64)
    source, lengths = torch.randn(4, 6, 2), torch.tensor([6, 2, 5, 1])
    with evaluating(model):
        batch = Batch(begins, ones, begins, source=source, source_lengths=lengths)
        written = unroll(model, *model.begin(batch), steps=7, size=3)
        read = torch.cat([begins, written[:, :-1]], dim=1)
        whole = Batch(read, 7 * ones, read, source=source, source_lengths=lengths)
        torch.testing.assert_close(model(whole).logits(), written)

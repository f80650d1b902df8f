"""Token by token is what is found at the end."""

import pytest
import torch

from seqnet.attention.soft import Soft
from seqnet.batch import Batch
from seqnet.cells.gru import GRU
from seqnet.decoding.brackets import Brackets
from seqnet.decoding.constrained import Constrained
from seqnet.decoding.greedy import Greedy
from seqnet.decoding.hypothesis import Start
from seqnet.decoding.incremental import gathered
from seqnet.decoding.obeying import Obeying
from seqnet.decoding.sampling import Sampling
from seqnet.models.encoder_decoder import EncoderDecoder
from seqnet.specs import Tokens, Writing
from seqnet.training.evaluation import evaluating

SPACE = Tokens(("<unk>", "XX", ")", "(S", "(NP", "<bos>", "<eos>"))
BEGIN, END = 5, 6
LENGTHS = torch.tensor([3, 1, 2])
WRITING = Writing(BEGIN, END, (0, BEGIN), 12, Brackets.of(SPACE.names, END))
WAYS = {
    "greedy": Greedy(min_length=2),
    "sampling": Sampling(top_k=4),
    "constrained": Constrained(Sampling(), [1, 3]),
    "obeying": Obeying(Greedy(), WRITING.grammar, LENGTHS),
    "obeying constrained": Obeying(Constrained(Sampling(), [1, 2, 3]), WRITING.grammar, LENGTHS),
}


@pytest.mark.parametrize("way", WAYS)
def test_steps_are_the_whole(way):
    torch.manual_seed(1)
    model = EncoderDecoder(
        cell=GRU, inputs=SPACE, source=SPACE, attention=Soft, hidden_size=8, embedding_size=6, out_features=SPACE.size
    )
    begins = torch.full((3, 1), BEGIN)
    batch = Batch(
        begins, torch.ones(3, dtype=torch.int64), begins, source=torch.ones(3, 4).long(), source_lengths=LENGTHS
    )

    def drawn():
        return torch.Generator().manual_seed(3)

    with evaluating(model):
        start = Start(*model.begin(batch), WRITING)
        steps = list(WAYS[way].steps(model, start._replace(generator=drawn())))
        whole = WAYS[way].decode(model, start._replace(generator=drawn()))
    assert len(steps[0].rows) == 3 >= len(steps[-1].rows) > 0
    assert gathered(steps, start) == whole

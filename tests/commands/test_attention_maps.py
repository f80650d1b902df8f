"""An attention map holds the weights that the model has step by step, cut to the row's own lengths."""

import pytest
import torch
from torch import Tensor, nn

from seqnet.attention.soft import Soft
from seqnet.batch import Batch
from seqnet.build import Assembly
from seqnet.cells.gru import GRU
from seqnet.commands.attention_maps import attention_maps
from seqnet.data.examples import Ragged
from seqnet.data.teacher_forcing import teacher_forcing, with_ends, writing
from seqnet.decoding.hypothesis import Hypothesis
from seqnet.models.encoder_decoder import EncoderDecoder
from seqnet.models.encoders.pyramid import Pyramid
from seqnet.specs import Image, Tokens, Vector, Writing
from seqnet.training.evaluation import evaluating
from seqnet.training.precision import Precision

READ, WRITTEN = Tokens(tuple("abcdef")), with_ends("uvwxyz")
PRECISION = Precision("fp32", torch.device("cpu"))


class Source:
    """Letters read, other letters written."""

    source = READ

    def __init__(self, writing: Writing | None = None) -> None:
        self.writing = writing

    def source_words(self, row: Tensor) -> list[str]:
        return [READ.names[token] for token in row]

    def words(self, ids: list[int]) -> list[str]:
        return [WRITTEN.names[token] for token in ids]


def hypothesis(ids: list[int], ended: bool) -> Hypothesis:
    return Hypothesis(ids, 0.0, 0.0, ended)


class Heads(Soft):
    """Two heads that look at the same, so that a map has more than one."""

    def forward(self, *given, **named):
        found = super().forward(*given, **named)
        return found._replace(weights=None if found.weights is None else found.weights.repeat(1, 2, 1, 1))


def assembled(attention: type[nn.Module] | None, **options) -> Assembly:
    torch.manual_seed(0)
    model = EncoderDecoder(
        GRU,
        WRITTEN,
        WRITTEN.size,
        READ,
        attention=attention,
        hidden_size=8,
        embedding_size=5,
        dropout=0.5,
        input_dropout=0.5,
        output_dropout=0.5,
        num_layers=2,
        **options,
    )
    for parameter in model.parameters():
        nn.init.uniform_(parameter, -1, 1)
    return Assembly(Source(writing(WRITTEN, 5)), None, None, model.train())


ROWS = [[0, 1, 2, 3, 4], [5, 4], [1, 1, 1]]
HYPOTHESES = [
    [hypothesis([0, 1, 2], True), hypothesis([3], True)],
    [hypothesis([5, 4, 3, 2, 1, 0], False)],
    [hypothesis([], True)],
]


@pytest.fixture
def batch() -> Batch:
    source = Ragged.of([torch.tensor(row) for row in ROWS])
    made = teacher_forcing(source, Ragged.of([torch.tensor([0])] * len(ROWS)), writing(WRITTEN, 5))
    return made.batch(torch.arange(len(ROWS)))


def cut(batch: Batch, row: int) -> Batch:
    """One row without its padding."""
    return batch.map(
        lambda tensor: tensor[row : row + 1][:, : len(ROWS[row])] if tensor.dim() > 1 else tensor[row : row + 1]
    )


@pytest.mark.parametrize("feeding", [False, True])
def test_weights_are_those_of_each_step_and_words_stand_beside_them(batch: Batch, feeding: bool) -> None:
    assembly = assembled(Heads, input_feeding=feeding)
    found = attention_maps(assembly, PRECISION, batch, HYPOTHESES)

    assert [each.source for each in found] == [list("abcde"), list("fe"), list("bbb")]
    assert [each.target for each in found] == [["u", "v", "w", "<eos>"], list("zyxwvu"), ["<eos>"]]
    for row, each in enumerate(found):
        alone = cut(batch, row)
        with evaluating(assembly.model):
            memory, state = assembly.model.begin(alone)
            steps = []
            for token in [WRITTEN.names.index("<bos>"), *HYPOTHESES[row][0].ids][: len(each.target)]:
                _, state, weights = assembly.model.step(torch.tensor([token]), state, memory)
                steps.append(weights[0])
        torch.testing.assert_close(each.weights, torch.stack(steps, dim=1))
        torch.testing.assert_close(each.weights.sum(-1), torch.ones(2, len(each.target)))


def test_nothing_of_the_run_is_changed(batch: Batch) -> None:
    assembly = assembled(Soft)
    before = torch.get_rng_state()
    weights = {name: tensor.clone() for name, tensor in assembly.model.state_dict().items()}
    first = attention_maps(assembly, PRECISION, batch, HYPOTHESES)
    second = attention_maps(assembly, PRECISION, batch, HYPOTHESES)

    assert torch.equal(torch.get_rng_state(), before)
    assert assembly.model.training and all(module.training for module in assembly.model.modules())
    for name, tensor in assembly.model.state_dict().items():
        assert torch.equal(tensor, weights[name])
    for one, other in zip(first, second, strict=True):  # no dropout
        assert torch.equal(one.weights, other.weights)
        assert not one.weights.requires_grad


def test_the_positions_of_a_picture_are_its_regions() -> None:
    class Pictures(Source):
        source = Image(4, 6)

        def source_words(self, row: Tensor) -> list[str]:
            assert row.shape == (4, 6)
            return [f"{line},{column}" for line in range(2) for column in range(3)]

    torch.manual_seed(0)
    ends = writing(WRITTEN, 5)
    model = EncoderDecoder(
        GRU, WRITTEN, WRITTEN.size, Pictures.source, attention=Soft, encoder="none", hidden_size=8, embedding_size=5
    )
    pictures = Ragged(torch.rand(8, 6), torch.tensor([0, 4, 8]))
    batch = teacher_forcing(pictures, Ragged.of([torch.tensor([0])] * 2), ends).batch(torch.arange(2))
    found = attention_maps(Assembly(Pictures(ends), None, None, model), PRECISION, batch, HYPOTHESES[:2])
    assert [each.weights.shape for each in found] == [(1, 4, 6), (1, 6, 6)]
    torch.testing.assert_close(found[1].weights.sum(-1), torch.ones(1, 6))
    assert found[0].source[-1] == "1,2"


def test_no_attention_no_map(batch: Batch) -> None:
    assert attention_maps(assembled(None), PRECISION, batch, HYPOTHESES) == []


@pytest.mark.parametrize("written", [None, Writing(None, None, (), 8)])
def test_numbers_have_no_map(batch: Batch, written: Writing | None) -> None:
    model = EncoderDecoder(GRU, Vector(2), 2, READ, attention=Soft, hidden_size=8)
    assembly = Assembly(Source(written), None, None, model)
    assert attention_maps(assembly, PRECISION, batch, []) == []
    assert attention_maps(assembly, PRECISION, batch, torch.zeros(3, 8, 2)) == []


def test_of_a_recording_each_position_is_called_by_its_first_step_and_its_numbers_are_there() -> None:
    class Recordings(Source):
        source = Vector(3)

        def source_words(self, row: Tensor) -> list[str]:
            return [str(step) for step in range(1, len(row) + 1)]

    torch.manual_seed(0)
    ends = writing(WRITTEN, 5)
    chosen = {"source": lambda space, size, std: Pyramid(space, GRU, hidden_size=4)}
    model = EncoderDecoder(
        GRU, WRITTEN, WRITTEN.size, Recordings.source, attention=Soft, encoder="none", encoders=chosen, hidden_size=8
    )
    source = Ragged.of([torch.randn(9, 3), torch.randn(4, 3)])
    batch = teacher_forcing(source, Ragged.of([torch.tensor([0])] * 2), ends).batch(torch.arange(2))
    found = attention_maps(Assembly(Recordings(ends), None, None, model), PRECISION, batch, HYPOTHESES[:2])
    assert [each.source for each in found] == [["1", "5", "9"], ["1"]]  # four steps, four and one
    for each, steps in zip(found, (9, 4), strict=True):
        assert each.weights.shape[2] == len(each.source) and each.signal is not None
        torch.testing.assert_close(each.signal, source[0 if steps == 9 else 1])
        torch.testing.assert_close(each.weights.sum(-1), torch.ones_like(each.weights[..., 0]))

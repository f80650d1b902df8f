"""Encoders that make fewer vectors than there are steps: each row as if it were alone, and as many as they say."""

import pytest
import torch
import yaml

from seqnet import build
from seqnet.cells.lstm import LSTM
from seqnet.configuration import CONFIGS
from seqnet.kinds import Axis
from seqnet.models.encoder import Encoder
from seqnet.models.encoders.pyramid import Pyramid, joined
from seqnet.models.encoders.subsampling import Subsampling
from seqnet.specs import Vector

LENGTHS = torch.tensor([9, 5, 1, 0, 8])


@pytest.fixture(params=["pyramid", "subsampling", "pyramid of three"])
def encoder(request):
    torch.manual_seed(1)
    made = {
        "pyramid": lambda: Pyramid(Vector(3), LSTM, hidden_size=4),
        "subsampling": lambda: Subsampling(Vector(3), 5),
        "pyramid of three": lambda: Pyramid(Vector(3), LSTM, hidden_size=4, num_layers=3, join=3, bidirectional=False),
    }[request.param]()
    return made.double()


def test_padding_and_the_rows_beside_do_not_matter(encoder):
    made = Encoder(encoder, None, 0.0)
    source = torch.randn(5, 9, 3).double()
    source[torch.arange(9) >= LENGTHS[:, None]] = float("nan")
    source.requires_grad_()
    vectors, states = made(source, LENGTHS)
    lengths = made.positions(LENGTHS)
    assert vectors.shape[1] == int(lengths.max()) and vectors.shape[2] == encoder.size
    assert not vectors[torch.arange(vectors.shape[1]) >= lengths[:, None]].any()
    for row, length in enumerate(LENGTHS.tolist()):
        if length:
            alone, final = made(source[row : row + 1, :length], None)
            torch.testing.assert_close(alone[0], vectors[row, : lengths[row]])
            torch.testing.assert_close(final[0].hidden[0], states[0].hidden[row])
    vectors.sum().backward()
    assert source.grad.isfinite().all() and source.grad[0].any()
    assert all(one.grad.isfinite().all() for one in encoder.parameters())


def test_neighbours_stand_side_by_side_and_nothing_is_lost():
    values = torch.arange(10.0).view(1, 5, 2)
    assert joined(values, 2).tolist() == [[[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 0, 0]]]
    assert joined(values, 1).equal(values)


def test_each_layer_of_a_pyramid_reads_the_last_ones_neighbours():
    pyramid = Pyramid(Vector(3), LSTM, hidden_size=4, num_layers=2)
    x = torch.randn(2, 8, 3)
    first, _ = pyramid.layers[0](x.reshape(2, 4, 6))
    second, _ = pyramid.layers[1](first.reshape(2, 2, 16))
    torch.testing.assert_close(pyramid(x, None), second)


def shipped():
    """The encoders of the folder that make fewer vectors than there are steps, by their yamls."""
    for path in sorted((CONFIGS / "model" / "encoder").glob("*.yaml")):
        options = yaml.safe_load(path.read_text(encoding="utf-8"))
        if hasattr(build.locate(options["_target_"], None), "shortened"):
            yield pytest.param(options, id=path.stem)


@pytest.mark.parametrize("options", list(shipped()))
def test_what_is_shipped_reads_sequences_and_says_how_many_vectors_there_are(options):
    made = build.make(options, space=Vector(3), size=5, std=1.0, cell=LSTM)
    assert {axis for _, axis in made.reads} == {Axis.SEQUENCE}
    steps = torch.arange(1, 12)
    with torch.no_grad():
        vectors = [made(torch.randn(1, int(length), 3), None).shape[1] for length in steps]
    assert made.shortened(steps).tolist() == vectors
    assert vectors[-1] < 11

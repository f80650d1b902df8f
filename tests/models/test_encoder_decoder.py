"""What is peculiar to the encoder-decoder. It equals a tutorial's loop in tests/scripts/test_bare_translator.py;
what every decoder must keep is in tests/contracts/test_decoders.py."""

import pytest
import torch

from seqnet.attention.hard import Hard
from seqnet.attention.soft import Soft
from seqnet.batch import Batch
from seqnet.cells.gru import GRU
from seqnet.cells.lstm import LSTM
from seqnet.cells.rnn import RNN
from seqnet.errors import ConfigurationError
from seqnet.models.encoder_decoder import EncoderDecoder
from seqnet.specs import Image, Tokens, Vector
from seqnet.state import leaves

WORDS, OTHERS, NUMBERS = Tokens(tuple("abcdefgh")), Tokens(tuple("vwxyz")), Vector(3)
SIZES = {"hidden_size": 6, "embedding_size": 5}


def model(cell=LSTM, inputs=WORDS, source=OTHERS, **options):
    torch.manual_seed(0)
    net = EncoderDecoder(
        cell=cell, inputs=inputs, source=source, out_features=inputs.size, **{"attention": Soft, **SIZES, **options}
    )
    for parameter in net.parameters():
        torch.nn.init.uniform_(parameter, -0.7, 0.7)
    return net.eval()


def batch(source=OTHERS, rows=3, time=5, lengths=None):
    inputs = torch.randint(0, 8, (rows, time))
    if isinstance(source, Tokens):
        read = torch.randint(0, source.size, (rows, 4))
    else:
        read = None if source is None else torch.randn(rows, 4, source.size)
    lengths = torch.tensor(lengths or [4] * rows)
    return Batch(
        inputs, torch.full((rows,), time), inputs, source=read, source_lengths=None if read is None else lengths
    )


# --------------------------------------------------------------------- bridge


def final_states(net, whole):
    """The encoder's final state of each layer, all its tensors side by side."""
    _, states = net.encoder(whole.source, whole.source_lengths)
    return [torch.cat([part.flatten(1) for part in leaves(state)], dim=1) for state in states]


@pytest.mark.parametrize("cell", [LSTM, GRU, RNN])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_linear_bridge_maps_every_tensor_of_every_layer(cell, bidirectional):
    net, whole = model(cell, num_layers=2, bidirectional=bidirectional), batch(lengths=[4, 2, 1])
    _, state = net.begin(whole)
    for layer, (summary, begun) in enumerate(zip(final_states(net, whole), state.layers, strict=True)):
        for place, tensor in enumerate(leaves(begun)):
            linear = net.bridge.maps[layer][place]
            torch.testing.assert_close(tensor, torch.tanh(summary @ linear.weight.T + linear.bias))
    assert len(leaves(state.layers)) == 2 * (2 if cell is LSTM else 1)


def test_a_copy_is_the_encoders_state_and_zero_is_none():
    whole = batch()
    net = model(bridge="copy", num_layers=2)
    _, encoded = net.encoder(whole.source, None)
    for one, other in zip(leaves(net.begin(whole)[1].layers), leaves(encoded), strict=True):
        assert torch.equal(one, other)
    assert not any(tensor.any() for tensor in leaves(model(bridge="zero").begin(whole)[1].layers))


def test_between_different_cells_only_a_linear_bridge_or_none_leads():
    whole = batch()
    for bridge in ("linear", "zero"):
        net = model(LSTM, decoder_cell=GRU, bridge=bridge)
        assert len(leaves(net.begin(whole)[1].layers)) == 1
        assert net(whole).logits().isfinite().all()
    for options in ({"decoder_cell": GRU}, {"bidirectional": True}):
        with pytest.raises(ConfigurationError, match=r"model\.bridge=copy needs .* set model\.bridge=linear"):
            model(bridge="copy", **options)


# ---------------------------------------------------------------- one to many


@pytest.mark.parametrize("source", [OTHERS, NUMBERS], ids=["tokens", "numbers"])
def test_without_layers_the_mean_of_what_was_read_is_bridged(source):
    net, whole = model(source=source, encoder="none"), batch(source, lengths=[4, 2, 1])
    memory, state = net.begin(whole)
    read = net.encoder.inputs(whole.source)
    for row, length in enumerate([4, 2, 1]):
        mean = read[row, :length].mean(0)
        linear = net.bridge.maps[0][0]
        torch.testing.assert_close(state.layers[0].hidden[row], torch.tanh(mean @ linear.weight.T + linear.bias))
        torch.testing.assert_close(memory.values[row, :length], read[row, :length])


def test_what_stands_in_a_sources_padding_reaches_nothing():
    for encoder in ("none", "recurrent"):
        net, whole = model(source=NUMBERS, encoder=encoder), batch(NUMBERS, lengths=[4, 2, 1])
        clean = net(whole).logits()
        whole.source[torch.arange(4) >= whole.source_lengths[:, None]] = float("nan")
        torch.testing.assert_close(net(whole).logits(), clean)
        net(whole).logits().sum().backward()
        assert all(parameter.grad is None or parameter.grad.isfinite().all() for parameter in net.parameters())


def test_a_picture_is_asked_by_its_regions():
    net = model(source=Image(8, 8), encoder="none")
    inputs = torch.randint(0, 8, (2, 3))
    whole = Batch(inputs, torch.tensor([3, 3]), inputs, source=torch.rand(2, 8, 8), source_lengths=torch.tensor([8, 8]))
    assert net(whole).attention.shape == (2, 1, 3, 16)


def test_from_nothing_it_is_a_language_model():
    net, whole = model(source=None, attention=None), batch(None)
    output = net(whole)
    assert net.encoder is None and net.bridge is None and output.attention is None
    memory, state = net.begin(whole)
    assert memory is None and not any(tensor.any() for tensor in leaves(state))
    torch.testing.assert_close(net.step(whole.inputs[:, 0], state)[0], output.logits()[:, 0])


# ---------------------------------------------------------- scheduled sampling


@pytest.mark.parametrize("options", [{}, {"input_feeding": True}, {"attention": None}], ids=str)
def test_reading_only_its_own_words_is_greedy_decoding(options):
    net, whole = model(**options), batch()
    state, logits = None, []
    memory, state = net.begin(whole)
    word = whole.inputs[:, 0]
    for _ in range(whole.time):
        found, state, _ = net.step(word, state, memory)
        word = found.argmax(-1)
        logits.append(found)
    own = net(whole, None, 1.0)
    torch.testing.assert_close(own.logits(), torch.stack(logits, dim=1))
    torch.testing.assert_close(net(whole, None, 0.0).logits(), net(whole).logits())
    assert not torch.allclose(own.logits(), net(whole).logits())
    assert own.reaches


def test_its_own_words_are_drawn_word_by_word_from_torchs_generator():
    net, whole = model(), batch(rows=8)
    torch.manual_seed(1)
    first = net(whole, None, 0.5).logits()
    torch.manual_seed(1)
    assert torch.equal(net(whole, None, 0.5).logits(), first)
    torch.manual_seed(2)
    assert not torch.equal(net(whole, None, 0.5).logits(), first)
    forced, own = net(whole).logits(), net(whole, None, 1.0).logits()
    kept, changed = (first == forced).all(-1), (first == own).all(-1)
    assert not (kept | changed).all(), "either all of a row or nothing of it is its own"
    torch.testing.assert_close(first[:, 0], forced[:, 0])  # the first is the target's


def test_numbers_are_fed_back_as_they_are():
    net = model(inputs=NUMBERS)
    inputs = torch.randn(2, 4, 3)
    source = torch.randint(0, 5, (2, 4))
    whole = Batch(inputs, torch.tensor([4, 4]), inputs, source=source, source_lengths=torch.tensor([4, 4]))
    memory, state = net.begin(whole)
    read, logits = inputs[:, 0], []
    for _ in range(4):
        read, state, _ = net.step(read, state, memory)
        logits.append(read)
    torch.testing.assert_close(net(whole, None, 1.0).logits(), torch.stack(logits, dim=1))


# ------------------------------------------------------------- shared weights


def test_tied_and_shared_weights_are_one():
    tied = EncoderDecoder(LSTM, WORDS, 8, source=WORDS, attention=Soft, tied=True, **SIZES)
    assert tied.head.weight is tied.inputs.embedding.weight and tied.head.weight.shape == (8, 5)
    assert tied.encoder.inputs.embedding.weight is not tied.head.weight
    shared = EncoderDecoder(LSTM, WORDS, 8, source=WORDS, attention=Soft, shared_embedding=True, **SIZES)
    assert shared.encoder.inputs.embedding is shared.inputs.embedding
    both = EncoderDecoder(LSTM, WORDS, 8, source=WORDS, attention=Soft, tied=True, shared_embedding=True, **SIZES)
    assert both.encoder.inputs.embedding.weight is both.head.weight is both.inputs.embedding.weight
    assert 0.05 < both.head.weight.std() < 0.2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"encoder": "recurent"}, r"model\.encoder=recurent .*did you mean 'recurrent'"),
        ({"bridge": "linea"}, r"model\.bridge=linea .*did you mean 'linear'"),
        ({"source": None}, r"attention reads a source, and this data has none: set attention=none"),
        ({"attention": None, "input_feeding": True}, r"model\.input_feeding=true .*choose an attention"),
        ({"shared_embedding": True}, r"model\.shared_embedding=true .*data\.fields\.ONE\.vocabulary=OTHER"),
        ({"shared_embedding": True, "source": WORDS, "embedding_size": None}, r"model\.shared_embedding=true"),
        ({"tied": True, "embedding_size": None}, r"model\.tied=true .*model\.embedding_size"),
        ({"tied": True, "out_features": 9}, r"model\.tied=true .*8 tokens.*9 outputs"),
        ({"num_layers": 0}, r"model\.num_layers must be at least 1"),
    ],
    ids=str,
)
def test_what_does_not_go_together_is_refused(options, words):
    given = {"source": OTHERS, "out_features": 8, "attention": Soft, **SIZES, **options}
    with pytest.raises(ConfigurationError, match=words):
        EncoderDecoder(LSTM, WORDS, **given)


def test_data_without_a_source_is_refused_by_a_model_that_reads_one():
    with pytest.raises(ConfigurationError, match="this model reads a source"):
        model()(batch(None))


# ---------------------------------------------------------------------- others


def test_the_encoder_is_not_run_where_nobody_asks_it(monkeypatch):
    """Without attention a later window has all it needs in its state."""
    net, whole = model(attention=None), batch()
    first, second = whole.windows(3)
    state = net(first).state
    monkeypatch.setattr(net.encoder, "forward", lambda *given: pytest.fail("run again"))
    net(second, state)


def test_hard_attentions_choices_come_with_what_teaches_them():
    net = model(attention=Hard).train()
    whole = batch()
    output = net(whole)
    assert output.log_probability.shape == output.baseline.shape == output.bonus.shape == (3, 5)
    assert not output.reaches and model(attention=Hard, input_feeding=True).train()(whole).reaches
    assert net.eval()(whole).log_probability is None


@pytest.mark.parametrize("name", ["input_dropout", "dropout", "output_dropout"])
def test_dropout_is_drawn_in_training_only(name):
    net, whole = model(num_layers=2, **{name: 0.5}), batch()
    assert torch.equal(net(whole).logits(), net(whole).logits())
    net.train()
    assert not torch.equal(net(whole).logits(), net(whole).logits())


def test_weights_are_made_in_evaluation_and_not_in_training():
    net, whole = model(), batch()
    assert net(whole).attention.shape == (3, 1, 5, 4)
    assert net.train()(whole).attention is None


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize(
    "options", [{}, {"input_feeding": True}, {"attention": None}, {"attention": Hard, "bridge": "zero"}], ids=str
)
def test_bf16_autocast_runs_and_carries_the_state_over_windows(options, fused):
    net, whole = model(num_layers=2, fused=fused, **options), batch(lengths=[4, 2, 1])
    expected, state = net(whole), None
    with torch.autocast("cpu", torch.bfloat16):
        for window in whole.windows(3):
            output = net.train()(window, state, 0.5)
            total = output.logits().float().square().sum()
            state = output.state
        memory, begun = net.eval().begin(whole)
        logits = net.step(whole.inputs[:, 0], begun, memory)[0]
    total.backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in net.parameters())
    torch.testing.assert_close(logits.float(), expected.logits()[:, 0], atol=0.1, rtol=0.1)
    if fused:
        assert {part.dtype for part in leaves(state)} == {torch.float32, torch.int64}

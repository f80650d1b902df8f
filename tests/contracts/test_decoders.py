"""Every model in configs/model that reads a source, with every cell and every attention in configs/attention, with and
without input feeding: windows, single steps, single rows and the hypotheses of a beam give what the whole gives."""

from types import SimpleNamespace

import pytest
import torch

from seqnet import build
from seqnet.batch import IGNORE, Batch, has_target
from seqnet.data.teacher_forcing import with_ends, writing
from seqnet.state import detach, leaves, map_state, select

WORDS = with_ends(tuple("abcdefgh"))
RAGGED, TIME = [7, 4, 1, 7, 5], 7
SOURCES, SOURCE_TIME = [6, 2, 5, 1, 6], 6
WINDOWS = [(7, 7), (3, None), (3, 2), (4, 1)]


@pytest.fixture
def assembly(decoder, composed):
    """Builds task and model, in double precision, in evaluation mode: hard attention's choices are its best."""

    def of(cell, attention, options, feeding):
        config = composed(
            "experiment=blank", "task=seq2seq", f"model={decoder}", f"cell={cell}", f"attention={attention}"
        )
        if config["attention"] is not None:
            config["attention"] |= options
            if "num_heads" in config["attention"]:
                config["attention"]["num_heads"] = 2
            if "window" in config["attention"]:
                config["attention"]["window"] = 1
        config["model"] |= {"hidden_size": 6, "embedding_size": 5, "num_layers": 2, "input_feeding": feeding}
        spaces = SimpleNamespace(
            source=WORDS, inputs=WORDS, targets=WORDS, views={}, writing=writing(WORDS, 9), text=lambda ids: str(ids)
        )
        made = build.assemble(config, spaces)
        for parameter in made.model.parameters():
            torch.nn.init.uniform_(parameter, -0.7, 0.7)
        made.model.double().eval()
        return made

    return of


@pytest.fixture
def net(assembly, looking):
    """The model with each attention and each value of its named options, of GRUs, and without attention."""
    attention, options, feeding = looking
    return assembly("gru", attention, options, feeding).model


def batch(lengths=RAGGED, sources=SOURCES):
    rows = len(lengths)
    lengths, sources = torch.tensor(lengths), torch.tensor(sources)
    targets = torch.randint(0, WORDS.size, (rows, TIME))
    targets[torch.arange(TIME) >= lengths[:, None]] = IGNORE
    source = torch.randint(0, WORDS.size, (rows, SOURCE_TIME))
    return Batch(torch.randint(0, WORDS.size, (rows, TIME)), lengths, targets, source=source, source_lengths=sources)


def whole_rows():
    return batch([TIME] * 4, [SOURCE_TIME, 3, 1, 4])


def logits_of(output, whole):
    """Logits where something is asked, 0 elsewhere."""
    return output.logits().masked_fill(~has_target(whole.targets)[..., None], 0)


def by_windows(net, whole, windows, carry=detach):
    """Logits of what is asked, each in its place, and the state at the end."""
    logits = torch.full((*whole.targets.shape, WORDS.size), float("nan")).double()
    state, begin = None, 0
    for window in windows:
        output = net(window, state)
        places = has_target(window.targets)
        there = logits[:, begin : begin + window.time]
        assert there[places].isnan().all(), "asked twice"
        there[places] = output.logits()[places]
        state = carry(output.state)
        begin += window.advance
    assert begin == whole.time
    return logits.nan_to_num(), state


def same(found, wanted):
    for one, other in zip(leaves(found), leaves(wanted), strict=True):
        torch.testing.assert_close(one, other)


def gradients(net, whole, run):
    net.zero_grad()
    wanted = has_target(whole.targets)
    torch.nn.functional.cross_entropy(run()[wanted], whole.targets[wanted], reduction="sum").backward()
    return [torch.zeros_like(one) if one.grad is None else one.grad.clone() for one in net.parameters()]


@pytest.mark.parametrize("ragged", [False, True], ids=["whole", "ragged"])
def test_windows_over_the_target_give_what_the_whole_gives(net, ragged):
    whole = batch() if ragged else whole_rows()
    with torch.no_grad():
        output = net(whole)
        for size, stride in WINDOWS:
            logits, state = by_windows(net, whole, whole.windows(size, stride))
            torch.testing.assert_close(logits, logits_of(output, whole))
            same(state, output.state)


def by_steps(net, whole):
    memory, state = net.begin(whole)
    found = []
    for step in range(whole.time):
        logits, state, _ = net.step(whole.inputs[:, step], state, memory)
        found.append(logits)
    return torch.stack(found, dim=1), state


def test_single_steps_give_what_the_whole_gives_and_the_same_gradient(net):
    whole = whole_rows()
    logits, state = by_steps(net, whole)
    output = net(whole)
    torch.testing.assert_close(logits, output.logits())
    same(detach(state), detach(output.state))
    expected = gradients(net, whole, lambda: by_steps(net, whole)[0])
    for windows in ([whole], list(whole.windows(TIME, TIME))):
        found = gradients(net, whole, lambda cut=windows: by_windows(net, whole, cut, lambda state: state)[0])
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-8)


def test_windows_whose_state_keeps_its_history_give_the_whole_gradient(net):
    """Each window reads the source again, and their gradients add up."""
    whole = whole_rows()
    expected = gradients(net, whole, lambda: net(whole).logits())
    for size, stride in ((3, 3), (3, 1)):
        windows = list(whole.windows(size, stride))
        found = gradients(net, whole, lambda cut=windows: by_windows(net, whole, cut, lambda state: state)[0])
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-8)


def test_padding_and_the_rows_beside_do_not_matter(net):
    whole = batch()
    inputs = torch.cat([whole.inputs, whole.inputs[:, :3]], dim=1)
    inputs[torch.arange(TIME + 3) >= whole.lengths[:, None]] = 7
    source = torch.cat([whole.source, whole.source[:, :2]], dim=1)
    source[torch.arange(SOURCE_TIME + 2) >= whole.source_lengths[:, None]] = 7
    targets = torch.cat([whole.targets, torch.full((len(RAGGED), 3), IGNORE)], dim=1)
    longer = Batch(inputs, whole.lengths, targets, source=source, source_lengths=whole.source_lengths)
    expected = gradients(net, whole, lambda: net(whole).logits())
    for one, other in zip(gradients(net, longer, lambda: net(longer).logits()), expected, strict=True):
        torch.testing.assert_close(one, other)
    with torch.no_grad():
        output, padded = net(whole), net(longer)
        for row, (length, source_length) in enumerate(zip(RAGGED, SOURCES, strict=True)):
            torch.testing.assert_close(padded.logits()[row, :length], output.logits()[row, :length])
            alone = net(
                Batch(
                    whole.inputs[row : row + 1, :length],
                    whole.lengths[row : row + 1],
                    whole.targets[row : row + 1, :length],
                    source=whole.source[row : row + 1, :source_length],
                    source_lengths=whole.source_lengths[row : row + 1],
                )
            )
            torch.testing.assert_close(alone.logits()[0], output.logits()[row, :length])
            if output.attention is not None:
                weights = output.attention[row, :, :length]
                torch.testing.assert_close(alone.attention[0], weights[..., :source_length])
                assert (weights[..., source_length:] == 0).all()
                torch.testing.assert_close(weights.sum(-1), torch.ones_like(weights[..., 0]))


def test_hypotheses_of_a_beam_ask_one_memory(net):
    whole = whole_rows()
    with torch.no_grad():
        memory, state = net.begin(whole)
        rows = torch.arange(whole.size).repeat_interleave(3)
        beam = select(state, rows)
        words = torch.randint(0, WORDS.size, (whole.size * 3, 3))
        for step in range(3):
            logits, beam, weights = net.step(words[:, step], beam, memory)
        for row in range(whole.size * 3):
            one, mine = select(state, rows[row : row + 1]), select(memory, rows[row : row + 1])
            for step in range(3):
                alone, one, looked = net.step(words[row : row + 1, step], one, mine)
            torch.testing.assert_close(logits[row : row + 1], alone)
            if looked is not None:
                torch.testing.assert_close(weights[row : row + 1], looked)
            same(select(beam, torch.tensor([row])), one)


def test_its_state_is_batch_first_and_what_a_checkpoint_can_put_back(net):
    whole = batch()
    state, first = detach(net(whole).state), net.initial_state(whole.size)
    assert type(state) is type(first) and len(leaves(state)) == len(leaves(first))
    rows = torch.tensor([1, 1, 0])
    same(select(state, rows), map_state(lambda part: part[rows], state))
    fresh = net.reset(state, torch.tensor([True, False, False, False, False]))
    for new, old, zero in zip(leaves(fresh), leaves(state), leaves(first), strict=True):
        torch.testing.assert_close(new[1:], old[1:])
        assert (new[0] == zero[0].flatten()[0]).all()


def test_it_uses_source_and_state(net):
    whole = whole_rows()
    other = Batch(
        whole.inputs, whole.lengths, whole.targets, source=whole.source.roll(1, 1), source_lengths=whole.source_lengths
    )
    with torch.no_grad():
        assert not torch.allclose(net(whole).logits()[0], net(other).logits()[0])
        _, state = net.begin(whole)
        state = state._replace(layers=map_state(lambda part: part + 1, state.layers))
        assert not torch.allclose(net(whole).logits(), net(whole, state).logits())


def test_gradients_reach_all_weights_with_every_cell(assembly, cell, fed):
    attention, feeding = fed
    made, whole = assembly(cell, attention, {}, feeding), batch()
    made.model.train()
    made.task.loss(made.model(whole), whole).backward()
    for name, parameter in made.model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all() and parameter.grad.any(), name


def test_every_cell_gives_by_windows_and_steps_what_the_whole_gives(assembly, cell, fed):
    attention, feeding = fed
    net, whole = assembly(cell, attention, {}, feeding).model, whole_rows()
    with torch.no_grad():
        output = net(whole)
        logits, state = by_windows(net, whole, whole.windows(3, 2))
        torch.testing.assert_close(logits, output.logits())
        same(state, output.state)
        torch.testing.assert_close(by_steps(net, whole)[0], output.logits())

"""Every model in configs/model, with every cell, keeps the contracts of `seqnet check`."""

from itertools import product
from types import SimpleNamespace

import pytest
import torch

from seqnet import options
from seqnet.batch import Batch
from seqnet.checks.contract import judge
from seqnet.checks.subject import Subject
from seqnet.models.recurrent import Recurrent
from seqnet.specs import Tokens, Vector
from seqnet.state import detach, leaves, map_state, select
from tests.contracts.conftest import choices, covering, read

WORDS, NUMBERS, CLASSES = Tokens(tuple("abcdefgh")), Vector(4), Tokens(("x", "y", "z"))
RAGGED, TIME = [9, 6, 0, 1, 4, 9], 9
KINDS = {
    "one": {},
    "numbers": {"fused": False, "num_layers": 2, "embedding_size": None},
    "residual": {"num_layers": 2, "residual": True},
    "bidirectional": {"num_layers": 2, "bidirectional": True, "residual": True},
}
OFTEN = ("one", "bidirectional")  # with every readout
READOUTS = options.of(Recurrent)["readout"].choices
TRIED = [(kind, readout) for kind in KINDS for readout in READOUTS if kind in OFTEN or readout in ("all", "last")]
OF_MODELS = ("windows", "steps", "full_gradient", "carried", "padding", "alone", "causal", "memory", "learns")


@pytest.fixture(
    params=covering([(*tried, *made) for made in product(choices("model"), choices("cell")) for tried in TRIED])
)
def subject(request, composed):
    """A model of a kind, and rows of different lengths."""
    kind, readout, model, cell = request.param
    task = "many_to_many" if readout == "all" else "many_to_one"
    config = composed("experiment=blank", f"task={task}", f"model={model}")
    config["cell"] = read("cell", cell)
    chosen = KINDS[kind] | {"readout": readout, "hidden_size": 6, "embedding_size": 5} | KINDS[kind]
    unknown = chosen.keys() - config["model"].keys()
    if unknown:
        pytest.skip(f"model={model} has no {', '.join(sorted(unknown))}")
    config["model"] |= chosen
    inputs = NUMBERS if kind == "numbers" else WORDS
    spaces = SimpleNamespace(inputs=inputs, targets=CLASSES, views={})
    batches = [batch(inputs, readout, lengths) for lengths in (RAGGED, RAGGED[::-1])]
    return Subject(config, spaces, batches, batch(inputs, readout, [TIME] * 3))


def batch(space, readout, lengths):
    size = len(lengths)
    inputs = torch.randn(size, TIME, 4) if space is NUMBERS else torch.randint(0, 8, (size, TIME))
    row_targets, lengths = readout != "all", torch.tensor(lengths)
    targets = torch.randint(0, 3, (size,) if row_targets else (size, TIME))
    if not row_targets:
        targets[torch.arange(TIME) >= lengths[:, None]] = -100
    return Batch(inputs, lengths, targets, row_targets)


def test_it_keeps_the_contracts(subject):
    ahead = {"windows", "carried", "causal"} if subject.config["model"]["bidirectional"] else set()
    once = {"causal"} if subject.once_a_row else set()
    for name in OF_MODELS:
        verdict = judge(name, subject)
        wanted = "does not apply" if name in ahead | once else "passed"
        assert verdict.outcome == wanted, verdict


def test_its_state_is_batch_first(subject):
    net, whole = subject.model().double(), subject.batch
    state, first = net(whole).state, net.initial_state(len(RAGGED))
    assert type(state) is type(first)
    assert [part.shape for part in leaves(state)] == [part.shape for part in leaves(first)]
    rows = torch.tensor([1, 1, 0])
    picked, wanted = select(detach(state), rows), map_state(lambda part: part.detach()[rows], state)
    for one, other in zip(leaves(picked), leaves(wanted), strict=True):
        torch.testing.assert_close(one, other)

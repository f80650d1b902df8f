"""The transcriber, and the task that it is for: rows alone, and positions that are fewer than steps."""

from types import SimpleNamespace

import pytest
import torch

from seqnet import build
from seqnet.batch import IGNORE, Batch
from seqnet.commands.writing import Writer, greedily
from seqnet.data.examples import Ragged
from seqnet.data.teacher_forcing import strip_special, teacher_forcing, with_ends, writing
from seqnet.decoding.hypothesis import Hypothesis
from seqnet.errors import ConfigurationError
from seqnet.objectives.tokens import NextToken
from seqnet.specs import Vector
from seqnet.tasks.transcription import Transcription
from seqnet.training.precision import Precision

LETTERS = with_ends("abc")
WRITING = writing(LETTERS, 4)
WORDS = ["ab", "", "cca", "b"]
STEPS = [9, 4, 7, 6]


def text(ids):
    return "".join(LETTERS.names[number] for number in strip_special(ids, WRITING))


SPACES = SimpleNamespace(
    source=Vector(3), inputs=LETTERS, targets=LETTERS, views={}, writing=WRITING, text=text, read=None
)


@pytest.fixture
def examples():
    torch.manual_seed(3)
    source = Ragged.of([torch.randn(steps, 3).double() for steps in STEPS])
    rows = [torch.tensor([LETTERS.names.index(letter) for letter in word], dtype=torch.int64) for word in WORDS]
    return teacher_forcing(source, Ragged.of(rows), WRITING)


@pytest.fixture(params=[True, False], ids=["shortened", "as it is"])
def assembly(request):
    from seqnet.configuration import compose

    config = compose("train", ["experiment=speech_ctc"]).config
    config["model"] |= {"hidden_size": 5, "embedding_size": 4}
    chosen = config["model"].pop("encoders")
    config["model"]["encoders"] = {"source": chosen["audio"]} if request.param else {}
    torch.manual_seed(1)
    made = build.assemble(config, SPACES)
    made.model.double().eval()
    return made


def loss_of(assembly, batch):
    return assembly.task.loss(assembly.model(batch), batch)


def test_a_row_is_heard_as_if_it_were_alone(assembly, examples):
    whole = examples.batch(torch.arange(4))
    output = assembly.model(whole)
    assert output.lengths.tolist() == assembly.model.positions(whole.source_lengths).tolist()
    heard, _ = assembly.model.begin(whole)
    each = []
    for row in range(4):
        alone = examples.batch(torch.tensor([row]))
        found = assembly.model(alone)
        length = int(output.lengths[row])
        torch.testing.assert_close(found.features[0], output.features[row, :length])
        torch.testing.assert_close(assembly.model.begin(alone)[0].logs[0], heard.logs[row, :length])
        each.append(loss_of(assembly, alone))
    torch.testing.assert_close(sum(each), loss_of(assembly, whole))


def test_the_loss_is_of_whole_answers_and_counts_their_tokens_and_ends(assembly, examples):
    whole = examples.batch(torch.arange(4))
    assert assembly.task.count(whole) == sum(map(len, WORDS)) + 4
    total = loss_of(assembly, whole)
    total.backward()
    assert all(one.grad.isfinite().all() and one.grad.any() for one in assembly.model.parameters())
    silent = Batch(
        whole.inputs,
        whole.lengths,
        torch.full_like(whole.targets, IGNORE),
        source=whole.source,
        source_lengths=whole.source_lengths,
    )
    assert loss_of(assembly, silent) == 0 == assembly.task.count(silent)


def test_its_judge_sums_losses_and_compares_what_is_read_off(assembly, examples):
    whole = examples.batch(torch.arange(4))
    judge = assembly.task.evaluator()
    assert judge.update(assembly.model(whole), whole) == pytest.approx(loss_of(assembly, whole).item(), rel=1e-6)
    ids = [[LETTERS.names.index(letter) for letter in word] for word in ("ab", "", "ca", "b")]
    judge.written([[Hypothesis(row, 0.0, 0.0, True)] for row in ids], whole)
    found = judge.compute()
    assert found["cer"] == pytest.approx(1 / 6) and found["exact_match"] == 0.75


def test_answers_that_have_no_room_are_told(examples):
    model = SimpleNamespace(positions=lambda steps: torch.tensor([2, 0, 3, 0]))
    task = Transcription(ROWS, SPACES)
    (told,) = task.remarks(model, {"train": examples, "valid": None})
    assert told.startswith("2 of 4 rows of train have longer answers")  # cca needs 4, b has none
    assert not task.remarks(SimpleNamespace(positions=lambda steps: torch.tensor([2, 0, 4, 1])), {"train": examples})


ROWS = SimpleNamespace(row_losses=lambda *parts: None, class_names=())


def test_an_objective_of_steps_is_refused():
    with pytest.raises(ConfigurationError, match="needs the loss of whole rows.*use objective=ctc"):
        Transcription(NextToken(LETTERS), SPACES)


def test_what_writes_one_token_after_another_does_not_read_it_off(assembly):
    precision = Precision("fp32", torch.device("cpu"))
    beam = {"_target_": "seqnet.decoding.beam.Beam", "beam_size": 5}
    with pytest.raises(ConfigurationError, match="decoding=beam is of a model that writes one token after another"):
        Writer(assembly, precision, beam, 1)
    prefix_beam = {"_target_": "seqnet.decoding.prefix_beam.PrefixBeam", "beam_size": 5}
    assert greedily(prefix_beam) == {"_target_": "seqnet.decoding.best_path.BestPath"}
    assert Writer(assembly, precision, prefix_beam, 1).description == {"name": "prefix_beam", "beam_size": 5}

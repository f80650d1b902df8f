"""Scores of a split: weighted by what is asked, the same however it is cut, and without a trace in training."""

import pytest
import torch
from torch import nn

from seqnet.batch import IGNORE, Batch, Output
from seqnet.cells.lstm import LSTM
from seqnet.models.feed_forward import FeedForward
from seqnet.models.recurrent import Recurrent
from seqnet.objectives.classification import Classification
from seqnet.objectives.tokens import NextToken
from seqnet.specs import Tokens, Vector
from seqnet.tasks.many_to_many import ManyToMany
from seqnet.tasks.many_to_one import ManyToOne
from seqnet.training.evaluation import evaluate, evaluating
from seqnet.training.precision import Precision
from tests.conftest import Fixed

SPACE = Tokens(tuple("abcde"))
FP32 = Precision("fp32", torch.device("cpu"))


def model(**options: float) -> Recurrent:
    torch.manual_seed(0)
    return Recurrent(LSTM, SPACE, {}, 5, hidden_size=6, embedding_size=4, **options)  # type: ignore[arg-type]


def text(rows: int, time: int, seed: int = 0, starts: torch.Tensor | None = None) -> Batch:
    ids = torch.randint(5, (rows, time + 1), generator=torch.Generator().manual_seed(seed))
    return Batch(ids[:, :-1], torch.full((rows,), time), ids[:, 1:], starts=starts)


def ragged(rows: int, time: int, seed: int) -> Batch:
    whole = text(rows, time, seed)
    lengths = torch.arange(rows) % time + 1
    inside = torch.arange(time) < lengths[:, None]
    return Batch(whole.inputs.where(inside, 0), lengths, whole.targets.where(inside, IGNORE))


def by_hand(network: nn.Module, *batches: Batch) -> float:
    """The mean loss over every item asked, row by row."""
    total, count = torch.tensor(0.0), 0
    network.eval()
    for batch in batches:
        for row in range(batch.size):
            steps = int(batch.lengths[row])
            one = Batch(batch.inputs[row : row + 1, :steps], batch.lengths[row : row + 1], batch.targets[:, :steps])
            logits = network(one, None).logits()[0]
            total += nn.functional.cross_entropy(logits, batch.targets[row, :steps], reduction="sum").detach()
            count += steps
    network.train()
    return float(total / count)


@pytest.mark.parametrize("window", [None, 1, 3, 7, 99])
def test_the_loss_is_the_mean_over_items_however_it_is_cut(window: int | None) -> None:
    network, batches = model(), (ragged(5, 7, 1), text(2, 3, 2), ragged(1, 9, 3))
    scores, _ = evaluate(network, ManyToMany(NextToken(SPACE)), Fixed(*batches), FP32, window)
    assert scores["loss"] == pytest.approx(by_hand(network, *batches), abs=1e-6)
    assert scores["perplexity"] == pytest.approx(torch.tensor(scores["loss"]).exp().item(), rel=1e-5)


def test_so_many_batches_are_looked_at() -> None:
    network, first, second = model(), text(3, 6, 1), text(3, 6, 2)
    task = ManyToMany(NextToken(SPACE))
    few, _ = evaluate(network, task, Fixed(first, second), FP32, None, 1)
    assert few["loss"] == pytest.approx(by_hand(network, first), abs=1e-6)


def test_state_goes_from_batch_to_batch_where_no_row_starts() -> None:
    network, whole = model(), text(2, 12)
    halves = [
        Batch(
            whole.inputs[:, part],
            torch.full((2,), 6),
            whole.targets[:, part],
            starts=torch.tensor([begins, begins]),
        )
        for part, begins in ((slice(0, 6), True), (slice(6, 12), False))
    ]
    scores, _ = evaluate(network, ManyToMany(NextToken(SPACE)), Fixed(*halves), FP32, 3)
    assert scores["loss"] == pytest.approx(by_hand(network, whole), abs=1e-6)


def test_training_goes_on_as_if_nothing_had_been_scored() -> None:
    network = model(output_dropout=0.5)
    network.train()
    before = torch.get_rng_state()
    first, _ = evaluate(network, ManyToMany(NextToken(SPACE)), Fixed(text(3, 6)), FP32)
    again, _ = evaluate(network, ManyToMany(NextToken(SPACE)), Fixed(text(3, 6)), FP32)
    assert first == again  # no dropout
    assert torch.equal(torch.get_rng_state(), before)
    assert network.training
    assert all(parameter.grad is None for parameter in network.parameters())


def test_the_mode_comes_back_after_an_error() -> None:
    network = model()
    with pytest.raises(KeyError), evaluating(network):
        assert not network.training
        raise KeyError
    assert network.training


def test_a_split_in_which_nothing_is_asked_has_no_score() -> None:
    silent = Batch(torch.zeros(2, 3, dtype=torch.int64), torch.tensor([3, 3]), torch.full((2, 3), IGNORE))
    scores, evaluator = evaluate(model(), ManyToMany(NextToken(SPACE)), Fixed(silent), FP32)
    assert all(value != value for value in scores.values())
    assert evaluator.confusion() is None


class Counting:
    """A evaluator that remembers which batches were written for, and what was said of them."""

    class_names: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.windows, self.written_for = 0, []

    def update(self, output: Output, batch: Batch) -> float:
        self.windows += 1
        return 0.0

    def written(self, found: str, batch: Batch) -> None:
        self.written_for.append((found, batch))

    def compute(self) -> dict[str, float]:
        return {}

    def confusion(self) -> None:
        return None


@pytest.mark.parametrize(("window", "windows"), [(None, 3), (2, 7)])
def test_a_whole_batch_is_written_once_however_it_is_cut(window: int | None, windows: int) -> None:
    network, given = model(), [text(3, 6, 1), text(2, 3, 2), text(1, 4, 3)]
    task = ManyToMany(NextToken(SPACE))
    task.evaluator = Counting  # type: ignore[assignment, method-assign]

    def write(number: int, batch: Batch) -> str:
        assert batch is given[number]
        assert not network.training and torch.is_inference_mode_enabled()
        return f"{batch.time} steps"

    _, evaluator = evaluate(network, task, Fixed(*given), FP32, window, write=write)
    assert evaluator.windows == windows
    assert evaluator.written_for == [("6 steps", given[0]), ("3 steps", given[1]), ("4 steps", given[2])]
    _, evaluator = evaluate(network, task, Fixed(*given), FP32, window)
    assert evaluator.written_for == []


def test_a_report_reads_logits_in_the_precision_of_the_judge() -> None:
    class Report:
        seen: list[torch.Tensor] = []

        def window(self, output: Output, batch: Batch) -> None:
            self.seen.append(output.logits())

        def batch(self, batch: Batch, written: object) -> None:
            """Rows are of no matter."""

    network, report = FeedForward(Vector(3), {}, 5), Report()
    batch = Batch(torch.ones(2, 1, 3), torch.tensor([1, 1]), torch.tensor([0, 4]), row_targets=True)
    half = Precision("bf16", torch.device("cpu"))
    evaluate(network, ManyToOne(Classification(SPACE)), Fixed(batch), half, report=report)  # type: ignore[arg-type]
    assert [logits.dtype for logits in report.seen] == [torch.bfloat16]

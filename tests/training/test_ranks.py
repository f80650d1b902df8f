"""Several processes train one model as one process does: a table of cases, run by one group of gloo ranks each."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seqnet.attention.scores.dot import Dot
from seqnet.attention.soft import Soft
from seqnet.batch import IGNORE, Batch
from seqnet.cells.gru import GRU
from seqnet.cells.lstm import LSTM
from seqnet.cells.rnn import RNN
from seqnet.models.encoder_decoder import EncoderDecoder
from seqnet.models.recurrent import Recurrent
from seqnet.objectives.classification import Classification
from seqnet.objectives.tokens import NextToken
from seqnet.specs import Tokens
from seqnet.tasks.many_to_many import ManyToMany
from seqnet.tasks.many_to_one import ManyToOne
from seqnet.training.clipping import Clipping
from seqnet.training.limits import Limits
from seqnet.training.precision import Precision
from seqnet.training.ranks import ALONE, Ranks
from seqnet.training.schedule import Linear
from seqnet.training.trainer import Trainer

SPACE = Tokens(tuple("abcde"))
CPU = torch.device("cpu")
NEAR = 1e-6  # the largest difference over the largest entry


class Fixed:
    """A loader of given batches, the same every epoch."""

    def __init__(self, *batches: Batch) -> None:
        self.given = batches

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        yield from self.given[start:]

    def num_batches(self, epoch: int) -> int:
        return len(self.given)


class Noting(torch.optim.SGD):
    """Notes every gradient that it is handed."""

    def __init__(self, model: nn.Module, lr: float = 0.01) -> None:
        super().__init__(model.parameters(), lr=lr, momentum=0.9)
        self.handed: list[list[Tensor | None]] = []

    def step(self, closure: Any = None) -> None:
        parameters = self.param_groups[0]["params"]
        self.handed.append([None if one.grad is None else one.grad.clone() for one in parameters])
        super().step()


def recurrent(cell: Any = LSTM, **options: Any) -> Recurrent:
    torch.manual_seed(0)
    return Recurrent(cell, SPACE, {}, 5, **{"hidden_size": 6, "embedding_size": 6, **options})


def translator(cell: Any = GRU) -> EncoderDecoder:
    torch.manual_seed(0)
    attention = partial(Soft, score=Dot)
    return EncoderDecoder(cell, SPACE, 5, SPACE, attention=attention, hidden_size=6, embedding_size=6)


def with_one_unused() -> Recurrent:
    model = recurrent()
    model.lonely = nn.Parameter(torch.ones(3))
    return model


def ids(*shape: int, seed: int = 0) -> Tensor:
    return torch.randint(5, shape, generator=torch.Generator().manual_seed(seed))


def tagged(lengths: list[int], time: int = 9) -> Batch:
    rows, ends = len(lengths), torch.tensor(lengths)
    asked = torch.arange(time) < ends[:, None]
    return Batch(ids(rows, time), ends, ids(rows, time, seed=1).where(asked, IGNORE))


def classed(lengths: list[int], time: int = 9) -> Batch:
    return Batch(ids(len(lengths), time), torch.tensor(lengths), ids(len(lengths), seed=1), row_targets=True)


def translated(lengths: list[int], source: list[int]) -> Batch:
    batch = tagged(lengths)
    return replace(batch, source=ids(len(source), 7, seed=2), source_lengths=torch.tensor(source))


def lanes(rows: int, windows: int = 4, time: int = 5) -> list[Batch]:
    """Windows of running text: every lane begins a document now and then."""
    starts = ids(windows, rows, seed=3) == 0
    starts[0] = True
    text = ids(windows, rows, time + 1, seed=4)
    full = torch.full((rows,), time)
    return [Batch(part[:, :-1], full, part[:, 1:], starts=begin) for part, begin in zip(text, starts, strict=True)]


RAGGED = [9, 3, 0, 7, 9, 1, 5]
ENDS_EARLY = [2, 2, 2, 9]  # in the later windows nothing is asked of the first ranks
ANSWERS = Classification(SPACE)
Case = Callable[..., Trainer]


def case(make: Callable[[], nn.Module], batches: list[Batch], task: Any = None, **options: Any) -> Case:
    """What makes a trainer of these for some ranks."""

    def made(ranks: Ranks = ALONE, **more: Any) -> Trainer:
        model = make()
        chosen = {"limits": Limits(max_epochs=1), "clipping": Clipping(norm=0.5), **options, **more}
        return Trainer(
            model,
            task or ManyToMany(NextToken(SPACE)),
            Fixed(*batches),
            Noting(model, chosen.pop("lr", 0.01)),
            Linear(),
            Precision("fp32", CPU),
            ranks=ranks,
            **chosen,
        )

    return made


CASES: dict[str, Case] = {
    **{f"{rows} rows": case(recurrent, [tagged([9] * rows)]) for rows in range(1, 18)},
    **{cell.__name__: case(partial(recurrent, cell), [tagged(RAGGED)], window=4) for cell in (RNN, GRU, LSTM)},
    "two directions": case(partial(recurrent, bidirectional=True, num_layers=2), [tagged(RAGGED)]),
    "tied": case(partial(recurrent, tied=True), [tagged(RAGGED)], ema_decay=0.9),
    "a parameter unused": case(with_one_unused, [tagged(RAGGED)]),
    "nothing is asked of some": case(recurrent, [tagged(ENDS_EARLY)], window=3),
    "overlapping windows": case(recurrent, [tagged(RAGGED)], window=4, stride=2, accumulate=2),
    "one answer a row": case(partial(recurrent, readout="last"), [classed(RAGGED)], ManyToOne(ANSWERS), window=3),
    "means": case(partial(recurrent, readout="mean"), [classed(ENDS_EARLY)], ManyToOne(ANSWERS), window=3),
    "lanes": case(recurrent, lanes(5)),
    "one lane": case(recurrent, lanes(1)),
    "cut lanes": case(recurrent, [replace(tagged([9, 9, 8]), starts=torch.ones(3, dtype=torch.bool))], window=4),
    "accumulated": case(recurrent, [tagged(RAGGED), tagged([4]), tagged(ENDS_EARLY)], window=4, accumulate=3),
    "clipped by value": case(recurrent, [tagged(RAGGED)], clipping=Clipping(value=0.01)),
    "written": case(translator, [translated(RAGGED, [7, 1, 2, 0, 7, 7, 3])], window=4),
    "written by one": case(translator, [translated([9], [7])], window=4),
}


def run(make: Case, ranks: Ranks) -> dict[str, Any]:
    """All that the steps of a case show."""
    trainer = make(ranks)
    reports = [report for report in trainer.steps() if report is not None]
    return {
        "gradients": trainer.optimizer.handed,
        "weights": [one.detach().clone() for one in trainer.model.parameters()],
        "told": [
            (one.step, one.epoch, one.count, one.clipped, one.tokens, one.padded, one.padded_steps, one.end_of_epoch)
            for one in reports
        ],
        "numbers": [(one.loss_sum, one.gradient_norm, one.learning_rate) for one in reports],
        "average": trainer.average and [*trainer.average.state().values()],
        "seconds": trainer.position.seconds,
    }


@pytest.fixture(scope="module", params=[2, 3])
def tables(request, group):
    """What each of so many ranks saw of every case."""
    run(CASES["1 rows"], ALONE)  # what it imports is forked
    return group(request.param, lambda ranks: {name: run(make, ranks) for name, make in CASES.items()})


def largest(found: Tensor, wanted: Tensor) -> float:
    return float((found - wanted).abs().max() / wanted.abs().max())


@pytest.mark.parametrize("name", CASES)
def test_gradients_and_reports_are_those_of_one_process(tables, name):
    wanted, several = run(CASES[name], ALONE), [table[name] for table in tables]
    first = several[0]
    for other in several[1:]:  # the same bits on all ranks, and rank 0's clock
        for key in ("gradients", "weights", "average"):
            assert [*map(str, flat(first[key]))] == [*map(str, flat(other[key]))]
        assert (first["told"], first["numbers"]) == (other["told"], other["numbers"])
        assert first["seconds"] == other["seconds"]
    assert first["told"] == wanted["told"]
    for found, exact in zip(first["gradients"], wanted["gradients"], strict=True):
        assert [one is None for one in found] == [one is None for one in exact]
        both = (torch.cat([one.flatten() for one in part if one is not None]) for part in (found, exact))
        assert largest(*both) < NEAR
    for found, exact in zip(first["numbers"], wanted["numbers"], strict=True):
        assert found == pytest.approx(exact, rel=2e-6)


def flat(tree: Any) -> Iterator[Any]:
    """The tensors in lists, as lists of numbers."""
    for one in tree or ():
        if isinstance(one, list):
            yield from flat(one)
        else:
            yield one if one is None else one.tolist()

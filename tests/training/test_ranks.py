"""Several processes train one model as one process does: a table of cases, run by one group of gloo ranks each."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seqnet.attention.hard import Hard
from seqnet.attention.scores.dot import Dot
from seqnet.attention.soft import Soft
from seqnet.batch import IGNORE, Batch, Output, has_target
from seqnet.cells.gru import GRU
from seqnet.cells.lstm import LSTM
from seqnet.cells.rnn import RNN
from seqnet.decoding.hypothesis import Hypothesis
from seqnet.errors import NonFiniteError
from seqnet.models.encoder_decoder import EncoderDecoder
from seqnet.models.recurrent import Recurrent
from seqnet.models.regularisation import regularise
from seqnet.objectives.classification import Classification
from seqnet.objectives.tokens import NextToken
from seqnet.specs import Tokens, Writing
from seqnet.state import State
from seqnet.tasks.many_to_many import ManyToMany
from seqnet.tasks.many_to_one import ManyToOne
from seqnet.tasks.seq2seq import SequenceToSequence
from seqnet.training.activation import ActivationRegularisation
from seqnet.training.averaging import MovingAverage
from seqnet.training.clipping import Clipping
from seqnet.training.evaluation import Abandoned, evaluate
from seqnet.training.limits import Limits
from seqnet.training.precision import Precision
from seqnet.training.ranks import ALONE, Ranks
from seqnet.training.schedule import Linear, ScheduledSampling
from seqnet.training.trainer import Trainer
from tests.conftest import Fixed

SPACE = Tokens(tuple("abcde"), unknown=0)
CPU = torch.device("cpu")
NEAR = 1e-6  # the largest difference over the largest entry


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


SOFT, HARD = partial(Soft, score=Dot), partial(Hard, score=Dot)
EXACT = partial(HARD, estimator="exact", top_k=2)


def translator(attention: Any = SOFT, **options: Any) -> EncoderDecoder:
    torch.manual_seed(0)
    return EncoderDecoder(GRU, SPACE, 5, SPACE, attention=attention, hidden_size=6, embedding_size=6, **options)


def regularised(make: Callable[..., nn.Module], **options: Any) -> nn.Module:
    """A model that drops whatever can be dropped."""
    model = make(num_layers=2, **DROPOUT, **options)
    regularise(model, locked_dropout=True, weight_dropout=0.5, embedding_dropout=0.3, word_dropout=0.3)
    return model


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
TRANSLATED = [translated(RAGGED, [7, 1, 2, 0, 7, 7, 3])]
DROPOUT = {"input_dropout": 0.3, "dropout": 0.3, "output_dropout": 0.3}
ANSWERS, WEIGHED = Classification(SPACE), Classification(SPACE, weights=[1.0, 0.5, 3.0, 0.0, 2.0])
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
    "tied": case(partial(recurrent, tied=True), [tagged(RAGGED)], average=lambda model: MovingAverage(model, 0.9)),
    "a parameter unused": case(with_one_unused, [tagged(RAGGED)]),
    "nothing is asked of some": case(recurrent, [tagged(ENDS_EARLY)], window=3),
    "overlapping windows": case(recurrent, [tagged(RAGGED)], window=4, stride=2, accumulate=2),
    "one answer a row": case(partial(recurrent, readout="last"), [classed(RAGGED)], ManyToOne(ANSWERS), window=3),
    "weighted": case(partial(recurrent, readout="last"), [classed(RAGGED)], ManyToOne(WEIGHED), window=3),
    "means": case(partial(recurrent, readout="mean"), [classed(ENDS_EARLY)], ManyToOne(ANSWERS), window=3),
    "lanes": case(recurrent, lanes(5)),
    "one lane": case(recurrent, lanes(1)),
    "cut lanes": case(recurrent, [replace(tagged([9, 9, 8]), starts=torch.ones(3, dtype=torch.bool))], window=4),
    "accumulated": case(recurrent, [tagged(RAGGED), tagged([4]), tagged(ENDS_EARLY)], window=4, accumulate=3),
    "clipped by value": case(recurrent, [tagged(RAGGED)], clipping=Clipping(value=0.01)),
    "written": case(translator, TRANSLATED, window=4),
    "dropout": case(partial(recurrent, num_layers=2, **DROPOUT), [tagged(RAGGED), tagged(ENDS_EARLY)], window=4),
    "dropout of lanes": case(partial(recurrent, **DROPOUT), lanes(5)),
    "regularised": case(
        partial(regularised, recurrent),
        [tagged(RAGGED), tagged(ENDS_EARLY)],
        window=4,
        stride=2,
        accumulate=2,
        activation=ActivationRegularisation(2.0, 3.0),
    ),
    "regularised and written": case(
        partial(regularised, translator), TRANSLATED, window=4, activation=ActivationRegularisation(2.0, 3.0)
    ),
    "its own words": case(
        partial(translator, **DROPOUT),
        TRANSLATED,
        window=4,
        sampling=ScheduledSampling(0.5),
        limits=Limits(max_epochs=4),
    ),
    "hard attention": case(partial(translator, HARD), TRANSLATED, window=4),
    "hard attention, exact": case(partial(translator, EXACT, **DROPOUT), TRANSLATED, window=4),
    "written by one": case(translator, [translated([9], [7])], window=4),
}


class Edged(Recurrent):
    """Its loss is finite, and the gradient of one parameter is not where it reads a `e`."""

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self.edge = nn.Parameter(torch.zeros(1))

    def forward(self, window: Batch, state: State = None) -> Output:
        output = super().forward(window, state)
        found = window.inputs == 4
        if found.any():
            output.features = output.features + found[..., None] * self.edge.sqrt()
        return output


def edged() -> Recurrent:
    torch.manual_seed(0)
    return Edged(GRU, SPACE, {}, 5, hidden_size=6, embedding_size=6)


def overflowing() -> Recurrent:
    """A model whose embedding of `e` is no number."""
    model = recurrent()
    with torch.no_grad():
        dict(model.named_parameters())["inputs.main.embedding.weight"][4] = torch.inf
    return model


def without_e(batch: Batch, but: tuple[int, int] | None = None) -> Batch:
    """No row reads an `e` but one, at one step."""
    inputs = batch.inputs % 4
    if but is not None:
        inputs[but] = 4
    return replace(batch, inputs=inputs)


FINE, SPOILT = without_e(tagged(RAGGED)), without_e(tagged([9] * 7, 9), (5, 6))
UNSOUND: dict[str, Case] = {
    "a loss": case(overflowing, [FINE, SPOILT, FINE], window=4),
    "a loss of several": case(overflowing, [FINE, SPOILT, FINE], window=4, accumulate=2),
    "a gradient": case(edged, [FINE, SPOILT, FINE], window=4),
    "a gradient of several": case(edged, [FINE, SPOILT, FINE], window=4, accumulate=3),
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
        "average": trainer.average and [*trainer.average.weights().values()],
        "seconds": trainer.position.seconds,
    }


def refused(make: Case, ranks: Ranks) -> tuple[str, list[list[int]], int]:
    """What is said of a value that is no number, which batches are named, and the step that training stands at."""
    trainer = make(ranks)
    with pytest.raises(NonFiniteError) as error:
        list(trainer.steps())
    return str(error.value), error.value.batches, trainer.position.step


def kept(trainer: Trainer) -> dict[str, Any]:
    """What of a trainer a checkpoint keeps."""
    return copy.deepcopy(
        {
            "weights": trainer.model.state_dict(),
            "optimizer": trainer.optimizer.state_dict(),
            "carried": trainer.carried(),
            "position": trainer.position,
        }
    )


def resumed(make: Case, before: dict[str, Any], ranks: Ranks) -> Trainer:
    before = copy.deepcopy(before)
    trainer = make(ranks)
    trainer.model.load_state_dict(before["weights"])
    trainer.optimizer.load_state_dict(before["optimizer"])
    trainer.carry(before["carried"])
    trainer.position = before["position"]
    return trainer


def half(make: Case, ranks: Ranks) -> dict[str, Any]:
    """What is kept in the middle of a run."""
    trainer = make(ranks)
    for _ in islice(trainer.steps(), 2):
        pass
    return kept(trainer)


RESUMED = {"lanes": CASES["lanes"], "rows": CASES["LSTM"], "one lane": CASES["one lane"]}


def stopped(ranks: Ranks) -> tuple[int, int]:
    """After which step, and with what, all stop when the last rank is asked to after the first."""
    trainer = CASES["lanes"](
        ranks, stopping=lambda: 143 * (trainer.position.step > 0 and ranks.rank == ranks.count - 1)
    )
    for _ in trainer.steps():
        if trainer.exchange.stopped:
            break
    return trainer.position.step, trainer.exchange.stopped


def timed(ranks: Ranks) -> list[tuple[int, float]]:
    """The learning rates of a run that ends by the clock, of which that of rank 0 counts."""
    trainer = CASES["5 rows"](ranks, limits=Limits(max_minutes=0.002))
    return [(report.step, report.learning_rate) for report in trainer.steps() if report is not None]


SPLITS = {
    "rows": (
        recurrent,
        [tagged(RAGGED), tagged([3]), tagged(ENDS_EARLY), tagged([9])],
        ManyToMany(NextToken(SPACE)),
    ),
    "classes": (
        partial(recurrent, readout="last"),
        [classed(RAGGED), classed([3, 2]), classed(ENDS_EARLY)],
        ManyToOne(ANSWERS),
    ),
    "lanes": (recurrent, lanes(5), ManyToMany(NextToken(SPACE))),
    "one lane": (recurrent, lanes(1), ManyToMany(NextToken(SPACE))),
    "nothing": (recurrent, [tagged([0, 0])], ManyToMany(NextToken(SPACE))),
}
WRITES = SimpleNamespace(
    inputs=SPACE,
    targets=SPACE,
    writing=Writing(begin=3, end=4, forbidden=(3,), longest=9),
    text=lambda ids: " ".join(SPACE.names[one] for one in ids),
)


def scores(name: str, ranks: Ranks, go_on: Callable[[], None] = lambda: None) -> tuple[dict[str, float], Any]:
    """Those of a split, and how often which class was taken for which."""
    make, batches, task = SPLITS[name]
    found, evaluator = evaluate(make(), task, Fixed(*batches), Precision("fp32", CPU), 4, go_on=go_on, ranks=ranks)
    return found, str(evaluator.confusion())


def written(ranks: Ranks) -> dict[str, float]:
    """Scores of what is written, of which nothing but its batch's number decides."""
    every = ("token_accuracy", "exact_match", "cer", "wer", "bleu", "chrf")
    task = SequenceToSequence(NextToken(SPACE), WRITES, every)
    batches = [translated([9, 8, 3], [7, 1, 2]), translated([5], [2]), translated([7, 9], [3, 4])]
    said: list[int] = []

    def write(number: int, batch: Batch) -> list[list[Hypothesis]]:
        said.append(number)
        wanted = [row[has_target(row)].tolist() for row in batch.targets]
        return [[Hypothesis(ids[: 4 + number + row], 0.0, 0.0, True)] for row, ids in enumerate(wanted)]

    found, _ = evaluate(translator(), task, Fixed(*batches), Precision("fp32", CPU), write=write, ranks=ranks)
    assert said == [*range(3)][ranks.rank :: ranks.count]
    return found


def abandoned(ranks: Ranks) -> int:
    """With what all give up where the last rank does."""

    def go_on() -> None:
        if ranks.rank == ranks.count - 1:
            raise Abandoned(130)

    with pytest.raises(Abandoned) as error:
        scores("rows", ranks, go_on)
    return error.value.code


def table(before: dict[str, Any], ranks: Ranks) -> dict[str, Any]:
    """All that one rank sees. before: what one process kept in the middle of runs."""
    again = {name: half(make, ranks) for name, make in RESUMED.items()}
    return {
        "cases": {name: run(make, ranks) for name, make in CASES.items()},
        "skipped": {name: run(partial(make, on_nonfinite="skip"), ranks) for name, make in UNSOUND.items()},
        "refused": {name: refused(make, ranks) for name, make in UNSOUND.items()},
        "kept": again,
        "resumed": {name: run(partial(resumed, make, again[name]), ranks) for name, make in RESUMED.items()},
        "taken over": {name: run(partial(resumed, make, before[name]), ranks) for name, make in RESUMED.items()},
        "stopped": stopped(ranks),
        "timed": timed(ranks),
        "scores": {name: scores(name, ranks) for name in SPLITS},
        "written": written(ranks),
        "abandoned": abandoned(ranks),
    }


@pytest.fixture(scope="module", params=[2, 3])
def tables(request, group):
    """What each of so many ranks saw of all that is done here."""
    before = {name: half(make, ALONE) for name, make in RESUMED.items()}
    written(ALONE)  # what it imports is forked
    return group(request.param, partial(table, before))


def largest(found: Tensor, wanted: Tensor) -> float:
    return float((found - wanted).abs().max() / wanted.abs().max())


@pytest.mark.parametrize("name", CASES)
def test_gradients_and_reports_are_those_of_one_process(tables, name):
    same(run(CASES[name], ALONE), [table["cases"][name] for table in tables])


def same(wanted: dict[str, Any], several: list[dict[str, Any]]) -> None:
    """What ranks saw of a run is what one process does, and they all have the same bits."""
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


@pytest.mark.parametrize("name", UNSOUND)
def test_a_step_with_a_value_that_is_no_number_is_left_out_on_all_ranks(tables, name):
    same(run(partial(UNSOUND[name], on_nonfinite="skip"), ALONE), [table["skipped"][name] for table in tables])


@pytest.mark.parametrize("name", UNSOUND)
def test_all_ranks_name_the_place_that_one_process_does(tables, name):
    wanted = refused(UNSOUND[name], ALONE)
    assert [table["refused"][name] for table in tables] == [wanted] * len(tables)
    assert ("inputs" if "loss" in name else "edge") in wanted[0]


@pytest.mark.parametrize("name", RESUMED)
def test_a_run_goes_on_bit_for_bit_on_as_many_ranks(tables, name):
    for table in tables:
        whole, rest = table["cases"]["LSTM" if name == "rows" else name], table["resumed"][name]
        assert [*flat(whole["weights"])] == [*flat(rest["weights"])]
        assert whole["told"][2:] == rest["told"] and whole["numbers"][2:] == rest["numbers"]


@pytest.mark.parametrize("name", RESUMED)
def test_a_run_goes_on_on_more_or_fewer_ranks(tables, name):
    same(
        run(partial(resumed, RESUMED[name], half(RESUMED[name], ALONE)), ALONE), [t["taken over"][name] for t in tables]
    )
    before = tables[0]["kept"][name]
    same(run(partial(resumed, RESUMED[name], before), ALONE), [table["resumed"][name] for table in tables])
    for found, wanted in zip(before["carried"], half(RESUMED[name], ALONE)["carried"], strict=True):
        torch.testing.assert_close(found, wanted)


def test_all_stop_after_the_same_step_when_one_is_asked_to(tables):
    assert [table["stopped"] for table in tables] == [(2, 143)] * len(tables)


def test_the_clock_of_the_first_rank_ends_a_run_by_minutes(tables):
    assert tables[0]["timed"]
    assert all(table["timed"] == tables[0]["timed"] for table in tables)


@pytest.mark.parametrize("name", SPLITS)
def test_scores_are_those_of_one_process(tables, name):
    wanted, confusion = scores(name, ALONE)
    for table in tables:
        found, confused = table["scores"][name]
        assert found == pytest.approx(wanted, rel=1e-6, nan_ok=True) and confused == confusion
        if name not in ("lanes", "one lane"):  # whole batches are summed in their order
            assert str(found["loss"]) == str(wanted["loss"])


def test_scores_of_what_is_written_are_those_of_one_process(tables):
    wanted = written(ALONE)
    assert 0 < wanted["bleu"] < 100 and 0 < wanted["token_accuracy"] < 1
    assert all(table["written"] == wanted for table in tables)


def test_all_give_an_evaluation_up_when_one_does(tables):
    assert [table["abandoned"] for table in tables] == [130] * len(tables)


def flat(tree: Any) -> Iterator[Any]:
    """The tensors in lists, as lists of numbers."""
    for one in tree or ():
        if isinstance(one, list):
            yield from flat(one)
        else:
            yield one if one is None else one.tolist()

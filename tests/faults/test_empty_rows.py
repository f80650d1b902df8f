"""Rows of length 0 change nothing: loss, gradients and the other rows are as without them."""

import copy
import functools
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from seqnet import build, configuration, draws
from seqnet.batch import IGNORE, Batch, Output
from seqnet.commands.writing import Writer
from seqnet.configuration import CONFIGS
from seqnet.models.bridge import KINDS as BRIDGES
from seqnet.models.recurrent import READOUTS
from seqnet.specs import Image, Spec, Spelling, Tokens, Vector, Writing
from seqnet.state import State, detach, leaves, select
from seqnet.training.evaluation import evaluate, evaluating
from seqnet.training.limits import Limits
from seqnet.training.precision import Precision
from seqnet.training.schedule import Constant
from seqnet.training.trainer import Trainer
from tests.conftest import Fixed
from tests.contracts.conftest import few_of, read

CELLS = tuple(sorted(path.stem for path in (CONFIGS / "cell").glob("*.yaml")))
WORDS, NUMBERS, PICTURE, LETTERS = Tokens(tuple("abcdefg")), Vector(3), Image(4, 4), Spelling(tuple(".uvwxyz"), 3)
TAGS = Tokens(("O", "B-x", "I-x"))
JUDGED: dict[str, tuple[Spec, dict[str, Any]]] = {
    "tokens": (WORDS, {}),
    "tags": (TAGS, {"label_smoothing": 0.1}),
    "classification": (Tokens(("no", "yes")), {"one_logit": True}),
    "regression": (Vector(2), {"loss": "huber"}),
    "multi_label": (Vector(4), {}),
}
OF_ROWS = ("classification", "regression", "multi_label")
SCORES = {
    path.stem: read("attention/score", path.stem) for path in sorted((CONFIGS / "attention/score").glob("*.yaml"))
}
ATTENTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("none", {}),
    *(("soft", {"score": score}) for score in SCORES.values()),
    *(("hard", {"estimator": estimator}) for estimator in ("exact", "reinforce", "gumbel")),
    *(("local", {"window": 1, "position": position}) for position in ("monotonic", "predicted")),
    ("local", {"window": 2, "position": "monotonic", "score": SCORES["additive"]}),
    ("multi_head", {"num_heads": 2}),
    ("multi_head", {"num_heads": 2, "score": SCORES["additive"], "residual": True, "norm": True}),
)
LENGTHS, TIME = torch.tensor([5, 3, 7, 1]), 7
SHORTEST = 3  # place of the row that ends in any first window
SOURCE_LENGTHS, SOURCE_TIME = torch.tensor([2, 5, 1, 4]), 5
KEPT, ADDED = torch.tensor([1, 2, 4, 5]), torch.tensor([0, 3, 6])  # places of the rows, and of those without a step
WINDOWS = ((None, None), (3, None), (3, 2))
RUNS = tuple(itertools.product((False, True), (True, False), WINDOWS))  # without padding, in training, in windows of
IN_ONE = tuple(run for run in RUNS if run[2] == WINDOWS[0])

SOURCES: dict[str, tuple[Spec, Spec | None]] = {  # what is written, and what is read
    "words": (WORDS, WORDS),
    "numbers": (WORDS, NUMBERS),
    "picture": (WORDS, PICTURE),
    "label": (WORDS, WORDS),
    "nothing": (WORDS, None),
    "numbers of nothing": (NUMBERS, None),
    "numbers of numbers": (NUMBERS, NUMBERS),
}
IN_ORDER = ("words", "numbers")  # what layers read
WRITING: dict[str, dict[str, Any]] = {
    "plain": {},
    "deep": {"bidirectional": True, "num_layers": 2},
    "fed": {"input_feeding": True},
    "tied": {"fused": False, "tied": True},
}
Case = tuple[str, str, str, str, int]  # cell, bridge, source, way of writing, and place among the attentions

EQUAL: dict[str, int] = {}

Amount = Callable[[int, int], int]


@functools.cache
def blank() -> dict[str, Any]:
    return configuration.compose("train", ("experiment=blank",)).config


def chosen(group: str, name: str, **options: Any) -> dict[str, Any] | None:
    """What configs/<group>/<name>.yaml says, with other options."""
    found = read(group, name)
    return None if "_target_" not in found else {**found, **options}


def assembled(cell: str, attention: dict[str, Any] | None, spaces: Any, **groups: Any) -> build.Assembly:
    """Objective, task and model of small sizes, with weights that make a difference."""
    config = copy.deepcopy(blank()) | {"cell": chosen("cell", cell), "attention": attention} | groups
    torch.manual_seed(0)
    assembly = build.assemble(config, spaces)
    for parameter in assembly.model.parameters():
        torch.nn.init.uniform_(parameter, -0.6, 0.6)
    return assembly


def recurrent(cell: str, readout: str, inputs: Spec, views: dict[str, Spec], objective: str, **options: Any) -> Any:
    targets, judged = JUDGED[objective]
    spaces = SimpleNamespace(inputs=inputs, views=views, targets=targets)
    task = "many_to_many" if readout == "all" else "many_to_one"
    model = chosen("model", "recurrent", hidden_size=6, embedding_size=4, readout=readout, **options)
    objective_of = chosen("objective", objective, **judged)
    return assembled(
        cell, None, spaces, model=model, task=chosen("task", task, readout=readout), objective=objective_of
    )


def writing(cell: str, attention: dict[str, Any] | None, inputs: Spec, source: Spec | None, **options: Any) -> Any:
    tokens = isinstance(inputs, Tokens)
    spaces = SimpleNamespace(
        inputs=inputs,
        source=source,
        targets=inputs,
        writing=Writing(0 if tokens else None, 1 if tokens else None, (0,) if tokens else (), TIME),
        text=lambda ids: " ".join(map(str, ids)),
    )
    model = chosen(
        "model", "encoder_decoder", **{"encoder": "recurrent", "hidden_size": 6, "embedding_size": 4} | options
    )
    task = chosen("task", "seq2seq", metrics=["exact_match", "token_accuracy"] if tokens else ["mse"])
    objective = chosen("objective", "tokens" if tokens else "regression")
    return assembled(cell, attention, spaces, model=model, task=task, objective=objective)


def drawn(space: Spec, *shape: int) -> Tensor:
    """Values of a space; numbers of 0 and 1, which suit every objective."""
    if isinstance(space, (Tokens, Spelling)):
        return torch.randint(0, space.size, shape)
    return torch.randint(0, 2, (*shape, space.size)).float()


def nothing(targets: Tensor) -> float:
    """What says that nothing is asked."""
    return float("nan") if targets.is_floating_point() else IGNORE


def batch_of(spaces: Any, row_targets: bool, whole: bool) -> Batch:
    """Rows that each have a step. whole: without padding."""
    torch.manual_seed(1)
    size = len(LENGTHS)
    lengths = torch.full_like(LENGTHS, TIME) if whole else LENGTHS
    inputs, targets = drawn(spaces.inputs, size, TIME), drawn(spaces.targets, size, *([TIME] * (not row_targets)))
    if not row_targets:
        targets[torch.arange(TIME) >= lengths[:, None]] = nothing(targets)
    views = {"characters": drawn(LETTERS, size, TIME, 3)} if getattr(spaces, "views", None) else {}
    read, source, source_lengths = getattr(spaces, "source", None), None, None
    if isinstance(read, Image):
        source, source_lengths = drawn(read, size, read.height), torch.full_like(lengths, read.height)
    elif read is not None:
        source_lengths = torch.full_like(lengths, SOURCE_TIME) if whole else SOURCE_LENGTHS
        source = drawn(read, size, SOURCE_TIME)
    return Batch(inputs, lengths, targets, row_targets, source, source_lengths, views=views)


def with_empty_rows(batch: Batch, spaces: Any) -> Batch:
    """The same rows and three more, of which nothing is asked: one without anything, one with a source but without a
    step, and one with steps but without a source. What stands in padding is not a number, or is of another row.
    """

    def added(tensor: Tensor, *values: float | None) -> Tensor:
        """With three rows more, filled with values; None: with another row's."""
        rows = tensor[torch.tensor([1, 2, 0])]
        for row, value in zip(rows, values, strict=True):
            if value is not None:
                row.fill_(value)
        both = tensor.new_empty(len(KEPT) + len(ADDED), *tensor.shape[1:])
        both[KEPT], both[ADDED] = tensor, rows
        return both

    def padding(tensor: Tensor) -> float | None:
        return float("nan") if tensor.is_floating_point() else None

    source, there = batch.source, batch.source_lengths
    if source is not None and there is not None and not isinstance(spaces.source, Image):  # a picture is never empty
        source, there = added(source, padding(source), None, padding(source)), added(there, 0, None, 0)
    elif source is not None and there is not None:
        source, there = added(source, None, None, None), added(there, None, None, None)
    return replace(
        batch,
        inputs=added(batch.inputs, padding(batch.inputs), padding(batch.inputs), None),
        lengths=added(batch.lengths, 0, 0, None if source is not None else 0),
        targets=added(batch.targets, *[nothing(batch.targets)] * 3),
        source=source,
        source_lengths=there,
        views={name: added(view, None, None, None) for name, view in batch.views.items()},
    )


@dataclass
class Found:
    """What windows of a batch came to."""

    loss: float
    gradients: dict[str, Tensor]
    features: list[Tensor]
    weights: list[Tensor]  # of attention
    states: list[State]  # after each window


def found_in(assembly: build.Assembly, batch: Batch, size: int | None, stride: int | None) -> Found:
    """Run over the windows of a batch, forward and backward."""
    model, task = assembly.model, assembly.task
    model.zero_grad(set_to_none=True)
    outputs: list[Output] = []
    loss = 0.0
    states: list[State] = [None]
    for window in batch.windows(size, stride):
        with draws.drawing((0, 0, 0, len(states))):
            output = model(window, states[-1])
        if task.count(window):
            total = task.loss(output, window)
            total.backward()
            loss += total.item()
        outputs.append(output)
        states.append(detach(output.state))
    gradients = {name: one.grad for name, one in model.named_parameters() if one.grad is not None}
    features = [output.features.detach() for output in outputs]
    weights = [output.attention.detach() for output in outputs if output.attention is not None]
    return Found(loss, gradients, features, weights, states[1:])


def beginning(model: Any, batch: Batch) -> State:
    """The state before any step."""
    with torch.no_grad():
        return model.begin(batch)[1]


def same(found: Any, wanted: Any) -> None:
    torch.testing.assert_close(found, wanted, atol=1e-6, rtol=1e-5)


def held(states: list[State], row: int) -> None:
    """A row keeps its state."""
    first, *others = [leaves(select(state, torch.tensor([row]))) for state in states]
    for other in others:
        same(other, first)


def compare(assembly: build.Assembly, row_targets: bool, runs: Sequence[tuple[bool, bool, Any]]) -> None:
    """Hold a batch with rows of length 0 against the one without them. runs: some of `RUNS`."""
    for whole, training, (size, stride) in runs:
        assembly.model.train(training)
        batch = batch_of(assembly.source, row_targets, whole)
        wanted = found_in(assembly, batch, size, stride)
        added = with_empty_rows(batch, assembly.source)
        found = found_in(assembly, added, size, stride)
        assert wanted.gradients and all(gradient.isfinite().all() for gradient in found.gradients.values())
        same(found.loss, wanted.loss)
        same(found.gradients, wanted.gradients)
        same([each[KEPT] for each in found.features], wanted.features)
        same([each[KEPT] for each in found.weights], wanted.weights)
        same([leaves(select(state, KEPT)) for state in found.states], [leaves(state) for state in wanted.states])
        assert all(each[0].isfinite().all() for each in found.features)
        held([beginning(assembly.model, added), *found.states], 0)
        if not whole:
            held(found.states, int(KEPT[SHORTEST]))


@pytest.fixture(autouse=True)
def same_draws_for_each_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is drawn is of a batch's number and a row's, so further ones would change what the others draw."""
    words = draws._words

    def of_each(where: tuple[int, int, int], rows: int, places: int, device: torch.device | None) -> Tensor:
        return words((0, 0, where[2]), 1, places, device).expand(rows, -1)

    monkeypatch.setattr(draws, "_words", of_each)
    monkeypatch.setattr(draws, "_library", lambda: None)


@pytest.fixture
def note(figure: Callable[[str, str], None]) -> Callable[[str, int], None]:
    """Count models of a kind that give the same."""

    def noted(kind: str, models: int) -> None:
        EQUAL[kind] = models
        counts = " and ".join(f"{count} {kind}" for kind, count in EQUAL.items())
        figure(
            "rows of length 0",
            f"{counts}: loss, gradients, outputs, states and attention as without the rows, whole and in windows; "
            "an empty source is written for by greedy, beam and sampling",
        )

    return noted


def test_recurrent_models(amount: Amount, note: Callable[[str, int], None]) -> None:
    read: tuple[tuple[Spec, dict[str, Spec]], ...] = ((WORDS, {}), (WORDS, {"characters": LETTERS}), (NUMBERS, {}))
    both = (False, True)
    cases = list(itertools.product(CELLS, READOUTS, read, both, both, (1, 2)))[:: amount(62, 1)]
    for number, (cell, readout, (inputs, views), bidirectional, fused, num_layers) in enumerate(cases):
        objectives = tuple(JUDGED) if readout == "all" else OF_ROWS
        options = {"bidirectional": bidirectional, "fused": fused, "num_layers": num_layers}
        assembly = recurrent(cell, readout, inputs, views, objectives[number % len(objectives)], **options)
        compare(assembly, readout != "all", IN_ONE if bidirectional else RUNS)
    note("recurrent models", len(cases))


@functools.cache
def holds_inputs(cell: str) -> bool:
    """Whether a state holds what was read, so that it is as wide."""
    narrow, wide = (build.make(read("cell", cell), input_size=size, hidden_size=6).initial_state(1) for size in (4, 5))
    return [leaf.shape for leaf in leaves(narrow)] != [leaf.shape for leaf in leaves(wide)]


def go_together(cell: str, bridge: str, source: str, way: str, place: int) -> bool:
    """Whether an encoder-decoder can be made of them."""
    attention, more = ATTENTIONS[place]
    if source not in IN_ORDER and (bridge == "copy" or source not in ("picture", "label")):
        return source not in ("picture", "label") and (bridge, way, attention) == ("linear", "plain", "none")
    if bridge == "copy" and (way == "deep" or (way == "fed" and holds_inputs(cell))):
        return False  # states of other shapes
    return way != "fed" or not (attention == "none" or more.get("estimator") == "exact")


def encoder_decoders(every: bool) -> list[Case]:
    """All that go together; or few, in which all but the attention stand in pairs, and each attention somewhere."""
    parts = list(itertools.product(CELLS, BRIDGES, SOURCES, WRITING))
    suiting = {part: [place for place in range(len(ATTENTIONS)) if go_together(*part, place)] for part in parts}
    if every:
        return [(*part, place) for part in parts for place in suiting[part]]
    few = few_of([part for part in parts if suiting[part]])
    return [(*part, suiting[part][number % len(suiting[part])]) for number, part in enumerate(few)]


def made_of(cell: str, bridge: str, source: str, way: str, place: int) -> Any:
    """The encoder-decoder of a case."""
    attention, more = ATTENTIONS[place]
    coverage = {"coverage": True} if way == "fed" else {}
    encoder = {"encoder": "none"} if source in ("picture", "label") else {}
    options = {"bridge": bridge, **WRITING[way], **encoder}
    return writing(cell, chosen("attention", attention, **more, **coverage), *SOURCES[source], **options)


def test_encoder_decoders(amount: Amount, note: Callable[[str, int], None]) -> None:
    """Each of all in each of the runs, or of few each in one."""
    every = bool(amount(0, 1))
    cases = encoder_decoders(every)[:: amount(1, 3)]
    for number, case in enumerate(cases):
        compare(made_of(*case), False, RUNS if every else RUNS[number % len(RUNS) :][:1])
    note("encoder-decoders", len(cases))


def without_anything(batch: Batch) -> Batch:
    """Its rows, empty."""
    there = batch.source_lengths
    return replace(
        batch,
        lengths=torch.zeros_like(batch.lengths),
        targets=torch.full_like(batch.targets, nothing(batch.targets)),
        source_lengths=None if there is None else torch.zeros_like(there),
    )


def without_time(batch: Batch) -> Batch:
    """Its rows, empty, and nothing beside them."""
    empty = without_anything(batch)
    source = None if batch.source is None else batch.source[:, :0]
    targets = empty.targets if batch.row_targets else empty.targets[:, :0]
    return replace(empty, inputs=batch.inputs[:, :0], targets=targets, source=source, advance=0)


def test_training_and_evaluation(amount: Amount) -> None:
    """Rows and whole batches without a step are no step, and are judged nowhere.

    Steps are as long as gradients: Adam would make one of all that rounding leaves of a gradient that is 0.
    """
    every = list(itertools.product(CELLS, (tagger, rater, translator), (None, 3)))
    for cell, make, window in every if amount(0, 1) else few_of(every):
        reached = []
        for empty in (False, True):
            assembly = make(cell)
            row_targets = make is rater
            batches = [batch_of(assembly.source, row_targets, whole) for whole in (False, True)]
            if empty:
                first, second = (with_empty_rows(batch, assembly.source) for batch in batches)
                batches = [first, without_anything(first), second, without_time(first)]
            precision = Precision("fp32", torch.device("cpu"))
            trainer = Trainer(
                assembly.model,
                assembly.task,
                Fixed(*batches),
                torch.optim.SGD(assembly.model.parameters(), lr=0.1),
                Constant(),
                precision,
                Limits(max_epochs=2),
                window=window,
                on_nonfinite="skip",
            )
            losses = [report.loss_sum / report.count for report in trainer.steps() if report is not None]
            assert losses and not trainer.position.skipped and trainer.position.epoch == 2
            write = None
            if make is translator:
                write = Writer(assembly, precision, chosen("decoding", "greedy"), 0).of_batch
            scores, _ = evaluate(assembly.model, assembly.task, Fixed(*batches), precision, window, None, write)
            assert all(score == score for score in scores.values())
            reached.append((losses, list(assembly.model.parameters()), scores))
        same(reached[1], reached[0])


def tagger(cell: str) -> build.Assembly:
    return recurrent(cell, "all", WORDS, {}, "tags")


def rater(cell: str) -> build.Assembly:
    return recurrent(cell, "max", NUMBERS, {}, "regression")


def translator(cell: str) -> build.Assembly:
    return writing(cell, chosen("attention", "soft", coverage=True), WORDS, WORDS)


DECODINGS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("greedy", {}),
    ("beam", {"beam_size": 3, "coverage_penalty": 0.2, "n_best": 2}),
    ("sampling", {"top_k": 3}),
)


def test_an_empty_source_is_written_for(amount: Amount) -> None:
    """However much padding stands beside it, and without a change to what is written for others."""
    every = bool(amount(0, 1))
    cases = [case for case in encoder_decoders(every) if SOURCES[case[2]][1] not in (None, PICTURE)]
    for case in cases[::7] if every else few_of(cases, 1):
        assembly, attention = made_of(*case), ATTENTIONS[case[-1]][0]
        batch = batch_of(assembly.source, False, False)
        both = with_empty_rows(batch, assembly.source)
        alone = both.map(lambda tensor: tensor[:1])
        bare = replace(alone, source=alone.source[:, :0])
        with evaluating(assembly.model):  # the states that it begins in are those of nothing read
            states = [leaves(assembly.model.begin(one)[1].layers) for one in (both, alone, bare)]
        same([leaf[:1] for leaf in states[0]], states[1])
        same(states[1], states[2])
        for decoding, more in DECODINGS:
            if attention == "none" and more:
                more = {key: value for key, value in more.items() if key != "coverage_penalty"}
            write = [Writer(assembly, Precision("fp32", torch.device("cpu")), chosen("decoding", decoding, **more), 0)]
            found = [write[0](one) for one in (batch, both, alone, bare)]
            if isinstance(found[0], Tensor):
                same(found[1][KEPT], found[0])
                same([found[1][:1], found[2]], [found[2], found[3]])
                continue
            lines = [[[(one.ids, round(one.score, 4)) for one in row] for row in rows] for rows in found]
            assert all(score == score for rows in lines for row in rows for _, score in row)
            if decoding == "sampling":  # one generator draws for all rows
                assert [len(rows) for rows in lines] == [4, 7, 1, 1]
                continue
            assert [lines[1][place] for place in KEPT.tolist()] == lines[0]
            assert lines[1][:1] == lines[2] == lines[3]

"""What a model makes of a few inputs, for a person to read: continued text, or answers beside what was wanted."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain, pairwise, zip_longest
from typing import Any, Protocol

import torch
from torch import Tensor

from seqnet.batch import Batch, Seen, has_target
from seqnet.build import Assembly
from seqnet.commands import forecasting
from seqnet.commands.pictures import of_predicted, of_written
from seqnet.commands.writing import Writer, decoder, greedily, writing_of
from seqnet.decoding.generation import generate
from seqnet.decoding.hypothesis import Hypothesis
from seqnet.training.evaluation import evaluating
from seqnet.training.pieces import Loader
from seqnet.training.precision import Precision

ROWS = 4
LAST = 10  # items of a long answer
PROMPT = 32  # tokens of held-out text that a sample goes on from
LOOK = 1000  # tokens among which a line begins


class RunningText(Protocol):
    """A source of documents, that turns text into tokens and back."""

    forbidden: tuple[int, ...]

    def encode(self, text: str) -> Tensor: ...
    def decode(self, ids: Tensor) -> str: ...


def runs_on(source: Any) -> bool:
    """Whether a source is running text, which has no rows."""
    return bool(getattr(source, "running", False))


def samples(
    assembly: Assembly, loader: Loader, precision: Precision, config: dict[str, Any]
) -> tuple[list[str], Sequence[Seen]]:
    """A continuation of held-out text, or a few rows of `loader` with their answers; what is drawn of them.

    Draws from a generator of its own, seeded by the run's seed.
    """
    middle = loader.num_batches(0) // 2  # rows come by length: neither the shortest nor the longest
    batch = next(iter(loader.batches(0, middle)))
    if runs_on(assembly.source):
        if assembly.model.bidirectional:
            return [], []
        prompt = _prompt(assembly.source, next(batch.windows(LOOK)).inputs[0])
        length = config["observers"]["sample_length"]
        (found,) = continue_text(assembly, precision, config["decoding"], prompt, length, config["seed"])
        return [assembly.source.decode(prompt) + assembly.source.decode(torch.tensor(found.ids))], []
    few = batch.map(lambda tensor: tensor[:ROWS])
    if writing_of(assembly.source) is not None:
        return _written(assembly, few, precision, config)
    if forecasting.forecasts(assembly.source) and hasattr(assembly.objective, "forecast"):
        return forecasting.samples(assembly, few, precision)
    few = few.to(precision.device)
    with evaluating(assembly.model), precision.autocast():
        predictions = assembly.task.predictions(assembly.model(few, None), few)
    shown = []
    for row, prediction in enumerate(predictions):
        steps = slice(int(few.lengths[row]))
        inputs = assembly.source.show(few.inputs[row, steps].cpu())
        wanted = readable(_wanted(assembly, few.targets[row] if few.row_targets else few.targets[row, steps]))
        shown.append(f"{readable(prediction['prediction'])} (wanted {wanted}): {inputs}")
    return shown, list(chain(*of_predicted(assembly, few, predictions)))


def _prompt(source: RunningText, tokens: Tensor) -> Tensor:
    """So many tokens from the beginning of a line on, where there is one. tokens: [time]."""
    letters = (source.decode(token[None]) for token in tokens[: max(len(tokens) - PROMPT, 0) + 1])
    begins = (
        place for place, (before, letter) in enumerate(pairwise(letters), 1) if before[-1:] == "\n" and letter.strip()
    )
    first = next(begins, 0)
    return tokens[first : first + PROMPT]


def _written(
    assembly: Assembly, few: Batch, precision: Precision, config: dict[str, Any]
) -> tuple[list[str], Sequence[Seen]]:
    """What is written for the rows of a batch, greedily; from nothing one sequence, decoded as configured."""
    source: Any = assembly.source
    decoding, seed = config["decoding"], config["seed"]
    if few.source is None:
        one = few.map(lambda tensor: tensor[:1])
        found = Writer(assembly, precision, decoding, seed)(one)
        nothing = replace(one, lengths=one.lengths * 0)  # it began with
        seen = chain(*of_written(assembly, precision, nothing, found))
        return [source.text(found[0] if isinstance(found, Tensor) else found[0][0].ids)], list(seen)
    assert few.source_lengths is not None
    found = Writer(assembly, precision, greedily(decoding), seed)(few)
    shown, targets = [], few.told().targets
    for row, length in enumerate(few.source_lengths.tolist()):
        read, wanted = source.show(few.source[row, :length]), targets[row]
        ours = source.text(found[row] if isinstance(found, Tensor) else found[row][0].ids)
        theirs = source.text(wanted)
        if "\n" in theirs:  # a drawing
            shown.append(f"{read} -> (wanted: right)\n{beside(ours, theirs)}")
        else:
            arrow = "\n-> " if "\n" in read else " -> "
            shown.append(f"{read}{arrow}{ours} (wanted {theirs})")
    return shown, list(chain(*of_written(assembly, precision, few, found)))


def beside(ours: str, theirs: str) -> str:
    """Two drawings side by side, of which ours may have ended early."""
    width = theirs.index("\n")
    lines = zip_longest(ours.split("\n"), theirs.split("\n"), fillvalue="")
    return "\n".join(f"{one:{width}}   {other}" for one, other in lines)


def _wanted(assembly: Assembly, targets: Tensor) -> Any:
    """What the targets of one row say, in the words of a prediction; nothing where nothing is asked."""
    if targets.dim() == 0 or (targets.is_floating_point() and targets.dim() == 1):  # one target for the row
        return assembly.objective.explain(targets.tolist()) if has_target(targets).all() else None
    return [
        assembly.objective.explain(target.tolist()) if has_target(target).all() else "-" for target in targets.unbind()
    ]


def continue_text(
    assembly: Assembly,
    precision: Precision,
    decoding: dict[str, Any],
    prompt: Tensor,
    length: int,
    seed: int,
    rows: int = 1,
    told: Callable[[], None] = lambda: None,
) -> list[Hypothesis]:
    """`length` tokens after `prompt` [time], so many times. told: is called at each token."""
    model: Any = assembly.model
    prompts = prompt.expand(rows, -1).to(precision.device)
    generator = torch.Generator().manual_seed(seed)
    made = decoder(decoding, assembly.source)
    with evaluating(model), precision.autocast():
        found = generate(model, prompts, length, made, assembly.source.forbidden, generator, told)
    return [best for best, *_ in found]


def readable(answer: Any, joint: str = " ") -> str:
    """An answer in few characters: numbers to three places, of a long list the end, a list in a list by `+`."""
    if isinstance(answer, float):
        return f"{answer:.3g}"
    if isinstance(answer, dict):
        parts = [readable(part) for part in answer.values()]
        return parts[0] if len(parts) == 1 else f"({' '.join(parts)})"
    if isinstance(answer, list):
        shown = [readable(part, "+") for part in answer[-LAST:]] or ["-"]
        return joint.join(shown if len(answer) <= LAST else ["...", *shown])
    return str(answer)

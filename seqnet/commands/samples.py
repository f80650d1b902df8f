"""What a model makes of a few inputs, for a person to read: continued text, or answers beside what was wanted."""

from functools import partial
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from seqnet.batch import asked
from seqnet.build import Assembly, make
from seqnet.decoding.generation import generate
from seqnet.training.evaluation import evaluating
from seqnet.training.precision import Precision
from seqnet.training.trainer import Loader

ROWS = 4
LAST = 10  # items of a long answer
PROMPT = 32  # tokens of held-out text that a sample goes on from


@runtime_checkable
class RunningText(Protocol):
    """A source that turns text into tokens and back."""

    forbidden: tuple[int, ...]

    def encode(self, text: str) -> Tensor: ...
    def decode(self, ids: Tensor) -> str: ...


def samples(assembly: Assembly, loader: Loader, precision: Precision, config: dict[str, Any]) -> list[str]:
    """A continuation of held-out text, or a few rows of `loader` with their answers.

    Draws from a generator of its own, seeded by the run's seed.
    """
    middle = loader.num_batches(0) // 2  # rows come by length: neither the shortest nor the longest
    batch = next(iter(loader.batches(0, middle)))
    if isinstance(assembly.source, RunningText):
        if assembly.model.bidirectional:
            return []
        prompt = batch.inputs[0, :PROMPT]
        length = config["observers"]["sample_length"]
        ids, _ = continue_text(assembly, precision, config["decoding"], prompt, length, config["seed"])
        return [assembly.source.decode(prompt) + assembly.source.decode(ids)]
    few = batch.map(lambda tensor: tensor[:ROWS]).to(precision.device)
    with evaluating(assembly.model), precision.autocast():
        predictions = assembly.task.predictions(assembly.model(few, None), few)
    shown = []
    for row, prediction in enumerate(predictions):
        steps = slice(int(few.lengths[row]))
        inputs = assembly.source.show(few.inputs[row, steps].cpu())
        wanted = readable(_wanted(assembly, few.targets[row] if few.row_targets else few.targets[row, steps]))
        shown.append(f"{readable(prediction['prediction'])} (wanted {wanted}): {inputs}")
    return shown


def _wanted(assembly: Assembly, targets: Tensor) -> Any:
    """What the targets of one row say, in the words of a prediction; nothing where nothing is asked."""
    if targets.dim() == 0 or (targets.is_floating_point() and targets.dim() == 1):  # one target for the row
        return assembly.objective.explain(targets.tolist()) if asked(targets).all() else None
    return [assembly.objective.explain(target.tolist()) if asked(target).all() else "-" for target in targets.unbind()]


def continue_text(
    assembly: Assembly, precision: Precision, decoding: dict[str, Any], prompt: Tensor, length: int, seed: int
) -> tuple[Tensor, Tensor]:
    """`length` tokens after `prompt` [time], and their log-probabilities, on the CPU."""
    model: nn.Module = assembly.model
    generator = torch.Generator().manual_seed(seed)
    choose = partial(make(decoding).choose, generator=generator)
    with evaluating(model), precision.autocast():
        ids, scores = generate(
            model,  # type: ignore[arg-type]
            prompt[None].to(precision.device),
            length,
            choose,
            assembly.source.forbidden,
        )
    return ids[0].cpu(), scores[0].cpu()


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

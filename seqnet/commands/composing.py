"""What a run goes on with that was asked for the next step's labels: a piece of music, chord after chord."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from seqnet.build import Assembly
from seqnet.commands.stored import StoredRun
from seqnet.commands.writing import decoder, described
from seqnet.decoding.generation import OF_WRITER
from seqnet.decoding.greedy import Greedy
from seqnet.decoding.sampling import Sampling
from seqnet.errors import ConfigurationError
from seqnet.kinds import NEXT, Item
from seqnet.options import shown
from seqnet.progress import progress
from seqnet.training.evaluation import evaluating

STEPS = 64  # that are made where nobody says how many

Choose = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Of logits [rows out] the labels [rows labels] of a step, and how likely these are, [rows]."""


def composes(assembly: Assembly) -> bool:
    """Whether a run reads nothing but labels step by step, from the first one on, and says which come next."""
    source, model = assembly.source, assembly.model
    asked = getattr(source, "target_kind", None)
    return (
        asked is not None
        and asked.item is Item.LABELS
        and NEXT in asked.traits
        and len(source.input_kinds) == 1
        and hasattr(assembly.objective, "draw")
        and hasattr(model, "step")
        and not getattr(model, "bidirectional", True)
    )


def chooser(assembly: Assembly, decoding: dict[str, Any], seed: int) -> Choose:
    """The likeliest labels, or some that are drawn. Raises ConfigurationError for a decoding that is of tokens."""
    objective: Any = assembly.objective
    made = decoder({key: value for key, value in decoding.items() if key not in OF_WRITER}, assembly.source)
    said = {**described(decoding), **{key: decoding.get(key) for key in OF_WRITER}}
    name = said.pop("name")
    said.pop("temperature", None)
    if not isinstance(made, Greedy | Sampling):
        raise ConfigurationError(
            f"decoding={name} chooses among tokens, and this run goes on with several labels a step: use "
            "decoding=sampling or greedy"
        )
    for option, value in said.items():
        if value not in (None, 0) and option != "max_length":
            raise ConfigurationError(
                f"decoding.{option}={shown(value)} is of tokens, and this run goes on with several labels a step: "
                "leave it out"
            )
    if isinstance(made, Greedy):
        return objective.decide  # type: ignore[no-any-return]
    generator = torch.Generator().manual_seed(seed)
    return lambda logits: objective.draw(logits, generator, made.temperature)


def composed(stored: StoredRun, decoding: dict[str, Any], prompt: str, rows: int, seed: int) -> tuple[Tensor, Tensor]:
    """What follows a prompt, so many times: labels [rows steps labels] with those of the prompt before them, and the
    log-probability of what is new, [rows].

    prompt: steps as an input line has them; of none, what follows a step without labels. decoding.max_length: steps.
    Raises ConfigurationError and DataError.
    """
    source, model, device = stored.assembly.source, stored.assembly.model, stored.precision.device
    choose, steps = chooser(stored.assembly, decoding, seed), decoding.get("max_length") or STEPS
    given = torch.zeros(1, 0, source.targets.size)
    if prompt:
        given = source.read_inputs([prompt], "prompt", 1).batch(torch.zeros(1, dtype=torch.int64)).inputs
    given = given.expand(rows, -1, -1).to(device)
    begun = given if given.shape[1] else given.new_zeros(rows, 1, source.targets.size)
    written, score = list(given.unbind(1)), torch.zeros(rows, dtype=torch.float64)
    with evaluating(model), stored.precision.autocast(), progress("writing", steps, "steps") as reached:
        state = model.initial_state(rows)  # type: ignore[operator]
        for here in begun.unbind(1):
            logits, state = model.step(here, state)  # type: ignore[operator]
        for step in range(steps):
            there, share = choose(logits.float())
            written.append(there.to(given.dtype))
            score += share.double().log().cpu()
            reached(step + 1)
            if step + 1 < steps:
                logits, state = model.step(written[-1], state)  # type: ignore[operator]
    return torch.stack(written, dim=1).cpu(), score

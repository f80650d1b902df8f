"""What a model writes by itself, as a decoding has it."""

from inspect import signature
from typing import Any

import torch
from torch import Tensor

from seqnet import build
from seqnet.batch import Batch, Output, Whole
from seqnet.checks.measured import DoesNotApply
from seqnet.checks.subject import Subject
from seqnet.decoding.generation import OF_WRITER, generate
from seqnet.decoding.hypothesis import Hypothesis, Start
from seqnet.kinds import Axis

BEAM = "seqnet.decoding.beam.Beam"
LENGTH = 8  # tokens that running text goes on for
LONGEST = 12  # tokens that are written at most
LOUDER = 3.0
"""By what the weights of the head are multiplied: where all tokens are about as likely, no row ends."""

Found = list[list[Hypothesis]]


def writes(subject: Subject) -> None:
    """Raises DoesNotApply where nothing is written token by token."""
    writing = getattr(subject.source, "writing", None)
    if subject.features is Axis.FRAME:
        raise DoesNotApply("all tokens are heard at once")
    if writing is None and not getattr(subject.source, "running", False):
        raise DoesNotApply("nothing is written step by step")
    if writing is not None and writing.end is None:
        raise DoesNotApply("numbers are rolled out, not decoded")
    if writing is None and subject.ahead is not None:
        raise DoesNotApply(subject.ahead)


def options(subject: Subject) -> dict[str, Any]:
    """The configured decoding, without what is of words, and not for long."""
    found = {key: value for key, value in subject.config["decoding"].items() if key not in OF_WRITER}
    if "max_length" in found and (found["max_length"] is None or found["max_length"] > LONGEST):
        found["max_length"] = max(LONGEST, found.get("min_length") or 0)
    return found


def limits(subject: Subject) -> dict[str, Any]:
    """The limits of the configured decoding."""
    given = options(subject)
    return {key: given[key] for key in ("min_length", "max_length", "no_repeat_ngram") if key in given}


def as_beam(subject: Subject, size: int) -> dict[str, Any]:
    """The configured decoding where it is a beam, or seqnet's with the same limits, following so many hypotheses.

    They are of one group, whatever its groups are.
    """
    given = {key: value for key, value in options(subject).items() if key not in ("groups", "diversity")}
    if "beam_size" in signature(build.locate(given["_target_"], subject.trust)).parameters:
        return {**given, "beam_size": size, **({"n_best": size} if "n_best" in given else {})}
    return {"_target_": BEAM, **limits(subject), "beam_size": size, "n_best": size}


def sets(subject: Subject) -> list[Batch]:
    """Batches to write for: of running text, of which all prompts are as long, the one without padding."""
    several = getattr(subject.source, "writing", None) is not None
    return [subject.full, *subject.batches[1:]] if several else [subject.full]


def louder(model: Any) -> Any:
    """The model with a head that says more."""
    with torch.no_grad():
        for parameter in model.head.parameters():
            parameter.mul_(LOUDER)
    return model


def written(subject: Subject, model: Any, decoding: dict[str, Any], batch: Batch) -> Found:
    """What is written for each row of a batch."""
    decoder = build.make(decoding, subject.trust)
    generator = torch.Generator().manual_seed(subject.config["seed"])
    with torch.no_grad():
        writing = getattr(subject.source, "writing", None)
        if writing is None:
            return generate(model, batch.inputs, LENGTH, decoder, subject.source.forbidden, generator)
        memory, state = model.begin(batch)
        found: Found = decoder.decode(model, Start(memory, state, writing, generator=generator))
        return found


def told(subject: Subject, model: Any, batch: Batch, row: int, one: Hypothesis) -> Tensor:
    """The log-probability that the model gives what was written for a row, read under teacher forcing."""
    writing = getattr(subject.source, "writing", None)
    here = slice(row, row + 1)
    if writing is None:
        before, after = batch.inputs[row].tolist(), one.ids
        tokens = [*before, *after]
        inputs, wanted, skipped = tokens[:-1], tokens[1:], len(before) - 1
    else:
        end = [writing.end] if one.ended else []
        inputs, wanted, skipped = [writing.begin, *one.ids][: len(one.ids) + one.ended], [*one.ids, *end], 0
    if not inputs:
        return torch.zeros(())
    wholes = batch.wholes.items()
    alone = Batch(
        torch.tensor([inputs]),
        torch.tensor([len(inputs)]),
        torch.tensor([wanted]),
        source=None if batch.source is None else batch.source[here],
        source_lengths=None if batch.source_lengths is None else batch.source_lengths[here],
        wholes={
            name: Whole(one.values[here], None if one.lengths is None else one.lengths[here]) for name, one in wholes
        },
    )
    with torch.no_grad():
        output: Output = model(alone, None)
        logs = output.logits().log_softmax(-1)[0, skipped:]
        return logs.gather(1, torch.tensor(wanted)[skipped:, None]).sum()

"""What a run writes, in pieces of text, as it writes it."""

from collections.abc import Callable, Iterator
from typing import Any

import torch

from seqnet.build import Assembly
from seqnet.commands.composing import composes
from seqnet.commands.generate import LENGTH, asked_of, decoding_of_text, refuse_silent, tokens_of, writer_of
from seqnet.commands.stored import StoredRun
from seqnet.commands.writing import decoder, described, has_steps, writing_of
from seqnet.decoding.generation import stream
from seqnet.decoding.incremental import Written
from seqnet.errors import ConfigurationError
from seqnet.training.evaluation import evaluating
from seqnet.training.precision import Precision

UNFINISHED = "\N{REPLACEMENT CHARACTER}"  # stands for the first bytes of a letter whose others are yet to come


def streamed(stored: StoredRun, config: dict[str, Any]) -> Iterator[str]:
    """Pieces that together are the text that `generate` makes of the same options, of one sample.

    Raises ConfigurationError and DataError, all of them before the first piece.
    """
    refuse_silent(stored, config)
    assembly, precision = stored.assembly, stored.precision
    source: Any = assembly.source
    if composes(assembly):
        raise ConfigurationError(
            "this run goes on with several labels a step, which are no text to stream: use generate"
        )
    if writing_of(source) is not None:
        write = writer_of(stored, config)
        if write.numbers:
            raise ConfigurationError("this run draws numbers, which are no text to stream: use generate")
        if not write.has_steps:
            raise _at_the_end(config)
        steps = write.steps(*asked_of(stored, config))
        return pieces(stepped(assembly, precision, steps), source.text, source.writing.end)
    made = decoder(decoding_of_text(config), source)
    if not has_steps(made):
        raise _at_the_end(config)
    prompt = tokens_of(source, config["prompt"] or "")[None].to(precision.device)
    generator = torch.Generator().manual_seed(config["seed"])
    with evaluating(assembly.model), precision.autocast():
        model: Any = assembly.model
        steps = stream(model, prompt, config["length"] or LENGTH, made, source.forbidden, generator)
    return pieces(stepped(assembly, precision, steps), lambda ids: source.decode(torch.tensor(ids)), None)


def _at_the_end(config: dict[str, Any]) -> ConfigurationError:
    name = described(config["decoding"])["name"]
    return ConfigurationError(
        f"decoding={name} knows its answer only at the end: stream with decoding=greedy or decoding=sampling, or use "
        "generate"
    )


def stepped(assembly: Assembly, precision: Precision, steps: Iterator[Written]) -> Iterator[Written]:
    """Step by step, each in evaluation mode; between them whoever asks may do as they like."""
    while True:
        with evaluating(assembly.model), precision.autocast():
            one = next(steps, None)
        if one is None:
            return
        yield one


def pieces(steps: Iterator[Written], text: Callable[[list[int]], str], end: int | None) -> Iterator[str]:
    """What each token of the first row adds to the text of those before; where it is no whole letter yet, later."""
    ids: list[int] = []
    told = ""
    for one in steps:
        token = int(one.ids[0])
        if token == end:
            break
        ids.append(token)
        whole = text(ids)
        if len(whole) > len(told) and whole.startswith(told) and not whole.endswith(UNFINISHED):
            yield whole[len(told) :]
            told = whole
    rest = text(ids)[len(told) :]
    if rest:
        yield rest

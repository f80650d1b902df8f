"""Everything else that a program without torch needs of a run, as JSON: how lines are read, and answers told."""

from collections.abc import Mapping, Sequence
from typing import Any

from seqnet.build import Assembly
from seqnet.data.copied import no_copies
from seqnet.errors import ConfigurationError
from seqnet.exported import described
from seqnet.exporting.plan import initial_state
from seqnet.options import shown

UNKNOWN = {"vocabulary": None, "dictionary": None, "groups": 1, "diversity": None}
"""Options that run.py does not know, and what says that they are not used."""

CHOSEN = ("greedy", "sampling", "beam")


def said_of(assembly: Assembly, decoding: Mapping[str, Any]) -> dict[str, Any]:
    """What run.py needs. decoding: its name and options as configured. Raises ConfigurationError.

    asks: how a line is answered: by `row` or `step`, `ahead` of a series, by a `text` written, or the `next` tokens.
    """
    source, model = assembly.source, assembly.model
    said = described(source, "this run's data")
    if said["asks"] in ("text", "next"):
        said["writing"], said["decoding"] = _writing(assembly, said), _decoding(decoding, said["asks"])
        said.pop("forbidden", None)
    else:
        said["answer"] = _answer(assembly)
    steps = hasattr(model, "step") and not getattr(model, "bidirectional", True)
    said["state"] = [
        {"shape": list(one.shape[1:]), "dtype": str(one.dtype).removeprefix("torch."), "values": one.flatten().tolist()}
        for one in (initial_state(assembly) if steps else [])
    ]
    for one in said["state"]:
        if len(set(one["values"])) <= 1:
            one["values"] = one["values"][:1]
    return said


def _writing(assembly: Assembly, said: Mapping[str, Any]) -> dict[str, Any]:
    """How tokens are written. unknown: the one in whose place a word of the source may be told, where it may.

    Raises ConfigurationError where run.py knows no such way.
    """
    source = assembly.source
    if said["asks"] == "next":
        return {"begin": None, "end": None, "forbidden": said["forbidden"], "longest": 0}
    writing = source.writing
    if writing.grammar is not None:
        raise ConfigurationError(
            "what this run writes obeys a grammar, which an exported model does not know: use seqnet predict"
        )
    forbidden = [int(number) for number in writing.forbidden]
    unknown = None if no_copies(source, assembly.model) is not None else source.unknown
    found = {"begin": writing.begin, "end": writing.end, "forbidden": forbidden, "longest": writing.longest}
    return {**found, "unknown": unknown}


def _decoding(decoding: Mapping[str, Any], asks: str) -> dict[str, Any]:
    """The decoding of training; of a language model, which is generated from, sampling as seqnet generate has it."""
    options = {key: value for key, value in decoding.items() if key not in UNKNOWN}
    if asks == "next":
        options.pop("replace_unknown", None)
        return options if options["name"] == "sampling" else {"name": "sampling"}
    if decoding["name"] not in CHOSEN:
        raise ConfigurationError(
            f"decoding={decoding['name']} of this run is none that an exported model knows: these are "
            f"{', '.join(CHOSEN)}"
        )
    for key, without in UNKNOWN.items():
        if key in decoding and decoding[key] != without:
            raise ConfigurationError(
                f"decoding.{key}={shown(decoding[key])} of this run is nothing that an exported model knows: use "
                "seqnet predict"
            )
    return options


def _answer(assembly: Assembly) -> dict[str, Any]:
    objective: Any = assembly.objective
    said = described(objective, "objective")
    weights = getattr(objective, "exported_weights", None)
    return said if weights is None else {**said, **weights(assembly.model.head)}


def summary(said: Mapping[str, Any], files: Sequence[str]) -> str:
    """What an export is, in a few words."""
    kinds = {
        "row": "an answer for each row",
        "step": "an answer for each step",
        "ahead": "a forecast of each series",
        "text": "a text written for each row",
        "next": "a language model",
    }
    return f"{kinds[said['asks']]}: {', '.join(files)}"

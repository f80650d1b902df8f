"""`seqnet generate`: let a language model go on from a prompt."""

import json
import sys
from pathlib import Path
from typing import Any

from torch import Tensor

from seqnet.commands.lines import writer
from seqnet.commands.samples import RunningText, continue_text
from seqnet.commands.stored import load
from seqnet.errors import ConfigurationError


def run(config: dict[str, Any]) -> int:
    """Write one line of JSON, or on a terminal the text itself; the exit code."""
    stored = load(Path(config["run"]), "best", config["trust"], config["device"], config["precision"])
    assembly = stored.assembly
    if not isinstance(assembly.source, RunningText) or assembly.model.bidirectional:
        raise ConfigurationError(
            f"run={config['run']} is not a language model that reads left to right, so it generates no text; "
            "for answers to inputs, use seqnet predict"
        )
    options = {key: config[key] for key in ("temperature", "top_k", "top_p")}
    decoding = dict(config["decoding"])
    name = decoding["_target_"].rpartition(".")[2].lower()
    if name == "sampling":
        decoding |= {key: value for key, value in options.items() if value is not None}
    elif any(value is not None for value in options.values()):
        raise ConfigurationError(f"temperature, top_k and top_p belong to decoding=sampling, and this is {name}")
    prompt = _prompt(assembly.source, config["prompt"])
    ids, scores = continue_text(assembly, stored.precision, decoding, prompt, config["length"], config["seed"])
    text = assembly.source.decode(ids)
    if config["output"] is None and sys.stdout.isatty():
        print(config["prompt"] + text)
        return 0
    with writer(config["output"]) as write:
        described = {"name": name, **{key: value for key, value in decoding.items() if key != "_target_"}}
        row = {"prompt": config["prompt"], "prediction": text, "score": float(scores.sum()), "decoding": described}
        write(json.dumps(row, ensure_ascii=False))
    return 0


def _prompt(source: RunningText, text: str) -> Tensor:
    """The tokens to go on from; of a text without any, a line break, as after the end of a paragraph."""
    tokens = source.encode(text)
    if not len(tokens):
        return source.encode("\n")
    unknown = sum(int((tokens == token).sum()) for token in source.forbidden)
    if unknown:
        print(f"seqnet: {unknown} of the prompt's {len(tokens)} tokens are unknown to the model", file=sys.stderr)
    return tokens

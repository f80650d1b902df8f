"""`seqnet generate`: let a language model go on from a prompt, or a decoder compose, caption and draw."""

import errno
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from seqnet.batch import IGNORE, Batch
from seqnet.build import check_options
from seqnet.commands import media
from seqnet.commands.composing import composed, composes
from seqnet.commands.failures import explained
from seqnet.commands.lines import in_words, writer
from seqnet.commands.samples import RunningText, continue_text, runs_on
from seqnet.commands.stored import StoredRun, load
from seqnet.commands.writing import Writer, beginning, decoded, described, writing_of
from seqnet.errors import ConfigurationError, DiskError
from seqnet.options import shown
from seqnet.progress import progress
from seqnet.strict_json import as_line
from seqnet.terminal import say, warn

LENGTH = 400  # tokens that a language model makes
OF_SAMPLING = ("temperature", "top_k", "top_p", "min_p", "typical_p")
MEDIA = (".mid", ".midi", ".wav", ".png")
Row = dict[str, Any]


def run(config: dict[str, Any]) -> int:
    """Write a line of JSON for each sample, a file of another kind, or on a terminal what was made; the exit code."""
    output = None if _suffix(config) else config["output"]
    words = in_words({**config, "output": output})
    stored = load(Path(config["run"]), "best", config["trust"], config["device"], config["precision"])
    with explained(stored.config, config, rows="samples"):
        found = made(stored, config)
    _tell(found, output, words, config["verbose"])
    return 0


class Made(NamedTuple):
    """A row for each sample, the text of each as a person reads it, and the decoding that made them."""

    rows: list[Row]
    texts: list[str]
    how: Row


def made(stored: StoredRun, config: Row) -> Made:
    """All samples; a file of another kind is written.

    Raises ConfigurationError and DataError.
    """
    refuse_silent(stored, config)
    if writing_of(stored.assembly.source) is not None:
        return _write(stored, config)
    if composes(stored.assembly):
        return _compose(stored, config)
    if _suffix(config) is not None:
        raise ConfigurationError(f"output={config['output']}: a language model writes text, and neither notes nor grey")
    return _go_on(stored, config)


def refuse_silent(stored: StoredRun, config: Row) -> None:
    """Raises ConfigurationError for a run that writes nothing."""
    source = stored.assembly.source
    if composes(stored.assembly):
        return
    if writing_of(source) is None and (not runs_on(source) or stored.assembly.model.bidirectional):
        raise ConfigurationError(
            f"run={config['run']} is not a language model that reads left to right, so it generates no text; "
            "for answers to inputs, use seqnet predict"
        )


def decoding_of(config: Row) -> Row:
    """The decoding as typed, with the options that are typed without it. Raises ConfigurationError."""
    options = {key: config[key] for key in OF_SAMPLING}
    decoding = dict(config["decoding"])
    check_options({"decoding": decoding})
    name = described(decoding)["name"]
    for key, value in options.items():
        if key != "temperature" and value is not None and decoding.get(key) not in (None, value):
            raise ConfigurationError(
                f"{key}={shown(value)} and decoding.{key}={shown(decoding[key])} are one option: give one of them"
            )
    if config["samples"] > 1 and name != "sampling":
        warn(f"samples={config['samples']}: decoding={name} makes the same each time; decoding=sampling draws")
    if config["length"] is not None and decoding.get("min_length", 0) > config["length"]:
        raise ConfigurationError(
            f"decoding.min_length={decoding['min_length']} is above length={config['length']}: lower it"
        )
    if name == "sampling":
        return decoding | {key: value for key, value in options.items() if value is not None}
    if any(value is not None for value in options.values()):
        raise ConfigurationError(f"{', '.join(OF_SAMPLING)} belong to decoding=sampling, and this is {name}")
    return decoding


def _tell(found: Made, output: str | None, words: bool, verbose: bool) -> None:
    """Write the rows as JSON lines, or for people the texts."""
    if words:
        say("\n\n".join(found.texts))
    else:
        with writer(output) as write:
            for row in found.rows:
                write(as_line({**row, "decoding": found.how} if verbose else row))
    if words or not verbose:
        warn(decoded(found.how))


# ---------------------------------------------------------------------------------------- a language model


def decoding_of_text(config: Row) -> Row:
    """As `decoding_of`, for what goes on without an end. Raises ConfigurationError."""
    decoding = decoding_of(config)
    if decoding.get("min_length"):
        raise ConfigurationError(
            f"decoding.min_length={decoding['min_length']} is of answers that end, and this run goes on with a text as "
            "far as length= says: leave it out"
        )
    return decoding


def _go_on(stored: StoredRun, config: Row) -> Made:
    source, decoding = stored.assembly.source, decoding_of_text(config)
    given = config["prompt"] or ""
    length, seed = config["length"] or LENGTH, config["seed"]
    prompt, tokens = tokens_of(source, given), count()
    with progress("writing", length, "tokens") as reached:
        found = continue_text(
            stored.assembly,
            stored.precision,
            decoding,
            prompt,
            length,
            seed,
            config["samples"],
            lambda: reached(next(tokens)),
        )
    texts = [source.decode(torch.tensor(one.ids)) for one in found]
    rows = [
        {"prompt": given, "prediction": text, "score": one.log_probability}
        for text, one in zip(texts, found, strict=True)
    ]
    return Made(rows, [given + text for text in texts], described(decoding))


def tokens_of(source: RunningText, text: str) -> Tensor:
    """The tokens of a prompt to go on from; of a text without any, a line break, as after the end of a paragraph."""
    tokens = source.encode(text)
    if not len(tokens):
        return source.encode("\n")
    unknown = sum(int((tokens == token).sum()) for token in source.forbidden)
    if unknown:
        warn(f"{unknown} of the prompt's {len(tokens)} tokens are unknown to the model")
    return tokens


# ---------------------------------------------------------------------------- a run that says which labels come next


def _compose(stored: StoredRun, config: Row) -> Made:
    source: Any = stored.assembly.source
    decoding, given = decoding_of(config), config["prompt"] or ""
    if config["length"] is not None:
        decoding["max_length"] = config["length"]
    field = source.fields[source.target]
    save = None if (suffix := _suffix(config)) is None else _saving(field, suffix)
    labels, scores = composed(stored, decoding, given, config["samples"], config["seed"])
    rows: list[Row] = [
        {"prompt": given, "prediction": field.decode(one), "score": score}
        for one, score in zip(labels, scores.tolist(), strict=True)
    ]
    if save is not None:
        _save(save, Path(config["output"]), rows, list(labels))
    text = getattr(field, "text", lambda one: " ".join("+".join(step) or "-" for step in field.decode(one)))
    return Made(rows, [text(one) for one in labels], described(decoding))


# --------------------------------------------------------------------------------------- a run that writes


def _write(stored: StoredRun, config: Row) -> Made:
    source: Any = stored.assembly.source
    write, given = writer_of(stored, config), config["prompt"]
    save = None if (suffix := _suffix(config)) is None else _saving(source, suffix)
    found = write(*asked_of(stored, config))
    rows = [{"prompt": given or "", **row} for row in write.rows(found)]
    kept = list(found) if isinstance(found, Tensor) else [hypotheses[0].ids for hypotheses in found]
    if save is not None:
        _save(save, Path(config["output"]), rows, kept)
    return Made(rows, [source.text(values) for values in kept], write.description)


def writer_of(stored: StoredRun, config: Row) -> Writer:
    """What writes as `config` asks, of a run that has a writer. Raises ConfigurationError."""
    decoding = decoding_of(config)
    if config["length"] is not None:
        decoding["max_length"] = config["length"]
    write = Writer(stored.assembly, stored.precision, decoding, config["seed"])
    if write.numbers and any(config[key] is not None for key in ("length", *OF_SAMPLING)):
        raise ConfigurationError(
            f"length, {', '.join(OF_SAMPLING)} are of tokens, and this run draws numbers: leave them out"
        )
    return write


def asked_of(stored: StoredRun, config: Row) -> tuple[Batch, list[int]]:
    """A batch of as many rows as samples of what the prompt says is read, and the ids that all begin with.

    Raises ConfigurationError and DataError.
    """
    source, given, rows = stored.assembly.source, config["prompt"], config["samples"]
    if source.source is None:
        return _nothing(source.writing.begin, rows), beginning(stored, "prompt", given or "")
    if given is None:
        raise ConfigurationError("prompt is missing: this run reads a source, so say which one: prompt=SOURCE")
    return source.read_inputs([given], "prompt", 1).batch(torch.zeros(rows, dtype=torch.int64)), []


def _nothing(begin: int, rows: int) -> Batch:
    """A batch of so many rows that hold nothing but a beginning."""
    return Batch(torch.full((rows, 1), begin), torch.ones(rows, dtype=torch.int64), torch.full((rows, 1), IGNORE))


def _suffix(config: Row) -> str | None:
    """The ending of `output` where it is a picture's or a piece of music's."""
    suffix = Path(config["output"] or "").suffix.lower()
    return suffix if suffix in MEDIA else None


def _saving(source: Any, suffix: str) -> Callable[[Path, Any], None]:
    """What writes a file of that kind. Raises ConfigurationError where it is not what the run makes."""
    if suffix == ".png":
        if not hasattr(source, "picture"):
            raise ConfigurationError("output: a .png shows a drawing, and this run writes words: choose a .jsonl")
        return lambda path, values: media.write_picture(path, source.picture(values))
    if not hasattr(source, "notes"):
        raise ConfigurationError(f"output: a {suffix} plays notes, and this run writes none: choose another ending")
    play = media.write_wav if suffix == ".wav" else media.write_midi
    return lambda path, ids: play(path, source.notes(ids))


def _save(save: Callable[[Path, Any], None], output: Path, rows: list[Row], made: Sequence[Any]) -> None:
    """Write a file for each row, and say in the row which. Raises ConfigurationError and DiskError."""
    for row, values, path in zip(rows, made, _paths(output, len(rows)), strict=True):
        row["output"] = str(path)
        try:
            save(path, values)
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            refused = DiskError if full else ConfigurationError
            raise refused(f"output={path} cannot be written: {error.strerror}") from error


def _paths(path: Path, count: int) -> list[Path]:
    """The file of each sample: `path` itself, of several `piece_1.mid`, `piece_2.mid` and so on."""
    return [path] if count == 1 else [path.with_stem(f"{path.stem}_{number + 1}") for number in range(count)]

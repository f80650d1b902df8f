"""What belongs to no class of ours: the options of each section, and which of them cannot go together, or say nothing.

Data, read without torch. What an option of a class may hold stands at its parameter (`seqnet.options`), and what goes
with what the classes say of themselves (`seqnet.fits`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from seqnet.options import (
    A_PATH,
    ANY_TEXT,
    ANYTHING,
    CLASS,
    FLAG,
    NAMES,
    Option,
    number,
    numbers,
    one_of,
    or_chosen,
    or_null,
    shown,
    whole,
)

POSITIVE = number(above=0)
NOT_NEGATIVE = number(least=0)
SHARE = number(least=0, most=1)
DROPOUT = number(least=0, below=1)
COUNT = whole(1)
PROCESSES = 1000
STEPS = whole(1, 1_000_000)  # of a row
ACTIVATION = ("activation_regularisation", "temporal_activation_regularisation")  # of what a model puts out at a step
PATH = or_null(A_PATH)
DEVICE = one_of("auto", "cpu", "cuda")
PRECISION = one_of("fp32", "tf32", "bf16", "fp16")

OPTIONS: Mapping[str, Option] = {
    # of no group, and of the commands that read a run
    "seed": whole(0),
    "device": DEVICE,
    "precision": PRECISION,
    "threads": or_null(whole(1, PROCESSES)),
    "processes": whole(1, PROCESSES),
    "run_dir": PATH,
    "resume": Option("auto, never or a path", A_PATH.accepts, text=True),
    "init_from": PATH,
    "trust": NAMES,
    "run": PATH,
    "input": PATH,
    "output": PATH,
    "format": or_null(one_of("json", "text")),
    "split": one_of("train", "valid", "test"),
    "prompt": or_null(ANY_TEXT),
    "prefix": or_null(ANY_TEXT),
    "pictures": PATH,
    "horizon": or_null(STEPS),
    "target": or_null(ANY_TEXT),
    "step": or_null(
        Option(
            "all, or a whole number other than 0",
            lambda value: value == "all" or (whole().accepts(value) and value != 0),
            ("all",),
        )
    ),
    "baseline": one_of("zero", "mean"),
    "tolerance": number(above=0, below=1),
    "max_points": whole(1, 100_000),
    "positions": whole(2, 1_000_000),
    "max_context": STEPS,
    "max_lag": or_null(STEPS),
    "right": number(above=0, most=1),
    "plot": PATH,
    "samples": COUNT,
    "length": or_null(STEPS),
    "temperature": or_null(NOT_NEGATIVE),
    "top_k": or_null(COUNT),
    "top_p": or_null(number(above=0, most=1)),
    "min_p": or_null(number(above=0, most=1)),
    "typical_p": or_null(number(above=0, below=1)),
    "debug.evaluation_batches": or_null(COUNT),
    # the loop
    "training.window": or_null(COUNT),
    "training.stride": or_null(COUNT),
    "training.clip_norm": or_null(POSITIVE),
    "training.clip_value": or_null(POSITIVE),
    "training.accumulate": COUNT,
    "training.max_steps": or_null(COUNT),
    "training.max_epochs": or_null(COUNT),
    "training.max_minutes": or_null(POSITIVE),
    "training.log_every_steps": COUNT,
    "training.evaluate_every_steps": or_null(COUNT),
    "training.patience": or_null(COUNT),
    "training.on_nonfinite": one_of("raise", "skip", "rewind"),
    "training.ema_decay": or_null(number(above=0, below=1)),
    "training.average_after": or_null(COUNT),
    **{f"training.{key}": NOT_NEGATIVE for key in ACTIVATION},
    "training.scheduled_sampling": SHARE,
    "training.sampling_schedule": one_of("linear", "exponential", "inverse_sigmoid"),
    "checkpoint.every_steps": or_null(COUNT),
    "checkpoint.every_minutes": or_null(POSITIVE),
    "checkpoint.keep": COUNT,
    "checkpoint.keep_best": COUNT,
    "observers.sample_length": STEPS,
    "sweep.sampler": one_of("random", "tpe"),
    "sweep.trials": COUNT,
    "sweep.parallel": COUNT,
    "sweep.seed": whole(0),
    "sweep.seeds": COUNT,
    "sweep.pruner": or_null(one_of("median")),
    "sweep.warmup_trials": whole(0),
    "sweep.warmup_evaluations": whole(0),
    # torch's optimisers
    "optimizer.lr": POSITIVE,
    "optimizer.weight_decay": number(least=0, most=1000),
    "optimizer.momentum": DROPOUT,
    "optimizer.betas": numbers(2, least=0, below=1),
    "optimizer.rho": SHARE,
    "optimizer.alpha": SHARE,
    "optimizer.lr_decay": NOT_NEGATIVE,
    "optimizer.lambd": number(least=0, most=1000),
    "optimizer.eps": POSITIVE,  # a weight without a gradient is divided by it
    "optimizer.dampening": SHARE,
    "optimizer.momentum_decay": NOT_NEGATIVE,
    "optimizer.initial_accumulator_value": NOT_NEGATIVE,
    "optimizer.etas": Option(
        "two numbers, the first above 0 and below 1, the second above 1",
        lambda value: numbers(2).accepts(value) and 0 < value[0] < 1 < value[1],
    ),
    "optimizer.step_sizes": Option(
        "two numbers of at least 0, the second not below the first",
        lambda value: numbers(2, least=0).accepts(value) and value[0] <= value[1],
    ),
    "optimizer.beta2_decay": number(most=0),
    "optimizer.d": number(least=1),
    "optimizer.t0": POSITIVE,
    # a number in its yaml, and a word too
    "objective.threshold": or_chosen(number(above=0, below=1)),
    "adaptation.lr": or_chosen(NOT_NEGATIVE),
    "adaptation.rule": one_of("rms", "sgd"),
    "adaptation.decay": SHARE,
    "adaptation.window": or_null(COUNT),
    "objective.bias": or_chosen(NOT_NEGATIVE),
    # of what is made by the loader and by the writer
    "model.embeddings": PATH,
    "model.freeze_embeddings": FLAG,
    "model.locked_dropout": FLAG,
    "model.weight_dropout": DROPOUT,
    "model.embedding_dropout": DROPOUT,
    "model.word_dropout": DROPOUT,
    "decoding.vocabulary": PATH,
    "decoding.replace_unknown": FLAG,
    "decoding.dictionary": PATH,
    "data.batch_size": COUNT,
    "data.batch_tokens": or_null(COUNT),
    "data.num_workers": whole(0, PROCESSES),
    "data.shuffle_block": or_null(COUNT),
}

PAIRS: Mapping[str, Option] = {
    "optimizer.eps": Option(
        "two numbers, the first null or of at least 1e-18, as torch squares it, the second of at least 0",
        lambda value: (
            numbers(2, least=0).accepts([0, *value[1:]] if isinstance(value, list) else value)
            and (value[0] is None or number(least=1e-18).accepts(value[0]))
        ),
    ),
}
"""Of an option that is a list of one class, and a number of the others."""

COMMAND_OPTIONS: Mapping[str, Option] = {
    "precision": or_null(PRECISION),
    "data.batch_size": or_null(COUNT),
}
"""Where a command that reads a run takes null for "as in training"."""


TEXTS = frozenset({"data.path", "data.name", "data.about", *(key for key, option in OPTIONS.items() if option.text)})
"""Keys whose values are text, whatever they look like when they are typed."""


def option(key: str, default: Any, command: str = "train", of_class: bool = False) -> Option:
    """What `key` may hold, as far as this file and the yaml's default say it.

    A table entry that the default breaks is meant for another class. of_class: a class takes it, whose annotation may
    allow null, and a column's position in place of its name.
    """
    if key.rpartition(".")[2] == "_target_":
        return CLASS
    found = COMMAND_OPTIONS.get(key) if command != "train" else PAIRS.get(key) if isinstance(default, list) else None
    found = found or OPTIONS.get(key)
    if found is not None and found.accepts(default):
        return found
    plain = _of_the_type(default)
    if not of_class:
        return plain
    name = isinstance(default, str)
    return Option(
        plain.words,
        lambda value: value is None or plain.accepts(value) or (name and COUNTED.accepts(value)),
        plain.choices,
    )


COUNTED = whole()


def _of_the_type(default: Any) -> Option:
    """What has the type of a default."""
    if isinstance(default, bool):
        return FLAG
    if isinstance(default, int):
        return whole()
    if isinstance(default, float):
        return number()
    if isinstance(default, str):
        return ANY_TEXT
    if isinstance(default, list):
        return Option("a list", lambda value: isinstance(value, list))
    return ANYTHING


@dataclass(frozen=True)
class Relation:
    """Keys whose values cannot go together. `clash` is asked only where all of them are there."""

    keys: tuple[str, ...]
    clash: Callable[..., bool]
    sentence: str  # a format string of the values


@dataclass(frozen=True)
class Idle:
    """A key whose value changes nothing beside those of others."""

    key: str
    others: tuple[str, ...]
    idle: Callable[..., bool]  # of the others' values
    why: str  # a format string of them


RELATIONS = (
    Relation(
        ("training.max_steps", "training.max_epochs", "training.max_minutes"),
        lambda *limits: all(limit is None for limit in limits),
        "training would never end: set training.max_steps, training.max_epochs or training.max_minutes",
    ),
    Relation(
        ("training.clip_norm", "training.clip_value"),
        lambda norm, value: norm is not None and value is not None,
        "training.clip_norm={0} and training.clip_value={1} cannot both be set: set one of them to null",
    ),
    Relation(
        ("training.stride", "training.window"),
        lambda stride, window: stride is not None and window is None,
        "training.stride={0} moves a window, and there is none: set training.window, or training.stride=null",
    ),
    Relation(
        ("training.stride", "training.window"),
        lambda stride, window: stride is not None and window is not None and stride > window,
        "training.stride={0} is above training.window={1}, so steps would be left out: set it to at most the window",
    ),
    Relation(
        ("model.tied", "model.embedding_size"),
        lambda tied, size: tied and size is None,
        "model.tied=true shares the embedding's weight, and model.embedding_size=null makes none: "
        "set model.embedding_size, or model.tied=false",
    ),
    Relation(
        ("attention", "model.input_feeding"),
        lambda attention, feeding: attention is None and feeding,
        "model.input_feeding=true feeds what attention found to the next step, and attention=none finds nothing: "
        "choose an attention, or set model.input_feeding=false",
    ),
    Relation(
        ("model.shared_embedding", "model.embedding_size"),
        lambda shared, size: shared and size is None,
        "model.shared_embedding=true shares an embedding, and model.embedding_size=null makes none: "
        "set model.embedding_size, or model.shared_embedding=false",
    ),
    Relation(
        ("training.patience", "training.evaluate_every_steps", "training.max_steps"),
        lambda patience, every, steps: None not in (patience, every, steps) and every * patience >= steps,
        "training.patience={0} evaluations, one every training.evaluate_every_steps={1} steps, are never waited for "
        "within training.max_steps={2}: lower one of them, or set training.patience=null",
    ),
    Relation(
        ("training.ema_decay", "training.average_after"),
        lambda decay, after: decay is not None and after is not None,
        "training.ema_decay={0} and training.average_after={1} are two averages of the weights: set one to null",
    ),
    Relation(
        ("training.average_after", "training.evaluate_every_steps", "training.max_steps"),
        lambda after, every, steps: None not in (after, every, steps) and every * (after + 2) >= steps,
        "training.average_after={0} compares evaluations that lie further apart than training.max_steps={2} has room "
        "for, one every training.evaluate_every_steps={1} steps: lower one of them, or set training.average_after=null",
    ),
    Relation(
        ("training.patience", "training.average_after"),
        lambda patience, after: None not in (patience, after) and patience <= after + 1,
        "training.patience={0} ends a run before the average that training.average_after={1} waits for is scored: "
        "raise it by two above that, or set one of them to null",
    ),
    Relation(
        ("optimizer.nesterov", "optimizer.momentum", "optimizer.dampening"),
        lambda nesterov, momentum, dampening: nesterov and (momentum == 0 or dampening != 0),
        "optimizer.nesterov=true needs optimizer.momentum above 0 and optimizer.dampening=0",
    ),
    *(
        Relation(
            (f"adaptation.{key}", "dynamic"),
            lambda value, dynamic, said=said: not dynamic and value != said,
            f"adaptation.{key}={{0}} is of dynamic=true: add it, or leave adaptation.{key} out",
        )
        for key, said in (("rule", "rms"), ("lr", "chosen"), ("decay", 0.001), ("window", None))
    ),
    Relation(
        ("data.valid_share", "data.test_share"),
        lambda valid, test: valid + test >= 1,
        "data.valid_share={0} and data.test_share={1} leave nothing to train on: make their sum less than 1",
    ),
    Relation(
        ("decoding.n_best", "decoding.beam_size"),
        lambda best, size: best > size >= 1,
        "decoding.n_best={0} is above decoding.beam_size={1}, and no more hypotheses are followed: lower it",
    ),
    Relation(
        ("decoding.coverage_penalty", "attention"),
        lambda penalty, attention: penalty > 0 and attention is None,
        "decoding.coverage_penalty={0} asks what attention covered, and attention=none covers nothing: "
        "choose an attention, or set decoding.coverage_penalty=0",
    ),
    Relation(
        ("decoding.replace_unknown", "attention"),
        lambda copies, attention: copies is True and attention is None,
        "decoding.replace_unknown=true copies the word that attention looks at, and attention=none looks at none: "
        "choose an attention, or set decoding.replace_unknown=false",
    ),
    Relation(
        ("decoding.min_length", "decoding.max_length"),
        lambda least, most: most is not None and least > most,
        "decoding.min_length={0} is above decoding.max_length={1}: lower it",
    ),
)

IDLE = (
    Idle(
        "checkpoint.average_best",
        ("checkpoint.keep_best",),
        lambda kept: kept == 1,
        "the mean is of the best checkpoints, and checkpoint.keep_best=1 keeps one",
    ),
    Idle(
        "model.freeze_embeddings",
        ("model.embeddings",),
        lambda name: name is None,
        "it is of the vectors of a file, and model.embeddings=null names none",
    ),
    Idle(
        "decoding.dictionary",
        ("decoding.replace_unknown",),
        lambda copies: copies is False,
        "it is of words that are copied, and decoding.replace_unknown=false copies none",
    ),
    Idle(
        "training.sampling_schedule",
        ("training.scheduled_sampling",),
        lambda share: share == 0,
        "training.scheduled_sampling=0 lets nothing be sampled",
    ),
    Idle(
        "observers.sample_length",
        ("observers.samples",),
        lambda wanted: not wanted,
        "observers.samples=false makes none",
    ),
    Idle(
        "optimizer.dampening",
        ("optimizer.momentum",),
        lambda momentum: momentum == 0,
        "optimizer.momentum=0 has nothing to dampen",
    ),
)

_ABSENT = object()


def conflict(config: Mapping[str, Any]) -> str | None:
    """The sentence for the first values of a nested configuration that cannot go together, or None."""
    for relation in RELATIONS:
        values = [lookup(config, key) for key in relation.keys]
        try:
            clash = _ABSENT not in values and relation.clash(*values)
        except TypeError:  # a value that its class will refuse
            continue
        if clash:
            return relation.sentence.format(*(shown(value) for value in values))
    return None


def idle(config: Mapping[str, Any]) -> dict[str, str]:
    """The keys of no class whose values change nothing, and why."""
    found = {}
    for each in IDLE:
        values = [lookup(config, key) for key in each.others]
        if _ABSENT not in values and each.idle(*values):
            found[each.key] = each.why
    return found


def long_warmup(config: Mapping[str, Any], steps: int | None) -> str | None:
    """The sentence for a warm-up that a training of so many steps does not reach the end of, or None.

    It refuses one that was typed. That of an experiment is made for the experiment's own length, and is only said of
    a shorter one; what debug= chooses is no training.
    """
    warmup = lookup(config, "schedule.warmup_steps", 0)
    if steps is None or warmup <= steps or lookup(config, "groups.debug", "null") != "null":
        return None
    return (
        f"schedule.warmup_steps={warmup} is beyond the end of training, which has {steps} steps: lower it, or raise "
        "training.max_steps or training.max_epochs"
    )


def lookup(config: Mapping[str, Any], key: str, default: Any = _ABSENT) -> Any:
    """What stands at a dotted key of a nested configuration."""
    node: Any = config
    for part in key.split("."):
        if not isinstance(node, Mapping) or part not in node:
            return default
        node = node[part]
    return node

"""What an option may hold, and which options cannot go together. Data, read without torch.

A new option needs an entry only where its yaml default does not say enough: it may be null, or has a range.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from seqnet.errors import did_you_mean


@dataclass(frozen=True)
class Option:
    """What a key may hold. `words` goes on from "must be"."""

    words: str
    accepts: Callable[[Any], bool]
    choices: tuple[str, ...] = ()
    text: bool = False  # what was typed is text, whatever it looks like

    def refusal(self, key: str, value: Any) -> str | None:
        """The sentence that refuses the value, or None where it is right."""
        parts = value if isinstance(value, list) else [value]
        if self.accepts(value):
            if any(_is_number(part) and not _fits(part) for part in parts):
                return f"{key}={shown(value)} is a number that neither 32 bits of a float nor 64 of an integer hold"
            return None
        wrong = next((part for part in parts if isinstance(part, str) and part not in self.choices), None)
        hint = "" if wrong is None else did_you_mean(wrong, self.choices)
        return f"{key}={shown(value)} must be {self.words}{hint}"


def shown(value: Any) -> str:
    """A value as it would be typed, on one line."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (list, tuple)):
        return f"[{','.join(shown(part) for part in value)}]"
    text = str(value)
    return text if text.isprintable() else text.encode("unicode_escape").decode()


def or_null(option: Option) -> Option:
    """The same, or null."""
    return Option(
        f"{option.words}, or null",
        lambda value: value is None or option.accepts(value),
        option.choices,
        option.text,
    )


def number(
    least: float | None = None, above: float | None = None, below: float | None = None, most: float | None = None
) -> Option:
    """A finite number of a range."""
    bounds = _bounds(least, above, below, most)

    def accepts(value: Any) -> bool:
        return _is_number(value) and _within(value, least, above, below, most)

    return Option(f"a number{bounds}", accepts)


def whole(least: int | None = None, most: int | None = None) -> Option:
    """A whole number; true and false are none."""

    def accepts(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and _within(value, least, None, None, most)

    return Option(f"a whole number{_bounds(least, None, None, most)}", accepts)


def numbers(count: int | None = None, least: float | None = None, below: float | None = None) -> Option:
    """A list of numbers, of a given length and range; without a length, of any but 0, and all different."""

    def accepts(value: Any) -> bool:
        return (
            isinstance(value, list)
            and (len(value) == count if count else 0 < len(value) == len(set(map(str, value))))
            and all(_is_number(part) and _within(part, least, None, below, None) for part in value)
        )

    return Option(f"a list of {count or 'different'} numbers{_bounds(least, None, below, None)}", accepts)


def one_of(*choices: str) -> Option:
    """One of a few words."""
    *first, last = choices
    words = f"{', '.join(first)} or {last}" if first else last
    return Option(words, lambda value: value in choices, choices)


def some_of(*choices: str) -> Option:
    """A list of a few words, each once."""

    def accepts(value: Any) -> bool:
        return (
            isinstance(value, list) and all(part in choices for part in value) and len(value) == len(frozenset(value))
        )

    return Option(f"a list of any of {', '.join(choices)}, each once", accepts, choices)


def _is_path(value: Any) -> bool:
    """Whether it could be the name of something: systems take up to 4096 bytes, up to 255 between slashes."""
    if not isinstance(value, str) or value == "" or "\0" in value or "\n" in value:
        return False
    parts = [len(part.encode("utf-8", "surrogatepass")) for part in value.split("/")]
    return max(parts) <= 255 and sum(parts) + len(parts) <= 4096


FLAG = Option("true or false", lambda value: isinstance(value, bool), ("true", "false"))
TEXT = Option("text", lambda value: isinstance(value, str) and value != "", text=True)
ANY_TEXT = Option("text", lambda value: isinstance(value, str), text=True)
NAMES = Option(
    "a list of names, such as [my_package]",
    lambda value: isinstance(value, list) and all(isinstance(part, str) and part.isidentifier() for part in value),
)
CLASS = Option(
    "a class and where it is, such as seqnet.cells.lstm.LSTM",
    lambda value: isinstance(value, str) and len(value.split(".")) > 1 and all(map(str.isidentifier, value.split("."))),
)
ANYTHING = Option("a value", lambda value: True)


def _is_number(value: Any) -> bool:
    # Compared, not asked whether it is finite: a whole number may be too large to be asked.
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _fits(value: float) -> bool:
    """Whether torch has it: as a 64-bit integer, or as a 32-bit float that is not rounded to 0."""
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return value == 0 or SMALLEST <= abs(value) <= LARGEST


def _within(value: float, least: float | None, above: float | None, below: float | None, most: float | None) -> bool:
    return (
        (least is None or value >= least)
        and (above is None or value > above)
        and (below is None or value < below)
        and (most is None or value <= most)
    )


def _bounds(least: float | None, above: float | None, below: float | None, most: float | None) -> str:
    named = (("of at least", least), ("above", above), ("below", below), ("at most", most))
    parts = [f"{words} {bound}" for words, bound in named if bound is not None]
    return f" {' and '.join(parts)}" if parts else ""


SMALLEST, LARGEST = 1.2e-38, 3.4e38  # of 32-bit floats
POSITIVE = number(above=0)
NOT_NEGATIVE = number(least=0)
SHARE = number(least=0, most=1)
DROPOUT = number(least=0, below=1)
COUNT = whole(1)
WIDTH = whole(1, 100_000)  # more would need a weight of at least 40 GB
PROCESSES = 1000
STEPS = whole(1, 1_000_000)  # of a row
ROWS = whole(1, 1_000_000_000)
YEAR = whole(1000, 9999)
A_PATH = Option("a path", _is_path, text=True)
PATH = or_null(A_PATH)
COLUMN = Option(
    "a column's name or position",
    lambda value: isinstance(value, (str, int)) and not isinstance(value, bool) and value != "",
)
DEVICE = one_of("auto", "cpu", "cuda")
PRECISION = one_of("fp32", "tf32", "bf16", "fp16")

OPTIONS: Mapping[str, Option] = {
    # of no group, and of the commands that read a run
    "seed": whole(0),
    "device": DEVICE,
    "precision": PRECISION,
    "threads": or_null(whole(1, PROCESSES)),
    "run_dir": PATH,
    "resume": Option("auto, never or a path", _is_path, text=True),
    "init_from": PATH,
    "trust": NAMES,
    "run": PATH,
    "input": PATH,
    "output": PATH,
    "split": one_of("train", "valid", "test"),
    "prompt": or_null(ANY_TEXT),
    "prefix": or_null(ANY_TEXT),
    "attention_maps": PATH,
    "samples": COUNT,
    "length": or_null(STEPS),
    "temperature": or_null(NOT_NEGATIVE),
    "top_k": or_null(COUNT),
    "top_p": or_null(number(above=0, most=1)),
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
    # optimisers and schedules
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
    "schedule.warmup_steps": whole(0),
    "schedule.final": SHARE,
    "schedule.factor": number(above=0, most=1),
    "schedule.milestones": numbers(least=0, below=1),
    "schedule.patience": whole(0),
    # models, cells, objectives, decoding
    "model.hidden_size": WIDTH,
    "model.num_layers": whole(1, 1000),
    "model.embedding_size": or_null(WIDTH),
    "model.embedding_std": number(above=0, most=1000),
    "model.input_dropout": DROPOUT,
    "model.dropout": DROPOUT,
    "model.output_dropout": DROPOUT,
    "model.readout": one_of("all", "last", "mean", "max"),
    "task.readout": one_of("all", "last", "mean", "max"),
    "model.encoder": one_of("recurrent", "none"),
    "task.encoder": one_of("recurrent", "none"),
    "task.metrics": some_of("token_accuracy", "exact_match", "cer", "wer", "bleu", "chrf", "mse", "mae"),
    "model.bridge": one_of("linear", "copy", "zero"),
    "attention.score": one_of("dot", "scaled_dot", "general", "additive"),
    "attention.estimator": one_of("reinforce", "gumbel"),
    "attention.entropy": number(least=0, most=1000),
    "attention.temperature": number(least=0.001),
    "attention.window": whole(0),
    "attention.position": one_of("monotonic", "predicted"),
    "attention.num_heads": WIDTH,
    "cell.forget_bias": number(least=-1000, most=1000),
    "cell.nonlinearity": one_of("tanh", "relu", "leaky_relu", "linear"),
    "cell.recurrent_init": one_of("orthogonal", "uniform", "identity"),
    "objective.loss": one_of("mse", "mae", "huber"),
    "objective.label_smoothing": DROPOUT,
    "objective.cutoffs": or_null(
        Option(
            "a list of rising whole numbers of at least 1",
            lambda value: (
                isinstance(value, list)
                and len(value) > 0
                and all(COUNT.accepts(part) for part in value)
                and sorted(set(value)) == value
            ),
        )
    ),
    "objective.div_value": number(least=1),
    "decoding.min_length": whole(0, 1_000_000),
    "decoding.max_length": or_null(STEPS),
    "decoding.no_repeat_ngram": whole(0),
    "decoding.vocabulary": PATH,
    "decoding.beam_size": whole(1, 10_000),
    "decoding.length_penalty": number(least=0, most=10),
    "decoding.coverage_penalty": NOT_NEGATIVE,
    "decoding.n_best": COUNT,
    "decoding.temperature": NOT_NEGATIVE,
    "decoding.top_k": or_null(COUNT),
    "decoding.top_p": or_null(number(above=0, most=1)),
    # data
    "data.path": PATH,
    "data.batch_size": COUNT,
    "data.batch_tokens": or_null(COUNT),
    "data.num_workers": whole(0, PROCESSES),
    "data.on_bad_row": one_of("raise", "skip"),
    "data.length": STEPS,
    "data.train_size": ROWS,
    "data.valid_size": ROWS,
    "data.test_size": ROWS,
    "data.by": one_of("row", "pixel"),
    "data.train_share": number(above=0, below=1),
    "data.valid_share": number(above=0, below=1),
    "data.min_speed": NOT_NEGATIVE,
    "data.max_speed": NOT_NEGATIVE,
    "data.transpose": whole(0, 87),
    "data.level": one_of("characters", "words", "bpe"),
    "data.name": PATH,
    "data.about": or_null(TEXT),
    "data.vocabulary_size": or_null(COUNT),
    "data.min_count": COUNT,
    "data.max_length": or_null(COUNT),
    "data.max_characters": whole(1, 10_000),
    "data.text_column": COLUMN,
    "data.label_column": COLUMN,
    "data.source": COLUMN,
    "data.target": COLUMN,
    "data.vocabulary": one_of("apart", "joint"),
    "data.test_share": number(least=0, below=1),
    "data.order": one_of("reverse", "copy"),
    "data.held_out_length": STEPS,
    "data.symbols": whole(2, 1_000_000),
    "data.digits": whole(1, 18),
    "data.first_year": YEAR,
    "data.last_year": YEAR,
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


def option(key: str, default: Any, command: str = "train") -> Option:
    """What `key` may hold. A table entry that the yaml's own default breaks is meant for another class."""
    if key.rpartition(".")[2] == "_target_":
        return CLASS
    found = COMMAND_OPTIONS.get(key) if command != "train" else PAIRS.get(key) if isinstance(default, list) else None
    found = found or OPTIONS.get(key.removeprefix("decoder_"))
    if found is not None and found.accepts(default):
        return found
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
class Contradiction:
    """Keys whose values cannot go together. `clash` is asked only where all of them are there."""

    keys: tuple[str, ...]
    clash: Callable[..., bool]
    sentence: str | Callable[..., str]  # a format string, or a function, of the values


MANY_TO_ONE = "seqnet.tasks.many_to_one.ManyToOne"
MANY_TO_MANY = "seqnet.tasks.many_to_many.ManyToMany"
WRITING = ("seqnet.tasks.seq2seq.SequenceToSequence", "seqnet.tasks.one_to_many.OneToMany")
RECURRENT = "seqnet.models.recurrent.Recurrent"
ENCODER_DECODER = "seqnet.models.encoder_decoder.EncoderDecoder"
CLASSIFICATION = "seqnet.objectives.classification.Classification"
MULTI_LABEL = "seqnet.objectives.multi_label.MultiLabel"
REGRESSION = "seqnet.objectives.regression.Regression"
TAGS = "seqnet.objectives.tags.Tags"
TOKENS = "seqnet.objectives.tokens.NextToken"
ADAPTIVE = "seqnet.objectives.adaptive.AdaptiveTokens"
GRU = "seqnet.cells.gru.GRU"
LSTM = "seqnet.cells.lstm.LSTM"
RNN = "seqnet.cells.rnn.RNN"
UNLIKE = ((LSTM, GRU), (LSTM, RNN), (GRU, LSTM), (RNN, LSTM))  # cells of which one cannot take the other's state

STREAMS = ("seqnet.data.sources.text.Text", "seqnet.data.sources.python_docs.PythonDocs")
FROM_NOTHING = ("seqnet.data.sources.chorales.Chorales",)
PICTURES = ("seqnet.data.sources.digit_captions.DigitCaptions",)
DRAWINGS = ("seqnet.data.sources.digit_drawing.DigitDrawing",)
TWO_VOCABULARIES = "seqnet.data.sources.parallel.Parallel"
COPY_MEMORY = "seqnet.data.sources.copy_memory.CopyMemory"
DIGITS = "seqnet.data.sources.digits.Digits"
ROW, STEP, WRITTEN = "one answer a row", "an answer at every step", "answers that are written step by step"
CLASSES, LABELS, NUMBERS = "one of several classes", "any of several labels", "numbers"
BIO = "BIO tags"
ANSWERS: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(STREAMS, (STEP, CLASSES)),
    **dict.fromkeys((*FROM_NOTHING, *PICTURES), (WRITTEN, CLASSES)),
    **dict.fromkeys(DRAWINGS, (WRITTEN, NUMBERS)),
    TWO_VOCABULARIES: (WRITTEN, CLASSES),
    COPY_MEMORY: (STEP, CLASSES),
    DIGITS: (ROW, CLASSES),
    "seqnet.data.sources.adding.Adding": (ROW, NUMBERS),
    "seqnet.data.sources.addition.Addition": (WRITTEN, CLASSES),
    "seqnet.data.sources.ball.Ball": (STEP, NUMBERS),
    "seqnet.data.sources.dates.Dates": (WRITTEN, CLASSES),
    "seqnet.data.sources.larger_total.LargerTotal": (ROW, CLASSES),
    "seqnet.data.sources.piano_roll.PianoRoll": (STEP, LABELS),
    "seqnet.data.sources.reverse.Reverse": (WRITTEN, CLASSES),
    "seqnet.data.sources.running_sum.RunningSum": (STEP, NUMBERS),
    "seqnet.data.sources.sentences.Sentences": (ROW, CLASSES),
    "seqnet.data.sources.sort.Sort": (WRITTEN, CLASSES),
    "seqnet.data.sources.tagging.Tagging": (STEP, BIO),
}
"""What a data set asks for, where it is the same whatever its files hold."""
ASKED_BY: Mapping[str, tuple[str, str]] = {
    MANY_TO_ONE: (ROW, "set task=many_to_one"),
    MANY_TO_MANY: (STEP, "set task=many_to_many"),
    **dict.fromkeys(WRITING, (WRITTEN, "set model=encoder_decoder and task=seq2seq or task=one_to_many")),
}
JUDGED_BY: Mapping[str, tuple[str, ...]] = {
    CLASSIFICATION: (CLASSES, BIO),
    MULTI_LABEL: (LABELS,),
    REGRESSION: (NUMBERS, LABELS),
    TAGS: (BIO,),
    TOKENS: (CLASSES, BIO),
}
SCORES: Mapping[str, tuple[str, ...]] = {
    CLASSIFICATION: ("loss", "accuracy", "macro_f1"),
    MULTI_LABEL: ("loss", "nll", "accuracy", "macro_f1"),
    REGRESSION: ("loss", "mse", "mae"),
    TAGS: ("loss", "accuracy", "macro_f1", "entity_f1"),
    **dict.fromkeys((TOKENS, ADAPTIVE), ("loss", "perplexity", "bits", "accuracy")),
}
"""What each objective can be judged by; a task that writes adds its task.metrics."""


def _no_score(monitor: str, known: tuple[str, ...]) -> str:
    hint = did_you_mean(monitor, known) or f": choose {' or '.join(known)}"
    return f"training.monitor={shown(monitor)} is no score of this run{hint}"


def _other_task(name: str, task: str, data: str) -> str:
    asked = ANSWERS[data][0]
    right = next(words for kind, words in ASKED_BY.values() if kind == asked)
    return f"task={name} judges {ASKED_BY[task][0]}, and this data has {asked}: {right}"


def _other_objective(name: str, objective: str, data: str) -> str:
    judged, (asked, answers) = JUDGED_BY[objective], ANSWERS[data]
    right = [target.split(".")[2] for target, kinds in JUDGED_BY.items() if answers in kinds]
    right = [choice for choice in right if asked == STEP or choice != "tokens"] if asked != WRITTEN else right[-1:]
    return (
        f"objective={name} judges {' or '.join(judged)}, and this data's answers are {answers}: "
        f"set objective={' or objective='.join(right)}"
    )


CONTRADICTIONS = (
    Contradiction(
        ("training.max_steps", "training.max_epochs", "training.max_minutes"),
        lambda *limits: all(limit is None for limit in limits),
        "training would never end: set training.max_steps, training.max_epochs or training.max_minutes",
    ),
    Contradiction(
        ("training.clip_norm", "training.clip_value"),
        lambda norm, value: norm is not None and value is not None,
        "training.clip_norm={0} and training.clip_value={1} cannot both be set: set one of them to null",
    ),
    Contradiction(
        ("training.stride", "training.window"),
        lambda stride, window: stride is not None and window is None,
        "training.stride={0} moves a window, and there is none: set training.window, or training.stride=null",
    ),
    Contradiction(
        ("training.stride", "training.window"),
        lambda stride, window: stride is not None and window is not None and stride > window,
        "training.stride={0} is above training.window={1}, so steps would be left out: set it to at most the window",
    ),
    Contradiction(
        ("data._target_", "model.bidirectional"),
        lambda target, both: target in STREAMS and both,
        "model.bidirectional=true cannot predict the next token of a running text, which it would have read: "
        "set model.bidirectional=false",
    ),
    Contradiction(
        ("data._target_", "training.window"),
        lambda target, window: target in STREAMS and window is None,
        "training.window=null, but a running text is a stream, which is read in windows: set training.window",
    ),
    Contradiction(
        ("data._target_", "data.batch_tokens"),
        lambda target, tokens: target in STREAMS and tokens is not None,
        "data.batch_tokens={1} fits rows of their own lengths into a batch, and a running text is read in "
        "data.batch_size lanes, training.window steps at a time: set data.batch_tokens=null",
    ),
    Contradiction(
        ("model._target_", "training.window", "model.bidirectional"),  # an encoder's source is never cut
        lambda model, window, both: model != ENCODER_DECODER and window is not None and both,
        "training.window={1} cuts what model.bidirectional=true reads from its end: "
        "set training.window=null or model.bidirectional=false",
    ),
    Contradiction(
        ("data._target_", "task._target_"),
        lambda target, task: target in STREAMS and task == MANY_TO_ONE,
        "task=many_to_one judges one answer a row, and a running text has no rows: set task=many_to_many",
    ),
    Contradiction(
        ("task._target_", "objective._target_"),
        lambda task, objective: task == MANY_TO_ONE and objective in (TOKENS, ADAPTIVE, TAGS),
        "task=many_to_one judges one answer a row, and this objective one a step: "
        "set task=many_to_many, or another objective",
    ),
    Contradiction(
        ("task._target_", "model.readout"),
        lambda task, readout: task == MANY_TO_MANY and readout != "all",
        "model.readout={1} gives one answer a row, and task=many_to_many judges every step: "
        "set model.readout=all or task=many_to_one",
    ),
    Contradiction(
        ("task._target_", "model.readout"),
        lambda task, readout: task == MANY_TO_ONE and readout == "all",
        "model.readout=all gives an answer at every step, and task=many_to_one judges one a row: "
        "set model.readout to last, mean or max, or task=many_to_many",
    ),
    Contradiction(
        ("model.tied", "model.embedding_size"),
        lambda tied, size: tied and size is None,
        "model.tied=true shares the embedding's weight, and model.embedding_size=null makes none: "
        "set model.embedding_size, or model.tied=false",
    ),
    Contradiction(
        ("model.tied", "model._target_", "data._target_"),
        lambda tied, model, data: (
            tied and data in ANSWERS and model == RECURRENT and data not in (*STREAMS, COPY_MEMORY)
        ),
        "model.tied=true shares the weight of a token embedding, and this data does not ask for the tokens that it is "
        "made of: set model.tied=false",
    ),
    Contradiction(
        ("model.tied", "data._target_"),
        lambda tied, data: tied and data in DRAWINGS,
        "model.tied=true shares the weight of a token embedding, and this data's answers are numbers: "
        "set model.tied=false",
    ),
    Contradiction(
        ("model.tied", "model._target_", "model.embedding_size", "model.hidden_size", "model.bidirectional"),
        lambda tied, model, embedding, hidden, both: tied and model == RECURRENT and embedding != hidden * (1 + both),
        "model.tied=true needs model.embedding_size={2} to be as wide as the top layer, which is model.hidden_size={3} "
        "in each direction: change one of them, or set model.tied=false",
    ),
    Contradiction(
        ("model.embedding_size", "data._target_"),
        lambda size, data: size is None and data in PICTURES,
        "model.embedding_size=null gives the convolutions that read a picture no width: set it to a number",
    ),
    Contradiction(
        ("groups.attention", "model._target_"),
        lambda attention, model: attention != "none" and model == RECURRENT,
        "attention={0} reads a source, and this model has none: set attention=none",
    ),
    Contradiction(
        ("groups.attention", "data._target_"),
        lambda attention, data: attention != "none" and data in FROM_NOTHING,
        "attention={0} reads a source, and this data has none: set attention=none",
    ),
    Contradiction(
        ("groups.attention", "model.input_feeding"),
        lambda attention, feeding: attention == "none" and feeding,
        "model.input_feeding=true feeds what attention found to the next step, and attention=none finds nothing: "
        "choose an attention, or set model.input_feeding=false",
    ),
    Contradiction(
        ("model.bridge", "model.bidirectional"),
        lambda bridge, both: bridge == "copy" and both,
        "model.bridge=copy hands the encoder's final state on as it is, and model.bidirectional=true makes two of it: "
        "set model.bridge=linear or model.bidirectional=false",
    ),
    *(
        Contradiction(
            (f"{cell}._target_", f"{cell}.recurrent_init"),
            lambda target, init: target in (GRU, LSTM) and init == "identity",
            f"{cell}.recurrent_init=identity is made for an RNN with relu: "
            f"set {cell}.recurrent_init to orthogonal or uniform",
        )
        for cell in ("cell", "decoder_cell")
    ),
    Contradiction(
        ("model.bridge", "model.encoder", "data._target_"),
        lambda bridge, encoder, data: bridge == "copy" and encoder == "none" and data not in FROM_NOTHING,
        "model.bridge=copy hands the encoder's final state on as it is, and model.encoder=none has none: "
        "set model.bridge=linear or task.encoder=recurrent",
    ),
    Contradiction(
        ("model.bridge", "groups.cell", "groups.cell@decoder_cell", "cell._target_", "decoder_cell._target_"),
        lambda bridge, cell, decoder, one, other: bridge == "copy" and (one, other) in UNLIKE,
        "model.bridge=copy hands the encoder's final state on as it is, and that of cell={1} is none of "
        "cell@decoder_cell={2}: set model.bridge=linear or choose one cell",
    ),
    Contradiction(
        ("model.encoder", "model.bidirectional"),
        lambda encoder, both: encoder == "none" and both,
        "model.bidirectional=true reads a source from both its ends, and model.encoder=none reads no steps: "
        "set model.bidirectional=false or task.encoder=recurrent",
    ),
    Contradiction(
        ("groups.cell@decoder_cell", "model._target_"),
        lambda cell, model: cell != "null" and model == RECURRENT,
        "cell@decoder_cell={0} is the cell of a decoder, and model=recurrent is none: leave it out",
    ),
    Contradiction(
        ("model.shared_embedding", "data.vocabulary"),
        lambda shared, vocabulary: shared and vocabulary != "joint",
        "model.shared_embedding=true needs one vocabulary of both sides, and data.vocabulary={1} makes two: "
        "set data.vocabulary=joint or model.shared_embedding=false",
    ),
    Contradiction(
        ("model.shared_embedding", "data._target_"),
        lambda shared, data: shared and data in ANSWERS and data != TWO_VOCABULARIES,
        "model.shared_embedding=true needs a source and answers of one vocabulary, and this data has none: "
        "set model.shared_embedding=false",
    ),
    Contradiction(
        ("model.shared_embedding", "model.embedding_size"),
        lambda shared, size: shared and size is None,
        "model.shared_embedding=true shares an embedding, and model.embedding_size=null makes none: "
        "set model.embedding_size, or model.shared_embedding=false",
    ),
    Contradiction(
        ("training.scheduled_sampling", "model._target_"),
        lambda share, model: share > 0 and model == RECURRENT,
        "training.scheduled_sampling={0} lets a decoder read what it wrote, and model=recurrent is none: "
        "set training.scheduled_sampling=0 or model=encoder_decoder",
    ),
    Contradiction(
        ("data._target_", "task._target_"),
        lambda data, task: data in STREAMS and task in WRITING,
        "a running text is read from end to end and has no answers to write: set task=many_to_many model=recurrent",
    ),
    Contradiction(
        ("attention._target_", "attention.score"),
        lambda target, score: target == "seqnet.attention.multi_head.MultiHead" and score == "general",
        "attention.score=general puts a matrix between query and key, which each head's own projections already are: "
        "set attention.score to dot, scaled_dot or additive",
    ),
    Contradiction(
        ("attention._target_", "attention.num_heads", "model.hidden_size"),
        lambda target, heads, width: target == "seqnet.attention.multi_head.MultiHead" and width % heads != 0,
        "attention.num_heads={1} does not divide model.hidden_size={2}, the width that the heads share: "
        "change one of them",
    ),
    Contradiction(
        ("training.patience", "training.evaluate_every_steps", "training.max_steps"),
        lambda patience, every, steps: None not in (patience, every, steps) and every * patience >= steps,
        "training.patience={0} evaluations, one every training.evaluate_every_steps={1} steps, are never waited for "
        "within training.max_steps={2}: lower one of them, or set training.patience=null",
    ),
    Contradiction(
        ("groups.task", "task._target_", "data._target_"),
        lambda name, task, data: task in ASKED_BY and data in ANSWERS and ASKED_BY[task][0] != ANSWERS[data][0],
        _other_task,
    ),
    Contradiction(
        ("groups.objective", "objective._target_", "task._target_"),
        lambda name, objective, task: task in WRITING and objective in (CLASSIFICATION, MULTI_LABEL, TAGS),
        "objective={0} does not tell the loss of each step, which a task that writes needs: set objective=tokens, or "
        "of numbers objective=regression",
    ),
    Contradiction(
        ("groups.objective", "objective._target_", "data._target_"),
        lambda name, objective, data: (
            objective in JUDGED_BY and data in ANSWERS and ANSWERS[data][1] not in JUDGED_BY[objective]
        ),
        _other_objective,
    ),
    Contradiction(
        ("objective._target_", "data._target_"),
        lambda objective, data: objective == ADAPTIVE and data in ANSWERS and data not in (*STREAMS, TWO_VOCABULARIES),
        "objective=adaptive needs a vocabulary in order of frequency, which running and parallel text have, and this "
        "data has none: set objective=tokens, or one that goes with it",
    ),
    Contradiction(
        ("objective._target_", "data.level"),
        lambda objective, level: objective == ADAPTIVE and level == "bpe",
        "objective=adaptive needs a vocabulary in order of frequency, and data.level=bpe has one in the order in which "
        "pairs were merged: set data.level=words or objective=tokens",
    ),
    Contradiction(
        ("objective._target_", "model.tied"),
        lambda objective, tied: objective == ADAPTIVE and tied,
        "model.tied=true makes one weight of the token embedding and the output layer, and that of objective=adaptive "
        "has several: set model.tied=false or objective=tokens",
    ),
    Contradiction(
        ("objective.one_logit", "data._target_"),
        lambda one, data: one and data in (DIGITS, COPY_MEMORY, *STREAMS),
        "objective.one_logit=true tells two classes apart, and this data has more: set objective.one_logit=false",
    ),
    Contradiction(
        ("task.metrics", "objective._target_"),
        lambda metrics, objective: objective == REGRESSION and not {"mse", "mae"}.issuperset(metrics),
        "task.metrics={0} compares tokens, and objective=regression writes numbers: choose mse and mae",
    ),
    Contradiction(
        ("task.metrics", "objective._target_"),
        lambda metrics, objective: objective in (TOKENS, ADAPTIVE) and not {"mse", "mae"}.isdisjoint(metrics),
        "task.metrics={0} compares numbers, and this objective writes tokens: leave mse and mae out",
    ),
    Contradiction(
        ("training.monitor", "objective._target_", "task._target_"),
        lambda monitor, objective, task: (
            objective in SCORES and task in (MANY_TO_ONE, MANY_TO_MANY) and monitor not in SCORES[objective]
        ),
        lambda monitor, objective, task: _no_score(monitor, SCORES[objective]),
    ),
    Contradiction(
        ("training.monitor", "objective._target_", "task._target_", "task.metrics"),
        lambda monitor, objective, task, metrics: (
            objective in SCORES and task in WRITING and monitor not in (*SCORES[objective], *metrics)
        ),
        lambda monitor, objective, task, metrics: _no_score(monitor, (*SCORES[objective], *metrics)),
    ),
    Contradiction(
        ("optimizer.nesterov", "optimizer.momentum", "optimizer.dampening"),
        lambda nesterov, momentum, dampening: nesterov and (momentum == 0 or dampening != 0),
        "optimizer.nesterov=true needs optimizer.momentum above 0 and optimizer.dampening=0",
    ),
    Contradiction(
        ("data.train_share", "data.valid_share"),
        lambda train, valid: train + valid >= 1,
        "data.train_share={0} and data.valid_share={1} leave nothing to the test split: make their sum less than 1",
    ),
    Contradiction(
        ("data.valid_share", "data.test_share"),
        lambda valid, test: valid + test >= 1,
        "data.valid_share={0} and data.test_share={1} leave nothing to train on: make their sum less than 1",
    ),
    Contradiction(
        ("decoding.n_best", "decoding.beam_size"),
        lambda best, size: best > size,
        "decoding.n_best={0} is above decoding.beam_size={1}, and no more hypotheses are followed: lower it",
    ),
    Contradiction(
        ("decoding.coverage_penalty", "groups.attention"),
        lambda penalty, attention: penalty > 0 and attention == "none",
        "decoding.coverage_penalty={0} asks what attention covered, and attention={1} covers nothing: "
        "choose an attention, or set decoding.coverage_penalty=0",
    ),
    Contradiction(
        ("decoding.min_length", "decoding.max_length"),
        lambda least, most: most is not None and least > most,
        "decoding.min_length={0} is above decoding.max_length={1}: lower it",
    ),
    Contradiction(
        ("data.first_year", "data.last_year"),
        lambda first, last: first > last,
        "data.first_year={0} is after data.last_year={1}",
    ),
    Contradiction(
        ("data.min_speed", "data.max_speed"),
        lambda least, most: least > most,
        "data.min_speed={0} is above data.max_speed={1}",
    ),
)

_ABSENT = object()


def contradiction(config: Mapping[str, Any]) -> str | None:
    """The sentence of the first contradiction in a nested configuration, or None."""
    for rule in CONTRADICTIONS:
        values = [lookup(config, key) for key in rule.keys]
        if _ABSENT in values or not rule.clash(*values):
            continue
        if callable(rule.sentence):
            return rule.sentence(*values)
        return rule.sentence.format(*(shown(value) for value in values))
    return None


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

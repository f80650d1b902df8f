"""Configurations drawn at random from the yamls: each bad one is refused before anything is read, no good one is."""

import dataclasses
import functools
import inspect
import random
import re
import string
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import yaml

from seqnet import build, relations
from seqnet import options as said
from seqnet.commands import train
from seqnet.configuration import CONFIGS, compose, leaves, quoted
from seqnet.errors import ConfigurationError
from seqnet.fits import laws
from seqnet.kinds import Axis
from seqnet.options import shown

# --------------------------------------------------------------------------------------------- what the yamls say


@functools.cache
def read(group: str, choice: str) -> dict[str, Any]:
    return yaml.safe_load((CONFIGS / group / f"{choice}.yaml").read_text(encoding="utf-8")) or {}


@functools.cache
def choices(group: str) -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in (CONFIGS / group.partition("@")[0]).glob("*.yaml")))


DEFAULTS = {
    group: choice
    for entry in read("", "train")["defaults"]
    if isinstance(entry, dict)
    for group, choice in entry.items()
    if not group.startswith("override")
}
EXPERIMENTS = choices("experiment")


def of_experiment(experiment: str) -> tuple[dict[str, str], dict[str, Any]]:
    """What an experiment and those that it builds on choose, and what they set."""
    made: dict[str, str] = {}
    values: dict[str, Any] = {}
    for entry in read("experiment", experiment)["defaults"]:
        if isinstance(entry, dict):
            made |= {key.removeprefix("override ").removeprefix("/"): choice for key, choice in entry.items()}
        elif entry != "_self_":
            choices_before, values_before = of_experiment(entry)
            made, values = choices_before | made, values_before | values
    own = {key: value for key, value in read("experiment", experiment).items() if key != "defaults"}
    return made, values | leaves(own)


def chosen(experiment: str) -> dict[str, str | None]:
    """The choice of each group under an experiment, and of those within other groups: data/format and fields."""
    made: dict[str, str | None] = {**DEFAULTS, **of_experiment(experiment)[0], "experiment": experiment}
    for entry in read("data", str(made["data"])).get("defaults", ()):
        if isinstance(entry, dict):
            made = {f"data/{group}": choice for group, choice in entry.items()} | made
    return made


def package_of(group: str) -> str:
    """Where the options of a group stand: `decoder_cell`, `data.format`, `data.fields.text`."""
    return group.partition("@")[2] or group.replace("/", ".")


def group_of(groups: Iterable[str], package: str) -> str:
    """The group whose options stand there, or around it."""
    inside = [name for name in groups if f"{package}.".startswith(f"{package_of(name)}.")]
    return max(inside, key=lambda name: len(package_of(name)), default=package)


def options(groups: dict[str, str | None]) -> dict[str, Any]:
    """Every option of those choices, with its yaml's default."""
    found = leaves({key: value for key, value in read("", "train").items() if key not in ("defaults", "hydra")})
    for group, choice in groups.items():
        if choice is None or group in ("experiment", "debug"):
            continue
        folder = group.partition("@")[0]
        for key, value in leaves(read(folder, choice)).items():
            named = key.rpartition(".")[2]
            of_its_own = named == "_target_" or key in ("attention", "defaults") or isinstance(value, dict)
            if folder != "sweep" and not of_its_own and "${" not in str(value):
                found[f"{package_of(group)}.{key}"] = value
    return found


def option_of(groups: dict[str, str | None], key: str, default: Any) -> said.Option:
    """What an option may hold, as its class says it, or the section that it stands in."""
    package, _, last = key.rpartition(".")
    group = group_of(groups, package)
    target = read(group.partition("@")[0], groups[group] or "").get("_target_") if groups.get(group) else None
    if package == "data.rows":
        target = "seqnet.data.grouping.Grouping"
    takes = said.of(build.locate(target, None)) if target and not target.startswith("torch.") else {}
    return takes.get(last) or relations.option(key, default)


def general(key: str) -> str:
    """The name under which an option stands below: that of a field, whatever the field is called, is of `field`."""
    return re.sub(r"^data\.fields\.\w+\.", "field.", key)


def keys_of(group: str, choice: str) -> set[str]:
    return set(options({group: choice})) - set(options({}))


def asks_next(experiment: str) -> bool:
    """Whether it asks of what it reads what comes next."""
    made, values = of_experiment(experiment)
    return made.get("data") in ("ball", "python_docs", None) or values.get("data.target") in values.get(
        "data.inputs", ()
    )


COMPLETE = [name for name in EXPERIMENTS if name != "blank"]  # which is what is left to be said
WRITING = [name for name in COMPLETE if chosen(name)["model"] == "encoder_decoder"]
READING = [name for name in COMPLETE if chosen(name)["model"] == "recurrent"]
NEXT = [name for name in READING if asks_next(name)]
STREAMS = [name for name in NEXT if chosen(name)["data"] == "python_docs" or "text" in chosen(name).values()]
FROM_NOTHING = ["compose"]
ROWS = [name for name in READING if name not in STREAMS]
DRAWN = [name for name in EXPERIMENTS if "train_size" in read("data", str(chosen(name)["data"]))]

# what the yamls do not say of a key: whether it may be null though its default is not, and its range

OR_NULL = {
    "training.clip_norm",
    "training.max_epochs",
    "model.embedding_size",
    "checkpoint.every_minutes",
    "data.name",
    "field.normalise",
}
TEXTS = relations.TEXTS | {"run_dir", "init_from", "field.column", "data.format.encoding"}
COLUMNS = {"data.rows.group", "data.rows.order", "data.split_column"}  # names or positions
SIGNED = COLUMNS | {"cell.forget_bias", "optimizer.beta2_decay"}
FROM_ZERO = SIGNED | {
    "seed",
    "attention.entropy",
    "attention.window",
    "data.max_speed",
    "data.min_speed",
    "data.num_workers",
    "data.test_share",
    "data.transpose",
    "field.highest",
    "field.lowest",
    "field.transpose",
    "decoding.coverage_penalty",
    "decoding.length_penalty",
    "decoding.min_length",
    "decoding.no_repeat_ngram",
    "objective.label_smoothing",
    "optimizer.alpha",
    "optimizer.dampening",
    "optimizer.initial_accumulator_value",
    "optimizer.lambd",
    "optimizer.lr_decay",
    "optimizer.momentum",
    "optimizer.momentum_decay",
    "optimizer.rho",
    "optimizer.weight_decay",
    "model.dropout",
    "model.input_dropout",
    "model.output_dropout",
    "schedule.final",
    "schedule.patience",
    "schedule.warmup_steps",
    "training.scheduled_sampling",
}
BELOW_ONE = {
    "decoding.typical_p",
    "data.test_share",
    "data.train_share",
    "data.valid_share",
    "model.dropout",
    "model.input_dropout",
    "model.output_dropout",
    "objective.label_smoothing",
    "optimizer.momentum",
    "training.ema_decay",
}
TO_ONE = {
    "decoding.min_p",
    "decoding.top_p",
    "optimizer.alpha",
    "optimizer.dampening",
    "optimizer.rho",
    "schedule.factor",
    "schedule.final",
    "training.scheduled_sampling",
}
FRACTIONS = {  # of null defaults
    "decoding.diversity",
    "decoding.min_p",
    "decoding.top_p",
    "decoding.typical_p",
    "training.clip_value",
    "training.ema_decay",
    "training.max_minutes",
}
SIZES = {"model.hidden_size", "model.embedding_size", "model.num_layers", "data.num_workers", "threads", "data.digits"}
LISTS = {
    "optimizer.betas": ("[0.9]", "[0.9,1.0]", "[0.9,-0.1]", "[0.9,nan]", "[0.9,abc]", "[]", "[0.8,0.9,0.99]"),
    "optimizer.eps": ("[0.1]", "[null,-1]", "[-0.1,0.1]", "[1e-30,0.1]", "[]", "[abc,0.1]", "[0.1,null]"),
    "optimizer.etas": ("[1.2,0.5]", "[0.5]", "[0.0,1.2]", "[0.5,inf]"),
    "optimizer.step_sizes": ("[-1,1]", "[0.1]", "[0.1,nan]", "[1,0.1]"),
    "data.inputs": ("[1]", "[null]", "[nothing]", "[[text]]", "['']"),
    "schedule.milestones": ("[1.0]", "[-0.1]", "[0.5,abc]", "[]", "[0.5,0.5]"),
    "task.metrics": ("[bleu,bleu]", "[1]", "[null]", "[[bleu]]"),
    "trust": ("[1]", "[null]", "[my.module]", "['']", "['a b']", "[[a]]"),
}


def is_a_number(key: str, default: Any) -> bool:
    if isinstance(default, bool) or general(key) in TEXTS | COLUMNS:
        return False
    return default is None or isinstance(default, (int, float))


def plural(key: str, default: Any) -> bool:
    return isinstance(default, float) or key in FRACTIONS


# ------------------------------------------------------------------------------------------------ bad ones


@dataclasses.dataclass(frozen=True)
class Bad:
    """A command line that cannot be right. named: what the sentence must hold."""

    arguments: tuple[str, ...]
    named: tuple[str, ...]
    meant: frozenset[str] | None = None  # of a misspelling: what it should be, any of those as near

    @property
    def line(self) -> str:
        return " ".join(self.arguments)


class Draw(random.Random):
    """Draws an experiment, and mistakes in what stands in its yamls."""

    def __init__(self, seed: int, experiments: list[str] | tuple[str, ...] = EXPERIMENTS) -> None:
        super().__init__(seed)
        self.experiment = self.choice(experiments)
        self.groups = chosen(self.experiment)
        self.options = options(self.groups)
        self.next = self.experiment in NEXT

    def bad(self, typed: str, *named: str, meant: Iterable[str] | None = None) -> Bad:
        """That override, beside this experiment."""
        right = None if meant is None else frozenset(meant)
        return Bad(("train", f"experiment={self.experiment}", typed), named, right)

    def key(self, fits: Callable[[str, Any], bool]) -> str:
        return self.choice(sorted(key for key, default in self.options.items() if fits(key, default)))

    def typo(self, word: str, known: Iterable[str]) -> str:
        """One letter left out, doubled or replaced, or two swapped."""
        known = set(known)
        while True:
            at = self.randrange(len(word))
            before, letter, after = word[:at], word[at], word[at + 1 :]
            made = self.choice(
                (
                    before + after,
                    before + letter + letter + after,
                    before + after[:1] + letter + after[1:],
                    before + self.choice(string.ascii_lowercase) + after,
                )
            )
            if made.isidentifier() and made not in known:
                return made


def edits(one: str, other: str) -> int:
    """How many letters to leave out, add or replace, or neighbours to swap, to make one word of the other."""
    rows = [list(range(len(other) + 1))]
    for i, a in enumerate(one, 1):
        row = [i]
        for j, b in enumerate(other, 1):
            row.append(min(row[-1] + 1, rows[-1][j] + 1, rows[-1][j - 1] + (a != b)))
            if i > 1 and j > 1 and (one[i - 2], a) == (b, other[j - 2]):
                row[-1] = min(row[-1], rows[-2][j - 2] + 1)
        rows.append(row)
    return rows[-1][-1]


def nearest(word: str, known: Iterable[str]) -> list[str]:
    """Those that fewest edits lead to."""
    by_distance = sorted((edits(word, name), name) for name in known)
    return [name for distance, name in by_distance if distance == by_distance[0][0]]


def value(default: Any) -> str:
    return shown("x" if default is None else default)


def misspelt_key(draw: Draw) -> Bad:
    key = draw.key(lambda key, _: True)
    package, dot, last = key.rpartition(".")
    group = group_of(draw.groups, package)
    every = {name for choice in choices(group) for name in keys_of(group, choice)} if dot else set()
    alike = {name.rpartition(".")[2] for name in {*draw.options, *every}}
    wrong = f"{package}{dot}{draw.typo(last, {*alike, *draw.groups})}"
    meant = nearest(wrong, [*draw.options, *([] if dot else draw.groups)])
    return draw.bad(f"{draw.choice(('', '', '+', '++'))}{wrong}={value(draw.options[key])}", wrong, meant=meant)


def misspelt_group_of_a_key(draw: Draw) -> Bad:
    key = draw.key(lambda key, _: "." in key)
    *parts, last = key.split(".")
    place = draw.randrange(len(parts))
    known = {part for name in (*draw.options, *draw.groups) for part in name.split(".")}
    parts[place] = draw.typo(parts[place], {*known, "decoder_cell", "debug"})
    wrong = ".".join((*parts, last))
    meant = nearest(wrong, draw.options)
    return draw.bad(f"{draw.choice(('', '+', '++'))}{wrong}={value(draw.options[key])}", wrong, meant=meant)


def wrong_group(draw: Draw) -> Bad:
    key = draw.key(lambda key, _: "." in key)
    last = key.rpartition(".")[2]
    others = {name.rpartition(".")[0]: "" for name in draw.options if "." in name}
    others = {package: group_of(draw.groups, package) for package in sorted(others)}
    free = [
        package
        for package, group in others.items()
        if not any(f"{package}.{last}" in keys_of(group, choice) for choice in choices(group))
        and f"{package}.{last}" not in draw.options
    ]
    wrong = f"{draw.choice(free)}.{last}"
    namesakes = [name for name in draw.options if name.rpartition(".")[2] == last]
    return draw.bad(f"{draw.choice(('', '+'))}{wrong}={value(draw.options[key])}", wrong, meant=namesakes)


def no_group(draw: Draw) -> Bad:
    known = {*draw.groups, *(key for key in draw.options if "." not in key)}
    key = draw.key(lambda key, _: "." in key and key.rpartition(".")[2] not in known)
    last = key.rpartition(".")[2]
    namesakes = [name for name in draw.options if name.rpartition(".")[2] == last]
    return draw.bad(f"{draw.choice(('', '+'))}{last}={value(draw.options[key])}", last, meant=namesakes)


def key_of_another_choice(draw: Draw) -> Bad:
    found = [
        (group, key)
        for group, made in sorted(draw.groups.items(), key=str)
        if group not in ("experiment", "debug", "sweep", "cell@decoder_cell")
        for choice in choices(group)
        if choice != made
        for key in sorted(keys_of(group, choice) - draw.options.keys())
    ]
    group, key = draw.choice(found)
    owners = [f"{group}={choice}" for choice in choices(group) if key in keys_of(group, choice)]
    return draw.bad(f"{draw.choice(('', '+'))}{key}=1", key, meant=owners)


def misspelt_choice(draw: Draw) -> Bad:
    group = draw.choice(sorted(set(draw.groups) - {"experiment"}))
    wrong = draw.typo(draw.choice(choices(group)), (*choices(group), "null", "on", "no", "off", "yes"))
    return draw.bad(f"{group}={wrong}", group.partition("@")[0], f"'{wrong}'", meant=nearest(wrong, choices(group)))


def misspelt_experiment(draw: Draw) -> Bad:
    wrong = draw.typo(draw.experiment, EXPERIMENTS)
    return Bad(
        ("train", f"experiment={wrong}"),
        ("experiment", f"'{wrong}'"),
        frozenset(nearest(wrong, EXPERIMENTS)),
    )


def misspelt_group(draw: Draw) -> Bad:
    known = {*draw.groups, "hydra", "field", "format", *(key for key in draw.options if "." not in key)}
    group = draw.choice(sorted(draw.groups))
    folder, at, package = group.partition("@")
    within, slash, own = folder.rpartition("/")
    misspelt = f"{within}{slash}{draw.typo(own, known)}"
    if folder == "cell" and at:
        misspelt = folder
        package = draw.typo(package, known)
    wrong = f"{misspelt}{at}{package}"
    typed = f"{draw.choice(('', '+'))}{wrong}={draw.choice(choices(group))}"
    return draw.bad(typed, f"'{wrong}'", meant=nearest(wrong, [*known, "cell@decoder_cell"]))


def misspelt_word(draw: Draw) -> Bad:
    def words(key: str) -> tuple[str, ...]:
        default = draw.options[key]
        return ("true", "false") if isinstance(default, bool) else option_of(draw.groups, key, default).choices

    key = draw.key(lambda key, _: bool(words(key)))
    wrong = draw.typo(draw.choice(words(key)), words(key))
    typed = f"[{wrong}]" if isinstance(draw.options[key], list) else wrong
    return draw.bad(f"{key}={typed}", f"{key}={typed} must be", meant=nearest(wrong, words(key)))


def wrong_type(draw: Draw) -> Bad:
    key = draw.key(lambda key, _: general(key) not in TEXTS)
    default = draw.options[key]
    if isinstance(default, bool):
        wrong = ["2", "0", "maybe", "[true]", "null", "1.5", "'true'"]
    elif isinstance(default, list):
        wrong = ["3", "abc", "true", "null"]
    elif key in COLUMNS:
        wrong = ["1.5", "true", "[text]", "''"]
    elif isinstance(default, str):
        wrong = ["3", "1.5", "true", f"[{default}]", "''"]
    elif plural(key, default):
        wrong = ["abc", "true", "[0.1]", "'0.5'", "''"]
    else:
        wrong = ["abc", "true", "[1]", "1.5", "'3'", "''"]
    if isinstance(default, (int, float, str)) and not isinstance(default, bool) and general(key) not in OR_NULL:
        wrong.append("null")
    return draw.bad(f"{key}={draw.choice(wrong)}", f"{key}=")


def mapping(draw: Draw) -> Bad:
    key = draw.key(lambda key, _: general(key) not in TEXTS)
    return draw.bad(f"{key}={draw.choice(('{a: 1}', '{value: 3}'))}", key)


def list_of_what_it_cannot_be(draw: Draw) -> Bad:
    key = draw.key(lambda key, default: isinstance(default, list))
    return draw.bad(f"{key}={draw.choice(LISTS[key])}", f"{key}=")


def out_of_range(draw: Draw) -> Bad:
    key = draw.key(is_a_number)
    whole = not plural(key, draw.options[key])
    wrong = []
    if general(key) not in SIGNED:
        wrong += ["-1", "-1000"] if whole else ["-1", "-0.001", "-1e-9"]
    nothing_held_out = key == "data.valid_share" and draw.groups["data"] == "table"
    if general(key) not in FROM_ZERO and not nothing_held_out:
        wrong.append("0")
    if key in BELOW_ONE:
        wrong += ["1", "1.5"]
    elif key in TO_ONE:
        wrong += ["1.001", "2"]
    if key in SIZES:
        wrong += ["1000000", "1000000000"]
    wrong += [str(2**64), str(10**30), str(-(2**64))] if whole else ["1e300", "-1e300", str(10**40)]
    return draw.bad(f"{key}={draw.choice(wrong)}", f"{key}=")


def not_finite(draw: Draw) -> Bad:
    key = draw.key(is_a_number)
    return draw.bad(f"{key}={draw.choice(('nan', 'NaN', 'inf', '-inf', '1e400', '-1e400', '.nan', '.inf'))}", f"{key}=")


def wrong_choice_type(draw: Draw) -> Bad:
    group = draw.choice(sorted(set(draw.groups) - {"experiment", "debug", "cell@decoder_cell"}))
    return draw.bad(f"{group}={draw.choice(('4', 'true', 'null', '1.5', '{a: 1}'))}", group)


def unreadable(draw: Draw) -> Bad:
    """What Hydra's grammar cannot read, or reads as something that a run cannot be made of."""
    key = draw.key(lambda key, default: general(key) not in TEXTS)
    typed = draw.choice(
        (
            f"{key}",
            f"{key}=[1,2",
            f"{key}=1]",
            f"{key}={{a:1",
            f"{key}='abc",
            f"{key}=a=b",
            f"{key}=(1",
            f"{key}=1,2",
            f"{key}=choice(1,2)",
            f"{key}=range(1,4)",
            f"{key}=${{nowhere}}",
            f"{key}=${{nowhere:1}}",
            f"{key}=${{",
            f"{key}=???",
            f"~{key}",
            f"={key}",
            f"{key}.=1",
            f".{key}=1",
            f"+{key}",
            f"--{key}=1",
        )
    )
    return draw.bad(typed, key)


def misused(draw: Draw) -> Bad:
    """What Hydra would take, and makes no run, or files that nobody asked for."""
    group = draw.choice(sorted(name for name in draw.groups if "@" not in name))
    made = draw.choice(choices(group))
    return draw.bad(
        *draw.choice(
            (
                (f"{group}=[{made}]", f"{group}="),
                (f"{group}={made},{draw.choice(choices(group))}", f"{group}="),
                (f"+{group}={made}", group),
                (f"++{group}={made}", group),
                (f"+{group}@extra={made}", f"{group}@extra"),
                (f"--{group}={made}", f"--{group}"),
                ("hydra.run.dir=elsewhere", "hydra.run.dir"),
                ("hydra.output_subdir=elsewhere", "hydra.output_subdir"),
                ("hydra/job_logging=default", "hydra/job_logging"),
                ("hydra.mode=MULTIRUN", "hydra.mode"),
                ("--config-name=evaluate", "--config-name"),
                ("--config-dir=nowhere", "--config-dir"),
            )
        )
    )


def capitals(draw: Draw) -> Bad:
    key = draw.key(lambda key, _: "." in key)
    group, _, last = key.rpartition(".")
    wrong = draw.choice((f"{group}.{last.upper()}", f"{group.title()}.{last}", f"{group.title()}.{last.title()}"))
    return draw.bad(f"{wrong}={value(draw.options[key])}", wrong, meant=[key])


def unprintable(draw: Draw) -> Bad:
    keys = [key for key in ("run_dir", "init_from", "resume", "data.path", "data.name") if key in draw.options]
    key = draw.choice(keys)
    wrong = draw.choice(("a\0b", "\0", "two\nlines", "", "x" * 300, "/".join(["ab"] * 2000)))
    return draw.bad(f"{key}={wrong}", f"{key}=")


def another_command(draw: Draw) -> Bad:
    command = draw.choice(("evaluate", "predict", "generate"))
    known = leaves({key: value for key, value in read("", command).items() if key not in ("defaults", "hydra")})
    key = draw.choice(sorted(known))
    group, dot, last = key.rpartition(".")
    if draw.random() < 0.7:
        taken = {name.rpartition(".")[2] for name in known} | {"decoding"}
        wrong = f"{group}{dot}{draw.typo(last, taken)}"
        return Bad((command, f"{wrong}=1"), (wrong,), frozenset(nearest(wrong, [*known, "decoding"])))
    typed = {"run": "a\0b", "device": "gpu", "precision": "fp8", "split": "tests", "trust": "a"}.get(last)
    wrong = typed or ("-1" if last in ("seed", "samples", "length", "temperature", "top_k", "top_p") else "{a: 1}")
    if wrong == "{a: 1}" and key in TEXTS:
        wrong = "\0"
    return Bad((command, f"{key}={wrong}"), (key,))


KINDS: tuple[Callable[[Draw], Bad], ...] = (
    misspelt_key,
    out_of_range,
    misspelt_choice,
    wrong_type,
    wrong_group,
    misspelt_experiment,
    not_finite,
    misspelt_group,
    unreadable,
    misspelt_key,
    misspelt_word,
    mapping,
    key_of_another_choice,
    list_of_what_it_cannot_be,
    misspelt_group_of_a_key,
    out_of_range,
    no_group,
    wrong_choice_type,
    wrong_type,
    unprintable,
    misspelt_key,
    another_command,
    misused,
    capitals,
)

# What clashes: a command line, and the keys that its refusal must name. <small> is below <large>.
CLASHES = (
    (
        "<any> training.max_steps=null training.max_epochs=null training.max_minutes=null",
        "training.max_steps training.max_epochs training.max_minutes",
    ),
    ("<any> training.clip_norm=<large> training.clip_value=<small>", "training.clip_norm training.clip_value"),
    ("<row> training.window=null training.stride=<small>", "training.stride training.window"),
    ("<any> training.window=<small> training.stride=<large>", "training.stride training.window"),
    ("<stream> training.window=<large> model.bidirectional=true", "model.bidirectional"),
    ("<stream> training.window=null", "training.window"),
    ("<stream> data.batch_tokens=<large>", "data.batch_tokens data.batch_size"),
    ("<whole> model.bidirectional=true training.window=<small>", "model.bidirectional training.window"),
    ("<stream> task=many_to_one", "task=many_to_one"),
    ("<stream> task=<writing_task> model=encoder_decoder", "task=many_to_many"),
    ("experiment=digits objective=<step_objective>", "objective="),
    ("experiment=sst2 objective=<step_objective>", "objective="),
    ("<step> task.readout=<one_readout>", "model.readout task=many_to_many"),
    ("experiment=digits task.readout=all", "model.readout task=many_to_one"),
    ("<any> model.tied=true model.embedding_size=null", "model.tied model.embedding_size"),
    ("<stream> model.tied=true model.embedding_size=<small> model.hidden_size=<large>", "model.tied model.hidden_size"),
    ("<reading> attention=<attention>", "attention="),
    ("experiment=compose attention=<attention>", "attention="),
    ("<sourced> attention=none model.input_feeding=true", "model.input_feeding attention=none"),
    ("experiment=dates model.bidirectional=true model.bridge=copy", "model.bridge model.bidirectional"),
    (
        "experiment=sort model.bidirectional=false model.bridge=copy cell=lstm cell@decoder_cell=<short_cell>",
        "model.bridge cell@decoder_cell",
    ),
    ("<any> cell=<gated> cell.recurrent_init=identity", "cell.recurrent_init"),
    (
        "<sourced> model.bridge=linear cell@decoder_cell=<gated> decoder_cell.recurrent_init=identity",
        "decoder_cell.recurrent_init",
    ),
    ("<any> cell._target_=seqnet.cells.<cell>.Nothing", "seqnet.cells. Nothing"),
    ("<any> objective._target_=nothing.Here", "nothing.Here"),
    ("<vectors> model.bridge=copy", "model.bridge model.encoder"),
    ("experiment=digit_captions task.encoder=none model.bidirectional=true", "model.encoder model.bidirectional"),
    ("<reading> cell@decoder_cell=<cell>", "cell@decoder_cell model=recurrent"),
    ("experiment=multi30k model.shared_embedding=true", "model.shared_embedding vocabulary"),
    (
        "experiment=multi30k model.shared_embedding=true data.fields.en.vocabulary=de model.embedding_size=null "
        "model.tied=false",
        "model.shared_embedding model.embedding_size",
    ),
    ("<writing_own> model.shared_embedding=true", "model.shared_embedding"),
    ("<reading> training.scheduled_sampling=<share>", "training.scheduled_sampling model=recurrent"),
    ("<sourced> attention=multi_head attention.score=general", "attention.score"),
    ("<sourced> attention=multi_head attention.num_heads=7", "attention.num_heads model.hidden_size"),
    (
        "<any> training.patience=<large> training.evaluate_every_steps=<large> training.max_steps=<small>",
        "training.patience training.evaluate_every_steps training.max_steps",
    ),
    ("<any> training.monitor=nothing", "training.monitor"),
    ("<numbers> training.monitor=accuracy", "training.monitor"),
    ("experiment=dates training.monitor=bleu", "training.monitor"),
    ("experiment=digits training.monitor=entity_f1", "training.monitor"),
    ("<any> optimizer=sgd optimizer.nesterov=true", "optimizer.nesterov optimizer.momentum"),
    (
        "<any> optimizer=sgd optimizer.nesterov=true optimizer.momentum=0.9 optimizer.dampening=<share>",
        "optimizer.nesterov optimizer.dampening",
    ),
    ("<scanned> data.train_share=0.<large> data.valid_share=0.9", "data.train_share data.valid_share"),
    ("<filed> data.valid_share=0.6 data.test_share=0.5", "data.valid_share data.test_share"),
    (
        "<sourced> decoding=beam decoding.beam_size=<small> decoding.n_best=<large>",
        "decoding.n_best decoding.beam_size",
    ),
    ("<sourced> decoding=beam attention=none decoding.coverage_penalty=<share>", "decoding.coverage_penalty attention"),
    (
        "<any> decoding=<decoding> decoding.min_length=<large> decoding.max_length=<small>",
        "decoding.min_length decoding.max_length",
    ),
    ("experiment=dates data.first_year=20<large> data.last_year=19<large>", "data.first_year data.last_year"),
    ("experiment=dates data.first_year=2000 data.last_year=2000 data.valid_size=1<large>0", "data.valid_size"),
    ("experiment=addition data.digits=1", "data.digits data.train_size"),
    ("experiment=ball data.min_speed=<large> data.max_speed=<small>", "data.min_speed data.max_speed"),
    ("experiment=adding data.length=1", "data.length"),
    ("<any> optimizer=rprop optimizer.step_sizes=[<large>,<small>]", "optimizer.step_sizes"),
    ("<one> task=many_to_many", "task=many_to_many task=many_to_one"),
    ("<step> task=many_to_one", "task=many_to_one task=many_to_many"),
    ("<reading_own> task=<writing_task> model=encoder_decoder", "task="),
    ("<writing_own> task=many_to_many model=recurrent attention=none", "task=many_to_many"),
    ("<numbers> objective=<class_objective>", "objective="),
    ("<classes> objective=<number_objective>", "objective="),
    ("experiment=copy_memory objective=tags", "objective=tags"),
    ("<sourced> objective=classification", "objective=classification"),
    ("<sourced> task.metrics=[mse]", "task.metrics"),
    ("experiment=digit_average task.metrics=[bleu]", "task.metrics"),
    ("experiment=digit_captions model.embedding_size=null", "model.embedding_size"),
    ("<many_classes> objective=classification objective.one_logit=true", "objective.one_logit"),
    ("<numbers> model.tied=true", "model.tied"),
    ("experiment=digits model.tied=true model.embedding_size=<small>", "model.tied"),
    ("experiment=sst2 model.tied=true", "model.tied"),
    ("experiment=digit_average model.tied=true", "model.tied"),
    ("<row> sweep=<sampler>", "sweep="),
    ("<any> sweep=grid", "sweep="),
    ("<any> seed=<small> seed=<large>", "seed"),
    ("experiment=python_docs data.num_workers=2", "data.num_workers"),
    ("<sourced> attention=hard attention.estimator=gumbel attention.entropy=0.<large>", "attention.entropy"),
    ("experiment=digit_average decoding=beam", "decoding=beam rolled"),
    ("<any> checkpoint.average_best=true", "checkpoint.average_best checkpoint.keep_best"),
    ("experiment=ball model.bidirectional=true", "model.bidirectional"),
    ("experiment=wnut17 task=seq2seq model=encoder_decoder", "task="),
    ("experiment=compose model.bridge=zero", "model.bridge"),
    ("<tabled> field@data.fields.more=number", "field@data.fields.more=number data.inputs data.target"),
    ("<drawn> field@data.fields.more=number", "field@data.fields.more=number data=table"),
    ("<tabled> data.target=nothing", "data.target=nothing"),
    ("experiment=blank", "data.inputs data.target"),
    ("experiment=sst2 data.inputs=[label,label] data.target=text", "data.inputs=label,label"),
    ("experiment=sst2 data.inputs=[text,label] data.target=label", "data.target=label data.inputs"),
    ("experiment=sst2 data.horizon=<small>", "data.horizon=<small> data.inputs data.target"),
    ("<tabled> data.rows.every=<small>", "data.rows.every=<small> data.rows.length"),
    ("experiment=multi30k data.fields.en.vocabulary=<field>", "data.fields.en.vocabulary=<field>"),
    ("experiment=sst2 field@data.fields.label=tags", "label text data.inputs"),
    ("experiment=wnut17 field@data.fields.tag=label", "task=many_to_many"),
    ("experiment=jsb_chorales field@data.fields.notes=number", "data.target=notes data.inputs"),
    ("experiment=wnut17 data.fields.tag.scheme=none", "objective=tags"),
)
PLACES: dict[str, tuple[str, ...] | list[str]] = {
    "any": COMPLETE,
    "row": ROWS,
    "whole": [name for name in ROWS if name not in NEXT],
    "stream": STREAMS,
    "reading": READING,
    "sourced": [name for name in WRITING if chosen(name)["attention"] == "soft"],
    "writing_own": ["dates", "reverse", "sort", "addition"],
    "reading_own": ["adding", "digits", "ball", "running_sum", "larger_total", "copy_memory"],
    "vectors": ["digit_captions", "digit_average"],
    "one": ["adding", "digits", "larger_total", "sst2"],
    "step": ["ball", "running_sum", "copy_memory", "wnut17", "jsb_chorales"],
    "numbers": ["adding", "ball", "running_sum"],
    "classes": ["digits", "larger_total", "copy_memory", "wnut17", "sst2"],
    "many_classes": ["digits", "copy_memory"],
    "scanned": ["digits", "digit_captions", "digit_average"],
    "filed": ["sst2", "wnut17", "multi30k", "tiny_shakespeare"],
    "attention": [name for name in choices("attention") if name != "none"],
    "cell": choices("cell"),
    "short_cell": ["rnn", "gru"],
    "gated": ["gru", "lstm"],
    "decoding": choices("decoding"),
    "writing_task": ["seq2seq", "one_to_many"],
    "step_objective": ["tokens", "tags"],
    "class_objective": ["classification"],
    "number_objective": ["regression"],
    "one_readout": ["last", "mean", "max"],
    "tabled": ["sst2", "wnut17", "multi30k", "tiny_shakespeare", "jsb_chorales"],
    "drawn": DRAWN,
    "field": ["en", "nothing"],
    "sampler": ["random", "tpe"],
    "share": ["0.25", "0.5", "0.75"],
}
NAMES = set(
    "any row whole stream reading sourced writing_own reading_own one step numbers vectors classes many_classes "
    "scanned filed tabled drawn".split()
)  # which are of experiments


def clash(draw: Draw, number: int) -> Bad:
    line, named = CLASHES[number % len(CLASHES)]
    small = draw.randrange(10, 50)
    drawn = {"small": str(small), "large": str(draw.randrange(small + 1, 99))}
    drawn |= {place: str(draw.choice(names)) for place, names in PLACES.items()}
    for place, filled in drawn.items():
        line = line.replace(f"<{place}>", f"experiment={filled}" if place in NAMES else filled)
        named = named.replace(f"<{place}>", filled)
    return Bad(("train", *line.split()), tuple(named.split()))


def bad_one(number: int) -> Bad:
    """Every fourth of what clashes; the others in turn of the other kinds."""
    draw, (turn, place) = Draw(number), divmod(number, 4)
    return clash(draw, turn) if place == 3 else KINDS[(3 * turn + place) % len(KINDS)](draw)


@pytest.fixture
def nothing_read(seqnet: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[Bad], str]:
    """The sentence that refuses a command line with exit 2, before data is read or a folder made."""

    def unread(*arguments: Any) -> Any:
        raise AssertionError("the data is about to be read")

    monkeypatch.setattr(train, "read_data", unread)

    def refuse(bad: Bad) -> str:
        answer = seqnet(*bad.arguments)
        assert answer.code == 2, f"exit {answer.code}: {answer.err or answer.out}"
        sentence = answer.err.removesuffix("\n")
        assert sentence.startswith("seqnet: "), sentence
        assert sentence.isprintable(), f"more than a sentence: {sentence!r}"
        assert not answer.out, answer.out
        assert not list(tmp_path.iterdir()), "it left something behind"
        missing = [name for name in bad.named if name not in sentence]
        assert not missing, f"does not name {' and '.join(missing)}: {sentence}"
        return sentence

    return refuse


def test_bad_configurations_are_refused_before_anything_is_read(
    nothing_read: Callable[[Bad], str],
    monkeypatch: pytest.MonkeyPatch,
    amount: Callable[[int, int], int],
    figure: Callable[[str, str], None],
) -> None:
    seen = set()

    def noticed(rule: Any, asked: str) -> Any:
        """A law or a relation that notes that it refused something."""

        def asks(*values: Any) -> Any:
            found = getattr(rule, asked)(*values)
            seen.update([rule] if found else [])
            return found

        return dataclasses.replace(rule, **{asked: asks})

    every = {*relations.RELATIONS, *laws.LAWS}
    monkeypatch.setattr(relations, "RELATIONS", tuple(noticed(each, "clash") for each in relations.RELATIONS))
    monkeypatch.setattr(laws, "LAWS", tuple(noticed(each, "wrong") for each in laws.LAWS))
    count, failures, misspelt, unhelpful = amount(25, 500), [], 0, []
    for bad in map(bad_one, range(count)):
        try:
            sentence = nothing_read(bad)
        except AssertionError as failure:
            failures.append(f"{bad.line!r}: {failure}")
            continue
        if bad.meant is not None:
            misspelt += 1
            told = [f" {meant}" if "=" in meant else f"did you mean '{meant}'" for meant in bad.meant]
            if not any(words in sentence for words in told):
                unhelpful.append(f"{bad.line!r}, where {' or '.join(bad.meant)} was meant: {sentence}")
    unseen = every - seen
    figure(
        "bad configurations",
        f"{count - len(failures)} of {count} refused before anything was read, with the key; suggestion right in "
        f"{misspelt - len(unhelpful)} of {misspelt} misspellings ({1 - len(unhelpful) / misspelt:.1%})",
    )
    assert not failures, "\n".join([f"{len(failures)} of {count}", *failures])
    assert len(unhelpful) <= 0.05 * misspelt, "\n".join([f"{len(unhelpful)} of {misspelt}", *unhelpful])
    assert count <= 4 * len(CLASHES) or not unseen, f"no case draws these: {unseen}"


# ------------------------------------------------------------------------------------------------ good ones

UP_TO = {  # whole numbers are drawn up to 9, of these up to more
    "seed": 2**63 - 1,
    "data.batch_size": 300,
    "data.length": 60,
    "data.max_length": 500,
    "data.num_workers": 3,
    "data.symbols": 90,
    "data.train_size": 200,
    "data.valid_size": 99,
    "data.test_size": 99,
    "field.highest": 127,
    "field.lowest": 50,
    "field.vocabulary_size": 5000,
    "data.vocabulary_size": 5000,
    "model.embedding_size": 64,
    "model.hidden_size": 64,
    "threads": 4,
    "training.log_every_steps": 500,
}
AT_LEAST = {
    "data.generated.longest": 9,
    "data.length": 2,
    "data.symbols": 2,
    "data.digits": 4,
    "field.highest": 60,
}  # of fewer digits: few sums
TOGETHER = {  # what must suit other options is drawn beside them, below
    "data.batch_tokens",
    "attention.decode",
    "attention.entropy",
    "attention.estimator",
    "attention.num_heads",
    "attention.score",
    "attention.score.reach",
    "attention.temperature",
    "attention.top_k",
    "cell.chrono",
    "cell.num_heads",
    "cell.recurrent_max",
    "cell.recurrent_min",
    "checkpoint.average_best",
    "data.characters",
    "data.horizon",
    "data.inputs",
    "data.lags",
    "data.format.ending",
    "data.format.name_pattern",
    "data.rows.every",
    "data.rows.length",
    "data.rows.split",
    "data.split_values.test",
    "data.split_values.train",
    "data.split_values.valid",
    "data.target",
    "field.axis",
    "field.bands",
    "field.channels",
    "field.convert_back",
    "field.hop_ms",
    "field.level",
    "field.mask",
    "field.pattern",
    "field.rate",
    "field.season",
    "field.size",
    "field.tokenizer",
    "field.window_ms",
    "field.scheme",
    "field.vocabulary",
    "data.first_year",
    "data.generated.every_sentence",
    "data.generated.fewest",
    "data.generated.most",
    "data.generated.train_share",
    "data.generated.valid_share",
    "data.last_year",
    "data.max_characters",
    "data.max_speed",
    "data.min_speed",
    "data.test_share",
    "data.train_share",
    "data.valid_share",
    "debug.one_batch",
    "debug.profile",
    "decoding.beam_size",
    "decoding.coverage_penalty",
    "decoding.dictionary",
    "decoding.diversity",
    "decoding.groups",
    "decoding.max_length",
    "decoding.min_length",
    "decoding.min_p",
    "decoding.n_best",
    "decoding.replace_unknown",
    "decoding.typical_p",
    "decoding.vocabulary",
    "deterministic",
    "device",
    "init_from",
    "model.bidirectional",
    "model.bridge",
    "model.dropout",
    "model.embedding_dropout",
    "model.embedding_size",
    "model.embedding_std",
    "model.embeddings",
    "model.freeze_embeddings",
    "model.hidden_size",
    "model.input_feeding",
    "model.join",
    "model.locked_dropout",
    "model.num_layers",
    "model.readout",
    "model.residual",
    "model.shared_embedding",
    "model.tied",
    "model.weight_dropout",
    "model.word_dropout",
    "objective.bias",
    "objective.one_logit",
    "objective.weights",
    "observers.sample_length",
    "observers.samples",
    "optimizer.d",
    "optimizer.dampening",
    "optimizer.momentum",
    "optimizer.nesterov",
    "precision",
    "resume",
    "run_dir",
    "task.encoder",
    "task.metrics",
    "task.readout",
    "training.activation_regularisation",
    "training.average_after",
    "training.clip_norm",
    "training.clip_value",
    "training.ema_decay",
    "training.evaluate_every_steps",
    "training.max_epochs",
    "training.max_minutes",
    "training.max_steps",
    "training.monitor",
    "training.patience",
    "training.sampling_schedule",
    "training.scheduled_sampling",
    "training.stride",
    "training.temporal_activation_regularisation",
    "training.window",
    "trust",
}
GOOD_LISTS = {
    "optimizer.betas": ("[0,0.9]", "[0.8,0.99]"),
    "optimizer.eps": ("[null,0.01]", "[1e-10,0.001]"),
    "optimizer.etas": ("[0.4,1.1]",),
    "optimizer.step_sizes": ("[1e-5,1]", "[0.1,0.1]"),
    "schedule.milestones": ("[0.3]", "[0.2,0.4,0.9]"),
}


TABLES: tuple[tuple[dict[str, str], dict[str, str]], ...] = (  # what a table of one's own may be: choices, and options
    (
        {"field@data.fields.a": "series", "field@data.fields.b": "number"}
        | {"task": "many_to_one", "objective": "regression"},
        {"data.inputs": "[a]", "data.target": "b", "data.rows.group": "shop", "data.rows.order": "day"},
    ),
    (
        {"field@data.fields.a": "series", "objective": "regression"},
        {"data.inputs": "[a]", "data.target": "a", "data.horizon": "3"}
        | {"data.rows.length": "9", "data.rows.every": "2"},
    ),
    (
        {"field@data.fields.a": "audio", "field@data.fields.b": "label"}
        | {"data/format": "folder", "task": "many_to_one", "objective": "classification"},
        {"data.inputs": "[a]", "data.target": "b"},
    ),
    (
        {"field@data.fields.a": "tokens", "field@data.fields.b": "word_shape", "field@data.fields.c": "tags"}
        | {"data/format": "conll", "objective": "tags"},
        {"data.inputs": "[a,b]", "data.target": "c", "data.fields.b.column": "a", "data.fields.c.scheme": "BIOES"},
    ),
    (
        {"field@data.fields.a": "frames", "field@data.fields.b": "numbers", "field@data.fields.c": "labels"}
        | {"task": "many_to_one", "objective": "multi_label"},
        {"data.inputs": "[a,b]", "data.target": "c", "data.fields.b.column": "[x,y]", "data.split_column": "0"},
    ),
    (
        {"field@data.fields.a": "series", "field@data.fields.b": "time", "field@data.fields.c": "label"}
        | {"task": "many_to_one", "objective": "classification"},
        {"data.inputs": "[a,b]", "data.target": "c", "data.rows.group": "1", "data.rows.split": "time"},
    ),
)


def fitting(draw: Draw, groups: dict[str, str | None], key: str, default: Any) -> str:
    """A value that this option may hold, whatever the others do."""
    option, named = option_of(groups, key, default), general(key)
    words = option.choices
    if key in GOOD_LISTS:
        return draw.choice(GOOD_LISTS[key]) if isinstance(default, list) else "1e-7"
    if isinstance(default, bool):
        return draw.choice(("true", "false"))
    if isinstance(default, list):
        return shown(default)
    if words:
        return draw.choice([word for word in words if word != "identity"])  # which is for one cell
    if key == "data.format.encoding":
        return draw.choice(("utf-8", "cp1252", "utf-16"))
    if named in TEXTS:
        return draw.choice(("a name", "some/where", "it's", "a=b, [c]", "\u00e9t\u00e9"))
    if named in OR_NULL and draw.random() < 0.2:
        return "null"
    if plural(key, default):
        share = key in BELOW_ONE | TO_ONE or option.refusal(key, 1.5) is not None
        low, high = (-2.0 if key in SIGNED else 0.001), (0.95 if share else 4.0)
        return f"{draw.uniform(*((-0.9, -0.1) if key == 'optimizer.beta2_decay' else (low, high))):.3g}"
    return str(draw.randint(AT_LEAST.get(named, 0 if named in FROM_ZERO else 1), UP_TO.get(named, 9)))


def decodes(draw: Draw) -> bool:
    """Whether tokens are written, which a decoding chooses."""
    return draw.experiment in STREAMS or (
        draw.groups["model"] in ("encoder_decoder", "transcriber") and draw.groups["data"] != "digit_drawing"
    )


def class_of(group: str, choice: str | None) -> Any:
    """The class that a choice names; None where it names none."""
    target = read(group, choice or "").get("_target_") if choice else None
    return build.locate(target, None) if target else None


def recurs(draw: Draw) -> bool:
    """Whether the model is made of cells."""
    return "cell" in inspect.signature(class_of("model", draw.groups["model"])).parameters


def decodings(draw: Draw) -> list[str]:
    """Those that read features where the task has them, as both say."""
    has = class_of("task", draw.groups["task"]).features
    has = Axis.SEQUENCE if draw.experiment in STREAMS else has
    return [
        name for name in choices("decoding") if getattr(class_of("decoding", name), "features", Axis.SEQUENCE) is has
    ]


def good_choices(draw: Draw) -> dict[str, str]:
    """A choice of each group that leaves open which; attention where there is a source."""
    has_source = draw.groups["model"] == "encoder_decoder" and draw.experiment not in FROM_NOTHING
    made = {group: draw.choice(choices(group)) for group in ("cell", "optimizer", "schedule")}
    if not recurs(draw):
        del made["cell"]
    made["decoding"] = draw.choice(decodings(draw)) if decodes(draw) else str(draw.groups["decoding"])
    made["attention"] = draw.choice(choices("attention")) if has_source else "none"
    if draw.groups["model"] == "encoder_decoder" and draw.random() < 0.3:
        made["cell@decoder_cell"] = draw.choice(choices("cell"))
    return made


def good_model(draw: Draw, made: dict[str, str]) -> dict[str, str]:
    """Options of a model that suit each other."""
    task, data, writes = draw.groups["task"], draw.groups["data"], draw.groups["model"] == "encoder_decoder"
    whole = getattr(class_of("objective", draw.groups["objective"]), "whole_rows", False)  # which no window may cut
    whole = whole or getattr(class_of("task", task), "asks", "loss") == "row_losses"
    model = class_of("model", draw.groups["model"])
    whole = whole or getattr(model, "ahead", lambda options: False)(read("model", draw.groups["model"] or ""))
    stream, windowed = draw.experiment in STREAMS, draw.random() < 0.4 and not whole
    heads, both = draw.choice((1, 2, 4)), draw.random() < 0.4 and not draw.next and (writes or not windowed)
    hidden = heads * draw.randint(1, 12)
    typed = {"model.hidden_size": str(hidden), "model.embedding_size": str(draw.randint(1, 40))}
    if made["attention"] == "multi_head":
        typed |= {"attention.num_heads": str(heads), "attention.score": draw.choice(("dot", "scaled_dot", "additive"))}
    typed["data.batch_tokens"] = "null" if stream or draw.random() < 0.7 else str(draw.randint(1, 5000))
    if stream or windowed:
        window = draw.randint(2, 60)
        typed["training.window"] = str(window)
        typed["training.stride"] = draw.choice(("null", str(draw.randint(1, window))))
    else:
        typed |= {"training.window": "null", "training.stride": "null"}
    if writes:
        encoder = draw.choice(("recurrent", "none")) if data.startswith("digit_") else "recurrent"
        encoder = "none" if data == "chorales" else encoder
        both = both and encoder == "recurrent" and data != "chorales"
        alike = made.get("cell@decoder_cell") in (None, made["cell"])
        copied = ("copy",) if alike and not both and encoder == "recurrent" else ()
        attends = made["attention"] != "none"
        typed |= {
            "task.encoder": encoder,
            "model.bridge": draw.choice(("linear", "zero", *copied)) if data != "chorales" else "linear",
            "model.input_feeding": draw.choice(("true", "false")) if attends else "false",
            "model.tied": draw.choice(("true", "false")) if data != "digit_drawing" else "false",
            "training.scheduled_sampling": draw.choice(("0", "0.3", "1")),
        }
        if draw.experiment == "multi30k" and draw.random() < 0.5:
            typed |= {"data.fields.en.vocabulary": "de", "model.shared_embedding": "true"}
        if made["decoding"] == "beam" and attends:
            typed["decoding.coverage_penalty"] = draw.choice(("0", "0.2"))
    elif (stream or data == "copy_memory") and draw.random() < 0.3:
        typed |= {"model.tied": "true", "model.embedding_size": str(hidden * (1 + both))}
    else:
        typed["model.tied"] = "false"
        if draw.random() < 0.2:
            typed |= {"model.embedding_size": "null", "model.embedding_std": "1.0"}
    if draw.random() < 0.3:  # of one layer, these would have no effect
        typed |= {"model.num_layers": "2", "model.residual": draw.choice(("true", "false")), "model.dropout": "0.2"}
    if task == "many_to_one":
        readouts = said.of(model)["readout"].choices if "readout" in said.of(model) else ("all",)
        typed["model.readout"] = draw.choice([name for name in readouts if name != "all"] or ["all"])
    if draw.random() < 0.3:
        typed |= {"model.input_dropout": "0.2", "model.locked_dropout": "true"}
    if stream and draw.random() < 0.3:
        typed |= {"training.activation_regularisation": "2", "training.temporal_activation_regularisation": "1"}
    if made.get("cell") in ("gru", "lstm", "rnn") and "cell@decoder_cell" not in made and draw.random() < 0.3:
        typed["model.weight_dropout"] = "0.4"
    return typed | {"model.bidirectional": "true" if both else "false"}


def good_pairs(draw: Draw, made: dict[str, str]) -> dict[str, str]:
    """The other options that must suit each other."""
    typed = draw.choice(
        (
            {"training.clip_norm": "null", "training.clip_value": "0.5"},
            {"training.clip_norm": "0.3", "training.clip_value": "null"},
            {"training.clip_norm": "null", "training.clip_value": "null"},
        )
    )
    typed = typed | draw.choice(
        (
            {"training.max_steps": "100", "training.max_epochs": "null", "training.evaluate_every_steps": "5"},
            {"training.ema_decay": "0.9", "training.average_after": "null"},
            {"training.max_steps": "100", "training.evaluate_every_steps": "10", "training.patience": "9"},
            {"training.max_epochs": "3", "training.patience": "5"},
            {"training.max_epochs": "null", "training.max_minutes": "0.5"},
            {"training.max_epochs": "4", "training.average_after": "2", "training.ema_decay": "null"},
        )
    )
    least = draw.randint(0, 5)
    limits = {"decoding.min_length": str(least), "decoding.max_length": str(draw.randint(max(least, 1), 20))}
    known = keys_of("decoding", made["decoding"]) if decodes(draw) else set()
    typed |= limits if limits.keys() <= known else {}
    if "decoding.beam_size" in known:
        beams = draw.randint(1, 9)
        typed |= {"decoding.beam_size": str(beams), "decoding.n_best": str(draw.randint(1, beams))}
    if "decoding.groups" in known:
        groups = draw.randint(2, 3)
        typed |= {
            "decoding.groups": str(groups),
            "decoding.diversity": "0.7",
            "decoding.beam_size": str(groups * beams),
        }
    if made["optimizer"] == "sgd":
        typed |= draw.choice(
            (
                {"optimizer.nesterov": "true", "optimizer.momentum": "0.9", "optimizer.dampening": "0"},
                {"optimizer.momentum": "0.5", "optimizer.dampening": "0.5"},
            )
        )
    both = {
        "dates": {"data.first_year": str(draw.randint(1000, 2000)), "data.last_year": str(draw.randint(2001, 9999))},
        "ball": {"data.min_speed": f"{draw.uniform(0, 0.1):.3g}", "data.max_speed": f"{draw.uniform(0.1, 1):.3g}"},
        "digits": {"data.train_share": "0.6", "data.valid_share": f"{draw.uniform(0.1, 0.39):.3g}"},
        "table": {"data.valid_share": "0.4", "data.test_share": f"{draw.uniform(0.1, 0.59):.3g}"},
        "larger_total": {"objective.one_logit": draw.choice(("true", "false"))},
    }
    return typed | both.get(str(draw.groups["data"]), {})


def good_one(number: int, experiments: list[str] | tuple[str, ...] = EXPERIMENTS, quick: bool = False) -> list[str]:
    """A command line that is right by its making. quick: for two steps of everything, on little data."""
    draw = Draw(number, experiments)
    own, said_of_it = draw.choice(TABLES) if draw.experiment == "blank" else ({}, {})
    draw.groups |= own
    draw.next = draw.next or said_of_it.get("data.target", "nothing") in said_of_it.get("data.inputs", "")
    made = good_choices(draw) | own
    options_of = options({**draw.groups, **made})
    idle = {key for key in options_of if key.startswith("decoding.") and not decodes(draw)}
    if not recurs(draw):
        idle |= {key for key in options_of if key.startswith("cell.")}
    idle |= {"data.fields.text.max_length"} if draw.experiment in STREAMS else set()
    idle |= {"data.num_workers"} if draw.experiment == "python_docs" else set()
    free = sorted(key for key in options_of.keys() - COLUMNS - idle if not {key, general(key)} & TOGETHER)
    groups_of = {**draw.groups, **made}
    typed = {
        key: fitting(draw, groups_of, key, options_of[key])
        for key in draw.sample(free, min(len(free), draw.randint(2, 9)))
    }
    if "data.path" in typed:  # then nothing is drawn
        typed = {key: text for key, text in typed.items() if not key.startswith("data.generated.")}
    suited = {
        key: text
        for key, text in good_model(draw, made).items()
        if key.partition(".")[0] != "model" or key in options_of
    }
    typed |= suited | good_pairs(draw, made) | said_of_it
    if "data.fields.en.vocabulary" in typed:  # two fields of one vocabulary are read alike
        alike = {key.replace(".de.", ".en."): text for key, text in typed.items() if key.startswith("data.fields.de.")}
        typed = {key: text for key, text in typed.items() if not key.startswith("data.fields.en.")} | alike
        typed |= {"data.fields.en.vocabulary": "de"}
    if quick:  # debug=quick has its own limits, and would rather not wait
        typed = {key: text for key, text in typed.items() if not key.startswith(("training.max_", "training.pat"))}
        typed |= {
            "data.num_workers": "0",
            "optimizer.lr": "0.01",
            "training.max_epochs": "1",
            "training.evaluate_every_steps": "1",
        }
        typed |= {key: "20" for key in ("data.length", "data.held_out_length") if key in options_of}
        typed |= {f"data.{name}_size": "40" for name in ("train", "valid", "test") if "data.train_size" in options_of}
    groups = [f"{group}={choice}" for group, choice in made.items()]
    return [f"experiment={draw.experiment}", *groups, *(f"{key}={text}" for key, text in typed.items())]


def test_good_configurations_are_not_refused(
    seqnet: Any, amount: Callable[[int, int], int], figure: Callable[[str, str], None]
) -> None:
    count, refused = amount(8, 200), []
    for number in range(count):
        typed = good_one(number, (EXPERIMENTS[number % len(EXPERIMENTS)],))
        try:
            train.check(compose("train", [quoted(argument) for argument in typed]))
        except ConfigurationError as error:
            refused.append(f"{' '.join(typed)}: {error}")
    trained, failed = amount(2, 30), []
    for number in range(trained):
        typed = good_one(number, (DRAWN[number % len(DRAWN)],), quick=True)
        answer = seqnet.quietly(*typed, "debug=quick", "threads=1", f"run_dir=run{number}")
        if answer.code != 0:
            failed.append(f"{' '.join(typed)}: exit {answer.code}: {answer.err}")
    figure(
        "valid configurations",
        f"{len(refused)} of {count} refused; {trained - len(failed)} of {trained} trained two steps of everything",
    )
    assert not refused, "\n".join([f"{len(refused)} of {count}", *refused])
    assert not failed, "\n".join([f"{len(failed)} of {trained}", *failed])

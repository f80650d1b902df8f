"""What `seqnet --help` and `seqnet COMMAND --help` say; that of training Hydra says, which knows its choices."""

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

WIDTH, INDENT = 100, 28  # columns of a page, and of what stands before the words on a key
KEY = re.compile(r"( *)(\w+):(?: ([^#]*?))?(?: +# (.*))?")
GROUP = re.compile(r"  - ([\w/@]+): (\w+)(?: +# (.*))?")
HELP = ("-h", "--help")


@dataclass(frozen=True)
class Page:
    """Of a command how it is typed, what it is for, and examples with what each does."""

    usage: str
    purpose: str
    examples: Sequence[tuple[str, str]] = ()
    options: Sequence[tuple[str, str]] = ()


PAGES: Mapping[str, Page] = {
    "evaluate": Page(
        "seqnet evaluate run=DIR [split=test] [KEY=VALUE ...]",
        "Score a trained run: the scores of a split, then where they come from, and the worst errors.",
        (
            ("seqnet evaluate run=outputs/mine", "the test split, as tables"),
            ("seqnet evaluate run=outputs/mine split=valid format=json", "lines of JSON"),
            ("seqnet evaluate run=outputs/mine data.path=new.csv", "other data of the same kind"),
        ),
    ),
    "predict": Page(
        "seqnet predict run=DIR [input=FILE] [output=FILE] [KEY=VALUE ...]",
        "Answers for new inputs, one a line: words on a terminal, JSON in a pipe, or a file of any format.",
        (
            ("echo 'a lovely film' | seqnet predict run=outputs/mine", "from standard input"),
            ("seqnet predict run=outputs/mine input=new.csv output=answered.csv", "a column added"),
            ("seqnet predict run=outputs/mine input=new.txt format=json", "with scores, for a program"),
        ),
    ),
    "generate": Page(
        "seqnet generate run=DIR [prompt=TEXT] [KEY=VALUE ...]",
        "Let a trained run go on with a text, compose, caption or draw.",
        (
            ("seqnet generate run=outputs/mine prompt='The '", "a text that begins so"),
            ("seqnet generate run=outputs/mine samples=3 temperature=0.7", "three, each rather safe"),
            ("seqnet generate run=outputs/chorales output=new.mid", "a piece to be played"),
        ),
    ),
    "explain": Page(
        "seqnet explain run=DIR [input=FILE] [KEY=VALUE ...]",
        "Which inputs an answer rests on: a score for each, which add up to what the input changed.",
        (
            ("echo 'not a good film' | seqnet explain run=outputs/mine", "words in colours, on a terminal"),
            ("seqnet explain run=outputs/mine input=new.txt pictures=why", "a picture for each line"),
            ("seqnet explain run=outputs/mine input=new.txt target=bad", "another class"),
        ),
    ),
    "probe": Page(
        "seqnet probe run=DIR [split=test] [KEY=VALUE ...]",
        "How far back a model remembers: one number with its interval, a curve and a plot.",
        (
            ("seqnet probe run=outputs/mine", "by the context, or by the lag"),
            ("seqnet probe run=outputs/mine max_context=1000", "further back"),
            ("seqnet probe run=outputs/mine data.path=new.txt", "other data of the same kind"),
        ),
    ),
    "check": Page(
        "seqnet check [GROUP=CHOICE ...] [KEY=VALUE ...] [export=true] [format=json]",
        "Are padding, windows, states, gradients and decoding right, in classes of your own too?",
        (
            ("seqnet check experiment=dates cell=gru attention=local", "what seqnet train would train"),
            ("seqnet check --config-dir mine experiment=adding cell=my_cell", "with a cell of yours"),
            ("seqnet train --help", "all groups and keys"),
        ),
    ),
    "inspect": Page(
        "seqnet inspect PATH [PATH ...] [OPTION ...]",
        "What files hold, what is odd about them, and the command that trains on them.",
        (
            ("seqnet inspect reviews.csv", "a table"),
            ("seqnet inspect pictures --target kind", "a folder, and what to learn"),
            ("seqnet inspect a.csv --write mine/experiment/a.yaml", "an experiment file of it"),
        ),
        (
            ("--target NAME", "the column that is asked for"),
            ("--format NAME", "what the files are, where the ending does not say it"),
            ("--delimiter TEXT", "what stands between the cells of a line"),
            ("--encoding NAME", "of the text, such as latin-1"),
            ("--header true|false", "whether the first line names the columns"),
            ("--write FILE", "an experiment file for seqnet train"),
            ("--json", "one line of JSON"),
        ),
    ),
    "checkpoint": Page(
        "seqnet checkpoint verify|fingerprint DIR",
        "Is a checkpoint whole, and what is in it.",
        (
            ("seqnet checkpoint verify outputs/mine", "every sum of the last one of a run"),
            ("seqnet checkpoint verify outputs/mine/checkpoints/best", "of one"),
            ("seqnet checkpoint fingerprint outputs/mine", "a digest of each part, to compare runs by"),
        ),
    ),
    "leaderboard": Page(
        "seqnet leaderboard DIR [columns=all] [format=json] [output=FILE.csv] [--plot]",
        "Rank the runs of a sweep, or the runs in a folder, while they run or after.",
        (
            ("seqnet leaderboard outputs/sweeps/digits/2026-11-21_12-00-00", "a sweep"),
            ("seqnet leaderboard outputs/digits columns=all", "all scores of all runs"),
            ("seqnet leaderboard outputs/digits output=board.csv", "the same as a file"),
            ("seqnet leaderboard outputs/digits --plot", "as pictures"),
        ),
    ),
    "completion": Page(
        "seqnet completion bash|zsh|fish",
        "Complete commands, groups, choices, keys and paths by the Tab key.",
        (
            ('eval "$(seqnet completion bash)"', "a line for ~/.bashrc"),
            ('eval "$(seqnet completion zsh)"', "a line for ~/.zshrc, behind compinit"),
            ("seqnet completion fish | source", "a line for ~/.config/fish/config.fish"),
        ),
    ),
}


def overview(version: str, commands: Mapping[str, str]) -> str:
    """What `seqnet --help` says. commands: what each is for, and an example behind a colon."""
    return "\n".join(
        [
            f"seqnet {version}: train recurrent sequence models",
            "",
            "usage: seqnet COMMAND [KEY=VALUE ...]",
            "",
            "commands:",
            *(f"  {name:<12} {purpose.partition(': ')[0]}" for name, purpose in commands.items()),
            "",
            *_examples(
                (
                    ("seqnet train experiment=dates run_dir=outputs/dates", "a minute of learning"),
                    ("echo '5. May 2021' | seqnet predict run=outputs/dates", "what it says of a new date"),
                    ("seqnet train -m experiment=digits cell=rnn,lstm,gru", "three runs, ranked"),
                )
            ),
            "",
            "seqnet COMMAND --help tells what a command takes",
        ]
    )


def page(command: str, purpose: str, configs: Path) -> str:
    """What `seqnet COMMAND --help` says, the keys as the command's file has them. purpose: as for `overview`."""
    told, _, example = purpose.partition(": ")
    one = PAGES.get(command) or Page(example or f"seqnet {command}", f"{told[:1].upper()}{told[1:]}.")
    lines = [f"usage: {one.usage}", "", one.purpose]
    if one.examples:
        lines += ["", *_examples(one.examples)]
    if one.options:
        lines += ["", "options:", *(line for option in one.options for line in _told(*option))]
    file = configs / f"{command}.yaml"
    if file.is_file():
        text = file.read_text(encoding="utf-8")
        lines += ["", "keys, each with what it is if you leave it out:"]
        lines += [line for key, means in _keys(text) for line in _told(key, means)]
        groups = [line for key, means in _groups(text, configs) for line in _told(key, means)]
        lines += ["", "groups, each with its choices:", *groups] if groups else []
    return "\n".join(lines)


def _examples(examples: Sequence[tuple[str, str]]) -> list[str]:
    width = max(len(typed) for typed, _ in examples)
    return ["examples:", *(f"  {typed:<{width}}   {does}" for typed, does in examples)]


def _told(name: str, means: str) -> list[str]:
    """What is typed, and what it means beside it, or below it where that is longer."""
    words = textwrap.wrap(means, WIDTH - INDENT) or [""]
    first = f"  {name}"
    if len(first) >= INDENT:
        return [first, *(f"{'':{INDENT}}{line}" for line in words)]
    return [f"{first:<{INDENT}}{words[0]}".rstrip(), *(f"{'':{INDENT}}{line}" for line in words[1:])]


def _keys(text: str) -> Iterator[tuple[str, str]]:
    """The keys of a command's file with their defaults, and what they mean."""
    section, skipped = "", False
    for line in text.splitlines():
        found = KEY.fullmatch(line)
        if found is None:
            continue
        indent, name, default, means = found.groups()
        if not indent:
            section, skipped = (name, name in ("defaults", "hydra")) if not default else ("", False)
        if not skipped and default:
            yield f"{section}.{name}={default}" if indent else f"{name}={default}", means or ""


def _groups(text: str, configs: Path) -> Iterator[tuple[str, str]]:
    """The groups that a command's file chooses from, with their choices."""
    for line in text.splitlines():
        if found := GROUP.fullmatch(line):
            name, default, means = found.groups()
            choices = ", ".join(sorted(path.stem for path in (configs / name.partition("@")[0]).glob("*.yaml")))
            yield f"{name}={default}", f"{means}; {choices}" if means else choices

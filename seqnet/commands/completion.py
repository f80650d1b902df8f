"""`seqnet completion SHELL`: what makes a shell complete commands, groups, choices and keys; and what it then asks."""

import argparse
import os
from collections.abc import Mapping, Sequence
from typing import Any

from seqnet.errors import ConfigurationError, did_you_mean
from seqnet.terminal import say, standard_output, warn

USAGE = "usage: seqnet completion bash|zsh|fish"
SHELLS = {
    "bash": 'eval "$(seqnet completion bash)"    # in ~/.bashrc',
    "zsh": 'eval "$(seqnet completion zsh)"    # in ~/.zshrc, behind compinit',
    "fish": "seqnet completion fish | source    # in ~/.config/fish/config.fish",
}
POSITIONAL = {
    "checkpoint": ("verify", "fingerprint"),
    "completion": tuple(SHELLS),
    "leaderboard": ("columns=all", "format=json", "output=", "--plot"),
}
FLAGS = ("--cfg", "--config-dir", "--help", "--multirun", "--resolve", "-m")
SHOWN = ("job", "hydra", "all")  # by --cfg
NEEDED = "completion needs the package argcomplete: pip install 'seqnet[completion]'"
ASKING = "_ARGCOMPLETE"  # in the environment where a shell asks


def run(arguments: Sequence[str]) -> int:
    """Print the code for a shell to read; the exit code."""
    if len(arguments) != 1 or arguments[0] not in SHELLS:
        wrong = next(iter(arguments), "")
        raise ConfigurationError(f"completion takes the name of a shell{did_you_mean(wrong, SHELLS)} ({USAGE})")
    try:
        from argcomplete.shell_integration import shellcode
    except ImportError as error:
        raise ConfigurationError(NEEDED) from error

    say(shellcode(["seqnet"], shell=arguments[0]).strip("\n"))
    if standard_output().isatty():
        warn(f"this is for the shell to read: {SHELLS[arguments[0]]}")
    return 0


def asked(commands: Mapping[str, str]) -> bool:
    """Whether a shell asks what may come next; it is told, and the process ends."""
    if ASKING not in os.environ:
        return False
    try:
        import argcomplete
    except ImportError:  # it was there when the shell was told to ask
        return True

    parser = argparse.ArgumentParser("seqnet", add_help=False, prefix_chars="\0")  # flags are words as others are
    first: Any = parser.add_argument("command")
    first.completer = lambda prefix, **_: [name for name in commands if name.startswith(prefix)]
    rest: Any = parser.add_argument("words", nargs="*")
    rest.completer = lambda prefix, parsed_args, **_: after(parsed_args.command, _typed(), prefix)
    argcomplete.autocomplete(parser, always_complete_options=False)
    return True


def _typed() -> list[str]:
    """The words behind the command, up to where the line is completed."""
    from argcomplete.lexers import split_line

    line, point = os.environ.get("COMP_LINE", ""), int(os.environ.get("COMP_POINT", "0"))
    return list(split_line(line.encode()[:point].decode(errors="ignore"))[3][2:])


def after(command: str, words: Sequence[str], begun: str) -> list[str]:
    """What goes on from `begun` behind a command and some words."""
    from argcomplete.completers import FilesCompleter

    from seqnet.trust import CONFIGS

    def files(text: str) -> list[str]:
        return list(FilesCompleter()(text))

    if command == "check":  # which takes what training takes
        command = "train"
    if (CONFIGS / f"{command}.yaml").is_file():
        from seqnet.configuration.completing import completions

        if words[-1:] == ["--config-dir"]:
            return files(begun)
        if begun.startswith("-") or words[-1:] == ["--cfg"]:
            return [one for one in (FLAGS if begun.startswith("-") else SHOWN) if one.startswith(begun)]
        return completions(command, words, begun, files)
    known = [word for word in POSITIONAL.get(command, ()) if word.startswith(begun)]
    return known + (files(begun) if command != "completion" else [])

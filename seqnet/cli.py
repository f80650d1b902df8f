"""`seqnet COMMAND ...`: picks the command; torch and hydra are imported only once it is known what for."""

import contextlib
import functools
import importlib
import os
import shlex
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqnet import __version__, terminal
from seqnet.commands import completion, launched, usage
from seqnet.errors import TERMINATED, ConfigurationError, did_you_mean, exit_code, explained

if TYPE_CHECKING:
    from seqnet.begun import Begun
    from seqnet.configuration import Composed
    from seqnet.sweep import Outlook, Status

COMMANDS = {
    "train": "train a model: seqnet train experiment=digits cell=gru optimizer.lr=3e-4",
    "evaluate": "score a trained run: seqnet evaluate run=DIR split=test",
    "predict": "answers for new inputs: seqnet predict run=DIR input=FILE",
    "generate": "let a model write, compose or draw: seqnet generate run=DIR prompt='The '",
    "export": "a trained run for where there is no torch: seqnet export run=DIR output=DIR",
    "explain": "which inputs an answer rests on: seqnet explain run=DIR input=FILE",
    "probe": "how far back a model remembers: seqnet probe run=DIR",
    "check": "are padding, windows, states and gradients right: seqnet check experiment=dates cell=gru",
    "inspect": "what files hold, and the command that trains on them: seqnet inspect PATH",
    "checkpoint": "check a checkpoint: seqnet checkpoint verify DIR",
    "leaderboard": "rank the runs of a sweep: seqnet leaderboard DIR",
    "completion": "complete what you type, in bash, zsh or fish: seqnet completion bash",
}
SPOKEN = 5.0  # seconds in which the rank that speaks for all has spoken
POSITIONAL = ("inspect", "checkpoint", "leaderboard", "completion")


def main() -> None:
    """Answer the command line and leave with its exit code."""
    terminal.hold_closed_streams()
    if completion.asked(commands()):
        return
    _settle_process()
    if launched.is_quiet(os.environ):
        terminal.hush()
    try:
        code = answer(sys.argv[1:])
        terminal.standard_output().flush()
    except OSError as error:  # the disk that standard output leads to is full
        code, sentence = explained(error)
        terminal.warn(sentence)
        terminal.leave(sys.stdout)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # all is done: an interrupt now ends what is left without a word
    sys.exit(code)


def _settle_process() -> None:
    """Let nothing be told as Python tells it, unless that is asked for."""
    if os.environ.get("SEQNET_DEBUG") != "1":
        sys.unraisablehook = lambda unraisable: None  # of what a signal left half built: it ended nothing
        threading.excepthook = _tell_of_a_thread


def commands() -> dict[str, str]:
    """The commands that exist, and what each is for."""
    folder = Path(__file__).parent / "commands"
    return {name: purpose for name, purpose in COMMANDS.items() if (folder / f"{name}.py").is_file()}


def answer(arguments: Sequence[str]) -> int:
    """Run the command line; the exit code."""
    known = commands()
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        terminal.say(usage.overview(__version__, known))
        return 0
    if arguments[0] == "--version":
        terminal.say(__version__)
        return 0
    command, rest = arguments[0], list(arguments[1:])
    if command not in known:
        terminal.warn(f"unknown command '{command}'{did_you_mean(command, known) or ': ' + ', '.join(known)}")
        return 2
    return told(lambda: _dispatch(command, rest))[0]


def _dispatch(command: str, arguments: list[str]) -> int:
    """Run a command that exists; the exit code."""
    _find_own_classes()
    for argument in arguments:
        if any("\ud800" <= letter <= "\udfff" for letter in argument):  # bytes that no file of text can hold
            raise ConfigurationError(f"'{argument}' is not UTF-8; type it in UTF-8, or give the file another name")
    if command != "train" and any(argument in usage.HELP for argument in arguments):
        from seqnet.trust import CONFIGS

        terminal.say(usage.page(command, COMMANDS[command], CONFIGS))
        return 0
    if command != "train" and launched.is_rank(os.environ):
        launched.refuse_several(os.environ)
    if command in POSITIONAL:
        code: int = _command(command).run(arguments)
        return code
    from seqnet import configuration

    run: Callable[[Composed], int] = functools.partial(_run, command)
    if command == "train":
        run = functools.partial(_train, arguments)
    if command == "check":
        arguments, run = _check(arguments)
    if command == "train" and configuration.is_sweep(arguments):
        return _sweep(arguments)
    if configuration.is_sweep(arguments):
        raise ConfigurationError(f"-m sweeps over training runs; seqnet {command} takes one run")
    outcome = [0]

    def job(composed: "Callable[[], Composed]") -> None:
        outcome[0] = told(lambda: run(composed()))[0]

    composes = "train" if command == "check" else command
    try:
        configuration.run_hydra(composes, [configuration.quoted(argument) for argument in arguments], job)
    except BrokenPipeError as error:  # of what Hydra itself shows
        raise terminal.NobodyReads from error
    return outcome[0]


def _find_own_classes() -> None:
    """Let the user's own classes be found in the folder that seqnet is started in. Raises ConfigurationError."""
    try:
        here = os.getcwd()
    except OSError as error:
        raise ConfigurationError(
            f"the folder that seqnet is started in cannot be read ({error.strerror}): change to another one"
        ) from error
    if here not in sys.path:
        sys.path.append(here)


def _command(name: str) -> Any:
    return importlib.import_module(f"seqnet.commands.{name}")


def _run(command: str, composed: "Composed") -> int:
    if composed.config["run"] is None:
        raise ConfigurationError(f"run is missing: seqnet {command} run=DIR, where DIR is the folder of a trained run")
    from seqnet.training.manifest import find

    find(Path(composed.config["run"]))  # before torch is imported, which takes longer than to say that it is not there
    code: int = _command(command).run(composed.config)
    return code


def _train(arguments: list[str], composed: "Composed") -> int:
    """Train one model, as one of several ranks where they were started, or by starting them. arguments: as typed."""
    count, asked = launched.ranks(os.environ), composed.config.get("processes", 1)  # before torch is imported
    if count > 1 and "processes" in composed.typed and asked != count:
        raise ConfigurationError(f"processes={asked}, but {count} ranks were started: leave processes out")
    if count == 1 and asked > 1:
        code: int = _command("launching").run(asked, arguments)
        return code
    return _trained(composed)


def _trained(composed: "Composed") -> int:
    code: int = _command("train").run(
        composed.config, composed.typed, composed.choices, composed.defaults, composed.places
    )
    return code


def _check(arguments: list[str]) -> "tuple[list[str], Callable[[Composed], int]]":
    """The overrides of a configuration that is checked, which are those of training, and what checks it.

    Raises ConfigurationError for a wrong value of one of its own two.
    """
    own = {"format": "json", "export": "true"}
    asked = set()
    for argument in arguments:
        key, _, value = argument.partition("=")
        if key in own and value != own[key]:
            raise ConfigurationError(f"{argument} must be {own[key]}, or left out{did_you_mean(value, [own[key]])}")
        asked |= {key} & own.keys()
    overrides = [argument for argument in arguments if argument.partition("=")[0] not in own]
    return overrides, lambda composed: _command("check").run(composed, "format" in asked, "export" in asked)


def _sweep(arguments: list[str]) -> int:
    """Run the jobs of a sweep that are not done, and rank all of them; 1 if one failed."""
    from seqnet import configuration, isolation, leaderboard, sweep
    from seqnet.commands.signals import StopRequest

    launched.refuse_several(os.environ)
    with (
        StopRequest(),  # so that all of it ends in order
        sweep.prepared(arguments, functools.partial(isolation.result, _check_job)) as (folder, arguments, outlook),
    ):
        if outlook.done:
            terminal.say(f"{len(outlook.done)} of {outlook.jobs} jobs are done")
        try:
            configuration.run_hydra("train", arguments, functools.partial(_sweep_job, outlook))
        except (KeyboardInterrupt, SystemExit):
            outlook.stop(folder)
            if leaderboard.jobs(folder):
                terminal.warn(
                    f"the sweep was stopped; go on with the same command and run_dir={shlex.quote(str(folder))}"
                )
            raise
        finally:
            if found := leaderboard.jobs(folder):
                leaderboard.finish(folder, found)
        ended = [job for job in found if job.name in outlook.names or not outlook.names]
        return 1 if any(job.failed for job in ended) else 0


def _check_job(composed: "Composed") -> None:
    """Refuse what a job would be refused with. Raises ConfigurationError."""
    _command("train").check(composed)


def _sweep_job(outlook: "Outlook", composed: "Callable[[], Composed]") -> "Begun | float | None":
    """One job of a sweep, in a process of its own: whatever happens to it is written to its status.

    What has begun, for a launcher that waits for it itself; else the score, for sweeps that look at it. One that
    another process runs, or has run, is passed over.
    """
    from seqnet import folders, isolation, sweep
    from seqnet.begun import Begun

    _find_own_classes()  # in another process, when a launcher started it
    status = sweep.Status.of_this_job(outlook)
    if outlook.over():
        return None
    if folders.in_use(status.folder):
        terminal.say(f"{outlook.which(status)} runs elsewhere")
        return None
    if sweep.holds_a_run(status.folder):  # where to go on with it is refused, its status stays as it was
        if sweep.is_done(status.folder, composed()):
            terminal.say(f"{outlook.which(status)} is done")
            return sweep.score(status.folder)
    terminal.say(outlook.of(status))
    found: Composed | None = None

    def compose() -> int:
        nonlocal found
        found = composed()
        return 0

    code, sentence = told(compose, status.heading)
    if found is None:
        with folders.held(status.folder):
            status.begin()
            status.end(code, sentence)
        return None
    if outlook.over():  # meanwhile
        return None
    waits, output = sweep.launched(status.folder)
    begun = Begun(status, isolation.started(_job, status, found, output=output), found.config)
    return begun if waits else begun.wait()


def _job(status: "Status", composed: "Composed") -> None:
    """Train, in this process, which is there for nothing else and ends with the exit code."""
    from seqnet import folders, leaderboard

    _settle_process()
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(folders.held(status.folder))
        except ConfigurationError:  # another process was quicker
            terminal.say(f"{status.heading}runs elsewhere")
            return
        status.begin()
        code, sentence = told(lambda: _trained(composed), status.heading)
        if code == 0 and not (status.folder / leaderboard.RESULTS).exists():
            code, sentence = 1, "the code that ran asked to exit before the run was over"
            terminal.warn(status.heading + sentence)
        status.end(code, sentence)
    sys.exit(code)


def told(action: Callable[[], int], where: str = "") -> tuple[int, str | None]:
    """Do it; the exit code, and the sentence for the user, which was printed, where it did not end well."""
    try:
        return action(), None
    except terminal.NobodyReads:
        terminal.leave(sys.stdout)
        return 0, None
    except SystemExit as ending:
        if not ending.code or ending.code == TERMINATED or not where:
            _let_go(ending)
            return exit_code(ending), None
        error: BaseException = ending
        code, sentence = exit_code(ending), f"the code that ran asked to exit with {ending.code}"
    except (Exception, KeyboardInterrupt) as failure:
        error = failure
        code, sentence = explained(failure)
    if os.environ.get("SEQNET_DEBUG") == "1":
        terminal.warn_at_length("".join(traceback.format_exception(error)))
    _let_go(error)
    terminal.standard_output().flush()
    terminal.warn(where + sentence)
    if launched.is_quiet(os.environ):  # who started the ranks ends all with the first: let it be the one that speaks
        time.sleep(SPOKEN)
    return code, sentence


def _tell_of_a_thread(failed: threading.ExceptHookArgs) -> None:
    """Say in one sentence that a thread ended by an error, which ends nothing else."""
    if failed.exc_value is not None and not sys.is_finalizing():
        terminal.warn(f"a thread failed: {explained(failed.exc_value)[1]}")


def _let_go(error: BaseException | None) -> None:
    """Free what the frames of an error hold: data workers among it would keep the process from ending."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__

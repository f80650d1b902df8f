"""How soon a command has answered: processor seconds of its process, beside one that only imports torch and Hydra."""

import itertools
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.timing import Pair, pair

SEQNET = (sys.executable, "-m", "seqnet")
QUICK = ("debug=quick", "device=cpu", "threads=1", "observers.tensorboard=false")
REPEATS = 5
WRONG = 2  # the exit code


def children() -> float:
    """Processor seconds of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def process(*words: str, code: int = 0, stdin: str = "") -> Callable[[], None]:
    """Runs a command to its end, which is to be `code`."""

    def run() -> None:
        found = subprocess.run(words, input=stdin, capture_output=True, text=True)
        assert found.returncode == code, found.stderr

    return run


def start() -> Iterator[Pair]:
    """Refusals, with and without what torch has to say, a prediction, and two steps of a generated data set."""
    hydra, both = (process(sys.executable, "-c", f"import {names}") for names in ("hydra", "hydra, torch"))
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        process(*SEQNET, "train", "experiment=larger_total", *QUICK, f"run_dir={run}")()
        number = itertools.count()

        def twice(experiment: str) -> None:
            into = f"run_dir={folder}/{next(number)}"
            process(*SEQNET, "train", f"experiment={experiment}", *QUICK, "observers.console=false", into)()

        for name, ours, theirs in (
            ("an unknown key, beside Hydra alone", process(*SEQNET, "train", "modell.size=1", code=WRONG), hydra),
            ("a wrong value", process(*SEQNET, "train", "experiment=adding", "model.hidden_size=-1", code=WRONG), both),
            ("predict of a line", process(*SEQNET, "predict", f"run={run}", stdin="[[1, 2], [3, 4]]\n"), both),
            ("two steps of adding", lambda: twice("adding"), both),
            ("two steps of dates", lambda: twice("dates"), both),
        ):
            yield pair(f"start {name}", ours, theirs, 0, REPEATS, children)

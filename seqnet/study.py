"""The study of a search: which values were tried and what came of them, in one file that several workers share.

It is a study of Optuna (Akiba et al. 2019), so its dashboard and its other tools read it too. Trial n asks the sampler
with a seed of its own: what is suggested follows from the trials that are told, not from which process asks.
"""

import contextlib
import fcntl
import shutil
import uuid
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqnet import folders
from seqnet.errors import ConfigurationError, DiskError
from seqnet.scores import LOWER_IS_BETTER

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial, Trial

FILE = "study.sqlite3"
NAME = "seqnet"
WORKERS = ".workers"  # a folder each that is at work, held while it is
SAID, WORKER, JOBS = "said", "worker", "jobs"  # what is noted: of the study, and of a trial
PATIENCE = 60.0  # seconds that a write waits for those of others


@dataclass(frozen=True)
class Median:
    """When a trial is given up: where its best score so far is worse than the median of the others' at that evaluation.

    trials: how many must have ended before; evaluations: how many of its own pass before.
    """

    trials: int
    evaluations: int


class Study:
    """What a worker asks for trials and tells what came of them."""

    def __init__(
        self,
        folder: Path,
        sampler: "Callable[[int], BaseSampler]",
        seed: int,
        space: "Mapping[str, BaseDistribution]",
        monitor: str,
        said: Mapping[str, str],
    ) -> None:
        """Make or open the study in a folder. sampler: makes one of a seed; said: what makes it this very study.

        Raises ConfigurationError where the folder holds one of which something else is said, and DiskError, as all do.
        """
        import optuna

        self.folder, self.sampler, self.seed, self.space = folder, sampler, seed, space
        self.worker = folder / WORKERS / uuid.uuid4().hex
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        (folder / WORKERS).mkdir(parents=True, exist_ok=True)
        with self._turn(), _on_disk(folder):
            self.storage = _storage(folder)
            self.study = optuna.create_study(
                storage=self.storage,
                study_name=NAME,
                direction="minimize" if monitor in LOWER_IS_BETTER else "maximize",
                load_if_exists=True,
            )
            _refuse_other(folder, self.study.user_attrs.get(SAID, said), said)
            self.study.set_user_attr(SAID, dict(said))

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Let others see that this worker lives, and so do the trials that it has taken."""
        with contextlib.ExitStack() as stack:
            with self._turn():
                for gone in (path for path in (self.folder / WORKERS).iterdir() if path.is_dir()):
                    if not folders.in_use(gone):
                        shutil.rmtree(gone, ignore_errors=True)
                self.worker.mkdir()
                stack.callback(shutil.rmtree, self.worker, ignore_errors=True)
                stack.enter_context(folders.held(self.worker))
            yield

    def take(self, total: int, jobs: "Callable[[Trial], list[str]]") -> "Trial | None":
        """The next trial, which this worker runs; None where `total` of them are taken.

        One whose worker is gone comes first, with the values that it had. jobs: the names of its jobs' folders.
        """
        from optuna.trial import TrialState

        with self._turn(), _on_disk(self.folder):
            trials = self.study.get_trials(deepcopy=False)
            waiting = [trial.number for trial in trials if trial.state == TrialState.WAITING]
            for trial in trials:
                if trial.state == TrialState.RUNNING and not self._worked_on(trial):
                    self.storage.set_trial_state_values(trial._trial_id, TrialState.WAITING)
                    waiting.append(trial.number)
            if min(waiting, default=len(trials)) >= total:
                return None
            taken = self.study.ask()
            taken.set_user_attr(WORKER, self.worker.name)
            for key, distribution in self.space.items():  # a seed each: a worker may be gone between two of them
                self.study.sampler = self.sampler(zlib.crc32(f"{self.seed} {taken.number} {key}".encode()))
                _suggest(taken, key, distribution)
            taken.set_user_attr(JOBS, jobs(taken))
            return taken

    def tell(self, trial: "Trial", score: float | None, pruned: bool = False) -> None:
        """Tell what came of a trial: its score, None where it failed."""
        from optuna.trial import TrialState

        failed = score is None or score != score
        with _on_disk(self.folder):
            if pruned:
                self.study.tell(trial, state=TrialState.PRUNED)  # which counts by the last that was reported of it
            else:
                self.study.tell(trial, None if failed else score, TrialState.FAIL if failed else None)

    def _worked_on(self, trial: "FrozenTrial") -> bool:
        """Whether a process is at a trial: a worker, or what is left of its jobs."""
        worker, jobs = str(trial.user_attrs.get(WORKER, "")), trial.user_attrs.get(JOBS, [])
        at_it = [self.folder / WORKERS / worker, *(self.folder / name for name in jobs)]
        return any(folders.in_use(path) for path in at_it)

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """Let no other worker take a trial meanwhile: SQLite itself keeps single writes apart only."""
        with (self.folder / WORKERS / "turn").open("w") as file:
            with contextlib.suppress(OSError):  # a disk that knows no locks
                fcntl.lockf(file, fcntl.LOCK_EX)
            yield


class Curve:
    """The validation curve of one trial, as it is told to the study while its job runs."""

    def __init__(self, study: "optuna.Study", trial: "Trial", reported: int) -> None:
        self.study, self.trial, self.reported = study, trial, reported

    def report(self, scores: Sequence[float]) -> bool:
        """Tell all scores so far, first to last; whether the trial is to be given up."""
        for number, score in enumerate(scores[self.reported :], self.reported):
            self.trial.report(score, number)
        told, self.reported = len(scores) - self.reported, max(len(scores), self.reported)
        return told > 0 and self.trial.should_prune()


def curve(job: Path, median: Median) -> Curve | None:
    """That of the trial which a job's folder belongs to; None where it is no job of a search that runs.

    Of several seeds the first one's job speaks for its trial.
    """
    if not (job.parent / FILE).is_file():
        return None
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    pruner = optuna.pruners.MedianPruner(median.trials, n_warmup_steps=median.evaluations)
    study = optuna.load_study(study_name=NAME, storage=_storage(job.parent), pruner=pruner)
    for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        if job.name in trial.user_attrs.get(JOBS, [])[:1]:
            return Curve(study, optuna.trial.Trial(study, trial._trial_id), len(trial.intermediate_values))
    return None


def _storage(folder: Path) -> "optuna.storages.RDBStorage":
    """The file of a study, opened anew for each write: a connection that is kept would not outlive a fork."""
    import sqlite3

    from optuna.storages import RDBStorage
    from sqlalchemy.pool import NullPool

    path = (folder / FILE).absolute()  # given as it is: in an address some letters mean something else
    connect = {"creator": lambda: sqlite3.connect(path, timeout=PATIENCE), "poolclass": NullPool}
    return RDBStorage("sqlite://", engine_kwargs=connect)


@contextlib.contextmanager
def _on_disk(folder: Path) -> Iterator[None]:
    """Say in one sentence what the database cannot do. Raises DiskError."""
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, StorageInternalError) as error:
        said = error.__cause__ if isinstance(error.__cause__, SQLAlchemyError) else error
        raise DiskError(
            f"{folder / FILE} cannot be used: {getattr(said, 'orig', said)}; give another run_dir"
        ) from error


def _suggest(trial: "Trial", key: str, distribution: "BaseDistribution") -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(key, distribution.choices)
    if isinstance(distribution, IntDistribution):
        return trial.suggest_int(key, distribution.low, distribution.high, log=distribution.log)
    assert isinstance(distribution, FloatDistribution)
    return trial.suggest_float(key, distribution.low, distribution.high, log=distribution.log)


def _refuse_other(folder: Path, before: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Refuse to go on with a study of which something else is said. Raises ConfigurationError."""
    for key in [*now, *before]:
        if before.get(key) != now.get(key):
            then = f"{key}={before[key]}" if key in before else f"no {key}"
            typed = f"{key}={now[key]}" if key in now else f"no {key}"
            raise ConfigurationError(
                f"{folder} holds a search with {then}, not with {typed}: type it as before to go on, or give another "
                "run_dir"
            )

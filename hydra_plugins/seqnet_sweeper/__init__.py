"""`sweep=random` and `sweep=tpe`: values for each trial from Optuna (Akiba et al. 2019)."""

import itertools
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from seqnet.errors import ConfigurationError
from seqnet.leaderboard.jobs import DONE, INTERRUPTED, PRUNED

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import Trial

    from seqnet.leaderboard import Job
    from seqnet.study import Study

FREE = ("checkpoint", "observers", "device", "threads", "trust", "data.num_workers", "sweep")  # to go on with another
LOOK = 0.5  # seconds between two looks whether a job that another worker runs has ended


class OptunaSweeper(Sweeper):
    """Asks a study of Optuna for `parallel` trials at a time, runs their jobs and tells it their scores.

    Several processes may do so in one folder. A trial has a job, or one a seed where `seeds` are repeated.
    """

    def __init__(
        self, sampler: str, trials: int, parallel: int, seed: int, seeds: int, pruner: str | None, monitor: str
    ) -> None:
        self.sampler = sampler
        self.trials = trials
        self.parallel = parallel
        self.seed = seed
        self.repeats = seeds > 1
        self.prunes = pruner is not None
        self.monitor = monitor

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what `sweep` needs."""
        self.hydra_context = hydra_context
        self.config = config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        """Run what is left of all trials.

        Raises ConfigurationError where Optuna is missing, there is nothing to vary, or the folder holds another search.
        """
        try:
            import optuna  # noqa: F401
        except ImportError as error:
            raise ConfigurationError(
                f"sweep={self.sampler} needs Optuna, which is not installed: pip install 'seqnet[sweep]'"
            ) from error
        from seqnet.study import Study
        from seqnet.sweep import keep_typed

        assert self.config is not None
        overrides = OverridesParser.create().parse_overrides(arguments)
        seeds = [one for one in overrides if self.repeats and one.get_key_element() == "seed" and varied(one)]
        drawn = [one for one in overrides if varied(one) and one not in seeds]
        fixed = [one for one in overrides if not varied(one)]
        if not drawn:
            raise ConfigurationError(
                f"sweep={self.sampler} has nothing to vary: give a key a range, "
                "such as optimizer.lr=interval(1e-4,1e-2)"
            )
        space = {
            one.get_key_element(): distribution(one, OmegaConf.select(self.config, one.get_key_element()))
            for one in drawn
        }
        self.fixed = [f"{one.get_key_element()}={one.get_value_element_as_str()}" for one in fixed]
        self.seeds = [f"seed={value}" for one in seeds for value in one.sweep_string_iterator()]
        self.folder = Path(self.config.hydra.sweep.dir)
        self.folder.mkdir(parents=True, exist_ok=True)
        study = Study(self.folder, self._sampler, self.seed, space, self.monitor, self._said([*drawn, *seeds, *fixed]))
        keep_typed(self.folder, self.config)
        with study.working():
            taken = iter(lambda: study.take(self.trials, self._jobs), None)
            while trials := list(itertools.islice(taken, self.parallel)):
                self._run(trials)
                for trial in trials:
                    self._tell(study, trial)

    def _sampler(self, seed: int) -> "BaseSampler":
        from optuna.samplers import RandomSampler, TPESampler

        # Each key on its own, as in Bergstra et al.; what others are at counts as bad, so that no two try the same.
        return TPESampler(seed=seed, multivariate=False) if self.sampler == "tpe" else RandomSampler(seed=seed)

    def _said(self, overrides: Sequence[Override]) -> dict[str, str]:
        """What makes the search this one and no other."""
        typed = {one.get_key_element().lstrip("+"): str(one.input_line).partition("=")[2] for one in overrides}
        said = {key: value for key, value in typed.items() if not {key, key.partition(".")[0]} & {*FREE}}
        return {"sweep": self.sampler, "training.monitor": self.monitor, **said}

    def _swept(self, trial: "Trial") -> list[list[str]]:
        """What is swept of each job of a trial: the values, and the seed where several are run."""
        values = [f"{key}={value}" for key, value in trial.params.items()]
        return [[*values, seed] for seed in self.seeds] or [values]

    def _jobs(self, trial: "Trial") -> list[str]:
        """The names of the folders of a trial's jobs."""
        from seqnet.sweep import named

        return [named(swept) for swept in self._swept(trial)]

    def _run(self, trials: Sequence["Trial"]) -> None:
        """Run the jobs of trials, side by side as far as the launcher does.

        Where there is a pruner, a trial's first job runs before its others, which a trial that is pruned does not need.
        """
        at_first = 1 if self.prunes else None
        self._launch(trials, slice(0, at_first))
        if at_first:
            done = [trial for trial in trials if all(job.status == DONE for job in self._reached(trial))]
            self._launch(done, slice(at_first, None))

    def _launch(self, trials: Sequence["Trial"], which: slice) -> None:
        from seqnet.sweep import named, subdir

        assert self.launcher is not None
        jobs = [swept for trial in trials for swept in self._swept(trial)[which]]
        if jobs:
            batch = [[*self.fixed, *swept, subdir(named(swept))] for swept in jobs]
            self.validate_batch_is_legal(batch)
            before = trials[0].number * max(len(self.seeds), 1)
            for job in self.launcher.launch(batch, initial_job_idx=before):
                _ = job.return_value  # raises what the job raised

    def _reached(self, trial: "Trial") -> list["Job"]:
        """What became of the jobs of a trial that were run. One of these values run elsewhere is waited for."""
        from seqnet import folders
        from seqnet.leaderboard import job_in

        places = [path for path in (self.folder / name for name in self._jobs(trial)) if path.is_dir()]
        while any(map(folders.in_use, places)):
            time.sleep(LOOK)
        return [job_in(place) for place in places]

    def _tell(self, study: "Study", trial: "Trial") -> None:
        """Tell the study what came of a trial: the mean over its seeds, unless one of them failed.

        Of a trial with a job that was asked to stop nothing is told: the next call goes on with it.
        """
        reached = self._reached(trial)
        if any(job.status == INTERRUPTED for job in reached):
            return
        scores = [job.score for job in reached if job.status == DONE and job.score is not None]
        whole = scores if len(scores) == len(self._jobs(trial)) else []
        study.tell(trial, fmean(whole) if whole else None, any(job.status == PRUNED for job in reached))


def varied(override: Override) -> bool:
    """Whether an override gives more than one value."""
    return override.is_sweep_override()


def distribution(override: Override, default: Any) -> "BaseDistribution":
    """Optuna's distribution for a,b,c or choice(a,b,c), range(...) and interval(...), logarithmic in tag(log, ...).

    An interval whose ends are typed as whole numbers has whole numbers, unless the key's default has a fraction.
    """
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    from seqnet.sweep import ends

    sweep = override.value()
    if isinstance(sweep, IntervalSweep):
        (start, end), log = ends(override), "log" in sweep.tags
        if isinstance(start, int) and isinstance(end, int) and not isinstance(default, float):
            return IntDistribution(start, end, log=log)
        return FloatDistribution(float(start), float(end), log=log)
    return CategoricalDistribution(list(override.sweep_string_iterator()))

"""`hydra/launcher=basic` and `joblib`: the jobs of a sweep on this machine, each in a process of its own."""

import os
from collections.abc import Sequence
from functools import partial

from hydra.core.utils import JobReturn, JobStatus, configure_log, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict


class ProcessLauncher(Launcher):
    """Runs `n_jobs` at a time; -1: as many as there are cores for, when each computes in `threads`, 1 where unsaid."""

    def __init__(self, n_jobs: int) -> None:
        self.n_jobs = n_jobs

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what `launch` needs."""
        self.hydra_context = hydra_context
        self.task_function = task_function
        self.config = config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run the jobs; what the task makes of each is a score, or what has begun, which is waited for."""
        from seqnet.begun import Begun, Company

        setup_globals()
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        returned = []
        with Company(self._limit(), drawn=self.n_jobs != 1) as company:
            for number, overrides in enumerate(job_overrides, initial_job_idx):
                company.make_room()
                config = self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides))
                with open_dict(config):
                    config.hydra.job.id = config.hydra.job.num = number
                job = run_job(
                    hydra_context=self.hydra_context,
                    task_function=self.task_function,
                    config=config,
                    job_dir_key="hydra.sweep.dir",
                    job_subdir_key="hydra.sweep.subdir",
                )
                if job.status == JobStatus.FAILED:
                    raise job._return_value  # Hydra's own way tells it on standard error, too
                begun = job.return_value
                if isinstance(begun, Begun):
                    company.add(begun, partial(setattr, job, "return_value"))
                returned.append(job)
        return returned

    def _limit(self) -> int:
        if self.n_jobs != -1:
            return max(self.n_jobs, 1)
        threads = self.config.get("threads")
        return max(len(os.sched_getaffinity(0)) // (threads if isinstance(threads, int) else 1), 1)

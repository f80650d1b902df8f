"""`sweep=grid`: every combination of the values given, each in the folder that is named after it."""

import shlex
from pathlib import Path

from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from seqnet.errors import ConfigurationError


class GridSweeper(Sweeper):
    """Has the jobs of a grid run that are not done."""

    def __init__(self, done: list[str]) -> None:
        self.done = list(done)

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what `sweep` needs."""
        self.hydra_context = hydra_context
        self.config = config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        """Run them. Raises ConfigurationError for a range that has no end of values, and where none can be started."""
        from hydra_plugins.seqnet_launcher import ProcessLauncher
        from seqnet import sweep
        from seqnet.terminal import say

        assert self.launcher is not None
        assert self.config is not None
        batch = [[*values, sweep.subdir(name)] for name, values in sweep.grid(arguments) if name not in self.done]
        self.validate_batch_is_legal(batch)
        folder = str(self.config.hydra.sweep.dir)
        sweep.keep_typed(Path(folder), self.config)
        if not batch:
            return
        elsewhere = not isinstance(self.launcher, ProcessLauncher)
        if elsewhere:
            say(f"jobs handed over: {len(batch)}; how far they are: seqnet leaderboard {shlex.quote(folder)}")
        try:
            returned = self.launcher.launch(batch, initial_job_idx=0)
        except RuntimeError as error:  # such as submitit's, where there is no SLURM
            if elsewhere:
                raise ConfigurationError(f"the launcher that is chosen cannot start the jobs: {error}") from error
            raise
        for job in returned:
            _ = job.return_value  # raises what the job raised

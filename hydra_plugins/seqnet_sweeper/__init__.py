"""`sweep=random` and `sweep=tpe`: values for each trial from Optuna (Akiba et al. 2019)."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from seqnet.errors import ConfigurationError
from seqnet.scores import LOWER_IS_BETTER

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


class OptunaSweeper(Sweeper):
    """Asks Optuna for the values of `parallel` trials at a time and tells it their scores."""

    def __init__(self, sampler: str, trials: int, parallel: int, seed: int, monitor: str) -> None:
        self.sampler = sampler
        self.trials = trials
        self.parallel = parallel
        self.seed = seed
        self.lower_is_better = monitor in LOWER_IS_BETTER

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what `sweep` needs."""
        self.hydra_context = hydra_context
        self.config = config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        """Run all trials. Raises ConfigurationError where Optuna is missing or there is nothing to vary."""
        try:
            import optuna
        except ImportError as error:
            raise ConfigurationError(
                f"sweep={self.sampler} needs Optuna, which is not installed: pip install 'seqnet[sweep]'"
            ) from error
        from seqnet.sweep import named, subdir

        assert self.launcher is not None
        assert self.config is not None
        overrides = OverridesParser.create().parse_overrides(arguments)
        fixed = [f"{one.get_key_element()}={one.get_value_element_as_str()}" for one in overrides if not varied(one)]
        space = {
            one.get_key_element(): distribution(one, OmegaConf.select(self.config, one.get_key_element()))
            for one in overrides
            if varied(one)
        }
        if not space:
            raise ConfigurationError(
                f"sweep={self.sampler} has nothing to vary: give a key a range, "
                "such as optimizer.lr=interval(1e-4,1e-2)"
            )
        folder = Path(self.config.hydra.sweep.dir)
        folder.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(self.config, folder / "multirun.yaml")  # as Hydra's own sweeper does
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        samplers = optuna.samplers
        sampler = samplers.TPESampler if self.sampler == "tpe" else samplers.RandomSampler
        direction: Literal["minimize", "maximize"] = "minimize" if self.lower_is_better else "maximize"
        study = optuna.create_study(sampler=sampler(seed=self.seed), direction=direction)
        for first in range(0, self.trials, self.parallel):
            trials = [study.ask(space) for _ in range(min(self.parallel, self.trials - first))]
            drawn = [[f"{key}={trial.params[key]}" for key in space] for trial in trials]
            batch = [[*fixed, *values, subdir(named(values))] for values in drawn]
            self.validate_batch_is_legal(batch)
            for trial, job in zip(trials, self.launcher.launch(batch, initial_job_idx=first), strict=True):
                score = job.return_value
                failed = score is None or score != score
                study.tell(trial, None if failed else score, optuna.trial.TrialState.FAIL if failed else None)


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

"""All that must survive a crash, in one object: what a checkpoint holds, and how it is put back."""

import random
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from seqnet.batch import EvaluationReport
from seqnet.build import Assembly
from seqnet.commands.stored import load_weights
from seqnet.errors import CheckpointError
from seqnet.state import leaves, with_leaves
from seqnet.training.progress import Averages, Stopping
from seqnet.training.trainer import Position, Trainer


@dataclass
class Evaluated:
    """The last validation: at which step, and its scores."""

    step: int
    scores: dict[str, float]

    @classmethod
    def of(cls, report: EvaluationReport) -> "Evaluated":
        """What of a report must be kept."""
        return cls(report.step, report.scores)


@dataclass
class RunState:
    """A run between two steps."""

    config: dict[str, Any]
    assembly: Assembly
    trainer: Trainer
    stopping: Stopping
    averages: Averages
    evaluated: Evaluated | None = None

    def components(self) -> dict[str, Any]:
        """What a checkpoint holds."""
        trainer, model = self.trainer, self.assembly.model
        carried = leaves(trainer.state)
        return {
            "parameters": dict(model.named_parameters()),
            "buffers": dict(model.named_buffers()),
            "optimizer": trainer.optimizer.state_dict(),
            "schedule": trainer.schedule.state(),
            "scaler": trainer.precision.scaler.state_dict(),
            "rng": _random_states(),
            "carried_state": {"rows": len(carried[0]) if carried else 0, "tensors": carried},
            "metrics": {
                "averages": asdict(self.averages),
                "evaluated": None if self.evaluated is None else asdict(self.evaluated),
            },
            **self.components_of_progress(),
            "config": self.config,
            "data": self.assembly.source.state(),
        }

    def components_of_progress(self) -> dict[str, Any]:
        """Those that say how far the run is."""
        position = self.trainer.position
        return {
            "data_position": {
                "epoch": position.epoch,
                "batch": position.batch,
                "window": position.window,
                "share": position.share,
            },
            "counters": {"step": position.step, "skipped": position.skipped, "seconds": position.seconds},
            "early_stopping": self.stopping.state(),
        }

    def restore(self, components: dict[str, Any], where: str) -> None:
        """The inverse of `components`. Raises CheckpointError where they are not those of this run."""
        trainer, model = self.trainer, self.assembly.model
        load_weights(model, components, where)
        try:
            trainer.optimizer.load_state_dict(components["optimizer"])
            trainer.schedule.restore(components["schedule"])
            trainer.precision.scaler.load_state_dict(components["scaler"])
            trainer.position = Position(**components["data_position"], **components["counters"])
            carried = components["carried_state"]
            if carried["rows"]:
                template = model.initial_state(carried["rows"])  # type: ignore[operator]
                device = trainer.precision.device
                trainer.state = with_leaves(template, [tensor.to(device) for tensor in carried["tensors"]])
            metrics = components["metrics"]
            self.averages = Averages(**metrics["averages"])
            self.evaluated = None if metrics["evaluated"] is None else Evaluated(**metrics["evaluated"])
            self.stopping.restore(components["early_stopping"])
            _set_random_states(components["rng"])
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError, StopIteration) as error:
            raise CheckpointError(f"{where} does not fit this run: {error}") from error


def _random_states() -> dict[str, Any]:
    name, keys, place, has_gauss, cached = np.random.get_state(legacy=True)
    return {
        "python": random.getstate(),
        "numpy": (str(name), [int(key) for key in keys], int(place), int(has_gauss), float(cached)),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def _set_random_states(states: dict[str, Any]) -> None:
    random.setstate(states["python"])
    np.random.set_state(states["numpy"])
    torch.set_rng_state(states["torch"])
    if states["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(states["cuda"])

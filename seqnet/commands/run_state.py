"""All that must survive a crash, in one object: what a checkpoint holds, and how it is put back."""

import copy
from dataclasses import asdict, dataclass, field
from typing import Any

import torch

from seqnet.batch import EvaluationReport
from seqnet.build import Assembly
from seqnet.cells import native
from seqnet.commands.stored import NOT_A_RUN, check_optimizer, load_weights, restore_objective
from seqnet.data import digest
from seqnet.errors import CheckpointError, DataError
from seqnet.training.pieces import Position
from seqnet.training.progress import Averages, Stopping, check_like, check_numbers
from seqnet.training.randomness import random_states, set_random_states
from seqnet.training.trainer import Trainer


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
    read: dict[str, str] = field(default_factory=dict)  # a digest of each split, in which the data is told again
    evaluated: Evaluated | None = None
    rows: int = 0  # of training and validation, told so far
    before: list[dict[str, Any]] = field(default_factory=list)  # snapshots, newest last; see `Training.rewind`

    def components(self) -> dict[str, Any]:
        """What a checkpoint holds, the same on all ranks but for the machine; to be called by all of them."""
        trainer, model = self.trainer, self.assembly.model
        carried = trainer.carried()
        return {
            "parameters": dict(model.named_parameters()),
            "buffers": dict(model.named_buffers()),
            "ema": {} if trainer.average is None else trainer.average.weights(),
            "averaging": {} if trainer.average is None else trainer.average.state(),
            "optimizer": trainer.optimizer.state_dict(),
            **self.components_of_choice(),
            "schedule": trainer.schedule.state(),
            "scaler": trainer.precision.scaler.state_dict(),
            "rng": random_states(),
            "carried_state": {"rows": len(carried[0]) if carried else 0, "tensors": carried},
            "metrics": {
                "averages": asdict(self.averages),
                "evaluated": None if self.evaluated is None else asdict(self.evaluated),
                "rows": self.rows,
            },
            **self.components_of_progress(),
            "snapshots": self.before,
            "machine": self.machine(),
            "config": self.config,
            "data": self.assembly.source.state(),
            "read": self.read,
        }

    def snapshot(self) -> dict[str, Any]:
        """The components that training changes, as they are now."""
        components = self.components()
        return copy.deepcopy(
            {name: components[name] for name in components.keys() - {"snapshots", "machine", "config", "data", "read"}}
        )

    def machine(self) -> dict[str, Any]:
        """What the last digits depend on beside all that is restored."""
        device = self.trainer.precision.device.type
        return {
            "device": device,
            "threads": torch.get_num_threads() if device == "cpu" else None,
            "ranks": self.trainer.ranks.count,
            "torch": str(torch.__version__),
            "compiled": device == "cpu" and native.library() is not None,
        }

    def check_ranks(self) -> None:
        """Find out that all ranks begin with the same. Raises DataError where they read other data."""
        ranks, model = self.trainer.ranks, self.assembly.model
        if ranks.count == 1:
            return
        if any(read != self.read for read in ranks.gather(self.read)):
            raise DataError(
                "the ranks read different data: files or what is kept of them differ from machine to machine; copy "
                "the same to all of them"
            )
        own = [*model.named_parameters(), *model.named_buffers()]
        weights = digest.of_tensors((name, tensor.detach().cpu()) for name, tensor in own)
        if any(theirs != weights for theirs in ranks.gather(weights)):
            raise RuntimeError("the ranks made different weights of the same seed")

    def components_of_choice(self) -> dict[str, Any]:
        """The one of what the objective has chosen, where it chooses."""
        chosen = self.assembly.objective.state() if hasattr(self.assembly.objective, "state") else {}
        return {"objective": chosen} if chosen else {}

    def components_of_progress(self) -> dict[str, Any]:
        """Those that say how far the run is."""
        position = self.trainer.position
        return {
            "data_position": {
                "epoch": position.epoch,
                "batch": position.batch,
                "window": position.window,
                "share": position.share,
                "left_out": position.left_out,
            },
            "counters": {"step": position.step, "skipped": position.skipped, "seconds": position.seconds},
            "early_stopping": self.stopping.state(),
        }

    def restore(self, components: dict[str, Any], where: str) -> None:
        """The inverse of `components`. Raises CheckpointError where they are not those of this run."""
        trainer, model = self.trainer, self.assembly.model
        if not isinstance(components.get("machine", {}), dict):
            raise CheckpointError(f"{where} does not fit this run: its machine is none")
        snapshots = components.get("snapshots", self.before)
        if not (isinstance(snapshots, list) and all(isinstance(one, dict) for one in snapshots)):
            raise CheckpointError(f"{where} does not fit this run: its snapshots are none")
        if "snapshots" in components:  # found out now, and not when the run goes back to one of them
            for snapshot in snapshots:
                self.restore({**snapshot, "snapshots": []}, f"a snapshot of {where}")
        load_weights(model, components, where)
        restore_objective(self.assembly.objective, components, where)
        try:
            averaging = components.get("averaging", {})  # an earlier seqnet had none
            if trainer.average is None:
                check_like({"ema": {}, "averaging": {}}, {"ema": components["ema"], "averaging": averaging})
            else:
                trainer.average.restore(components["ema"], averaging)
            check_optimizer(self.config, model, components["optimizer"])
            trainer.optimizer.load_state_dict(components["optimizer"])
            if self.config["schedule"]["_target_"].startswith("seqnet."):  # another's may hold what it likes
                check_like(trainer.schedule.state(), components["schedule"])
            trainer.schedule.restore(components["schedule"])
            trainer.precision.scaler.load_state_dict(components["scaler"])
            position = {**components["data_position"], **components["counters"]}
            check_like(asdict(Position()), position)
            for place in position["left_out"]:
                check_like([0] * len(place), place)
            for *values, step in components["early_stopping"]["best"]:
                check_like([*(None if value is None else 0.0 for value in values), 0], [*values, step])
            trainer.position = Position(**position | {"left_out": list(position["left_out"])})
            carried = components["carried_state"]
            if carried["rows"] and len(carried["tensors"][0]) != carried["rows"]:
                raise ValueError("the carried state has another number of rows than it says")
            trainer.carry(carried["tensors"] if carried["rows"] else [])
            metrics = components["metrics"]
            # An earlier seqnet counted less.
            metrics = {"rows": 0, **metrics, "averages": {**asdict(Averages()), **metrics["averages"]}}
            check_like({"averages": asdict(Averages()), "evaluated": None, "rows": 0}, metrics)
            self.averages, self.evaluated = Averages(**metrics["averages"]), None
            if metrics["evaluated"] is not None:
                scores = dict.fromkeys(metrics["evaluated"]["scores"], 0.0)
                check_like({"step": 0, "scores": scores}, metrics["evaluated"])
                self.evaluated = Evaluated(**metrics["evaluated"])
            self.rows = metrics["rows"]
            check_numbers(self.rows, 0)
            self.stopping.restore(components["early_stopping"])
            self.before = snapshots
            set_random_states(components["rng"])
        except (*NOT_A_RUN, StopIteration) as error:
            raise CheckpointError(f"{where} does not fit this run: {error}") from error

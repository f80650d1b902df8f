"""The checkpoints of a run: when one is due, and which are kept."""

from pathlib import Path
from typing import Any

from seqnet.commands.run_state import RunState
from seqnet.training import checkpoint


class Checkpoints:
    """Those of a run in its folder, which the first of its ranks writes while the others wait.

    saved: the step of the one that holds the state as it is; None: none does.
    """

    def __init__(self, folder: Path, state: RunState, saved: int | None) -> None:
        self._folder, self._state, self._saved = folder / "checkpoints", state, saved
        self._ranks = state.trainer.ranks
        self._last_saved = state.trainer.position.seconds

    def outdate(self) -> None:
        """The state is no longer as it was written."""
        self._saved = None

    def due(self) -> bool:
        """Whether it is time for one, by steps or minutes."""
        options = self._state.config["checkpoint"]
        steps, minutes = options["every_steps"], options["every_minutes"]
        if steps is not None and self._state.trainer.position.step % steps == 0:
            return True
        return minutes is not None and self._state.trainer.position.seconds - self._last_saved >= minutes * 60

    def save(self, best: bool = False) -> None:
        """Write a checkpoint of everything that the run needs to go on, unless it is written already."""
        step = self._state.trainer.position.step
        components = None if self._saved == step else self._state.components()  # all ranks have a part in them
        if self._ranks.first:
            self._write(step, components, best)
        if components is not None:
            self._saved, self._last_saved = step, self._state.trainer.position.seconds
        self._ranks.tell(None)  # none goes on, or ends, before it is written

    def _write(self, step: int, components: dict[str, Any] | None, best: bool) -> None:
        folder, written = self._folder, checkpoint.named(self._folder, step)
        if components is not None:
            checkpoint.write(folder, step, components)
            checkpoint.link(folder, "last", written)
        if best:
            checkpoint.link(folder, "best", written)
        remembered = [step for snapshot in self._state.before for _, step in snapshot["early_stopping"]["best"]]
        best_steps = [*self._state.stopping.best_steps, *remembered]
        checkpoint.prune(folder, self._state.config["checkpoint"]["keep"], best_steps)

    def rewound(self) -> None:
        """Write where the run went back to, and take out what lies behind it."""
        self.outdate()
        self.save()
        if self._ranks.first:
            checkpoint.remove_after(self._folder, self._state.trainer.position.step)

"""The checkpoints of a run: when one is due, and which are kept."""

import time
from pathlib import Path

from seqnet.commands.run_state import RunState
from seqnet.training import checkpoint


class Checkpoints:
    """Those of a run in its folder. saved: the step of the one that holds the state as it is; None: none does."""

    def __init__(self, folder: Path, state: RunState, saved: int | None) -> None:
        self._folder, self._state, self._saved = folder / "checkpoints", state, saved
        self._last_saved = time.monotonic()

    def outdate(self) -> None:
        """The state is no longer as it was written."""
        self._saved = None

    def due(self) -> bool:
        """Whether it is time for one, by steps or minutes."""
        options = self._state.config["checkpoint"]
        steps, minutes = options["every_steps"], options["every_minutes"]
        if steps is not None and self._state.trainer.position.step % steps == 0:
            return True
        return minutes is not None and time.monotonic() - self._last_saved >= minutes * 60

    def save(self, best: bool = False) -> None:
        """Write a checkpoint of everything that the run needs to go on, unless it is written already."""
        folder, step = self._folder, self._state.trainer.position.step
        written = checkpoint.named(folder, step)
        if self._saved != step:
            checkpoint.write(folder, step, self._state.components())
            checkpoint.link(folder, "last", written)
            self._saved, self._last_saved = step, time.monotonic()
        if best:
            checkpoint.link(folder, "best", written)
        remembered = [step for snapshot in self._state.before for _, step in snapshot["early_stopping"]["best"]]
        best_steps = [*self._state.stopping.best_steps, *remembered]
        checkpoint.prune(folder, self._state.config["checkpoint"]["keep"], best_steps)

    def rewound(self) -> None:
        """Write where the run went back to, and take out what lies behind it."""
        self.outdate()
        self.save()
        checkpoint.remove_after(self._folder, self._state.trainer.position.step)

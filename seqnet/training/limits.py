"""When training ends."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """When training ends: at the first of these that is reached."""

    max_steps: int | None = None
    max_epochs: int | None = None
    max_minutes: float | None = None

    def done(self, step: int, epochs: float, minutes: float) -> float:
        """Share of training done, 0 to 1; minutes count only where nothing else is set (see Schedule)."""
        shares = []
        if self.max_steps is not None:
            shares.append(step / self.max_steps)
        if self.max_epochs is not None:
            shares.append(epochs / self.max_epochs)
        if not shares and self.max_minutes is not None:
            shares.append(minutes / self.max_minutes)
        return max(shares, default=0.0)

    def reached(self, step: int, epoch: int, minutes: float) -> bool:
        """Whether training is over."""
        pairs = ((step, self.max_steps), (epoch, self.max_epochs), (minutes, self.max_minutes))
        return any(limit is not None and value >= limit for value, limit in pairs)

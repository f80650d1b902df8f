"""Sizes of a model and of its training that suit so much data."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seqnet.data.inspection.profile import Profile, quantiles

LONG = 500  # steps, of which batches are smaller
HELD_OUT = 0.9  # of the rows are trained on, roughly


@dataclass(frozen=True)
class Sizes:
    """What suits some rows."""

    batch_size: int
    hidden_size: int
    embedding_size: int
    max_epochs: int
    warmup_steps: int
    lr: float
    dropout: float
    weight_decay: float

    def options(self, embeds: bool) -> dict[str, Any]:
        """As options of a configuration. embeds: there are tokens or labels among the inputs."""
        return {
            "data.batch_size": self.batch_size,
            "model.hidden_size": self.hidden_size,
            **({"model.embedding_size": self.embedding_size, "model.embedding_std": 0.1} if embeds else {}),
            "model.output_dropout": self.dropout,
            "optimizer.lr": self.lr,
            "optimizer.weight_decay": self.weight_decay,
            "schedule.warmup_steps": self.warmup_steps,
            "training.max_epochs": self.max_epochs,
        }


def sizes(rows: int, profile: Profile, kind: str, options: Mapping[str, Any], longest: int = 0) -> Sizes:
    """What suits so many rows whose first input, or what is written, is such a column."""
    trained = max(int(rows * HELD_OUT), 1)
    batch = _by(trained, (100, 4), (500, 8), (2_000, 16), (20_000, 32), (math.inf, 64))
    by_letter = kind == "dna" or options.get("level") == "characters"
    lengths = profile.letters if by_letter else profile.words if kind == "text" else profile.steps
    if max(longest, quantiles(lengths)[1]) > LONG and kind != "running":
        batch = max(batch // 2, 4)
    steps = math.ceil(trained / batch)
    wanted = _by(trained, (500, 600), (2_000, 1_000), (20_000, 1_200), (200_000, 5_000), (math.inf, 20_000))
    epochs = min(max(round(wanted / steps), 3), 40)
    hidden = _by(trained, (500, 32), (5_000, 64), (50_000, 128), (math.inf, 256))
    words = len(profile.items) or len(profile.tokens)
    if kind not in ("text", "tokens", "running"):
        words = 0  # what is embedded is labels
    embedding = _by(words, (200, 16), (1_000, 32), (5_000, 64), (30_000, 128), (math.inf, 256))
    if options.get("level") == "characters":
        embedding = 32 if trained > 500 else 16
    return Sizes(
        batch_size=batch,
        hidden_size=hidden,
        embedding_size=embedding,
        max_epochs=epochs,
        warmup_steps=min(epochs * steps // 20, 300),
        lr=0.005 if hidden <= 64 else 0.003,
        dropout=0.3 if trained < 50_000 else 0.1,
        weight_decay=0.1 if trained < 20_000 else 0.01,
    )


def _by(amount: float, *steps: tuple[float, int]) -> int:
    """The size of the first step that the amount does not exceed."""
    return next(size for most, size in steps if amount <= most)

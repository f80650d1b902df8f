"""`seqnet evaluate dynamic=true`: scores of weights that learn of a running text while it is read."""

from copy import deepcopy
from typing import Any

import torch

from seqnet import build, trust
from seqnet.commands.stored import StoredRun
from seqnet.commands.watched import OnABar
from seqnet.data.examples import Stream
from seqnet.errors import ConfigurationError
from seqnet.options import shown
from seqnet.terminal import warn
from seqnet.training.adaptation import Adaptation, gradient_scales
from seqnet.training.evaluation import evaluate

RATES = {"rms": (0.0001, 0.0003, 0.001, 0.003, 0.01), "sgd": (0.01, 0.03, 0.1, 0.3, 1.0)}
"""What `adaptation.lr=chosen` is chosen of, and 0."""


def rehearsed(stored: StoredRun, config: dict[str, Any], split: Any) -> Stream | None:
    """What a rate is to be chosen on; None where one is named. config: of the command; split: to be scored.

    Raises ConfigurationError for a split whose rows have nothing to do with each other, and where a rate is to be
    chosen and there is no validation split.
    """
    if not isinstance(split, Stream):
        raise ConfigurationError(
            "dynamic=true learns of a running text while it is read, and this run reads rows that stand by themselves: "
            "leave it out"
        )
    if config["adaptation"]["lr"] != "chosen":
        return None
    valid: Stream | None = _of_training(stored, "valid")
    if valid is None:
        raise ConfigurationError(
            "adaptation.lr=chosen is chosen on the validation split, and this run's data has none: name a rate, "
            f"such as adaptation.lr={RATES[config['adaptation']['rule']][2]}"
        )
    return valid


def dynamic_scores(stored: StoredRun, config: dict[str, Any], split: Stream, valid: Stream | None) -> dict[str, float]:
    """Loss and metrics of a split, each named `dynamic_...`, and `dynamic_lr`. The stored run stays as it is.

    config: of the command; valid: see `rehearsed`.
    """
    adapted, name = _Adapted(stored, config), config["split"]
    if name == "train" and config["data"]["path"] is None:
        warn("split=train is what the run was trained on: its scores, and the dynamic ones above all, are flattered")
    if valid is None:
        lr = float(config["adaptation"]["lr"])
        scores = adapted.scores(split, lr, f"learning of {name}")
    else:
        lr, scores = adapted.chosen(valid)
        if name == "valid" and config["data"]["path"] is None:
            warn("split=valid is what adaptation.lr was chosen on: its dynamic scores are flattered")
        else:
            scores = adapted.scores(split, lr, f"learning of {name}")
    return {f"dynamic_{name}": value for name, value in (scores | {"lr": lr}).items() if "baseline" not in name}


def _of_training(stored: StoredRun, name: str) -> Any:
    """A split of the data that a run was trained on. Raises DataError."""
    trust.refuse_elsewhere(stored.config)
    return stored.assembly.source.split(name)


class _Adapted:
    """Scores splits with a copy of a run's model each, which learns."""

    def __init__(self, stored: StoredRun, config: dict[str, Any]) -> None:
        self._stored, self._rule, self._decay = stored, config["adaptation"]["rule"], config["adaptation"]["decay"]
        self._window = config["adaptation"]["window"] or stored.config["training"]["window"]
        self._scales = self._gradients() if self._rule == "rms" else None

    def _gradients(self) -> list[torch.Tensor]:
        stored = self._stored
        loader = self._loader(_of_training(stored, "train"))
        shown_on_a_bar = OnABar(loader, "measuring gradients of train")
        return gradient_scales(
            stored.assembly.model, stored.assembly.task, shown_on_a_bar, stored.precision, self._window
        )

    def _loader(self, split: Any) -> Any:
        return build.loader(self._stored.config, split, training=False)

    def scores(self, split: Stream, lr: float, doing: str) -> dict[str, float]:
        """Loss and metrics of a split at that rate."""
        stored, model = self._stored, deepcopy(self._stored.assembly.model)
        learn = Adaptation(model, stored.assembly.task, stored.precision, lr, self._decay, self._scales)
        loader = OnABar(self._loader(split), doing)
        return evaluate(model, stored.assembly.task, loader, stored.precision, self._window, learn=learn)[0]

    def chosen(self, valid: Stream) -> tuple[float, dict[str, float]]:
        """The rate with the least loss on the validation split, 0 where none betters it, and the scores there."""
        rates = (0.0, *RATES[self._rule])
        scores = {lr: self.scores(valid, lr, f"trying adaptation.lr={shown(lr)}") for lr in rates}
        best = min(rates, key=lambda lr: scores[lr]["loss"])
        tried = ", ".join(f"{each['loss']:.4f} at {shown(lr)}" for lr, each in scores.items())
        warn(f"adaptation.lr={shown(best)} was chosen by its loss on valid ({tried})")
        return best, scores[best]

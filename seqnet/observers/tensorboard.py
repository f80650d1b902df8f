"""TensorBoard: curves, samples and their pictures, confusion matrices and the configuration of one run, in a folder."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
import yaml  # type: ignore[import-untyped]
from PIL import Image
from torch import Tensor

from seqnet.batch import Confusion, EvaluationReport, TrainingReport
from seqnet.errors import on_disk
from seqnet.observers.event_file import EventFile, event_files
from seqnet.observers.memory_report import MemoryReport, figures
from seqnet.observers.pictures import draw
from seqnet.observers.run import Observer, Run

NO_HYPERPARAMETERS = ("run_dir", "resume", "trust", "checkpoint", "observers", "debug", "sweep")


class TensorBoard(Observer):
    """Writes the run's event file. Tags are `score/split`, so that train and valid stand side by side.

    A run that goes on hides the points after its checkpoint (`purge_step`). Final scores belong to the
    run itself: `add_hparams` and `add_scalars` would each add runs to the list, so neither is used.
    """

    def __init__(self) -> None:
        self._file: EventFile | None = None
        self._config: dict[str, Any] = {}
        self._charted: list[str] = []

    def on_start(self, run: Run) -> None:
        """Open the file and show the configuration."""
        folder = run.folder / "tensorboard"
        with on_disk(folder):
            there = event_files(folder)
            if not run.resumed:
                for path in there:  # of a run that was killed before it could be resumed
                    path.unlink()
        self._file = EventFile(folder, purge_step=run.step + 1 if run.resumed else 0)
        if not (run.resumed and there):
            text = yaml.safe_dump(run.config, sort_keys=False, allow_unicode=True)
            self._file.text("config", fenced(text, "yaml"), run.step)
        self._config = run.config

    def on_rewind(self, run: Run) -> None:
        """Hide the points after the step where the run goes on."""
        self.close()
        self.on_start(replace(run, resumed=True))

    def on_training(self, report: TrainingReport) -> None:
        """A point on each training curve."""
        file = self._open()
        self._curves(report.scores, "train", report.step)
        file.scalar("optimisation/learning_rate", report.learning_rate, report.step)
        file.scalar("optimisation/gradient_norm", report.gradient_norm, report.step)
        file.scalar("optimisation/clipped_share", report.clipped_share, report.step)
        file.scalar("epoch", report.epoch, report.step)
        file.scalar("speed/tokens_per_second", report.tokens_per_second, report.step)
        file.scalar("data/padded_share", report.padded_share, report.step)

    def on_evaluation(self, report: EvaluationReport) -> None:
        """A point on each curve of the split, samples, their pictures and confusion matrix; test scores come last."""
        file = self._open()
        if report.split != "test":
            self._curves(report.scores, report.split, report.step)
        if report.samples:
            text = "\n\n---\n\n".join(fenced(sample) for sample in report.samples)
            file.text(f"samples/{report.split}", text, report.step)
        drawn = Counter[str]()
        for found in report.pictures:
            drawn[found.kind] += 1
            file.image(f"{found.kind}/{report.split}/{drawn[found.kind]}", _points(draw(found)), report.step)
        if report.confusion is not None:
            found = Confusion.named(report.confusion, report.class_names)
            file.image(f"confusion/{report.split}", _points(draw(found)), report.step)
            file.text(f"confusion/{report.split}", confusion_text(*found), report.step)

    def on_memory(self, report: MemoryReport) -> None:
        """Points on the curves of each recurrent layer, the verdict, and the picture where one was drawn."""
        file = self._open()
        if report.picture is not None:
            file.image("memory", _points(Image.open(BytesIO(report.picture))), report.step)
            return
        file.text("memory", report.verdict, report.step)
        for layer in report.layers:
            for name, value in figures(layer).items():
                file.scalar(f"memory/{layer.name}/{name}", value, report.step)

    def on_end(self, results: dict[str, Any]) -> None:
        """Write the final scores, and the hyperparameters beside them."""
        file = self._open()
        final: dict[str, float] = {}
        for name, split in (("best", "valid"), ("test", "test")):
            row = results.get(name) or {}
            scores = {score: value for score, value in row.items() if score not in ("step", "epoch")}
            final |= {f"final/{split}_{score}": value for score, value in scores.items()}
        step = (results.get("last") or {}).get("step", 0) + 1  # so that a run which goes on hides them
        for tag, value in final.items():
            file.scalar(tag, value, step)
        file.hyperparameters(dict(hyperparameters(self._config)), final)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> EventFile:
        assert self._file is not None, "on_start opens the file"
        return self._file

    def _curves(self, scores: Mapping[str, float], split: str, step: int) -> None:
        file = self._open()
        for name, value in scores.items():
            file.scalar(f"{name}/{split}", value, step)
        new = [name for name in scores if name not in self._charted]
        if split != "train" and new:
            # written once the names of the scores are known; the last layout of a run is the one that is shown
            self._charted += new
            charts = {name: ["Multiline", [rf"^{re.escape(name)}/(train|valid)$"]] for name in self._charted}
            optimisation = {
                name.replace("_", " "): ["Multiline", [f"^optimisation/{name}$"]]
                for name in ("learning_rate", "gradient_norm", "clipped_share")
            }
            file.charts({"train and valid": charts, "optimisation": optimisation})


def hyperparameters(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, bool | float | str]]:
    """The configuration as flat pairs (`optimizer.lr`, 0.003; `cell`, LSTM), without what changes no number."""
    for key, value in config.items():
        if not prefix and key in NO_HYPERPARAMETERS:
            continue
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from hyperparameters(value, f"{name}.")
        elif key == "_target_" and prefix:
            yield prefix.removesuffix("."), str(value).rpartition(".")[2]
        elif isinstance(value, (bool, int, float, str)):
            yield name, value
        elif isinstance(value, Sequence):
            yield name, str(value)


def fenced(text: str, language: str = "") -> str:
    """The text as a Markdown code block that shows each character as it is, whatever the text holds."""
    shown = "".join(
        letter if letter.isprintable() or letter in "\n\t" else "\N{REPLACEMENT CHARACTER}" for letter in text
    )
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{shown}\n{fence}"


def confusion_text(confusion: Tensor, names: Sequence[str]) -> str:
    """A Markdown table: of each class how many there are, how many were found, and what it is most taken for.

    confusion: [true predicted] counts.
    """
    lines = ["| class | count | found | precision | most taken for |", "|---|---:|---:|---:|---|"]
    predicted = confusion.sum(0).tolist()
    for place, row in enumerate(confusion.tolist()):
        total, right = sum(row), row[place]
        others = [count if other != place else 0 for other, count in enumerate(row)]
        worst = max(range(len(others)), key=others.__getitem__)
        taken = f"{_cell(names[worst])} ({others[worst]:,.0f})" if others[worst] else ""
        found = f"{right / total:.1%}" if total else ""
        precision = f"{right / predicted[place]:.1%}" if predicted[place] else ""
        lines.append(f"| {_cell(names[place])} | {total:,.0f} | {found} | {precision} | {taken} |")
    return "\n".join(lines)


def _points(picture: Image.Image) -> np.ndarray:
    """A picture as points [height width 3]."""
    return np.asarray(picture.convert("RGB"))


def _cell(name: str) -> str:
    """A class name that Markdown takes as plain text, inside a table."""
    plain = "".join(letter if letter.isprintable() else " " for letter in name)
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|<>&~])", lambda found: f"&#{ord(found[1])};", plain)

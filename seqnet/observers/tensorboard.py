"""TensorBoard: curves, samples and their pictures and sound, what classes are taken for, options, embeddings."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
import yaml  # type: ignore[import-untyped]
from PIL import Image
from torch import Tensor

from seqnet.batch import Confusion, EvaluationReport, Roll, Seen, TrainingReport
from seqnet.errors import on_disk
from seqnet.observers.event_file import EventFile, event_files
from seqnet.observers.memory_report import MemoryReport, figures
from seqnet.observers.pictures import Pictures
from seqnet.observers.projector import write_embeddings
from seqnet.observers.run import Observer, Run
from seqnet.observers.sound import RATE, sound_of

RUN, TRAIN, VALID = "", "train", "valid"  # folders below tensorboard, each a run of the list
HEARD, LONGEST = 2, 60  # pieces of an evaluation that are played, and steps of them
OPTIMISATION = {
    "learning rate": "optimisation/learning_rate",
    "gradient norm": "optimisation/gradient_norm",
    "clipped share": "optimisation/clipped_share",
}
THROUGHPUT = {"tokens a second": "speed/tokens_per_second", "padded share": "data/padded_share"}
NO_PARAMETERS = ("run_dir", "resume", "trust", "checkpoint", "observers", "debug", "sweep")
NO_HYPERPARAMETERS = (*NO_PARAMETERS, "threads", "device")


class TensorBoard(Observer):
    """Writes the event files of three runs: `train` and `valid`, whose curves have one tag a score, and RUN above them.

    RUN is the folder tensorboard: it holds the configuration, the options with the final scores, which TensorBoard
    looks for in that very run, the layout of the charts, and the embeddings. A run that goes on hides of each what is
    behind its checkpoint: of training behind its step, of validation behind the last evaluation that it knows of.
    """

    asks_for_curves = True

    def __init__(self) -> None:
        self._files: dict[str, EventFile] = {}
        self._run: Run | None = None
        self._charted: list[str] = []
        self._pictures = Pictures()

    def on_start(self, run: Run) -> None:
        """Open the files, show the configuration and say which options tell the run from others."""
        self._run, self._charted = run, []
        folder = run.folder / "tensorboard"
        names = [RUN, TRAIN, *([VALID] if VALID in run.splits else [])]
        with on_disk(folder):
            there = {name: event_files(folder / name) for name in names}
            if not run.resumed:
                for path in (path for found in there.values() for path in found):
                    path.unlink()  # of a run that was killed before it could be resumed
        for name in names:
            first = (run.evaluated if name == VALID else run.step) + 1
            self._files[name] = EventFile(folder / name, purge_step=first if run.resumed else 0)
        if not (run.resumed and there[RUN]):
            text = yaml.safe_dump(run.config, sort_keys=False, allow_unicode=True)
            self._files[RUN].text("config", fenced(text, "yaml"), run.step)
            self._files[RUN].begin(dict(hyperparameters(run.varied)))

    def on_rewind(self, run: Run) -> None:
        """Hide the points after the step where the run goes on."""
        self.close()
        self.on_start(replace(run, resumed=True))

    def on_training(self, report: TrainingReport) -> None:
        """A point on each training curve."""
        file = self._files[TRAIN]
        for name, value in report.scores.items():
            file.scalar(name, value, report.step)
        file.scalar("optimisation/learning_rate", report.learning_rate, report.step)
        file.scalar("optimisation/gradient_norm", report.gradient_norm, report.step)
        file.scalar("optimisation/clipped_share", report.clipped_share, report.step)
        file.scalar("epoch", report.epoch, report.step)
        file.scalar("speed/tokens_per_second", report.tokens_per_second, report.step)
        file.scalar("data/padded_share", report.padded_share, report.step)
        self._chart(report.scores)

    def on_evaluation(self, report: EvaluationReport) -> None:
        """A point on each curve, and what there is to see and hear; test stands in RUN, its scores come at the end."""
        test = report.split == "test"
        file, under = self._files[RUN if test else VALID], "test/" if test else ""
        step = report.step + test  # so that a run which goes on hides it
        if not test:
            for name, value in report.scores.items():
                file.scalar(name, value, step)
            self._chart(report.scores)
        if report.samples:
            file.text(f"{under}samples", "\n\n---\n\n".join(fenced(sample) for sample in report.samples), step)
        drawn = Counter[str]()
        for found in report.pictures:
            drawn[found.kind] += 1
            self._picture(file, f"{under}{found.kind}/{drawn[found.kind]}", found, step)
            if isinstance(found, Roll) and drawn[found.kind] <= HEARD:
                piece = [*found.read[: found.begin], *found.answered][:LONGEST]
                # A tag of its own: TensorBoard shows one kind of thing under each.
                file.sound(f"{under}sound/{drawn[found.kind]}", sound_of(piece), RATE, step)
        if report.confusion is not None:
            found = Confusion.named(report.confusion, report.class_names)
            self._picture(file, f"{under}confusion", found, step)
            file.text(f"{under}confusion", confusion_text(*found), step)
        for curve in report.curves:
            right, wrong = (counts.flip(0).cumsum(0).flip(0).double().numpy() for counts in (curve.right, curve.wrong))
            file.precision_recall(f"{under}class/{curve.name}", right, wrong, step)

    def on_memory(self, report: MemoryReport) -> None:
        """Points on the curves of each recurrent layer, the verdict, and the picture where one was drawn."""
        file = self._files[TRAIN]
        if report.picture is not None:
            file.image("memory", np.asarray(Image.open(BytesIO(report.picture)).convert("RGB")), report.step)
            return
        file.text("memory", report.verdict, report.step)
        for layer in report.layers:
            for name, value in figures(layer).items():
                file.scalar(f"memory/{layer.name}/{name}", value, report.step)

    def on_end(self, results: dict[str, Any]) -> None:
        """Write the final scores and the embeddings, which are those of the best checkpoint."""
        run, file = self._run, self._files[RUN]
        assert run is not None, "on_start keeps it"
        final = final_scores(results, run.monitor)
        for tag, value in final.items():
            file.scalar(tag, value, (results.get("last") or {}).get("step", 0) + 1)
        file.end(dict(hyperparameters(run.varied)) if run.swept else {}, final)
        write_embeddings(run.folder / "tensorboard", run.embeddings)

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()
        self._files = {}

    def _picture(self, file: EventFile, tag: str, found: Seen, step: int) -> None:
        if (picture := self._pictures.draw(found)) is not None:
            file.image(tag, np.asarray(picture.convert("RGB")), step)

    def _chart(self, names: Iterable[str]) -> None:
        """Draw a score's curves together; the last layout of a run is the one that is shown."""
        if not (new := [name for name in names if name not in self._charted]):
            return
        self._charted += new
        charts = {
            "train and valid": {name: name for name in self._charted},
            "optimisation": OPTIMISATION,
            "throughput": THROUGHPUT,
        }
        self._files[RUN].charts(
            {
                title: {name: ["Multiline", [f"^{re.escape(tag)}$"]] for name, tag in several.items()}
                for title, several in charts.items()
            }
        )


def final_scores(results: Mapping[str, Any], monitor: str) -> dict[str, float]:
    """The scores of the best checkpoint by tag, that first by which it was chosen."""
    found: dict[str, float] = {}
    for name, split in (("best", "valid"), ("test", "test")):
        for score, value in (results.get(name) or {}).items():
            if isinstance(value, float | int) and score not in ("step", "epoch"):
                found[f"final/{split}_{score}"] = value
    first = [tag for tag in (f"final/valid_{monitor}", f"final/test_{monitor}") if tag in found]
    return {tag: found[tag] for tag in (*first, *(tag for tag in found if tag not in first))}


def hyperparameters(varied: Mapping[str, Any]) -> Iterator[tuple[str, bool | float | str]]:
    """Options as TensorBoard takes them, without what changes no number."""
    for key, value in varied.items():
        if key.partition(".")[0] not in NO_HYPERPARAMETERS and value is not None:
            yield key, value if isinstance(value, (bool, int, float, str)) else str(value)


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


def _cell(name: str) -> str:
    """A class name that Markdown takes as plain text, inside a table."""
    plain = "".join(letter if letter.isprintable() else " " for letter in name)
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|<>&~])", lambda found: f"&#{ord(found[1])};", plain)

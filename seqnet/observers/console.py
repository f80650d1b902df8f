"""What a run shows in the terminal, and in train.log: plain lines, and a live bar where there is a terminal."""

import time
from collections.abc import Callable, Mapping
from io import FileIO, StringIO
from typing import Any

from rich.console import Console as Screen
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from seqnet import terminal
from seqnet.batch import EvaluationReport, StepReport, TrainingReport
from seqnet.errors import on_disk, visible
from seqnet.observers.memory_report import MemoryReport
from seqnet.observers.model_table import model_table
from seqnet.observers.run import Observer, Run
from seqnet.progress import duration

REDRAW_SECONDS = 0.5  # a redraw costs milliseconds, a look at the clock nothing
LINE_SECONDS = 30.0
UNREAD = "nobody reads standard output any more: the run goes on, and its lines are in train.log"


class Console(Observer):
    """Says what runs, how far it is, each evaluation in one line, and at the end what was reached and where it lies.

    Everything shown is plain text: nothing in a name, a path or a sample is read as markup, and control
    characters are made visible. The bar is drawn from the training loop, at most twice a second.
    """

    def __init__(self, screen: Screen | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._screen = screen or standard_output()
        self._clock = clock
        self._live: Live | None = None
        self._log: FileIO | None = None
        self._run: Run | None = None
        self._began = self._drawn = self._said = clock()
        self._step = 0
        self._epoch = 0
        self._done = 0.0
        self._first: tuple[float, float] | None = None  # the clock and the share done at the first step seen
        self._scoring: tuple[str, float] | None = None  # the split, and the clock when its evaluation began
        self._scored: str | None = None  # how far it is
        self._training: TrainingReport | None = None
        self._evaluation: EvaluationReport | None = None
        self._memory = ""

    def on_start(self, run: Run) -> None:
        """Say what runs, on what, where, and show the model."""
        self._run = run
        if run.log_file is not None:
            with on_disk(run.log_file):
                self._log = run.log_file.open("ab", buffering=0)  # what the disk refuses is not tried again by `close`
        sizes = " · ".join(f"{name} {size:,}" for name, size in run.splits.items())
        self._say(Text.assemble(("experiment  ", "dim"), (run.experiment, "bold")))
        self._say(Text.assemble(("data        ", "dim"), sizes))
        for note in run.notes:
            self._say(Text.assemble(("            ", "dim"), note))
        for line in run.reads:
            self._say(Text.assemble(("reads       ", "dim"), line))
        if run.asks:
            self._say(Text.assemble(("asks for    ", "dim"), run.asks))
        self._say(Text.assemble(("device      ", "dim"), run.device))
        self._say(Text.assemble(("run folder  ", "dim"), str(run.folder)))
        if run.resumed:
            self._say(Text.assemble(("goes on     ", "dim"), f"after step {run.step:,}"))
        for line in run.changed:
            self._say(Text.assemble(("changed     ", "dim"), line))
        if run.jump is not None:
            self._say(Text.assemble(("schedule    ", "dim"), jump(*run.jump)))
        with (drawing := Screen(file=StringIO(), force_terminal=False, width=self._screen.width)).capture() as table:
            drawing.print(model_table(run.model, run.example))
        for line in ["", *table.get().splitlines(), ""]:
            self._say(Text(line.rstrip()))
        self._step = run.step
        self._began = self._drawn = self._said = self._clock()
        if self._screen.is_terminal and not self._screen.is_dumb_terminal:
            self._live = Live(get_renderable=self._bar, console=self._screen, auto_refresh=False, transient=True)
            self._live.start(refresh=True)

    def on_step(self, report: StepReport) -> None:
        """Note how far the run is; redraw the bar where it is due."""
        self._step = report.step
        self._epoch = report.epoch
        self._done = report.done
        now = self._clock()
        if self._first is None:
            self._first = now, report.done
        if self._live is not None and now - self._drawn >= REDRAW_SECONDS:
            self._live.refresh()
            self._drawn = now

    def on_scoring(self, split: str, done: int, batches: int) -> None:
        """Note how far an evaluation is, which may take longer than the steps before it."""
        now = self._clock()
        if not done or self._scoring is None:
            self._scoring = split, now
        spent = now - self._scoring[1]
        left = f" · {duration(spent / done * (batches - done))} left" if done and spent else ""
        self._scored = f"scoring {split} {done:,}/{batches:,}{left}"
        if self._live is not None and now - self._drawn >= REDRAW_SECONDS:
            self._live.refresh()
            self._drawn = now

    def on_training(self, report: TrainingReport) -> None:
        """Keep the numbers for the bar; a line of them now and then, in the log and where there is no bar."""
        self._training = report
        if self._clock() - self._said >= LINE_SECONDS:
            parts = [*self._place(report.step, report.epoch), f"train loss {number(report.scores['loss'])}"]
            parts += self._pace()
            self._say(Text(" · ".join(parts), style="dim"), on_screen=self._live is None)

    def on_evaluation(self, report: EvaluationReport) -> None:
        """One line of scores; test scores are said at the end."""
        self._scored = None
        if report.split != "test":
            if report.split == "valid":
                self._evaluation = report
            parts = self._place(report.step, report.epoch)
            if self._training is not None:
                parts.append(f"train loss {number(self._training.scores['loss'])}")
            line = Text(" · ".join([*parts, f"{report.split} {scores(report.scores)}"]))
            if report.best:
                line.append(" · ").append("best", style="bold green")
            self._say(line)
        if self._live is not None:
            self._live.refresh()

    def on_memory(self, report: MemoryReport) -> None:
        """Keep the last verdict for the end."""
        self._memory = report.verdict

    def on_end(self, results: dict[str, Any]) -> None:
        """Say what was reached, where it lies and what to type next."""
        self._stop()
        self._say(Text())
        ended = f"{self._step:,} steps"
        if "seconds" in results:
            ended += f" in {duration(results['seconds'])}"
        if results.get("reason"):
            ended += f", {results['reason']}"
        self._say(Text.assemble(("done        ", "dim"), ended))
        for name, title in (("best", "best valid  "), ("test", "test        ")):
            if not results.get(name):
                continue
            if not (told := scores(results[name])) and self._run is not None:
                how = " (data.valid_share)" if "valid_share" in self._run.config.get("data", {}) else ""
                self._say(Text(f"no validation: no row is held out{how}", style="dim"))
            else:
                at = f" (step {results[name]['step']:,})" if name == "best" and "step" in results[name] else ""
                self._say(Text.assemble((title, "dim"), (told, "bold"), at))
        if self._memory:
            self._say(Text.assemble(("memory      ", "dim"), self._memory))
        if results.get("sample"):
            said = results.get("sampled")
            self._say(Text.assemble(("sample" if said is None else "sample      ", "dim"), said or ""))
            for line in results["sample"].splitlines():
                self._say(Text("  " + line))
        if self._run is not None:
            self._say(Text.assemble(("run folder  ", "dim"), str(self._run.folder)))
        if results.get("next"):
            self._say(Text("what next", style="dim"))
            for command in results["next"]:
                self._say(Text("  " + command))

    def close(self) -> None:
        """Take the bar away and close the log."""
        self._stop()
        if self._log is not None:
            self._log.close()
            self._log = None

    def _stop(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _say(self, line: Text, on_screen: bool = True) -> None:
        """One line, never folded, so that a command can be copied and a log searched."""
        self._said = self._clock()
        line.plain = visible(line.plain)
        if on_screen:
            self._screen.print(self._encodable(line), soft_wrap=True)
        if self._log is not None and self._run is not None and self._run.log_file is not None:
            left = f"{line.plain}\n".encode()
            with on_disk(self._run.log_file):
                while left:
                    left = left[self._log.write(left) :]

    def _encodable(self, line: Text) -> Text:
        """The line in letters that the terminal can write; `?` stands for others."""
        encoding = self._screen.encoding
        try:
            line.plain.encode(encoding)
        except UnicodeEncodeError:
            plain = line.plain.translate({ord("·"): "-", ord("─"): "-", ord("…"): "..."})
            return Text(plain.encode(encoding, "replace").decode(encoding), style=line.style)
        return line

    def _bar(self) -> Table:
        done, _ = self._progress()
        parts = [*self._place(self._step, self._epoch), *self._pace()]
        if self._training is not None:
            parts.append(f"loss {number(self._training.scores['loss'])}")
        if self._run is not None and self._evaluation is not None and self._run.monitor in self._evaluation.scores:
            parts.append(f"valid {self._run.monitor} {number(self._evaluation.scores[self._run.monitor])}")
        if self._scored is not None:
            parts = [parts[0], self._scored]
        line = Text(visible(" · ".join(parts)), no_wrap=True, overflow="ellipsis")
        grid = Table.grid(padding=(0, 2))
        width = 20 if self._screen.width >= 110 else 10
        grid.add_row(ProgressBar(total=1.0, completed=done, width=width), self._encodable(line))
        return grid

    def _place(self, step: int, epoch: int) -> list[str]:
        """Step and epoch, with where they end."""
        most = self._run.max_steps if self._run is not None else None
        epochs = self._run.max_epochs if self._run is not None else None
        steps = f"step {step:,}" if most is None else f"step {step:>{len(f'{most:,}')},}/{most:,}"
        return [steps, f"epoch {epoch}" if epochs is None else f"epoch {epoch}/{epochs}"]

    def _pace(self) -> list[str]:
        """Tokens a second and time left, where they are known."""
        _, left = self._progress()
        parts = [] if self._training is None else [f"{self._training.tokens_per_second:,.0f} tokens/s"]
        return parts if left is None else [*parts, f"{duration(left)} left"]

    def _progress(self) -> tuple[float, float | None]:
        """The share that is done and the seconds left, by the limit that comes first; None where unknown."""
        now, done, left = self._clock(), self._done, None
        if self._first is not None and done > self._first[1]:
            began, before = self._first
            left = (now - began) / (done - before) * (1 - done)
        if self._run is not None and self._run.max_minutes is not None:
            most = self._run.max_minutes * 60
            spent = self._run.minutes * 60 + now - self._began
            done = max(done, min(spent / most, 1.0))
            left = max(most - spent, 0.0) if left is None else min(left, max(most - spent, 0.0))
        return done, left


def standard_output() -> Screen:
    """Standard output: plain lines where it is no terminal, even where the environment asks for colours."""
    out = terminal.standard_output(lambda: terminal.warn(UNREAD))
    if out.isatty():
        return Screen(file=out)
    return Screen(file=out, force_terminal=False, width=120)


def jump(last: float, now: float) -> str:
    """What is said of a learning rate that another limit has changed from one step to the next."""
    times = f" ({number(now / last)}-fold)" if last else ""
    return (
        f"the learning rate jumps from {number(last)} to {number(now)}{times}, as the schedule now ends with another "
        "limit of training"
    )


def number(value: float) -> str:
    """A score in four significant digits."""
    return f"{value:.4g}" if abs(value) < 10_000 else f"{value:,.0f}"


def scores(values: Mapping[str, Any]) -> str:
    """The scores of a row in one line, without where it stands."""
    return " · ".join(f"{name} {number(value)}" for name, value in values.items() if name not in ("step", "epoch"))

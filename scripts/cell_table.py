"""Cells side by side: every `cell` of seqnet on four experiments, for as many steps each: a row of a table for each.

    python scripts/cell_table.py
    python scripts/cell_table.py threads=1 --cells lstm gru --experiments adding --steps 500

Trains `seqnet train experiment=EXPERIMENT cell=CELL`, one run after another, under --folder; runs that are there and
complete are not trained again. Of each the table has the score (of the test split, or of the valid one where there is
no other), its thousands of parameters, and the seconds that a thousand steps took, evaluations not counted.
--write puts the table into docs/results.md.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import marks
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "results.md"
LEFT_OUT = {"raster_lstm": "is of pictures that are written pixel by pixel"}
CELLS = sorted(path.stem for path in (ROOT / "configs" / "cell").glob("*.yaml") if path.stem not in LEFT_OUT)
DIVERGED = 4
"""What `seqnet train` answers with where the loss is no number any more."""


class Experiment(NamedTuple):
    """What is trained, for how many steps, and the score that is told, with what it is."""

    steps: int
    score: str
    told: str
    options: tuple[str, ...] = ()


EXPERIMENTS = {
    # Three minutes of an LSTM, in so many lanes that its beginnings are read a dozen times.
    "tiny_shakespeare": Experiment(
        3000, "loss", "Shakespeare: nats a character", ("data.batch_size=64", "model.hidden_size=128")
    ),
    "adding": Experiment(1500, "mse", "adding, 200 steps: squared error", ("optimizer.lr=0.01",)),
    "copy_memory": Experiment(1500, "loss", "copy, 30 steps: nats a symbol", ("data.length=30",)),
    "jsb_chorales": Experiment(1160, "nll", "JSB: nats a step"),
}


def train(folder: Path, name: str, cell: str, steps: int, overrides: Sequence[str]) -> bool:
    """Train a cell, unless a run of it is complete; whether its loss stayed finite. Ends the program where it fails."""
    if (folder / "results.json").is_file():
        return True
    limits = [f"training.max_steps={steps}", "training.max_epochs=null", "training.max_minutes=null"]
    told = [f"run_dir={folder}", "observers.console=false", "observers.tensorboard=true", "observers.memory=false"]
    options = [f"cell={cell}", *EXPERIMENTS[name].options, *limits, *told, *overrides]
    command = [sys.executable, "-m", "seqnet", "train", f"experiment={name}", *options]
    code = subprocess.run(command, stdout=sys.stderr).returncode
    if code not in (0, DIVERGED):
        sys.exit(code)
    return code == 0


def told(folder: Path, name: str) -> str:
    """What the table says of a complete run."""
    found = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    score = found.get("test", found["best"])[EXPERIMENTS[name].score]
    return f"{score:#.4g} / {found['parameters'] / 1000:,.1f} / {seconds(folder):.1f}"


def seconds(folder: Path) -> float:
    """Seconds of a thousand steps, at the median of what lies between two rows of a run."""
    events = EventAccumulator(str(folder / "tensorboard/train"), size_guidance={"scalars": 0}).Reload()
    points = events.Scalars("loss")
    return 1000 * statistics.median((b.wall_time - a.wall_time) / (b.step - a.step) for a, b in pairwise(points))


def heading(names: Sequence[str]) -> str:
    """The table's first lines."""
    columns = " | ".join(EXPERIMENTS[name].told for name in names)
    return f"| cell | {columns} |\n|---|{'---:|' * len(names)}"


def note() -> str:
    """What stands under the table."""
    left_out = "; ".join(f"`cell={cell}` {why}" for cell, why in LEFT_OUT.items())
    return f"Score / thousand parameters / seconds a thousand steps. Left out: {left_out}."


def main() -> None:
    """Train what is asked for, and print the table as it grows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="*", help="options of `seqnet train`, for every run")
    parser.add_argument("--cells", nargs="+", choices=CELLS, default=CELLS, metavar="CELL", help=", ".join(CELLS))
    names = list(EXPERIMENTS)
    parser.add_argument("--experiments", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--steps", type=int, help="of training, each run; default: those of the experiment")
    parser.add_argument("--folder", type=Path, default=Path("outputs/cell_table"), help="where the runs live")
    parser.add_argument("--write", action="store_true", help="put the table into docs/results.md")
    given = parser.parse_args()
    rows = [heading(given.experiments)]
    print(rows[0])
    for cell in given.cells:
        columns = []
        for name in given.experiments:
            steps = given.steps or EXPERIMENTS[name].steps
            folder = given.folder / f"{name}_{steps}_{cell}"
            finite = train(folder, name, cell, steps, given.overrides)
            columns.append(told(folder, name) if finite else "not finite")
        rows.append(f"| `{cell}` | {' | '.join(columns)} |")
        print(rows[-1], flush=True)
    print(f"\n{note()}")
    if given.write:
        marks.put("\n".join([*rows, "", note()]), RESULTS, "cell_table.py", "Cells side by side")


if __name__ == "__main__":
    main()

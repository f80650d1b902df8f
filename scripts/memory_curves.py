"""How far back the gradient of a vanilla RNN, an LSTM and a GRU reaches on the adding problem, as one picture.

    python scripts/memory_curves.py

Trains `seqnet train experiment=adding cell=CELL` with each cell, one after another, under --folder; runs that are there
and complete are not trained again. Then draws what each run's memory.jsonl holds, first and last, into
docs/memory.png, and prints the verdicts and what the test split says.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from seqnet.observers.memory_picture import as_png, curve

CELLS = {"rnn": "tab:red", "lstm": "tab:blue", "gru": "tab:green"}
PICTURE = Path(__file__).parents[1] / "docs" / "memory.png"


def train(folder: Path, cell: str, overrides: Sequence[str]) -> None:
    """Train one cell; a run that stands in `folder` goes on, or is complete. Ends the program where training fails."""
    command = [sys.executable, "-m", "seqnet", "train", "experiment=adding", f"cell={cell}", f"run_dir={folder}"]
    code = subprocess.run([*command, *overrides], stdout=sys.stderr).returncode
    if code:
        sys.exit(code)


def rows(folder: Path) -> list[dict[str, Any]]:
    """What the memory panel of a run told."""
    return [json.loads(line) for line in (folder / "memory.jsonl").read_text(encoding="utf-8").splitlines()]


def draw(told: Mapping[str, Sequence[Mapping[str, Any]]]) -> bytes:
    """A PNG file: of each cell the bottom layer's curve of the first row, dotted, and of the last."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for cell, several in told.items():
        for row, style in ((several[0], ":"), (several[-1], "-")):
            layer = next(iter(row["layers"].values()))
            label = f"{layer['cell']}, step {row['step']:,}"
            curve(axes, layer["gradient"]["hidden"], color=CELLS[cell], linestyle=style, label=label)
    axes.set_title("The adding problem, 200 steps")
    axes.legend()
    return as_png(figure)


def main() -> None:
    """Train, draw, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="*", help="options of `seqnet train`, for every run")
    parser.add_argument("--folder", type=Path, default=Path("outputs/memory_curves"), help="where the runs live")
    parser.add_argument("--picture", type=Path, default=PICTURE, help="what is drawn; default: docs/memory.png")
    given = parser.parse_args()
    told = {}
    for cell in CELLS:
        train(given.folder / cell, cell, given.overrides)
        told[cell] = rows(given.folder / cell)
        test = json.loads((given.folder / cell / "results.json").read_text())["test"]
        print(f"{cell}: test mse {test['mse']:.2g}; {told[cell][-1]['verdict']}", flush=True)
    given.picture.write_bytes(draw(told))


if __name__ == "__main__":
    main()

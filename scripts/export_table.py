"""How far exported graphs are from torch, for short runs of many kinds: the table of docs/export.md.

python scripts/export_table.py            print it
python scripts/export_table.py --write    put it into the page
"""

import argparse
import re
import tempfile
from pathlib import Path

from seqnet import cli
from seqnet.commands.exporting import graphs_of
from seqnet.commands.stored import load

PAGE = Path(__file__).parents[1] / "docs" / "export.md"
SMALL = ("data.train_size=64", "data.valid_size=32", "data.test_size=32")
QUICK = ("debug=quick", "device=cpu", "observers.console=false", "observers.tensorboard=false")
RUNS: dict[str, tuple[str, ...]] = {
    "experiment=python_docs": (),
    "experiment=python_docs data.level=bpe cell=gru model.num_layers=2": ("data.vocabulary_size=400",),
    "experiment=sentiment": (),
    "experiment=entities": (),
    "experiment=time_series": (),
    "experiment=ball cell=rnn": (),
    "experiment=question_answering": (),
    "experiment=dates": SMALL,
    "experiment=reverse attention=multi_head attention.num_heads=4": SMALL,
    "experiment=reverse attention=hard": SMALL,
    "experiment=reverse attention=local": SMALL,
    "experiment=reverse attention.coverage=true model.input_feeding=true": SMALL,
    "experiment=adding cell=raster_lstm": ("data.length=20", *SMALL),
}
GRAPHS = ("model.onnx", "encoder.onnx", "step.onnx")


def rows() -> list[str]:
    """A line of the table for each run."""
    found = ["| run | " + " | ".join(f"`{name}`" for name in GRAPHS) + " |", "|---|---|---|---|"]
    for name, more in RUNS.items():
        with tempfile.TemporaryDirectory() as folder:
            if cli.answer(["train", f"run_dir={folder}/run", *QUICK, *name.split(), *more]):
                raise SystemExit(f"{name}: training failed")
            stored = load(Path(folder) / "run", "best", [], "cpu", "fp32")
            _, apart, left_out = graphs_of(stored.assembly)
        cells = [f"{apart[one]:.1e}" if one in apart else "left out" if one in left_out else "" for one in GRAPHS]
        found.append(f"| `{name}` | {' | '.join(cells)} |")
        print(found[-1], flush=True)
    return found


def main() -> None:
    """Print the table, or write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put it into docs/export.md")
    options = parser.parse_args()
    table = "\n".join(rows())
    if options.write:
        text = PAGE.read_text(encoding="utf-8")
        made, places = re.subn(
            r"(<!-- parity -->\n).*?(<!-- end -->)", lambda m: f"{m[1]}{table}\n{m[2]}", text, flags=re.DOTALL
        )
        if not places:
            raise SystemExit(f"{PAGE} has no place for the table, between <!-- parity --> and <!-- end -->")
        PAGE.write_text(made, encoding="utf-8")


if __name__ == "__main__":
    main()

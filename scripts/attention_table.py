"""What each kind of attention learns where the true alignment is known, and what it costs: a row of a table for each.

    python scripts/attention_table.py --minutes 1
    python scripts/attention_table.py data.max_length=10 --steps 500 --orders reverse --kinds soft_additive none

Trains `seqnet train experiment=reverse data.order=ORDER` with each kind, one after another, under --folder; runs that
are there and complete are not trained again. Columns: exact match of the test split, decoded freely, of all rows, of
those as long as some of training, and of longer ones; then, of the test split under teacher forcing and over all
target steps but the end, the mean weight on the position that the step copies, and the mean entropy of the weights
(both averaged over heads); then seconds of training steps for a thousand examples, the median of the run, evaluations
not counted. --write puts the table into docs/results.md.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import marks
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor

from seqnet import build
from seqnet.commands.stored import StoredRun, load
from seqnet.training.evaluation import evaluating, outputs

ORDERS = ("reverse", "copy")
KINDS = {
    "none": ("attention=none",),
    "soft_scaled_dot": ("attention=soft", "attention.score=scaled_dot"),
    "soft_additive": ("attention=soft", "attention.score=additive"),
    "hard_exact": ("attention=hard", "attention.estimator=exact"),
    "hard_exact_top_4": ("attention=hard", "attention.estimator=exact", "attention.top_k=4"),
    "hard_exact_reach_1": (
        "attention=hard",
        "attention.estimator=exact",
        "attention.coverage=true",
        "attention.score.reach=1",
    ),
    "hard_reinforce": ("attention=hard", "attention.estimator=reinforce"),
    "hard_gumbel": ("attention=hard", "attention.estimator=gumbel"),
    "local_monotonic": ("attention=local", "attention.position=monotonic"),
    "local_predicted": ("attention=local", "attention.position=predicted"),
    "multi_head": ("attention=multi_head",),
}
HEADING = (
    "| order | attention | exact match | of lengths seen | of longer rows | weight on the true position "
    "| entropy (nats) | seconds a thousand examples |\n"
    "|---|---|---:|---:|---:|---:|---:|---:|"
)
RESULTS = Path(__file__).parents[1] / "docs" / "results.md"


def train(folder: Path, order: str, kind: str, limit: Sequence[str], overrides: Sequence[str]) -> None:
    """Train one kind; a run that stands in `folder` goes on, or is complete. Ends the program where training fails."""
    command = [sys.executable, "-m", "seqnet", "train", "experiment=reverse", f"data.order={order}", *KINDS[kind]]
    options = [f"run_dir={folder}", "observers.console=false", "observers.tensorboard=true", *limit, *overrides]
    code = subprocess.run([*command, *options], stdout=sys.stderr).returncode
    if code:
        sys.exit(code)


def row(folder: Path, order: str, kind: str) -> str:
    """The table's row of a trained run."""
    run = load(folder, "best", [], "cpu")
    scores = json.loads((folder / "results.json").read_text())["test"]
    names = ("exact_match", "exact_match_seen", "exact_match_longer")
    exact = " | ".join(f"{scores[name]:.1%}" if name in scores else "–" for name in names)
    found = looked(run)
    known = "– | –" if found is None else f"{found[0]:.3f} | {found[1]:.2f}"
    return f"| {order} | {kind.replace('_', ' ')} | {exact} | {known} | {seconds(run, folder):.2f} |"


def looked(run: StoredRun) -> tuple[float, float] | None:
    """Mean weight on the true position, and mean entropy, over the test split; None without attention."""
    source = run.assembly.source
    loader = build.loader(run.config, source.split("test"), training=False)
    assert loader is not None
    true, entropy, count = 0.0, 0.0, 0
    with evaluating(run.assembly.model):
        for output, _, batch in outputs(run.assembly.model, loader, run.precision, None):
            if output.attention is None:
                return None
            for weights, length in zip(output.attention, (batch.lengths - 1).tolist(), strict=True):  # not the end
                on_true, spread = measured(weights[:, :length], torch.as_tensor(source.alignment(length)))
                true, entropy, count = true + on_true, entropy + spread, count + length
    return true / count, entropy / count


def measured(weights: Tensor, alignment: Tensor) -> tuple[float, float]:
    """Weight on the true position, and entropy in nats, averaged over heads and summed over steps.

    weights: [heads target source]; alignment: [target], the source position of each step.
    """
    mean = weights.double().mean(0)
    entropy = torch.special.entr(weights.double()).sum(-1).mean(0)
    return float(mean.gather(1, alignment[:, None]).sum()), float(entropy.sum())


def seconds(run: StoredRun, folder: Path) -> float:
    """Seconds of training steps that a thousand examples took, at the median of the run's rows."""
    events = EventAccumulator(str(folder / "tensorboard/train"), size_guidance={"scalars": 0}).Reload()
    speed = statistics.median(point.value for point in events.Scalars("speed/tokens_per_second"))
    steps = run.assembly.source.split("train").lengths.double().mean()
    return 1000 * float(steps) / speed


def main() -> None:
    """Train what is asked for, and print the table as it grows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="*", help="options of `seqnet train`, for every run")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--orders", nargs="+", choices=ORDERS, default=list(ORDERS), metavar="ORDER")
    limits = parser.add_mutually_exclusive_group()
    limits.add_argument("--minutes", type=float, help="of training, each run; default: the experiment's own limit")
    limits.add_argument("--steps", type=int, help="of training, each run")
    parser.add_argument("--folder", type=Path, default=Path("outputs/attention_table"), help="where the runs live")
    parser.add_argument("--write", action="store_true", help="put the table into docs/results.md")
    given = parser.parse_args()
    limit = []
    if given.minutes is not None or given.steps is not None:
        wanted = {"max_minutes": given.minutes, "max_steps": given.steps, "max_epochs": None}
        limit = [f"training.{name}={'null' if value is None else value}" for name, value in wanted.items()]
    print(HEADING)
    rows = []
    for order in given.orders:
        for kind in given.kinds:
            folder = given.folder / f"{order}_{kind}"
            train(folder, order, kind, limit, given.overrides)
            rows.append(row(folder, order, kind))
            print(rows[-1], flush=True)
    if given.write:
        table = "\n".join([HEADING, *rows])
        marks.put(table, RESULTS, "attention_table.py", "Attention where the alignment is known")


if __name__ == "__main__":
    main()

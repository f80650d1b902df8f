"""Speed as ratios: seqnet and another program in turn, A B A B, in one run.

    python scripts/benchmark.py loop
    python scripts/benchmark.py --write cells attention decode

Each pair ends with a line `NAME ... ratio R`: seconds of seqnet over seconds of the other (below 1 = seqnet is
faster), the median over the pairs, with the smallest and largest beside it. Threads are torch's own setting
(OMP_NUM_THREADS); nothing else should run on the machine. --write puts the results into docs/performance.md.
"""

import argparse
import os
import platform
import re
from dataclasses import asdict
from datetime import date
from pathlib import Path

import torch
from benchmarks.cells import cells, custom, scan, tagger
from benchmarks.dropping import dropout
from benchmarks.export import export
from benchmarks.gpu import gpu
from benchmarks.growth import drawings, growth
from benchmarks.language_model import output, stream
from benchmarks.limits import limit
from benchmarks.loops import loop
from benchmarks.memory import memory
from benchmarks.ranks import ranks
from benchmarks.read import read
from benchmarks.start import start
from benchmarks.timing import Pair
from benchmarks.translator import attention, decode

from seqnet import strict_json
from seqnet.training.allocator import keep_freed_memory

BENCHMARKS = {
    "loop": loop,
    "limit": limit,
    "output": output,
    "cells": cells,
    "custom": custom,
    "scan": scan,
    "tagger": tagger,
    "attention": attention,
    "decode": decode,
    "dropout": dropout,
    "memory": memory,
    "stream": stream,
    "growth": growth,
    "read": read,
    "start": start,
    "export": export,
    "gpu": gpu,
    "ranks": ranks,
}
DRAWN = {"growth": drawings}
"""What is drawn of the pairs, above their table."""
PAGE = Path(__file__).parents[1] / "docs" / "performance.md"


def section(name: str, pairs: list[Pair], remark: str = "") -> str:
    """The results of one benchmark as a part of the page, between its two marks. remark: said beside the machine."""
    rows = "".join(
        f"| {one.title} | {one.threads} | {milliseconds(one.ours)} | {milliseconds(one.theirs)} | {one.ratio:.3f} "
        f"| {min(one.ratios):.3f} to {max(one.ratios):.3f} |\n"
        for one in pairs
    )
    where = f"torch {torch.__version__}, Python {platform.python_version()}, {processor()}, {os.cpu_count()} cores"
    table = f"| pair | threads | seqnet, ms | other, ms | ratio | range |\n|---|---|---|---|---|---|\n{rows}"
    drawn = DRAWN[name](pairs) if name in DRAWN else ""
    found = f"{drawn}{table}" if pairs else "Not measured.\n"
    return f"<!-- {name} -->\n{found}\nMeasured on {date.today()}: {where}.{remark and f' {remark}'}\n<!-- end -->"


def milliseconds(value: float) -> str:
    """Three digits, or more before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def processor() -> str:
    """The device's name, as far as it is told."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    names = (
        re.findall(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
        if os.path.exists("/proc/cpuinfo")
        else []
    )
    return names[0] if names else platform.machine()


def write(name: str, made_section: str) -> None:
    """Replace a benchmark's part of the page."""
    text = PAGE.read_text(encoding="utf-8")
    made, count = re.subn(rf"<!-- {name} -->.*?<!-- end -->", lambda _: made_section, text, flags=re.DOTALL)
    if count != 1:
        raise SystemExit(f"{PAGE} has no place for {name}: a line <!-- {name} --> and one <!-- end -->")
    PAGE.write_text(made, encoding="utf-8")


def main() -> None:
    """Run the benchmarks named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", choices=sorted(BENCHMARKS), metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--write", action="store_true", help="put the results into docs/performance.md")
    parser.add_argument("--lines", type=Path, help="add each pair to this file as it is found, a line of JSON")
    options = parser.parse_args()
    keep_freed_memory()  # as `seqnet train` does; it serves the other program as well
    for name in options.names:
        pairs = []
        for one in BENCHMARKS[name]():
            pairs.append(one)
            if options.lines:
                with options.lines.open("a", encoding="utf-8") as file:
                    print(strict_json.as_line(asdict(one)), file=file)
        if options.write:
            write(name, section(name, pairs))


if __name__ == "__main__":
    main()

"""The page that the benchmarks write: a place for each, its table, and what is drawn of it."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import benchmark  # noqa: E402
from benchmarks import read  # noqa: E402
from benchmarks.growth import AXES  # noqa: E402
from benchmarks.timing import Pair  # noqa: E402

from seqnet.data.formats import format as sizes  # noqa: E402


def test_every_benchmark_has_its_place_on_the_page() -> None:
    text = benchmark.PAGE.read_text()
    for name in benchmark.BENCHMARKS:
        assert text.count(f"## {name}\n") == text.count(f"<!-- {name} -->\n") == 1, name


def test_a_part_of_the_page_is_replaced_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- loop -->\nold\n<!-- end -->\nb\n<!-- gpu -->\nold\n<!-- end -->\nc\n")
    monkeypatch.setattr(benchmark, "PAGE", page)
    pairs = [Pair("loop small", 1.5, 2.0, (0.7, 0.75, 0.9), 1)]
    benchmark.write("loop", benchmark.section("loop", pairs))
    text = page.read_text()
    assert "| loop small | 1 | 1.5 | 2 | 0.750 | 0.700 to 0.900 |\n" in text
    assert text.startswith("a\n<!-- loop -->\n| pair |")
    assert text.endswith("<!-- end -->\nb\n<!-- gpu -->\nold\n<!-- end -->\nc\n")
    with pytest.raises(SystemExit, match="has no place for decode"):
        benchmark.write("decode", "")


@pytest.mark.parametrize("kind", ["characters", "words", "bpe", "table"])
def test_what_is_read_is_what_the_plainest_program_yields(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(sizes, "BYTES", 9_000)  # so that it comes in pieces
    path = tmp_path / ("rows.csv" if kind == "table" else "text.txt")
    read.write_table(path, 5_000) if kind == "table" else read.write_text(path, 40_000)
    assert read.digest(read.ours(kind, path)) == read.digest(read.PLAIN[kind](path))


def test_the_growth_of_costs_is_drawn_by_hand() -> None:
    """Pair number n took n ms of seqnet and 2n of the other."""
    sizes = [size for points in AXES.values() for _, size in points]
    pairs = [Pair("x", n, 2 * n, (0.5,), 1) for n in range(len(sizes))]
    drawn = benchmark.section("growth", pairs).split("```mermaid\n")[1:]
    assert len(drawn) == len(AXES)
    number = 0
    for (axis, points), chart in zip(AXES.items(), drawn, strict=True):
        kind, x, y, bar, line = chart.split("\n```")[0].split("\n")
        assert kind == "xychart-beta"
        assert x == f'    x-axis "{axis}" {[value for value, _ in points]}'
        micro = [n * 1000 / (size.rows * size.steps) for n, (_, size) in enumerate(points, number)]
        assert line == f"    line [{', '.join(f'{cost:.1f}' for cost in micro)}]"
        assert bar == f"    bar [{', '.join(f'{2 * cost:.1f}' for cost in micro)}]"
        assert y == f'    y-axis "microseconds a token" 0 --> {2.2 * max(micro):.1f}'
        number += len(points)

"""The table of cells: a row of a tiny run, which is not trained again."""

import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TextIO

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import cell_table  # noqa: E402


def test_each_cell_is_trained_once(
    terminal: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trained: list[str] = []

    def run(command: list[str], stdout: TextIO) -> SimpleNamespace:
        assert command[:3] == [sys.executable, "-m", "seqnet"]
        assert stdout is sys.stderr  # the table alone is on standard output
        done = terminal(*command[2:], folder=tmp_path)
        print(done.out, done.err, file=stdout)
        trained.append(command[5])
        return SimpleNamespace(returncode=done.code)

    sizes = ["data.length=4", "data.train_size=64", "data.valid_size=8", "data.test_size=8", "model.hidden_size=20"]
    chosen = ["--cells", "gru", "--experiments", "adding", "--steps", "2", "--folder", str(tmp_path / "runs")]
    monkeypatch.setattr(sys, "argv", ["cell_table.py", *sizes, "training.log_every_steps=1", *chosen])
    monkeypatch.setattr(cell_table.subprocess, "run", run)
    page = tmp_path / "results.md"
    page.write_text("# Results\n")
    monkeypatch.setattr(cell_table, "RESULTS", page)
    cell_table.main()
    first = capsys.readouterr().out
    heading, _, row, _, note = first.splitlines()
    assert heading == "| cell | adding, 200 steps: squared error |"
    found = re.fullmatch(r"\| `gru` \| (?:\d+\.\d+|\d\.\d+e-\d+) / (\d+\.\d) / \d+\.\d \|", row)
    assert found is not None, row
    assert found[1] == "1.5"  # thousand: 60 (2 + 20 + 2), and 21 of the output layer
    assert "raster_lstm" in note
    assert trained == ["cell=gru"]
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--write"])
    cell_table.main()
    assert trained == ["cell=gru"]
    assert capsys.readouterr().out == first
    assert first.strip() in page.read_text()


def test_every_cell_is_in_it_but_what_is_told() -> None:
    known = {path.stem for path in (ROOT / "configs" / "cell").glob("*.yaml")}
    assert known == {*cell_table.CELLS, *cell_table.LEFT_OUT}
    assert {"lstm", "gru", "rnn"} < {*cell_table.CELLS}

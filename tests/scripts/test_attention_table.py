"""The table of attention kinds: its measures by hand, and a row for each of two tiny runs."""

import math
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TextIO

import pytest
import torch

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import attention_table  # noqa: E402


def test_measures_by_hand() -> None:
    one_hot = torch.eye(4)[[3, 2, 0]][None]
    flat = torch.full((1, 3, 4), 0.25)
    alignment = torch.tensor([3, 2, 1])
    assert attention_table.measured(one_hot, alignment) == (2.0, 0.0)
    assert attention_table.measured(flat, alignment) == (pytest.approx(0.75), pytest.approx(3 * math.log(4)))
    both = attention_table.measured(torch.cat([one_hot, flat]), alignment)  # the mean of two heads
    assert both == (pytest.approx(1.375), pytest.approx(1.5 * math.log(4)))


def test_each_kind_is_trained_and_measured(
    terminal: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(command: list[str], stdout: TextIO) -> SimpleNamespace:
        assert command[:3] == [sys.executable, "-m", "seqnet"]
        assert stdout is sys.stderr  # the table alone is on standard output
        done = terminal(*command[2:], folder=tmp_path)
        print(done.out, done.err, file=stdout)
        return SimpleNamespace(returncode=done.code)

    sizes = ["data.length=4", "data.held_out_length=5", "data.symbols=3", "data.train_size=40", "data.valid_size=8"]
    more = ["data.test_size=8", "model.hidden_size=8", "training.log_every_steps=1"]
    chosen = ["--orders", "copy", "--kinds", "none", "hard_gumbel", "--steps", "2", "--folder", str(tmp_path / "runs")]
    monkeypatch.setattr(sys, "argv", ["attention_table.py", *sizes, *more, *chosen])
    monkeypatch.setattr(attention_table.subprocess, "run", run)
    attention_table.main()
    *heading, none, hard = capsys.readouterr().out.splitlines()
    assert "\n".join(heading) == attention_table.HEADING
    assert re.fullmatch(r"\| copy \| none(?: \| \d+\.\d%){3} \| – \| – \| \d+\.\d\d \|", none)
    measured = re.fullmatch(r"\| copy \| hard gumbel(?: \| \d+\.\d%){3} \| (0\.\d{3}) \| 0\.00 \| \d+\.\d\d \|", hard)
    assert measured is not None and float(measured[1]) < 1

"""scripts/join_recordings.py: what is joined is of one speaker and one split, and the table says what is heard."""

import csv
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

soundfile = pytest.importorskip("soundfile")
SCRIPT = Path(__file__).parents[2] / "scripts" / "join_recordings.py"


@pytest.fixture
def made(tmp_path, monkeypatch, capsys):
    """Runs it on recordings whose samples all are the digit over 100, and those of test and valid are negative."""
    for digit in (0, 7):
        for speaker in ("ann", "bob"):
            for take in range(6):
                value = (digit + 1) / 100 * (-1 if take < 2 else 1)
                soundfile.write(tmp_path / f"{digit}_{speaker}_{take}.wav", np.full(80, value), 8000)

    def run(*arguments):
        monkeypatch.setattr(
            sys, "argv", ["join", str(tmp_path), str(tmp_path / "out"), "--test", "0", "--valid", "1", *arguments]
        )
        runpy.run_path(str(SCRIPT), run_name="__main__")
        assert "rows in" in capsys.readouterr().out
        with (tmp_path / "out" / "rows.csv").open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    return run, tmp_path / "out"


def test_it_joins_what_the_table_says(made):
    run, folder = made
    rows = run("--joined", "2", "3", "--rows", "20")
    assert [row["split"] for row in rows].count("train") == 20 and {row["split"] for row in rows} == {
        "train",
        "valid",
        "test",
    }
    for row in rows:
        samples, rate = soundfile.read(folder / row["file"])
        said = [{"zero": 1, "seven": 8}[word] for word in row["text"].split()]
        heard = samples[np.abs(samples) > 1e-3]
        assert rate == 8000 and 2 <= len(said) <= 3 and len(heard) == 80 * len(said)
        assert np.round(np.abs(heard[::80]) * 100).astype(int).tolist() == said
        assert (heard < 0).all() == (row["split"] != "train") and (heard > 0).all() == (row["split"] == "train")
    assert run("--joined", "2", "3", "--rows", "20") == rows


def test_a_split_without_recordings_is_said(made):
    run, folder = made
    with pytest.raises(SystemExit, match=r"no recording is of the valid split; choose other takes for it$"):
        run("--valid", "50-99")


def test_single_recordings_are_named_as_they_are(made):
    run, folder = made
    rows = run("--joined", "1", "1")
    assert len(rows) == 24 and [row["split"] for row in rows].count("test") == 4
    assert all(Path(row["file"]).is_file() for row in rows) and list(folder.iterdir()) == [folder / "rows.csv"]
    assert {row["text"] for row in rows} == {"zero", "seven"}

"""Every experiment's answers are explained and add up, and its memory is probed, or a sentence says why not."""

import json

import pytest

from seqnet import build
from seqnet.cli import answer

pytestmark = pytest.mark.slow


def test_a_run_is_explained_and_probed(experiment, tiny, composed, readable, tmp_path, capsys):
    arguments, run = tiny(f"experiment={experiment}"), tmp_path / "run"
    model = composed(*arguments)["model"]
    if not model.get("tied"):
        arguments += [f"model.{key}=8" for key in ("hidden_size", "embedding_size") if model.get(key)]
    asked = ["debug=quick", f"run_dir={run}", "threads=1", "device=cpu", "observers.tensorboard=false"]
    assert answer(["train", *arguments, *asked]) == 0, capsys.readouterr().err
    config = composed(*arguments)
    source = build.source(config)
    source.fit()
    (tmp_path / "lines.txt").write_text(f"{readable(config, source)}\n", encoding="utf-8")
    options = [f"input={tmp_path / 'lines.txt'}", f"output={tmp_path / 'told.jsonl'}", f"pictures={tmp_path / 'seen'}"]
    assert answer(["explain", f"run={run}", *options, "max_points=64"]) == 0, capsys.readouterr().err
    rows = [json.loads(line) for line in (tmp_path / "told.jsonl").read_text(encoding="utf-8").splitlines()]
    assert rows and len(list((tmp_path / "seen").iterdir())) == len(rows)
    for row in rows:
        difference = row["value"] - row["baseline_value"]
        assert abs(abs(row["sum"] - difference) - row["gap"]) < 1e-6 + 1e-6 * abs(difference)
        assert row["points"] == 64 or row["gap"] <= 0.01 * max(abs(difference), 0.01) + 1e-6 * abs(difference)
        assert all(len(one["scores"]) == len(one["steps"]) for one in row["inputs"].values())

    capsys.readouterr()
    split = "test" if source.split("test") is not None else "valid"
    code = answer(["probe", f"run={run}", f"split={split}", "positions=40", "max_context=16", "max_lag=16"])
    said = capsys.readouterr()
    if code == 0:
        summary, *points = (json.loads(line) for line in said.out.splitlines())
        assert points and "memory" in summary and (run / "probe.png").is_file()
    else:
        assert code in (2, 3) and said.err.count("\n") == 1, said.err

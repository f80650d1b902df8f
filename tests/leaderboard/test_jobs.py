"""What is known of runs from their files: those that run, were left, or lie deep; and files that hold nonsense."""

import json

import pytest

from seqnet import folders, leaderboard


def begun(folder, rows, monitor="accuracy", status="running"):
    """A run that has not ended; `status` None: one that is no job of a sweep."""
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(f"groups: {{experiment: digits}}\ntraining: {{monitor: {monitor}}}\n")
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "metrics.jsonl").write_text(text + '{"step": 9, "split": "valid", "acc')  # which is being written
    if status:
        found = {"status": status, "exit_code": None, "overrides": ["cell=gru"]}
        (folder / "status.json").write_text(json.dumps(found))


ROWS = [
    {"step": 1, "split": "train", "accuracy": 1.0},
    {"step": 1, "split": "valid", "accuracy": 0.3, "loss": 3.0},
    {"step": 2, "split": "valid", "accuracy": 0.5, "loss": 2.0},
    {"step": 3, "split": "valid", "accuracy": 0.4, "loss": 1.0},
    {"step": 4, "split": "valid", "accuracy": None, "loss": 1.0},
]


@pytest.mark.parametrize(("monitor", "score"), [("accuracy", 0.5), ("loss", 1.0)])
def test_what_runs_stands_where_its_best_evaluation_puts_it(tmp_path, monitor, score):
    begun(tmp_path / "mine", ROWS, monitor)
    for name, value in (("above", score + 0.1), ("below", score - 0.1)):
        (tmp_path / name).mkdir()
        found = {"monitor": monitor, "best": {monitor: value}}
        (tmp_path / name / "results.json").write_text(json.dumps(found))
    with folders.held(tmp_path / "mine"):
        header, *body = leaderboard.brief(leaderboard.listed(tmp_path))
    rank, job, valid, status = (header.index(name) for name in ("rank", "job", f"valid {monitor}", "status"))
    first, last = ("above", "below") if monitor == "accuracy" else ("below", "above")
    assert [row[job] for row in body] == [first, "mine", last]
    assert [row[rank] for row in body] == [1, "", 2]
    assert (body[1][valid], body[1][status]) == (score, "running")
    assert leaderboard.job_in(tmp_path / "mine").status == "interrupted"


def test_runs_are_found_however_nested(tmp_path):
    begun(tmp_path / "digits/2026-11-28/mine", ROWS, status=None)
    begun(tmp_path / "digits/2026-11-28/mine/inside", ROWS)  # a run holds none
    begun(tmp_path / "sweeps/a", ROWS)
    begun(tmp_path / ".workers/b", ROWS)
    (tmp_path / "elsewhere").symlink_to(tmp_path / "digits")
    found = {job.name: job for job in leaderboard.jobs(tmp_path)}
    assert list(found) == ["sweeps/a", "digits/2026-11-28/mine"]
    assert found["digits/2026-11-28/mine"].score == 0.5
    assert found["digits/2026-11-28/mine"].overrides["experiment"] == "digits"


def test_a_run_that_was_pruned_is_no_failure(tmp_path):
    begun(tmp_path / "a", ROWS, status="done")
    (tmp_path / "a/results.json").write_text(json.dumps({"monitor": "loss", "best": {"loss": 1.0}, "pruned": True}))
    job = leaderboard.job_in(tmp_path / "a")
    assert (job.status, job.score, job.ranks, job.failed) == ("pruned", 1.0, True, False)


@pytest.mark.parametrize(
    "text",
    [b"", b"\xff\xfe", b"[" * 100_000, b'{"split": "valid", "accuracy": 1e999}\n', b'{"split": ["valid"]}\n', b"7\n"],
)
def test_rows_of_a_stranger_say_nothing(tmp_path, text):
    begun(tmp_path / "a", ROWS)
    (tmp_path / "a/metrics.jsonl").write_bytes(text)
    job = leaderboard.job_in(tmp_path / "a")
    assert job.score in (None, float("inf"))
    leaderboard.show(tmp_path, [job])
    (tmp_path / "a/metrics.jsonl").unlink()
    (tmp_path / "a/metrics.jsonl").symlink_to("/dev/zero")
    assert leaderboard.job_in(tmp_path / "a").score is None

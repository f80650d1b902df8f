import json
from pathlib import Path

import pytest

from seqnet.observers.metrics_file import MetricsFile, cut, lost


def rows(path: Path) -> list[dict]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return [json.loads(line, parse_constant=refuse) for line in path.read_text().splitlines()]


def test_rows_are_flat_and_hold_no_time_speed_or_path(run, make_step, make_training, make_evaluation):
    metrics = MetricsFile()
    metrics.on_start(run)
    metrics.on_step(make_step(1))
    metrics.on_training(make_training(4, loss=0.1 + 0.2))
    metrics.on_evaluation(make_evaluation(4, samples=["x"], best=True))
    written = rows(run.folder / "metrics.jsonl")  # before the file is closed
    metrics.close()
    assert written == [
        {
            "step": 4,
            "epoch": 1,
            "split": "train",
            "loss": 0.1 + 0.2,  # every digit, so that equal runs can be compared
            "learning_rate": 0.003,
            "gradient_norm": 0.7,
            "clipped_share": 0.25,
            "padded_share": 0.125,
        },
        {"step": 4, "epoch": 1, "split": "valid", "loss": 0.6, "accuracy": 0.75},
    ]


def test_numbers_that_are_not_finite_become_null(run, make_training, make_evaluation):
    metrics = MetricsFile()
    metrics.on_start(run)
    metrics.on_training(make_training(1, loss=float("nan"), norm=float("inf")))
    metrics.on_evaluation(make_evaluation(1, loss=float("-inf")))
    metrics.close()
    train, valid = rows(run.folder / "metrics.jsonl")
    assert train["loss"] is None and train["gradient_norm"] is None and valid["loss"] is None


def test_a_run_that_goes_on_writes_the_same_file(run, make_training, make_evaluation):
    path = run.folder / "metrics.jsonl"

    def write(metrics: MetricsFile, steps: range) -> None:
        for step in steps:
            metrics.on_training(make_training(step, loss=1 / step))
            if step % 2 == 0:
                metrics.on_evaluation(make_evaluation(step))

    metrics = MetricsFile()
    metrics.on_start(run)
    write(metrics, range(1, 7))
    whole = path.read_bytes()
    metrics.on_evaluation(make_evaluation(4, split="test"))
    metrics.close()

    with path.open("ab") as file:
        file.write(b'{"step": 7, "epo')  # the power went
    object.__setattr__(run, "step", 4)
    object.__setattr__(run, "evaluated", 4)
    metrics = MetricsFile()
    metrics.on_start(run)
    write(metrics, range(5, 7))
    metrics.close()
    assert path.read_bytes() == whole
    assert [file.name for file in run.folder.iterdir()] == ["metrics.jsonl"]


def test_cut_drops_later_rows_and_a_half_written_one(tmp_path):
    path = tmp_path / "metrics.jsonl"
    first = b'{"step": 1, "split": "train"}\n'
    whole = first + b'{"step": 2, "split": "train"}\n{"step": 1, "split": "test"}\n{"step": 1, "split": "train"}'
    path.write_bytes(whole)
    cut(path, 1, 1)
    assert path.read_bytes() == first
    path.write_bytes(first + b'{"ste\n\xff\n')
    cut(path, 1, 1)
    assert path.read_bytes() == first


def test_cut_leaves_a_file_alone_where_nothing_goes(tmp_path):
    path = tmp_path / "metrics.jsonl"
    cut(path, 3, 3)
    assert not path.exists()
    path.write_bytes(b'{"step": 3, "split": "valid"}\n')
    before = path.stat()
    cut(path, 3, 3)
    assert path.stat().st_ino == before.st_ino and path.stat().st_mtime_ns == before.st_mtime_ns


ROWS = [(10, "train"), (20, "train"), (20, "valid"), (30, "train"), (40, "train"), (40, "valid"), (45, "train")]
LINES = [json.dumps({"step": step, "split": split}).encode() + b"\n" for step, split in ROWS]


@pytest.mark.parametrize(
    ("gone", "places"),
    [
        ({0}, "1 of the 7 rows up to step 47: those between steps 0 and 20;"),
        ({0, 1, 2, 3}, "4 of the 7 rows up to step 47: those between steps 0 and 40;"),
        ({1, 2}, "2 of the 7 rows up to step 47: those between steps 10 and 30;"),
        ({3, 4, 5, 6}, "4 of the 7 rows up to step 47: those after step 20;"),
        ({1, 2, 4, 5, 6}, "5 of the 7 rows up to step 47: those between steps 10 and 30, after step 30;"),
        (set(range(7)), "all 7 rows, up to step 47;"),
    ],
)
def test_rows_that_are_gone_are_named(tmp_path, gone, places):
    path = tmp_path / "metrics.jsonl"
    later = b'{"step": 50, "split": "train"}\n{"step": 50, "split": "valid"}\n{"ste'
    for harm in (lambda line: b"", lambda line: b"\xff" + line[1:], lambda line: line.replace(b"{", b"[")):
        lines = [harm(line) if number in gone else line for number, line in enumerate(LINES)]
        for rest in (b"", later):
            path.write_bytes(b"".join(lines) + rest)
            assert places in lost(path, 47, 40, 7, every=10)
    path.unlink()
    assert "all 7 rows" in lost(path, 47, 40, 7, every=10)


def test_rows_between_which_no_step_is_missing_are_counted(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b"".join(LINES[:2] + LINES[3:]))  # a row of validation less
    told = lost(path, 47, 40, 7, every=10)
    assert told == f"{path} has lost 1 of the 7 rows up to step 47; the run goes on without them"


def test_rows_that_are_all_there_are_not_spoken_of(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b"".join(LINES) + b'{"step": 50, "split": "train"}\n{"ste')
    assert lost(path, 47, 40, 7, every=10) is None
    assert lost(path, 47, 40, 0, every=1) is None  # an earlier seqnet did not count them


def test_many_places_are_not_all_named(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b"".join(b"x\n" + line for line in LINES))
    assert lost(path, 47, 40, 14, every=10).count("between") == 3
    assert "and elsewhere" in lost(path, 47, 40, 14, every=10)

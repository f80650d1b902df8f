"""Jobs that differ in their seed alone: one row, ranked by its mean, compared with the best seed by seed."""

import json

import pytest

from seqnet import leaderboard


def job(folder, values, score, status="done", **more):
    """Write the files of a job of a sweep."""
    place = folder / "_".join(value.replace("=", "") for value in values)
    place.mkdir(parents=True)
    content = {"status": status, "exit_code": 0 if status == "done" else 3, "error": None, "overrides": values, **more}
    (place / "status.json").write_text(json.dumps(content))
    if score is not None:
        results = {"monitor": "accuracy", "best": {"accuracy": score}, "test": {"accuracy": score / 2}, "seconds": 2}
        (place / "results.json").write_text(json.dumps(results))


SCORES = {"gru": (0.80, 0.82, 0.84), "lstm": (0.79, 0.82, 0.83), "rnn": (0.60, 0.63, 0.64)}


@pytest.fixture
def sweep(tmp_path):
    for cell, scores in SCORES.items():
        for seed, score in enumerate(scores, 1):
            job(tmp_path, [f"cell={cell}", "sweep.seeds=3", f"seed={seed}"], score)
    return tmp_path


def test_a_row_is_a_combination(sweep):
    header, *body = leaderboard.brief(leaderboard.listed(sweep))
    assert header == [
        "rank",
        "cell",
        "valid accuracy",
        "test accuracy",
        "seeds",
        "against the best",
        "seconds",
        "status",
    ]
    assert body == [
        [1, "gru", "0.82 ± 0.02", "0.41 ± 0.01", 3, "best", 2.0, "3 done"],
        [2, "lstm", "0.8133 ± 0.021", "0.4067 ± 0.01", 3, "within noise (p=0.18)", 2.0, "3 done"],  # t = 2, 2 degrees
        [3, "rnn", "0.6233 ± 0.021", "0.3117 ± 0.01", 3, "worse (p=0.00057)", 2.0, "3 done"],
    ]
    header, first, second, third = leaderboard.rows(leaderboard.listed(sweep))
    assert dict(zip(header, second, strict=True)) == {
        "rank": 2,
        "job": "celllstm_sweep.seeds3_seed1 celllstm_sweep.seeds3_seed2 celllstm_sweep.seeds3_seed3",
        "status": "3 done",
        "cell": "lstm",
        "accuracy": 0.813333,
        "accuracy_deviation": 0.0208167,
        "test_accuracy": 0.406667,
        "test_accuracy_deviation": 0.0104083,
        "seeds": 3,
        "against_best": "within noise (p=0.18)",
        "p": 0.184,
        "seconds": 2.0,
    }
    assert first[header.index("p")] == "" and third[header.index("p")] < 0.05


def test_each_job_where_all_is_asked_for(sweep):
    each = leaderboard.rows(leaderboard.listed(sweep, each=True))
    assert len(each) == 10 and "seed" in each[0] and "seeds" not in each[0]


def test_seeds_that_failed_are_told(sweep, capsys):
    job(sweep, ["cell=lstm", "sweep.seeds=3", "seed=4"], None, "failed", error="the loss is not finite")
    job(sweep, ["cell=esn", "sweep.seeds=3", "seed=1"], None, "failed", error="bad luck")
    job(sweep, ["cell=gru", "sweep.seeds=3", "seed=4"], None, "running", exit_code=None)  # and no process is at it
    leaderboard.show(sweep, leaderboard.listed(sweep))
    found = capsys.readouterr().out
    assert "3 done, 1 failed" in found and "3 done, 1 interrupted" in found
    assert "celllstm_sweep.seeds3_seed4: the loss is not finite\n" in found
    *_, last = leaderboard.brief(leaderboard.listed(sweep))
    assert last == ["", "esn", "", "", 0, "", "", "1 failed"]


def test_one_seed_says_nothing_of_noise(tmp_path):
    for cell, score in (("gru", 0.8), ("rnn", 0.7)):
        job(tmp_path, [f"cell={cell}", "sweep.seeds=2", "seed=1"], score)
    _, first, second = leaderboard.brief(leaderboard.listed(tmp_path))
    assert first == [1, "gru", 0.8, 0.4, 1, "", 2.0, "1 done"]
    assert second[:4] == [2, "rnn", 0.7, 0.35] and second[5] == ""


def test_seeds_that_are_swept_as_any_other_key_are_rows_of_their_own(tmp_path):
    for seed in (1, 2):
        job(tmp_path, ["cell=gru", f"seed={seed}"], seed / 10)
    _, *body = leaderboard.brief(leaderboard.listed(tmp_path))
    assert [row[2] for row in body] == ["2", "1"]


def test_scores_of_a_stranger_are_no_reason_to_stop(sweep, capsys):
    for seed, score in enumerate((float("inf"), float("-inf"), float("nan"), 1e308), 1):
        job(sweep, ["cell=esn", "sweep.seeds=4", f"seed={seed}"], score)
    leaderboard.show(sweep, leaderboard.listed(sweep))
    assert "esn" in capsys.readouterr().out

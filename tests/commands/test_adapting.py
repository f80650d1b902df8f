"""`seqnet evaluate dynamic=true`."""

from pathlib import Path
from typing import Any

import pytest

import seqnet as package
from seqnet.errors import ConfigurationError

SGD = ("dynamic=true", "adaptation.rule=sgd")


def test_at_a_rate_of_0_the_dynamic_scores_are_the_static_ones(seqnet: Any, writer_run: Path) -> None:
    before = seqnet.fingerprint(writer_run, "best")
    static = seqnet("evaluate", f"run={writer_run}", "split=train").rows[0]
    still, moved = (
        seqnet("evaluate", f"run={writer_run}", "split=train", "dynamic=true", f"adaptation.lr={lr}").rows[0]
        for lr in (0, 0.1)
    )
    judged = {name: value for name, value in static.items() if name not in ("split", "step")}
    assert still == static | {f"dynamic_{name}": value for name, value in judged.items()} | {"dynamic_lr": 0.0}
    assert {name: moved[name] for name in static} == static  # what stands still is told under its own names
    assert all(moved[f"dynamic_{name}"] != value for name, value in judged.items())
    assert seqnet.fingerprint(writer_run, "best") == before


def test_a_rate_is_chosen_on_the_validation_split(seqnet: Any, writer_run: Path, novel: Path) -> None:
    found = seqnet("evaluate", f"run={writer_run}", "split=train", *SGD)
    scores = found.rows[0]
    assert "was chosen by its loss on valid" in found.err and "split=valid" not in found.err
    again = seqnet("evaluate", f"run={writer_run}", "split=train", *SGD, f"adaptation.lr={scores['dynamic_lr']}")
    assert again.rows[0] == scores
    own = seqnet("evaluate", f"run={writer_run}", *SGD, "split=valid")
    assert "flattered" in own.err
    named = seqnet("evaluate", f"run={writer_run}", *SGD, "split=valid", f"adaptation.lr={own.rows[0]['dynamic_lr']}")
    assert named.rows[0] == own.rows[0]  # which are taken from where it was chosen
    other = seqnet("evaluate", f"run={writer_run}", *SGD, "split=valid", f"data.path={novel}")
    assert "was chosen" in other.err and "flattered" not in other.err  # it was chosen on other text


def test_a_run_without_a_validation_split_is_told_before_anything_is_scored(
    seqnet: Any, language_model: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert seqnet.quietly(*language_model, "data.valid_share=0", "training.max_epochs=1", "run_dir=run").code == 0
    monkeypatch.setattr("seqnet.commands.evaluate.evaluate", None)
    monkeypatch.setattr("seqnet.commands.adapting.gradient_scales", None)
    found = seqnet("evaluate", "run=run", "split=train", "dynamic=true")
    assert found.code == 2 and "adaptation.lr=chosen is chosen on the validation split" in found.err


def test_what_learns_nothing_is_refused(seqnet: Any, judge_run: Path, writer_run: Path) -> None:
    rows = seqnet("evaluate", f"run={judge_run}", "dynamic=true")
    assert rows.code == 2 and rows.err.count("\n") == 1 and "rows that stand by themselves" in rows.err
    typed = seqnet("evaluate", f"run={writer_run}", "adaptation.lr=0.1")
    assert typed.code == 2 and "adaptation.lr=0.1 is of dynamic=true" in typed.err


def test_python_has_the_scores_of_the_command(seqnet: Any, writer_run: Path) -> None:
    typed = ("dynamic=true", "adaptation.rule=sgd", "adaptation.lr=0.1", "adaptation.decay=0.01", "adaptation.window=5")
    told = seqnet("evaluate", f"run={writer_run}", "split=train", *typed).rows[0]
    run = package.load(writer_run, device="cpu")
    found = run.evaluate("train", dynamic=True, rule="sgd", lr=0.1, decay=0.01, window=5)
    assert {"split": "train", "step": run.step, **found.scores} == told
    assert run.evaluate("train").scores == {
        name: score for name, score in found.scores.items() if not name.startswith("dynamic_")
    }
    with pytest.raises(ConfigurationError, match=r"adaptation.lr=0.1 is of dynamic=true"):
        run.evaluate(lr=0.1)


def test_scores_of_what_was_trained_on_are_called_flattered(seqnet: Any, writer_run: Path) -> None:
    found = seqnet("evaluate", f"run={writer_run}", "split=train", "dynamic=true", "adaptation.lr=0")
    assert found.code == 0 and "split=train is what the run was trained on" in found.err

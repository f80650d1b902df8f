"""The threshold of several labels is chosen on valid, stored with the run, and used whenever it is asked."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

TYPED = (
    "experiment=blank",
    "data.path=tickets.csv",
    "+field@data.fields.text=text",
    "+field@data.fields.kinds=labels",
    "data.inputs=[text]",
    "data.target=kinds",
    "task=many_to_one",
    "model=bag_of_words",
    "objective=multi_label",
    "objective.threshold=chosen",
    "optimizer.lr=0.05",
    "training.max_epochs=3",
    "run_dir=run",
)


@pytest.fixture
def tickets(tmp_path: Path) -> None:
    drawn = random.Random(0)
    words = {"refund": "billing", "invoice": "billing", "crash": "bug", "slow": "bug", "hello": "", "thanks": ""}
    lines = ["text,kinds"]
    for _ in range(120):
        said = drawn.choices(list(words), k=3)
        lines.append(f'{" ".join(said)},"{",".join(sorted({words[word] for word in said} - {""}))}"')
    (tmp_path / "tickets.csv").write_text("\n".join(lines) + "\n")


def test_evaluate_and_predict_use_what_training_chose(seqnet: Any, tickets: None) -> None:
    found = seqnet.quietly(*TYPED, "objective.weights=balanced", "data.valid_share=0.3")
    assert found.code == 0, found.err
    best = seqnet.results("run")["best"]
    assert best["threshold"] != 0.5
    scores = json.loads(seqnet("evaluate", "run=run", "split=valid").out.splitlines()[0])
    assert {name: scores[name] for name in ("threshold", "macro_f1", "accuracy")} == {
        name: best[name] for name in ("threshold", "macro_f1", "accuracy")
    }
    components = json.loads(next(Path("run/checkpoints/best").glob("objective.json")).read_text())
    assert components["threshold"] == pytest.approx(best["threshold"], abs=1e-6)
    assert seqnet("predict", "run=run", stdin=b"refund crash hello\n").code == 0


def test_without_a_validation_split_nothing_can_be_chosen(seqnet: Any, tickets: None) -> None:
    found = seqnet.quietly(*TYPED, "data.valid_share=0")
    assert found.code == 2 and "objective.threshold=chosen is chosen on the validation split" in found.err
    assert not Path("run").exists()

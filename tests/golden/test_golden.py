"""A checkpoint written by the first version that had this format: what was saved then is read and gone on with now.

Made by `seqnet train experiment=reverse cell=lstm attention=soft data.symbols=8 data.length=5 data.held_out_length=5
data.train_size=1280 data.valid_size=32 data.test_size=32 model.hidden_size=6 model.bidirectional=false
model.embedding_size=4 data.batch_size=16 optimizer.lr=0.03 training.max_epochs=null training.max_steps=200
training.evaluate_every_steps=100 seed=7 threads=1 device=cpu`; answers.json holds what it said then. Since then
its weights were renamed as the model's parts were (`reader` to `inputs`), digests of its splits stand beside them
(`read`), its score of attention names a class, and not a number changed.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from seqnet.training import checkpoint

HERE = Path(__file__).parent
GOLDEN = HERE / "step_00000200"
ANSWERS = json.loads((HERE / "answers.json").read_text())


def test_it_is_small_and_whole() -> None:
    assert sum(path.stat().st_size for path in GOLDEN.iterdir()) <= 50_000
    checkpoint.verify(GOLDEN)
    assert checkpoint.fingerprint(GOLDEN) == ANSWERS["fingerprint"]


def test_it_answers_as_it_did(seqnet: Any) -> None:
    given = "".join(f"{line}\n" for line in ANSWERS["inputs"]).encode()
    rows = seqnet("predict", f"run={GOLDEN}", "device=cpu", stdin=given).rows
    assert [row["prediction"] for row in rows] == ANSWERS["predictions"]
    assert [row["score"] for row in rows] == pytest.approx(ANSWERS["scores"], rel=1e-3)


def test_it_goes_on_as_it_did(seqnet: Any) -> None:
    found = seqnet("train", f"resume={GOLDEN}", "run_dir=on", "training.max_steps=210", "observers.console=false")
    assert found.code == 0, found.err
    (valid,) = (row for row in seqnet.rows("on") if row["split"] == "valid" and row["step"] == 210)
    # Other processors round otherwise: ten steps are few enough for that to stay small.
    assert valid["loss"] == pytest.approx(ANSWERS["valid_loss"], rel=1e-3)
    assert seqnet.results("on")["steps"] == 210

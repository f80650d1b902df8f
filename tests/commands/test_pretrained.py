"""Word vectors of a file: a run begins with them, and holds them."""

from pathlib import Path
from typing import Any

import pytest

from seqnet.training import checkpoint, manifest

SMALL = (
    "experiment=sst2",
    "data.fields.text.min_count=1",
    "data.fields.text.column=text",
    "data.fields.label.column=label",
    "model=bag_of_words",
    "schedule.warmup_steps=0",
    "training.max_steps=4",
    "training.window=null",
    "run_dir=run",
    "model.embeddings=vectors.txt",
)


@pytest.fixture
def typed(reviews: Path, tmp_path: Path) -> tuple[str, ...]:
    (tmp_path / "vectors.txt").write_text("fox 1 2 3 4\nzebra 1 1 1 1\nthe 0.5 0.5 0.5 0.5\n")
    return (*SMALL, f"data.path={reviews}")


def words(run: Path | str) -> dict[str, list[float]]:
    """The vectors of a run's last checkpoint by their words."""
    components = checkpoint.read(manifest.find(Path(run), "last"))
    (weight,) = [value for name, value in components["parameters"].items() if name.endswith("embedding.weight")]
    return (
        dict(zip(components["data"]["fields"]["text"], weight.tolist(), strict=True))
        if isinstance(components["data"]["fields"]["text"], list)
        else dict(zip(components["data"]["fields"]["text"]["tokens"], weight.tolist(), strict=True))
    )


def test_they_are_told_learned_stored_and_not_asked_for_again(seqnet: Any, typed: tuple[str, ...]) -> None:
    found = seqnet("train", *typed, "device=cpu", "threads=1", "observers.tensorboard=false")
    assert found.code == 0, found.err
    assert "entries (" in found.err + found.out and "begin with a vector of vectors.txt" in found.err + found.out
    held = words("run")
    assert held["fox"] != [1, 2, 3, 4] and held["fox"] == pytest.approx([1, 2, 3, 4], abs=0.2)
    Path("vectors.txt").unlink()
    assert seqnet("predict", "run=run", stdin=b"the quick fox\n").code == 0
    assert seqnet("train", "run_dir=run", "training.max_steps=5", "threads=1", "device=cpu").code == 0


def test_frozen_they_stay_what_they_are(seqnet: Any, typed: tuple[str, ...]) -> None:
    found = seqnet.quietly(*typed, "model.freeze_embeddings=true")
    assert found.code == 0, found.err
    assert words("run")["fox"] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("more", "code", "told"),
    [
        (["model.embedding_size=7"], 2, "model.embedding_size=7, but the vectors of vectors.txt have 4 numbers"),
        (["model.embeddings=none.txt"], 3, "none.txt: there is no such file"),
        (["model.embeddings=null", "model.freeze_embeddings=true"], 2, "model.freeze_embeddings=true has no effect"),
        (["init_from=run"], 2, "give the same weights"),
    ],
)
def test_what_does_not_fit_is_refused(
    seqnet: Any, typed: tuple[str, ...], more: list[str], code: int, told: str
) -> None:
    if more == ["init_from=run"]:
        assert seqnet.quietly(*typed).code == 0
        more = [*more, "run_dir=other"]
    found = seqnet.quietly(*typed, *more)
    assert found.code == code and told in found.err, found.err
    assert not Path("run").exists() or "run_dir=other" in more

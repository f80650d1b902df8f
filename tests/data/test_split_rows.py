"""Which rows are whose split, of whatever kind."""

from pathlib import Path

import pytest

from seqnet import build
from seqnet.configuration.composing import compose

BLANK = ["experiment=blank", "data=table"]
REVIEWS = [*BLANK, "+field@data.fields.review=text", "+field@data.fields.stars=label", "data.inputs=[review]"]
REVIEWS += ["data.target=stars", "task=many_to_one", "objective=classification"]
LOADS = [*BLANK, "+field@data.fields.load=series", "data.inputs=[load]", "data.target=load", "data.rows.order=hour"]
LOADS += ["task=many_to_many", "objective=regression"]
KINDS = {
    "rows": (REVIEWS, "csv", "review,stars\n" + "".join(f"a b,{row % 2}\n" for row in range(20))),
    "running text": (["experiment=tiny_shakespeare"], "txt", "the fox and the dog\n" * 20),
    "a series": (LOADS, "csv", "hour,load\n" + "".join(f"{hour},{hour % 5}\n" for hour in range(40))),
}


@pytest.mark.parametrize(("typed", "ending", "text"), KINDS.values(), ids=KINDS)
def test_nothing_is_held_out_of_training_rows_that_are_not_there(
    tmp_path: Path, typed: list[str], ending: str, text: str
) -> None:
    (tmp_path / f"own.{ending}").write_text(text)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / f"valid.{ending}").write_text(text)
    config = compose("train", [*typed, f"data.path={tmp_path / 'own'}.{ending}"]).config
    read = build.source(config)
    read.fit()
    there = {
        split: build.other_split(config, read, str(tmp_path / "other"), split)[0] is not None
        for split in ("train", "valid", "test")
    }
    assert there == {"train": False, "valid": True, "test": False}

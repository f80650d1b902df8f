"""Which rows are whose split, of whatever kind."""

from pathlib import Path
from typing import Any

import pytest

from seqnet import build
from seqnet.configuration.composing import compose
from seqnet.errors import DataError

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
        split: build.other_split(config, read, str(tmp_path / "other"), split) is not None
        for split in ("train", "valid", "test")
    }
    assert there == {"train": False, "valid": True, "test": False}


ACTS = [*BLANK, "+field@data.fields.load=series", "+field@data.fields.act=label", "data.inputs=[load]"]
ACTS += ["data.target=act", "data.rows.order=hour", "data.rows.group=store", "objective=classification"]
AT_STEPS = [*ACTS, "data.fields.act.axis=step", "task=many_to_many"]


def fitted(path: Path, lines: list[str], *typed: str) -> Any:
    path.write_text("\n".join(lines) + "\n")
    found = build.source(compose("train", [*typed, f"data.path={path}"]).config)
    found.fit()
    return found


def parted(parts: dict[str, str]) -> list[str]:
    """Hours of stores, of which letters say the split of each: t, v, e."""
    names = {"t": "train", "v": "Valid", "e": "test", "x": "extra"}
    rows = [
        f"{store},{hour},{hour},{'lr'[hour % 2]},{names[part]}"
        for store, letters in parts.items()
        for hour, part in enumerate(letters)
    ]
    return ["store,hour,load,act,part", *rows]


def asked(found: Any, split: str) -> list[float]:
    """The targets of a split that are asked for."""
    targets = found.split(split).targets.flat.flatten()
    return sorted(targets[~targets.isnan()].tolist())


def test_a_column_says_the_splits_of_a_series_by_time(tmp_path: Path) -> None:
    options = [*LOADS, "data.rows.group=store", "data.split_column=part", "data.fields.load.scale=none"]
    found = fitted(tmp_path / "t.csv", parted({"a": "tttttvve", "b": "ttttxvve"}), *options, "data.rows.split=group")
    assert asked(found, "train") == [1, 1, 2, 2, 3, 3, 4]
    assert asked(found, "valid") == [5, 5, 6, 6] and asked(found, "test") == [7, 7]
    assert any(note.startswith("left out 1 of 16 rows: part is extra, which is neither") for note in found.remarks())
    assert any(note.startswith("data.rows.split=group is of what a share holds out") for note in found.remarks())


@pytest.mark.parametrize("axis", ["row", "step"])
def test_a_column_says_the_splits_of_whole_sequences(tmp_path: Path, axis: str) -> None:
    lines = [line.replace(",l,", ",r,") for line in parted({"a": "ttt", "b": "vvv", "c": "ttt", "d": "ee"})]
    lines += ["c,3,4,l,train"] if axis == "step" else ["f,3,4,l,train"]
    task = AT_STEPS if axis == "step" else [*ACTS, "task=many_to_one"]
    found = fitted(tmp_path / "t.csv", lines, *task, "data.split_column=part")
    splits = {split: found.split(split) for split in ("train", "valid", "test")}
    series = {split: [rows.places[row].series for row in range(len(rows))] for split, rows in splits.items()}
    assert series == {"train": ["a", "c"] if axis == "step" else ["a", "c", "f"], "valid": ["b"], "test": ["d"]}


def test_a_sequence_that_goes_back_to_training_is_refused_by_its_name(tmp_path: Path) -> None:
    lines = parted({"a": "ttve", "b": "tvtt"})
    with pytest.raises(
        DataError, match=r"line 8: rows of store b are valid and behind that train .*=part\): a sequence"
    ):
        fitted(tmp_path / "t.csv", lines, *AT_STEPS, "data.split_column=part")
    lines = [line.replace(",l,", ",r,") for line in parted({"a": "ttve"})]
    with pytest.raises(DataError, match=r"line 4: rows of store a are train .* but act is asked once"):
        fitted(tmp_path / "t.csv", lines, *ACTS, "task=many_to_one", "data.split_column=part")


FOLDS = ["review,stars,fold", *(f"a b,{row % 2},{row % 5}.0" for row in range(20))]


def test_values_that_say_a_split_are_numbers_however_they_are_written(tmp_path: Path) -> None:
    options = [*REVIEWS, "data.split_column=fold", "data.split_values.test=[0]", "data.split_values.valid=[1,02.00]"]
    found = fitted(tmp_path / "t.csv", FOLDS, *options)
    assert [len(found.split(split)) for split in ("train", "valid", "test")] == [8, 8, 4]


@pytest.mark.parametrize("rows", [[], ["data.rows.group=review"]])
def test_a_value_that_no_row_has_is_refused(tmp_path: Path, rows: list[str]) -> None:
    said = r"data.split_values.test=7, and no row has that in fold, which is 0.0, 1.0, 2.0, 3.0, 4.0: name"
    with pytest.raises(DataError, match=said):
        fitted(tmp_path / "t.csv", FOLDS, *REVIEWS, *rows, "data.split_column=fold", "data.split_values.test=[0,7]")
    with pytest.raises(DataError, match=r"no row says its split, since fold is 0.0, 1.0"):
        fitted(tmp_path / "t.csv", FOLDS, *REVIEWS, *rows, "data.split_column=fold")


def test_rows_of_no_split_are_told(tmp_path: Path) -> None:
    parts = ["train", "dev", "", "unsup", "extra"]
    lines = ["review,stars,part", *(f"a b,{row % 2},{parts[row % 5]}" for row in range(20))]
    found = fitted(tmp_path / "t.csv", lines, *REVIEWS, "data.split_column=part")
    assert any("left out 12 of 20 rows: part is blank, extra, unsup" in note for note in found.remarks())
    assert not any("left out" in note for note in found.remarks(["valid"]))

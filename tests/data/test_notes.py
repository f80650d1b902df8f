"""What a person is told of the data that was read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from seqnet.data.tally import ASKED

FIELDS = {"text": {"type": "text"}, "label": {"type": "label"}}


def write(folder: Path, name: str, rows: str) -> None:
    (folder / name).write_text(f"text,label,when\n{rows}")


def test_what_is_left_out_unknown_or_unused_is_told(tmp_path: Path, table: Callable[..., Any]) -> None:
    write(tmp_path, "train.csv", "a b,x,1\n,x,2\nb a,y,3\n")
    write(tmp_path, "valid.csv", "a c,x,1\n,x,2\n,y,3\nb d,z,3\n")
    made = table(tmp_path, FIELDS, ["text"], "label", on_bad_row="skip")
    made.fit()
    made.split("valid")
    assert made.remarks() == [
        "no field uses 1 column: when",
        "left out 1 of 3 rows of train (data.on_bad_row=skip)",
        "left out 2 of 4 rows of valid (data.on_bad_row=skip)",
        "1 label of valid never seen in training, each counted as an error (data.on_unknown_label=count)",
        "50.0% of the tokens of text in valid are unknown: training did not see them, or too seldom",
    ]


def test_nothing_is_told_where_there_is_nothing(tmp_path: Path, table: Callable[..., Any]) -> None:
    (tmp_path / "train.csv").write_text("text,label\na,x\nb,y\n")
    made = table(tmp_path, FIELDS, ["text"], "label", valid_share=0.0)
    made.fit()
    assert made.remarks() == []
    made.read_inputs(["a b"], "here")
    assert made.remarks([ASKED]) == []


def test_another_column_than_the_one_meant_is_noticed(tmp_path: Path, table: Callable[..., Any]) -> None:
    write(tmp_path, "train.csv", "file1 .png,x,1\nfile2 .png,y,3\n")
    write(tmp_path, "valid.csv", "file3 file4 file5 file6 file7,x,1\n")
    made = table(tmp_path, FIELDS, ["text"], "label")
    made.fit()
    made.split("valid")
    assert made.remarks()[-1].endswith("; is this the right column, and the right level?")

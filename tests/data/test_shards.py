"""Files that are one table: a shard with other columns, and a row that is bad, are named."""

import json
from pathlib import Path
from typing import Any

import pytest

from seqnet.data.dataset import Dataset
from seqnet.data.digest import of_split
from seqnet.data.fields.label import LabelField
from seqnet.data.fields.text import TextField
from seqnet.data.formats.auto import Auto
from seqnet.data.formats.format import Column
from seqnet.errors import DataError

ROWS = [(f"film {row}", "yes" if row % 3 else "no") for row in range(22)]


def written(path: Path, rows: list[tuple[str, str]], names: tuple[str, ...] = ("text", "label")) -> None:
    """Rows as the file's name says; names: of the columns, none where there is no header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".jsonl":
        lines = [json.dumps(dict(zip(names, row, strict=False))) for row in rows]
    else:
        lines = [*([",".join(names)] if names else []), *map(",".join, rows)]
    path.write_text("\n".join(lines) + "\n")


def read(path: Path, **columns: Column) -> Any:
    fields = {"text": TextField(), "label": LabelField()}
    data = Dataset(0, path.parent, fields, ["text"], "label", Auto(), columns, path=path, valid_share=0.0)
    data.fit()
    return data.split("train")


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_shards_are_one_table_in_the_order_of_their_numbers(tmp_path: Path, ending: str) -> None:
    for number in range(11):
        written(tmp_path / "cut" / "train" / f"part-{number}.{ending}", ROWS[2 * number : 2 * number + 2])
    written(tmp_path / f"whole.{ending}", ROWS)
    assert of_split(read(tmp_path / "cut")) == of_split(read(tmp_path / f"whole.{ending}"))


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_shard_without_a_column_is_named_before_a_row_is_read(tmp_path: Path, ending: str) -> None:
    written(tmp_path / "train" / f"a.{ending}", [("good", "")])  # whose label is missing
    written(tmp_path / "train" / f"b.{ending}", ROWS, ("text", "labels"))
    with pytest.raises(DataError, match=rf"b\.{ending}.*label.*did you mean 'labels'"):
        read(tmp_path)


def test_a_shard_of_another_width_is_named_where_columns_are_positions(tmp_path: Path) -> None:
    written(tmp_path / "train" / "a.csv", ROWS, ())
    written(tmp_path / "train" / "b.csv", [(text, "0", label) for text, label in ROWS], ())
    with pytest.raises(DataError) as caught:
        read(tmp_path, text=0, label=-1)
    first, second = tmp_path / "train" / "a.csv", tmp_path / "train" / "b.csv"
    assert str(caught.value).startswith(f"{second}: has 3 columns and {first} has 2, but all files of a split are one")


def test_a_bad_row_is_told_with_its_shard_and_line(tmp_path: Path) -> None:
    written(tmp_path / "train" / "a-1.csv", ROWS)
    written(tmp_path / "train" / "a-2.csv", [*ROWS[:3], ("", "yes")])
    with pytest.raises(DataError, match=r"a-2\.csv, line 5: text: "):
        read(tmp_path)


def test_a_header_that_is_read_as_a_row_is_told_of_a_later_file_too(tmp_path: Path) -> None:
    for number in range(1, 8):
        written(tmp_path / "train" / f"{number}.csv", ROWS, () if number == 1 else ("text", "label"))
    fields = {"text": TextField(), "label": LabelField()}
    columns: dict[str, Column] = {"text": 0, "label": 1}
    data = Dataset(0, tmp_path, fields, ["text"], "label", Auto(), columns, path=tmp_path, valid_share=0.0)
    told = data.remarks()
    assert [one.partition(": the first line looks")[0] for one in told[:3]] == [
        str(tmp_path / "train" / f"{number}.csv") for number in (2, 3, 4)
    ]
    assert told[3] == "the same of 3 more files of train"

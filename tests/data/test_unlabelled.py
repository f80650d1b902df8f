"""Other tables than that of training are read as it was: by its header or by position, in the format that was said."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seqnet.data.files import BadRows
from seqnet.data.formats.jsonl import LOOK, Jsonl
from seqnet.errors import DataError

Trained = Callable[..., Any]


@pytest.fixture
def trained(tmp_path: Path, table: Any) -> Trained:
    """A text, or a number, and a label, as a run restores them, with what it keeps through JSON.

    columns: of the input and the target. format: its options. kind: of the input.
    """

    def make(name: str, content: str | bytes, columns: tuple[Any, Any], kind: str = "text", **format: Any) -> Any:
        path = write(tmp_path / name, content)
        fields = {"x": {"type": kind, "column": columns[0]}, "y": {"type": "label", "column": columns[1]}}
        learned, again = (table(path, fields, ["x"], "y", format or None) for _ in range(2))
        learned.fit()
        again.restore(json.loads(json.dumps(learned.state())))
        return again

    return make


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(source: Any, path: Path) -> list[Any]:
    """What the input reads of each row."""
    found = source.unlabelled(str(path), BadRows("raise"))
    return [one.first for block in found.blocks for one in block.read]


def test_what_columns_are_called_is_no_reason_to_read_a_file_once_more(
    tmp_path: Path, table: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[int] = []
    rows = Jsonl._rows
    monkeypatch.setattr(Jsonl, "_rows", lambda *given: (parsed.append(one[0]) or one for one in rows(*given)))
    fields = {"x": {"type": "text"}, "y": {"type": "label"}}
    for shards in (1, 2):
        folder = tmp_path / str(shards) / "train"
        folder.mkdir(parents=True)
        for shard in range(shards):
            lines = "".join(f'{{"x": "a film", "y": "{row % 2}"}}\n' for row in range(5 * LOOK))
            write(folder / f"{shard}.jsonl", lines)
        parsed.clear()
        made = table(folder.parent, fields, ["x"], "y")
        made.fit()
        assert made.split("train") is not None
        times = [parsed.count(number) for number in (LOOK, 5 * LOOK)]
        assert times[1] == 2 * shards < times[0], "to learn from, and to encode; at the beginning there are looks"


NUMBERS = "1,2,3\n" + "".join(f"{number},{number + 50},{'ab'[number % 2]}\n" for number in range(4))
TEXTS = "a film,good\na plot,bad\n"


@pytest.mark.parametrize(
    ("columns", "train", "new", "rows"),
    [
        ((1, 3), NUMBERS, NUMBERS, ["0", "1", "2", "3"]),  # names, since no column has the position 3
        ((1, 3), NUMBERS, "2,1\n60,7\n", ["7"]),
        ((0, 2), "0,1,2\n5,6,a\n7,8,b\n", "0\n9\n", ["9"]),  # names that count from 0
        ((0, "y"), "x,y\n5,a\n6,b\n", "x\n7\n", ["7"]),  # a position beside a name is that of a named column
        ((0, "y"), "x,y\n5,a\n6,b\n", "more,x\n1,7\n", ["7"]),
        ((0, "y"), "x,y\n5,a\n6,b\n", "other,y\n7,a\n", ["7"]),
        ((-1, "y"), "y,x\na,5\nb,6\n", "x,more\n7,1\n", ["7"]),
        ((1, 0), "a,5\nb,6\n", "c,7\n", ["7"]),
        ((0, 2), "5,6,a\n6,7,b\n", "8,9\n", ["8"]),
        ((-1, 0), "a,6,5\nb,7,6\n", "9,8\n", ["8"]),
    ],
)
def test_columns_are_those_of_training(
    tmp_path: Path, trained: Trained, columns: tuple[Any, Any], train: str, new: str, rows: list[str]
) -> None:
    source = trained("train.csv", train, tuple(map(str, columns)), "number")
    assert read(source, write(tmp_path / "new.csv", new)) == rows


@pytest.mark.parametrize(
    ("columns", "train", "new", "said"),
    [
        ((1, 3), NUMBERS, "2,3\n60,a\n", "no column '1' in the header, which has 2, 3;"),
        ((0, "y"), "x,y\n5,a\n6,b\n", "z\n7\n", "no column 'x' in the header, which has z; call the columns as in"),
        ((1, 0), "a,5,6\nb,6,7\n", "7,8\n", "2 columns where the training file had 3, and x is column 1, which moves"),
        ((-2, -1), "6,5,a\n7,6,b\n", "8,7\n", "2 columns where the training file had 3, and x is column -2"),
    ],
)
def test_a_column_that_is_not_where_it_was_is_refused(
    tmp_path: Path, trained: Trained, columns: tuple[Any, Any], train: str, new: str, said: str
) -> None:
    source = trained("train.csv", train, tuple(map(str, columns)), "number")
    path = write(tmp_path / "new.csv", new)
    with pytest.raises(DataError) as caught:
        read(source, path)
    assert f"{path}: {said}" in str(caught.value)


def test_a_range_and_what_groups_rows_keep_their_names(tmp_path: Path, table: Any) -> None:
    rows = "id,day,a,b,y\n1,1,5,6,u\n1,2,7,8,v\n"
    fields = {"x": {"type": "series", "column": "2..3"}, "y": {"type": "label", "column": "y", "axis": "step"}}
    grouped = {"rows": {"group": "0", "order": "1"}}
    source = table(write(tmp_path / "train.csv", rows), fields, ["x"], "y", **grouped)
    source.fit()
    new = write(tmp_path / "new.csv", "b,a,day,id\n6,5,2,1\n8,7,1,1\n")
    assert read(source, new) == [[["7", "8"], ["5", "6"]]]


def test_a_run_that_was_stored_before_reads_as_it_did(tmp_path: Path, trained: Trained) -> None:
    source = trained("train.csv", "x,y\na,u\nb,v\n", ("x", "y"))
    state = source.state()
    del state["table"]
    source.restore(state)
    assert source.state()["table"] is None
    assert read(source, write(tmp_path / "new.csv", "x\nc\n")) == ["c"]
    for broken in ({}, {"names": [1], "width": 1}, {"names": None, "width": "1"}, ["x"]):
        with pytest.raises(DataError, match="what the columns of the training table are called"):
            source.restore(state | {"table": broken})


@pytest.mark.parametrize(
    ("name", "content", "columns", "format", "new", "rows"),
    [
        ("train.txt", TEXTS.replace(",", "\t"), ("0", "1"), {"type": "csv"}, "a wise film\t1\n", ["a wise film"]),
        ("train.tsv", 'x\ty\n"a\nb"\tu\nc\tv\n', ("x", "y"), {"type": "csv"}, 'x\n"d\ne"\n', ["d\ne"]),
        ("train.tsv", "x\ty\na\tu\nb\tv\n", ("0", "1"), {"type": "csv", "header": "true"}, "x\tz\nc\t1\n", ["c"]),
        ("train.csv", "x,y\nä,u\nb,v\n".encode("cp1252"), ("x", "y"), {"encoding": "cp1252"}, b"x\n\xf6\n", ["ö"]),
        ("train.csv", "x,y\nä,u\nb,v\n".encode("utf-16"), ("x", "y"), {"encoding": "utf-16"}, "x\nö\n", ["ö"]),
        ("train", "x,y\na,u\nb,v\n", ("x", "y"), {"type": "csv"}, "x\nc\n", ["c"]),
    ],
)
def test_the_format_that_was_said_reads_other_files(
    tmp_path: Path,
    trained: Trained,
    name: str,
    content: str | bytes,
    columns: tuple[Any, Any],
    format: dict[str, Any],
    new: str | bytes,
    rows: list[str],
) -> None:
    source = trained(name, content, columns, **format)
    if format.get("encoding") == "utf-16":
        new = str(new).encode("utf-16")
    assert read(source, write((tmp_path / name).with_stem("new"), new)) == rows


def test_comments_are_none_of_the_words(tmp_path: Path, table: Any) -> None:
    fields = {"x": {"type": "tokens", "column": 0}, "y": {"type": "tags", "column": -1, "scheme": "none"}}
    path = write(tmp_path / "train.txt", "# one\na B\nb O\n\n# two\nb O\n")
    source = table(path, fields, ["x"], "y", {"type": "conll", "comments": True})
    source.fit()
    assert read(source, write(tmp_path / "new.txt", "# three\nb O\na O\n")) == [["b", "a"]]


def test_a_file_of_another_kind_is_read_as_such_in_the_encoding_of_the_run(tmp_path: Path, trained: Trained) -> None:
    said = {"type": "csv", "delimiter": ";", "encoding": "cp1252"}
    source = trained("train.csv", "x;y\na;u\nb;v\n", ("x", "y"), **said)
    assert read(source, write(tmp_path / "new.tsv", "x\tz\nö\t1\n".encode("cp1252"))) == ["ö"]
    assert read(source, write(tmp_path / "new.jsonl", '{"x": "c"}\n')) == ["c"]


def test_an_object_is_read_by_the_column_before_the_name_of_the_field(tmp_path: Path, table: Any) -> None:
    fields = {"x": {"type": "number", "column": "price"}, "y": {"type": "label"}}
    source = table(write(tmp_path / "train.csv", "x,price,y\n9,5,a\n9,6,b\n"), fields, ["x"], "y")
    source.fit()

    def alone(line: str) -> float:
        return float(source.read_inputs([line], "here").inputs.flat)

    both = '{"x": 6, "price": 5}'
    assert source.as_read(both, 1).first == 5 and alone(both) == alone("5") == alone('{"x": 5}') != alone("6")

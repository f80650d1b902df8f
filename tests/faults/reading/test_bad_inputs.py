"""What is read beside files of lines: tables in parquet and the inputs of predict; and what the command line says."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seqnet.commands.lines import blocks
from seqnet.data.files import LONGEST
from seqnet.errors import DataError

# ----------------------------------------------------------------------------------------------- tables in parquet


def tables(names: list[str]) -> dict[str, Callable[[Any], Any]]:
    """What is no table of those columns of texts."""
    first, last = names[0], names[-1]

    def columns(pa: Any, **changed: Any) -> Any:
        return pa.table({name: pa.array(["a b", "c"]) for name in names} | changed)

    def stamped(pa: Any, value: Any) -> Any:
        """With what a Hub data set says of its columns."""
        return columns(pa, **{last: pa.array([0, 1])}).replace_schema_metadata({"huggingface": json.dumps(value)})

    def features(kind: Any) -> dict[str, Any]:
        return {"info": {"features": {last: kind}}}

    return {
        "no rows": lambda pa: columns(pa).slice(0, 0),
        "no columns": lambda pa: pa.table({}),
        "other columns": lambda pa: pa.table({"other": ["a", "b"]}),
        "a column twice": lambda pa: pa.table([pa.array(["a", "b"])] * (len(names) + 1), names=[*names, first]),
        "numbers for texts": lambda pa: columns(pa, **{first: pa.array([1, 2])}),
        "nulls alone": lambda pa: columns(pa, **{first: pa.nulls(2)}),
        "bytes for texts": lambda pa: columns(pa, **{first: pa.array([b"a", b"\xff"])}),
        "lists for texts": lambda pa: columns(pa, **{first: pa.array([["a"], []])}),
        "structs for texts": lambda pa: columns(pa, **{first: pa.array([{"a": "b"}, None])}),
        "fractions for answers": lambda pa: columns(pa, **{last: pa.array([0.5, float("nan")])}),
        "dates beyond the calendar": lambda pa: columns(pa, **{last: pa.array([1 << 62, 1], pa.timestamp("us"))}),
        "30 million equal rows": lambda pa: pa.table({name: pa.repeat("a", 30 << 20) for name in names}),
        "a text of 300 MB": lambda pa: columns(pa, **{first: pa.array(["a" * (300 << 20), "b"])}),
        "stamped with a number": lambda pa: stamped(pa, 3),
        "stamped with a list": lambda pa: stamped(pa, {"info": []}),
        "stamped with numbers for classes": lambda pa: stamped(pa, features({"_type": "ClassLabel", "names": 3})),
        "stamped with nulls for classes": lambda pa: stamped(
            pa, features({"_type": "ClassLabel", "names": [None, {}]})
        ),
        "stamped without classes": lambda pa: stamped(pa, features({"_type": "ClassLabel"})),
    }


@pytest.mark.endings(".parquet")
def test_a_table_that_is_none_is_refused(reader: Any, tried: Any, some: Any, sentence: Any, tmp_path: Path) -> None:
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = reader.write(tmp_path, reader.good)
    for name, make in some(list(tables(list(reader.rows[0])).items())):
        parquet.write_table(make(pa), path, compression="zstd")

        def look(strict: Any, lax: Any) -> None:
            sentence(strict, path)
            assert lax.error or lax.bad_rows, "with on_bad_row=skip it was read, and nothing counted"

        tried(name, path, look)


@pytest.mark.endings(".parquet")
def test_a_row_of_nulls_in_a_table_is_refused_or_left_out(
    reader: Any, tried: Any, sentence: Any, tmp_path: Path
) -> None:
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    wanted = reader.read(reader.write(tmp_path, reader.good))
    path = tmp_path / "nulls.parquet"
    for column in reader.rows[0]:
        rows = [*reader.rows[:4], reader.rows[0] | {column: None}, *reader.rows[4:]]
        parquet.write_table(pa.Table.from_pylist(rows), path)

        def look(strict: Any, lax: Any) -> None:
            sentence(strict, path, ", row 5: ")
            assert not lax.error and lax.bad_rows == 1 and lax.same(wanted), lax.error

        tried("a row of nulls", path, look)


# ---------------------------------------------------------------------------------------------- inputs of predict

LINES = {
    "nothing": (b"", None),
    "a blank line": (b"\n", 1),
    "white space": (b"  \t \r\n", 1),
    "a byte order mark alone": (b"\xef\xbb\xbf\n", 1),
    "latin-1": ("une idée fixe\n".encode("latin-1"), 1),
    "UTF-16": ("some".encode("utf-16"), 1),
    "UTF-16 without a mark": ("some".encode("utf-16-le"), 1),
    "a NUL byte": (b"a\0b", 1),
    "CR alone": (b"1 2\r3 4\r", 1),
    "every byte": (bytes(range(256)), 1),
    "gzip": (b"\x1f\x8b\x08\0\0\0\0\0\0\xff", 1),
    "30 MB": (b"x" * (30 << 20), 1),
    "30 MB behind a line": (b"\n" + b"x" * (30 << 20), 1),
}
JSON = ["[" * 100_000, "[" * 900 + "]" * 900, "[1e400]", "[NaN]", "[-Infinity]", "1" * 5000, "{}", "null", "[]", "[[]]"]
JSON += ['"\\ud800"', '{"inputs": 3}', '{"inputs": [[1]], "inputs": [[2]]}', "[true]", "[[[60]]]", f"[[{10**400}]]"]


def told(source: Any, path: str | None, where: str) -> tuple[int, str]:
    """How many lines were read, or the sentence of the error."""
    try:
        return sum(len(source.read_inputs(lines, where, first)) for lines, first in blocks(path)), ""
    except DataError as error:
        return 0, str(error)


def test_inputs_that_are_none_are_refused(
    sources: dict[str, Any], apart: Any, figure: Any, amount: Any, tmp_path: Path
) -> None:
    path, tries, seconds, megabytes = tmp_path / "lines.txt", 0, 0.0, 0.0
    for number, (data, (source, _)) in enumerate(sources.items()):
        cases = [(name, content, line, True) for name, (content, line) in LINES.items()]
        cases += [(text[:40], text.encode(), 1, False) for text in JSON]
        for name, content, line, must in cases[number % amount(24, 1) :: amount(24, 1)]:
            path.write_bytes(content)
            found = apart(lambda source=source: told(source, str(path), str(path)))
            rows, error = found.result
            tries, seconds, megabytes = tries + 1, max(seconds, found.seconds), max(megabytes, found.megabytes)
            assert found.seconds <= 2 and found.megabytes <= 100, (data, name, found.seconds, found.megabytes)
            if line is None:
                assert not error and not rows
            elif must or error:
                assert error.startswith(f"{path}, line {line}"), (data, name, error)
                assert error.isprintable() and len(error) < 800, (data, name, error)
            else:  # text like any other
                assert rows == 1, (data, name)
    figure(
        "bad inputs of predict",
        f"{tries} of {tries} for {len(sources)} readers refused with their line, or read as the text that they are; "
        f"at most {seconds:.2f} s and {megabytes:.0f} MB",
    )


@pytest.mark.parametrize("name", ["nowhere", "folder", "/dev/zero", "/dev/full", "/proc/self/mem", "loop", "n" * 300])
def test_inputs_that_are_no_file_are_refused(
    name: str, sources: dict[str, Any], apart: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("loop").symlink_to("loop")
    found = apart(lambda: told(sources["text"][0], name, name))
    assert name in found.result[1] and found.megabytes <= 100


def test_standard_input_may_be_closed_or_endless(monkeypatch: pytest.MonkeyPatch, apart: Any) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(DataError, match="standard input is closed"):
        next(blocks(None))

    class Endless(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            buffer[:] = b"x" * len(buffer)
            return len(buffer)

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(Endless())))

    def read() -> str:
        with pytest.raises(DataError) as caught:
            list(blocks(None))
        return str(caught.value)

    found = apart(read)
    assert found.result == f"standard input, line 1: the line is longer than {LONGEST >> 20} MiB; shorten it"
    assert found.megabytes <= 100


# --------------------------------------------------------------------------------------------- the command line


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("text,label\na,b\nc\n", "rows.csv, line 3: 1 column where the first row has 2"),
        ("text,label\n" + "a,\x1b[2Jb\n" * 9, "every target of the training split is '�[2Jb', so there is nothing"),
    ],
    ids=["a bad row", "one class alone"],
)
def test_training_ends_with_one_sentence_and_its_code(seqnet: Any, tmp_path: Path, content: str, said: str) -> None:
    Path("rows.csv").write_text(content)
    columns = ("data.fields.text.column=text", "data.fields.label.column=label")
    found = seqnet.quietly("experiment=sst2", "data.path=rows.csv", *columns)
    assert found.code == 3
    assert said in found.err and found.err.count("\n") == 1 and found.err[:-1].isprintable()


def test_an_argument_that_is_no_utf8_is_refused(seqnet: Any) -> None:
    found = seqnet("generate", "run=run", b"prompt=caf\xe9".decode(errors="surrogateescape"))
    assert found.code == 2 and "'prompt=caf\N{REPLACEMENT CHARACTER}' is not UTF-8" in found.err

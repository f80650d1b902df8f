"""Rows that are none, among good ones, for every reader of rows: refused with their line, or left out and counted."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

LONG = 30 << 20
FILLING = b"(30 MB)"  # what stands for so many letters
DEEP = 100_000

# A row that is none, of JSON pieces: what stands for the first of them.
PIECES = {
    "nothing in it": "[]",
    "one step": "[[60]]",
    "a number": "60",
    "null": "null",
    "text": '"C4"',
    "an object": '{"60": [62]}',
    "a step that is a number": "[60, 62]",
    "a step that is null": "[[60], null]",
    "brackets 900 deep": "[" * 900 + "]" * 900,
    "a note below the piano": "[[60], [20]]",
    "a note above the piano": "[[60], [109]]",
    "half a note": "[[60], [60.5]]",
    "a note as text": '[[60], ["60"]]',
    "a note that is true": "[[60], [true]]",
    "a note that is null": "[[60], [null]]",
    "a note that is a list": "[[60], [[60]]]",
    "a note that is NaN": "[[60], [NaN]]",
    "an infinite note": "[[60], [-Infinity]]",
    "a note of 1e400": "[[60], [1e400]]",
    "a note of 400 digits": f"[[60], [{10**400}]]",
}
# A line that is no row of any text.
BYTES = {
    "latin-1": "une idée fixe".encode("latin-1"),
    "a NUL byte": b"a\0b",
    "an over-long form": b"a \xc0\x80 b",
    "a surrogate in UTF-8": b"a \xed\xa0\x80 b",
    "a letter cut in two": b"caf\xc3",
    "beyond Unicode": b"\xf4\x90\x80\x80",
    "UTF-16": "some".encode("utf-16"),
}
# A row that is none, of a format; of a table "COLUMNS" are the texts of its columns, apart as they must be.
LINE: dict[str, dict[str, bytes]] = {
    ".csv": {
        "a column too few": b"alone",
        "a column too many": b"a,b,c",
        "empty": b",",
        "blank": b'" "," "',
        "a quote in a quoted cell": b'"a"b,c',
        "a quote never closed": b'"a,b',
        "a quote never closed, and another": b'a,"b "" c',
        "two lines, one of them bad": b'"a\n\xff",b',
        "CR in a line": b"a,b\rc,d",
        "30 MB": FILLING + b",b",
    },
    ".tsv": {
        "a column too few": b"alone",
        "a column too many": b"a\tb\tc",
        "empty": b"\t",
        "blank": b" \t ",
        "CR in a line": b"a\tb\rc\td",
        "30 MB": FILLING + b"\tb",
    },
    ".conll": {
        "a column too few": b"\nalone\n",
        "a column too many": b"\na\tO\tO\n",
        "no tag": b"\na\t\n",
        "no token": b"\n\tO\n",
        "odd white space": b"\n\x0b\n",
        "its second line": b"\na\tO\nb\n",
        "CR in a line": b"\na\tO\rb\tO\n",
        "30 MB": b"\n" + FILLING + b"\tO\n",
    },
    ".source": {
        "empty": b"",
        "blank": b" \t ",
        "CR in a line": b"a\rb",
        "30 MB": FILLING,
    },
    ".txt": {},
    ".jsonl": {
        "a list": b"[1]",
        "a number": b"3",
        "null": b"null",
        "text": b'"text"',
        "nothing in it": b"{}",
        "cut off": b'{"text": "a b',
        "two in a line": b"{}{}",
        "single quotes": b"{'text': 'a'}",
        "a comment": b"// none",
        "brackets in brackets": b"[" * DEEP + b"]" * DEEP,
        "objects in objects": b'{"a":' * DEEP,
        "a number of 5,000 digits": b'{"text": ' + b"1" * 5000 + b"}",
        "30 MB": b'{"text": "' + FILLING + b'"}',
    },
}
# What no column of a table in JSON may hold, by the column; "" is any.
CELLS: dict[str, dict[str, str]] = {
    "": {
        "null": "null",
        "a list": '["a"]',
        "an object": '{"a": "b"}',
        "empty": '""',
        "blank": r'" \t\u00a0"',
        "NaN": "NaN",
        "infinity": "-Infinity",
        "1e400": "1e400",
        "half a surrogate pair": r'"a \ud800 b"',
        "the other half": r'"\udc00\ud800"',
        "brackets 900 deep": "[" * 900 + "]" * 900,
    },
    "text": {"a number": "3", "true": "true"},
    "source": {"a number": "3", "true": "true"},
    "target of a source": {"a number": "3", "false": "false"},
    "label": {"a fraction": "1.5", "null in a list": "[null]"},
    "inputs": {
        "an empty list": "[]",
        "a number": "3",
        "text": '"0.5"',
        "a step too narrow": "[[0.1, 2], [0.1]]",
        "a step too wide": "[[0.1, 2, 3]]",
        "a step that is a number": "[[0.1, 2], 3]",
        "a step that is null": "[null]",
        "NaN in it": "[[NaN, 1]]",
        "infinity in it": "[[1, Infinity]]",
        "1e400 in it": "[[1, 1e400]]",
        "1e39 in it, too large for float32": "[[1, 1e39]]",
        "400 digits in it": f"[[1, {10**400}]]",
        "5,000 digits in it": f"[[1, {'1' * 5000}]]",
        "true in it": "[[true, 1]]",
        "null in it": "[[null, 1]]",
        "text in it": '[["1", 1]]',
        "a list in it": "[[[1], 1]]",
    },
    "target": {"a number where others are labels": "3", "true": "true"},
}


def bad_rows(reader: Any) -> Iterator[tuple[str, bytes]]:
    """Rows that are none, of a reader of lines."""
    for name, line in BYTES.items():
        yield name, b"\n" * (reader.suffix == ".conll") + line
    yield from LINE[reader.suffix].items()
    if reader.suffix == ".jsonl":
        row = dict(reader.rows[0]) if reader.data != "text" else {"text": "a b"}
        for column in row:
            kind = "target of a source" if column == "target" and "source" in row else column
            for name, value in {**CELLS[""], **CELLS.get(kind, {})}.items():
                yield (
                    f"{column}: {name}",
                    written({key: json.dumps(cell) for key, cell in row.items()} | {column: value}),
                )
            yield f"{column}: missing", written({k: json.dumps(v) for k, v in row.items() if k != column} or {"a": "1"})
            yield f"{column}: there twice", b"{" + written({column: '"x"'})[1:-1] + b", " + json.dumps(row).encode()[1:]
        if "inputs" in row:
            yield "both targets", json.dumps(row | {"targets": ["a"] * len(row["inputs"])}).encode()
            yield "a target a step", json.dumps({"inputs": [[1, 2]], "targets": ["a"]}).encode()


def written(row: dict[str, str]) -> bytes:
    return ("{" + ", ".join(f'"{key}": {value}' for key, value in row.items()) + "}").encode()


@pytest.mark.endings(*LINE)
def test_a_row_that_is_none_is_refused_or_left_out(
    reader: Any, tried: Any, some: Any, sentence: Any, tmp_path: Path
) -> None:
    wanted = reader.read(reader.write(tmp_path, reader.good))
    lines = reader.good.splitlines(keepends=True)
    place = lines.index(b"\n") if reader.suffix == ".conll" else 4
    for name, row in some(list(bad_rows(reader))):
        line = row.replace(FILLING, b"x" * LONG)
        path = reader.write(tmp_path, b"".join([*lines[:place], line + b"\n", *lines[place:]]))
        if reader.suffix == ".source":  # beside it a good line
            other = path.with_suffix(".target").read_bytes().splitlines(keepends=True)
            path.with_suffix(".target").write_bytes(b"".join([*other[:place], b"fine\n", *other[place:]]))

        def look(strict: Any, lax: Any, path: Path = path, last: int = place + 1 + line.count(b"\n")) -> None:
            sentence(strict, path, ", line ")
            assert place < int(strict.error.partition(", line ")[2].split(":")[0]) <= last, strict.error
            assert not lax.error and lax.bad_rows >= 1, lax.error
            assert lax.same(wanted), "other rows were not read as without it"

        tried(name, path, look)


@pytest.mark.endings(".json")
def test_a_piece_that_is_none_is_refused_or_left_out(
    reader: Any, tried: Any, some: Any, sentence: Any, tmp_path: Path
) -> None:
    wanted = reader.read(reader.write(tmp_path, reader.good))
    for name, piece in some(list(PIECES.items())):
        path = reader.write(tmp_path, reader.good.replace(b"[[[", b"[" + piece.encode() + b", [[", 1))

        def look(strict: Any, lax: Any, path: Path = path) -> None:
            sentence(strict, path, "train, row 1" if reader.data == "piano_roll" else "train sequence 1")
            assert not lax.error and lax.bad_rows == 1, lax.error
            assert lax.same(wanted), "other pieces were not read as without it"

        tried(name, path, look)

from pathlib import Path
from typing import Any

import pytest

from seqnet.data.files import BadRows
from seqnet.data.formats import text
from seqnet.data.formats.csv import Csv, sniff
from seqnet.data.formats.text import beginning
from seqnet.data.formats.tsv import Tsv
from seqnet.errors import ConfigurationError, DataError


def write(folder: Path, content: str | bytes, name: str = "mine.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path: Path, columns: Any, format: Any = None, bad: BadRows | None = None) -> list[tuple[Any, ...]]:
    """The line and the cells of each row."""
    return [
        (number, *row)
        for rows in (format or Csv()).rows(path, columns, bad or BadRows("raise"))
        for number, row in zip(rows.numbers, zip(*rows.columns, strict=True), strict=True)
    ]


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        (["text,label", "a; b,1", "c,0"], ","),
        (["text;label", "a, b;1", "c;0"], ";"),
        (["text\tlabel", "a, b\t1"], "\t"),
        (["x|y", "1|2"], "|"),
        (['"a;b",c', '"d;e",f'], ","),
        (["x;y", "1,5;2,5", "2,0;1,5"], ";"),
        (["text"], ","),
        ([], ","),
        (["a;b;c", "one", "x;y;z"], ";"),
    ],
)
def test_the_delimiter_is_seen_in_the_first_lines(lines: list[str], wanted: str) -> None:
    assert sniff(lines) == wanted


def test_files_as_people_have_them(tmp_path: Path) -> None:
    content = b'\xef\xbb\xbfName;Preis (\xe2\x82\xac)\r\n"M\xc3\xbcller; S\xc3\xb6hne";3,5\r\n\r\nb;2\r\n'
    path = write(tmp_path, content)
    assert Csv().header(path) == ("Name", "Preis (€)")
    assert read(path, ["Preis (€)", "Name"]) == [(2, "3,5", "Müller; Söhne"), (4, "2", "b")]


@pytest.mark.parametrize("said", ["sep=|", '"sep=|"'])
def test_a_first_line_that_says_the_delimiter_is_no_row(tmp_path: Path, said: str) -> None:
    path = write(tmp_path, f"{said}\r\ntext|label\r\na;b|1\r\n;|2\r\n".encode())
    assert Csv().header(path) == ("text", "label") and Csv().delimiter_of(beginning(path)) == "|"
    assert read(path, ["label", "text"]) == [(3, "1", "a;b"), (4, "2", ";")]
    path = write(tmp_path, b"sep=\n1\n")  # a column of that name
    assert read(path, ["sep="]) == [(2, "1")]


def test_another_encoding_is_named_in_the_error(tmp_path: Path) -> None:
    path = write(tmp_path, "text,label\ncafé,1\n".encode("cp1252"))
    with pytest.raises(DataError, match=r"line 2: byte 4 of the line is not UTF-8 .*data\.format\.encoding=cp1252"):
        read(path, ["text"])
    assert read(path, ["text"], Csv(encoding="cp1252")) == [(2, "café")]
    with pytest.raises(ConfigurationError, match=r"data\.format\.encoding=cp9 is no encoding"):
        Csv(encoding="cp9")
    with pytest.raises(ConfigurationError, match=r"data\.format\.encoding=rot13 is no encoding"):
        Csv(encoding="rot13")
    wide = write(tmp_path, "text,label\ncafé,1\n".encode("utf-16"))
    with pytest.raises(DataError, match="data.format.encoding=utf-16"):
        read(wide, ["text"])
    assert read(wide, ["text"], Csv(encoding="utf-16")) == [(2, "café")]
    for unmarked in ("utf-16-le", "utf-16-be"):
        with pytest.raises(DataError, match=f"line 1: .*data.format.encoding={unmarked}"):
            read(write(tmp_path, "text,label\ncafé,1\n".encode(unmarked)), ["text"])
        with pytest.raises(DataError, match=f"no row that can be read .*data.format.encoding={unmarked}"):
            list(Csv().rows(write(tmp_path, "text,label\ncafé,1\n".encode(unmarked)), ["text"], BadRows("skip")))
    spoilt = write(tmp_path, "text,label\ncafé,1\n".encode("utf-16") + b"\x00\xd8\n")
    with pytest.raises(DataError, match="is not utf-16, as data.format.encoding says"):
        read(spoilt, ["text"], Csv(encoding="utf-16"))


@pytest.mark.parametrize("size", [1, 4, 1 << 15])
def test_quotes_over_lines_and_broken_ones(tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "SIZE", size)
    path = write(tmp_path, 'a,b\n"two\nlines, ""quoted""",x\n\nc,"never closed\nd,e\n')
    with pytest.raises(DataError, match=r"line 5: not a row of CSV"):
        read(path, [0, 1])
    bad = BadRows("skip")
    assert read(path, [0, 1], bad=bad) == [(1, "a", "b"), (2, 'two\nlines, "quoted"', "x"), (6, "d", "e")]
    assert bad.count == 1
    spoilt = write(tmp_path, b'a,b\n"x\n\xff",b\nc,d\n')  # a cell that lacks a line is no cell of the file
    bad = BadRows("skip")
    assert read(spoilt, [0, 1], bad=bad) == [(1, "a", "b"), (4, "c", "d")]
    assert bad.count == 2
    with pytest.raises(DataError, match=r"line 2: not a row of CSV \(in line 3, byte 1 of the line is not UTF-8"):
        read(spoilt, [0, 1])


def test_a_cell_or_a_line_that_is_too_long_is_a_bad_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "LONGEST", 300_000)
    path = write(tmp_path, "a,b\n" + "x" * 200_000 + ",c\nd,e\n" + "y" * 700_000 + ",c\nf,g\n" + "z" * 400_000)
    bad = BadRows("skip")
    assert read(path, [0, 1], bad=bad) == [(1, "a", "b"), (3, "d", "e"), (5, "f", "g")]
    assert bad.count == 3


def test_header_and_positions(tmp_path: Path) -> None:
    path = write(tmp_path, "text,label\na fine day,1\nb rainy day,0\n")
    assert read(path, ["text", 1]) == [(2, "a fine day", "1"), (3, "b rainy day", "0")]
    assert read(path, [0, 1])[0] == (1, "text", "label")
    assert read(path, [0, 1], Csv(header=True))[0] == (2, "a fine day", "1")
    for format in (Csv(), Tsv(delimiter=",")):
        (remark,) = format.remarks(path, [0, 1])
        assert "the first line looks like a header (text, label) and is read as a row" in remark
        assert not format.remarks(path, ["text", 1])
    assert not Csv(header="false").remarks(path, [0, 1])
    with pytest.raises(DataError, match="columns have no names here"):
        read(path, ["text"], Csv(header="false"))
    with pytest.raises(ConfigurationError, match=r"data\.format\.header must be auto, true or false, not 'yes'"):
        Csv(header="yes")  # type: ignore[arg-type]


def test_a_label_of_the_first_row_is_no_header(tmp_path: Path) -> None:
    path = write(tmp_path, "a dull film,0\na fine one,1\n")
    assert read(path, [0, "0", "1"]) == [(1, "a dull film", "a dull film", "0"), (2, "a fine one", "a fine one", "1")]


@pytest.mark.parametrize(
    ("content", "header"),
    [
        ("text,label\nx,y\n", True),
        ("Store,Sales\n1,2.5\n2,\n", True),
        ("comment,kind\na very long story it is,x\nand another story here,y\n", True),
        ("good film,pos\nbad film,neg\n", False),
        ("1,2\n3,4\n", False),
        ("a,a\nb,c\n", False),
        ("a,\nb,c\n", False),
        ("7,label\n3,x\n", False),
        ("good,pos\n", False),
    ],
)
def test_whether_the_first_row_looks_like_a_header(tmp_path: Path, content: str, header: bool) -> None:
    path = write(tmp_path, content)
    assert (Csv().header(path) is not None) == header


def test_a_header_alone_has_no_rows(tmp_path: Path) -> None:
    assert read(write(tmp_path, "text,label\n"), ["text"]) == []
    with pytest.raises(DataError, match="no row that can be read"):
        read(write(tmp_path, "\n\n"), ["text"])


def test_wide_rows(tmp_path: Path) -> None:
    names = ",".join(f"t{place}" for place in range(140))
    path = write(tmp_path, f"id,{names}\na,{','.join(map(str, range(140)))}\n")
    ((number, steps, name),) = read(path, ["t0..t139", "id"])
    assert (number, name, len(steps), steps[:2], steps[-1]) == (2, "a", 140, ["0", "1"], "139")


def test_tsv_has_no_quotes(tmp_path: Path) -> None:
    path = write(tmp_path, 'a "quote\tb\n\n\tc\r\n', "mine.tsv")
    assert read(path, [0, 1], Tsv()) == [(1, 'a "quote', "b"), (3, "", "c")]
    assert read(write(tmp_path, "a::b\nc::d\n"), [1], Tsv(delimiter="::")) == [(1, "b"), (2, "d")]
    for wrong in ("", "\n"):
        with pytest.raises(ConfigurationError, match="delimiter"):
            Tsv(delimiter=wrong)
    for wrong in ("", ";;", '"', "\n"):
        with pytest.raises(ConfigurationError, match="must be one character"):
            Csv(delimiter=wrong)

"""Files that are not what they should be, for every reader: refused in one sentence, or read as they are."""

import csv
import gzip
import io
import json
import os
import re
import socket
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

LONG = 30 << 20
DEEP = 100_000
LINES = (".csv", ".tsv", ".jsonl", ".conll", ".source")  # a row a line, or a few lines
PICTURE = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0:~\x9bU\0\0\0\nIDATx\x9cc`\0\0\0\x02"


def packed(content: bytes) -> bytes:
    with zipfile.ZipFile(found := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rows", content)
    return found.getvalue()


def headed(content: bytes) -> bytes:
    """As if the first line named the columns, and there were no more."""
    return content.partition(b"\n")[0] + b"\n"


# What no reader can use, of the good file's bytes: (what it is, {ending: bytes}, the endings it is of).
ANY = (".csv", ".tsv", ".jsonl", ".parquet", ".conll", ".source", ".txt", ".json")
TEXTS = tuple(suffix for suffix in ANY if suffix != ".parquet")
FILES: dict[str, tuple[Callable[[bytes], bytes], tuple[str, ...]]] = {
    "nothing": (lambda good: b"", ANY),
    "blank lines": (lambda good: b"\n" * 1000, ANY),
    "white space": (lambda good: b" \t \r\n" * 1000, ANY),
    "a byte order mark": (lambda good: b"\xef\xbb\xbf", ANY),
    "UTF-16": (lambda good: good.decode().encode("utf-16"), TEXTS),
    "UTF-16 without a mark": (lambda good: good.decode().encode("utf-16-be"), TEXTS),
    "UTF-32": (lambda good: good.decode().encode("utf-32"), TEXTS),
    "a picture": (lambda good: PICTURE, ANY),
    "gzip": (lambda good: gzip.compress(good), ANY),
    "zip": (packed, ANY),
    "a zip bomb": (lambda good: packed(bytes(LONG)), ANY),
    "30 MB of NUL": (lambda good: bytes(LONG), ANY),
    "one letter for 30 MB": (lambda good: b"x" * LONG, (*LINES, ".parquet", ".json")),
    "a bracket for 30 MB": (lambda good: b"[" * LONG, (*LINES, ".parquet", ".json")),
    "brackets in brackets": (lambda good: b"[" * DEEP + b"]" * DEEP, (".jsonl", ".json")),
    "every byte": (lambda good: bytes(range(256)) * 40, ANY),
    "the first line alone": (headed, (".csv", ".tsv")),
    "a header of other columns": (lambda good: b"1" + good, (".csv", ".tsv")),
    "a column that is there twice": (
        lambda good: re.sub(rb"(?m)^([^,\t]*)([,\t])", rb"\1\2\1\2", good),
        (".csv", ".tsv"),
    ),
    "an open quote before all": (lambda good: b'"' + good, (".csv",)),
    "CR alone ends lines": (lambda good: good.replace(b"\n", b"\r"), LINES),
    "CR CR LF ends lines": (lambda good: good.replace(b"\n", b"\r\r\n"), LINES),
    "all lines in one": (lambda good: good.replace(b"\n", b" "), (".csv", ".tsv", ".jsonl", ".source")),
    "lines cut in two": (lambda good: re.sub(rb"[ \t]", b"\n", good), (".tsv", ".jsonl", ".conll", ".source")),
    "cut off": (lambda good: good[: len(good) * 3 // 5], (".parquet", ".json")),
    "cut off by a byte": (lambda good: good.rstrip()[:-1], (".parquet", ".json")),
    "its first half alone": (lambda good: good[: good.index(b"\n", len(good) // 2)], (".source",)),
    "its head cut off": (lambda good: good[7:], (".parquet", ".json")),
    "its middle blank": (lambda good: good[: len(good) // 3] + bytes(len(good) // 2) + good[-60:], (".parquet",)),
    "its index blank": (lambda good: good[:-200] + bytes(192) + good[-8:], (".parquet",)),
    "an index of 2 GB": (lambda good: good[:-8] + struct.pack("<I", 1 << 31) + b"PAR1", (".parquet",)),
    "twice over": (lambda good: good + good, (".json",)),
}


def noted(change: Callable[[dict[str, Any]], Any]) -> bytes:
    """The pieces' JSON with something in it changed."""
    content = {split: [[[60], [62]], [[64], [65]]] for split in ("train", "valid", "test")}
    return json.dumps(change(content)).encode()


JSON_FILES = {
    "a list": noted(lambda content: list(content.values())),
    "a split missing": noted(lambda content: {"train": content["train"]}),
    "a split that is null": noted(lambda content: content | {"valid": None}),
    "a split that is an object": noted(lambda content: content | {"test": {"1": [[60], [62]]}}),
    "a split that is empty": noted(lambda content: content | {"valid": []}),
    "a split that is there twice": noted(lambda content: content).replace(b"valid", b"train"),
    "a number of 5,000 digits": noted(lambda content: content).replace(b"60", b"6" * 5000),
    "half a surrogate pair": noted(lambda content: {**content, "\ud800": 1}),
    "behind it more": noted(lambda content: content) + b"[]",
}


def test_a_file_that_is_none_is_refused(reader: Any, tried: Any, some: Any, sentence: Any, tmp_path: Path) -> None:
    files = [(name, make) for name, (make, endings) in FILES.items() if reader.suffix in endings]
    if reader.suffix == ".json":
        files += [(name, lambda good, content=content: content) for name, content in JSON_FILES.items()]

    def look(strict: Any, lax: Any) -> None:
        sentence(strict, tmp_path)
        assert lax.error or lax.bad_rows, "with on_bad_row=skip it was read, and nothing counted"

    for name, make in some(files):
        tried(name, reader.write(tmp_path, make(reader.good)), look)


# ------------------------------------------------------------------------------------------- what only looks bad

# The same rows, written otherwise: (what it is, of the good file's bytes, the endings it is of).
SAME: dict[str, tuple[Callable[[bytes], bytes], tuple[str, ...]]] = {
    "as it is": (lambda good: good, ANY),
    "a byte order mark before all": (lambda good: b"\xef\xbb\xbf" + good, TEXTS),
    "CR LF ends lines": (lambda good: good.replace(b"\n", b"\r\n"), TEXTS),
    "CR alone ends lines of a text": (lambda good: good.replace(b"\n", b"\r"), (".txt",)),
    "no end of the last line": (lambda good: good.rstrip(b"\n"), (*LINES, ".json")),
    "blank lines behind all": (lambda good: good + b"\n\n\n", (*LINES[:4], ".json")),
    "blank lines between rows": (lambda good: good.replace(b"\n", b"\n\n"), LINES[:3]),
    "every cell quoted": (lambda good: quoted(good), (".csv",)),
    "white space in JSON": (lambda good: re.sub(rb"([,:{[])", rb" \1\t ", good), (".jsonl", ".json")),
    "letters as escapes": (lambda good: good.replace(b"a ", rb"\u0061 "), (".jsonl",)),
    "a negative zero": (lambda good: good.replace(b" 0]", b" -0]"), (".jsonl",)),
}


def quoted(good: bytes) -> bytes:
    csv.writer(found := io.StringIO(), quoting=csv.QUOTE_ALL).writerows(csv.reader(good.decode().splitlines()))
    return found.getvalue().encode()


def test_a_file_that_only_looks_bad_is_read_as_it_is(reader: Any, tried: Any, some: Any, tmp_path: Path) -> None:
    wanted = reader.read(reader.write(tmp_path, reader.good))

    def look(*reads: Any) -> None:
        for read in reads:
            assert not read.error and not read.bad_rows, read.error or "rows were left out"
            assert read.same(wanted), "it was read otherwise"

    for name, make in some([(name, make) for name, (make, endings) in SAME.items() if reader.suffix in endings]):
        tried(name, reader.write(tmp_path, make(reader.good)), look)


# ------------------------------------------------------------------------------------------- what is no file


def places(reader: Any, folder: Path) -> Iterator[tuple[str, Path]]:
    """Paths in an empty folder at which there is nothing that can be read; the folder is the current one."""
    suffix = reader.suffix
    yield "nothing there", folder / f"none{suffix}"
    yield "a name of 300 letters", folder / f"{'n' * 300}{suffix}"
    for kind in ("folder", "loop", "folder of pipes"):
        (folder / kind).mkdir()
    yield "a folder without files", folder / "folder"
    (folder / f"folder{suffix}").mkdir()
    yield "a folder called as a file", folder / f"folder{suffix}"
    yield "a file taken for a folder", reader.write(folder, reader.good, "file") / "train"
    for name, to in (
        ("a link to nothing", "nowhere"),
        ("a link to itself", f"a link to itself{suffix}"),
        ("a link to a folder", "folder"),
        ("a link to memory", "/proc/self/mem"),
        ("zeros without end", "/dev/zero"),
        ("noise without end", "/dev/urandom"),
        ("a full device", "/dev/full"),
        ("no device", "/dev/null"),
    ):
        (folder / f"{name}{suffix}").symlink_to(to)
        yield name, folder / f"{name}{suffix}"
    os.mkfifo(folder / f"pipe{suffix}")
    yield "a pipe", folder / f"pipe{suffix}"
    os.mkfifo(folder / "folder of pipes" / f"train{suffix}")
    yield "a folder of pipes", folder / "folder of pipes"
    socket.socket(socket.AF_UNIX).bind(f"socket{suffix}")
    yield "a socket", folder / f"socket{suffix}"
    (folder / "loop" / f"train{suffix}").symlink_to("../loop")
    yield "a folder with a link to itself", folder / "loop"
    if reader.suffix == ".source":
        for name in ("folder", "pipe", "a link to nothing", "zeros without end"):
            beside = reader.write(folder, reader.good, f"beside {name}").with_suffix(".target")
            beside.unlink()
            beside.symlink_to(f"{name}{suffix}")
            yield f"beside it {name}", beside.with_suffix(suffix)


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # of the socket, which nobody closes
def test_what_is_no_file_is_refused(
    reader: Any, tried: Any, some: Any, sentence: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, path in some(list(places(reader, tmp_path))):

        def look(strict: Any, lax: Any, path: Path = path) -> None:
            sentence(strict, path.parent)
            sentence(lax, path.parent)

        tried(name, path, look)


def test_what_may_not_be_read_is_refused(reader: Any, apart: Any, sentence: Any, tmp_path: Path) -> None:
    closed = reader.write(tmp_path, reader.good)
    reader.read(closed)  # all that is imported for it
    closed.chmod(0)
    (tmp_path / "closed").mkdir(mode=0)
    for folder in (tmp_path, *tmp_path.parents[:2]):  # which pytest makes for its user alone
        folder.chmod(0o755)

    def reads() -> list[Any]:
        if os.geteuid() == 0:  # who may read everything
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
        return [reader.read(path) for path in (closed, tmp_path / "closed", tmp_path / "closed" / closed.name)]

    try:
        found = apart(reads).result
    finally:
        (tmp_path / "closed").chmod(0o700)
    for read in found:
        sentence(read, tmp_path)
        assert "Permission denied" in read.error


@pytest.mark.endings(*LINES, ".txt", ".parquet")  # the others hold all splits in one file
def test_a_split_that_is_none_is_refused(reader: Any, tried: Any, some: Any, sentence: Any, tmp_path: Path) -> None:
    def look(strict: Any, lax: Any) -> None:
        sentence(strict, tmp_path)
        sentence(lax, tmp_path)

    kinds = ("nothing", "blank lines", "a picture", "30 MB of NUL")
    for name, split in some([(name, split) for name in kinds for split in ("train", "dev", "test")]):
        for other in ("train", "dev", "test"):
            reader.write(tmp_path, reader.good, other)
        reader.write(tmp_path, FILES[name][0](reader.good), split)
        tried(f"{name} as the {split} split", tmp_path, look)
    for other in ("train", "dev", "test", "valid"):
        reader.write(tmp_path, reader.good, other)
    tried("two files of one split", tmp_path, look)

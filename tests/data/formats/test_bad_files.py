"""Files that are not what they should be, for every format: refused in one sentence, or read; never anything else."""

import gzip
import os
import random
import shutil
import socket
import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from seqnet.data.files import BadRows
from seqnet.data.formats import format as sizes
from seqnet.data.formats import text
from seqnet.errors import UserError

LONG = 2 << 20
DEEP = 100_000


def packed(content: bytes) -> bytes:
    with zipfile.ZipFile(found := BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rows", content)
    return found.getvalue()


CONTENTS: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda good: b"",
    "blank lines": lambda good: b"\n" * 1000,
    "white space": lambda good: b" \t \r\n" * 1000,
    "a byte order mark": lambda good: b"\xef\xbb\xbf",
    "UTF-16": lambda good: good.decode("latin-1").encode("utf-16"),
    "gzip": gzip.compress,
    "zip": packed,
    "NUL without end": lambda good: bytes(LONG),
    "a letter without end": lambda good: b"x" * LONG,
    "a quote without end": lambda good: b'"' * LONG,
    "a bracket without end": lambda good: b"[" * LONG,
    "brackets in brackets": lambda good: b"[" * DEEP + b"]" * DEEP,
    "every byte": lambda good: bytes(range(256)) * 40,
    "a quote before all": lambda good: b'"' + good,
    "CR alone ends lines": lambda good: good.replace(b"\n", b"\r"),
    "CR CR LF ends lines": lambda good: good.replace(b"\n", b"\r\r\n"),
    "its first half": lambda good: good[: len(good) // 2],
    "all but a byte": lambda good: good[:-1],
    "its head cut off": lambda good: good[7:],
    "its middle blank": lambda good: good[: len(good) // 3] + bytes(len(good) // 2) + good[-60:],
    "twice over": lambda good: good + good,
    "lines turned round": lambda good: b"\n".join(good.split(b"\n")[::-1]),
}


def attempt(kind: Any, path: Any) -> tuple[str, int]:
    """What is said of it, strictly; and how many rows there are without the bad ones."""
    said, rows = "", 0
    for policy in ("raise", "skip"):
        try:
            numbers, found = kind.read(kind.find(path), bad=BadRows(policy))
            assert len(numbers) == len(found)
            rows = len(found)
        except UserError as error:
            sentence = str(error)
            assert sentence.isprintable() and len(sentence) < 800, sentence
            assert str(path if isinstance(path, Path) else path[0]) in sentence, sentence
            said = said or sentence
    return said, rows


def copied(kind: Any, to: Path, change: Callable[[bytes], bytes]) -> Path:
    """The example with its first file changed."""
    shutil.copytree(kind.example / "good", to)
    path = next(path for path in sorted(to.rglob("*")) if path.is_file())
    path.write_bytes(change(path.read_bytes()))
    return to


def test_a_file_that_is_none_is_refused_or_read(kind: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if kind.yaml.stem == "hub":
        return
    monkeypatch.setattr(text, "LONGEST", 1 << 20)
    monkeypatch.setattr(sizes, "BYTES", 1 << 20)
    for place, (name, change) in enumerate(CONTENTS.items()):
        said, rows = attempt(kind, copied(kind, tmp_path / str(place), change))
        if name in ("NUL without end", "every byte") and kind.yaml.stem != "folder":  # whose files are not looked into
            assert said, f"{name} was read"


def test_a_file_of_damaged_bytes_is_refused_or_read(kind: Any, tmp_path: Path) -> None:
    if kind.yaml.stem == "hub":
        return
    drawn = random.Random(kind.yaml.stem)

    def damage(good: bytes) -> bytes:
        found = bytearray(good)
        for _ in range(drawn.choice((1, 1, 2, 5, 20))):
            at = drawn.randrange(len(found) + 1)
            some = drawn.choice((b"\0", b"\xff", b"\n", b"\r", b"\t", b'"', b",", b"{", b"9", b"-", drawn.randbytes(4)))
            found[at : at + drawn.choice((0, 1, 8))] = drawn.choice((some, b""))
        return bytes(found)

    for place in range(40):
        attempt(kind, copied(kind, tmp_path / str(place), damage))


def places(suffix: str, folder: Path) -> Iterator[Path]:
    """What is no file."""
    (folder / f"folder{suffix}").mkdir()
    yield folder / f"folder{suffix}"
    for name, to in (("nowhere", "none"), ("loop", f"loop{suffix}"), ("zeros", "/dev/zero"), ("full", "/dev/full")):
        (folder / f"{name}{suffix}").symlink_to(to)
        yield folder / f"{name}{suffix}"
    os.mkfifo(folder / f"pipe{suffix}")
    yield folder / f"pipe{suffix}"
    socket.socket(socket.AF_UNIX).bind(f"socket{suffix}")
    yield folder / f"socket{suffix}"
    yield folder / f"{'n' * 300}{suffix}"
    yield folder / f"none{suffix}" / "train"
    (folder / "links").mkdir()
    (folder / "links" / f"train{suffix}").symlink_to("../links")
    yield folder / "links"


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # of the socket, which nobody closes
def test_what_is_no_file_is_refused(kind: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if kind.yaml.stem == "hub":
        return
    monkeypatch.chdir(tmp_path)
    suffix = (kind.make().endings or (".csv",))[0]
    for path in places(suffix, tmp_path):
        said, _ = attempt(kind, path)
        assert said, f"{path.name} was read"
    for path in (tmp_path / f"zeros{suffix}", tmp_path / f"pipe{suffix}"):
        said, _ = attempt(kind, [path, path])
        assert said

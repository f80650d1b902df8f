"""Compressed files and archives: what is too large to be true, cut off, or would escape."""

import gzip
import io
import lzma
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from seqnet.data.files import BadRows
from seqnet.data.formats import compressed
from seqnet.data.formats.archive import Archive
from seqnet.data.formats.auto import Auto
from seqnet.data.formats.csv import Csv
from seqnet.data.formats.documents import Documents
from seqnet.data.formats.find import find
from seqnet.data.formats.npy import Npy
from seqnet.data.formats.opening import stream, tree
from seqnet.errors import ConfigurationError, DataError

zstandard = pytest.importorskip("zstandard")
SMALL = 1 << 22
ROWS = b"text,label\n" + b"a fine film,pos\n" * 2000
PACKERS: dict[str, Any] = {".gz": gzip.compress, ".xz": lzma.compress, ".zst": zstandard.compress}


def refused(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        for parts in find(path, "", None, None, Auto(), ["text"]).splits.values():
            for part in parts:
                for _ in part.format.rows(part.file, ["text"], BadRows("skip")):
                    pass
    assert str(path) in str(caught.value) and str(caught.value).isprintable(), caught.value
    return str(caught.value)


@pytest.mark.parametrize("suffix", PACKERS)
def test_a_packed_file_that_is_damaged(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"train.csv{suffix}"
    whole = PACKERS[suffix](ROWS)
    for damaged in (whole[: len(whole) // 2], whole[:-1], ROWS, b"\0" * 100, whole[:20] + bytes(20) + whole[40:]):
        path.write_bytes(damaged)
        assert "cannot be unpacked" in refused(path)
    path.write_bytes(b"")
    assert "no row that can be read" in refused(path) or "cannot be unpacked" in refused(path)


@pytest.mark.parametrize("suffix", PACKERS)
def test_several_packed_parts_end_to_end_are_one_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"train.csv{suffix}"
    path.write_bytes(PACKERS[suffix](ROWS[:1000]) + PACKERS[suffix](ROWS[1000:]))
    with stream(path) as file:
        assert file.read() == ROWS


@pytest.mark.parametrize("suffix", PACKERS)
def test_a_bomb_does_not_fill_memory(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compressed, "SMALL", SMALL)
    path = tmp_path / f"train.txt{suffix}"
    path.write_bytes(PACKERS[suffix](b"x " * SMALL))
    read = 0
    with pytest.raises(DataError, match="unpack to more than 4 MiB, which is not the text of anyone"):
        for rows in Documents().rows(path, ["text"], BadRows("raise")):
            read += len(rows.columns[0][0])
    assert read <= SMALL


def test_an_archive_that_is_a_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compressed, "SMALL", SMALL)
    path = tmp_path / "mine.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("train.txt", b"x" * (SMALL + 1))
    assert "which are not anyone's files" in refused(path)
    lies = path.read_bytes().replace((SMALL + 1).to_bytes(4, "little"), (100).to_bytes(4, "little"))
    path.write_bytes(lies)  # says that it is small
    assert "cannot be unpacked" in refused(path) or "unpack to more" in refused(path)


def tar(path: Path, *entries: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w") as made:
        for entry in entries:
            made.addfile(entry, io.BytesIO(b"x" * entry.size))
    return path


def entry(name: str, **values: Any) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    for key, value in values.items():
        setattr(found, key, value)
    return found


@pytest.mark.parametrize("name", ["../train.csv", "/train.csv", "a/../../train.csv", "..\\train.csv", "C:/train.csv"])
def test_a_member_that_escapes_is_refused(tmp_path: Path, name: str) -> None:
    assert "which would lie outside of its folder" in refused(tar(tmp_path / "mine.tar", entry(name, size=3)))
    with zipfile.ZipFile(tmp_path / "mine.zip", "w") as made:
        made.writestr(name, "x")
    assert "which would lie outside of its folder" in refused(tmp_path / "mine.zip")


def test_a_member_that_is_a_folder_too_is_refused(tmp_path: Path) -> None:
    path = tar(tmp_path / "mine.tar", entry("train", size=3), entry("train/a.npy", size=3))
    with pytest.raises(DataError, match="cannot be unpacked"):
        Archive(path).unpacked()


def test_links_and_devices_in_an_archive_are_no_files(tmp_path: Path) -> None:
    path = tar(
        tmp_path / "mine.tar",
        entry("train.csv", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        entry("test.csv", type=tarfile.LNKTYPE, linkname="/etc/passwd"),
        entry("dev.csv", type=tarfile.FIFOTYPE),
    )
    assert "holds no file of a known format, and nothing else" in refused(path)
    with zipfile.ZipFile(tmp_path / "mine.zip", "w") as made:
        link = zipfile.ZipInfo("train.csv")
        link.external_attr = 0o120777 << 16
        made.writestr(link, "/etc/passwd")
    assert "holds no file of a known format, and nothing else" in refused(tmp_path / "mine.zip")


@pytest.mark.parametrize("name", ["mine.zip", "mine.tar", "mine.tar.gz", "mine.tgz", "mine.tar.xz", "mine.tar.zst"])
def test_an_archive_that_is_none(tmp_path: Path, name: str) -> None:
    for content in (b"", b"PK\3\4 nothing", bytes(3000), b"x" * 3000):
        (tmp_path / name).write_bytes(content)
        refused(tmp_path / name)


def test_every_kind_of_tar_is_read(tmp_path: Path) -> None:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as made:
        found = tarfile.TarInfo("train.csv")
        found.size = len(ROWS)
        made.addfile(found, io.BytesIO(ROWS))
    for suffix, pack in {**PACKERS, "": bytes}.items():
        path = tmp_path / f"mine.tar{suffix}"
        path.write_bytes(pack(plain.getvalue()))
        (part,) = find(path, "", None, None, Auto(), ["text"]).splits["train"]
        assert str(part.file) == f"{path}/train.csv"
        assert sum(map(len, part.format.rows(part.file, ["text"], BadRows("raise")))) == 2000


def test_a_table_in_an_archive_names_files_that_are_unpacked_for_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("data/train.csv", "file,label\nsounds/a.wav,1\n")
        made.writestr("data/sounds/a.wav", "a sound")
    (part,) = find(path, "", None, None, Csv(), ["file"]).splits["train"]
    base = part.format.base(part.file)
    assert (base / "sounds" / "a.wav").read_text() == "a sound"
    assert part.format.base(part.file) == base


def test_what_is_unpacked_ends_with_the_process(tmp_path: Path) -> None:
    path = tmp_path / "mine.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("a.csv", "x")
    code = (
        "import sys; from pathlib import Path; from seqnet.data.formats.archive import Archive; "
        "found = Archive(Path(sys.argv[1])).unpacked(); assert (found / 'a.csv').is_file(); print(found)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "OMP_NUM_THREADS": "1"}
    said = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(path)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert not said.stderr and said.stdout.strip() and not Path(said.stdout.strip()).exists()


def test_hidden_files_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "mine.zip"
    with zipfile.ZipFile(path, "w") as made:
        for name in ("train.csv", "__MACOSX/._train.csv", ".DS_Store", "a/.git/config"):
            made.writestr(name, "x")
    assert [member.name for member in tree(path)] == ["train.csv"]
    assert len(Archive(path).members()) == 4


def test_a_packed_array_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "train.npy.gz").write_bytes(b"x")
    with pytest.raises(DataError, match="holds no .npy file but train.npy.gz"):
        find(tmp_path, "", None, None, Npy())


@pytest.mark.parametrize(
    ("package", "name", "extra"),
    [("zstandard", "train.csv.zst", "zst"), ("openpyxl", "train.xlsx", "xlsx"), ("mido", "train.mid", "music")],
)
def test_a_package_that_is_missing_is_named(
    tmp_path: Path, package: str, name: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setitem(sys.modules, "compression", None)  # Python's own, from 3.14 on
    (tmp_path / name).write_bytes(zstandard.compress(ROWS))
    with pytest.raises(ConfigurationError, match=rf"package {package}: pip install 'seqnet\[{extra}\]'"):
        (part,) = find(tmp_path, "", None, None, Auto()).splits["train"]
        list(part.format.rows(part.file, [0], BadRows("skip")))

"""What every format must do, a stranger's too."""

import gzip
import inspect
import io
import lzma
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seqnet import build
from seqnet.data.files import BadRows
from seqnet.data.formats import format as sizes
from seqnet.data.formats import text
from seqnet.data.formats.format import Format
from seqnet.errors import ConfigurationError, DataError


def test_the_rows_are_those_of_the_example(kind: Any) -> None:
    numbers, rows = kind.read()
    assert rows == kind.said["rows"]
    assert numbers == kind.said["numbers"]


def test_every_option_stands_in_the_yaml_with_its_default(kind: Any) -> None:
    taken = inspect.signature(build.locate(kind.defaults["_target_"], None)).parameters
    options = {name: value for name, value in kind.defaults.items() if name != "_target_"}
    assert options == {name: parameter.default for name, parameter in taken.items()}


@pytest.mark.parametrize("size", [1, 2])
def test_small_blocks_hold_the_same(kind: Any, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = kind.read()
    monkeypatch.setattr(sizes, "ROWS", size)
    monkeypatch.setattr(sizes, "BYTES", 7 * size)
    monkeypatch.setattr(text, "SIZE", 5 * size)
    assert kind.read() == whole
    for part in kind.find().splits["train"]:
        assert all(len(rows) <= size for rows in part.format.rows(part.file, kind.said["columns"], BadRows("raise")))


def test_columns_are_picked_in_any_order(kind: Any) -> None:
    columns, rows = kind.said["columns"], kind.said["rows"]
    assert kind.read(columns=columns[::-1])[1] == [row[::-1] for row in rows]
    assert kind.read(columns=[*columns, columns[0]])[1] == [[*row, row[0]] for row in rows]
    for place, column in enumerate(columns):
        assert kind.read(columns=[column])[1] == [[row[place]] for row in rows]


def test_a_list_of_columns_is_one_value(kind: Any) -> None:
    columns = kind.said["columns"]
    for row, (both, first) in zip(kind.said["rows"], kind.read(columns=[columns, columns[0]])[1], strict=True):
        assert list(map(list_of, both)) == list(map(list_of, row))
        assert first == row[0]


def list_of(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


def test_a_column_that_is_not_there_is_refused_before_rows_are_read(kind: Any) -> None:
    for part in kind.find().splits["train"]:
        columns = kind.said["columns"]
        part.format.check(part.file, columns)
        wrong = [f"{column}x" if isinstance(column, str) else 97 for column in columns]
        with pytest.raises(DataError) as caught:
            next(iter(part.format.rows(part.file, wrong, BadRows("skip"))))
        assert str(caught.value).isprintable()
        if isinstance(columns[0], str):
            assert f"did you mean '{columns[0]}'?" in str(caught.value)
        if type(part.format).check is not sizes.Format.check or part.format.header(part.file) is not None:
            with pytest.raises(DataError, match=f"no column '?{wrong[0]}'?"):
                part.format.check(part.file, wrong)


def test_the_header_names_what_can_be_asked_for(kind: Any) -> None:
    for part in kind.find().splits["train"]:
        header = part.format.header(part.file)
        named = [column for column in kind.said["columns"] if isinstance(column, str)]
        assert set(named) <= set(header or ())


def test_what_is_counted_is_read(kind: Any) -> None:
    for part in kind.find().splits["train"]:
        counted = part.format.count(part.file)
        if counted is not None:
            rows = part.format.rows(part.file, kind.said["columns"], BadRows("raise"))
            assert counted == sum(map(len, rows))


def test_bad_rows_are_refused_with_their_place_or_left_out(kind: Any) -> None:
    if "bad_rows" not in kind.said:
        return
    found = kind.find(name="bad")
    with pytest.raises(DataError) as caught:
        kind.read(found)
    assert kind.said["refused"] in str(caught.value)
    assert str(kind.example / "bad") in str(caught.value)
    bad = BadRows("skip")
    assert kind.read(found, bad=bad)[1] == kind.said["rows"]
    assert bad.count == kind.said["bad_rows"]


def test_bad_rows_in_small_blocks(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizes, "ROWS", 1)
    monkeypatch.setattr(text, "SIZE", 3)
    test_bad_rows_are_refused_with_their_place_or_left_out(kind)


# ------------------------------------------------------------------------------------------- compressed, archives


def zst(content: bytes) -> bytes:
    found: bytes = pytest.importorskip("zstandard").compress(content)
    return found


PACKERS: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".xz": lzma.compress, ".zst": zst}


@pytest.mark.parametrize("suffix", PACKERS)
def test_compressed_files_hold_the_same(kind: Any, suffix: str, tmp_path: Path) -> None:
    if kind.yaml.stem == "hub" or kind.make().local:
        return
    good = kind.example / "good"
    for path in filter(Path.is_file, good.rglob("*")):
        to = tmp_path / "packed" / path.relative_to(good)
        to.parent.mkdir(parents=True, exist_ok=True)
        to.with_name(to.name + suffix).write_bytes(PACKERS[suffix](path.read_bytes()))
    numbers, rows = kind.read(kind.find(tmp_path / "packed"))
    wanted = kind.said["rows"]
    if kind.yaml.stem == "midi":  # which tells its file's name
        wanted = [[notes, name + suffix] for notes, name in wanted]
    assert (numbers, rows) == (kind.said["numbers"], wanted)


def archive(folder: Path, to: Path, top: str = "") -> Path:
    """All files of a folder, in a zip or tar, below the folder `top`."""
    files = {f"{top}{path.relative_to(folder)}": path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    if to.suffix == ".zip":
        with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as made:
            for name, content in files.items():
                made.writestr(name, content)
        return to
    with tarfile.open(to, "w:gz" if to.name.endswith("gz") else "w") as packed:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            packed.addfile(entry, io.BytesIO(content))
    return to


@pytest.mark.parametrize("name", ["mine.zip", "mine.tar", "mine.tar.gz"])
def test_an_archive_holds_the_same_as_its_folder(kind: Any, name: str, tmp_path: Path) -> None:
    if kind.yaml.stem == "hub":
        return
    for top in ("", "data-1.0/"):
        found = kind.find(archive(kind.example / "good", tmp_path / name, top))
        assert kind.read(found) == (kind.said["numbers"], kind.said["rows"])
    if (kind.example / "bad").is_dir():
        found = kind.find(archive(kind.example / "bad", tmp_path / name))
        bad = BadRows("skip")
        assert (kind.read(found, bad=bad)[1], bad.count) == (kind.said["rows"], kind.said["bad_rows"])


def test_a_folder_is_found_by_its_splits(kind: Any, tmp_path: Path) -> None:
    if kind.yaml.stem == "hub":
        return
    good = kind.example / "good"
    for split in ("train", "dev", "testing"):
        shutil.copytree(good, tmp_path / "data" / split)
        for path in sorted((tmp_path / "data" / split).rglob("*train*"), reverse=True):
            path.rename(path.with_name(path.name.replace("_train", "").replace("train", "rows")))
    found = kind.find(tmp_path / "data")
    assert found.splits.keys() == {"train", "valid", "test"}
    for split in found.splits:
        assert kind.read(found, split=split) == (kind.said["numbers"], kind.said["rows"])


# -------------------------------------------------------------------------------------------------------- written


def is_written(made: Format) -> bool:
    return type(made).writer is not Format.writer


def test_what_is_written_is_read_again(kind: Any, tmp_path: Path) -> None:
    made, columns = kind.make(), kind.said["columns"]
    path = tmp_path / f"train{(made.endings or ('.csv',))[0]}"
    if not is_written(made):
        with pytest.raises(ConfigurationError, match="is a format that is read only"):
            made.writer(path, columns)
        return
    (part,) = kind.find().splits["train"]
    names, everything = part.format.everything(part.file, columns)
    wanted = [row[-1] for row in kind.read(columns=[*columns, everything])[1]]
    given = [dict(zip(names, row, strict=True)) for row in wanted]
    asked = [*columns, everything]
    if made.written == "answers":  # of which a row is the last column
        asked, wanted = ["text"], [row[-1] for row in wanted]
    if kind.yaml.stem == "tsv":
        wanted = [[cell.replace("\n", " ") for cell in row] for row in wanted]
    like = part.format.like(part.file, columns)
    with like.writer(path, names) as write:
        for row in given:
            write(row)
    assert [row[-1] for row in kind.read(kind.find(path), asked)[1]] == wanted
    for other in like, made:  # without a row too it is a file of that kind
        with other.writer(path, names):
            pass
        assert path.is_file()
        if made.named and other is not made:
            assert other.header(path) == (names if made.written == "cells" else None)


# ------------------------------------------------------------------------------------------------------ a stranger


def test_a_format_of_a_stranger_keeps_the_contract(
    stranger: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    test_the_rows_are_those_of_the_example(stranger)
    test_every_option_stands_in_the_yaml_with_its_default(stranger)
    test_columns_are_picked_in_any_order(stranger)
    test_a_list_of_columns_is_one_value(stranger)
    test_a_column_that_is_not_there_is_refused_before_rows_are_read(stranger)
    test_the_header_names_what_can_be_asked_for(stranger)
    test_what_is_counted_is_read(stranger)
    test_compressed_files_hold_the_same(stranger, ".gz", tmp_path)
    test_an_archive_holds_the_same_as_its_folder(stranger, "mine.zip", tmp_path)
    test_a_folder_is_found_by_its_splits(stranger, tmp_path)
    test_what_is_written_is_read_again(stranger, tmp_path)
    test_small_blocks_hold_the_same(stranger, 1, monkeypatch)
    test_bad_rows_in_small_blocks(stranger, monkeypatch)

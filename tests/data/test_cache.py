"""What is made of large files is kept, found by what they hold, and never used where it is damaged."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

from seqnet.data import cache
from seqnet.data.dataset import Dataset
from seqnet.data.digest import of_split
from seqnet.data.examples import Ragged
from seqnet.data.fields.image import ImageField
from seqnet.data.fields.label import LabelField
from seqnet.data.fields.text import TextField
from seqnet.data.formats.csv import Csv
from tests.data.counted import Counted

ROWS = [("a good film", "yes"), ("a bad one", "no"), ("good good", "yes"), ("so bad", "no"), ("not a good one", "no")]


@pytest.fixture(autouse=True)
def _small_is_large(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cache, "WORTH_WHILE", 0)
    monkeypatch.setattr("seqnet.data.kept.LARGE", 0)
    monkeypatch.setenv("SEQNET_CACHE", str(tmp_path / "kept"))


def table(path: Path, rows: list[tuple[str, str]]) -> Path:
    path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows))
    os.utime(path, (1, 1))
    return path


def read(path: Path, **options: Any) -> tuple[dict[str, str], int, Dataset]:
    """A digest of each split, and how many rows were read for them."""
    form = Counted()
    fields = {"text": TextField(), "label": LabelField()}
    options = {"cache": True, "described": {}} | options
    data = Dataset(0, path.parent, fields, ["text"], "label", form, path=path, valid_share=0.4, **options)
    data.fit()
    found = {name: of_split(split) for name in ("train", "valid") if (split := data.split(name)) is not None}
    return found, form.read, data


def test_a_second_run_reads_nothing_and_has_the_same_numbers(tmp_path: Path) -> None:
    path = table(tmp_path / "rows.csv", [*ROWS, ("", "yes")])
    plain, rows, _ = read(path, cache=False, on_bad_row="skip")
    assert rows > len(ROWS) and not (tmp_path / "kept").exists()
    first, _, one = read(path, on_bad_row="skip")
    again, rows, other = read(path, on_bad_row="skip")
    assert first == again == plain and rows == 0
    assert other.state() == one.state() and other.tallies == one.tallies and other.bad_rows == 1
    assert other.targets == one.targets and other.inputs == one.inputs


def test_it_is_not_kept_where_the_environment_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = table(tmp_path / "rows.csv", ROWS)
    monkeypatch.setenv("SEQNET_CACHE", "")
    before = set(tmp_path.rglob("*"))
    assert all(read(path)[1] for _ in range(2)) and set(tmp_path.rglob("*")) == before


def test_it_lies_in_the_users_cache_folder_where_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEQNET_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache.folder() == Path("/somewhere/seqnet")


def test_what_is_found_goes_by_what_files_hold_and_options_say(tmp_path: Path) -> None:
    path = table(tmp_path / "rows.csv", ROWS)
    first, _, _ = read(path)
    (tmp_path / "elsewhere").mkdir()
    moved = table(tmp_path / "elsewhere" / "other.csv", ROWS)
    assert read(moved)[:2] == (first, 0)
    os.utime(moved, (5, 5))
    assert read(moved)[:2] == (first, 0)
    reordered = table(tmp_path / "rows.csv", [ROWS[1], ROWS[0], *ROWS[2:]])
    os.utime(reordered, (7, 7))  # of the same size
    second, rows, _ = read(reordered)
    assert second != first and rows
    assert read(moved, described={"lower": True})[1]


@pytest.mark.parametrize("how", ["cut", "changed", "longer", "gone", "no manifest", "half a manifest", "empty"])
def test_a_damaged_entry_is_never_used_and_mended(tmp_path: Path, how: str) -> None:
    path = table(tmp_path / "rows.csv", ROWS)
    first, _, _ = read(path)
    for place in (tmp_path / "kept" / "data").iterdir():
        manifest = place / cache.MANIFEST
        file = next((one for one in sorted(place.iterdir()) if one != manifest), manifest)
        data = file.read_bytes()
        if how == "cut":
            file.write_bytes(data[:-1])
        elif how == "changed":
            file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        elif how == "longer":
            file.write_bytes(data + b" ")
        elif how == "gone":
            file.unlink()
        elif how == "no manifest":
            manifest.unlink()
        elif how == "half a manifest":
            manifest.write_bytes(manifest.read_bytes()[:40])
        else:
            manifest.write_bytes(b"")
    again, rows, _ = read(path)
    assert again == first and rows
    assert read(path)[:2] == (first, 0)


def test_two_that_keep_the_same_at_once_both_have_it(tmp_path: Path) -> None:
    columns = {"a": Ragged(torch.arange(50_000, dtype=torch.int32), torch.tensor([0, 20_000, 50_000]))}

    def keep(number: int) -> bool:
        made = cache.Cache(tmp_path, "key").save("train", {"rows": 2}, columns)
        return bool((made["a"].flat == columns["a"].flat).all()) and made["a"].flat.dtype == torch.int32

    with ThreadPoolExecutor(4) as several:
        assert all(several.map(keep, range(12)))
    found = cache.Cache(tmp_path, "key").load("train")
    assert found is not None and found[0] == {"rows": 2}
    assert len(list((tmp_path / "data").iterdir())) == 1  # nothing half-written is left


def test_a_disk_that_refuses_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file in the place of the folder")
    path = table(tmp_path / "rows.csv", ROWS)
    assert read(path)[0] == read(path, cache=False)[0]


def test_of_files_that_a_table_names_the_names_and_sizes_count(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")

    def pictures(size: tuple[int, int]) -> str:
        for number in range(4):
            image.new("L", size, number * 60).save(tmp_path / f"{number}.bmp")
        rows = "".join(f"{number}.bmp,{'ab'[number % 2]}\n" for number in range(4))
        (tmp_path / "rows.csv").write_text(f"picture,label\n{rows}")
        fields = {"picture": ImageField(), "label": LabelField()}
        data = Dataset(
            0, tmp_path, fields, ["picture"], "label", Csv(), path=tmp_path / "rows.csv", valid_share=0.0, described={}
        )
        data.fit()
        split = data.split("train")
        assert split is not None
        return of_split(split)

    first = pictures((8, 8))
    kept = len(list((tmp_path / "kept" / "data").iterdir()))
    assert pictures((8, 8)) == first and len(list((tmp_path / "kept" / "data").iterdir())) == kept
    assert pictures((8, 9)) != first


def test_what_no_run_has_found_for_long_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, column = cache.Cache(tmp_path, "key"), {"one": Ragged.of([torch.arange(3)])}
    for name in ("old", "found", "new"):
        kept.save(name, {"name": name}, column)
    for entry in (tmp_path / "data").iterdir():
        os.utime(entry, (0, 0))
    assert kept.load("found") is not None
    kept.save("newer", {}, column)
    assert [kept.load(name) is not None for name in ("old", "found", "new", "newer")] == [False, True, False, True]

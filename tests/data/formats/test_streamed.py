"""A data set of the Hub that is large and not on this machine is streamed: the same rows, and no copy is made."""

import random
from pathlib import Path
from typing import Any

import pytest

from seqnet.data import cache, files
from seqnet.data.dataset import Dataset
from seqnet.data.digest import of_split
from seqnet.data.fields.label import LabelField
from seqnet.data.fields.text import TextField
from seqnet.data.formats import format as sizes
from seqnet.data.formats.auto import Auto
from seqnet.data.formats.hub import Hub
from seqnet.data.formats.parquet import Parquet

datasets = pytest.importorskip("datasets")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as the Hub lays one out, in the place of `owner/films`."""
    from pyarrow import Table, parquet

    repository = tmp_path / "repository"
    (repository / "data").mkdir(parents=True)
    (repository / "README.md").write_text("# Films\n")
    for shard in range(3):
        rows = {"text": [f"film {shard} {row}" for row in range(4)], "label": [row % 2 for row in range(4)]}
        parquet.write_table(Table.from_pydict(rows), repository / "data" / f"train-{shard:05d}-of-00003.parquet")
    made = Table.from_pydict({"text": ["a film"], "label": [1]})
    parquet.write_table(made, repository / "data" / "validation-00000-of-00001.parquet")
    begin = datasets.load_dataset_builder
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEQNET_CACHE", str(tmp_path / "kept"))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "copies")
    monkeypatch.setattr("huggingface_hub.HfApi.dataset_info", lambda *given, **named: None)
    monkeypatch.setattr(datasets, "load_dataset_builder", lambda name, *given: begin(str(repository)))
    monkeypatch.setattr(sizes, "ROWS", 5)
    return repository


def read(path: str | Path, **options: Any) -> list[str]:
    fields = {"text": TextField(), "label": LabelField()}
    data = Dataset(0, ".", fields, ["text"], "label", Auto(), path=path, described={}, **options)
    data.fit()
    found = [data.split("train"), data.split("valid")]
    return [of_split(split) for split in found if split is not None]


def test_rows_are_the_same_as_those_of_a_copy(hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = read(hub)  # by the reader of parquet files
    assert len(expected) == 2 and not (tmp_path / "copies").exists()
    monkeypatch.setattr(files, "STREAMED", 0)
    assert read("owner/films") == expected and not list((tmp_path / "copies").rglob("*.arrow"))
    monkeypatch.setattr(files, "STREAMED", 1 << 30)
    assert read("owner/films") == expected and list((tmp_path / "copies").rglob("*.arrow"))
    monkeypatch.setattr(files, "STREAMED", 0)
    (split,) = files.load_hub("owner/films")["train"]
    assert split.streamed is None, "what is on this machine is read from there"


def test_what_is_made_of_streamed_rows_is_kept(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "STREAMED", 0)
    monkeypatch.setattr(cache, "WORTH_WHILE", 0)
    monkeypatch.setattr("seqnet.data.kept.LARGE", 0)
    expected = read("owner/films")
    monkeypatch.setattr(datasets.IterableDataset, "iter", None)
    assert read("owner/films") == expected


def test_a_share_of_streamed_rows_is_held_out(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (hub / "data" / "validation-00000-of-00001.parquet").unlink()
    expected = read(hub, valid_share=0.25)
    monkeypatch.setattr(files, "STREAMED", 0)
    assert read("owner/films", valid_share=0.25) == expected


def test_a_block_of_streamed_rows_is_bound_by_what_they_hold(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = [{"bytes": bytes([number]) * 100, "path": None} for number in range(9)]
    texts = [f"{number}" * (100 if number < 2 else 1) for number in range(9)]
    kinds = datasets.Features({"image": datasets.Image(decode=False), "text": datasets.Value("string")})
    rows = datasets.Dataset.from_dict({"image": pictures, "text": texts}, features=kinds).cast_column(
        "image", datasets.Image()
    )
    split = files.HubSplit("films", rows.to_iterable_dataset(), streamed=1 << 40)
    monkeypatch.setattr(sizes, "BYTES", 200)
    by_column = {}
    for column in ("image", "text"):
        blocks = list(Hub().rows(split, [column], files.BadRows("raise")))
        assert [number for block in blocks for number in block.numbers] == [*range(1, 10)]
        by_column[column] = [len(block) for block in blocks], [value for block in blocks for value in block.columns[0]]
    assert by_column == {"image": ([2, 2, 2, 2, 1], pictures), "text": ([2, 5, 2], texts)}


@pytest.mark.parametrize("name", ["pictures", "my.pictures"])
def test_a_block_of_parquet_is_bound_by_what_its_columns_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    from pyarrow import Table, parquet

    values = [random.Random(number).randbytes(1000) for number in range(8)]
    made = Table.from_pydict({name: values, "n": range(8)})
    parquet.write_table(made, tmp_path / "rows.parquet", use_dictionary=False, write_statistics=False)
    monkeypatch.setattr(sizes, "BYTES", 2500)
    blocks = list(Parquet().rows(tmp_path / "rows.parquet", [name], files.BadRows("raise")))
    assert {len(block) for block in blocks} == {2} and [one for block in blocks for one in block.columns[0]] == values

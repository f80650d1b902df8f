"""A data set of the Hub that is large and not on this machine is streamed: the same rows, and no copy is made."""

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
    begin, load = datasets.load_dataset_builder, datasets.load_dataset
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEQNET_CACHE", str(tmp_path / "kept"))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "copies")
    monkeypatch.setattr("huggingface_hub.HfApi.dataset_info", lambda *given, **named: None)
    monkeypatch.setattr(datasets, "load_dataset_builder", lambda name, *given: begin(str(repository)))
    monkeypatch.setattr(datasets, "load_dataset", lambda name, *given: load(str(repository)))
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

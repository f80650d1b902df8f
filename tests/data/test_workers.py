"""What several processes read and encode is what one does, to the bit, and so are its refusals."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from seqnet.data import cache, counts
from seqnet.data.dataset import Dataset
from seqnet.data.digest import of_split
from seqnet.data.fields.field import Field
from seqnet.data.fields.label import LabelField
from seqnet.data.fields.labels import LabelsField
from seqnet.data.fields.number import NumberField
from seqnet.data.fields.series import SeriesField
from seqnet.data.fields.text import TextField
from seqnet.data.fields.tokens import TokensField
from seqnet.data.formats import format as sizes
from seqnet.data.formats.auto import Auto
from seqnet.data.formats.csv import Csv
from seqnet.data.generation import SPLITS
from seqnet.data.learning import _joins
from seqnet.data.workers import in_order
from seqnet.errors import DataError
from tests.data.counted import Counted


@pytest.fixture(autouse=True)
def _many_small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizes, "ROWS", 7)
    monkeypatch.setattr(sizes, "BYTES", 64)
    monkeypatch.setattr(cache, "WORTH_WHILE", 0)
    monkeypatch.setattr("seqnet.data.kept.LARGE", 0)
    monkeypatch.setenv("SEQNET_CACHE", "")


def fields() -> dict[str, Field]:
    """Those that are counted apart, two of one vocabulary, and those that all are shown to one process."""
    return {
        "words": TokensField(),
        "days": SeriesField(),
        "text": TextField(vocabulary_size=40),
        "other": TextField(vocabulary_size=40, vocabulary="text"),
        "letters": TextField(level="characters"),
        "pairs": TextField(level="bpe", vocabulary_size=280),
        "kinds": LabelsField(separator="+"),
        "price": NumberField(),
        "label": LabelField(order="frequency"),
    }


COLUMNS = {"other": "text", "letters": "text", "pairs": "text", "words": "text"}


def table(folder: Path, bad: dict[int, str] | None = None, shards: int = 2) -> Path:
    """Rows of text with ties in the vocabulary. bad: by row, what stands there as a price."""
    train = folder / "train"
    train.mkdir(parents=True)
    for shard in range(shards):
        lines = ["text,kinds,price,days,label"]
        for row in range(shard * 30, shard * 30 + 30):
            price = (bad or {}).get(row, f"{row * 1.37 % 11:.3f}")
            words = f"w{row % 9} w{row * 7 % 13} v{row % 5} seldom{row}"
            lines.append(f"{words},k{row % 3}+k{row % 4},{price},{row % 7} {row % 3} 2 {row},l{row % 3}")
        (train / f"part-{shard + 1}.csv").write_text("\n".join(lines) + "\n")
    return folder


def read(path: Path, workers: int, make: Callable[[], dict[str, Field]] = fields, **options: Any) -> Dataset:
    made = make()
    inputs = [name for name in made if name != "label"]
    options = {"valid_share": 0.2, "num_workers": workers} | options
    data = Dataset(3, path.parent, made, inputs, "label", Auto(), COLUMNS, path=path, **options)
    data.fit()
    data.split("valid")
    return data


def told(data: Dataset) -> Any:
    splits = [of_split(split) for name in ("train", "valid") if (split := data.split(name)) is not None]
    return splits, data.state(), data.tallies, data.bad_rows


def test_rows_and_what_is_learned_of_them_are_the_same(tmp_path: Path) -> None:
    path = table(tmp_path / "films", {4: "dear", 33: "cheap", 59: ""})
    alone, together = (told(read(path, workers, on_bad_row="skip")) for workers in (0, 2))
    assert alone == together and alone[-1] == 3
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("most", [6, 60])
def test_words_are_counted_alike_whenever_they_are_joined(tmp_path: Path, monkeypatch: Any, most: int) -> None:
    monkeypatch.setattr(counts, "MOST", most)  # so that a process is full now and then, and the rest is told at the end
    path = table(tmp_path / "films")
    assert told(read(path, 0)) == told(read(path, 1)) == told(read(path, 2))


@pytest.mark.parametrize(("column", "readings"), [(None, 4), ("split", 2)])
def test_rows_of_several_splits_in_a_file_are_read_once_for_all_of_them(
    tmp_path: Path, column: str | None, readings: int
) -> None:
    """Once to learn and once to encode. Of a share also to know of how many, and where some are bad to learn anew."""
    lines = [f"a{row} b{row % 7},{'' if row in (5, 22) else row},l{row % 2},{SPLITS[row % 3]}" for row in range(40)]
    (tmp_path / "films.csv").write_text("\n".join(["text,price,label,split", *lines]) + "\n")
    found = []
    for workers in (0, 2):
        form, path = Counted(), tmp_path / "films.csv"
        make = lambda: {"text": TextField(), "price": NumberField(), "label": LabelField()}  # noqa: E731
        options = {"split_column": column, "valid_share": 0.2, "test_share": 0.2, "on_bad_row": "skip"}
        data = Dataset(3, tmp_path, make(), ["text", "price"], "label", form, path=path, num_workers=workers, **options)
        data.fit()
        apart = Dataset(3, tmp_path, make(), ["text", "price"], "label", Csv(), path=path, **options)
        apart.restore(data.state())
        for split in SPLITS:
            assert of_split(data.split(split)) == of_split(apart.split(split))
            assert data.tallies[split] == apart.tallies[split]
        found.append((form.read, told(data)))
    assert found[0] == found[1]
    assert found[0][0] == readings * 40


def test_the_first_bad_row_is_told_with_its_file_and_line(tmp_path: Path) -> None:
    path = table(tmp_path / "films", {44: "dear", 58: "cheap"})
    refusals = []
    for workers in (0, 2):
        with pytest.raises(DataError) as caught:
            read(path, workers, valid_share=0.0)
        refusals.append(str(caught.value))
    assert refusals[0] == refusals[1]
    assert refusals[0].startswith(f"{path / 'train' / 'part-2.csv'}, line 16: price: ")


def test_what_is_wrong_where_rows_are_encoded_is_told_too(tmp_path: Path) -> None:
    path = table(tmp_path / "films")
    lines = (path / "train" / "part-1.csv").read_text().replace(",l1\n", ",never\n", 3)
    (path / "valid").mkdir()
    (path / "valid" / "part.csv").write_text(lines)
    refusals = []
    for workers in (0, 2):
        with pytest.raises(DataError) as caught:
            read(path, workers, on_unknown_label="raise")
        refusals.append(str(caught.value))
    assert refusals[0] == refusals[1] and f"{path / 'valid' / 'part.csv'}, line 3: label: " in refusals[0]


def test_running_text_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("".join(f"line {row * 7 % 31} of {row % 4} words\n" for row in range(60)))

    def made(workers: int) -> Any:
        data = Dataset(0, tmp_path, {"text": TextField()}, ["text"], "text", Auto(), path=path, num_workers=workers)
        data.fit()
        return told(data)

    assert made(0) == made(2)


class Shouting(TextField):
    """A stranger's field, which observes otherwise and says nothing of joining."""

    def observe(self, values: Any) -> None:
        super().observe([value.upper() for value in values])


def test_a_field_that_observes_otherwise_is_shown_all_by_one_process(tmp_path: Path) -> None:
    path = table(tmp_path / "films", shards=1)
    make = lambda: {"text": Shouting(), "label": LabelField()}  # noqa: E731
    assert told(read(path, 0, make)) == told(read(path, 2, make))
    assert not _joins(Shouting()) and not _joins(TextField(level="bpe")) and _joins(TextField())


def numbers(most: int) -> Iterator[int]:
    yield from range(most)
    raise DataError("rows.csv, line 9: no row")


def worked(number: int) -> int:
    if number == 7:
        raise DataError("rows.csv, line 8: no label")
    return number * number


@pytest.mark.parametrize("most", [6, 20])
@pytest.mark.parametrize("workers", [0, 2])
def test_results_come_in_order_up_to_the_first_error(most: int, workers: int) -> None:
    found = []
    with pytest.raises(DataError) as caught:
        found.extend(in_order(worked, numbers(most), workers))
    line = 9 if most == 6 else 8
    assert str(caught.value).startswith(f"rows.csv, line {line}:")
    assert found in ([], [number * number for number in range(min(most, 7))])


def dying(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # what a worker was about to send is left as it is
def test_a_worker_that_is_killed_is_told_and_leaves_no_other() -> None:
    before = set(multiprocessing.active_children())
    with pytest.raises(RuntimeError, match=r"is killed by signal: Killed"):
        list(in_order(dying, range(50), 2))
    assert not set(multiprocessing.active_children()) - before


def bulky(number: int) -> bytes:
    return bytes(1 << 20)  # more than a pipe holds, so that whoever sends it waits


def test_workers_end_with_a_parent_that_is_killed() -> None:
    reads, writes = os.pipe()
    parent = os.fork()
    if not parent:
        results = in_order(bulky, range(50), 2)
        next(results)
        os.write(writes, " ".join(str(child.pid) for child in multiprocessing.active_children()).encode())
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(parent, 0)
    os.close(writes)
    with os.fdopen(reads) as told:
        workers = [int(pid) for pid in told.read().split()]
    assert len(workers) == 2
    until = time.monotonic() + 60
    while any(map(running, workers)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(map(running, workers))


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_an_interrupt_leaves_no_worker() -> None:
    before = set(multiprocessing.active_children())
    results = in_order(worked, range(7), 2)
    next(results)
    assert len(set(multiprocessing.active_children()) - before) == 2
    with pytest.raises(KeyboardInterrupt):
        results.throw(KeyboardInterrupt)  # type: ignore[attr-defined]
    assert not set(multiprocessing.active_children()) - before

"""The readers: each data set that reads files, in each format it takes; and a process apart for what they read."""

import contextlib
import csv
import ctypes
import io
import json
import os
import pickle
import resource
import select
import signal
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from seqnet import build
from seqnet.configuration import CONFIGS
from seqnet.data.examples import Ragged
from seqnet.errors import ConfigurationError, UserError
from seqnet.specs import Tokens

EXAMPLES = Path(__file__).parents[2] / "contracts" / "examples"
OPTIONS = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in (CONFIGS / "data").glob("*.yaml")}
TABLES = (".csv", ".tsv", ".jsonl", ".parquet")
TEXT = {"type": "text", "level": "characters"}
NUMERIC = {"inputs": {"type": "series"}, "target": {"type": "label"}}
KINDS: dict[str, tuple[str, dict[str, Any], list[str], str, tuple[str, ...]]] = {
    # by name: the example, the fields, inputs, the target, and the endings of files
    "sentences": ("sst2", {"text": {"type": "text"}, "label": {"type": "label"}}, ["text"], "label", TABLES),
    "parallel": (
        "pairs",
        {"source": {"type": "text"}, "target": {"type": "text"}},
        ["source"],
        "target",
        (*TABLES, ".source"),
    ),
    "tagging": (
        "wnut17",
        {
            "word": {"type": "tokens", "column": 0},
            "letters": {"type": "letters", "column": 0},
            "tag": {"type": "tags", "column": -1},
        },
        ["word", "letters"],
        "tag",
        (".conll",),
    ),
    "text": ("tiny_shakespeare", {"text": TEXT}, ["text"], "text", (".txt", ".jsonl", ".parquet")),
    "sequences": ("numbers", NUMERIC, ["inputs"], "target", (".jsonl",)),
    "piano_roll": ("jsb_chorales", {"notes": {"type": "roll", "column": "value"}}, ["notes"], "notes", (".json",)),
}
MEGABYTES, SECONDS = 100, 2  # that reading a file may take more
HANG, SPACE = 120, 4 << 30  # seconds and bytes of address space more, after which a child is stopped
Row = dict[str, Any]


def table(rows: list[Row], suffix: str) -> bytes:
    """Rows in a format, with a header where it has one."""
    if suffix == ".parquet":
        pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        parquet.write_table(pyarrow.Table.from_pylist(rows), file := io.BytesIO())
        return file.getvalue()
    if suffix == ".jsonl":
        return "".join(json.dumps(row) + "\n" for row in rows).encode()
    written = io.StringIO()
    lines = [list(rows[0]), *(list(row.values()) for row in rows)]
    if suffix == ".csv":
        csv.writer(written, lineterminator="\n").writerows(lines)
    elif suffix == ".tsv":
        written.write("".join("\t".join(line) + "\n" for line in lines))
    else:  # one of two files: the other is written beside it
        written.write("".join(f"{row[suffix[1:]]}\n" for row in rows))
    return written.getvalue().encode()


@dataclass(frozen=True)
class Read:
    """What came of reading a file: why it was refused, or else the tensors of all splits; and the rows left out."""

    error: str
    code: int
    bad_rows: int
    rows: int
    tensors: list[torch.Tensor]
    seconds: float

    def same(self, other: "Read") -> bool:
        """Whether the same was read."""
        return len(self.tensors) == len(other.tensors) and all(map(torch.equal, self.tensors, other.tensors))


@dataclass(frozen=True)
class Reader:
    """A kind of data in a format, called by the ending of its files. table: makes a data set of fields."""

    data: str
    suffix: str
    table: Any = field(default=None, compare=False)

    @property
    def has_levels(self) -> bool:
        """Whether it reads texts, by words or by characters."""
        return any(one["type"] == "text" for one in KINDS[self.data][1].values()) if self.data in KINDS else False

    @cached_property
    def example(self) -> Path:
        """The training file of the contract tests, or all of it."""
        folder = EXAMPLES / (KINDS[self.data][0] if self.data in KINDS else self.data)
        (found,) = [*folder.glob("train.*"), *folder.glob("*.json")]
        return found

    def source(self, path: Path | str, on_bad_row: str, level: str | None = None) -> Any:
        """The data set, which has read nothing. level: of texts."""
        options = {"path": str(path), "on_bad_row": on_bad_row}
        if self.data not in KINDS:
            return build.source({"seed": 0, "data": OPTIONS[self.data] | options})
        _, fields, inputs, target, _ = KINDS[self.data]
        if level is not None:
            fields = {name: one | ({"level": level} if one["type"] == "text" else {}) for name, one in fields.items()}
        return self.table(fields=fields, inputs=inputs, target=target, valid_share=0.1, **options)

    @cached_property
    def rows(self) -> list[Row]:
        """Those of a format of rows by column, which can be written as a table."""
        lines = self.example.read_text(encoding="utf-8").splitlines()
        if self.example.suffix == ".txt":
            return [{"text": line} for line in lines]
        if self.example.suffix == ".jsonl":
            return [json.loads(line) for line in lines]
        names, *rows = (line.split("\t") for line in lines)
        return [dict(zip(names, row, strict=True)) for row in rows]

    @cached_property
    def good(self) -> bytes:
        """A small file that is as it should be."""
        return self.example.read_bytes() if self.suffix == self.example.suffix else table(self.rows, self.suffix)

    def write(self, folder: Path, content: bytes, name: str = "mine") -> Path:
        """A file of that format, and what must stand beside it."""
        path = folder / f"{name}{self.suffix}"
        path.write_bytes(content)
        if self.suffix == ".source":
            path.with_suffix(".target").write_bytes(table(self.rows, ".target"))
        return path

    def read(self, path: Path | str, on_bad_row: str = "raise", level: str | None = None) -> Read:
        """Learn from a file and encode all its splits; what is no error of the user's is raised."""
        began = time.process_time()
        source = self.source(path, on_bad_row, level)
        try:
            source.fit()
            splits = [split for name in ("train", "valid", "test") if (split := source.split(name)) is not None]
        except UserError as error:
            return Read(str(error), error.exit_code, source.bad_rows, 0, [], time.process_time() - began)
        json.dumps(source.state(), ensure_ascii=False).encode()  # as it goes into a checkpoint
        parts = [
            part
            for split in splits
            for part in (
                [split.documents]
                if hasattr(split, "documents")
                else [split.inputs, split.targets, *split.views.values(), split.source]
            )
        ]
        tensors = [
            tensor
            for part in parts
            for tensor in ([part.flat, part.offsets] if isinstance(part, Ragged) else [part])
            if tensor is not None
        ]
        rows = sum(len(getattr(split, "documents", split)) for split in splits)
        return Read("", 0, source.bad_rows, rows, tensors, time.process_time() - began)


def readers() -> list[Reader]:
    """Those of each kind of table in each of its formats, and of each other data set that has a path."""
    others = sorted(data for data, options in OPTIONS.items() if "path" in options and data != "table")
    found = [Reader(data, Reader(data, "").example.suffix) for data in others]
    return found + [Reader(data, suffix) for data, (*_, endings) in KINDS.items() for suffix in endings]


def pytest_configure(config: pytest.Config) -> None:
    """Tell of the mark."""
    config.addinivalue_line("markers", "endings(*suffixes): the test is of readers of such files alone")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that has the argument `reader` is run for each of them, or for those of the endings it is marked with."""
    if "reader" in metafunc.fixturenames:
        mark = metafunc.definition.get_closest_marker("endings")
        found = [reader for reader in readers() if mark is None or reader.suffix in mark.args]
        metafunc.parametrize("reader", found, ids=[f"{one.data}{one.suffix}" for one in found], indirect=True)


@pytest.fixture
def reader(request: pytest.FixtureRequest, table: Any) -> Reader:
    """A reader that can make tables."""
    return replace(request.param, table=table)


@pytest.fixture(scope="session")
def sources(table: Any) -> dict[str, tuple[Any, str]]:
    """By the name of its data set, a fitted source of each kind of inputs that predict reads, and a line for it."""
    found: dict[str, tuple[Any, str]] = {}
    kinds = set()
    for data in [*KINDS, *sorted(data for data in OPTIONS if data != "table")]:
        example = EXAMPLES / (KINDS[data][0] if data in KINDS else data)
        if data in KINDS:
            made = Reader(data, "", table).source(example, "raise")
        else:
            options = OPTIONS[data]
            tiny = {"train_size": 8, "valid_size": 4, "test_size": 4, "length": 12, "path": str(example)}
            made = build.source({"seed": 0, "data": options | {key: tiny[key] for key in options.keys() & tiny.keys()}})
            kind = type(made).read_inputs, getattr(type(made), "tokens", None)
            if kind in kinds:
                continue
            kinds.add(kind)
        try:
            made.fit()
        except ConfigurationError as error:  # an extra that is not installed
            print(f"{data}: {error}")
            continue
        split = made.split("train")
        if (example / "line.txt").is_file():
            line = (example / "line.txt").read_text(encoding="utf-8").rstrip("\n")
        elif isinstance(getattr(made, "source", None), Tokens):
            line = made.show(split.source[0])
        else:  # JSON, which is a text too
            row = split.documents[0][:5] if hasattr(split, "documents") else (split.source or split.inputs)[0]
            line = json.dumps(row.tolist())
        assert len(made.read_inputs([line], "here")) == 1
        found[data] = made, line
    return found


@dataclass(frozen=True)
class Apart:
    """What a process apart brought, in how many seconds of its own, and by how many MB its memory grew at most."""

    result: Any
    seconds: float
    megabytes: float


@pytest.fixture(scope="session")
def apart() -> Callable[..., Apart]:
    """Call something in a process of its own, so that memory can be measured and neither hang nor crash ends the tests.

    Whatever is raised there, also by a hang, fails the test. seconds: after how many it hangs.
    """

    def run(action: Callable[[], Any], seconds: int = HANG) -> Apart:
        ctypes.CDLL(None).malloc_trim(0)  # else the child would fill what this process has freed, unnoticed
        reading, writing = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # threads do not matter: the child uses none of them
            child = os.fork()
        if not child:
            os.close(reading)
            _child(action, writing, seconds)
        os.close(writing)
        began = time.monotonic()
        received = bytearray()
        while select.select([reading], [], [], max(0.0, began + seconds + 5 - time.monotonic()))[0]:
            block = os.read(reading, 1 << 20)
            if not block:
                break
            received += block
        os.close(reading)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert received, f"it hangs or has crashed (status {status})"
        failure, result, took, grown = pickle.loads(bytes(received))
        if failure:
            pytest.fail(failure, pytrace=False)
        return Apart(result, took, grown / 1e6)

    return run


@pytest.fixture(scope="session")
def worst() -> Iterator[dict[str, Any]]:
    """What all files together took at most."""
    return {"kinds": set(), "files": 0, "seconds": 0.0, "megabytes": 0.0, "slowest": "", "largest": ""}


@pytest.fixture
def some(request: pytest.FixtureRequest, amount: Any) -> Callable[[list[Any]], list[Any]]:
    """Of the cases of each reader those that this tier asks for: in the quick one, others of each reader."""
    each = amount(24, 1)
    return lambda cases: cases[request.node.callspec.indices["reader"] % each :: each]


@pytest.fixture
def tried(reader: Any, apart: Any, worst: Any, figure: Any) -> Iterator[Callable[..., None]]:
    """Read a file in a process apart, strictly and leaving out bad rows, and look at what came; gather problems."""
    problems = []

    def one(name: str, path: Path | str, look: Callable[[Any, Any], None]) -> None:
        found = apart(lambda: (reader.read(path), reader.read(path, "skip")))
        worst["kinds"].add(name)
        worst["files"] += 1
        seconds = max(read.seconds for read in found.result)
        for key, value, which in (("seconds", seconds, "slowest"), ("megabytes", found.megabytes, "largest")):
            if value > worst[key]:
                worst[key], worst[which] = value, f"{name} of {reader.data}{reader.suffix}"
        try:
            assert seconds <= SECONDS and found.megabytes <= MEGABYTES, f"{seconds} s, {found.megabytes:.0f} MB"
            look(*found.result)
        except AssertionError as error:
            problems.append(f"{name}: {error}")

    yield one
    figure(
        "bad files",
        f"{worst['files']} files of {len(worst['kinds'])} kinds: each refused in one sentence, its rows counted, or "
        f"read as it is; at most {worst['seconds']:.2f} s ({worst['slowest']}) and {worst['megabytes']:.0f} MB "
        f"({worst['largest']})",
    )
    assert not problems, "\n".join(problems)


@pytest.fixture(scope="session")
def sentence() -> Callable[..., None]:
    """sentence(read, path, where): it was refused in one sentence that names the file, and the place in it."""

    def look(read: Read, path: Path | str, where: str = "") -> None:
        assert read.error, "it was read"
        assert read.code in (2, 3), read.error
        assert str(path) in read.error and where in read.error, read.error
        assert read.error.isprintable() and len(read.error) < 800, read.error

    return look


def _child(action: Callable[[], Any], writing: int, seconds: int) -> None:
    failure, result = "", None
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    try:
        torch.set_num_threads(1)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(seconds)
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + SPACE, size + SPACE))
        result = action()
    except BaseException:
        failure = traceback.format_exc()[-6000:]
    took, after = time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with open(writing, "wb") as pipe:
        pickle.dump((failure, result, took, (after - before) * 1024), pipe)
    os._exit(0)

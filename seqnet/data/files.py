"""Small readers that know file and line, and where the rows of each split are to be found."""

import csv
import io
import json
import logging
import re
import stat
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Generic, Literal, TypeVar

import torch

from seqnet.data.examples import Examples
from seqnet.data.generation import generator
from seqnet.data.numbers import parse
from seqnet.errors import ConfigurationError, DataError, did_you_mean, visible

SPLIT_NAMES = {"train": ("train",), "valid": ("valid", "validation", "val", "dev"), "test": ("test",)}
HUB_NAME = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?(:[\w.-]+)?")
MEND = "mend it, or leave such rows out with data.on_bad_row=skip"
LONGEST = 1 << 24  # bytes of a line; one that is longer is no row, and is not held in memory
BLOCK = 1 << 16  # bytes of such a line passed over at a time
NUL = "holds a NUL byte, so this is no text"
RETURN = "holds a carriage return that does not end it; lines must end in LF or CRLF"
SHOWN = 60  # characters of a name out of a file that an error shows
OnBadRow = Literal["raise", "skip"]


@dataclass(frozen=True)
class HubSplit:
    """One split of a data set from the Hugging Face Hub, in place of a file."""

    name: str
    rows: Any  # datasets.Dataset

    def __str__(self) -> str:
        return self.name


File = Path | HubSplit


def place(file: Any, number: int, unit: str | None = None) -> str:
    """Where a row stands: `PATH, line 3`, or `PATH, row 3` where there are no lines. unit: what is counted."""
    if unit is None:
        unit = "row" if isinstance(file, HubSplit) or file.suffix == ".parquet" else "line"
    return f"{file}, {unit} {number}"


class BadRows:
    """What is done with rows that cannot be used: `raise` at the first, or `skip` them.

    count: how many were skipped so far. Raises ConfigurationError for any other policy.
    """

    def __init__(self, on_bad_row: str) -> None:
        if on_bad_row not in ("raise", "skip"):
            raise ConfigurationError(f"data.on_bad_row must be raise or skip, not '{on_bad_row}'")
        self.skip = on_bad_row == "skip"
        self.count = 0

    def __call__(self, file: Any, number: int, problem: str, unit: str | None = None) -> None:
        """Count the row. unit: what `number` counts. Raises DataError where bad rows are not to be skipped."""
        if not self.skip:
            raise DataError(f"{place(file, number, unit)}: {problem}; {MEND}")
        self.count += 1


# ------------------------------------------------------------------------------------------------ lines and columns


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Make one sentence of the system's refusal to look at a path or to read it. Raises DataError."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror}); name a file that can be, with data.path="
        ) from error


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A file, to be read as bytes. A pipe or a device might be waited for or read without end. Raises DataError."""
    with reading(path):
        kind = path.stat().st_mode
        if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):  # opening a folder says what is wrong
            raise DataError(f"{path}: is no file but a pipe or a device; name a file with data.path=")
        with path.open("rb") as file:
            yield file


def decoded(file: BinaryIO, longest: int) -> Iterator[tuple[int, str, str | None]]:
    """Number, text without its end, and what is wrong with the bytes, if anything is."""
    number = 0
    while raw := file.readline(longest + 1):
        number += 1
        if len(raw) > longest:
            while raw and not raw.endswith(b"\n"):
                raw = file.readline(BLOCK)
            yield number, "", f"the line is longer than {longest >> 20} MiB, so this is no row"
        elif b"\0" in raw:
            yield number, "", f"the line {NUL}"
        else:
            try:
                text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                yield number, "", f"byte {error.start + 1} of the line is not UTF-8"
            else:
                yield number, text.removesuffix("\n").removesuffix("\r"), None


def _raw_lines(path: Path) -> Iterator[tuple[int, str, str | None]]:
    """As `decoded`. A file whose lines end in CR alone, which is one long line, is not taken for one row."""
    with opened(path) as file:
        for number, text, problem in decoded(file, LONGEST):
            yield number, text, f"the line {RETURN}" if problem is None and "\r" in text else problem


def read_lines(path: Path, bad: BadRows) -> Iterator[tuple[int, str]]:
    """The lines of a UTF-8 file, without their ends; a byte order mark and CRLF are accepted. Raises DataError."""
    for number, text, problem in _raw_lines(path):
        if problem is not None:
            bad(path, number, problem)
        else:
            yield number, text


def read_beside(path: Path, other: Path, bad: BadRows) -> Iterator[tuple[int, tuple[str, str]]]:
    """The lines of two UTF-8 files side by side, which must have as many. Raises DataError."""
    lines, others = list(_raw_lines(path)), list(_raw_lines(other))
    if len(lines) != len(others):
        raise DataError(
            f"{path} has {counted(len(lines), 'line')} and {other} has {counted(len(others), 'line')}; line n of one "
            "must go with line n of the other, so mend the files"
        )
    for (number, text, problem), (_, other_text, other_problem) in zip(lines, others, strict=True):
        if problem is not None:
            bad(path, number, problem)
        elif other_problem is not None:
            bad(other, number, other_problem)
        else:
            yield number, (text, other_text)


def read_text(path: Path, bad: BadRows) -> str:
    """All of a UTF-8 file, its line ends made `\\n`. Raises DataError."""
    with opened(path) as file:
        raw = file.read()
    text = None
    if b"\0" not in raw:
        with suppress(UnicodeDecodeError):  # found again below, with its line
            text = raw.decode("utf-8-sig")
    if text is None:
        lines = []
        for number, line, problem in decoded(io.BytesIO(raw), len(raw)):
            if problem is None:
                lines.append(line)
            else:
                bad(path, number, problem)
        text = "\n".join(lines) + ("\n" if raw.endswith(b"\n") else "")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_tsv(path: Path, bad: BadRows) -> Iterator[tuple[int, list[str]]]:
    """The cells of each line that is not blank; quotes are letters like any other. Raises DataError."""
    return ((number, text.split("\t")) for number, text in read_lines(path, bad) if text)


def read_csv(path: Path, bad: BadRows) -> Iterator[tuple[int, list[str]]]:
    """The cells of each row that is not blank, and the line at which it begins. Raises DataError.

    A line whose quote is never closed takes those behind it with it: it alone is bad, they are read again.
    """
    lines = _raw_lines(path)
    again, taken = deque[tuple[int, str, str | None]](), list[tuple[int, str, str | None]]()

    def feed() -> Iterator[str]:
        while line := again.popleft() if again else next(lines, None):
            number, text, problem = line
            if problem is not None and not taken:
                bad(path, number, problem)
                continue
            taken.append(line)
            if problem is not None:
                raise csv.Error(f"in line {number}, {problem}")
            yield text + "\n"

    rows = csv.reader(feed(), strict=True)
    while True:
        taken.clear()
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            bad(path, taken[0][0], f"not a row of CSV ({error})")
            again.extendleft(reversed(taken[1:]))
            rows = csv.reader(feed(), strict=True)
            continue
        if row:
            yield taken[0][0], row


def read_jsonl(path: Path, bad: BadRows) -> Iterator[tuple[int, dict[str, Any]]]:
    """The JSON object of each line that is not blank. Raises DataError."""
    for number, text in read_lines(path, bad):
        if not text.strip():
            continue
        try:
            row = parse(text)
        except (ValueError, RecursionError) as error:
            bad(path, number, f"not JSON that can be read ({error})")
            continue
        if isinstance(row, dict):
            yield number, row
        else:
            bad(path, number, 'the JSON value is not an object, which is written {"name": value, ...}')


def read_conll(path: Path, bad: BadRows, comments: bool = False) -> Iterator[list[tuple[int, list[str]]]]:
    """Sentences: the number and the columns of each of their lines; blank lines lie between sentences.

    Columns are cut at tabs, in lines without one at spaces; all lines have as many as the first. Lines that
    begin with -DOCSTART-, and with `comments` those that begin with `#`, are passed over. A sentence with a bad
    line is one bad row. Raises DataError.
    """
    width, sentence, broken = 0, list[tuple[int, list[str]]](), False
    for number, text, problem in _raw_lines(path):
        if problem is None and not text.strip(" \t"):
            if sentence and not broken:
                yield sentence
            sentence, broken = [], False
            continue
        if text.startswith("-DOCSTART-") or (comments and text.startswith("#")):
            continue
        columns = text.split("\t") if "\t" in text else text.split()
        width = width or (len(columns) if problem is None else 0)
        if problem is None and not columns:
            problem = "there is nothing but white space"
        if problem is None and len(columns) != width:
            problem = f"{counted(len(columns), 'column')} where the first line has {width}"
        if problem is not None and not broken:
            bad(path, number, problem)
            broken = True
        sentence.append((number, columns))
    if sentence and not broken:
        yield sentence


def counted(number: int, thing: str) -> str:
    return f"{number} {thing}" + ("" if number == 1 else "s")


def shown(text: str, most: int = SHOWN) -> str:
    """Text out of a file as an error shows it: not too long, and nothing in it that a terminal would obey."""
    return visible(text if len(text) <= most else text[:most] + "...")


# --------------------------------------------------------------------------------------------- tables of any format

TABLES = (".csv", ".tsv", ".jsonl", ".parquet")
TRANSLATION = "translation"  # the Hub's column of texts by language, whose entries are taken for columns
Column = str | int


def check_columns(columns: Mapping[str, Column]) -> None:
    """Names for tables with a header, positions for those without. columns: by option. Raises ConfigurationError."""
    listed = " and ".join(f"data.{option}={column}" for option, column in columns.items())
    if len({isinstance(column, str) for column in columns.values()}) > 1:
        raise ConfigurationError(
            f"{listed} cannot go together; give two names (the first line is a header) or two positions (there is none)"
        )
    if len(set(columns.values())) < len(columns):
        raise ConfigurationError(f"{listed} are the same column; give each its own")
    for option, column in columns.items():
        if isinstance(column, int) and column < 0:
            raise ConfigurationError(f"data.{option} must be a name, or a position from 0 on, not {column}")


def read_table(file: File, columns: Mapping[str, Column], bad: BadRows) -> Iterator[tuple[int, list[Any]]]:
    """The chosen columns of each row of a CSV, TSV, JSONL or parquet file or of a Hub data set.

    columns: by option, names or positions (see `check_columns`). Raises DataError.
    """
    if isinstance(file, HubSplit):
        yield from _named(file, enumerate(_hub_rows(file.rows), 1), columns, bad)
    elif file.suffix == ".jsonl":
        yield from _named(file, read_jsonl(file, bad), columns, bad)
    elif file.suffix == ".parquet":
        yield from _named(file, enumerate(_parquet_rows(file, columns.values()), 1), columns, bad)
    else:
        yield from _positioned(file, (read_csv if file.suffix == ".csv" else read_tsv)(file, bad), columns, bad)


def _positioned(
    path: Path, rows: Iterator[tuple[int, list[str]]], columns: Mapping[str, Column], bad: BadRows
) -> Iterator[tuple[int, list[str]]]:
    """Rows of cells: all have as many as the first, which is the header where columns have names."""
    number, header = next(rows, (0, []))
    if not header:
        raise DataError(f"{path}: no row that can be read; put rows there, or name another file with data.path=")
    wanted = []
    for option, column in columns.items():
        if isinstance(column, str) and column not in header:
            raise DataError(
                f"{place(path, number)}: no column '{column}' in the header, which has {shown(', '.join(header))}; "
                f"name the right one with data.{option}= (or its position, 0 for the first, where there is no header)"
            )
        if isinstance(column, str) and header.count(column) > 1:
            raise DataError(f"{place(path, number)}: the header has the column '{column}' twice; rename one of them")
        if isinstance(column, int) and column >= len(header):
            raise DataError(
                f"{place(path, number)}: no column {column}, since there are {len(header)}, counted from 0; name the "
                f"right one with data.{option}="
            )
        wanted.append(header.index(column) if isinstance(column, str) else column)
    if all(isinstance(column, int) for column in columns.values()):
        yield number, [header[place] for place in wanted]
    for number, row in rows:
        if len(row) == len(header):
            yield number, [row[place] for place in wanted]
        else:
            bad(path, number, f"{counted(len(row), 'column')} where the first row has {len(header)}")


def _named(
    file: File, rows: Iterator[tuple[int, dict[str, Any]]], columns: Mapping[str, Column], bad: BadRows
) -> Iterator[tuple[int, list[Any]]]:
    """Rows that are dictionaries."""
    for option, column in columns.items():
        if isinstance(column, int):
            raise DataError(
                f"{file}: its columns have names, so data.{option}={column} cannot be a position; give a name"
            )
    for number, row in rows:
        if isinstance(row.get(TRANSLATION), dict):
            row = row[TRANSLATION] | row
        missing = [option for option, column in columns.items() if row.get(str(column)) is None]
        if not missing:
            yield number, [row[str(column)] for column in columns.values()]
        else:
            option = missing[0]
            column = str(columns[option])
            there = "the value is null" if column in row else f"there are {shown(', '.join(row)) or 'none'}"
            bad(file, number, f"no column '{column}' as data.{option} says ({there})")


# ---------------------------------------------------------------------------------------- parquet files and the Hub


NEEDED = "parquet files and Hub names need the package datasets: pip install datasets"


def datasets_package() -> Any:
    try:
        import datasets
    except ImportError as error:
        raise ConfigurationError(NEEDED) from error
    return datasets


@contextmanager
def one_sentence(what: str) -> Iterator[None]:
    """Make one sentence of whatever goes wrong inside; the libraries' own lines about it are kept back."""
    loggers = [logging.getLogger(name) for name in ("datasets", "huggingface_hub")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    except DataError:
        raise
    except (
        Exception
    ) as error:  # OSError, ValueError, those of pyarrow, of the HTTP client, ...: there is no common kind
        said = shown((str(error).strip().splitlines() or [""])[0], 200)
        raise DataError(f"{what} ({type(error).__name__}: {said})") from error
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _parquet_rows(path: Path, columns: Iterable[Column]) -> Iterator[dict[str, Any]]:
    """Rows as dictionaries of the columns that are asked for, or of all where one of those is missing."""
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise ConfigurationError(NEEDED) from error
    with opened(path) as file, one_sentence(f"{path}: cannot be read as parquet; name a whole file with data.path="):
        content = parquet.ParquetFile(file)
        check_size(path, content.metadata)
        there, asked = content.schema_arrow.names, [str(column) for column in columns]
        for name in asked:
            if there.count(name) > 1:
                raise DataError(f"{path}: there are two columns '{name}'; rename one of them")
        classes = json.loads((content.schema_arrow.metadata or {}).get(b"huggingface", b"{}"))
        features = classes.get("info", {}).get("features", {})
        names = {name: kind["names"] for name, kind in features.items() if kind.get("_type") == "ClassLabel"}
        wanted = asked if set(asked) <= set(there) else None
        for batch in content.iter_batches(1024, columns=wanted, use_threads=False):
            yield from with_classes(batch.to_pylist(), names)


def check_size(path: Path, metadata: Any) -> None:
    """Raises DataError for a small file that becomes a large table, since no text can be packed like that."""
    size = path.stat().st_size
    unpacked = sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))
    if unpacked > 200 * size or metadata.num_rows > 8 * size:
        raise DataError(
            f"{path}: its {size} bytes say that they hold {metadata.num_rows} rows in {unpacked} bytes, which is not "
            "the table of anyone's texts; name another file with data.path="
        )


def _hub_rows(rows: Any) -> Iterator[dict[str, Any]]:
    """Rows as dictionaries."""
    names = {name: kind.names for name, kind in (rows.features or {}).items() if hasattr(kind, "names")}
    return with_classes(rows, names)


def with_classes(rows: Iterable[dict[str, Any]], names: Mapping[str, Sequence[str]]) -> Iterator[dict[str, Any]]:
    """Rows with the names of classes in place of their numbers. names: of each column that holds classes."""
    for row in rows:
        for column, known in names.items():
            value = row.get(column)
            if isinstance(value, int) and 0 <= value < len(known):
                row[column] = known[value]
        yield row


def load_hub(name: str) -> dict[str, list[File]]:
    """The splits of a data set by its Hub name, `owner/name` or `owner/name:configuration`. Raises DataError."""
    base, _, configuration = name.partition(":")
    with one_sentence(f"data.path={name}: no such file or folder here, and no data set of that name from the Hub"):
        loaded = datasets_package().load_dataset(base, configuration or None)
    found: dict[str, list[File]] = {}
    for split, names in SPLIT_NAMES.items():
        for theirs in loaded:
            if theirs in names:
                found[split] = [HubSplit(f"{name} ({theirs})", loaded[theirs])]
    if not found:
        raise DataError(f"data.path={name}: none of its splits ({', '.join(loaded)}) is called train, valid or test")
    return found


# ------------------------------------------------------------------------------------- which rows are of which split


def find_files(
    path: str | Path | None,
    data_dir: str | Path,
    name: str | None,
    about: str | None,
    suffixes: Sequence[str],
    several: bool = False,
    hub: bool = True,
) -> dict[str, list[File]]:
    """The files of each split that there is: of a folder, a file, or a Hub name.

    path: None for the folder `name` under `data_dir`. about: what to put there, for the sentence that says it is
    missing. In a folder a file's split is the last part of its name before the suffix, or else the first:
    `dev.tsv`, `ptb.train.txt`, `train.tok.de`. A file that is named for no split is training data; `several`: there
    may be more of them. Raises ConfigurationError where neither path nor name is given, DataError.
    """
    put = about or f"put {_listed(suffixes)} there, or name your own file or folder with data.path="
    if path is None and name is None:
        raise ConfigurationError(f"data.path is not set; name a {_listed(suffixes, 'or')} file, or a folder of them")
    where = Path(data_dir) / str(name) if path is None else Path(path)
    with reading(where):
        if where.is_dir():
            return _of_folder(where, put, suffixes, several)
        if where.exists():
            if not several and where.suffix not in suffixes:
                raise DataError(f"{where}: cannot tell its format; its name must end in {_listed(suffixes, 'or')}")
            return {_split_of(where) or "train": [where]}
    if hub and path is not None and HUB_NAME.fullmatch(str(path)) and where.suffix not in (*suffixes, ".txt", ".json"):
        return load_hub(str(path))
    raise DataError(f"{where} does not exist: {put}")


def _listed(suffixes: Sequence[str], word: str = "and") -> str:
    return suffixes[0] if len(suffixes) == 1 else f"{', '.join(suffixes[:-1])} {word} {suffixes[-1]}"


def _split_of(path: Path) -> str | None:
    parts = path.stem.split(".")
    named = (split for part in (parts[-1], parts[0]) for split, names in SPLIT_NAMES.items() if part in names)
    return next(named, None)


def _of_folder(folder: Path, put: str, suffixes: Sequence[str], several: bool) -> dict[str, list[File]]:
    files = sorted(path for path in folder.iterdir() if path.suffix in suffixes and path.is_file())
    if not files:
        raise DataError(f"{folder} holds no {_listed(suffixes, 'or')} file: {put}")
    found: dict[str, list[File]] = {}
    for path in files:
        split = _split_of(path)
        if split is not None:
            found.setdefault(split, []).append(path)
    if "train" in found or (found and len(files) == sum(map(len, found.values()))):
        twice = [paths for paths in found.values() if len(paths) > 1]
        if twice:
            both = " and ".join(str(path) for path in twice[0])
            raise DataError(f"{both} are the same split; keep one of them in the folder")
        return found
    if len(files) > 1 and not several:
        names = ", ".join(path.name for path in files)
        raise DataError(f"{folder} holds {names}, none of them named train; name the file you mean with data.path=")
    return {"train": list(files)}


Row = TypeVar("Row")


class Splits(Generic[Row]):
    """The rows of each split, each file read once: a split's own files, or else a share of the training files'.

    find: the files of each split. read: the rows of some files. hold_out: cuts rows into those of train, valid and
    test by the shares of valid and test. Raises ConfigurationError for shares that are none.
    """

    def __init__(
        self,
        find: Callable[[], dict[str, list[File]]],
        read: Callable[[list[File]], list[Row]],
        hold_out: Callable[[list[Row], float, float], dict[str, list[Row]]],
        valid_share: float,
        test_share: float,
    ) -> None:
        for key, share in (("valid_share", valid_share), ("test_share", test_share)):
            if not 0 <= share <= 1:
                raise ConfigurationError(f"data.{key} is {share}; it must be from 0 to 1")
        if valid_share + test_share > 1:
            raise ConfigurationError(
                f"data.valid_share={valid_share} and data.test_share={test_share} are more than the whole"
            )
        self._find = find
        self._read = read
        self._hold_out = hold_out
        self._shares = {"valid": valid_share, "test": test_share}
        self._files: dict[str, list[File]] | None = None
        self._parts: dict[str, list[Row]] | None = None

    def rows(self, name: str) -> list[Row] | None:
        """The rows of `train`, `valid` or `test`; None where there are none. Raises DataError."""
        if self._files is None:
            self._files = self._find()
        if name in self._files and name != "train":
            return self._read(self._files[name])
        if "train" not in self._files:
            return None
        shares = {split: 0.0 if split in self._files else share for split, share in self._shares.items()}
        if name != "train" and not shares[name]:
            return None
        if not any(shares.values()):
            return self._read(self._files["train"])
        if self._parts is None:
            self._parts = self._hold_out(self._read(self._files["train"]), shares["valid"], shares["test"])
        return self._parts[name] or None


def hold_out_rows(rows: list[Row], valid: float, test: float, seed: int) -> dict[str, list[Row]]:
    """Rows that are independent of each other, held out at random; a share above 0 is at least one row of two."""
    order = torch.randperm(len(rows), generator=generator(seed, "splits")).tolist()
    counts = [max(round(share * len(rows)), int(share > 0 and len(rows) > 1)) for share in (valid, test)]
    cuts = (0, counts[0], sum(counts), len(rows))
    chosen = [sorted(order[begin:end]) for begin, end in zip(cuts, cuts[1:], strict=False)]
    return {name: [rows[row] for row in part] for name, part in zip(("valid", "test", "train"), chosen, strict=True)}


class EncodedSplits(Generic[Row]):
    """The examples of each split, its rows read and encoded once.

    where: what is read, for messages. find, read: as for Splits; rows are held out by the seed. encode: the
    examples of some rows. Raises ConfigurationError for shares that are none.
    """

    def __init__(
        self,
        where: str,
        find: Callable[[], dict[str, list[File]]],
        read: Callable[[list[File]], list[Row]],
        encode: Callable[[list[Row]], Examples],
        seed: int,
        valid_share: float,
        test_share: float,
    ) -> None:
        self._where = where
        self._encode = encode
        self._splits = Splits(find, read, partial(hold_out_rows, seed=seed), valid_share, test_share)
        self._examples: dict[str, Examples] = {}

    def fit(self, learn: Callable[[list[Row]], None]) -> None:
        """Learn from the training rows, then encode them. Raises DataError where there are none."""
        rows = self._splits.rows("train")
        if not rows:
            raise DataError(
                f"{self._where}: there are no training rows; name some with data.path=, and do not hold out all of them"
            )
        learn(rows)
        self._examples["train"] = self._encode(rows)

    def examples(self, name: str) -> Examples | None:
        """Those of `train`, `valid` or `test`; None where there is no such split. Raises DataError."""
        if name not in self._examples:
            rows = self._splits.rows(name)
            if rows is None:
                return None
            self._examples[name] = self._encode(rows)
        return self._examples[name]


def never_seen(what: str, name: str, known: Sequence[str]) -> str:
    """The problem with a label or tag that is none of the training split's."""
    return f"{what} '{shown(name)}' does not occur in the training split{shown(did_you_mean(name, known), 200)}"

"""What all that reads files shares: files opened with care, lines, bad rows, the Hub."""

import logging
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

from seqnet.errors import ConfigurationError, DataError, MissingData, visible

SPLIT_NAMES = {
    "train": ("train", "training"),
    "valid": ("valid", "validation", "val", "dev"),
    "test": ("test", "testing"),
}
HUB_NAME = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?(:[\w.-]+)?")
MEND = "mend it, or leave such rows out with data.on_bad_row=skip"
LONGEST = 1 << 24  # bytes of a line; one that is longer is no row, and is not held in memory
BLOCK = 1 << 16  # bytes of such a line passed over at a time
PIECE = 1 << 20  # bytes that are looked at at a time
PACKED = (".gz", ".xz", ".zst", ".bz2", ".zip")
STREAMED = 1 << 30  # bytes of a data set of the Hub from where on no copy of it is made on this machine
NUL = "holds a NUL byte, so this is no text"
RETURN = "holds a carriage return that does not end it; lines must end in LF or CRLF"
SHOWN = 60  # characters of a name out of a file that an error shows
OnBadRow = Literal["raise", "skip"]


@dataclass(frozen=True)
class HubSplit:
    """One split of a data set from the Hugging Face Hub, in place of a file."""

    name: str
    rows: Any  # datasets.Dataset, or datasets.IterableDataset of what is streamed
    streamed: int | None = None  # bytes of the data set, of which no copy is made on this machine
    version: str = ""  # which data it is that is streamed

    def __str__(self) -> str:
        return self.name


def place(file: Any, number: int, unit: str = "line") -> str:
    """Where a row stands: `PATH, line 3`. unit: what is counted, `row` where there are no lines."""
    return f"{file}, {unit} {number}"


class BadRows:
    """What is done with rows that cannot be used: `raise` at the first, or `skip` them.

    count: how many were skipped so far; first: what is wrong with the first, and where. Raises ConfigurationError for
    any other policy.
    """

    def __init__(self, on_bad_row: str) -> None:
        if on_bad_row not in ("raise", "skip"):
            raise ConfigurationError(f"data.on_bad_row must be raise or skip, not '{on_bad_row}'")
        self.skip = on_bad_row == "skip"
        self.count = 0
        self.first: str | None = None

    def __call__(self, file: Any, number: int, problem: str, unit: str = "line", at: int | None = None) -> None:
        """Count the row. unit: what `number` counts. at: where in it the fault stands, if the row has several lines.

        Raises DataError where bad rows are not to be skipped.
        """
        told = f"{place(file, number if at is None else at, unit)}: {problem}"
        if not self.skip:
            raise DataError(f"{told}; {MEND}")
        self.first = self.first or told
        self.count += 1


# ------------------------------------------------------------------------------------------------ lines and columns


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Make one sentence of the system's refusal to look at a path or to read it. Raises DataError."""
    try:
        yield
    except OSError as error:
        why = "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror})"
        raise DataError(f"{path}: {why}; name a file that can be read, with data.path=") from error


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


def lines_of(path: Path) -> int | None:
    """How many lines a file of text has, the last of which needs no end; None of what is compressed or no file."""
    if path.suffix in PACKED or not path.is_file():
        return None
    with opened(path) as file:
        return sum(piece.count(b"\n") for piece in iter(lambda: file.read(PIECE), b"")) + 1


def counted(number: int, thing: str) -> str:
    """`1 line`, `2 lines`."""
    return f"{number} {thing}" + ("" if number == 1 else "s")


def shown(text: str, most: int = SHOWN) -> str:
    """Text out of a file as an error shows it: not too long, and nothing in it that a terminal would obey."""
    return visible(text if len(text) <= most else text[:most] + "...")


# ---------------------------------------------------------------------------------------- parquet files and the Hub

TRANSLATION = "translation"  # the Hub's column of texts by language, whose entries are taken for columns
NEEDED = "parquet files and Hub names need the package datasets: pip install datasets"


def datasets_package() -> Any:
    """The package `datasets`. Raises ConfigurationError where it is not installed."""
    try:
        import datasets
    except ImportError as error:
        raise ConfigurationError(NEEDED) from error
    return datasets


@contextmanager
def one_sentence(what: str, kind: type[DataError] = DataError) -> Iterator[None]:
    """Make one sentence, an error of `kind`, of whatever goes wrong inside; the libraries' own lines are kept back."""
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
        raise kind(f"{what} ({type(error).__name__}: {said})") from error
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def check_size(path: Path, metadata: Any) -> None:
    """Raises DataError for a small file that becomes a large table, since no text can be packed like that."""
    size = path.stat().st_size
    unpacked = sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))
    if unpacked > 200 * size or metadata.num_rows > 8 * size:
        raise DataError(
            f"{path}: its {size} bytes say that they hold {metadata.num_rows} rows in {unpacked} bytes, which is not "
            "the table of anyone's texts; name another file with data.path="
        )


@contextmanager
def _asked_once(name: str) -> Iterator[None]:
    """Where the Hub cannot be reached, what it would be asked for inside is looked for on this machine alone, at once.

    Its own library would ask six times, for half a minute. Raises its error where there is no data set of that name.
    """
    import huggingface_hub

    settings: tuple[Any, ...] = (huggingface_hub.constants, datasets_package().config)
    before = [one.HF_HUB_OFFLINE for one in settings]
    if not any(before):
        try:
            huggingface_hub.HfApi().dataset_info(name, timeout=10)
        except huggingface_hub.errors.HfHubHTTPError:
            raise
        except Exception:  # of the HTTP client, which is not ours to know
            for one in settings:
                one.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        for one, offline in zip(settings, before, strict=True):
            one.HF_HUB_OFFLINE = offline


def _size_of(builder: Any) -> int | None:
    """How many bytes a data set has that is not on this machine; None where nobody says it."""
    import fsspec  # type: ignore[import-untyped]

    said = builder.info.dataset_size or builder.info.download_size
    if said or not builder.config.data_files:
        return said or None
    urls = [str(url) for urls in builder.config.data_files.values() for url in urls]
    return sum(int(fsspec.core.url_to_fs(url)[0].size(url) or 0) for url in urls)


def load_hub(name: str) -> dict[str, list[HubSplit]]:
    """The splits of a data set by its Hub name, `owner/name` or `owner/name:configuration`. Raises DataError."""
    base, _, configuration = name.partition(":")
    package = datasets_package()
    sentence = f"data.path={name}: no such file or folder here, and no data set of that name from the Hub"
    with one_sentence(sentence, MissingData), _asked_once(base):
        builder = package.load_dataset_builder(base, configuration or None)
        size = None if os.path.isdir(builder.cache_dir) else _size_of(builder)
        streamed = size if size is not None and size > STREAMED else None
        if streamed is None:
            builder.download_and_prepare()  # as load_dataset does, which would ask the Hub for it once more
            loaded = builder.as_dataset()
        else:
            # What of the rows it holds is kept is what is made of them: no copy of them is.
            loaded = {
                split: rows if rows.column_names else rows._resolve_features()
                for split, rows in builder.as_streaming_dataset().items()
            }
    found: dict[str, list[HubSplit]] = {}
    for split, names in SPLIT_NAMES.items():
        for theirs in loaded:
            if theirs in names:
                found[split] = [HubSplit(f"{name} ({theirs})", loaded[theirs], streamed, builder.cache_dir)]
    if not found:
        raise DataError(f"data.path={name}: none of its splits ({', '.join(loaded)}) is called train, valid or test")
    return found

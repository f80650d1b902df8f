"""Which split a file or a folder is called as."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from seqnet.data.files import SPLIT_NAMES
from seqnet.data.formats.names import plain_name
from seqnet.data.formats.opening import Beside

SHARD = re.compile(r"[-_.]?\d+-of-\d+")


def split_called(word: str) -> str | None:
    """The split that a word names."""
    return next((split for split, names in SPLIT_NAMES.items() if word.lower() in names), None)


def split_of(file: Any, within: Sequence[str] = (), loose: bool = False) -> tuple[str, bool] | None:
    """A file's split, and whether its name says so plainly. within: the folders that it lies in."""
    for folder in within:
        if split := split_called(folder):
            return split, True
    stem = PurePosixPath(SHARD.sub("", plain_name(file))).stem
    for pattern, plain in ((r"\.", True), (r"[._\- ]+", False)):
        parts = re.split(pattern, stem)
        for part in (parts[-1], parts[0], *(parts[::-1] if loose else ())):
            if split := split_called(part):
                return split, plain
    return None


def stem_of(file: Any) -> str:
    """A file's name without its endings."""
    return PurePosixPath(plain_name(file)).stem


def are_shards(files: Sequence[Any]) -> bool:
    """Whether files are one that was cut, by their names, such as `train-00001-of-00003.csv`."""
    names = [plain_name(file) for file in files if not isinstance(file, Beside)]
    return (
        len(names) == len(files)
        and len({SHARD.sub("", name) for name in names}) == 1
        and SHARD.search(names[0]) is not None
    )

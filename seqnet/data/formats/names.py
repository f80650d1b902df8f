"""What a file's name says of what it holds."""

import re
from pathlib import Path, PurePosixPath
from typing import Any

COMPRESSED = (".gz", ".xz", ".zst")
ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.xz", ".tar.zst")


def plain_name(file: Any) -> str:
    """A file's name without what says that it is compressed."""
    name: str = file.name
    for suffix in COMPRESSED:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name


def in_order(file: Any) -> list[Any]:
    """What files are sorted by as people number them: `part-2` before `part-10`."""
    path = str(getattr(file, "path", file))
    return [(int(part), part) if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", path)]


def ending(file: Any) -> str:
    """The ending of a file's name that says what it holds, such as `.csv` of `train.csv.gz`."""
    return PurePosixPath(plain_name(file)).suffix.lower()


def is_compressed(file: Any) -> bool:
    """Whether a file's name says that it is compressed."""
    return bool(plain_name(file) != file.name)


def is_archive(path: Path) -> bool:
    """Whether a file's name says that it is an archive of files."""
    return path.name.lower().endswith(ARCHIVES)

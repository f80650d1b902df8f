"""Files side by side that are columns of one table: which belong together, and how each column is called."""

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from seqnet.data.formats.names import ending, plain_name
from seqnet.data.formats.opening import Beside, parents
from seqnet.data.formats.split_names import split_called
from seqnet.errors import DataError

WITHOUT_NAME = (".txt", ".text", ".npy", "")  # endings of files side by side that do not tell one from the other


def siblings(path: Path, names: Sequence[str]) -> Beside:
    """The file and those beside it whose names differ in the ending. Raises DataError where one is missing."""
    stem = plain_name(path).removesuffix(ending(path))
    found = []
    for name in names:
        there = [path.parent / f"{stem}.{name}{packed}" for packed in ("", ".gz", ".xz", ".zst")]
        file = next((each for each in there if each.is_file()), None)
        if file is None:
            raise DataError(
                f"{path}: there is no {stem}.{name} beside it; put it there, or name both with data.path=[FILE,FILE]"
            )
        found.append(file)
    return Beside(tuple(found), tuple(names))


def side_by_side(files: Sequence[Any]) -> Any:
    """Files as the columns of one table, called by what tells them apart."""
    names = [column_name(file) for file in files]
    if len(set(names)) < len(names):
        names = [plain_name(file) for file in files]
    return Beside(tuple(files), tuple(names))


def column_name(file: Any) -> str:
    """What tells a file from those beside it: its ending, or else its name without the split."""
    if ending(file) not in WITHOUT_NAME:
        return ending(file)[1:]
    parts = re.split(r"([._\- ])", PurePosixPath(plain_name(file)).stem)
    kept = [place for place in range(0, len(parts), 2) if not split_called(parts[place])]
    return "".join(parts[kept[0] : kept[-1] + 1]) if kept else "text"


def tables_of(files: Sequence[Any], root: Any, names: Sequence[str] | None) -> list[Any]:
    """Files that differ in their column alone, side by side. names: of the columns, in order; None: all, by name."""
    groups: dict[tuple[tuple[str, ...], str], dict[str, Any]] = {}
    for file in files:
        column = column_name(file)
        base = plain_name(file).removesuffix(ending(file))
        key = base if ending(file) not in WITHOUT_NAME else base.replace(column, "", 1).strip("._- ")
        groups.setdefault((parents(file, root), key), {})[column] = file
    found = []
    for group in groups.values():
        order = sorted(group) if names is None else [name for name in names if name in group]
        if names is not None and len(order) < len(names):
            first, missing = next(iter(group.values())), next(name for name in names if name not in group)
            raise DataError(
                f"{first}: there is none of '{missing}' beside it; put it there, or name all with data.path=[FILE,FILE]"
            )
        found.append(Beside(tuple(group[name] for name in order), tuple(order)))
    return found

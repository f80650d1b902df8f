"""Which files are which split: of a file, a folder, an archive, a list of files, or a Hub name."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from seqnet.data.files import HUB_NAME, SPLIT_NAMES, load_hub, reading, shown
from seqnet.data.formats.archive import Member
from seqnet.data.formats.auto import Auto
from seqnet.data.formats.columns import names_in
from seqnet.data.formats.folder import NAMES as OF_FOLDERS
from seqnet.data.formats.folder import TEXT, ClassFolders, Folder
from seqnet.data.formats.format import Column, Format
from seqnet.data.formats.hub import Hub
from seqnet.data.formats.lines import Lines
from seqnet.data.formats.names import ending, in_order, is_archive, is_compressed
from seqnet.data.formats.opening import Beside, parents, tree
from seqnet.data.formats.side_by_side import WITHOUT_NAME, column_name, siblings, side_by_side, tables_of
from seqnet.data.formats.split_names import are_shards, split_called, split_of, stem_of
from seqnet.errors import ConfigurationError, DataError, MissingData, nearest

HELD = 5  # names that an error shows of what a folder holds
READ_ME = re.compile(r"(read_?me|licen[cs]e|notice|changelog|citation|dataset_(infos|dict))\b.*", re.IGNORECASE)
Path_ = str | Path | Sequence[str | Path] | None


@dataclass(frozen=True)
class Part:
    """A file, or several that are one table, and the format in which it is read."""

    file: Any
    format: Format


@dataclass(frozen=True)
class Found:
    """The files of each split that there is. told: sentences about what was chosen that could be otherwise."""

    splits: dict[str, list[Part]]
    told: tuple[str, ...] = ()


def find(
    path: Path_,
    data_dir: str | Path,
    name: str | None,
    about: str | None,
    format: Format,
    columns: Sequence[Column] = (),
) -> Found:
    """The files of each split.

    path: a file, a folder, an archive, a list of files, or a Hub name; None for the folder `name` under `data_dir`.
    about: what to put there, for the sentence that says it is missing. columns: those asked for, which tell the files
    that stand side by side. A file's split is a folder called so, the last part of its name or the first: `dev.tsv`,
    `train.tok.de`, `en_ewt-ud-train.conllu`. One that is named for none is training data where no other is. Raises
    ConfigurationError where neither path nor name is given, DataError.
    """
    if path is None and name is None:
        raise ConfigurationError("data.path is not set; name a file, a folder, a list of files or a Hub data set")
    if not (path is None or isinstance(path, str | Path)):
        return _picked(*_listed([Path(each) for each in path], format, columns), format, columns)
    where = Path(data_dir) / str(name) if path is None else Path(path)
    hint = (about if path is None else None) or _hint(format, columns)
    with reading(where):
        if where.is_dir() or (where.is_file() and is_archive(where)):
            return _picked(*_of_folder(where, hint, format, columns), format, columns)
        if where.exists():
            return _picked(_of_file(where, format, columns), (), format, columns)
    known = isinstance(format, Auto) and ending(where) in format.by_ending
    if path is not None and isinstance(format, Auto | Hub) and HUB_NAME.fullmatch(str(path)) and not known:
        return _picked(dict(load_hub(str(path))), (), format, columns)
    raise MissingData(f"{where} does not exist{_beside(where) if path is not None and where.suffix else f': {hint}'}")


def _picked(found: dict[str, list[Any]], told: Sequence[str], format: Format, columns: Sequence[Column]) -> Found:
    """The format of each file, and what is told, each sentence once."""
    splits, said = {}, list(told)
    for split in SPLIT_NAMES:
        parts = []
        for file in found.get(split, ()):
            picked, sentence = format.pick(file, columns)
            parts.append(Part(file, picked))
            said += [sentence] if sentence and len(parts) == 1 else []
        if parts:
            splits[split] = parts
    return Found(splits, tuple(dict.fromkeys(said)))


def _beside(missing: Path) -> str:
    """What is there in place of a file that is not: the name most like its own, or the folder's first ones."""
    if not missing.parent.is_dir():
        return f": there is no folder {missing.parent}"
    there = sorted(path.name for path in missing.parent.iterdir())
    if not there:
        return f": {missing.parent} is empty"
    alike = nearest(missing.stem, (Path(name).stem for name in there))  # an ending is alike in all of them
    found = nearest(missing.name, (name for name in there if Path(name).stem == alike))
    return f"; did you mean '{found}'?" if found else f": {missing.parent} holds {shown(', '.join(there), 200)}"


def _hint(format: Format, columns: Sequence[Column]) -> str:
    """What to put into a folder, or to name, that this format reads."""
    if isinstance(format, Auto):
        return "put train.csv (or another format's file) there, or name your own file or folder with data.path="
    if isinstance(format, Lines):
        ends = names_in(columns)[:2] or ["de", "en"]
        return f"put {' and '.join(f'train.{end}' for end in ends)} there, or name your own with data.path=[FILE,FILE]"
    if isinstance(format, ClassFolders):
        return "put a folder of files for each class there, or name your own folder with data.path="
    if isinstance(format, Hub):
        return "give a Hub name such as owner/name with data.path="
    first = (format.endings or (".*",))[0]
    return f"put train{first} there, or name your own file or folder with data.path="


# ------------------------------------------------------------------------------------------------ a file, or a list


def _of_file(path: Path, format: Format, columns: Sequence[Column]) -> dict[str, list[Any]]:
    split, _ = split_of(path) or ("train", True)
    names = names_in(columns)
    if isinstance(format, Lines | Auto) and ending(path) not in WITHOUT_NAME and len(names) > 1:
        if column_name(path) in names:
            return {split: [siblings(path, names)]}
    if isinstance(format, ClassFolders):
        raise DataError(f"{path} is no folder; name one that holds a folder of files for each class, with data.path=")
    inner = format.splits(path)
    return {split: [path]} if inner is None else {split: [file] for split, file in inner.items()}


def _listed(
    paths: Sequence[Path], format: Format, columns: Sequence[Column]
) -> tuple[dict[str, list[Any]], Sequence[str]]:
    if not paths:
        raise ConfigurationError("data.path=[] names no file; name some")
    for path in paths:
        with reading(path):
            if isinstance(format, ClassFolders):
                raise DataError(f"{path}: a folder is read and no list; name one that holds a folder for each class")
            if not path.is_file():
                raise DataError(f"{path} is no file; a list in data.path= holds files")
    grouped: dict[str, list[Any]] = {}
    for path in paths:
        grouped.setdefault((split_of(path) or ("train", True))[0], []).append(path)
    unknown = isinstance(format, Auto) and all(
        ending(path) in WITHOUT_NAME or ending(path) not in format.by_ending for path in paths
    )
    if format.beside or (unknown and len(columns) > 1):
        return {split: [side_by_side(files)] for split, files in grouped.items()}, ()
    return grouped, ()


# ------------------------------------------------------------------------------------------- a folder or an archive


def _of_folder(
    place: Path, hint: str, format: Format, columns: Sequence[Column]
) -> tuple[dict[str, list[Any]], Sequence[str]]:
    files = tree(place)
    said = [file for file in files if not READ_ME.fullmatch(file.name)]
    root = _without_top(place, said or files, isinstance(format, ClassFolders))
    if said and root != _root(place, files):  # all but a README lie below, as in a data set of the Hub
        files = said
    if isinstance(format, ClassFolders):
        return _class_folders(root, files, format, hint), ()
    asked = names_in(columns)
    beside: list[Any] = []
    if isinstance(format, Auto | Lines) and len(asked) > 1:
        beside = [file for file in files if _in_reach(file, root, False) and column_name(file) in asked]
        if {column_name(file) for file in beside} >= set(asked):
            others = [file for file in files if file not in beside]
            more = _known(others, root, format) if isinstance(format, Auto) else []
            tables = [file for file in more if split_of(file, parents(file, root), loose=True)]  # of other splits
            return _chosen(place, [*tables_of(beside, root, asked), *tables], root, False)
    if isinstance(format, Auto):
        mine = _known(files, root, format)
        if not mine and beside:
            tables_of(beside, root, asked)  # says which is missing
        if not mine and set(asked) <= {*OF_FOLDERS, TEXT} and set(asked) & set(OF_FOLDERS):
            return _class_folders(_without_top(place, files, True), files, ClassFolders(), hint), ()
        several = all(format.pick(file, columns)[0].several for file in mine)
    else:
        several = format.several
        mine = [
            file
            for file in files
            if ending(file) in format.endings
            and _in_reach(file, root, several)
            and not (format.local and is_compressed(file))
        ]
        if not mine and not format.local:  # many a text is called .txt, whatever it holds
            mine = [file for file in files if ending(file) == ".txt" and _in_reach(file, root, several)]
        if format.beside and not isinstance(format, Lines):
            mine = tables_of(mine, root, None)
        elif isinstance(format, Lines) and not asked:
            named = [file for file in files if _in_reach(file, root, False) and split_of(file, parents(file, root))]
            mine = tables_of(named or mine, root, None)
    if not mine:
        raise DataError(f"{place} holds {_nothing_of(format, files, root)}: {hint}")
    if len(mine) == 1 and (inner := format.splits(mine[0])) is not None:
        return {split: [file] for split, file in inner.items()}, ()
    return _chosen(place, mine, root, several)


def _root(place: Path, files: Sequence[Any]) -> Any:
    """The folder or the archive itself, as its files say where they lie."""
    return PurePosixPath() if files and isinstance(files[0], Member) else place


def _without_top(place: Path, files: list[Any], classes: bool) -> Any:
    """The folder in which the files lie, where all lie in one that is no split, as in many an archive.

    classes: the last folder says a file's class, so it is none of these.
    """
    root = _root(place, files)
    while files:
        within = [parents(file, root) for file in files]
        tops = {folders[0] if folders else "" for folders in within}
        if len(tops) > 1 or "" in tops or split_called(next(iter(tops))) or (classes and min(map(len, within)) < 2):
            break
        root = root / next(iter(tops))
    return root


def _in_reach(file: Any, root: Any, deep: bool) -> bool:
    """Whether a file lies in the folder itself, or in that of a split; deep: or in any below."""
    within = parents(file, root)
    return deep or not within or (len(within) == 1 and split_called(within[0]) is not None)


def _known(files: Sequence[Any], root: Any, format: Auto) -> list[Any]:
    """The files of a known format: tables and the like, or where there are none texts."""
    known = [file for file in files if ending(file) in format.by_ending and not READ_ME.fullmatch(file.name)]
    known = [file for file in known if _in_reach(file, root, format.by_ending[ending(file)].several)]
    tables = [file for file in known if not format.by_ending[ending(file)].several]
    return tables or [file for file in known if ending(file) != ".md"]


def _chosen(place: Path, files: Sequence[Any], root: Any, several: bool) -> tuple[dict[str, list[Any]], Sequence[str]]:
    """The files by split. Raises DataError where two are the same one."""
    found: dict[str, dict[bool, list[Any]]] = {}
    others, told = [], []
    for file in files:
        one = file.files[0] if isinstance(file, Beside) else file
        named = split_of(one, parents(one, root), loose=True)
        if named is None:
            others.append(file)
        else:
            found.setdefault(named[0], {}).setdefault(named[1], []).append(file)
    splits: dict[str, list[Any]] = {}
    for split, plainly in found.items():
        chosen = sorted(plainly.get(True) or plainly[False], key=_first)
        called = [file for file in chosen if not isinstance(file, Beside) and split_called(stem_of(file)) and several]
        if len(called) > 1 and len({parents(file, root) for file in called}) == 1:  # valid.txt and dev.txt
            raise DataError(f"{called[0]} and {called[1]} are the same split; keep one of them in the folder")
        if len(chosen) > 1 and not several and not (are_shards(chosen) or _in_their_folder(chosen, root)):
            if True in plainly or split == "train":
                raise DataError(f"{chosen[0]} and {chosen[1]} are the same split; keep one of them in the folder")
            left = shown(", ".join(map(_short, chosen[1:])), 200)
            told.append(f"the {split} split is {_short(chosen[0])}; {left} could be it too and is left out")
            chosen = chosen[:1]
        splits[split] = chosen
    if "train" in splits or (splits and not others):
        unread = [*others, *(file for plainly in found.values() if True in plainly for file in plainly.get(False, ()))]
        if names := shown(", ".join(_short(file) for file in unread if not READ_ME.fullmatch(_short(file))), 200):
            told.append(f"left out: {names}; to read such a file too, list all that are meant: data.path=[FILE,FILE]")
        return splits, told
    if len(others) > 1 and not several:
        names = ", ".join(_short(file) for file in files)
        raise DataError(
            f"{place} holds {shown(names, 200)}, none of them named train; name the file you mean with data.path="
        )
    return {"train": sorted(others, key=_first)} | splits, told


def _first(file: Any) -> tuple[bool, list[Any]]:
    """What files are sorted by: those that belong together come before what else lies there."""
    beside = isinstance(file, Beside)
    return not beside, in_order(file.files[0] if beside else file)


def _in_their_folder(files: Sequence[Any], root: Any) -> bool:
    """Whether files lie in a folder that is called as their split, so that all of them are that split."""
    folders = {parents(file, root) for file in files if not isinstance(file, Beside)}
    return len(folders) == 1 and bool(folders.pop()) and not any(isinstance(file, Beside) for file in files)


def _short(file: Any) -> str:
    return " and ".join(each.name for each in file.files) if isinstance(file, Beside) else str(file.name)


def _nothing_of(format: Format, files: Sequence[Any], root: Any) -> str:
    """What a folder holds in place of what is looked for."""
    kind = f"{_or(format.endings)} file" if format.endings else "file of a known format"
    if not files:
        return f"no {kind}, and nothing else that is not hidden"
    names = sorted({parents(file, root)[0] + "/" if parents(file, root) else file.name for file in files})
    more = f" and {len(names) - HELD} more" if len(names) > HELD else ""
    return f"no {kind} but {shown(', '.join(names[:HELD]), 200)}{more}"


def _or(endings: Sequence[str]) -> str:
    return endings[0] if len(endings) == 1 else f"{', '.join(endings[:-1])} or {endings[-1]}"


def _class_folders(root: Any, files: Sequence[Any], format: ClassFolders, hint: str) -> dict[str, list[Any]]:
    """The files below folders called as a split, else all; those outside of any class only where names say classes."""
    wanted: Callable[[Any], bool] = lambda file: format.ending in (None, Path(file.name).suffix.lower())  # noqa: E731
    mine = [file for file in files if wanted(file)]
    grouped: dict[str, list[Any]] = {}
    for file in mine:
        within = parents(file, root)
        grouped.setdefault((within and split_called(within[0])) or "", []).append(file)
    splits = {split: named for split, named in grouped.items() if split}
    if not splits:
        inner = [file for file in mine if parents(file, root)]
        splits = {"train": mine if format.by_name or not inner else inner} if mine else {}
    if not splits:
        raise DataError(f"{root} holds {_nothing_of(format, files, root)}: {hint}")
    made: dict[str, list[Any]] = {}
    for split, named in splits.items():
        within = parents(named[0], root)
        at = root / within[0] if within and split_called(within[0]) else root
        made[split] = [Folder(at, tuple(named))]
    return made

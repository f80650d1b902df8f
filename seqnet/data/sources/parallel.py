"""Sentences, each beside its translation, or any other text that is to be made of it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any, Literal, NamedTuple

from torch import Tensor

from seqnet.data.encoding import Level, TextEncoder, ragged
from seqnet.data.examples import Examples
from seqnet.data.files import (
    TABLES,
    BadRows,
    EncodedSplits,
    File,
    OnBadRow,
    check_columns,
    find_files,
    never_seen,
    read_beside,
    read_table,
)
from seqnet.data.pairs import LONGEST_TARGET, pairs, unanswered, with_ends, writing
from seqnet.data.running_text import read_texts
from seqnet.errors import ConfigurationError, DataError, did_you_mean
from seqnet.kinds import ENDS, RANKED, SHARED, Axis, Item, Kind
from seqnet.options import Column, Count, Dropout, FilePath, FolderName, NotEmpty, SomeShare
from seqnet.spaces import Space, Tokens, Writing

VOCABULARIES = ("apart", "joint")


class Pair(NamedTuple):
    """A source and its target, and where they were read: the file of each, and the line."""

    files: tuple[File, File]
    number: int
    texts: tuple[str, str]


class Parallel:
    """What is the target of this source? Two files a split, or rows of CSV, TSV, JSONL, parquet or a Hub data set.

    path: a folder, a table, the source's file of two, or a Hub name; None for the folder `name` under `data_dir`;
    about: what to put there. source, target: the endings of two files (`de` and `en` of train.de and train.en), or
    the columns of a table: names, or positions where there is no header. A split without a file of its own is a
    share of the training rows, drawn by the seed; where no file is called test, the first by name that begins so is
    the test split. level, lower, vocabulary_size, min_count: see TextEncoder. vocabulary: `apart`, each side its
    own, or `joint`, one for both, which may then share an embedding. max_length: a row of more tokens on either
    side is a bad row, in what is to be predicted too. Raises ConfigurationError.
    """

    inputs: Tokens
    targets: Tokens
    source: Tokens
    writing: Writing

    def __init__(
        self,
        seed: int,
        data_dir: str | Path,
        path: FilePath | None = None,
        name: FolderName | None = None,
        about: NotEmpty | None = None,
        source: Column = "source",
        target: Column = "target",
        level: Level = "words",
        lower: bool = False,
        vocabulary: Literal["apart", "joint"] = "apart",
        vocabulary_size: Count | None = None,
        min_count: Count = 1,
        max_length: Count | None = None,
        valid_share: SomeShare = 0.1,
        test_share: Dropout = 0.0,
        on_bad_row: OnBadRow = "raise",
    ) -> None:
        self.columns = {"source": source, "target": target}
        check_columns(self.columns)
        if vocabulary not in VOCABULARIES:
            hint = did_you_mean(vocabulary, VOCABULARIES)
            raise ConfigurationError(f"data.vocabulary must be apart or joint, not '{vocabulary}'{hint}")
        if max_length is not None and max_length < 1:
            raise ConfigurationError(f"data.max_length is {max_length}; it must be at least 1, or null for no limit")
        self.joint = vocabulary == "joint"
        ranked = frozenset({ENDS} if level == "bpe" else {ENDS, RANKED})
        self.target_kind = Kind(Item.TOKEN, Axis.SEQUENCE, ranked)
        shared = frozenset({SHARED} if self.joint else ())
        self.input_kinds = {"source": Kind(Item.TOKEN, Axis.SEQUENCE, shared)}
        self.source_text = TextEncoder(level, lower, vocabulary_size, min_count)
        self.target_text = self.source_text if self.joint else TextEncoder(level, lower, vocabulary_size, min_count)
        self.max_length = max_length
        self.bad = BadRows(on_bad_row)
        self.views: dict[str, Space] = {}
        self.where = Path(data_dir) / str(name) if path is None else Path(path)
        self._place = (path, data_dir, name, about)
        self._splits = EncodedSplits(
            str(self.where), self._find, self._read, self._encode, seed, valid_share, test_share
        )

    @property
    def bad_rows(self) -> int:
        """How many rows were left out."""
        return self.bad.count

    # --------------------------------------------------------------- what is learned

    def fit(self) -> None:
        """Learn the tokens of both sides from the training split. Raises DataError with file and line."""
        self._splits.fit(self._learn)
        train = self._splits.examples("train")
        assert train is not None
        self.writing = replace(self.writing, longest=int(train.lengths.max()))

    def _learn(self, rows: list[Pair]) -> None:
        sources, targets = ([row.texts[side] for row in rows] for side in (0, 1))
        if self.joint:
            self.target_text.learn(sources + targets)
        else:
            self.source_text.learn(sources)
            self.target_text.learn(targets)
        self._know(1)

    def _know(self, longest: int) -> None:
        self.inputs = self.targets = with_ends(self.target_text.names, self.target_text.ranked)
        self.source = self.inputs if self.joint else Tokens(self.source_text.names)
        self.writing = writing(self.targets, longest, self.target_text.forbidden)

    def state(self) -> dict[str, Any]:
        """The tokens of source (None where both sides share them) and target, and the longest target's length."""
        source = None if self.joint else self.source_text.state()
        return {"source": source, "target": self.target_text.state(), "longest": self.writing.longest}

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`. Raises DataError where it is malformed."""
        if not isinstance(state, dict) or state.keys() != {"source", "target", "longest"}:
            raise DataError("the stored data state is not that of parallel text: it lacks its source or its target")
        if (state["source"] is None) != self.joint:
            raise DataError(f"the stored data state does not go with data.vocabulary={VOCABULARIES[self.joint]}")
        longest = state["longest"]
        if not isinstance(longest, int) or not 1 <= longest <= LONGEST_TARGET:
            raise DataError("the stored data state does not say how long the longest target is")
        if not self.joint:
            self.source_text.restore(state["source"])
        self.target_text.restore(state["target"])
        self._know(longest)

    # ------------------------------------------------------------------- what is read

    def split(self, name: str) -> Examples | None:
        """The rows of `train`, `valid` or `test`; None where there is no such split. Raises DataError."""
        return self._splits.examples(name)

    def _find(self) -> dict[str, list[File]]:
        source, target = self.columns.values()
        path, data_dir, name, about = self._place
        beside = (f".{source}",) if isinstance(source, str) else ()
        if about is None and isinstance(source, str):
            about = f"put train.{source} and train.{target} there, or a table, or name your own with data.path="
        found = find_files(path, data_dir, name, about, (*beside, *TABLES))
        if "test" not in found and self.where.is_dir():
            files = sorted(file for file in self.where.glob("test*") if file.suffix in (*beside, *TABLES))
            if files and files not in found.values():
                found["test"] = [files[0]]
        return found

    def _read(self, files: list[File]) -> list[Pair]:
        rows = []
        for file in files:
            both, lines = self._open(file)
            for number, (source, target) in lines:
                if self._fine(both, number, _problem("source", source), _problem("target", target)):
                    rows.append(Pair(both, number, (source.strip(), target.strip())))
            if not rows:
                raise DataError(f"{file}: no row that can be used; name a file that has some with data.path=")
        return rows

    def _open(self, file: File) -> tuple[tuple[File, File], Iterator[tuple[int, Sequence[Any]]]]:
        """The files of source and target, and their rows."""
        source, target = self.columns.values()
        if not isinstance(file, Path) or file.suffix != f".{source}":
            return (file, file), read_table(file, self.columns, self.bad)
        other = file.parent / f"{file.stem}.{target}"
        if not other.is_file():
            raise DataError(
                f"{file}: there is no {other.name} beside it; put it there, or say with data.target= what its name "
                "ends in"
            )
        return (file, other), read_beside(file, other, self.bad)

    def _encode(self, rows: list[Pair]) -> Examples:
        sources, targets = [], []
        for row in rows:
            source, target = self.source_text.encode(row.texts[0]), self.target_text.encode(row.texts[1])
            problems = self._length_problem("source", len(source)), self._length_problem("target", len(target))
            if self._fine(row.files, row.number, *problems):
                sources.append(source)
                targets.append(target)
        if not sources:
            raise DataError(f"{rows[0].files[0]}: no row that can be used; name a file that has some with data.path=")
        return pairs(ragged(sources), ragged(targets), self.writing)

    def _fine(self, files: tuple[File, File], number: int, *problems: str | None) -> bool:
        """Whether neither side of a row has a problem; the row is a bad one otherwise."""
        for file, problem in zip(files, problems, strict=True):
            if problem is not None:
                self.bad(file, number, problem)
                return False
        return True

    def _length_problem(self, side: str, length: int) -> str | None:
        if self.max_length is None or length <= self.max_length:
            return None
        return f"the {side} has {length} tokens, more than data.max_length={self.max_length}"

    def read_inputs(self, lines: Iterable[str], where: str, first: int = 1) -> Examples:
        """Each line a source, nothing asked. Raises DataError for a line without a token, and for one too long.

        where, first: what the lines are read from, and the number of the first.
        """
        found = read_texts(self.source_text, (line.strip() for line in lines), where, first)
        for number, length in enumerate(found.lengths.tolist(), first):
            if problem := self._length_problem("source", length):
                raise DataError(f"{where}, line {number}: {problem}; shorten it, or take the line out")
        return unanswered(found, self.writing)

    # ------------------------------------------------------------------ what is shown

    def text(self, ids: Sequence[int] | Tensor) -> str:
        """What target ids say, up to the first end.

        A word of a reference that the training split lacks is `<unk>`, a character U+FFFD. Neither is ever written,
        so they count as wrong, as the word itself would, and BLEU by white space is that of the file's own text.
        """
        return self.target_text.encoding.decode(self._own(ids)).strip()

    def _own(self, ids: Sequence[int] | Tensor) -> list[int]:
        """The ids before the first end that stand for text."""
        numbers = takewhile(lambda number: number != self.writing.end, map(int, ids))
        return [number for number in numbers if 0 <= number < len(self.target_text.names)]

    def words(self, ids: Sequence[int] | Tensor) -> list[str]:
        """Each target token by itself, as the label of an axis."""
        return _labels(self.target_text, self.targets, ids)

    def source_words(self, row: Tensor) -> list[str]:
        """Each token of a source by itself, as the label of an axis. row: [source_time]."""
        return _labels(self.source_text, self.source, row)

    def encode_target(self, text: str) -> list[int]:
        """The ids of a target, or of its beginning. Raises DataError for a word or character that is never written."""
        found: list[int] = self.target_text.encode(text).tolist()
        for place, number in enumerate(found):
            if number in self.target_text.forbidden:
                what, pieces = ("word", text.split()) if self.target_text.level == "words" else ("character", text)
                raise DataError(never_seen(what, pieces[place], self.target_text.names))
        return found

    def show(self, row: Tensor) -> str:
        """The text of a source. row: [source_time]."""
        return self.source_text.decode(row).strip()


def _problem(side: str, text: Any) -> str | None:
    if not isinstance(text, str):
        return f"the {side} is not a string but {type(text).__name__}"
    if not text.strip():
        return f"the {side} is empty"
    return None


def _labels(encoder: TextEncoder, space: Tokens, ids: Sequence[int] | Tensor) -> list[str]:
    """The text of each token, or else its name: an end has no text, and that of a space would not be seen."""
    known = len(encoder.names)
    return [
        (encoder.encoding.decode([number]).strip() if number < known else "") or space.names[number]
        for number in map(int, ids)
    ]

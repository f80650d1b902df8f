"""Any running text of the user's own, for a language model."""

import re
from pathlib import Path

from seqnet.data.encoding import Level, TextEncoder
from seqnet.data.files import (
    BadRows,
    File,
    HubSplit,
    OnBadRow,
    Splits,
    find_files,
    hold_out_rows,
    read_table,
    read_text,
)
from seqnet.data.running_text import RunningText
from seqnet.errors import DataError
from seqnet.options import Count, Dropout, FilePath, FolderName, NotEmpty, SomeShare

SUFFIXES = (".txt", ".jsonl", ".parquet")


class Text(RunningText):
    """A UTF-8 file, which is one document; a folder of .txt files; or rows of JSONL, parquet or a Hub data set.

    path: None for the folder `name` under `data_dir`; about: what to put there. A folder's files are documents,
    or splits where one is named train.txt (also valid.txt, test.txt). A split without a file of its own is a
    share of the training text: the end of a single document, else documents at random. text_column: which column
    of a table is the text. level, lower, vocabulary_size, min_count: see TextEncoder. Raises ConfigurationError.
    """

    def __init__(
        self,
        seed: int,
        data_dir: str | Path,
        path: FilePath | None = None,
        name: FolderName | None = None,
        about: NotEmpty | None = None,
        level: Level = "characters",
        lower: bool = False,
        vocabulary_size: Count | None = None,
        min_count: Count = 1,
        text_column: NotEmpty = "text",
        valid_share: SomeShare = 0.1,
        test_share: Dropout = 0.0,
        on_bad_row: OnBadRow = "raise",
    ) -> None:
        super().__init__(TextEncoder(level, lower, vocabulary_size, min_count, line_ends=True))
        self.seed = seed
        self.text_column = text_column
        self.bad = BadRows(on_bad_row)
        self._where = str(Path(data_dir) / str(name) if path is None else path)
        self._splits = Splits(
            lambda: find_files(path, data_dir, name, about, SUFFIXES, several=True),
            self._read,
            self._hold_out,
            valid_share,
            test_share,
        )

    @property
    def where(self) -> str:
        """The path."""
        return self._where

    @property
    def bad_rows(self) -> int:
        """How many lines or rows were left out."""
        return self.bad.count

    def documents(self, name: str) -> list[str] | None:
        """The texts of a split. Raises DataError with file and line."""
        return self._splits.rows(name)

    def _read(self, files: list[File]) -> list[str]:
        texts: list[str] = []
        for file in files:
            found = self._rows(file) if isinstance(file, HubSplit) or file.suffix in SUFFIXES[1:] else None
            texts += [self._whole(Path(str(file)))] if found is None else found
        return texts

    def _whole(self, path: Path) -> str:
        text = read_text(path, self.bad)
        if not text.strip():
            raise DataError(f"{path}: there is no text in it; name a file that has some with data.path=")
        return text

    def _rows(self, file: File) -> list[str]:
        texts = []
        for number, (text,) in read_table(file, {"text_column": self.text_column}, self.bad):
            if isinstance(text, str) and text.strip():
                texts.append(text)
            else:
                self.bad(file, number, f"there is no text in column '{self.text_column}'")
        if not texts:
            raise DataError(f"{file}: no row that can be used; name a file that has some with data.path=")
        return texts

    def _hold_out(self, texts: list[str], valid: float, test: float) -> dict[str, list[str]]:
        if len(texts) > 1:
            return hold_out_rows(texts, valid, test, self.seed)
        (text,) = texts
        cuts = [self._cut(text, 1 - valid - test), self._cut(text, 1 - test)]
        parts = {"train": text[: cuts[0]], "valid": text[cuts[0] : cuts[1]], "test": text[cuts[1] :]}
        return {name: [part] if part else [] for name, part in parts.items()}

    def _cut(self, text: str, share: float) -> int:
        """Where the first `share` of the text ends; characters exactly, else behind the next white space."""
        place = int(len(text) * share)
        if self.encoder.level == "characters" or place in (0, len(text)):
            return place
        space = re.compile(r"\s").search(text, place)
        return space.end() if space else len(text)

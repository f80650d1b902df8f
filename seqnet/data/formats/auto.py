"""The format that a file's name says, or of a text what its first lines hold."""

from collections.abc import Iterator, Sequence
from typing import Any

from seqnet.data.files import BadRows, HubSplit
from seqnet.data.formats.babi import Babi, looks_like_story
from seqnet.data.formats.conll import Conll, looks_like_columns
from seqnet.data.formats.conllu import Conllu
from seqnet.data.formats.csv import Csv
from seqnet.data.formats.documents import Documents
from seqnet.data.formats.fasta import Fasta
from seqnet.data.formats.fastq import Fastq
from seqnet.data.formats.folder import ClassFolders, Folder
from seqnet.data.formats.format import Column, Format, Rows
from seqnet.data.formats.hub import Hub
from seqnet.data.formats.json import Json
from seqnet.data.formats.jsonl import Jsonl, looks_like_rows
from seqnet.data.formats.lines import Lines
from seqnet.data.formats.midi import Midi
from seqnet.data.formats.names import ending
from seqnet.data.formats.npy import Npy
from seqnet.data.formats.npz import Npz
from seqnet.data.formats.opening import Beside, Inside
from seqnet.data.formats.parquet import Parquet
from seqnet.data.formats.text import beginning, check_encoding
from seqnet.data.formats.tsv import Tsv
from seqnet.data.formats.xlsx import Xlsx
from seqnet.errors import DataError

LOOKED_AT = (".txt", ".tsv", ".text", ".json")


class Auto(Format):
    """Each file is read in the format that it seems to be of, with this encoding. Raises ConfigurationError."""

    def __init__(self, encoding: str = "utf-8") -> None:
        self.encoding = check_encoding(encoding)
        text = [Csv(encoding=encoding), Tsv(encoding=encoding), Conll(encoding=encoding), Documents(encoding)]
        others = [Jsonl(), Json(), Parquet(), Xlsx(), Conllu(), Fasta(), Fastq(), Babi(), Npy(), Npz(), Midi()]
        self.by_ending: dict[str, Format] = {each: format for format in [*text, *others] for each in format.endings}

    def pick(self, file: Any, columns: Sequence[Column]) -> tuple[Format, str | None]:
        """By what it is, by the ending of its name, and of text by its first lines, which is told. Raises DataError."""
        if isinstance(file, HubSplit):
            return Hub(), None
        if isinstance(file, Folder):
            return ClassFolders(), None
        if isinstance(file, Inside):
            return self.pick(file.file, columns)
        if isinstance(file, Beside):
            return (Npy() if ending(file.files[0]) in Npy.endings else Lines(self.encoding)), None
        found = self.by_ending.get(ending(file))
        if found is None:
            raise DataError(
                f"{file}: cannot tell its format by its name; say which it is, such as data/format=csv, or text, lines "
                "or conll"
            )
        return self._by_content(file, found) if ending(file) in LOOKED_AT else (found, None)

    def rows(self, file: Any, columns: Sequence[Column], bad: BadRows) -> Iterator[Rows]:
        """Those of the format that is picked. Raises DataError."""
        yield from self.pick(file, columns)[0].rows(file, columns, bad)

    def header(self, file: Any) -> tuple[str, ...] | None:
        """That of the format that is picked. Raises DataError."""
        return self.pick(file, ())[0].header(file)

    def check(self, file: Any, columns: Sequence[Column]) -> None:
        """As the format that is picked. Raises DataError with the nearest name."""
        self.pick(file, columns)[0].check(file, columns)

    def everything(self, file: Any, columns: Sequence[Column]) -> tuple[tuple[str, ...], Column]:
        """As the format that is picked. Raises DataError."""
        return self.pick(file, columns)[0].everything(file, columns)

    def like(self, file: Any, columns: Sequence[Column]) -> Format:
        """As the format that is picked. Raises DataError."""
        return self.pick(file, columns)[0].like(file, columns)

    def remarks(self, file: Any, columns: Sequence[Column]) -> tuple[str, ...]:
        """Those of the format that is picked, and that it was by the content. Raises DataError."""
        found, told = self.pick(file, columns)
        return (*((told,) if told else ()), *found.remarks(file, columns))

    def count(self, file: Any) -> int | None:
        """As the format that is picked. Raises DataError."""
        return self.pick(file, ())[0].count(file)

    def splits(self, file: Any) -> dict[str, Any] | None:
        """As the format that is picked. Raises DataError."""
        return self.pick(file, ())[0].splits(file)

    def _by_content(self, file: Any, found: Format) -> tuple[Format, str | None]:
        lines = beginning(file, self.encoding)
        if isinstance(found, Json):
            rows = looks_like_rows(lines)
            return (Jsonl(), f"{file} is read as jsonl: each line is an object") if rows else (found, None)
        if columns := looks_like_columns(lines):
            said = f"{file} is read as conll: {columns} (data/format=text or tsv reads it otherwise)"
            return Conll(encoding=self.encoding), said
        if isinstance(found, Documents) and looks_like_story(lines):
            return (
                Babi(),
                f"{file} is read as babi: stories of numbered sentences (data/format=text reads it otherwise)",
            )
        if isinstance(found, Documents):
            return found, f"{file} is read as running text, a document (data/format=lines reads each line as a row)"
        return found, None

"""A format that counts how often it is read."""

from collections.abc import Iterator
from typing import Any

from seqnet.data.files import BadRows
from seqnet.data.formats.csv import Csv


class Counted(Csv):
    """A CSV of which each row that is handed out counts."""

    read = 0

    def rows(self, file: Any, columns: Any, bad: BadRows) -> Iterator[Any]:
        """As of a CSV."""
        for block in super().rows(file, columns, bad):
            self.read += len(block)
            yield block

"""How often each word occurs, of more words than memory holds."""

import json
import weakref
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from tempfile import TemporaryFile
from typing import IO, Any

from seqnet import strict_json
from seqnet.data.temporary import on_temporary

MOST = 1 << 19  # different words that are counted in memory
PARTS = 64  # that words in files are shared out to, by their hash: each part of all files is read back at once


class Counts:
    """How often each word was seen, exactly: beyond MOST different ones, in temporary files, to be added up.

    Raises DiskError where the disk is full.
    """

    def __init__(self) -> None:
        self._memory = Counter[str]()
        self._files: list[tuple[IO[bytes], list[int]]] = []  # and where each part begins

    def __bool__(self) -> bool:
        return bool(self._memory or self._files)

    def __getstate__(self) -> dict[str, Any]:
        return {"_memory": Counter(dict(self.items())), "_files": []}  # open files are no one else's

    @property
    def full(self) -> bool:
        """Whether memory holds no more of them beside as many again."""
        return len(self._memory) > MOST // 2 or bool(self._files)

    def update(self, words: Iterable[str]) -> None:
        """Count words."""
        self._memory.update(words)
        if len(self._memory) > MOST:
            self._write()

    def join(self, other: "Counts") -> None:
        """Count what another has counted, which then has nothing."""
        words, other._memory = other._memory, Counter()
        self.update(words)

    def _write(self) -> None:
        file, begins = TemporaryFile(), list[int]()
        weakref.finalize(self, file.close)
        with on_temporary():
            for part in _parts(self._memory):
                begins.append(file.tell())
                file.write(strict_json.dumps(part).encode() + b"\n")
            file.flush()
        self._files.append((file, begins))
        self._memory = Counter()

    def items(self) -> Iterator[tuple[str, int]]:
        """Each word and how often it was seen."""
        if not self._files:
            yield from self._memory.items()
            return
        for place, part in enumerate(_parts(self._memory)):
            found = Counter(dict(zip(*part, strict=True)))
            for file, begins in self._files:
                file.seek(begins[place])
                found.update(dict(zip(*json.loads(file.readline()), strict=True)))
            yield from found.items()


def _parts(counts: Mapping[str, int]) -> list[tuple[list[str], list[int]]]:
    """Words, and how often each was seen, shared out."""
    parts: list[tuple[list[str], list[int]]] = [([], []) for _ in range(PARTS)]
    for word, count in counts.items():
        words, times = parts[hash(word) % PARTS]
        words.append(word)
        times.append(count)
    return parts

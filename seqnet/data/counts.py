"""How often each word occurs, of more words than memory holds."""

import heapq
import json
import weakref
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from tempfile import TemporaryFile
from typing import IO, Any

from seqnet import strict_json
from seqnet.data.temporary import on_temporary

MOST = 1 << 19  # different words that are counted in memory
PIECE = 1 << 12  # of them that are read back at a time


class Counts:
    """How often each word was seen, exactly: beyond MOST different ones, sorted in a temporary file, to be merged.

    Raises DiskError where the disk is full.
    """

    def __init__(self) -> None:
        self._memory = Counter[str]()
        self._runs: list[IO[bytes]] = []

    def __bool__(self) -> bool:
        return bool(self._memory or self._runs)

    def __getstate__(self) -> dict[str, Any]:
        return {"_memory": Counter(dict(self.items())), "_runs": []}  # open files are no one else's

    @property
    def full(self) -> bool:
        """Whether memory holds no more of them beside as many again."""
        return len(self._memory) > MOST // 2 or bool(self._runs)

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
        run = TemporaryFile()
        weakref.finalize(self, run.close)
        pairs = sorted(self._memory.items())
        with on_temporary():
            for begin in range(0, len(pairs), PIECE):
                run.write(strict_json.dumps(pairs[begin : begin + PIECE]).encode() + b"\n")
            run.flush()
        self._runs.append(run)
        self._memory = Counter()

    def items(self) -> Iterator[tuple[str, int]]:
        """Each word and how often it was seen; from files in the order of the alphabet."""
        if not self._runs:
            yield from self._memory.items()
            return
        runs = [*map(_read, self._runs), iter(sorted(self._memory.items()))]
        for word, pairs in groupby(heapq.merge(*runs, key=itemgetter(0)), itemgetter(0)):
            yield word, sum(count for _, count in pairs)


def _read(run: IO[bytes]) -> Iterator[tuple[str, int]]:
    run.seek(0)
    for line in run:
        yield from map(tuple, json.loads(line))

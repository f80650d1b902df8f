"""Which cache belongs to a data set: one key for its options, the contents of its files and what reads them."""

import sys
from collections.abc import Iterable, Mapping
from typing import Any

from seqnet import strict_json
from seqnet.data import cache
from seqnet.data.located import Located

LARGE = 1 << 24  # bytes of files, from where on several processes read them sooner than one


def is_large(located: Located) -> bool:
    """Whether its files are such that several processes are worth more than beginning them costs."""
    return sum(cache.size_of(part.file) for part in located.parts) > LARGE


def kept(located: Located, described: Mapping[str, Any] | None, readers: Iterable[object]) -> cache.Cache | None:
    """What is kept of these very files, read so; None where they are small, or nothing is to be kept.

    described: all options, as plain values; None: nothing is. readers: whose classes' files count too.
    """
    folder = cache.folder()
    if described is None or folder is None:
        return None
    splits, parts = located.splits, located.parts
    named = list(located.named_files())
    if sum(map(cache.size_of, [*(part.file for part in parts), *named])) <= cache.WORTH_WHILE:
        return None
    key = [
        described,
        {split: cache.content_of([part.file for part in some], folder) for split, some in splits.items()},
        [f"{type(part.format).__module__}.{type(part.format).__name__}" for part in parts],
        cache.named(parts[0].format.base(parts[0].file), named) if named else None,
        cache.made_by(sys.modules[type(one).__module__] for one in readers),
    ]
    return cache.Cache(folder, strict_json.dumps(key, sort_keys=True))

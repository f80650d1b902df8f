"""The English text of Python's own reference, which every Python has in its standard library."""

from collections.abc import Iterable

from seqnet.data.encoding import Level, TextEncoder
from seqnet.data.running_text import RunningText
from seqnet.errors import ConfigurationError
from seqnet.options import Count, SomeShare


class PythonDocs(RunningText):
    """The topics that Python's `help()` knows, for a language model; the last share is held out.

    A paragraph that occurs more than once (white space aside) is kept where it occurs first, so that nothing
    held out was trained on. level, lower, vocabulary_size, min_count: see TextEncoder. Raises ConfigurationError.
    """

    def __init__(
        self,
        level: Level = "characters",
        lower: bool = False,
        vocabulary_size: Count | None = None,
        min_count: Count = 1,
        valid_share: SomeShare = 0.1,
    ) -> None:
        super().__init__(TextEncoder(level, lower, vocabulary_size, min_count, line_ends=True))
        if not 0 < valid_share < 1:
            raise ConfigurationError(f"data.valid_share is {valid_share}; it must be above 0 and below 1")
        self.valid_share = valid_share

    @property
    def where(self) -> str:
        """The module."""
        return "pydoc_data.topics"

    def documents(self, name: str) -> list[str] | None:
        """One text; there is no test split."""
        if name == "test":
            return None
        kept = unique_paragraphs(topics())
        held_out = kept[first_held_out(kept, self.valid_share) :]
        return [join(held_out if name == "valid" else kept[: len(kept) - len(held_out)])]


def topics() -> list[str]:
    """The texts by the order of their names."""
    from pydoc_data.topics import topics as found

    return [found[name] for name in sorted(found)]


def unique_paragraphs(texts: Iterable[str]) -> list[str]:
    """The paragraphs (between blank lines) of all texts, each where it occurs first."""
    kept: dict[str, str] = {}
    for text in texts:
        lines: list[str] = []
        for line in [*text.splitlines(), ""]:
            if line.strip():
                lines.append(line.rstrip())
            elif lines:
                paragraph = "\n".join(lines)
                kept.setdefault(" ".join(paragraph.split()), paragraph)
                lines = []
    return list(kept.values())


def first_held_out(paragraphs: list[str], share: float) -> int:
    """The number of the paragraph at which the last `share` of the characters begins."""
    total = sum(map(len, paragraphs))
    read = 0
    for number, paragraph in enumerate(paragraphs):
        if read >= total * (1 - share):
            return number
        read += len(paragraph)
    return len(paragraphs) - 1


def join(paragraphs: list[str]) -> str:
    """One text, blank lines between."""
    return "\n\n".join(paragraphs) + "\n"

"""bAbI: stories of numbered sentences, with questions in between."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, TextIO

from seqnet.data.files import BadRows
from seqnet.data.formats.blocks import one_by_one
from seqnet.data.formats.columns import of_row, resolve
from seqnet.data.formats.format import Column, Format, Rows, Writer
from seqnet.data.formats.text import numbered
from seqnet.data.formats.written import answer_of, cell, in_one_line, line, needs
from seqnet.data.formats.written import text as text_file

NAMES = ("story", "question", "answer", "supporting")
LINE = re.compile(r"(\d{1,6}) (.+)")
QUESTION = re.compile(r"\d{1,6} [^\t]+(\?\s*|\t[^\t]*(\t[\d ]*)?)")


class Babi(Format):
    """A row is a question: `story` (the sentences before it), `question`, `answer`, `supporting` (which of the story's
    sentences, 0 for the first, answer it).

    A line that begins with 1 begins a story. A question has a tab behind it, or ends with ? and has no answer, which is
    for predict. A story with a bad line is one bad row, from that line on.
    """

    endings: ClassVar = (".babi",)
    written: ClassVar = "records"

    def header(self, file: Any) -> tuple[str, ...] | None:
        """The four columns."""
        return NAMES

    def rows(self, file: Any, columns: Sequence[Column], bad: BadRows) -> Iterator[Rows]:
        """The chosen columns; `numbers` are the lines of the questions. Raises DataError."""
        wanted = resolve(columns, NAMES, len(NAMES), str(file))
        return one_by_one((number, of_row(row, wanted)) for number, row in _questions(file, bad))

    @contextmanager
    def writer(self, path: Path, names: Sequence[str]) -> Iterator[Writer]:
        """Writes stories with their questions and the answers to these.

        A story that goes on with the sentences of the one before is the same one. Raises ConfigurationError without a
        story or a question.
        """
        needs(path, names, "story", "question")
        with text_file(path) as to:
            story = _Story(to)

            def write(row: Mapping[str, Any]) -> None:
                said = row.get("story")
                sentences = list(map(in_one_line, said if isinstance(said, list) else [said]))
                story.ask(
                    sentences,
                    in_one_line(row.get("question")),
                    answer_of(row, names, NAMES, "answer"),
                    row.get("supporting") or (),
                )

            yield write


class _Story:
    """A story as it is written, sentence by sentence and question by question."""

    def __init__(self, to: TextIO) -> None:
        self._to, self._last = to, 0
        self._sentences: list[str] = []
        self._numbers: list[int] = []

    def ask(self, sentences: list[str], question: str, answer: Any, supporting: Sequence[int]) -> None:
        """Write a question, and before it what of its story is not written yet."""
        if sentences[: len(self._sentences)] != self._sentences:
            self._last, self._sentences, self._numbers = 0, [], []
        for sentence in sentences[len(self._sentences) :]:
            self._numbers.append(self._write(sentence))
        self._sentences = sentences
        facts = [str(self._numbers[place]) for place in supporting if place < len(self._numbers)]
        told = [] if answer is None else [in_one_line(cell(answer)), *([" ".join(facts)] if facts else [])]
        self._write("\t".join([question, *told]))

    def _write(self, text: str) -> int:
        self._last += 1
        line(self._to, f"{self._last} {text}")
        return self._last


def _questions(file: Any, bad: BadRows) -> Iterator[tuple[int, tuple[Any, ...]]]:
    story, places, broken = list[str](), dict[int, int](), False
    for number, text, problem in numbered(file):
        if problem is None and not text.strip():
            continue
        found = LINE.fullmatch(text)
        at = int(found[1]) if found else 0
        if at == 1:
            story, places, broken = [], {}, False
        if broken:
            continue
        parts = [part.strip() for part in found[2].split("\t")] if found else []
        problem = problem or _problem(at, parts, places)
        if problem is not None:
            bad(file, number, problem)
            broken = True
        elif len(parts) == 1 and not parts[0].endswith("?"):
            places[at] = len(story)
            story.append(parts[0])
        else:
            supporting = [places[int(fact)] for fact in (parts[2].split() if len(parts) > 2 else ())]
            yield number, (list(story), parts[0], (parts[1] if len(parts) > 1 else "") or None, supporting)


def _problem(at: int, parts: Sequence[str], places: dict[int, int]) -> str | None:
    if not at:
        return "not a sentence with its number before it, such as 1 Mary went to the hall."
    if at != 1 and not places:
        return f"a story that begins with {at} and not with 1"
    if len(parts) > 3:
        return "a question is followed by its answer and the numbers of sentences, apart by tabs"
    facts = parts[2].split() if len(parts) > 2 else []
    strange = [fact for fact in facts if not fact.isdecimal() or int(fact[:9]) not in places]
    return f"sentence {strange[0][:20]} is none of the story" if strange else None


def looks_like_story(lines: Sequence[str]) -> bool:
    """Whether the first lines of a text are a story with a question."""
    rows = [line for line in lines if line.strip()]
    return (
        bool(rows)
        and rows[0].startswith("1 ")
        and all(LINE.fullmatch(row) for row in rows)
        and any(QUESTION.fullmatch(row) for row in rows)
    )

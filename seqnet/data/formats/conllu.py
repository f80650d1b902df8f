"""CoNLL-U of Universal Dependencies: ten named columns of each word; a row is a sentence."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, TextIO

from seqnet.data.files import BadRows, counted
from seqnet.data.formats.blocks import one_by_one
from seqnet.data.formats.columns import gather, resolve, used
from seqnet.data.formats.format import Column, Format, Rows, Writer
from seqnet.data.formats.text import beginning, numbered
from seqnet.data.formats.written import in_one_line, line, steps_of
from seqnet.data.formats.written import text as text_file

WORD = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
USUAL = ("sent_id", "text")  # comments that are offered as columns
COMMENT = re.compile(r"#\s*([^=\s][^=]*?)\s*=\s*(.*)")
BESIDE = "ranges and empty nodes"  # their lines, each with how many words are before it: repeated, read by no field
NO_WORD = re.compile(r"\d+[-.]\d+")  # the id of a range, whose words follow, or of an empty node


class Conllu(Format):
    """Each column of a sentence is a list of texts, one a word, by its UD name or its position.

    Ranges (`1-2`) and empty nodes (`1.1`) are passed over; `predict` writes them back. What a comment says, `# sent_id
    = ...`, is a column of its name, a text a sentence. A sentence with a bad line is one bad row.
    """

    endings: ClassVar = (".conllu",)
    written: ClassVar = "steps"

    def header(self, file: Any) -> tuple[str, ...] | None:
        """The ten columns, and what the first comments say. Raises DataError."""
        said = (found[1] for line in beginning(file, most=200) if (found := COMMENT.fullmatch(line)))
        return tuple(dict.fromkeys((*WORD, *USUAL, *said)))

    def rows(self, file: Any, columns: Sequence[Column], bad: BadRows) -> Iterator[Rows]:
        """The chosen columns of sentences; `numbers` are the lines of their first words. Raises DataError."""
        there = self.header(file) or WORD
        names = (*there, BESIDE)
        wanted = resolve(columns, names, len(there), str(file))
        comments = {names[index] for index in used(wanted) if index >= len(WORD)}

        def values(words: list[list[str]], said: dict[str, Any]) -> list[Any]:
            return gather(
                wanted,
                lambda index: [word[index] for word in words] if index < len(WORD) else said.get(names[index]),
            )

        return one_by_one((number, values(words, said)) for number, words, said in _sentences(file, comments, bad))

    def everything(self, file: Any, columns: Sequence[Column]) -> tuple[tuple[str, ...], Column]:
        """All columns, and where there are ranges or empty nodes these, so that they are written back."""
        names = self.header(file) or WORD
        if any(BESIDE in said for _, _, said in _sentences(file, {BESIDE}, BadRows("skip"))):
            names = (*names, BESIDE)
        return names, list(names)

    @contextmanager
    def writer(self, path: Path, names: Sequence[str]) -> Iterator[Writer]:
        """Writes ten columns a word; other names go into `misc`, what is no value a word into comments."""
        with text_file(path) as to:
            yield lambda row: _write(to, {name: row.get(name) for name in names})


def _write(to: TextIO, row: Mapping[str, Any]) -> None:
    given = {name: value for name, value in row.items() if name != BESIDE}
    beside = row.get(BESIDE) or []
    words = steps_of([*given.values()])
    lists = {name: value for name, value in given.items() if isinstance(value, list) and len(value) == words}
    for name, value in given.items():
        if name not in lists and value is not None:
            line(to, f"# {name} = {in_one_line(value)}")
    further = [name for name in lists if name not in WORD]
    for place in range(words + 1):
        for _, other in (one for one in beside if one[0] == place):
            line(to, other)
        if place == words:
            break
        cells = [in_one_line(lists[name][place]) or "_" if name in lists else "_" for name in WORD]
        cells[0] = cells[0] if "id" in lists else str(place + 1)
        added = [f"{name}={in_one_line(lists[name][place])}" for name in further]
        if added:
            cells[-1] = "|".join(([] if cells[-1] == "_" else [cells[-1]]) + added)
        line(to, *cells)
    line(to)


def _sentences(file: Any, comments: set[str], bad: BadRows) -> Iterator[tuple[int, list[list[str]], dict[str, Any]]]:
    """The line of the first word, the words, and what the comments that are asked for say, or BESIDE."""
    begin, words, said, broken = 0, list[list[str]](), dict[str, Any](), False
    for number, text, problem in numbered(file):
        if problem is None and not text.strip(" \t"):
            if words and not broken:
                yield begin, words, said
            words, said, broken = [], {}, False
            continue
        if text.startswith("#"):
            found = COMMENT.fullmatch(text) if comments else None
            if found and found[1] in comments:
                said[found[1]] = found[2]
            continue
        cells = text.split("\t")
        if problem is None and len(cells) != len(WORD):
            problem = f"{counted(len(cells), 'column')} apart by tabs where CoNLL-U has {len(WORD)}"
        if problem is None and NO_WORD.fullmatch(cells[0]):
            if BESIDE in comments:
                said.setdefault(BESIDE, []).append([len(words), text])
            continue
        if problem is not None and not broken:
            bad(file, number, problem)
            broken = True
        begin = begin if words else number
        words.append(cells)
    if words and not broken:
        yield begin, words, said

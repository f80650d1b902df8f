"""Sentences with a tag for each token, in the columns of the CoNLL shared tasks."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from seqnet.data.encoding import ragged
from seqnet.data.examples import Examples, Ragged
from seqnet.data.files import BadRows, EncodedSplits, File, OnBadRow, find_files, never_seen, place, read_conll
from seqnet.data.numbers import unasked_steps
from seqnet.data.vocabulary import PADDING, UNKNOWN, Vocabulary, check_limits, restore_names
from seqnet.errors import ConfigurationError, DataError
from seqnet.kinds import BIO, LETTERS, Axis, Item, Kind
from seqnet.options import Count, Dropout, FilePath, FolderName, NotEmpty, SomeShare, whole
from seqnet.spaces import Space, Spelling, Tokens

WORD_ENTRIES = (UNKNOWN,)
CHARACTER_ENTRIES = (PADDING, UNKNOWN)


class Tagged(NamedTuple):
    """A sentence, and where its tokens stand."""

    file: File
    numbers: list[int]
    tokens: list[str]
    tags: list[str]


class Tagging:
    """Which tag has each token? CoNLL columns: a token a line, blank lines between sentences.

    path: a file, or a folder with train, valid (or dev) and test .conll files; None for the folder `name` under
    `data_dir`; about: what to put there. A split without a file of its own is a share of the training sentences,
    drawn by the seed. token_column, tag_column: positions; negative ones count from the end. comments: lines
    that begin with `#` are passed over. lower, vocabulary_size, min_count: as for words in TextEncoder.
    characters: also hand the first `max_characters` characters of each token, as written, to the model.
    Tags are those of the training split. Raises ConfigurationError.
    """

    target_kind = Kind(Item.LABEL, Axis.STEP, frozenset({BIO}))
    inputs: Tokens
    targets: Tokens

    @staticmethod
    def idle(options: Mapping[str, Any], inputs: Mapping[str, Kind], target: Kind | None) -> dict[str, str]:
        """Options that change nothing, and why."""
        return {} if options["characters"] else {"max_characters": "data.characters=false hands over none"}

    def __init__(
        self,
        seed: int,
        data_dir: str | Path,
        path: FilePath | None = None,
        name: FolderName | None = None,
        about: NotEmpty | None = None,
        token_column: int = 0,
        tag_column: int = -1,
        comments: bool = False,
        lower: bool = False,
        vocabulary_size: Count | None = None,
        min_count: Count = 1,
        characters: bool = True,
        max_characters: Annotated[int, whole(1, 10_000)] = 20,
        valid_share: SomeShare = 0.1,
        test_share: Dropout = 0.0,
        on_bad_row: OnBadRow = "raise",
    ) -> None:
        check_limits(vocabulary_size, min_count, len(WORD_ENTRIES) + 1)
        if max_characters < 1:
            raise ConfigurationError(f"data.max_characters is {max_characters}; it must be at least 1")
        self.token_column, self.tag_column = token_column, tag_column
        self.comments = comments
        self.lower = lower
        self.size, self.min_count = vocabulary_size, min_count
        words = Kind(Item.TOKEN, Axis.STEP)
        letters = Kind(Item.TOKEN, Axis.STEP, frozenset({LETTERS}))
        self.input_kinds = {"inputs": words, "characters": letters} if characters else {"inputs": words}
        self.characters, self.max_characters = characters, max_characters
        self.bad = BadRows(on_bad_row)
        self.views: dict[str, Space] = {}
        where = str(Path(data_dir) / str(name) if path is None else path)
        find = partial(find_files, path, data_dir, name, about, (".conll",), hub=False)
        self._splits = EncodedSplits(where, find, self._read, self._encode, seed, valid_share, test_share)

    @property
    def bad_rows(self) -> int:
        """How many sentences were left out."""
        return self.bad.count

    def fit(self) -> None:
        """Learn words, characters and tags from the training split. Raises DataError with file and line."""
        self._splits.fit(self._learn)

    def _learn(self, rows: list[Tagged]) -> None:
        counts = Counter(chain.from_iterable(self._words(row.tokens) for row in rows))
        words = Vocabulary.build(counts, WORD_ENTRIES, self.size, self.min_count)
        spelling = None
        if self.characters:
            letters = Counter(chain.from_iterable(chain.from_iterable(row.tokens) for row in rows))
            spelling = Vocabulary.build(letters, CHARACTER_ENTRIES)
        self._know(words, spelling, tuple(sorted({tag for row in rows for tag in row.tags})))

    def _words(self, tokens: Iterable[str]) -> Iterable[str]:
        return (token.lower() for token in tokens) if self.lower else tokens

    def _know(self, words: Vocabulary, spelling: Vocabulary | None, tags: tuple[str, ...]) -> None:
        self.words, self.spelling = words, spelling
        self.inputs, self.targets = Tokens(words.names), Tokens(tags)
        self.views = {} if spelling is None else {"characters": Spelling(spelling.names, self.max_characters)}

    def state(self) -> dict[str, Any]:
        """Words, characters (None where they are not used) and tags."""
        spelling = None if self.spelling is None else self.spelling.state()
        return {"words": self.words.state(), "characters": spelling, "tags": list(self.targets.names)}

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`. Raises DataError where it is malformed."""
        if not isinstance(state, dict) or state.keys() != {"words", "characters", "tags"}:
            raise DataError("the stored data state is not that of tagged sentences: it lacks words, characters or tags")
        if (state["characters"] is not None) != self.characters:
            raise DataError(f"the stored data state does not go with data.characters={str(self.characters).lower()}")
        spelling = Vocabulary.restore(state["characters"], CHARACTER_ENTRIES) if self.characters else None
        self._know(Vocabulary.restore(state["words"], WORD_ENTRIES), spelling, restore_names(state["tags"], "tags"))

    def split(self, name: str) -> Examples | None:
        """The sentences of `train`, `valid` or `test`; None where there is no such split. Raises DataError."""
        return self._splits.examples(name)

    def _read(self, files: list[File]) -> list[Tagged]:
        rows = []
        for file in files:
            assert isinstance(file, Path)
            for lines in read_conll(file, self.bad, self.comments):
                number, columns = lines[0]
                where, width = place(file, number), len(columns)
                token = position("token_column", self.token_column, width, where)
                tag = position("tag_column", self.tag_column, width, where)
                if token == tag:
                    raise DataError(
                        f"{where}: there is no tag column beside the tokens; each line must hold a token and its tag, "
                        "and data.token_column and data.tag_column say where they stand"
                    )
                empty = [number for number, line in lines if not (line[token].strip() and line[tag].strip())]
                if empty:
                    self.bad(file, empty[0], "the token or its tag is empty")
                    continue
                numbers = [number for number, _ in lines]
                rows.append(Tagged(file, numbers, [line[token] for _, line in lines], [line[tag] for _, line in lines]))
            if not rows:
                raise DataError(f"{file}: no sentence that can be used; name a file that has some with data.path=")
        return rows

    def _encode(self, rows: list[Tagged]) -> Examples:
        places = {tag: place for place, tag in enumerate(self.targets.names)}
        kept, targets = [], []
        for row in rows:
            strange = [(number, tag) for number, tag in zip(row.numbers, row.tags, strict=True) if tag not in places]
            if strange:
                number, tag = strange[0]
                self.bad(row.file, number, never_seen("tag", tag, self.targets.names))
                continue
            kept.append(row.tokens)
            targets.append(np.array([places[tag] for tag in row.tags]))
        if not kept:
            raise DataError(f"{rows[0].file}: no sentence that can be used; name a file that has some with data.path=")
        inputs, views = self._inputs(kept)
        return Examples(inputs, ragged(targets), views)

    def _inputs(self, sentences: Sequence[Sequence[str]]) -> tuple[Ragged, dict[str, Ragged]]:
        """The numbers of the words, and those of their characters, [steps max_characters], 0 behind the last."""
        inputs = ragged([np.array(self.words.encode(self._words(tokens)), np.int64) for tokens in sentences])
        if self.spelling is None:
            return inputs, {}
        spelled = np.zeros((len(inputs.flat), self.max_characters), np.int64)
        for step, token in enumerate(chain.from_iterable(sentences)):
            ids = self.spelling.encode(token[: self.max_characters])
            spelled[step, : len(ids)] = ids
        return inputs, {"characters": Ragged(torch.from_numpy(spelled), inputs.offsets)}

    def read_inputs(self, lines: Iterable[str], where: str, first: int = 1) -> Examples:
        """Each line a sentence, its tokens apart by white space; nothing asked. Raises DataError for a blank line.

        where, first: what the lines are read from, and the number of the first.
        """
        sentences = []
        for number, line in enumerate(lines, first):
            sentences.append(line.split())
            if not sentences[-1]:
                raise DataError(f"{where}, line {number}: there is no token; take the line out")
        inputs, views = self._inputs(sentences)
        asked = unasked_steps(inputs)
        return Examples(inputs, asked.targets, views)

    def show(self, inputs: Tensor) -> str:
        """The words. inputs: [time]."""
        return " ".join(self.words.decode(inputs.tolist()))


def position(option: str, column: int, width: int, where: str) -> int:
    """Where in a line of `width` columns the option's column stands. Raises DataError."""
    if not -width <= column < width:
        raise DataError(
            f"{where}: no column {column}, since there are {width}, counted from 0; name the right one with "
            f"data.{option}="
        )
    return column % width

"""What of a split was not read as it stands."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from seqnet.data.fields.field import UNKNOWN_LABEL, Block, Field
from seqnet.data.files import counted
from seqnet.data.raw_block import Problems, RawBlock

ASKED = "input"  # what predict reads, as the name of a split
MANY = 0.8  # of the tokens unknown: another column is meant


@dataclass
class Tally:
    """What was left out of a split, and what was found in it that training never saw."""

    rows: int = 0
    bad: int = 0
    bad_sequences: int = 0  # of these, sequences of rows
    rows_of_these: int = 0
    first: str | None = None  # what is wrong with the first of these, and where
    filling: str | None = None  # and the option that would fill it in
    unknown_labels: int = 0
    tokens: dict[str, int] = field(default_factory=dict)  # by field
    unknown_tokens: dict[str, int] = field(default_factory=dict)
    not_ahead: dict[str, int] = field(default_factory=dict)  # rows that do not say what is known ahead, by field
    gaps: int = 0  # rows of a series that stand farther behind the one before than is usual
    steps: int = 0  # of so many
    told: dict[str, int] = field(default_factory=dict)  # what else there is to know, and of how many rows
    notes: list[str] = field(default_factory=list)  # and of the files that its rows come from

    def add(self, made: Mapping[str, Block], fields: Mapping[str, Field], target: str) -> None:
        """Count encoded rows, and how many of the tokens read and of the labels asked for are unknown."""
        self.rows += len(next(iter(made.values())).lengths)
        if target in made:
            self.unknown_labels += int(np.count_nonzero(made[target].flat == UNKNOWN_LABEL))
        for name, block in made.items():
            for what, rows in block.told.items():
                self.told[f"{name}, {what}"] = self.told.get(f"{name}, {what}", 0) + rows
            unknown = getattr(fields[name], "unknown", None)
            if unknown is not None:
                read = len(block.flat) if block.flat.ndim == 1 else int(np.count_nonzero(block.flat))  # 0 is padding
                self.tokens[name] = self.tokens.get(name, 0) + read
                self.unknown_tokens[name] = self.unknown_tokens.get(name, 0) + unknown(block)

    def add_bad_sequences(
        self, raw: RawBlock, problems: Problems, fields: Mapping[str, Field], first: str | None
    ) -> None:
        """Count sequences of a block that cannot be used. first: what is wrong with the first, and where."""
        self.bad_sequences += len(problems)
        self.rows_of_these += sum(len(raw.steps[place]) for place in problems)
        self.first = self.first or first
        for name, reason in problems.values():
            if "missing" in reason and "last" in getattr(fields[name], "fillings", ()):
                self.filling = self.filling or f"data.fields.{name}.missing=last"

    def join(self, other: "Tally") -> None:
        """Count what another has counted of further rows."""
        self.rows += other.rows
        self.bad_sequences += other.bad_sequences
        self.rows_of_these += other.rows_of_these
        self.first, self.filling = self.first or other.first, self.filling or other.filling
        self.unknown_labels += other.unknown_labels
        for mine, theirs in (
            (self.tokens, other.tokens),
            (self.unknown_tokens, other.unknown_tokens),
            (self.told, other.told),
        ):
            for name, count in theirs.items():
                mine[name] = mine.get(name, 0) + count

    def add_short(self, rows: Mapping[str, int]) -> None:
        """Count rows that do not say what is known ahead, by field."""
        for name, count in rows.items():
            if count:
                self.not_ahead[name] = self.not_ahead.get(name, 0) + count

    def remarks(self, split: str) -> list[str]:
        """Sentences about what of a split was not read as it stands."""
        found, where = list(self.notes), "what was read" if split == ASKED else split
        sequences = self.bad_sequences if split != ASKED else 0  # where each has an answer that says what is wrong
        if sequences:
            fill = "" if self.filling is None else f"; {self.filling} fills in what is missing"
            found.append(
                f"left out {sequences:,} of {counted(self.rows + sequences, 'sequence')} of {split}, "
                f"{counted(self.rows_of_these, 'row')} in all: {self.first} "
                f"(data.on_bad_row=skip{fill})"
            )
        if (bad := self.bad - sequences) > 0:
            found.append(f"left out {bad:,} of {self.rows + bad:,} rows of {split} (data.on_bad_row=skip)")
        if self.unknown_labels:
            found.append(
                f"{counted(self.unknown_labels, 'label')} of {split} never seen in training, each counted as an error "
                "(data.on_unknown_label=count)"
            )
        if self.gaps and split == "train":
            found.append(
                f"{counted(self.gaps, 'row')} of {self.steps:,} stand much farther behind the one before than is "
                "usual: a gap counts as one step, so fill it in if it is none"
            )
        found += [
            f"{name} is known ahead, and {counted(rows, 'row')} of {where} did not say what it will be, where it is "
            "read as 0: give it in further rows in which what is forecast is empty"
            for name, rows in self.not_ahead.items()
        ]
        found += [f"{counted(rows, 'row')} of {where}: {what}" for what, rows in self.told.items()]
        for name, unknown in self.unknown_tokens.items() if split != "train" else ():
            if unknown:
                share = unknown / self.tokens[name]
                found.append(
                    f"{share:.1%} of the tokens of {name} in {where} are unknown: training did not see them, or too "
                    "seldom" + ("; is this the right column, and the right level?" if share > MANY else "")
                )
        return found

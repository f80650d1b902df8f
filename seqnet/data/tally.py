"""What of a split was not read as it stands."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from seqnet.data.fields.field import UNKNOWN_LABEL, Block, Field
from seqnet.data.files import counted

ASKED = "input"  # what predict reads, as the name of a split
MANY = 0.8  # of the tokens unknown: another column is meant


@dataclass
class Tally:
    """What was left out of a split, and what was found in it that training never saw."""

    rows: int = 0
    bad: int = 0
    unknown_labels: int = 0
    tokens: dict[str, int] = field(default_factory=dict)  # by field
    unknown_tokens: dict[str, int] = field(default_factory=dict)

    def add(self, made: Mapping[str, Block], fields: Mapping[str, Field], target: str) -> None:
        """Count encoded rows, and how many of the tokens read and of the labels asked for are unknown."""
        self.rows += len(next(iter(made.values())).lengths)
        if target in made:
            self.unknown_labels += int(np.count_nonzero(made[target].flat == UNKNOWN_LABEL))
        for name, block in made.items():
            unknown = getattr(fields[name], "unknown", None)
            if unknown is not None:
                self.tokens[name] = self.tokens.get(name, 0) + len(block.flat)
                self.unknown_tokens[name] = self.unknown_tokens.get(name, 0) + unknown(block)

    def remarks(self, split: str) -> list[str]:
        """Sentences about what of a split was not read as it stands."""
        found, where = [], "what was read" if split == ASKED else split
        if self.bad:
            found.append(f"left out {self.bad:,} of {self.rows + self.bad:,} rows of {split} (data.on_bad_row=skip)")
        if self.unknown_labels:
            found.append(
                f"{counted(self.unknown_labels, 'label')} of {split} never seen in training, each counted as an error "
                "(data.on_unknown_label=count)"
            )
        for name, unknown in self.unknown_tokens.items() if split != "train" else ():
            if unknown:
                share = unknown / self.tokens[name]
                found.append(
                    f"{share:.1%} of the tokens of {name} in {where} are unknown, since training did not see them"
                    + ("; is this the right column, and the right level?" if share > MANY else "")
                )
        return found

"""Which split a row is of, by its value in the column that says it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from seqnet.data.formats.format import Column
from seqnet.data.formats.split_names import split_called
from seqnet.data.generation import SPLITS
from seqnet.errors import ConfigurationError, did_you_mean
from seqnet.options import shown


@dataclass(frozen=True)
class SplitOf:
    """By value; where no values are said a split's own names count, and another value is of none."""

    values: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def called(cls, values: Mapping[str, Any] | None, column: Column | None) -> "SplitOf":
        """Of the values by split, of which null says none. Raises ConfigurationError."""
        said = {split: each for split, each in (values or {}).items() if each is not None}
        if said and column is None:
            raise ConfigurationError(
                f"data.split_values.{next(iter(said))} is of a column, and data.split_column=null names none"
            )
        found: dict[str, str] = {}
        for split, each in said.items():
            if split not in SPLITS[1:]:
                raise ConfigurationError(
                    f"data.split_values.{split} is neither valid nor test, and all other rows are of train"
                    f"{did_you_mean(split, SPLITS[1:])}"
                )
            for value in each if isinstance(each, Sequence) and not isinstance(each, str) else [each]:
                if found.setdefault(str(value), split) != split:
                    raise ConfigurationError(
                        f"data.split_values gives {shown(value)} to valid and to test: take one out"
                    )
        return cls(found)

    def __call__(self, value: Any) -> str | None:
        """The split of a row with this value; None = of none."""
        text = str(value).strip()
        if self.values:
            return self.values.get(text, SPLITS[0])
        return named(text)


def named(value: Any) -> str | None:
    """The split that a value is the name of."""
    return split_called(str(value).strip())

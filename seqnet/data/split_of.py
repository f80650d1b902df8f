"""Which split a row is of, by its value in the column that says it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from seqnet.data.fields.raw import missing
from seqnet.data.formats.format import Column
from seqnet.data.formats.split_names import split_called
from seqnet.data.generation import SPLITS
from seqnet.errors import ConfigurationError, did_you_mean
from seqnet.options import shown


@dataclass(frozen=True)
class SplitOf:
    """By value, as `plain` makes it; where no values are said a split's own names count, and another is of none."""

    values: Mapping[Decimal | str, str] = field(default_factory=dict)

    @classmethod
    def called(cls, values: Mapping[str, Any] | None, column: Column | None) -> "SplitOf":
        """Of the values by split, of which null says none. Raises ConfigurationError."""
        said = {split: each for split, each in (values or {}).items() if each is not None}
        if said and column is None:
            raise ConfigurationError(
                f"data.split_values.{next(iter(said))} is of a column, and data.split_column=null names none"
            )
        found: dict[Decimal | str, str] = {}
        for split, each in said.items():
            if split not in SPLITS[1:]:
                raise ConfigurationError(
                    f"data.split_values.{split} is neither valid nor test, and all other rows are of train"
                    f"{did_you_mean(split, SPLITS[1:])}"
                )
            for value in each if isinstance(each, Sequence) and not isinstance(each, str) else [each]:
                if found.setdefault(plain(value), split) != split:
                    raise ConfigurationError(
                        f"data.split_values gives {shown(value)} to valid and to test: take one out"
                    )
        return cls(found)

    def __call__(self, value: Any) -> str | None:
        """The split of a row with this value; None = of none."""
        return self.values.get(plain(value), SPLITS[0]) if self.values else named(value)


def text_of(value: Any) -> str:
    """A value as text, blank where there is none."""
    return "" if missing(value) else str(value).strip()


def plain(value: Any) -> Decimal | str:
    """A value as it is compared: a number, however it is written, else text, blank where there is none."""
    text = text_of(value)
    try:
        number = Decimal("nan" if "_" in text else text)
    except InvalidOperation:
        return text
    return number if number.is_finite() else text


def named(value: Any) -> str | None:
    """The split that a value is the name of."""
    return split_called(str(value).strip())

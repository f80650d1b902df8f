"""A vector a row, such as an embedding that was made elsewhere."""

from typing import Any, Literal

from seqnet.data.fields.numbers import NumbersField
from seqnet.data.fields.options import at_least
from seqnet.data.fields.scaling import ScaledField


class VectorField(NumbersField):
    """A vector a row: a list, text of numbers, or a row of an array.

    width: how many numbers it has; None: as many as in the first row. scale: none, or standard: number by number, as
    ScaledField says. Nothing in it may be missing. Raises ConfigurationError.
    """

    scales = ("none", "standard")

    def __init__(self, width: int | None = None, scale: Literal["none", "standard"] = "none") -> None:
        if width is not None:
            at_least("width", width, 1)
        ScaledField.__init__(self, scale, "raise", False, width)

    def exported(self) -> dict[str, Any]:
        """See seqnet.exported."""
        return self._exported("row")

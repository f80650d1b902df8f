"""A number a row."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from seqnet.data.fields.field import Raw
from seqnet.data.fields.raw import scalars
from seqnet.data.fields.scaling import ScaledField, as_json
from seqnet.kinds import Axis, Item, Kind


class NumberField(ScaledField):
    """A number a row. Options: see ScaledField."""

    def __init__(
        self,
        scale: Literal["none", "standard", "log"] = "standard",
        missing: Literal["raise", "mean", "zero", "unjudged"] = "raise",
        mask: bool = False,
    ) -> None:
        super().__init__(scale, missing, mask, 1)

    @property
    def kind(self) -> Kind:
        """A number a row."""
        return Kind(Item.NUMBER, Axis.ROW)

    def _read(self, values: Sequence[Raw]) -> tuple[np.ndarray, np.ndarray]:
        return scalars(values)[:, None], np.ones(len(values), np.int64)

    def exported(self) -> dict[str, Any]:
        """See seqnet.exported."""
        return self._exported("row")

    def decode(self, entry: Any) -> Any:
        """A number in the file's units, None where there is none."""
        return as_json(float(self.undone(np.asarray(entry).reshape(-1)[: self._space().size])[0]))

"""Some numbers a row."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from seqnet.data.fields.field import Raw
from seqnet.data.fields.raw import each, lists, numbers
from seqnet.data.fields.scaling import ScaledField, as_json
from seqnet.kinds import Axis, Item, Kind


class NumbersField(ScaledField):
    """As many numbers in every row: several columns, or a list. Options: see ScaledField."""

    def __init__(
        self,
        scale: Literal["none", "standard", "log"] = "standard",
        missing: Literal["raise", "mean", "zero", "unjudged"] = "raise",
        mask: bool = False,
    ) -> None:
        super().__init__(scale, missing, mask)

    @property
    def kind(self) -> Kind:
        """Numbers, a row."""
        return Kind(Item.NUMBER, Axis.ROW)

    def _read(self, values: Sequence[Raw]) -> tuple[np.ndarray, np.ndarray]:
        quick = lists(values)
        if quick is not None and len(set(quick[1].tolist())) == 1:
            rows = list(quick[0].reshape(len(values), 1, -1))
            return self._joined(rows)
        return self._joined([found[None] for found in each(values, numbers)])

    def exported(self) -> dict[str, Any]:
        """See seqnet.exported."""
        return self._exported("row")

    def decode(self, entry: Any) -> Any:
        """Numbers in the file's units, None where there is none."""
        return as_json(self.undone(np.asarray(entry).reshape(-1)).tolist())

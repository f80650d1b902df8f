"""A number or a vector at each step."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from seqnet.data.fields.field import Raw
from seqnet.data.fields.options import at_least
from seqnet.data.fields.raw import Unusable, array, each, lists
from seqnet.data.fields.scaling import ScaledField, as_json
from seqnet.errors import ConfigurationError
from seqnet.kinds import AHEAD, Axis, Item, Kind


class SeriesField(ScaledField):
    """A series a row: a list of numbers, or of vectors of one width; text of numbers; an array.

    scale: none, standard, or window: for a series with a trend, or series of unlike sizes. Each step is read less the
    mean of the last `season` steps (None: of all so far), over the deviation of all so far, and what follows it is
    asked for in the same scale; the column itself is stored as for standard. season: steps after which it comes round;
    a forecast of it is compared with what was then, too. known_ahead: at the step that it is asked
    for it is known already, as is a price. missing: also last: the number before. Raises ConfigurationError.
    """

    scales = ("none", "standard", "window")
    fillings = ("raise", "mean", "zero", "last", "unjudged")

    def __init__(
        self,
        scale: Literal["none", "standard", "window"] = "standard",
        season: int | None = None,
        missing: Literal["raise", "mean", "zero", "last", "unjudged"] = "raise",
        mask: bool = False,
        known_ahead: bool = False,
    ) -> None:
        super().__init__(scale, missing, mask)
        if season is not None:
            at_least("season", season, 1)
        self.by_window = scale == "window"
        if self.by_window and (mask or known_ahead):
            option = "mask" if mask else "known_ahead"
            raise ConfigurationError(
                f"data.fields.*.{option}=true cannot go with scale=window, which scales each step by those before "
                "it: take scale=standard"
            )
        self.season = season
        self._known_ahead = known_ahead

    @property
    def kind(self) -> Kind:
        """Numbers a step."""
        return Kind(Item.NUMBER, Axis.STEP, frozenset({AHEAD} if self._known_ahead else ()))

    def _read(self, values: Sequence[Raw]) -> tuple[np.ndarray, np.ndarray]:
        quick = lists(values)
        if quick is not None and self._width in (None, 1):
            return quick[0][:, None], quick[1]
        return self._joined(each(values, _steps))

    def exported(self) -> dict[str, Any]:
        """See seqnet.exported."""
        return self._exported("step")

    def decode(self, entry: Any) -> Any:
        """Numbers in the file's units, None where there is none. entry: of a step [feature], or [time feature]."""
        found = self.undone(entry)
        if found.shape[-1] == 1:
            found = found[..., 0]
        return as_json(found.tolist())


def _steps(value: Raw) -> np.ndarray:
    found = array(value)
    if found.ndim > 2:
        raise Unusable("its steps hold lists of lists; a step is a number or a list of numbers")
    if not found.size:
        raise Unusable("its steps hold no numbers")
    return found[:, None] if found.ndim == 1 else found

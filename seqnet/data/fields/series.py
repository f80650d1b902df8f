"""A number or a vector at each step."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from seqnet.data.fields.field import Raw
from seqnet.data.fields.options import at_least, no_effect
from seqnet.data.fields.raw import Unusable, array, each, lists
from seqnet.data.fields.scaling import ScaledField, as_json
from seqnet.kinds import AHEAD, Axis, Item, Kind


class Window(NamedTuple):
    """What a context is scaled by, [batch 1 feature] each; what is forecast from it is scaled alike."""

    centre: Tensor
    deviation: Tensor

    def apply(self, values: Tensor) -> Tensor:
        """Scaled values, [batch time feature]."""
        return (values - self.centre) / self.deviation

    def undo(self, values: Tensor) -> Tensor:
        """The inverse of `apply`."""
        return values * self.deviation + self.centre


class SeriesField(ScaledField):
    """A series a row: a list of numbers, or of vectors of one width; text of numbers; an array.

    scale: none, standard, or window: for a series with a trend. A window is scaled by the context that a forecast is
    made from: less the mean of its last `season` steps (None: of all of it), over the deviation of all of it. The
    column itself is stored as for standard; whoever cuts windows scales them with `window`. known_ahead: at the step
    that it is asked for it is known already, as is a price. missing: also last: the number before. Raises
    ConfigurationError.
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
            if scale != "window":
                raise no_effect("season", season, f"with scale={scale}: it says what a window is centred on")
        self.by_window = scale == "window"
        self._season = season
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

    def window(self, context: Tensor, lengths: Tensor) -> Window:
        """What windows are scaled by. context: [batch time feature], as encoded; lengths: [batch]. A mask is left."""
        steps = torch.arange(context.shape[1], device=context.device)
        inside = (steps < lengths[:, None])[..., None]
        last = inside & (steps >= lengths[:, None] - (self._season or context.shape[1]))[..., None]
        centre = _mean(context, last)
        spread = (_mean(context.square(), inside) - _mean(context, inside).square()).clamp(min=0).sqrt()
        deviation = torch.where(spread > 1e-6, spread, torch.ones_like(spread))  # of a context that never changes: 1
        if self._mask:
            half = context.shape[2] // 2
            centre[..., half:], deviation[..., half:] = 0.0, 1.0
        return Window(centre, deviation)

    def decode(self, entry: Any) -> Any:
        """Numbers in the file's units, None where there is none. entry: of a step [feature], or [time feature]."""
        found = self.undone(entry)
        if found.shape[-1] == 1:
            found = found[..., 0]
        return as_json(found.tolist())


def _mean(values: Tensor, of: Tensor) -> Tensor:
    return (values * of).sum(1, keepdim=True) / of.sum(1, keepdim=True).clamp(min=1)


def _steps(value: Raw) -> np.ndarray:
    found = array(value)
    if found.ndim > 2:
        raise Unusable("its steps hold lists of lists; a step is a number or a list of numbers")
    if not found.size:
        raise Unusable("its steps hold no numbers")
    return found[:, None] if found.ndim == 1 else found

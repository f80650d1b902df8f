"""What the memory panel tells at one step, and its verdict in one sentence."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from seqnet.observers.gradient_flow import LayerMemory

VANISHED = 1e-3  # of the norm at lag 0
EXPLODED = 10.0  # times the norm at lag 0
MOST = 0.99  # of the gradient, where it is told how far back that comes from


@dataclass(frozen=True)
class MemoryReport:
    """What the recurrent layers remember after `step` optimiser steps; without layers the verdict says why."""

    step: int
    verdict: str
    layers: Sequence[LayerMemory] = ()
    clipped_share: float = 0.0  # of the optimiser steps since the last such report
    window: int | None = None  # steps that gradients flow back; None: all of a row
    picture: bytes | None = None  # PNG; None: none was drawn

    def row(self) -> dict[str, Any]:
        """What a line of memory.jsonl holds."""
        layers = {one.name: {key: value for key, value in asdict(one).items() if key != "name"} for one in self.layers}
        return {
            "step": self.step,
            "verdict": self.verdict,
            "window": self.window,
            "clipped_share": self.clipped_share,
            "layers": layers,
        }


def figures(layer: LayerMemory) -> dict[str, float]:
    """What is told of a layer as single numbers, by name; what is not finite is left out."""
    found: dict[str, float] = {}
    if any(curve := layer.gradient.get("hidden", [])):
        found = {"reach": reach(curve), "far_share": far_share(curve)}
    if layer.half_life is not None:
        found["half_life"], found["longest_half_life"] = layer.half_life
    if layer.spectral_radius is not None:
        found["spectral_radius"] = layer.spectral_radius
    for gate, (shut, is_open) in layer.saturation.items():
        found |= {f"{gate}_shut": shut, f"{gate}_open": is_open}
    return {name: value for name, value in found.items() if math.isfinite(value)}


def reach(curve: Sequence[float], share: float = MOST) -> int:
    """How many steps back that share of the gradient comes from: of the norms summed over the lags."""
    sums = np.cumsum(np.asarray(curve, dtype=float))
    return int(np.searchsorted(sums, share * sums[-1])) if len(sums) else 0


def far_share(curve: Sequence[float]) -> float:
    """The norm at the farthest tenth of the lags over that at lag 0, or at the first lag that has one."""
    near = next((value for value in curve if value), 0.0)
    far = curve[-max(1, len(curve) // 10) :]
    return sum(far) / len(far) / near if near else 0.0


def fading(curve: Sequence[float]) -> float:
    """By what factor the norm changes a step, over the second half of the lags: the line through its logarithms."""
    half = [(lag, math.log(value)) for lag, value in enumerate(curve) if lag >= len(curve) // 2 and value > 0]
    if len(half) < 2:
        return 0.0
    lags, logs = np.array(half).T
    return math.exp(float(np.polyfit(lags, logs, 1)[0]))


def cut_off(curve: Sequence[float], window: int, stride: int) -> float | None:
    """The share of a judged step's gradient that windows cut off, the mean over their last `stride` steps.

    Of what lies further back than the curve it is taken that it goes on fading as `fading` says; None where it does
    not fade.
    """
    factor = fading(curve)
    if factor >= 1:
        return None
    known = list(curve[:window])
    ahead = [known[-1] * factor**n for n in range(1, window - len(known) + 1)]
    within = np.cumsum([*known, *ahead])
    beyond = (known + ahead)[-1] * factor / (1 - factor)
    whole = within[-1] + beyond
    return float(1 - within[window - stride :].mean() / whole) if whole else 0.0


def verdict(layers: Sequence[LayerMemory], window: int | None, stride: int | None, clipped: float) -> str:
    """One sentence on the layer that looks back the farthest, among those that training.window cuts if there are any.

    window: steps of a window, None where rows are read whole.
    """
    shown = [one for one in layers if any(one.gradient.get("hidden", ()))]
    shown = [one for one in shown if one.windowed] or shown
    if not shown:
        reasons = "; ".join(f"{one.name} ({one.cell}): {', '.join(one.missing) or 'it is 0'}" for one in layers)
        return f"no gradient through time can be shown: {reasons}"
    best = max(shown, key=lambda one: far_share(one.gradient["hidden"]))
    curve = best.gradient["hidden"]
    steps, far = len(curve) - 1, far_share(curve)
    name = f"{best.name} ({best.cell})"
    if steps < 2:
        return f"{name}: {len(curve)} steps are too few to tell how the gradient fades"
    said = [_fate(curve, steps, far)]
    if window is not None:
        cut = cut_off(curve, window, stride or window)
        if cut is None:
            said.append(f"as it does not fade, training.window={window} cuts off whatever lies further back")
        else:
            said.append(f"training.window={window} cuts off about {percent(cut)} of it")
    elif far < VANISHED:
        said.append(f"{percent(MOST)} of it comes from the last {reach(curve) + 1} steps")
    if clipped:
        said.append(f"{percent(clipped)} of the steps were clipped")
    return f"{name}: the gradient {'; '.join(said)}"


def _fate(curve: Sequence[float], steps: int, far: float) -> str:
    if not math.isfinite(far):
        return f"overflows within {steps} steps: it explodes"
    if far > EXPLODED:
        return f"explodes: {steps} steps back its norm is {far:,.0f} times as large"
    near = next(value for value in curve if value)
    if far < VANISHED:
        last = max(lag for lag, value in enumerate(curve) if value >= VANISHED * near)
        return f"vanishes: its norm falls to a thousandth within {last + 1} of {steps} steps"
    return f"reaches {steps} steps back, where its norm is still {percent(far)} of that at the last one"


def percent(share: float) -> str:
    """A share as a person says it: 12 %, 3.4 %, under 0.1 %."""
    if 0 < share < 0.001:
        return "under 0.1 %"
    return f"{100 * share:.1f} %" if 0 < share < 0.1 else f"{100 * share:.0f} %"

"""Plots: axes, lines and legends by matplotlib, which is imported when one is drawn."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

from PIL import Image

from seqnet.errors import ConfigurationError

NEEDED = "plots need the package matplotlib: pip install 'seqnet[plots]'"
SIZE, POINTS = (9.0, 3.6), 100  # inches, and points an inch


class Plot:
    """The axes to draw on, and once that is done the picture."""

    def __init__(self, axes: Any) -> None:
        self.axes = axes
        self.picture = Image.new("RGB", (1, 1))


@contextmanager
def plot(size: tuple[float, float] = SIZE) -> Iterator[Plot]:
    """One plot, drawn without a screen and without a state that others see. size: inches. Raises ConfigurationError."""
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigurationError(NEEDED) from error
    with rc_context({"font.family": "DejaVu Sans", "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(size, dpi=POINTS, layout="constrained")
        drawn = Plot(figure.subplots())
        yield drawn
        written = BytesIO()
        figure.savefig(written, format="png")
    with Image.open(written) as found:
        drawn.picture = found.convert("RGB")

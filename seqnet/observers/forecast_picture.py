"""A plot of a forecast: what was before it, its median, its band, and what came where that is known."""

import numpy as np
from PIL import Image

from seqnet.batch import Forecast
from seqnet.observers.plots import plot
from seqnet.observers.text_image import visible

PAST, CAME, MEDIAN, BAND = "#3c3c3c", "#d73027", "#225ea8", "#c6dbef"
LONGEST = 80  # letters of its name


def draw(forecast: Forecast) -> Image.Image:
    """Time to the right, values upwards; the same forecast gives the same picture. NaN is not drawn.

    Raises ConfigurationError where matplotlib is not installed.
    """
    history = forecast.history.double().numpy()
    levels = {level: values.double().numpy() for level, values in sorted(forecast.levels.items())}
    middle = levels[min(levels, key=lambda level: abs(level - 0.5))]
    ahead = np.arange(max(map(len, levels.values()))) + 1
    with plot() as drawn:
        axes = drawn.axes
        axes.set_title(visible(forecast.name)[:LONGEST], loc="left", parse_math=False)
        axes.set_xlabel("steps from the last one that is known")
        axes.plot(np.arange(-len(history) + 1, 1), history, color=PAST, label="before")
        if len(levels) > 1:
            (least, lowest), *_, (most, highest) = levels.items()
            axes.fill_between(ahead, lowest, highest, color=BAND, linewidth=0, label=f"{least:.0%} to {most:.0%}")
        joint, at = history[-1:], [*np.zeros(len(history[-1:])), *ahead]
        for values, colour, name in ((forecast.wanted, CAME, "what came"), (middle, MEDIAN, "forecast")):
            if values is not None:
                axes.plot(at, np.concatenate([joint, values]), color=colour, label=name)
        axes.legend(loc="upper left", frameon=False, ncols=4)
    return drawn.picture

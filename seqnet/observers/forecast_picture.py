"""A picture of a forecast: what was before it, its median, its band, and what came where that is known."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from seqnet.batch import Forecast
from seqnet.observers.text_image import text_image

WIDTH, HEIGHT = 900, 360
SCALE = 2  # it is drawn larger and made smaller, so that lines are smooth
MARGIN = 14
PAST, CAME, MEDIAN, BAND, FAINT = (60, 60, 60), (215, 48, 39), (34, 94, 168), (198, 219, 239), (120, 120, 120)


def draw(forecast: Forecast) -> Image.Image:
    """Time to the right, values upwards; the same forecast gives the same picture. NaN is not drawn."""
    history = forecast.history.double().numpy()
    levels = {level: values.double().numpy() for level, values in sorted(forecast.levels.items())}
    came = None if forecast.wanted is None else forecast.wanted.double().numpy()
    font, (name,) = text_image([forecast.name], 15)
    plain = ImageFont.load_default(13)
    every = np.concatenate([history, *levels.values(), *([] if came is None else [came])])
    known = every[np.isfinite(every)]
    low, high = (known.min(), known.max()) if len(known) else (0.0, 1.0)
    if high <= low:
        low, high = low - 1, high + 1
    labels = [f"{value:.4g}" for value in (high, (low + high) / 2, low)]
    left = MARGIN + 8 + round(max(map(plain.getlength, labels)))
    top, bottom, right = MARGIN + 24, HEIGHT - MARGIN, WIDTH - MARGIN
    steps = len(history) + max(map(len, levels.values()), default=0)

    def line(values: np.ndarray, begin: int) -> list[tuple[float, float]]:
        """Where each value stands that is a number. begin: the step of the first."""
        places = [(begin + step, value) for step, value in enumerate(values.tolist()) if np.isfinite(value)]
        return [
            (
                SCALE * (left + place * (right - left) / max(1, steps - 1)),
                SCALE * (bottom - (value - low) / (high - low) * (bottom - top)),
            )
            for place, value in places
        ]

    large = Image.new("RGB", (SCALE * WIDTH, SCALE * HEIGHT), "white")
    pen = ImageDraw.Draw(large)
    begin = len(history)
    if len(levels) > 1:
        (_, lowest), *_, (_, highest) = levels.items()
        pen.polygon([*line(lowest, begin), *line(highest, begin)[::-1]], fill=BAND)
    middle = levels[min(levels, key=lambda level: abs(level - 0.5))]
    joint, at = history[-1:], begin - len(history[-1:])
    for values, first, colour in (
        (history, 0, PAST),
        *([] if came is None else [(np.concatenate([joint, came]), at, CAME)]),
        (np.concatenate([joint, middle]), at, MEDIAN),
    ):
        pen.line(line(values, first), fill=colour, width=2 * SCALE, joint="curve")
    picture = large.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    pen = ImageDraw.Draw(picture)
    for label, y in zip(labels, (top, (top + bottom) / 2, bottom), strict=True):
        pen.text((left - 8, y), label, fill=FAINT, font=plain, anchor="rm")
    pen.text((left, MARGIN + 4), name, fill="black", font=font, anchor="lm")
    x = left + font.getlength(name) + 24
    band = f", {min(levels):.0%} to {max(levels):.0%}" if len(levels) > 1 else ""
    for text, colour in ((f"forecast{band}", MEDIAN), *([] if came is None else [("what came", CAME)])):
        pen.line((x, MARGIN + 4, x + 20, MARGIN + 4), fill=colour, width=2)
        pen.text((x + 26, MARGIN + 4), text, fill=FAINT, font=plain, anchor="lm")
        x += 26 + plain.getlength(text) + 24
    return picture

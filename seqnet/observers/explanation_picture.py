"""A picture of what an answer rests on: what was read, greener the more it speaks for the answer, redder against it."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from seqnet.batch import Explanation, Strip
from seqnet.observers.text_image import text_image

WIDTH, MARGIN, LINE = 900, 14, 28
PLOT = 110  # points, the height of a row of bars
SIDE = 320  # points, the longer side of an image
MOST_WORDS = 1000
FOR, AGAINST, SHARE = (33, 150, 83), (214, 69, 65), (34, 94, 168)
FAINT, FRAME = (100, 100, 100), (205, 205, 205)


def draw(explanation: Explanation) -> Image.Image:
    """Each input under its name; the strongest score of all has the full colour. The same gives the same picture."""
    signed = [strip.scores.abs().max() for strip in explanation.strips if strip.signed and len(strip.scores)]
    most = float(max(signed, default=0.0)) or 1.0
    parts = [_titled(strip, _drawn(strip, most)) for strip in explanation.strips]
    height = 2 * MARGIN + LINE + sum(part.height + MARGIN for part in parts)
    picture = Image.new("RGB", (WIDTH, height), "white")
    font, (name,) = text_image([explanation.name], 16)
    pen, plain = ImageDraw.Draw(picture), ImageFont.load_default(16)
    pen.text((MARGIN, MARGIN + LINE / 2), name, fill="black", font=font, anchor="lm")
    left = MARGIN + font.getlength(name) + 14
    pen.text((left, MARGIN + LINE / 2), explanation.about, fill=FAINT, font=plain, anchor="lm")
    top = MARGIN + LINE
    for part in parts:
        picture.paste(part, (MARGIN, top))
        top += part.height + MARGIN
    return picture


def _titled(strip: Strip, drawn: Image.Image) -> Image.Image:
    font, (name,) = text_image([strip.name], 13)
    picture = Image.new("RGB", (WIDTH - 2 * MARGIN, drawn.height + 20), "white")
    ImageDraw.Draw(picture).text((0, 9), name, fill=FAINT, font=font, anchor="lm")
    picture.paste(drawn, (0, 20))
    return picture


def _drawn(strip: Strip, most: float) -> Image.Image:
    if strip.map is not None:
        return _places(strip.map.double().numpy())
    if strip.words is not None:
        return _words(strip, most)
    return _bars(strip, most)


def _colours(scores: np.ndarray, most: float, signed: bool = True) -> np.ndarray:
    """[... 3] of scores [...]: white for 0, the full colour for `most`."""
    share = np.clip(np.abs(np.nan_to_num(scores)) / most, 0, 1)[..., None]
    full = np.where((scores >= 0)[..., None], FOR, AGAINST) if signed else np.broadcast_to(SHARE, (*scores.shape, 3))
    mixed: np.ndarray = (255 + (full - 255) * share).round().astype(np.uint8)
    return mixed


def _words(strip: Strip, most: float) -> Image.Image:
    """Words in lines, on grounds of their colours."""
    assert strip.words is not None
    words, width = list(strip.words[:MOST_WORDS]), WIDTH - 2 * MARGIN
    font, labels = text_image(words, 15)
    scores = strip.scores.double().numpy()[:MOST_WORDS]
    if not strip.signed:
        most = float(scores.max(initial=0.0)) or 1.0
    colours = _colours(scores, most, strip.signed)
    places, x, y = [], 0, 0
    for label in labels:
        wide = round(font.getlength(label)) + 8
        if x and x + wide > width:
            x, y = 0, y + LINE
        places.append((x, y, wide))
        x += wide + 3
    left_out = len(strip.words) - len(words)
    picture = Image.new("RGB", (width, y + LINE + (LINE if left_out else 0)), "white")
    pen = ImageDraw.Draw(picture)
    for label, (x, y, wide), colour in zip(labels, places, colours.tolist(), strict=True):
        pen.rectangle((x, y + 1, x + wide, y + LINE - 3), fill=tuple(colour))
        dark = "black" if sum(colour) > 380 else "white"
        pen.text((x + 4, y + LINE / 2 - 1), label, fill=dark, font=font, anchor="lm")
    if left_out:
        pen.text(
            (0, y + 1.5 * LINE), f"and {left_out:,} more", fill=FAINT, font=ImageFont.load_default(13), anchor="lm"
        )
    return picture


def _bars(strip: Strip, most: float) -> Image.Image:
    """A bar for each step, up where it speaks for the answer, and above them the numbers that were read."""
    scores, width = strip.scores.double().numpy(), WIDTH - 2 * MARGIN
    read = None if strip.values is None or strip.values.shape[1] > 8 else strip.values.double().numpy()
    above = 0 if read is None else PLOT + 6
    picture = Image.new("RGB", (width, above + PLOT + 1), "white")
    pen = ImageDraw.Draw(picture)
    steps = max(1, len(scores))
    if read is not None:
        _lines(pen, read, width)
    middle = above + PLOT // 2
    pen.line((0, middle, width, middle), fill=FRAME)
    for step, score in enumerate(scores.tolist()):
        left, right = step * width / steps, max(step * width / steps, (step + 1) * width / steps - 1)
        top = middle - score / most * (PLOT // 2)
        pen.rectangle((left, min(top, middle), right, max(top, middle)), fill=FOR if score >= 0 else AGAINST)
    return picture


def _lines(pen: ImageDraw.ImageDraw, read: np.ndarray, width: int) -> None:
    """A line for each column of the numbers [steps columns], from its lowest to its highest."""
    steps, columns = read.shape
    for column in range(columns):
        values = np.nan_to_num(read[:, column])
        low, high = (values.min(), values.max()) if steps else (0.0, 1.0)
        span = high - low if high > low else 1.0
        shade = 60 + 120 * column // max(1, columns)
        points = [
            ((step + 0.5) * width / steps, PLOT - 4 - (value - low) / span * (PLOT - 8))
            for step, value in enumerate(values.tolist())
        ]
        pen.line(points, fill=(shade, shade, shade), width=1)


def _places(scores: np.ndarray) -> Image.Image:
    """The scores of an image's places [height width], each a square."""
    most = float(np.abs(scores).max(initial=0.0)) or 1.0
    side = max(1, SIDE // max(scores.shape))
    large = Image.fromarray(_colours(scores, most)).resize(
        (scores.shape[1] * side, scores.shape[0] * side), Image.Resampling.NEAREST
    )
    return ImageOps.expand(large, border=1, fill=FRAME)

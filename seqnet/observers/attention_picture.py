"""A picture of where a decoder looked: the words read, or the recording, on top, the words written down the side."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from seqnet.batch import AttentionMap
from seqnet.observers.places_picture import draw as over_image
from seqnet.observers.text_image import text_image

LARGEST = 120  # words a side; what is beyond is not drawn, and a note says so
ABREAST = 4  # heads in a line
SIGNAL = 80  # points, the height of a recording
SHADES = (0.001, 0.1, 0.25, 0.5, 1.0)  # in the legend, beside 0

# From faint yellow over green to dark blue, evenly darker to the eye (ColorBrewer's YlGnBu). A weight of exactly
# 0, outside a local window or not chosen, is none of these: it is grey.
RAMP = np.array(
    [
        (255, 255, 204),
        (237, 248, 177),
        (199, 233, 180),
        (127, 205, 187),
        (65, 182, 196),
        (29, 145, 192),
        (34, 94, 168),
        (37, 52, 148),
        (8, 29, 88),
    ]
)
NOTHING = (226, 226, 226)
NO_NUMBER = (215, 48, 39)
GRID = (205, 205, 205)
FAINT = (100, 100, 100)


def colours(weights: np.ndarray) -> np.ndarray:
    """The colour [... 3] of each weight [...]: darker is more; grey is exactly 0, red is not a number."""
    place = np.sqrt(np.nan_to_num(weights).clip(0, 1)) * (len(RAMP) - 1)  # so that small weights differ too
    below = np.floor(place).astype(int)
    above = np.minimum(below + 1, len(RAMP) - 1)
    mixed = RAMP[below] + (RAMP[above] - RAMP[below]) * (place - below)[..., None]
    mixed[weights == 0] = NOTHING
    mixed[np.isnan(weights)] = NO_NUMBER
    rounded: np.ndarray = mixed.round().astype(np.uint8)
    return rounded


def draw(attention: AttentionMap) -> Image.Image:
    """The weights of each head as a grid, heads side by side, four in a line; the same map gives the same picture.

    Up to 120 words a side are drawn; a note says how many there were. Of the places of an image the image is drawn.
    """
    if attention.image is not None:
        return over_image(attention)
    weights = attention.weights.detach().to("cpu").double().numpy()
    heads, targets, sources = weights.shape
    weights = weights[:, :LARGEST, :LARGEST]
    rows, columns = weights.shape[1:]
    abreast = min(heads, ABREAST)
    side = max(12, min(36, 1600 // max(1, columns * abreast), 1000 // max(1, rows)))  # of a cell
    font, labels = text_image([*attention.source[:columns], *attention.target[:rows]], max(11, min(19, side * 3 // 5)))
    plain = ImageFont.load_default(font.size)
    read, written = labels[:columns], labels[columns:]

    line = round(font.size * 1.5)
    upright = all(font.getlength(word) < side for word in read)
    left = 14 + round(max([plain.getlength("written"), *map(font.getlength, written)]))
    top = 2 * line + (0 if upright else round(max(map(font.getlength, read))) + 6 - line // 2)
    heard = (
        None
        if attention.signal is None
        else _signal(attention.signal.double().numpy(), columns / sources, columns * side)
    )
    above = 0 if heard is None else heard.height + 4
    top += above
    panel_width, panel_height = columns * side + 1, rows * side + 1
    lines = -(-heads // abreast)
    notes = [
        f"only the first {LARGEST} of {count} words {what} are drawn"
        for what, count in (("read", sources), ("written", targets))
        if count > LARGEST
    ]
    legend_width = round(sum(plain.getlength(text) + 2.5 * font.size for text in _legend()))
    notes_width = round(max(map(plain.getlength, notes), default=0))
    width = max(left + abreast * (panel_width + side) - side, left + legend_width, 10 + notes_width) + 10
    height = lines * (top + panel_height) + line * (2 + len(notes))
    picture = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(picture)

    names = Image.new("RGB", (panel_width, top - above - line), "white")  # the words that were read
    _write_above(names, read, side, upright, font)
    for head in range(heads):
        x = left + head % abreast * (panel_width + side)
        y = head // abreast * (top + panel_height) + top
        picture.paste(names, (x, y - above - names.height))
        if heard is not None:
            picture.paste(heard, (x, y - above))
        heading = f"head {head + 1}" if heads > 1 else "read"
        pen.text((x + panel_width / 2, y - top + line / 2), heading, fill=FAINT, font=plain, anchor="mm")
        picture.paste(Image.fromarray(_grid(weights[head], side)), (x, y))
        if x == left:
            pen.text((left - 8, y - 4), "written", fill=FAINT, font=plain, anchor="rs")
            for row, word in enumerate(written):
                pen.text((left - 8, y + (row + 0.5) * side), word, fill="black", font=font, anchor="rm")

    x, y = left, height - line * (1 + len(notes))
    for shade, text in zip((0.0, *SHADES), _legend(), strict=True):
        box = (x, round(y - font.size / 2), x + round(font.size), round(y + font.size / 2))
        pen.rectangle(box, fill=tuple(map(int, colours(np.array(shade)))), outline=GRID)
        pen.text((box[2] + 5, y), text, fill=FAINT, font=plain, anchor="lm")
        x += round(plain.getlength(text) + 2.5 * font.size)
    for number, note in enumerate(notes, 1):
        pen.text((10, y + number * line), note, fill=FAINT, font=plain, anchor="lm")
    return picture


def _signal(numbers: np.ndarray, share: float, width: int) -> Image.Image:
    """The first share of numbers [steps size] as wide as the columns that look at it: darker is more, the last on top.

    One number a step is a curve, of which each column of points spans the least and the largest.
    """
    numbers = numbers[: max(1, round(len(numbers) * share))]
    if numbers.shape[1] > 1:
        low, high = np.percentile(numbers, (5, 99))
        grey = 255 - 255 * ((numbers - low) / max(high - low, 1e-9)).clip(0, 1)
        made = Image.fromarray(grey.T[::-1].round().astype(np.uint8))
        return made.resize((width, SIGNAL), Image.Resampling.BILINEAR).convert("RGB")
    curve = numbers[:, 0] / max(np.abs(numbers).max(), 1e-9)
    picture = Image.new("RGB", (width, SIGNAL), "white")
    pen, middle = ImageDraw.Draw(picture), SIGNAL / 2
    for place in range(width):
        some = curve[
            place * len(curve) // width : max((place + 1) * len(curve) // width, place * len(curve) // width + 1)
        ]
        pen.line((place, middle - some.max() * middle, place, middle - some.min() * middle), fill=FAINT)
    return picture


def _legend() -> list[str]:
    """What stands beside each colour."""
    return ["exactly 0", *(f"{shade:g}" for shade in SHADES)]


def _grid(weights: np.ndarray, side: int) -> np.ndarray:
    """Cells of `side` points with lines between and around them. weights: [rows columns]."""
    cells = colours(weights).repeat(side, 0).repeat(side, 1)
    cells = np.pad(cells, ((0, 1), (0, 1), (0, 0)))
    cells[::side] = GRID
    cells[:, ::side] = GRID
    return cells


def _write_above(strip: Image.Image, words: list[str], side: int, upright: bool, font: ImageFont.FreeTypeFont) -> None:
    """Write a word over the middle of each column; where one is wider than its column, all of them upwards."""
    if upright:
        pen = ImageDraw.Draw(strip)
        for column, word in enumerate(words):
            pen.text(((column + 0.5) * side, strip.height - 6), word, fill="black", font=font, anchor="ms")
        return
    turned = Image.new("RGB", (strip.height, strip.width), "white")
    pen = ImageDraw.Draw(turned)
    for column, word in enumerate(words):
        pen.text((6, (column + 0.5) * side), word, fill="black", font=font, anchor="lm")
    strip.paste(turned.transpose(Image.Transpose.ROTATE_90))

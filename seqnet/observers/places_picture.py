"""Where a decoder looked while it described an image: the image once for each word, redder where it looked more."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from seqnet.batch import AttentionMap
from seqnet.observers.text_image import text_image

LARGEST = 64  # words; what is beyond is not drawn, and a note says so
ABREAST = 8  # images in a line
SIDE = 120  # points, about, of the longer side of an image
GAP, LINE = 8, 24
LOOKED, FAINT = np.array((215, 48, 39)), (100, 100, 100)
MOST = 0.8  # of the colour, where all of the weight is: what is below is still seen


def draw(attention: AttentionMap) -> Image.Image:
    """The image as it was read, then for each word that was written, head by head. Up to 64 words are drawn."""
    assert attention.image is not None
    image = grey_or_colours(attention.image.double().numpy())
    weights = attention.weights.detach().to("cpu").double().numpy()
    heads, written, _ = weights.shape
    words = min(written, LARGEST)
    scale = SIDE / max(image.shape[:2])
    height, width = (max(1, round(side * (round(scale) if scale > 1 else scale))) for side in image.shape[:2])
    font, labels = text_image(["read", *attention.target[:words]], 15)
    plain = ImageFont.load_default(13)
    column = max(width, round(max(map(font.getlength, labels)))) + GAP
    abreast = min(words + 1, ABREAST)
    lines = -(-(words + 1) // abreast)
    heading = LINE if heads > 1 else 0
    block = heading + lines * (height + LINE)  # of a head
    largest = float(np.nan_to_num(weights).max(initial=0))
    note = f"reddest: {largest:.2g}"
    note += f"; only the first {LARGEST} of {written} words written are drawn" if written > LARGEST else ""
    wide = max(abreast * column, round(plain.getlength(note)), round(plain.getlength(f"head {heads}"))) + GAP
    picture = Image.new("RGB", (wide, heads * block + GAP + LINE), "white")
    pen = ImageDraw.Draw(picture)
    for head in range(heads):
        if heads > 1:
            pen.text((GAP, head * block + heading / 2), f"head {head + 1}", fill=FAINT, font=plain, anchor="lm")
        over = [image, *(looked_at(image, row, attention.regions, largest) for row in weights[head, :words])]
        for place, (points, label) in enumerate(zip(over, labels, strict=True)):
            x = GAP + place % abreast * column
            y = GAP + head * block + heading + place // abreast * (height + LINE)
            way = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BOX
            picture.paste(Image.fromarray(points.round().astype(np.uint8)).resize((width, height), way), (x, y))
            pen.text((x, y + height + LINE / 2 - 2), label, fill="black" if place else FAINT, font=font, anchor="lm")
    pen.text((GAP, picture.height - LINE / 2), note, fill=FAINT, font=plain, anchor="lm")
    return picture


def grey_or_colours(image: np.ndarray) -> np.ndarray:
    """Points [height width 3] of 0 to 255. image: [height width channels], 0 to 1, one or three channels."""
    colours = image if image.shape[2] == 3 else image.mean(2, keepdims=True).repeat(3, 2)
    points: np.ndarray = colours.clip(0, 1) * 255
    return points


def looked_at(image: np.ndarray, weights: np.ndarray, regions: tuple[int, int], largest: float = 1) -> np.ndarray:
    """The image, redder where a weight is larger, by the square root of its share of the largest there is.

    image: [height width 3]; weights: [regions].
    """
    sides = [-(-size // count) for size, count in zip(image.shape[:2], regions, strict=True)]  # of a region
    each = weights.reshape(regions).repeat(sides[0], 0).repeat(sides[1], 1)[: image.shape[0], : image.shape[1]]
    share = MOST * np.sqrt(np.nan_to_num(each / (largest or 1)).clip(0, 1))[..., None]
    mixed: np.ndarray = image * (1 - share) + LOOKED * share
    return mixed

"""A confusion matrix as a picture."""

import numpy as np
from PIL import Image, ImageDraw

from seqnet.batch import Confusion
from seqnet.observers.text_image import text_image

NAMED_CLASSES = 40  # of more classes neither names nor counts are drawn


def draw(confusion: Confusion) -> Image.Image:
    """A row a true class, darker where more of the row went. Up to 40 classes carry their names and counts."""
    counts = confusion.counts.detach().to("cpu").double().numpy()
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    white, blue = np.array([255.0, 255.0, 255.0]), np.array([8.0, 48.0, 107.0])
    colours = (white + (blue - white) * shares[..., None] ** 0.7).astype(np.uint8)  # small shares are visible too
    classes = len(counts)
    if classes > NAMED_CLASSES:
        side = max(1, 800 // classes)
        return Image.fromarray(colours.repeat(side, 0).repeat(side, 1))

    font, titles = text_image(confusion.names, 22)  # TensorBoard shows the picture smaller than it is
    side = 72
    margin = 44 + round(max(font.getlength(title) for title in titles))
    picture = Image.new("RGB", (margin + classes * side + 10, margin + classes * side + 10), "white")
    ink = ImageDraw.Draw(picture)
    for row in range(classes):
        for column in range(classes):
            left, top = margin + column * side, margin + row * side
            colour = tuple(int(part) for part in colours[row, column])
            ink.rectangle((left, top, left + side, top + side), fill=colour, outline=(200, 200, 200))
            if counts[row, column]:
                letters = "white" if shares[row, column] > 0.4 else "black"
                middle = (left + side / 2, top + side / 2)
                ink.text(middle, _count(counts[row, column]), fill=letters, font=font, anchor="mm")
        ink.text((margin - 8, margin + (row + 0.5) * side), titles[row], fill="black", font=font, anchor="rm")
    # the predicted classes are written upwards: on a picture that is then turned
    above = Image.new("RGB", (margin, classes * side), "white")
    pen = ImageDraw.Draw(above)
    for column in range(classes):
        pen.text((8, (column + 0.5) * side), titles[column], fill="black", font=font, anchor="lm")
    picture.paste(above.transpose(Image.Transpose.ROTATE_90), (margin, 0))
    ink.text((margin + classes * side / 2, 16), "predicted", fill=(90, 90, 90), font=font, anchor="mm")
    ink.text((8, margin - 12), "true", fill=(90, 90, 90), font=font, anchor="lm")
    return picture


def _count(count: float) -> str:
    """A count that fits into a cell."""
    return f"{count:.0f}" if count < 10_000 else f"{count / 1000:.0f}k"

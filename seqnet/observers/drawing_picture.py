"""A drawing of grey values."""

import numpy as np
from PIL import Image

from seqnet.batch import Drawing

SCALE = 16  # points of a value


def draw(drawing: Drawing, scale: int = SCALE) -> Image.Image:
    """0 is white paper, 1 is black ink, each a square; what lies outside 0 to 1 is drawn as the nearest of both."""
    grey = 255 - (drawing.values.detach().float().cpu().clamp(0, 1) * 255).round().byte()
    return Image.fromarray(np.kron(grey.numpy(), np.ones((scale, scale), np.uint8)))

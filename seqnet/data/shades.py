"""A small picture drawn in characters."""

import numpy as np

SHADES = " .:-=+*#%@"


def in_characters(grey: np.ndarray) -> str:
    """A line a row, two letters a pixel. grey: [rows columns], 0 is paper and 1 is ink; what lies outside is the
    nearest of both.
    """
    shades = (np.nan_to_num(grey).clip(0, 1) * (len(SHADES) - 1)).round().astype(int)
    return "\n".join("".join(SHADES[shade] * 2 for shade in row) for row in shades.tolist())

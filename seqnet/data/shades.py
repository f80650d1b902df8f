"""A small picture drawn in characters."""

from collections.abc import Iterable

import numpy as np

SHADES = " .:-=+*#%@"


def in_characters(rows: Iterable[np.ndarray]) -> str:
    """A line a row [columns], two letters a pixel: 0 is paper and 1 is ink; what is outside is the nearest."""
    shades = ((np.nan_to_num(row).clip(0, 1) * (len(SHADES) - 1)).round().astype(int) for row in rows)
    return "\n".join("".join(SHADES[shade] * 2 for shade in row.tolist()) for row in shades)

"""A picture a row, read as a whole."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from seqnet.data.fields.field import Block, Raw
from seqnet.data.fields.pictures import brightness, content, picture
from seqnet.data.fields.raw import Unusable, each
from seqnet.data.shades import in_characters
from seqnet.errors import ConfigurationError, DataError
from seqnet.kinds import Axis, Item, Kind
from seqnet.specs import Image

LARGEST_SIDE = 1 << 14  # pixels
LARGEST_SHOWN = (32, 40)  # rows and columns of what is drawn in characters


def size_of(option: Sequence[int] | None) -> tuple[int, int] | None:
    """Height and width, as the option says them. Raises ConfigurationError."""
    if option is None:
        return None
    sides = list(option)
    if len(sides) != 2 or not all(isinstance(side, int) and 1 <= side <= LARGEST_SIDE for side in sides):
        raise ConfigurationError(
            f"data.fields.*.size is {sides}; it must be [height, width], each from 1 to {LARGEST_SIDE} pixels, or null"
        )
    return sides[0], sides[1]


class PicturesField:
    """What pictures and sequences of them have in common.

    size: height and width that every picture is brought to; None: that of the first, which all must have. channels: 1,
    or 3 for red, green and blue. largest: the value that becomes 1; None: the largest of the type where it is stored in
    8 or 16 bits, other numbers stay as they are. Raises ConfigurationError.
    """

    opens_files: ClassVar[bool] = True

    def __init__(self, size: Sequence[int] | None, channels: int, largest: float | None) -> None:
        if channels not in (1, 3):
            raise ConfigurationError(f"data.fields.*.channels must be 1 or 3, not {channels}")
        if largest is not None and not 0 < largest < float("inf"):
            raise ConfigurationError(f"data.fields.*.largest is {largest}; it must be above 0, or null")
        self._said = self._size = size_of(size)
        self._channels, self._largest = channels, largest

    def learned(self) -> Image:
        """Height, width and channels. Raises DataError where there was no picture."""
        if self._size is None:
            raise DataError("there is no picture in the training rows, so their size is not known")
        return Image(*self._size, self._channels)

    def _sized(self, found: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Pictures [... height width (channels)] as float32, if they have the size. Raises Unusable."""
        sides = found.shape[-2:] if self._channels == 1 else found.shape[-3:-1]
        if sides != size:
            raise Unusable(
                f"the picture has {sides[0]} x {sides[1]} pixels where the first has {size[0]} x {size[1]}; "
                "say with size=[height,width] what they are brought to"
            )
        return brightness(found, self._largest)

    def _unscaled(self, entry: Any) -> Any:
        values = np.asarray(entry, np.float64) * (1.0 if self._largest is None else self._largest)
        return np.round(values, 6).tolist()

    def state(self) -> list[int]:
        """Height and width."""
        return list(self.learned_size)

    @property
    def learned_size(self) -> tuple[int, int]:
        """Height and width."""
        assert self._size is not None, "learn or restore first"
        return self._size

    def restore(self, state: Any) -> None:
        """The inverse of `state`. Raises DataError where it is malformed, or not the size that was said."""
        match state:
            case [int(height), int(width)] if (
                not isinstance(height, bool)
                and not isinstance(width, bool)
                and 1 <= height <= LARGEST_SIDE
                and 1 <= width <= LARGEST_SIDE
                and self._said in (None, (height, width))
            ):
                self._size = height, width
            case _:
                raise DataError("the stored data state is not that of pictures: no height and width that can be")


class ImageField(PicturesField):
    """A picture a row: a file (PNG, JPEG, GIF, BMP, PPM, .npy), its bytes, or an array. Options: see PicturesField."""

    def __init__(
        self, size: Sequence[int] | None = None, channels: Literal[1, 3] = 1, largest: float | None = None
    ) -> None:
        super().__init__(size, channels, largest)

    @property
    def kind(self) -> Kind:
        """A grid of pixels."""
        return Kind(Item.PIXEL, Axis.GRID)

    def _picture(self, value: Raw) -> np.ndarray:
        return picture(content(value), self._channels, self._said)

    def observe(self, values: Sequence[Raw]) -> None:
        """See how large the first picture is, where no size is said. Raises BadValues."""
        if self._size is None and len(values):
            (found,) = each(values[:1], self._picture)
            self._size = found.shape[0], found.shape[1]

    def encode(self, values: Sequence[Raw]) -> Block:
        """Each picture's rows of pixels, [total width] or [total width channels] float32. Raises BadValues."""
        height, width = self.learned_size
        made = each(values, lambda value: self._sized(self._picture(value), (height, width)))
        row = (width,) if self._channels == 1 else (width, self._channels)
        flat = np.concatenate([np.zeros((0, *row), np.float32), *made])
        return Block(flat, np.full(len(made), height, np.int64))

    def show(self, entry: Any) -> str:
        """A small picture drawn in characters, a line a row; of a large one its size."""
        height, width = self.learned_size
        if height > LARGEST_SHOWN[0] or width > LARGEST_SHOWN[1]:
            return f"{height} x {width} pixels"
        return in_characters(np.asarray(entry, np.float64).reshape(height, width, -1).mean(2))

    def decode(self, entry: Any) -> Any:
        """The values of a picture, as lists, row by row."""
        return self._unscaled(entry)

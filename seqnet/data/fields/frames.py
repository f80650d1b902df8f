"""A sequence of pictures a row."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np

from seqnet.data.fields import film
from seqnet.data.fields.field import Block, Raw
from seqnet.data.fields.image import PicturesField
from seqnet.data.fields.options import at_least
from seqnet.data.fields.pictures import content, from_array, opened, picture, pillow, pixels
from seqnet.data.fields.raw import Unusable, each
from seqnet.data.files import shown
from seqnet.kinds import Axis, Item, Kind

ENDINGS = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".ppm", ".pgm", ".npy")
HELD = 3  # names that an error shows of what a folder holds


class FramesField(PicturesField):
    """A clip a row: an array or .npy file [time height width] (and channels), a film, a GIF, or a folder of pictures.

    Films are MP4, QuickTime, WebM, Matroska and AVI. The pictures of a folder come in the order of their names.

    most: the first so many frames of each, None for all. Other options: see PicturesField.
    """

    def __init__(
        self,
        size: Sequence[int] | None = None,
        channels: Literal[1, 3] = 1,
        largest: float | None = None,
        most: int | None = None,
    ) -> None:
        super().__init__(size, channels, largest)
        if most is not None:
            at_least("most", most, 1)
        self._most = most

    @property
    def kind(self) -> Kind:
        """Grids of pixels in a sequence."""
        return Kind(Item.PIXEL, Axis.SEQUENCE)

    def _clip(self, value: Raw) -> np.ndarray:
        """[time height width] or [time height width 3]. Raises Unusable."""
        frames = self._frames(value)
        if not frames:
            raise Unusable("the clip has no frame")
        if len({frame.shape for frame in frames}) > 1 or len({frame.dtype for frame in frames}) > 1:
            raise Unusable("its frames differ in size or type; say with size=[height,width] what they are brought to")
        return np.stack(frames)

    def _frames(self, value: Raw) -> list[np.ndarray]:
        if isinstance(value, str | Path) and Path(value).is_dir():
            files = sorted(file for file in Path(value).iterdir() if file.suffix.lower() in ENDINGS)
            if not files:
                raise Unusable(f"the folder {shown(Path(value).name)} holds no picture{_in_place_of_it(Path(value))}")
            return [picture(content(file), self._channels, self._said) for file in files[: self._most]]
        raw = content(value)
        if isinstance(raw, np.ndarray):
            if raw.ndim < 3:
                raise Unusable(f"the array has shape {list(raw.shape)} where a clip has [time, height, width]")
            return [from_array(frame, self._channels, self._said) for frame in raw[: self._most]]
        if film.is_film(raw):
            pictures = islice(film.frames(raw), self._most)
            return [pixels(frame, self._channels, self._said) for frame in pictures]
        with opened(raw) as image:
            moving = islice(pillow().ImageSequence.Iterator(image), self._most)
            return [pixels(frame.copy(), self._channels, self._said) for frame in moving]

    def observe(self, values: Sequence[Raw]) -> None:
        """See how large the first frame is, where no size is said. Raises BadValues."""
        if self._size is None and len(values):
            (found,) = each(values[:1], self._clip)
            self._size = found.shape[1], found.shape[2]

    def encode(self, values: Sequence[Raw]) -> Block:
        """The frames, [total height width] or [total height width channels] float32. Raises BadValues."""
        size = self.learned_size
        made = each(values, lambda value: self._sized(self._clip(value), size))
        shape = size if self._channels == 1 else (*size, self._channels)
        flat = np.concatenate([np.zeros((0, *shape), np.float32), *made])
        return Block(flat, np.fromiter(map(len, made), np.int64, len(made)))

    def show(self, entry: Any) -> str:
        """How many frames a clip has, and of what size."""
        height, width = self.learned_size
        return f"{len(entry)} frames of {height} x {width}"

    def decode(self, entry: Any) -> Any:
        """The values of a frame, or of each of a row, as lists."""
        return self._unscaled(entry)


def _in_place_of_it(folder: Path) -> str:
    """What a folder without pictures holds, and of films how these are read."""
    there = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    if not there:
        return ""
    films = [path.name for path in there if path.suffix.lower() in film.ENDINGS]
    held = shown(", ".join(films[:HELD] or [path.name for path in there[:HELD]]))
    return f" but {held}" + ("; a film is a clip by itself: name the film in place of its folder" if films else "")

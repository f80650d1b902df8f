"""Pictures and arrays, out of files, bytes and lists, as arrays of grey values or colours."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from seqnet.data.fields.field import Raw
from seqnet.data.fields.raw import Unusable, array, missing, told
from seqnet.data.fields.recognised import but
from seqnet.data.files import shown
from seqnet.errors import ConfigurationError

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "PPM")
LARGEST_FILE = 1 << 28  # bytes
MODES = {1: "L", 3: "RGB"}


def pillow() -> Any:
    """The library that reads pictures. Raises ConfigurationError where it is missing."""
    try:
        import PIL.Image
        import PIL.ImageOps
        import PIL.ImageSequence
    except ImportError as error:
        raise ConfigurationError("pictures need the package pillow: pip install 'seqnet[image]'") from error
    return PIL


def content(value: Raw) -> bytes | np.ndarray:
    """What a value holds: a file's bytes, or an array; of a .npy file, its array.

    A value is a path, bytes, a dictionary of them as parquet files and the Hub have it, an array or a list. Raises
    Unusable.
    """
    if isinstance(value, dict):
        value = value.get("bytes") if value.get("bytes") is not None else value.get("array", value.get("path"))
    if missing(value):
        raise Unusable("the value is missing")
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, list | tuple):
        return array(value)
    if isinstance(value, str | Path):
        return _file(Path(value))
    if isinstance(value, bytes | bytearray | memoryview):
        return _array_or(bytes(value), "the bytes")
    raise Unusable(f"{told(value)} is neither a file's name nor its content")


def _file(path: Path) -> bytes | np.ndarray:
    name = shown(path.name)
    try:
        if not path.is_file():
            there = path.is_dir()
            raise Unusable(f"{name} is a folder, and no file" if there else f"there is no file {shown(str(path), 120)}")
        if path.stat().st_size > LARGEST_FILE:
            raise Unusable(f"{name} is larger than {LARGEST_FILE >> 20} MiB")
        return _array_or(path.read_bytes(), name)
    except (OSError, ValueError) as error:
        raise Unusable(f"{name} cannot be read ({getattr(error, 'strerror', None) or error})") from None


def _array_or(raw: bytes, name: str) -> bytes | np.ndarray:
    if not raw.startswith(b"\x93NUMPY"):
        return raw
    try:
        # The array is made of the bytes that are there: a header that says more is refused by the library.
        made: np.ndarray = np.lib.format.read_array(io.BytesIO(raw), allow_pickle=False)
    except (ValueError, EOFError, MemoryError, OverflowError) as error:
        raise Unusable(f"{name} is no .npy file that can be read ({shown(str(error), 100)})") from None
    return made


def picture(raw: bytes | np.ndarray, channels: int, size: tuple[int, int] | None) -> np.ndarray:
    """Grey values [height width], or colours [height width 3], in the type they are stored in. Raises Unusable."""
    if isinstance(raw, np.ndarray):
        return from_array(raw, channels, size)
    with opened(raw) as image:
        return pixels(image, channels, size)


@contextmanager
def opened(raw: bytes) -> Iterator[Any]:
    """A picture of which the header has been read. Raises Unusable for what is none, and for one that is too large."""
    library = pillow()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", library.Image.DecompressionBombWarning)
            with library.Image.open(io.BytesIO(raw), formats=FORMATS) as image:
                yield image
    except library.UnidentifiedImageError:
        which = but(raw, "image") or f", which are {', '.join(FORMATS)} and .npy"
        raise Unusable(f"it is no picture that can be read{which}") from None
    except (library.Image.DecompressionBombWarning, library.Image.DecompressionBombError):
        raise Unusable("the picture has too many pixels") from None
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError, OverflowError) as error:
        raise Unusable(f"the picture cannot be read ({shown(str(error), 100)})") from None


def pixels(image: Any, channels: int, size: tuple[int, int] | None) -> np.ndarray:
    """An opened picture as an array, upright, on white where it is transparent. 16 bits of grey stay 16."""
    library = pillow()
    image = library.ImageOps.exif_transpose(image)
    if image.mode.startswith("I") and channels == 1:
        return from_array(np.asarray(image).astype(np.uint16), 1, size)
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = library.Image.alpha_composite(library.Image.new("RGBA", image.size, "white"), image)
    image = image.convert(MODES[channels])
    if size is not None and image.size != (size[1], size[0]):
        image = image.resize((size[1], size[0]), library.Image.Resampling.BILINEAR)
    return np.asarray(image)


def from_array(values: np.ndarray, channels: int, size: tuple[int, int] | None) -> np.ndarray:
    """An array [height width] or [height width channels] as a picture of that size. Raises Unusable."""
    if values.dtype.kind not in "uifb" or values.size == 0:
        raise Unusable(f"an array of {values.dtype} and shape {list(values.shape)} is no picture")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise Unusable("a grey value is not a finite number")
    if channels == 1 and values.ndim == 3 and values.shape[2] == 1:
        values = values[..., 0]
    if values.ndim != (2 if channels == 1 else 3) or (channels == 3 and values.shape[2] != 3):
        wanted = "[height, width]" if channels == 1 else "[height, width, 3]"
        raise Unusable(f"the array has shape {list(values.shape)} where channels={channels} wants {wanted}")
    if size is None or values.shape[:2] == size:
        return values
    library = pillow()
    planes = np.moveaxis(values.reshape(*values.shape[:2], -1).astype(np.float32), 2, 0)
    resample = library.Image.Resampling.BILINEAR
    resized = [np.asarray(library.Image.fromarray(plane).resize((size[1], size[0]), resample)) for plane in planes]
    made = np.stack(resized, axis=-1).reshape(*size, *values.shape[2:])
    return made.round().astype(values.dtype) if values.dtype.kind in "ui" else made


def brightness(values: np.ndarray, largest: float | None) -> np.ndarray:
    """Values as float32, `largest` of which is 1; None: the largest of the type, if that is uint8 or uint16."""
    if largest is None:
        largest = float(np.iinfo(values.dtype).max) if values.dtype in (np.uint8, np.uint16) else 1.0
    return (values / largest).astype(np.float32)

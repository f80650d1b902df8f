"""Films, out of the bytes of a file, as pictures."""

import io
from collections.abc import Iterator
from typing import Any

from seqnet.data.fields.raw import Unusable
from seqnet.data.files import shown
from seqnet.errors import ConfigurationError

ENDINGS = (".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi")
LARGEST = 1 << 30  # pixels of all frames that are read


def is_film(raw: bytes) -> bool:
    """Whether bytes begin as a film does: of MP4 and QuickTime, Matroska and WebM, or AVI."""
    return raw[4:8] == b"ftyp" or raw.startswith(b"\x1a\x45\xdf\xa3") or (raw[:4], raw[8:12]) == (b"RIFF", b"AVI ")


def frames(raw: bytes) -> Iterator[Any]:
    """The frames of a film, each as an opened picture. Raises Unusable; ConfigurationError where PyAV is missing."""
    try:
        import av
    except ImportError as error:
        raise ConfigurationError("films need the package av: pip install 'seqnet[video]'") from error
    read = 0
    try:
        with av.open(io.BytesIO(raw), "r") as film:
            if not film.streams.video:
                raise Unusable("the film has no pictures")
            film.streams.video[0].thread_count = 1
            frame: Any
            for frame in film.decode(video=0):
                read += frame.width * frame.height
                if read > LARGEST:
                    raise Unusable(f"the film has more than {LARGEST >> 20} million pixels: most= ends it before")
                yield frame.to_image()
    except (av.FFmpegError, ValueError, MemoryError) as error:
        raise Unusable(f"the film cannot be read ({shown(str(error), 100)})") from None

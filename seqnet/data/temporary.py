"""Files in the temporary folder, which end with the process that made them."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from seqnet.errors import DiskError


@contextmanager
def on_temporary() -> Iterator[None]:
    """Say in one sentence that the temporary folder refused what is written there inside. Raises DiskError."""
    try:
        yield
    except OSError as error:
        raise DiskError(
            f"cannot write to the temporary folder {tempfile.gettempdir()}: {error.strerror or error}; free some space "
            "there, or name another folder in the environment variable TMPDIR"
        ) from error

"""What is wrong with other files than those of training, said in the options of the command that reads them."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from seqnet.data.formats.columns import KEY
from seqnet.data.read import ReadBlock
from seqnet.errors import DataError

TO_SAY = re.compile(rf"[^;,?]*{re.escape(KEY)}.*")  # which option names a column, which is of training


@contextmanager
def reads(option: str) -> Iterator[None]:
    """Files are named by an `option`, such as `input=`; their columns are called as those of training, or refused.

    Raises DataError.
    """
    try:
        yield
    except DataError as error:
        said = TO_SAY.sub(" rename it there, since a run reads the columns that it was trained on", str(error))
        raise type(error)(said.replace("data.path=", option)) from error


def read(blocks: Iterable[ReadBlock], option: str) -> Iterator[ReadBlock]:
    """Blocks of such files, as they are read. Raises DataError."""
    with reads(option):
        yield from blocks

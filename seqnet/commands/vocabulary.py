"""The tokens that a decoder may write, read from a file."""

from pathlib import Path

from seqnet.data.files import LONGEST, decoded
from seqnet.errors import ConfigurationError, DataError, did_you_mean, visible
from seqnet.specs import Tokens

SHOWN = 60  # characters of a line that an error shows


def read_vocabulary(path: str, space: Tokens, forbidden: tuple[int, ...]) -> list[int]:
    """The ids of a UTF-8 file's tokens, one a line; blank lines are passed over.

    forbidden: ids that are not written whatever the file says. Raises ConfigurationError for a file that cannot be
    read, and DataError for a token that the vocabulary does not have, or a file without one that may be written.
    """
    if Path(path).exists() and not Path(path).is_file():
        raise ConfigurationError(f"decoding.vocabulary={path} is no file; name one that holds a token a line")
    try:
        with Path(path).open("rb") as file:
            lines = list(decoded(file, LONGEST))
    except OSError as error:
        raise ConfigurationError(
            f"decoding.vocabulary={path} cannot be read ({error.strerror}); name a file that holds a token a line, or "
            "set decoding.vocabulary=null"
        ) from error
    ids = {name: number for number, name in enumerate(space.names)}
    found = []
    for number, name, problem in lines:
        if problem is not None:
            raise DataError(f"{path}, line {number}: {problem}")
        if not name:
            continue
        if name not in ids:
            raise DataError(
                f"{path}, line {number}: {visible(name[:SHOWN])} is no token of this run's vocabulary"
                f"{did_you_mean(name[:SHOWN], ids)}; decoding.vocabulary takes one token a line"
            )
        found.append(ids[name])
    if not set(found).difference(forbidden):
        raise DataError(f"{path}: holds no token that may be written; decoding.vocabulary takes one token a line")
    return found

"""The tokens that a decoder may write, read from a file; and the lines of such files."""

from collections.abc import Iterator
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
    ids = {name: number for number, name in enumerate(space.names)}
    found = []
    for number, name in lines_of_option(path, "vocabulary", "a token a line"):
        if name not in ids:
            raise DataError(
                f"{path}, line {number}: {visible(name[:SHOWN])} is no token of this run's vocabulary"
                f"{did_you_mean(name[:SHOWN], ids)}; decoding.vocabulary takes one token a line"
            )
        found.append(ids[name])
    if not set(found).difference(forbidden):
        raise DataError(f"{path}: holds no token that may be written; decoding.vocabulary takes one token a line")
    return found


def lines_of_option(path: str, option: str, holds: str) -> Iterator[tuple[int, str]]:
    """The numbers and texts of a UTF-8 file's lines, but of blank ones. option: of decoding; holds: what the file does.

    Raises ConfigurationError for a file that cannot be read, and DataError for a line that cannot.
    """
    if Path(path).exists() and not Path(path).is_file():
        raise ConfigurationError(f"decoding.{option}={path} is no file; name one that holds {holds}")
    try:
        with Path(path).open("rb") as file:
            lines = list(decoded(file, LONGEST))
    except OSError as error:
        raise ConfigurationError(
            f"decoding.{option}={path} cannot be read ({error.strerror}); name a file that holds {holds}, or set "
            f"decoding.{option}=null"
        ) from error
    for number, line, problem in lines:
        if problem is not None:
            raise DataError(f"{path}, line {number}: {problem}")
        if line:
            yield number, line

"""How many names there are of what is read as tokens."""

from typing import Any

from seqnet.specs import Spelling, Tokens


def vocabularies(source: Any) -> dict[str, int]:
    """By the name of an input of the same steps, the first's at ""."""
    spaces = {"": source.inputs, **getattr(source, "views", {})}
    return {name: space.size for name, space in spaces.items() if isinstance(space, Tokens | Spelling)}

"""JSON as its standard has it, without the Infinity and NaN that Python writes: all that seqnet writes is made here."""

import json
import math
import re
from typing import Any

# Those below are escaped by every writer of JSON; halves of letters cannot be written at all.
CONTROL = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def dumps(value: Any, **options: Any) -> str:
    """`value` as JSON, by the options of `json.dumps`; a float that is not finite becomes null."""
    try:
        return json.dumps(value, allow_nan=False, **options)
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False, **options)


def as_line(value: Any) -> str:
    """`value` in one line that is safe to be shown: letters as they are, escapes for what drives a terminal."""
    return CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", dumps(value, ensure_ascii=False))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value

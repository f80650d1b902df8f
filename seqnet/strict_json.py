"""JSON as its standard has it, without the Infinity and NaN that Python writes: all that seqnet writes is made here."""

import json
import math
from typing import Any


def dumps(value: Any, **options: Any) -> str:
    """`value` as JSON, by the options of `json.dumps`; a float that is not finite becomes null."""
    try:
        return json.dumps(value, allow_nan=False, **options)
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False, **options)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value

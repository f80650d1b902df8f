"""Whether a graph gives what torch gives, at sizes that it was not made of."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from seqnet.errors import ConfigurationError
from seqnet.exporting.plan import Part, Size

SIZES = (Size(1, 1, 1), Size(1, 9, 4), Size(2, 1, 12), Size(5, 16, 2), Size(8, 33, 21))
CLOSE = 1e-4
"""How far a number may be from torch's, beyond 1 as a share of it."""


def session_of(content: bytes) -> Any:
    """An onnxruntime session of a graph, on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def farthest(part: Part, content: bytes) -> float:
    """How far the graph's numbers are from torch's at most. Raises ConfigurationError where that is too far."""
    session = session_of(content)
    taken = {one.name for one in session.get_inputs()}
    reference = copy.deepcopy(part.reference).to("cpu").eval()
    worst = 0.0
    for number, size in enumerate(SIZES):
        given = part.example(size, torch.Generator().manual_seed(number))
        found = _refusing(part, size, lambda given=given: _run(session, taken, part, given))  # type: ignore[misc]
        with torch.no_grad():
            wanted = reference(given)
        for name, one, other in zip(part.names, found, wanted.values(), strict=True):
            here = _apart(one, other.numpy())
            if not here <= CLOSE:
                raise ConfigurationError(
                    f"{part.file} is no right picture of the model: {name} is {here:.2g} away from what torch gives, "
                    f"for {size.batch} rows of {size.time} steps: this run cannot be exported"
                )
            worst = max(worst, here)
    return worst


def _run(session: Any, taken: set[str], part: Part, given: dict[str, Any]) -> list[np.ndarray]:
    found: list[np.ndarray] = session.run(
        list(part.names), {name: each.numpy() for name, each in given.items() if name in taken}
    )
    return found


def _refusing(part: Part, size: Size, run: Callable[[], list[np.ndarray]]) -> list[np.ndarray]:
    try:
        return run()
    except Exception as error:  # onnxruntime has classes of its own
        said = " ".join(str(error).split())[:200]
        raise ConfigurationError(
            f"{part.file} does not run for {size.batch} rows of {size.time} steps, so this run cannot be exported: "
            f"{said}"
        ) from error


def _apart(one: np.ndarray, other: np.ndarray) -> float:
    """The largest difference, beyond 1 as a share; infinite where shapes or what is no number differ."""
    if one.shape != other.shape:
        return float("inf")
    if one.dtype.kind != "f":
        return 0.0 if np.array_equal(one, other) else float("inf")
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    with np.errstate(invalid="ignore"):
        away = np.where(same, 0.0, np.abs(one - other) / np.maximum(1.0, np.abs(other)))
    found = float(away.max(initial=0.0))
    return found if found == found else float("inf")

"""Cut into windows, between which the state is carried, rows are answered as they are whole."""

import torch

from seqnet.checks.asking import by_windows
from seqnet.checks.comparing import difference, of_states
from seqnet.checks.measured import DoesNotApply, Measured
from seqnet.checks.subject import Subject, loss_of

TITLE = "windows = whole"
TOLERANCE = 1e-6  # losses are summed in single precision
SIZES = ((4, None), (4, 2), (5, 1))


def check(subject: Subject) -> Measured:
    """Features of what is asked, the state at the end, and the losses of all windows."""
    if subject.uncut is not None:
        raise DoesNotApply(subject.uncut)
    parts = subject.assembly()
    with torch.no_grad():
        for whole, sizes in ((subject.full, SIZES), (subject.batch, SIZES[1:2])):
            expected, final, _ = by_windows(parts.model, whole, [whole])
            lost = loss_of(parts, parts.model(whole, None), whole)
            for size, stride in sizes:
                where = f"of windows of {size} steps" + (f", {stride} steps apart" if stride else "")
                features, state, told = by_windows(parts.model, whole, whole.windows(size, stride))
                yield f"features {where}", difference(features, expected)
                yield f"state at the end {where}", of_states(state, final)
                losses = [loss_of(parts, output, window) for output, window in told if window.num_targets]
                yield f"loss {where}", difference(torch.stack(losses).sum(), lost) if losses else 0.0
        yield "features of windows of two batches in turn", _in_turn(subject)


def _in_turn(subject: Subject) -> float:
    """How far a batch's features are from those that it has by itself, where another is read in between."""
    model, whole, other = subject.model(), subject.batch, subject.batches[-1]
    alone, _, _ = by_windows(model, whole, whole.windows(4))
    between = None

    def read_between(state: object) -> object:
        nonlocal between
        window = next(others, None)
        if window is not None:
            between = model(window, between).state
        return state

    others = iter(other.windows(4))
    found, _, _ = by_windows(model, whole, whole.windows(4), read_between)
    return difference(found, alone)

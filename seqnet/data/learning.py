"""Fields learn from the training rows, or take back what they learned."""

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from seqnet.data.fields.field import Field
from seqnet.data.files import BadRows
from seqnet.data.formats.format import Column
from seqnet.data.layout import Layout
from seqnet.data.raw_block import RawBlock, observed, refuse
from seqnet.data.teacher_forcing import LONGEST_TARGET
from seqnet.errors import DataError, visible

Read = Callable[[], tuple[Iterable[RawBlock], BadRows]]
"""All training rows from the first, and what is done with bad ones."""


def learn(fields: Mapping[str, Field], columns: Mapping[str, Column], read: Read) -> Mapping[str, Field]:
    """Fields that were shown all training rows, from the first again where one turns out to be bad that some have seen.

    fields: as they are before they learn, and stay. Raises DataError.
    """
    known: set[tuple[str, int]] = set()
    while True:
        before, learners = len(known), copy.deepcopy(fields)
        blocks, bad = read()
        for block in blocks:
            file, numbers = str(block.file), block.numbers
            shown = block.only([place for place, number in enumerate(numbers) if (file, number) not in known])
            problems = observed(learners, shown)
            refuse(shown, problems, columns, bad)
            known |= {(file, shown.numbers[place]) for place in problems}
        if len(known) == before:
            return learners


def restored(fields: Mapping[str, Field], states: Mapping[str, Any]) -> Mapping[str, Field]:
    """Fields that took back what each learned. fields: see `learn`. Raises DataError."""
    learners = copy.deepcopy(fields)
    for name, one in learners.items():
        one.restore(states[name])
    return learners


def check_stored(state: Any, layout: Layout) -> None:
    """Raises DataError where this is not {fields: the state of each, longest: steps of a target that is written}."""
    fields = state.get("fields") if isinstance(state, dict) and state.keys() == {"fields", "longest"} else None
    if not isinstance(fields, dict) or fields.keys() != layout.fields.keys():
        names = ", ".join(layout.fields)
        raise DataError(f"the stored data state is not that of the fields {visible(names)}")
    longest, wanted = state["longest"], layout.written
    if (longest is None) == wanted or (wanted and not (type(longest) is int and 1 <= longest <= LONGEST_TARGET)):
        raise DataError("the stored data state does not say how long the longest target is")
    for name, other in layout.joint.items():
        if fields[name] != fields[other]:
            raise DataError(
                f"the stored data state has two vocabularies, and data.fields.{name}.vocabulary={other} says one"
            )

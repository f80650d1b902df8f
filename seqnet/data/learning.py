"""Fields learn from the training rows, or take back what they learned."""

import copy
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from itertools import chain, repeat
from typing import Any

from seqnet.data.fields.field import Field
from seqnet.data.files import BadRows
from seqnet.data.formats.format import Column
from seqnet.data.layout import Layout
from seqnet.data.raw_block import Problems, RawBlock, observed, refuse
from seqnet.data.teacher_forcing import LONGEST_TARGET
from seqnet.data.workers import beside
from seqnet.errors import DataError, visible

Read = Callable[[], tuple[Iterable[RawBlock], BadRows]]
"""All training rows from the first, and what is done with bad ones."""


def learn(
    fields: Mapping[str, Field], columns: Mapping[str, Column], read: Read, workers: int = 0
) -> Mapping[str, Field]:
    """Fields that were shown all training rows, from the first again where one turns out to be bad that some have seen.

    fields: as they are before they learn, and stay. workers: how many processes share out the blocks. Raises DataError.
    """
    known: set[tuple[str, int]] = set()
    while True:
        before, learners = len(known), copy.deepcopy(fields)
        blocks, bad = read()
        shown = (_without(block, known) for block in blocks)
        for block, problems in _observed(learners, shown, workers):
            refuse(block, problems, columns, bad)
            known |= {(str(block.file), block.numbers[place]) for place in problems}
        if len(known) == before:
            return learners


def _without(block: RawBlock, known: Set[tuple[str, int]]) -> RawBlock:
    """A block without the rows that are known to be bad."""
    if not known:
        return block
    file = str(block.file)
    return block.only([place for place, number in enumerate(block.numbers) if (file, number) not in known])


def _observed(
    fields: Mapping[str, Field], blocks: Iterable[RawBlock], workers: int
) -> Iterator[tuple[RawBlock, Problems]]:
    """Show all blocks to the fields; each block, and what is wrong with its rows.

    Fields that can be joined are shown them by the workers, the others by this process.
    """
    apart = {name: one for name, one in fields.items() if workers and _joins(one)}
    if not apart:
        for block in blocks:
            yield block, observed(fields, block)
        return
    here, order = {name: one for name, one in fields.items() if name not in apart}, list(fields)
    seen: Iterable[tuple[RawBlock | None, Problems]] = ((block, observed(here, block)) for block in blocks)
    nothing: tuple[RawBlock | None, Problems] = (None, {})
    every = chain(seen, repeat(nothing, workers))  # at which each of them, who are given things in turn, tells the rest
    busy, ended = set[int](), set[int]()
    looked = beside(_Looking(apart), every, workers, lambda pair: None if pair[0] is None else pair[0].sent(apart))
    for (looked_at, others), (shown, problems, worker) in looked:
        for name, one in shown.items():
            apart[name].join(one)  # type: ignore[attr-defined]
        (ended if looked_at is None else busy).add(worker)
        if looked_at is not None:
            both = [*problems.items(), *others.items()]
            yield (
                looked_at,
                dict(sorted(both, key=lambda found: order.index(found[1][0]), reverse=True)),
            )  # the first wins
    if not busy <= ended:
        raise RuntimeError("a process has not told all that it was shown")


class _Looking:
    """Shows blocks to fields in a worker: each block to new ones, but to the same as long as they are not `full`.

    fields: that were shown nothing.
    """

    def __init__(self, fields: Mapping[str, Field]) -> None:
        self._new = copy.deepcopy(dict(fields))
        self._shown = dict[str, Field]()

    def __call__(self, block: RawBlock | None) -> tuple[dict[str, Field], Problems, int]:
        """The fields that tell what they were shown, what is wrong with rows, and which process this is.

        block: None behind the last one, where all tell it.
        """
        # Copied at once: those that share a vocabulary go on sharing one, and are full together.
        new = copy.deepcopy({name: one for name, one in self._new.items() if name not in self._shown})
        shown = {name: new[name] if name in new else self._shown[name] for name in self._new}
        problems = {} if block is None else observed(shown, block)
        told = {name: one for name, one in shown.items() if block is None or getattr(one, "full", True)}
        self._shown = {name: one for name, one in shown.items() if name not in told}
        return told, problems, os.getpid()


def _joins(one: Field) -> bool:
    """Whether a field takes in what others were shown: its class says so where it says what is observed."""
    says = next((each for each in type(one).__mro__ if "observe" in vars(each)), object)
    return "join" in vars(says) and callable(getattr(one, "join", None))


def restored(fields: Mapping[str, Field], states: Mapping[str, Any]) -> Mapping[str, Field]:
    """Fields that took back what each learned. fields: see `learn`. Raises DataError."""
    learners = copy.deepcopy(fields)
    for name, one in learners.items():
        one.restore(states[name])
    return learners


def check_stored(state: Any, layout: Layout) -> None:
    """Raises DataError where this is not {fields: the state of each, longest: steps of a target that is written}.

    `table`, which says how the training file's columns were called, is checked by what reads it.
    """
    known = isinstance(state, dict) and state.keys() - {"table"} == {"fields", "longest"}
    fields = state.get("fields") if known else None
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

"""What a contract is, where all of them are found, and how one is judged.

A contract is a file of `seqnet/checks/contracts`, with a TITLE, a TOLERANCE, and `check(subject)`, which gives what it
compares and how far apart it is, or raises DoesNotApply. Nothing is registered.
"""

import importlib
import pkgutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch

from seqnet.checks import contracts as folder
from seqnet.checks.measured import DoesNotApply, Measured
from seqnet.checks.numbers import numbers_of
from seqnet.checks.subject import Subject
from seqnet.errors import no_memory
from seqnet.training.randomness import random_states, set_random_states

Outcome = Literal["passed", "failed", "does not apply"]


class Contract(Protocol):
    """What a file of `contracts` holds."""

    TITLE: str
    TOLERANCE: float  # the largest difference that passes

    def check(self, subject: Subject) -> Measured: ...


@dataclass(frozen=True)
class Verdict:
    """What was found of one contract."""

    name: str  # of its file
    title: str
    outcome: Outcome
    difference: float | None  # the largest; None where nothing was compared
    tolerance: float
    seconds: float
    what: str  # was compared where that is; why it does not apply; what went wrong


def names() -> list[str]:
    """The contracts, by their files."""
    return sorted(module.name for module in pkgutil.iter_modules(folder.__path__))


def contract(name: str) -> Any:
    """A contract by its name: its module, which is a `Contract`."""
    return importlib.import_module(f"{folder.__name__}.{name}")


def judge(name: str, subject: Subject) -> Verdict:
    """Whether a configuration keeps a contract. What goes wrong within is a contract that is broken."""
    one = contract(name)
    began = time.monotonic()

    def verdict(outcome: Outcome, difference: float | None, what: str) -> Verdict:
        return Verdict(name, one.TITLE, outcome, difference, one.TOLERANCE, time.monotonic() - began, what)

    try:
        with doubles(subject.config["seed"]):
            measured = [(difference, what) for what, difference in one.check(subject)]
    except DoesNotApply as why:
        return verdict("does not apply", None, str(why))
    except Exception as error:
        if no_memory(error):
            raise
        return verdict("failed", None, f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
    if not measured:
        return verdict("does not apply", None, "there is nothing to compare")
    apart, what = max(measured, key=lambda pair: pair[0])
    return verdict("passed" if apart <= one.TOLERANCE else "failed", apart, what)


@contextmanager
def doubles(seed: int) -> Iterator[None]:
    """Numbers in double precision and random ones from a seed; what was before is put back after."""
    states = random_states()
    torch.manual_seed(seed)
    try:
        with numbers_of(torch.float64):
            yield
    finally:
        set_random_states(states)

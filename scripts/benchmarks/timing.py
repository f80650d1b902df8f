"""Two programs timed in turn, A B A B, in one run."""

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch

from seqnet.training.clipping import Clipping
from seqnet.training.limits import Limits
from seqnet.training.precision import Precision
from seqnet.training.progress import Averages
from seqnet.training.schedule import Constant
from seqnet.training.trainer import Trainer


@dataclass(frozen=True)
class Pair:
    """What a pair took: medians in milliseconds, and the ratios of its turns.

    tokens: of what is timed, 0 = they are not told. memory: the most that each had on a GPU, in MiB. goal: what the
    ratio is to be at most.
    """

    name: str
    ours: float
    theirs: float
    ratios: tuple[float, ...]
    threads: int
    tokens: float = 0
    memory: tuple[float, float] | None = None
    goal: float | None = None

    @property
    def title(self) -> str:
        """The name, and what is known beside the time."""
        known = []
        if self.tokens:
            known.append(f"{self.tokens / self.ours * 1e3:,.0f} tokens/s, other {self.tokens / self.theirs * 1e3:,.0f}")
        if self.memory is not None:
            known.append(f"{self.memory[0]:,.0f} MiB, other {self.memory[1]:,.0f}")
        return f"{self.name}: {'; '.join(known)}" if known else self.name

    @property
    def ratio(self) -> float:
        """Seconds of seqnet over seconds of the other, the median of the turns."""
        return statistics.median(self.ratios)


def pair(
    name: str,
    ours: Callable[[], object],
    theirs: Callable[[], object],
    seconds: float,
    repeats: int = 21,
    clock: Callable[[], float] = time.perf_counter,
    **known: Any,
) -> Pair:
    """Time the two in turn, each turn about `seconds`/(2*repeats) long, and print what came out.

    clock: of the processor's time where other work may share the machine. known: further fields of the pair.
    """
    for warm in (ours, theirs, ours, theirs):
        began = clock()
        warm()
        once = clock() - began
    calls = max(1, int(seconds / (2 * repeats) / once))
    ratios, a, b = [], [], []
    for turn in range(repeats):
        order = ((ours, a), (theirs, b)) if turn % 2 == 0 else ((theirs, b), (ours, a))
        for run, times in order:
            began = clock()
            for _ in range(calls):
                run()
            times.append((clock() - began) / calls)
        ratios.append(a[-1] / b[-1])
    times = statistics.median(a) * 1e3, statistics.median(b) * 1e3
    return told(Pair(name, *times, tuple(ratios), torch.get_num_threads(), **known))


def repeated(step: Callable[[], object], often: int = 20) -> Callable[[], None]:
    """So many steps in a row: of all lengths of batches."""

    def several() -> None:
        for _ in range(often):
            step()

    return several


def told(found: Pair) -> Pair:
    """Print a pair."""
    print(
        f"{found.title}: seqnet {found.ours:.3f} ms, other {found.theirs:.3f} ms, ratios {min(found.ratios):.3f} to "
        f"{max(found.ratios):.3f}, threads {found.threads}, ratio {found.ratio:.3f}",
        flush=True,
    )
    return found


def mean(name: str, pairs: Iterable[Pair]) -> Pair:
    """The geometric mean of several pairs' ratios, as a pair of its own."""
    several = list(pairs)
    turns = zip(*(one.ratios for one in several), strict=True)
    ratios = tuple(statistics.geometric_mean(turn) for turn in turns)
    ours, theirs = (statistics.geometric_mean([getattr(one, of) for one in several]) for of in ("ours", "theirs"))
    return told(Pair(name, ours, theirs, ratios, several[0].threads))


def training_steps(
    model: torch.nn.Module,
    task: Any,
    loader: Any,
    window: int | None = None,
    rate: float = 1e-3,
    precision: str = "fp32",
) -> Callable[[], None]:
    """One step of seqnet's loop at each call: AdamW, clipping, and the sums that a row of metrics needs."""
    device = next(model.parameters()).device
    trainer = Trainer(
        model,
        task,
        loader,
        torch.optim.AdamW(model.parameters(), lr=rate, fused=True),
        Constant(),
        Precision(precision, device),
        Limits(max_steps=10**9),
        Clipping(norm=1.0),
        window=window,
    )
    steps, averages = trainer.steps(), Averages()

    def step() -> None:
        for report in islice(steps, 1):
            if report is not None:
                averages.add(report)

    return step


def bare_steps(
    model: torch.nn.Module, losses: Callable[[], torch.Tensor], precision: str = "fp32"
) -> Callable[[], None]:
    """One step of the plainest loop at each call. losses: makes the loss of the next batch."""
    parameters = list(model.parameters())
    kind = Precision(precision, parameters[0].device)
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, fused=True)
    total = torch.zeros((), device=parameters[0].device)

    def step() -> None:
        nonlocal total
        with kind.autocast():
            loss = losses()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        total = total + loss.detach()

    return step

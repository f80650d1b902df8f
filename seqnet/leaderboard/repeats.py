"""Jobs that differ in nothing but their seed, as one: the mean of their scores, its deviation, and what is noise."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from seqnet.leaderboard.jobs import DONE, Job
from seqnet.leaderboard.noise import CHANCE, corrected, deviation, mean, of_difference

SEEDS = "sweep.seeds"
SEED = "seed"


@dataclass(frozen=True)
class Combination(Job):
    """What the jobs of one combination of values reached: `score` and `scores` are means over those that are done."""

    jobs: tuple[Job, ...] = ()
    done: Mapping[str, float] = field(default_factory=dict)  # seed -> score, of those that are counted
    deviations: Mapping[str, float] = field(default_factory=dict)  # of single scores, n - 1 in the denominator
    chance: float | None = None  # of such a difference from the best where there is none; None where that is not known
    against_best: str = ""  # what follows from it

    @property
    def ranks(self) -> bool:
        """Whether there is a score to rank it by."""
        return any(job.ranks for job in self.jobs)


def repeated(found: Sequence[Job]) -> bool:
    """Whether combinations of values were run with several seeds each."""
    return any(job.overrides.get(SEEDS, "1") != "1" for job in found if job.typed)


def combined(found: Sequence[Job]) -> list[Combination]:
    """The combinations, in the order of their first jobs."""
    together: dict[tuple[tuple[str, str], ...], list[Job]] = {}
    for job in found:
        values = {key: value for key, value in job.overrides.items() if key != SEED and not key.startswith("sweep.")}
        together.setdefault(tuple(sorted(values.items())), []).append(job)
    return [_combination(jobs) for jobs in together.values()]


def _combination(jobs: Sequence[Job]) -> Combination:
    done = [job for job in jobs if job.status == DONE and job.score is not None]
    counted = done or [job for job in jobs if job.score is not None][:1]  # the best so far, where none is done
    names = list(dict.fromkeys(name for job in counted for name in job.scores))
    values = {name: [job.scores[name] for job in counted if name in job.scores] for name in names}
    times = [job.seconds for job in counted if job.seconds is not None]
    stood = Counter(job.status for job in jobs)
    return Combination(
        name=" ".join(job.name for job in jobs),
        status=", ".join(f"{count} {status}" for status, count in stood.items()),
        exit_code=max((job.exit_code for job in jobs if job.exit_code is not None), default=None),
        error="; ".join(f"{job.name}: {job.error}" for job in jobs if job.error) or None,
        overrides={key: value for key, value in jobs[0].overrides.items() if key != SEED},
        monitor=next((job.monitor for job in counted), jobs[0].monitor),
        score=mean([job.score for job in counted if job.score is not None]) if counted else None,
        scores={name: mean(numbers) for name, numbers in values.items()},
        seconds=round(mean(times), 2) if times else None,
        typed=jobs[0].typed - {SEED},
        ended=max((job.ended for job in jobs if job.ended is not None), default=None),
        jobs=tuple(jobs),
        done={job.overrides.get(SEED, job.name): job.score for job in done if job.score is not None},
        deviations={name: deviation(numbers) for name, numbers in values.items() if len(numbers) > 1},
    )


def compared(ranked: Sequence[Combination]) -> list[Combination]:
    """Each of them compared with the first, which has the best mean."""
    if not ranked or len(ranked[0].done) < 2:
        return list(ranked)
    best, *others = ranked
    chances = [of_difference(best.done, one.done) if one.done else None for one in others]
    held = iter(corrected([chance for chance in chances if chance is not None]))
    found = [replace(best, against_best="best")]
    for one, alone in zip(others, chances, strict=True):
        chance = None if alone is None else float(f"{next(held):.3g}")
        found.append(replace(one, chance=chance, against_best=_word(chance)))
    return found


def _word(chance: float | None) -> str:
    if chance is None:
        return ""
    return f"worse (p={chance:.2g})" if chance < CHANCE else f"within noise (p={chance:.2g})"

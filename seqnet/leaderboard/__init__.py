"""The ranked table of a sweep, or of any folder of runs: what their files say, in order."""

from seqnet.leaderboard.jobs import RESULTS, Job, job_in, jobs
from seqnet.leaderboard.table import brief, finish, listed, rows, show, whole, write

__all__ = [
    "RESULTS",
    "Job",
    "brief",
    "finish",
    "job_in",
    "jobs",
    "listed",
    "rows",
    "show",
    "whole",
    "write",
]

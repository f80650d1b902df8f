"""The ranked table of a sweep, or of any folder of runs: what their files say, in order."""

from seqnet.leaderboard.jobs import RESULTS, RUNNING, STATUS, Job, is_file, job_in, jobs, read
from seqnet.leaderboard.table import LEADERBOARD, brief, finish, listed, ranked, rows, show, whole, write

__all__ = [
    "LEADERBOARD",
    "RESULTS",
    "RUNNING",
    "STATUS",
    "Job",
    "brief",
    "finish",
    "is_file",
    "job_in",
    "jobs",
    "listed",
    "ranked",
    "read",
    "rows",
    "show",
    "whole",
    "write",
]

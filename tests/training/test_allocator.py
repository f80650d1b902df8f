"""Freed memory stays with the process: what is taken again costs no page of the system."""

import os
import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys, torch
from seqnet.training.allocator import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
def step():
    parts = [torch.ones(size * 2**18) for size in (30, 30, 30, 30)]  # MiB
for _ in range(3):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told")
def test_what_was_freed_is_taken_again_without_the_system():
    # glibc's thresholds as they are at first: it moves them by itself, now and then far enough.
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "131072", "MALLOC_TRIM_THRESHOLD_": "131072"}
    faults = {
        how: int(subprocess.check_output([sys.executable, "-c", PROGRAM, how], env=environment))
        for how in ("kept", "as it is")
    }
    assert 5 * faults["kept"] < faults["as it is"], faults


HOLES = """
import torch
from seqnet.training.allocator import give_freed_memory_back, keep_freed_memory
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096
keep_freed_memory()
give_freed_memory_back()
begun = resident()
between = []  # so small that it has no block of its own, and behind a large one
for _ in range(20):
    large = torch.ones(2 * 2**20)
    between.append(torch.ones(1000))
    between.append(large)
del between[1::2], large
held = resident() - begun
give_freed_memory_back()
print(held // 2**20, (resident() - begun) // 2**20)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told")
def test_holes_between_blocks_in_use_are_given_back():
    held, left = map(int, subprocess.check_output([sys.executable, "-c", HOLES]).split())
    assert held > 140 and left < 10, (held, left)

"""Runs command lines without the seconds that importing torch takes: each in a child forked from here.

Reads one JSON object a line: `typed` (["seqnet", ...] or ["FILE.py", ...]), `folder`, and where its output goes.
Answers each with two lines: the id of its process, which leads a group of its own, and its exit code. Nothing is
computed here, so that a child starts as a new Python does.
"""

import atexit
import gc
import json
import multiprocessing
import os
import runpy
import signal
import sys
import threading

import torch._dynamo  # noqa: F401  what most commands import
import torchmetrics  # noqa: F401
from hydra.core.plugins import Plugins

from seqnet import cli
from seqnet.commands import evaluate, generate, predict, train  # noqa: F401
from seqnet.observers import tensorboard  # noqa: F401

LONGEST = 120  # seconds of one command


def run(typed: list[str], folder: str, out: str, err: str) -> None:
    signal.alarm(LONGEST)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever the tests were started by
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    os.chdir(folder)
    for number, path in enumerate((os.devnull, out, err)):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), number)
    sys.argv = typed
    sys.path[0] = folder
    try:
        if typed[0] == "seqnet":
            cli.main()
        else:
            runpy.run_path(typed[0], run_name="__main__")
    finally:  # as at the end of a Python, and not of a multiprocessing.Process
        threading._shutdown()
        atexit._run_exitfuncs()


if __name__ == "__main__":
    Plugins.instance()  # which are imported, and looked for in all of what is installed
    gc.freeze()  # a child that looked through all this would copy it
    context = multiprocessing.get_context("fork")
    for line in sys.stdin:
        child = context.Process(target=run, kwargs=json.loads(line))
        child.start()
        os.setpgid(child.pid, child.pid)
        print(child.pid, flush=True)
        child.join()
        print(child.exitcode, flush=True)

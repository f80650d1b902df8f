"""`seqnet train processes=N ...`, whose ranks are forked from here, so that none of them imports torch anew.

To be run by a `terminal`: launch.py train processes=2 ...
"""

import atexit
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence

from hydra.core.global_hydra import GlobalHydra

from seqnet import cli
from seqnet.commands import launching


class Forked:
    """A rank, as the part of a subprocess.Popen that launching needs."""

    def __init__(self, environment: Mapping[str, str], arguments: Sequence[str]) -> None:
        self.returncode: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            code: object = 1
            try:
                os.setsid()
                for number in launching.FORWARDED:
                    if signal.getsignal(number) is not signal.SIG_IGN:
                        signal.signal(number, signal.SIG_DFL)
                signal.signal(signal.SIGINT, signal.default_int_handler)
                os.environ.update(environment)
                GlobalHydra.instance().clear()
                sys.argv = ["seqnet", "train", *arguments]
                cli.main()
            except SystemExit as ending:
                code = ending.code
            finally:  # as at the end of a Python
                threading._shutdown()
                atexit._run_exitfuncs()
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code if isinstance(code, int) else 1)

    def poll(self) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def wait(self) -> None:
        self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


launching.started = Forked
cli.main()

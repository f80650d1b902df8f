"""TensorBoard's event file, written where it is told.

torch's own writer hands each event to a thread: a kill loses what is still queued, and a full disk is met where
nobody hears of it.
"""

import itertools
import os
import re
import socket
import sys
import time
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

# TensorBoard asks for this module to learn that it should use its own file functions: without it, an installed
# tensorflow would be imported, which takes seconds and claims the GPU.
sys.modules.setdefault("tensorboard.compat.notf", ModuleType("tensorboard.compat.notf"))

from tensorboard.compat.proto.event_pb2 import Event, SessionLog  # noqa: E402
from tensorboard.summary.writer.record_writer import RecordWriter  # noqa: E402
from torch.utils.tensorboard import summary  # noqa: E402

from seqnet.errors import DiskError, on_disk  # noqa: E402

VERSION = "brain.Event:2"
NUMBERS = itertools.count()
NAME = re.compile(r"events\.out\.tfevents\.(\d{10})\..+", re.ASCII | re.DOTALL)


def event_files(folder: Path) -> dict[Path, int]:
    """The event files of a folder and the second that each is named after; what has another name is no such file."""
    named = {path: NAME.fullmatch(path.name) for path in sorted(folder.iterdir())} if folder.is_dir() else {}
    return {path: int(found[1]) for path, found in named.items() if found and not path.is_dir()}


class EventFile:
    """A new event file of a folder. Every method raises DiskError.

    purge_step: where a run goes on; what earlier files say of this step and later ones is hidden.
    """

    def __init__(self, folder: Path, purge_step: int = 0) -> None:
        with on_disk(folder):
            folder.mkdir(parents=True, exist_ok=True)
            # Readers take the files in the order of their names, which begin with a time in seconds.
            second = max([int(time.time()), *(before + 1 for before in event_files(folder).values())])
            name = f"events.out.tfevents.{second:010}.{socket.gethostname()}.{os.getpid()}.{next(NUMBERS)}"
            self._path = folder / name
            self._file = self._path.open("xb", buffering=0)
        self._write(Event(file_version=VERSION, step=purge_step))
        # In the first file too: TensorBoard takes a run's first START for its beginning, and hides nothing for it.
        self._write(Event(session_log=SessionLog(status=SessionLog.START), step=purge_step))

    def scalar(self, tag: str, value: float, step: int) -> None:
        """A point on a curve."""
        self._write(Event(summary=summary.scalar(tag, value), step=step))

    def text(self, tag: str, text: str, step: int) -> None:
        """Markdown."""
        self._write(Event(summary=summary.text(tag, text), step=step))

    def image(self, tag: str, picture: np.ndarray, step: int) -> None:
        """A picture [height width 3]."""
        self._write(Event(summary=summary.image(tag, picture, dataformats="HWC"), step=step))

    def charts(self, layout: Mapping[str, Mapping[str, list[Any]]]) -> None:
        """Which curves are drawn together; the last layout of a run is the one that is shown."""
        self._write(Event(summary=summary.custom_scalars(layout)))

    def sound(self, tag: str, samples: np.ndarray, rate: int, step: int) -> None:
        """Sound, [samples] from -1 to 1, so many a second."""
        if samples.size:
            self._write(Event(summary=summary.audio(tag, samples, rate), step=step))

    def precision_recall(self, tag: str, right: np.ndarray, wrong: np.ndarray, step: int) -> None:
        """A curve over evenly spaced thresholds from 0 to 1, of the items that reach each.

        right: [thresholds] how many of them are of the class; wrong: [thresholds] how many are not.
        """
        reached = right + wrong
        precision = np.divide(right, reached, out=np.ones_like(right), where=reached > 0)
        recall = right / max(right[0], 1)
        counts = (right, wrong, wrong[0] - wrong, right[0] - right)
        made = summary.pr_curve_raw(tag, *counts, precision, recall, num_thresholds=len(right))
        self._write(Event(summary=made, step=step))

    def begin(self, hyperparameters: Mapping[str, Any]) -> None:
        """Those of this very run; torch's `add_hparams` would add another to the list."""
        if hyperparameters:
            _, start, _ = summary.hparams(dict(hyperparameters), {})
            self._write(Event(summary=start))

    def end(self, hyperparameters: Mapping[str, Any], scores: Mapping[str, float]) -> None:
        """The run is done. hyperparameters, scores: those of all runs of its kind, as columns; none: all there are."""
        columns, _, done = summary.hparams(dict(hyperparameters), dict(scores))
        for made in (columns, done) if hyperparameters else (done,):
            self._write(Event(summary=made))

    def _write(self, event: Any) -> None:
        event.wall_time = time.time()
        record = BytesIO()
        RecordWriter(record).write(event.SerializeToString())
        left = record.getbuffer()
        try:
            with on_disk(self._path):
                while left:
                    left = left[self._file.write(left) :]
        except DiskError:
            self._file.close()  # what comes after half a record could not be read
            raise

    def close(self) -> None:
        """Close the file; nothing is left to be written."""
        self._file.close()

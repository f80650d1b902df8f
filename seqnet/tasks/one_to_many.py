"""One label, one vector, one picture or nothing is read, and a sequence is written."""

from typing import Any

from seqnet.tasks.seq2seq import Metrics, SequenceToSequence


class OneToMany(SequenceToSequence):
    """As `SequenceToSequence` in all but the beginning: the yaml's `encoder` tells the model that there are no steps.

    Nothing is decoded freely at validation unless `metrics` asks for it.
    """

    name = "one_to_many"

    def __init__(self, objective: Any, source: Any, metrics: Metrics = ()) -> None:
        super().__init__(objective, source, metrics)

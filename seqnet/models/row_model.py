"""What models have in common that read a row to its end with a `StepReader`, and make one vector of it."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from seqnet.kinds import Axis, Kind
from seqnet.models.encoders.inputs import idle_embedding
from seqnet.models.step_reader import StepReader


class RowModel(nn.Module):
    """A model with a `reader`, whose features are one vector a row."""

    reader: StepReader

    @staticmethod
    def reads(inputs: Mapping[str, Kind]) -> set[str]:
        """The names of the inputs that it reads: one with steps, and whatever stands beside it."""
        return StepReader.reads(inputs)

    @staticmethod
    def features(options: Mapping[str, Any]) -> Axis:
        """Where its features stand."""
        return Axis.ROW

    @staticmethod
    def ahead(options: Mapping[str, Any]) -> bool:
        """Whether it reads a row to its end before it says anything: it does."""
        return True

    @staticmethod
    def idle(options: Mapping[str, Any], inputs: Mapping[str, Kind], target: Kind | None) -> dict[str, str]:
        """Options that change nothing, and why."""
        return idle_embedding(options, inputs.values())

    def encoders(self) -> dict[str, nn.Module]:
        """What reads each input, by the input's name; the first one's is empty."""
        return self.reader.encoders()

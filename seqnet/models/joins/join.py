"""What every join is: further inputs, read whole, and the three places at which they can reach the steps."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from seqnet.batch import Whole
from seqnet.layers.stack import Stack
from seqnet.models.encoder import Encoder, summary
from seqnet.models.encoders.inputs import entry
from seqnet.state import State

MakeAttention = Callable[[int, int], nn.Module]


class Join(nn.Module):
    """Further inputs by name, and an encoder of each; a join says at which of the places below it does something.

    size: how much wider a step's vector is for the layers. encoders: of its inputs, by name.
    """

    attends: ClassVar[bool] = False  # whether it looks at them by the attention that is chosen
    size: int = 0

    def __init__(self, encoders: Mapping[str, Encoder]) -> None:
        super().__init__()
        self.names = tuple(encoders)
        self.encoders = nn.ModuleDict({entry(name): encoder for name, encoder in encoders.items()})

    def attach(self, width: int, layers: Stack, attention: MakeAttention | None) -> None:
        """Make what depends on the recurrent layers, which are made by now. width: of what they read."""

    def prepare(self, wholes: Mapping[str, Whole]) -> Any:
        """What the places below need of the inputs, made once a window. wholes: its inputs among others."""

    def first(self, prepared: Any, states: tuple[State, ...]) -> tuple[State, ...]:
        """The layers' first states, of those where nothing was read."""
        return states

    def before(self, prepared: Any, x: Tensor) -> Tensor:
        """What the layers read, of the steps' vectors x [batch time feature]: `size` wider."""
        return x

    def after(self, prepared: Any, y: Tensor, position: Tensor) -> Tensor:
        """What is read out, of the layers' outputs y [batch time hidden]: as wide.

        position: [batch time], of the steps in their row.
        """
        return y

    def by_name(self) -> dict[str, nn.Module]:
        """What reads each of its inputs, by the input's name."""
        return {name: encoder.inputs for name, encoder in self.named_encoders()}

    def named_encoders(self) -> list[tuple[str, Encoder]]:
        """Its inputs and what reads each."""
        return list(zip(self.names, self.encoders.values(), strict=True))  # type: ignore[arg-type]

    def summaries(self, wholes: Mapping[str, Whole]) -> Tensor:
        """What the whole of each input says, side by side, [batch summaries_size]. wholes: its inputs among others."""
        return torch.cat([summary(encoder(*wholes[name])[1]) for name, encoder in self.named_encoders()], dim=-1)

    @property
    def summaries_size(self) -> int:
        """The width of the `summaries`."""
        return sum(encoder.summary_size for _, encoder in self.named_encoders())

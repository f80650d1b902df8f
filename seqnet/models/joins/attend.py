"""Further inputs looked at: every output of the recurrence asks, by attention, what it needs of them."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from seqnet.attention.memory import Memory
from seqnet.batch import Whole
from seqnet.errors import ConfigurationError
from seqnet.layers.stack import Stack
from seqnet.linear import Linear
from seqnet.models.joins.join import Join, MakeAttention


class Attend(Join):
    """tanh(W [contexts; output]) of each output (Luong et al. 2015, equation 5), with an attention for each input.

    Raises ConfigurationError without an attention.
    """

    attends: ClassVar[bool] = True

    def attach(self, width: int, layers: Stack, attention: MakeAttention | None) -> None:
        """An attention for each input, whose queries are the layers' outputs."""
        if attention is None:
            raise ConfigurationError(
                "model.join=attend looks at further inputs by attention, and attention=none does not look: choose "
                "an attention, such as attention=soft, or another model.join"
            )
        self.attentions = nn.ModuleList(attention(layers.size, encoder.size) for _, encoder in self.named_encoders())
        found: int = sum(one.context_size for one in self.attentions)  # type: ignore[misc]
        self.combine = Linear(layers.size + found, layers.size)

    def prepare(self, wholes: Mapping[str, Whole]) -> tuple[Memory, ...]:
        """What will be asked, made once for all steps."""
        pairs = zip(self.named_encoders(), self.attentions, strict=True)
        return tuple(attention.prepare(*encoder.memory(*wholes[name])) for (name, encoder), attention in pairs)  # type: ignore[operator]

    def after(self, prepared: tuple[Memory, ...], y: Tensor, position: Tensor) -> Tensor:
        """y: [batch time query]; returns the same shape."""
        pairs = zip(self.attentions, prepared, strict=True)
        contexts = [attention(y, memory, position, None, False).context for attention, memory in pairs]
        combined: Tensor = torch.tanh(self.combine(torch.cat([*contexts, y], dim=-1)))
        return combined

"""What reads an input whole: a source, or a further input of a recurrent model."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn

from seqnet.batch import Whole
from seqnet.kinds import Axis
from seqnet.layers.dropout import Drop
from seqnet.layers.stack import Stack, stacked
from seqnet.layers.unroll import padding
from seqnet.models.encoders.inputs import Make, blank, make_encoder, width_beside
from seqnet.specs import Spec
from seqnet.state import HiddenState, State


class Encoder(nn.Module):
    """An input's own encoder, and recurrent layers over its vectors; without layers, the vectors as they are."""

    def __init__(
        self, inputs: nn.Module, layers: Stack | None, input_dropout: float, concat: nn.Module | None = None
    ) -> None:
        """concat: the join of further inputs, which stand beside each vector (see joins/concat.py)."""
        super().__init__()
        self.inputs = inputs
        self.concat = concat
        self.layers = layers
        self.input_dropout = Drop(input_dropout)
        beside: int = 0 if concat is None else concat.size  # type: ignore[assignment]
        self.size: int = inputs.size + beside if layers is None else layers.size  # type: ignore[assignment,operator]

    @property
    def summary_size(self) -> int:
        """The width of a row's `summary`."""
        return summary(self.initial_state(1)).shape[1]

    def initial_state(self, batch_size: int) -> tuple[State, ...]:
        """What the final states look like, before anything is read."""
        if self.layers is not None:
            return self.layers.initial_state(batch_size)
        return (HiddenState(torch.zeros(batch_size, self.size)),)

    def forward(
        self, source: Tensor, lengths: Tensor | None, wholes: Mapping[str, Whole] = MappingProxyType({})
    ) -> tuple[Tensor, tuple[State, ...]]:
        """source: [batch source_time] or [batch source_time feature]; lengths: [batch], None = every row is whole.

        wholes: the further inputs, where there is a `concat`.

        Returns vectors [batch positions size], 0 in padding, and the final state of each layer, which without
        layers is the mean of the vectors. How many of the positions are a row's own is what `positions` says.
        """
        if lengths is not None:
            source = blank(source, padding(lengths, source.shape[1]))
        if hasattr(self.inputs, "shortened"):
            x = self.inputs(source, lengths)
            lengths = self.positions(lengths)
        else:
            x = self.inputs(source)
        if self.concat is not None:
            x = self.concat.before(self.concat.prepare(wholes), x)  # type: ignore[operator]
        x = self.input_dropout(x)
        if self.layers is not None:
            encoded, states = self.layers(x, None, lengths)
            return encoded, states
        if lengths is None:
            return x, (HiddenState(x.mean(1)),)
        x = x.masked_fill(padding(lengths, x.shape[1])[..., None], 0)
        return x, (HiddenState(x.sum(1) / lengths.clamp(min=1)[:, None]),)

    def positions(self, lengths: Tensor | None) -> Tensor | None:
        """How many vectors rows of so many steps become, [batch]; as many, unless the input's encoder makes fewer."""
        shortened = getattr(self.inputs, "shortened", None)
        return lengths if lengths is None or shortened is None else shortened(lengths)

    def memory(self, source: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """What attention looks at: the vectors, and how many of a row's are valid. source, lengths: as for `forward`.

        Where no row has a position, one of padding stands for them.
        """
        source, lengths = at_least_one(source, lengths)
        return self(source, lengths)[0], self.positions(lengths)


def at_least_one(source: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """A source and its lengths, as for `Encoder`; where no row has a position, one of padding stands for them."""
    if source.shape[1]:
        return source, lengths
    return source.new_zeros(len(source), 1, *source.shape[2:]), source.new_zeros(len(source), dtype=torch.int64)


def beside(x: Tensor, vector: Tensor) -> Tensor:
    """x [batch time feature] with the same vector [batch feature] behind each of a row's steps."""
    return torch.cat([x, vector.to(x.dtype).unsqueeze(1).expand(-1, x.shape[1], -1)], dim=-1)


def summary(states: tuple[State, ...]) -> Tensor:
    """What the final states say of a row: the top layer's hidden state, of two directions both, [batch feature]."""
    hidden: Tensor = states[-1].hidden
    return hidden


def whole_encoders(
    wholes: Mapping[str, Spec],
    encoders: Mapping[str, Make],
    cell: Callable[[int, int], nn.Module],
    hidden_size: int,
    embedding_size: int | None,
    embedding_std: float,
    fused: bool,
) -> dict[str, Encoder]:
    """An encoder for each further input: of a sequence one recurrent layer, of all else none.

    encoders: in place of `make_encoder`, by an input's name. The others are as a model takes them.
    """
    made = {}
    for name, space in wholes.items():
        width = embedding_size if space.axis is Axis.SEQUENCE else width_beside(space, embedding_size)
        read = encoders.get(name, make_encoder)(space, width, embedding_std)
        seen: int = read.size  # type: ignore[assignment]
        layers = stacked(cell, seen, hidden_size, 1, fused=fused) if space.axis is Axis.SEQUENCE else None
        made[name] = Encoder(read, layers, 0.0)
    return made

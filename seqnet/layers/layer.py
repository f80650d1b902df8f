"""One recurrent layer: a cell run over a whole sequence from left to right."""

from torch import Tensor, nn

from seqnet.cells import native
from seqnet.cells.scanned import is_scanned
from seqnet.draws import once
from seqnet.layers import fused as fused_path
from seqnet.layers import recurrence
from seqnet.layers.scan import scan
from seqnet.layers.unroll import unroll
from seqnet.layers.weight_drop import weight_dropped
from seqnet.state import State


class Layer(nn.Module):
    """`cell` over time: where `fused` by its own `scan` or by a fused function, if it has one, else unrolled.

    weight_dropout: with what probability, in training, a recurrent weight is 0 for all steps of all rows of a window.
    """

    def __init__(self, cell: nn.Module, fused: bool = True, weight_dropout: float = 0.0) -> None:
        super().__init__()
        self.cell = cell
        self.weight_dropout = weight_dropout
        self.size: int = cell.hidden_size  # type: ignore[assignment]
        self.kernel = fused_path.kernel(cell) if fused else None
        self.scanned = fused and is_scanned(cell)

    @property
    def realisation(self) -> str:
        """Which way runs: "unrolled", "scan", "fused" or, where it is a function in C, "compiled"."""
        if self.scanned:
            return "scan"
        if self.kernel is None:
            return "unrolled"
        ours = self.kernel in (recurrence.gru, recurrence.rnn_tanh)
        compiled = ours and self.cell.weight_hh.is_cpu and native.library() is not None
        return "compiled" if compiled else "fused"

    def initial_state(self, batch_size: int) -> State:
        """The cell's state at the beginning of every row."""
        return self.cell.initial_state(batch_size)  # type: ignore[operator]

    def forward(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """x: [batch time feature]; lengths: [batch], None = every row is whole. Returns [batch time hidden], state."""
        if state is None:
            state = self.initial_state(x.shape[0])
        cell = self.cell
        if self.weight_dropout and self.training:
            cell = once(self, lambda: weight_dropped(self.cell, self.weight_dropout))
        if self.scanned:
            return scan(cell, x, state, lengths)  # type: ignore[arg-type]
        if self.kernel is None:
            return unroll(cell, x, state, lengths)  # type: ignore[arg-type]
        return fused_path.run(self.kernel, cell, x, state, lengths)  # type: ignore[arg-type]

    def extra_repr(self) -> str:
        """What a printed model shows."""
        return self.realisation

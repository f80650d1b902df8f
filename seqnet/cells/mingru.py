"""The minGRU of Feng et al. (2024), "Were RNNs all we needed?": section 3.1, and for log space appendix B.3."""

from typing import Annotated

from torch import Tensor

from seqnet.cells.pooled import Content, Pooled
from seqnet.options import number


class MinGRU(Pooled):
    """h_t = (1 - z_t) h_{t-1} + z_t g(W_h x_t + b_h), z_t = sigmoid(W_z x_t + b_z); g is `pooling.positive`.

    No gate sees h_{t-1}, so a whole sequence is one product and one scan. Weights stand in the order z h.
    update_bias: what b_z begins at; the further below 0, the longer h is kept. b_h begins at 0. content: `positive`, or
    `linear`: without g, as their section 3.1 has it. Raises ConfigurationError for unknown names.
    """

    parts = 2
    keeps = "keep"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        update_bias: Annotated[float, number(least=-1000, most=1000)] = 0.0,
        content: Content = "positive",
    ) -> None:
        super().__init__(input_size, hidden_size, update_bias, content)

    def gate_and_content(self, made: Tensor) -> Tensor:
        """They are what is made."""
        return made

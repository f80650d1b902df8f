"""The minLSTM of Feng et al. (2024), "Were RNNs all we needed?": section 3.2, and for log space appendix B.3."""

import torch
import torch.nn.functional as F
from torch import Tensor

from seqnet.cells.initialisation import ForgetBias
from seqnet.cells.pooled import Content, Pooled


class MinLSTM(Pooled):
    """h_t = f' h_{t-1} + i' g(W_h x_t + b_h) with f' = f / (f + i) and i' = i / (f + i); g is `pooling.positive`.

    f and i are sigmoids of W x_t + b: no gate sees h_{t-1}, so a whole sequence is one product and one scan. Weights
    stand in the order f i h. forget_bias: what f's bias begins at; the larger, the longer h is kept. The others begin
    at 0. content: `positive`, or `linear`: without g, as their section 3.2 has it. Raises ConfigurationError for an
    unknown one.
    """

    parts = 3
    keeps = "forget"

    def __init__(
        self, input_size: int, hidden_size: int, *, forget_bias: ForgetBias = 1.0, content: Content = "positive"
    ) -> None:
        super().__init__(input_size, hidden_size, forget_bias, content)

    def gate_and_content(self, made: Tensor) -> Tensor:
        """i' before a sigmoid, and the new content before g."""
        f, i, content = made.chunk(3, dim=-1)
        # i / (f + i) = sigmoid(log i - log f), which stays right where both gates are shut.
        return torch.cat([F.logsigmoid(i) - F.logsigmoid(f), content], dim=-1)

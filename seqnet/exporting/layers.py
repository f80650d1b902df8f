"""A copy of a model whose recurrent layers are such as ONNX has: its own operators, or one step of a cell."""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from seqnet.cells.gru import GRU
from seqnet.cells.lstm import LSTM
from seqnet.cells.rnn import RNN
from seqnet.errors import ConfigurationError
from seqnet.layers.layer import Layer
from seqnet.state import State, leaves

VERSION = 14  # of the operators, which hold a row's state behind its end
IOFC = (0, 3, 1, 2)  # the order of an LSTM's gates in ONNX, of ours i f g o
ZRH = (1, 0, 2)  # of a GRU's, of ours r z n
ACTIVATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "tanh": ("Tanh", {}),
    "relu": ("Relu", {}),
    "leaky_relu": ("LeakyRelu", {"activation_alpha": [0.01]}),
    "linear": ("Affine", {"activation_alpha": [1.0], "activation_beta": [0.0]}),
}


class OneStep(nn.Module):
    """A layer that reads a single step of each row, by its cell."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.cell, self.size = layer.cell, layer.size
        self.initial_state = layer.initial_state

    def forward(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """x: [batch 1 feature]; lengths: None. Returns [batch 1 hidden], state."""
        y, new = self.cell(x[:, 0], self.initial_state(x.shape[0]) if state is None else state)
        return y.unsqueeze(1), new


class Operator(nn.Module):
    """A layer over whole sequences, by the operator that ONNX has for its cell.

    The weights stand in the operator's order, so that it can be quantised. Raises ConfigurationError for a cell that
    it has none for.
    """

    weight: Tensor  # [1 gates*hidden input]
    recurrent: Tensor  # [1 gates*hidden hidden]
    bias: Tensor  # [1 2*gates*hidden]

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        cell: Any = layer.cell
        self.size, self.initial_state = layer.size, layer.initial_state
        order: tuple[int, ...]
        if type(cell) is LSTM:
            self.name, order, self.attributes = "LSTM", IOFC, dict[str, Any]()
        elif type(cell) is GRU:
            self.name, order, self.attributes = "GRU", ZRH, {"linear_before_reset": 1}
        elif type(cell) is RNN:
            activation, options = ACTIVATIONS[cell.nonlinearity]
            self.name, order, self.attributes = "RNN", (0,), {"activations": [activation], **options}
        else:
            raise ConfigurationError(
                f"ONNX has operators for whole sequences of rnn, lstm and gru, and none for {type(cell).__name__}"
            )
        self.attributes["hidden_size"] = cell.hidden_size

        def ordered(weight: Tensor) -> Tensor:
            parts = weight.detach().chunk(len(order))
            return torch.cat([parts[place] for place in order])

        self.register_buffer("weight", ordered(cell.weight_ih)[None])
        self.register_buffer("recurrent", ordered(cell.weight_hh)[None])
        self.register_buffer("bias", torch.cat([ordered(cell.bias_ih), ordered(cell.bias_hh)])[None])

    def forward(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """x: [batch time feature]; lengths: [batch], None = every row is whole. Returns [batch time hidden], state."""
        batch, time = x.shape[:2]
        state = self.initial_state(batch) if state is None else state
        before = [part.unsqueeze(0) for part in leaves(state)]
        ends = None if lengths is None else lengths.to(torch.int32)
        y, *after = torch.onnx.ops.symbolic_multi_out(
            self.name,
            (x.transpose(0, 1), self.weight, self.recurrent, self.bias, ends, *before),
            self.attributes,
            dtypes=[x.dtype] * (1 + len(before)),
            shapes=[(time, 1, batch, self.size), *[(1, batch, self.size)] * len(before)],
            version=VERSION,
        )
        return y.squeeze(1).transpose(0, 1), type(state)(*(part.squeeze(0) for part in after))


def with_layers(model: nn.Module, make: Callable[[Layer], nn.Module]) -> Any:
    """A copy of a model, in evaluation mode on the CPU, with what `make` makes of each recurrent layer in its place."""
    copied = copy.deepcopy(model).to("cpu").eval()
    for module in list(copied.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, Layer):
                module.add_module(name, make(child))
    return copied.requires_grad_(False)

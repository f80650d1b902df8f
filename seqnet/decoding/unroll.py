"""Numbers written freely: each step reads what the last one wrote."""

import torch
from torch import Tensor

from seqnet.decoding.hypothesis import Stepper
from seqnet.state import State, leaves


@torch.no_grad()
def unroll(model: Stepper, memory: State, state: State, steps: int, size: int) -> Tensor:
    """So many steps of `size` numbers for each row of the state, [batch steps size]; the first one reads zeros."""
    some = leaves(state)[0]
    inputs = some.new_zeros(len(some), size, dtype=torch.float32)
    written = []
    for _ in range(steps):
        inputs, state, _ = model.step(inputs, state, memory)
        written.append(inputs.float())
    return torch.stack(written, dim=1)

"""What of a model becomes a graph: whole sequences, a source read, one step; each of tensors by name.

`inputs` [batch time ...] and `lengths` [batch]; `view.NAME` [batch time ...] of the same steps; `whole.NAME`
[batch time_NAME ...] and `whole.NAME.lengths` of what is read whole; `source` and `source.lengths`; `state.0` and so
on, the tensors of a state in their order, and `memory.0` and so on, those of what attention looks at.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from seqnet.attention.memory import Memory
from seqnet.batch import IGNORE, Batch, Whole
from seqnet.state import State, leaves, with_leaves

Tensors = Mapping[str, Tensor]


def numbered(name: str, state: State) -> dict[str, Tensor]:
    """The tensors of a state by name."""
    return {f"{name}.{number}": tensor for number, tensor in enumerate(leaves(state))}


def batch_of(tensors: Tensors) -> Batch:
    """The batch that tensors by name describe, of which nothing is asked."""
    inputs, lengths, source = tensors["inputs"], tensors.get("lengths"), tensors.get("source")
    if lengths is None:
        lengths = torch.full((inputs.shape[0],), inputs.shape[1])
    return Batch(
        inputs=inputs,
        lengths=lengths,
        targets=torch.full(inputs.shape[:2], IGNORE),
        source=source,
        source_lengths=tensors.get("source.lengths"),
        views={name.removeprefix("view."): each for name, each in tensors.items() if name.startswith("view.")},
        wholes={
            name.removeprefix("whole."): Whole(each, tensors[f"{name}.lengths"])
            for name, each in tensors.items()
            if name.startswith("whole.") and f"{name}.lengths" in tensors
        },
    ).ragged()


class Sequences(nn.Module):
    """Whole sequences: `logits` [batch time out], or [batch out], and the state after them where one is handed in.

    scores: the layer that makes logits of features. template: a state, or None.
    """

    def __init__(self, model: nn.Module, scores: Callable[[Tensor], Tensor] | None, template: State) -> None:
        super().__init__()
        self.model, self.scores, self.template = model, scores, template

    def forward(self, tensors: Tensors) -> Tensors:
        """See the module."""
        state = None
        if self.template is not None:
            state = with_leaves(self.template, [tensors[name] for name in numbered("state", self.template)])
        output = self.model(batch_of(tensors), state)
        found = {"logits": (self.scores or output.head)(output.features)}
        return found if state is None else found | numbered("state", output.state)


class Step(nn.Module):
    """One step of a model without a source: `inputs` [batch ...], `view.NAME`, a state; `logits` [batch out], state."""

    def __init__(self, model: nn.Module, scores: nn.Module | None, template: State) -> None:
        super().__init__()
        self.model, self.scores, self.template = model, scores, template

    def forward(self, tensors: Tensors) -> Tensors:
        """See the class."""
        state = with_leaves(self.template, [tensors[name] for name in numbered("state", self.template)])
        views = {name.removeprefix("view."): each for name, each in tensors.items() if name.startswith("view.")}
        logits, state = self.model.step(tensors["inputs"], state, views, self.scores)  # type: ignore[operator]
        return {"logits": logits, **numbered("state", state)}


class Reader(nn.Module):
    """A source read whole: the memory that attention looks at, if any, and the state that writing begins in."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, tensors: Tensors) -> Tensors:
        """`source`, `source.lengths` and further wholes; `memory.0` ... and `state.0` ..."""
        source = tensors["source"]
        nothing = torch.zeros(source.shape[0], 1, dtype=torch.int64)
        memory, state = self.model.begin(batch_of({"inputs": nothing, **tensors}))  # type: ignore[operator]
        return {**numbered("memory", memory), **numbered("state", state)}


class WritingStep(nn.Module):
    """One step of a decoder: `inputs` [rows ...], memory, state; `logits` [rows out], `attention`, the state after.

    A memory has as many rows as the state.
    """

    def __init__(self, model: nn.Module, memory: Memory | None, template: State) -> None:
        super().__init__()
        self.model, self.memory, self.template = model, memory, template

    def forward(self, tensors: Tensors) -> Tensors:
        """See the class."""
        state = with_leaves(self.template, [tensors[name] for name in numbered("state", self.template)])
        memory = with_leaves(self.memory, [tensors[name] for name in numbered("memory", self.memory)])
        logits, state, attention = self.model.step(tensors["inputs"], state, memory)  # type: ignore[operator]
        found = {"logits": logits} if attention is None else {"logits": logits, "attention": attention.mean(1)}
        return {**found, **numbered("state", state)}


class Forced(nn.Module):
    """A decoder that is told what it should have written: `logits` [batch time out] of source and `inputs`."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, tensors: Tensors) -> Tensors:
        """See the class."""
        output: Any = self.model(batch_of(tensors), None)
        return {"logits": output.logits()}

"""Graphs in the place of the model that they were made of, so that they are scored as it is."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from seqnet.attention.memory import Memory
from seqnet.batch import Batch, Output
from seqnet.build import Assembly
from seqnet.exporting.parity import session_of
from seqnet.exporting.parts import batch_of, numbered
from seqnet.state import State, leaves, map_state, where, with_leaves


class Deployed(nn.Module):
    """A model whose numbers come out of graphs. graphs: their contents, by the names of their files."""

    def __init__(self, assembly: Assembly, graphs: Mapping[str, bytes]) -> None:
        super().__init__()
        self._model: list[Any] = [assembly.model]  # in a list, so that it is no part of this module
        self._sessions = {name: session_of(content) for name, content in graphs.items()}
        self.bidirectional = getattr(assembly.model, "bidirectional", True)
        self.head = _without(assembly)
        self.reset = assembly.model.reset if hasattr(assembly.model, "reset") else None

    @property
    def model(self) -> Any:
        """The model that the graphs were made of."""
        return self._model[0]

    @property
    def attention(self) -> Any:
        """The model's, of which the graphs tell the weights."""
        return getattr(self.model, "attention", None)

    @property
    def encoder(self) -> Any:
        """The model's."""
        return getattr(self.model, "encoder", None)

    def forward(self, window: Batch, state: State = None) -> Output:
        """The logits of a window as features, and the state after it."""
        if "model.onnx" not in self._sessions:
            return self._by_steps(window, state)
        given = _tensors(window)
        taken = {one.name for one in self._sessions["model.onnx"].get_inputs()}
        template = None
        if any(name.startswith("state.") for name in taken):
            template = self.model.initial_state(window.size) if state is None else state
            given |= numbered("state", template)
        found = self._run("model.onnx", given)
        logits, after = found[0], found[1:]
        return Output(logits, self.head, None if template is None else with_leaves(template, after))

    def _by_steps(self, window: Batch, state: State) -> Output:
        """The same step by step: of a decoder after its source is read."""
        memory = None
        if "encoder.onnx" in self._sessions:
            memory, state = self.begin(window)
        elif state is None:
            state = self.model.initial_state(window.size)
        features = []
        for step in range(window.time):
            views = {f"view.{name}": each[:, step] for name, each in window.views.items()}
            logits, new, _ = self._step(window.inputs[:, step], state, memory, views)
            state = where(step < window.lengths, new, state)
            features.append(logits)
        return Output(torch.stack(features, dim=1), self.head, state)

    def begin(self, batch: Batch) -> tuple[State, State]:
        """What is read of a source, and the state that writing begins in."""
        if "encoder.onnx" not in self._sessions:
            return None, self.model.initial_state(batch.size)
        given = _tensors(batch)
        nothing = torch.zeros(batch.size, 1, dtype=torch.int64)
        with torch.no_grad():  # for what it looks like
            few = {name: each[:1] for name, each in given.items() if name.startswith(("source", "whole."))}
            memory, state = self.model.begin(batch_of({"inputs": nothing[:1], **few}))
        found = self._run("encoder.onnx", given)
        some = len(leaves(memory))
        return with_leaves(memory, found[:some]), with_leaves(state, found[some:])

    def step(
        self, inputs: Tensor, state: State, memory: Memory | None = None, head: nn.Module | None = None
    ) -> tuple[Tensor, State, Tensor | None]:
        """One step of a decoder; attention [rows 1 source_time] is the mean of its heads."""
        rows = len(leaves(state)[0])
        if memory is not None and len(memory.lengths) != rows:
            memory = map_state(lambda each: each.repeat_interleave(rows // len(each), 0), memory)
        return self._step(inputs, state, memory, {})

    def _step(
        self, inputs: Tensor, state: State, memory: State, views: dict[str, Tensor]
    ) -> tuple[Tensor, State, Tensor | None]:
        given = {"inputs": inputs, **views, **numbered("state", state), **numbered("memory", memory)}
        logits, *after = self._run("step.onnx", given)
        attention = after.pop(0).unsqueeze(1) if len(after) > len(leaves(state)) else None
        return logits, with_leaves(state, after), attention

    def _run(self, name: str, given: Mapping[str, Tensor]) -> list[Tensor]:
        session = self._sessions[name]
        taken = {one.name for one in session.get_inputs()}
        found = session.run(None, {key: each.numpy() for key, each in given.items() if key in taken})
        return [torch.from_numpy(each) for each in found]


def _without(assembly: Assembly) -> nn.Module:
    """The output layer without what the graphs do of it: of most nothing is left."""
    of = getattr(assembly.objective, "exported_layer", None)
    if of is None:
        return nn.Identity()
    head = copy.deepcopy(assembly.model.head)
    inner = of(head)
    for name, child in list(head.named_children()):  # type: ignore[union-attr]
        if child is inner:
            head.add_module(name, nn.Identity())  # type: ignore[union-attr]
    return head  # type: ignore[return-value]


def _tensors(window: Batch) -> dict[str, Tensor]:
    """A batch as the graphs take it: the inverse of `batch_of`."""
    found = {"inputs": window.inputs, "lengths": window.lengths}
    found |= {f"view.{name}": each for name, each in window.views.items()}
    for name, whole in window.wholes.items():
        steps = torch.full((len(whole.values),), whole.values.shape[1])
        found[f"whole.{name}"] = whole.values
        found[f"whole.{name}.lengths"] = steps if whole.lengths is None else whole.lengths
    if window.source is not None:
        found["source"] = window.source
        steps = torch.full((window.size,), window.source.shape[1])
        found["source.lengths"] = steps if window.source_lengths is None else window.source_lengths
    return found

"""Modules as ONNX graphs for any batch and length, without a trace of the machine that they were made on."""

import logging
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from seqnet.errors import ConfigurationError

OPSET = 20
FIXED = re.compile(r"Constraints violated \((\w+)\)")
NOISY = ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")


class Listed(nn.Module):
    """A function of tensors by name as a module that takes and returns lists of them, as the exporter wants it."""

    def __init__(self, module: nn.Module, names: Sequence[str]) -> None:
        super().__init__()
        self.module, self.names = module, list(names)

    def forward(self, tensors: list[Tensor]) -> list[Tensor]:
        """tensors: in the order of `names`."""
        found: Mapping[str, Tensor] = self.module(dict(zip(self.names, tensors, strict=True)))
        return list(found.values())


Dimensions = tuple[str | None, ...]
"""What each dimension of a tensor is called that may have any size; None for one that is as it is."""


def graph_of(
    module: nn.Module, inputs: Mapping[str, Tensor], dimensions: Mapping[str, Dimensions], outputs: Sequence[str]
) -> bytes:
    """An ONNX file of a module that makes of tensors by name others by name, `outputs` in their order.

    inputs: examples. Raises ConfigurationError, which says why, for what cannot be exported.
    """
    names = {name for one in dimensions.values() for name in one if name is not None}
    sizes = {name: torch.export.Dim(_identifier(name)) for name in sorted(names)}
    shapes = [{place: sizes[one] for place, one in enumerate(dimensions[name]) if one is not None} for name in inputs]
    examples = [one.clone() for one in inputs.values()]  # of one tensor given twice the exporter makes one input
    with _quiet(), torch.no_grad():
        try:
            traced = torch.export.export(
                Listed(module, list(inputs)).eval(), (examples,), dynamic_shapes=(shapes,), strict=False
            )
            made = torch.onnx.export(
                traced,
                dynamo=True,  # the other one writes wrong graphs without a word
                verbose=False,
                input_names=list(inputs),
                output_names=list(outputs),
                opset_version=OPSET,
                external_data=False,
            )
        except Exception as error:  # the exporter raises whatever what it met raised
            raise ConfigurationError(_reason(error)) from error
    assert made is not None
    proto = made.model_proto
    _forget(proto)
    _name(proto, dimensions)
    content: bytes = proto.SerializeToString()
    return content


def _identifier(name: str) -> str:
    return "".join(letter if letter.isalnum() and letter.isascii() else "_" for letter in name)


def _name(proto: Any, dimensions: Mapping[str, Dimensions]) -> None:
    """Call dimensions by their names: the exporter forgets those that two inputs have."""
    called = {}
    for given in proto.graph.input:
        for size, name in zip(given.type.tensor_type.shape.dim, dimensions[given.name], strict=True):
            if name is not None and size.dim_param:
                called[size.dim_param] = name
    for one in (*proto.graph.input, *proto.graph.output, *proto.graph.value_info):
        for size in one.type.tensor_type.shape.dim:
            if size.dim_param:
                size.dim_param = called.get(size.dim_param, size.dim_param)


def _reason(error: BaseException) -> str:
    """What the exporter met, in one line: of its chain of errors the first one's first line."""
    while error.__cause__ is not None:
        error = error.__cause__
    fixed = FIXED.search(str(error))
    if fixed is not None:
        return (
            f"a graph of it would be of some sizes of the dimension {fixed[1]} alone, since the model goes through it "
            "in a loop, or counts in it"
        )
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:200] if lines else 'without a word'}"


def _forget(proto: Any) -> None:
    """Take out of a model where on this machine, and by which line of a program, its nodes were made."""
    del proto.metadata_props[:]
    proto.doc_string = ""
    for function in proto.functions:
        _forget_nodes(function)
    _forget_graph(proto.graph)


def _forget_graph(graph: Any) -> None:
    for part in (graph, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    _forget_nodes(graph)


def _forget_nodes(part: Any) -> None:
    for node in part.node:
        del node.metadata_props[:]
        node.doc_string = ""
        for attribute in node.attribute:
            attribute.doc_string = ""
            for inner in (attribute.g, *attribute.graphs):
                if inner.node:
                    _forget_graph(inner)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what the exporter says of other packages and of its own future."""
    loggers = [logging.getLogger(name) for name in NOISY]
    before = [one.level for one in loggers]
    for one in loggers:
        one.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for one, level in zip(loggers, before, strict=True):
            one.setLevel(level)

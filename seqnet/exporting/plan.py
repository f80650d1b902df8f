"""What of a run becomes a graph: by the name of its file a module that is exported, and the same in torch."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from seqnet.batch import LAGS
from seqnet.build import Assembly
from seqnet.errors import ConfigurationError
from seqnet.exporting.graphs import graph_of
from seqnet.exporting.layers import OneStep, Operator, with_layers
from seqnet.exporting.parts import Forced, Reader, Sequences, Step, WritingStep, batch_of, numbered
from seqnet.kinds import Axis
from seqnet.specs import Image, Spec, Spelling, Tokens
from seqnet.state import State, leaves

Tensors = dict[str, Tensor]


class Size(NamedTuple):
    """How large an example is; each is another number, so that dimensions are told apart."""

    batch: int
    time: int
    source: int


EXAMPLE, OTHER = Size(3, 5, 7), Size(4, 6, 9)


@dataclass(frozen=True)
class Part:
    """A graph to be: `exported` is a copy with layers that ONNX has, `reference` what it must agree with.

    example: makes inputs of a size, drawn from a generator. names: of what comes out.
    """

    file: str
    exported: Callable[[], nn.Module]
    reference: nn.Module
    example: Callable[[Size, torch.Generator], Tensors]
    names: tuple[str, ...]

    def dimensions(self) -> dict[str, tuple[str | None, ...]]:
        """What each dimension of each input is called that may have any size: those that differ with the example."""
        random = torch.Generator().manual_seed(0)
        one, two = self.example(EXAMPLE, random), self.example(OTHER, random)
        return {name: _dimensions(name, one[name].shape, two[name].shape) for name in one}


def _dimensions(name: str, one: torch.Size, two: torch.Size) -> tuple[str | None, ...]:
    called = dict(zip(zip(EXAMPLE, OTHER, strict=True), Size._fields, strict=True))
    found = [None if pair[0] == pair[1] else called.get(pair, "positions") for pair in zip(one, two, strict=True)]
    return tuple(f"{name}.{each}" if each == "source" and name.startswith("whole.") else each for each in found)


def parts(assembly: Assembly) -> Iterator[Part]:
    """The graphs that a run might have."""
    if getattr(assembly.source, "writing", None) is not None:
        yield from _written(assembly)
    else:
        yield from _judged(assembly)


def scores_of(assembly: Assembly, model: Any) -> nn.Module:
    """The layer of a model that makes of features what run.py decides by: the output layer, or a part of it."""
    of = getattr(assembly.objective, "exported_layer", None)
    layer: nn.Module = model.head if of is None else of(model.head)
    return layer


# ---------------------------------------------------------------------------------- an answer for rows or their steps


def _judged(assembly: Assembly) -> Iterator[Part]:
    model, source = assembly.model, assembly.source
    steps = hasattr(model, "step") and not getattr(model, "bidirectional", True) and not source_wholes(source)

    def sequences(size: Size, random: torch.Generator) -> Tensors:
        found = {
            "inputs": _drawn(source.inputs, (size.batch, size.time), random),
            "lengths": _lengths(size.batch, size.time, random),
            **_views(source, (size.batch, size.time), random),
            **_wholes(source, size, random),
        }
        return found | (_states(model, size.batch, random) if steps else {})

    def step(size: Size, random: torch.Generator) -> Tensors:
        inputs = _drawn(source.inputs, (size.batch,), random)
        return {"inputs": inputs, **_views(source, (size.batch,), random), **_states(model, size.batch, random)}

    template = model.initial_state(1) if steps else None  # type: ignore[operator]
    after = tuple(f"new.{name}" for name in numbered("state", template))
    copied = _copier(assembly, lambda layers, scores: Sequences(layers, scores, template), Operator)
    yield Part(
        "model.onnx", copied, Sequences(model, scores_of(assembly, model), template), sequences, ("logits", *after)
    )
    if steps:
        copied = _copier(assembly, lambda layers, scores: Step(layers, scores, template), OneStep)
        yield Part("step.onnx", copied, Step(model, scores_of(assembly, model), template), step, ("logits", *after))


def _copier(
    assembly: Assembly, make: Callable[[nn.Module, nn.Module], nn.Module], layer: Callable[..., nn.Module]
) -> Callable[[], nn.Module]:
    """Makes a module of a copy of the model, whose recurrent layers are such as `layer` makes, and its scores."""

    def made() -> nn.Module:
        model = with_layers(assembly.model, layer)
        return make(model, scores_of(assembly, model))

    return made


# ------------------------------------------------------------------------------------------------ an answer is written


def _written(assembly: Assembly) -> Iterator[Part]:
    model: Any = assembly.model
    source = assembly.source
    if not hasattr(model, "begin") or not hasattr(model, "step"):
        raise ConfigurationError(
            f"{type(model).__name__} does not write step by step, so it cannot be exported: export a run of "
            "model=encoder_decoder or model=recurrent"
        )
    reads = source.source is not None
    reader = Reader(model)

    def read(size: Size, random: torch.Generator) -> Tensors:
        found = {
            "source": _drawn(source.source, (size.batch, size.source), random),
            "source.lengths": _lengths(size.batch, size.source, random),
        }
        return found | _wholes(source, size, random)

    def begun(size: Size, random: torch.Generator) -> tuple[State, State]:
        with torch.no_grad():
            if not reads:
                return None, model.initial_state(size.batch)
            nothing = torch.zeros(size.batch, 1, dtype=torch.int64)
            found: tuple[State, State] = model.begin(batch_of({"inputs": nothing, **read(size, random)}))
            return found

    memory, template = begun(EXAMPLE, torch.Generator().manual_seed(0))
    told, after = numbered("memory", memory), tuple(f"new.{name}" for name in numbered("state", template))

    def step(size: Size, random: torch.Generator) -> Tensors:
        memory, state = begun(size, random)
        moved = {name: _moved(each, random) for name, each in numbered("state", state).items()}
        return {"inputs": _drawn(source.inputs, (size.batch,), random), **numbered("memory", memory), **moved}

    def forced(size: Size, random: torch.Generator) -> Tensors:
        found = {
            "inputs": _drawn(source.inputs, (size.batch, size.time), random),
            "lengths": _lengths(size.batch, size.time, random),
        }
        return found | (read(size, random) if reads else {})

    if reads:
        names = (*told, *numbered("state", template))
        yield Part("encoder.onnx", lambda: Reader(with_layers(model, Operator)), reader, read, names)
    names = ("logits", *(("attention",) if memory is not None else ()), *after)
    yield Part(
        "step.onnx",
        lambda: WritingStep(with_layers(model, OneStep), memory, template),
        WritingStep(model, memory, template),
        step,
        names,
    )
    yield Part("model.onnx", lambda: Forced(with_layers(model, Operator)), Forced(model), forced, ("logits",))


# ------------------------------------------------------------------------------------------------------------ examples


def graph(part: Part) -> bytes:
    """The part as ONNX. Raises ConfigurationError where it cannot be one."""
    return graph_of(part.exported(), example(part), part.dimensions(), part.names)


def example(part: Part) -> Tensors:
    """What a graph is made of."""
    return part.example(EXAMPLE, torch.Generator().manual_seed(0))


def source_views(source: Any) -> Mapping[str, Spec]:
    """What is read beside the first input at the same steps, by name."""
    found = dict(getattr(source, "views", {}))
    if getattr(source, "recent", None) is not None:
        found[LAGS] = source.recent
    return found


def source_wholes(source: Any) -> Mapping[str, Spec]:
    """What is read whole beside the first input, by name."""
    found: Mapping[str, Spec] = getattr(source, "wholes", {})
    return found


def _drawn(spec: Spec, shape: tuple[int, ...], random: torch.Generator) -> Tensor:
    """Values of an input: tokens [*shape], letters [*shape most], numbers [*shape size]."""
    if isinstance(spec, Tokens):
        return torch.randint(spec.size, shape, generator=random)
    if isinstance(spec, Spelling):
        drawn = torch.randint(1, max(2, spec.size), (*shape, spec.most), generator=random)
        long = torch.randint(1, spec.most + 1, (*shape, 1), generator=random)
        return drawn * (torch.arange(spec.most) < long)
    return torch.randn(*shape, spec.size, generator=random)


def _lengths(rows: int, most: int, random: torch.Generator) -> Tensor:
    """Lengths of rows, the first of them whole."""
    found = torch.randint(1, most + 1, (rows,), generator=random)
    found[0] = most
    return found


def _views(source: Any, shape: tuple[int, ...], random: torch.Generator) -> Tensors:
    return {f"view.{name}": _drawn(spec, shape, random) for name, spec in source_views(source).items()}


def _wholes(source: Any, size: Size, random: torch.Generator) -> Tensors:
    found = {}
    for name, spec in source_wholes(source).items():
        if isinstance(spec, Image):
            raise ConfigurationError(f"{name} is a picture, which a program of NumPy alone does not read")
        steps = 1 if spec.axis is Axis.ROW else size.source
        found[f"whole.{name}"] = _drawn(spec, (size.batch, steps), random)
        found[f"whole.{name}.lengths"] = _lengths(size.batch, steps, random)
    return found


def _states(model: Any, rows: int, random: torch.Generator) -> Tensors:
    return {name: _moved(each, random) for name, each in numbered("state", model.initial_state(rows)).items()}


def _moved(tensor: Tensor, random: torch.Generator) -> Tensor:
    """Another value of a state's tensor: a number more or less, a count as it is."""
    if not tensor.is_floating_point():
        return tensor.clone()
    return tensor + 0.3 * torch.rand(tensor.shape, generator=random)


def initial_state(assembly: Assembly) -> list[Tensor]:
    """The state of one row at its beginning. Raises ConfigurationError where rows begin differently."""
    model: Any = assembly.model
    one, two = leaves(model.initial_state(1)), leaves(model.initial_state(2))
    if any(not torch.equal(each.expand_as(both), both) for each, both in zip(one, two, strict=True)):
        raise ConfigurationError(f"the rows of {type(model).__name__} begin in different states: it cannot be exported")
    return one

"""The model as a table: layer, output shape, parameters."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from rich import box
from rich.table import Table
from rich.text import Text
from torch import Tensor, nn

from seqnet.batch import Batch, Output
from seqnet.observers.undisturbed import undisturbed


@dataclass(frozen=True)
class LayerRow:
    """One line of the table: a part of the model that ran once and holds all its parameters."""

    name: str
    kind: str
    shape: tuple[int, ...]  # of its first output; () for parameters that no layer holds
    parameters: int  # those that no row above has
    shared_with: str = ""  # the row above that holds its other parameters


def layer_rows(model: nn.Module, example: Batch) -> list[LayerRow]:
    """Run `example` through the model once and list its layers in the order in which they ran.

    A row is as small a part as was called exactly once: a cell that runs at every step is shown as its
    layer. The model's modes, buffers and the random generators are afterwards as they were before.
    """
    calls: dict[nn.Module, int] = {}
    shapes: dict[nn.Module, tuple[int, ...]] = {}
    order: list[nn.Module] = []

    def note(module: nn.Module, inputs: Any, output: Any) -> None:
        calls[module] = calls.get(module, 0) + 1
        if module not in shapes:
            tensor = _first_tensor(output)
            shapes[module] = () if tensor is None else tuple(tensor.shape)
            order.append(module)

    hooks = [module.register_forward_hook(note) for module in model.modules()]
    try:
        with undisturbed(model, example.inputs.device), torch.no_grad():
            output = model(replace(example, advance=example.time))  # one call of each layer, whatever the stride
            if isinstance(output, Output):
                output.logits()
    finally:
        for hook in hooks:
            hook.remove()

    parts = _parts("", model, calls)
    if parts is None:
        parts = [("", model, list(model.parameters()))]
    places = {module: place for place, module in enumerate(order)}
    parts.sort(key=lambda part: places.get(part[1], len(places)) if part[1] is not model else len(places))

    rows = []
    owner: dict[nn.Parameter, str] = {}
    for name, module, parameters in parts:
        own = module is model and len(parts) > 1
        title = name or type(model).__name__
        new = [parameter for parameter in dict.fromkeys(parameters) if parameter not in owner]
        shared = sorted({owner[parameter] for parameter in parameters if parameter in owner})
        owner.update(dict.fromkeys(new, title))
        rows.append(
            LayerRow(
                name=title,
                kind="parameters" if own else _kind(module),
                shape=() if own else shapes.get(module, ()),
                parameters=sum(parameter.numel() for parameter in new),
                shared_with=", ".join(shared),
            )
        )
    return rows


def model_table(model: nn.Module, example: Batch) -> Table:
    """The rows as a table for the console, with the total and what of it is not trained."""
    rows = layer_rows(model, example)
    table = Table(box=box.SIMPLE_HEAD, show_footer=True, pad_edge=False, show_edge=False)
    total = sum(row.parameters for row in rows)
    frozen = sum(parameter.numel() for parameter in model.parameters() if not parameter.requires_grad)
    note = f" ({frozen:,} not trained)" if frozen else ""
    table.add_column("layer", footer=Text("total" + note), overflow="fold")
    table.add_column("", overflow="fold")
    table.add_column(f"output, {example.size} rows of {example.time} steps", overflow="fold")
    table.add_column("parameters", footer=Text(f"{total:,}"), justify="right", overflow="fold")
    for row in rows:
        count = f"{row.parameters:,}"
        if row.shared_with:
            count = f"{count} + shared" if row.parameters else "shared"
        kind = f"{row.kind}, tied to {row.shared_with}" if row.shared_with else row.kind
        table.add_row(Text(row.name), Text(kind), Text(" x ".join(map(str, row.shape))), Text(count))
    return table


Part = tuple[str, nn.Module, list[nn.Parameter]]


def _parts(name: str, module: nn.Module, calls: dict[nn.Module, int]) -> list[Part] | None:
    """The smallest parts that were called once and hold all parameters of `module`; None if there are none."""
    own = list(module.parameters(recurse=False))
    parts: list[Part] | None = []
    for child_name, child in module.named_children():
        if parts is not None and any(True for _ in child.parameters()):
            repeats = name.rpartition(".")[2] == child_name  # layers.layers.0 is called layers.0
            inner = _parts(name if repeats else f"{name}.{child_name}".lstrip("."), child, calls)
            parts = None if inner is None else parts + inner
    if parts is None or (own and not parts):
        return [(name, module, list(module.parameters()))] if calls.get(module) == 1 else None
    return [*parts, (name, module, own)] if own else parts


def _kind(module: nn.Module) -> str:
    """The class, with the classes of the parts that are not listed by themselves; of a recurrent layer, how it runs."""
    inner = [
        type(part).__name__
        for part in module.modules()
        if part is not module and any(True for _ in part.parameters(recurse=False))
    ]
    name, way = type(module).__name__, getattr(module, "realisation", None)
    notes = [*dict.fromkeys(inner), *([way] if isinstance(way, str) else [])]
    return f"{name} ({', '.join(notes)})" if notes else name


def _first_tensor(output: Any) -> Tensor | None:
    if isinstance(output, Tensor):
        return output
    if isinstance(output, Output):
        return output.features
    if isinstance(output, dict):
        output = tuple(output.values())
    if isinstance(output, (tuple, list)):
        return next((tensor for tensor in map(_first_tensor, output) if tensor is not None), None)
    return None

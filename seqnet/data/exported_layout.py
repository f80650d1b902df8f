"""What a table's lines are to a program without seqnet: see seqnet.exported."""

from collections.abc import Mapping
from typing import Any

from seqnet.data.fields.field import Field
from seqnet.data.formats.format import Column
from seqnet.data.input_lines import takes_text
from seqnet.data.layout import Layout
from seqnet.errors import ConfigurationError
from seqnet.exported import described
from seqnet.kinds import AHEAD, Axis, Item


def exported_layout(layout: Layout, fields: Mapping[str, Field], columns: Mapping[str, Column]) -> dict[str, Any]:
    """How a line becomes the inputs, and what is asked. Raises ConfigurationError where a field cannot say so."""
    inputs, target = layout.inputs, layout.target
    if not inputs:
        raise ConfigurationError(
            "this run reads nothing (data.inputs=[]), and an exported model answers what it reads: use seqnet generate"
        )
    known = [name for name in inputs if layout.again and AHEAD in fields[name].kind.traits]
    for name in known:
        if fields[name].kind.item is not Item.NUMBER:
            raise ConfigurationError(
                f"data.fields.{name} is a label that is known ahead of what is forecast, of which an exported model "
                "reads numbers only: train with its form=cycle, or without it, to export"
            )
    one_column = all(columns[name] == columns[inputs[0]] for name in inputs)
    text = takes_text(inputs, fields, columns)
    said: dict[str, Any] = {
        "asks": _asks(layout, fields),
        "lines": "text" if text else "value" if one_column else "object",
        "inputs": [_input(layout, name, fields, columns[name]) for name in inputs],
    }
    if layout.running or layout.written:
        said["writes"] = described(fields[target], f"data.fields.{target}")
    elif not layout.again and hasattr(fields[target], "told"):  # writes an answer in its own way
        described(fields[target], f"data.fields.{target}")
    if said["asks"] == "ahead":
        said["ahead"] = {"target": target, "seasons": layout.seasons, "lags": layout.lags}
        said["ahead"] |= {"horizon": layout.horizon or 1, "known": known}
    return said


def _asks(layout: Layout, fields: Mapping[str, Field]) -> str:
    if layout.running:
        return "next"
    if layout.written:
        return "text"
    if layout.forecasts:
        return "ahead"
    return "step" if layout.again or layout.asked_at_steps else "row"


def _input(layout: Layout, name: str, fields: Mapping[str, Field], column: Column) -> dict[str, Any]:
    reads = described(fields[name], f"data.fields.{name}")
    kind = fields[name].kind
    if kind.item is Item.LABEL and name != layout.target:  # any other name has the last number
        reads = {**reads, "unknown": len(reads["names"])}
    if name == layout.read.first:
        role = "source" if layout.written else "first"
    else:
        role = "view" if kind.axis is Axis.STEP else "whole"
    return {"name": name, "column": str(column), "role": role, "reads": reads}

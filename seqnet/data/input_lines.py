"""What is read of one row, as a person hands it in: a line, which is a text itself or JSON, or a value of Python."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seqnet.data.fields.field import Field
from seqnet.data.formats.format import Column
from seqnet.data.located import as_path
from seqnet.data.numbers import parse, read_json
from seqnet.data.read import Read, name_of
from seqnet.errors import DataError, did_you_mean
from seqnet.kinds import Item


def takes_text(inputs: Sequence[str], fields: Mapping[str, Field], columns: Mapping[str, Column]) -> bool:
    """Whether a line is the text that is read, not JSON: all inputs are made of one column, of tokens."""
    one_column = all(columns[name] == columns[inputs[0]] for name in inputs)
    return one_column and all(fields[name].kind.item is Item.TOKEN for name in inputs)


def as_read(
    line: str, number: int, inputs: Sequence[str], fields: Mapping[str, Field], columns: Mapping[str, Column]
) -> Read:
    """What a line says, by the names of the columns, nothing where it cannot be read."""
    first = inputs[0]
    name = name_of(columns[first], first)
    if takes_text(inputs, fields, columns):
        return Read(number, {name: line}, line)
    try:
        value = parse(line)
    except (ValueError, RecursionError):
        return Read(number, {})
    return as_given(value, number, inputs, columns)


def as_given(value: Any, number: int, inputs: Sequence[str], columns: Mapping[str, Column]) -> Read:
    """What a value says, by the names of the columns."""
    first = inputs[0]
    if isinstance(value, dict):
        return Read(number, value, _of_object(value, first, columns))
    return Read(number, {name_of(columns[first], first): value}, value)


def _of_object(value: Mapping[str, Any], name: str, columns: Mapping[str, Column]) -> Any:
    """What an object says of an input, by its column, or else, as where that is a position, by its own name."""
    return value.get(str(columns[name]), value.get(name))


def parsed(
    line: str, place: str, inputs: Sequence[str], fields: Mapping[str, Field], columns: Mapping[str, Column]
) -> dict[str, Any]:
    """The raw value of each input. Raises DataError, which begins with the place."""
    if takes_text(inputs, fields, columns):
        if not line.strip():
            raise DataError(f"{place}: there is no text; take the line out")
        return dict.fromkeys(inputs, line)
    return given(read_json(line, place), place, inputs, fields, columns)


def given(
    value: Any, place: str, inputs: Sequence[str], fields: Mapping[str, Field], columns: Mapping[str, Column]
) -> dict[str, Any]:
    """The raw value of each input, of a value as JSON has it. Raises DataError, which begins with the place."""
    one_column = all(columns[name] == columns[inputs[0]] for name in inputs)
    called = {*inputs, *(str(columns[name]) for name in inputs)}
    if one_column and not (isinstance(value, dict) and called & value.keys()):
        value = dict.fromkeys(inputs, value)
    if not isinstance(value, dict):
        raise DataError(f"{place}: it must be an object with {', '.join(inputs)}")
    found = {one: _of_object(value, one, columns) for one in inputs}
    missing = [one for one in inputs if not {one, str(columns[one])} & value.keys()]
    if missing:
        hint = did_you_mean(missing[0], value)
        raise DataError(f"{place}: there is no {missing[0]}{hint}; it must be an object with {', '.join(inputs)}")
    return {one: as_path(Path(), each) if fields[one].opens_files else each for one, each in found.items()}

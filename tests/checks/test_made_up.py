"""Rows that are made up: every field of configs/field reads some of its kind."""

import numpy as np
import pytest
import torch

from seqnet import build
from seqnet.checks.made_up import MADE, MadeUp, in_place_of_files
from seqnet.configuration import CONFIGS, compose
from seqnet.errors import DataError
from seqnet.kinds import Axis, Item, Kind
from tests.conftest import options_of

FIELDS = sorted(path.stem for path in (CONFIGS / "field").glob("*.yaml"))


def described(field):
    return {key: value for key, value in options_of("field", field).items() if key != "column"}


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_reads_what_is_made_up_of_its_kind(field):
    options = described(field)
    rows = list(MadeUp(1, {field: options}, {}).rows_of("train"))
    one = build.make(options)
    values = [row[0] for row in rows]
    one.observe(values)
    one.learned()
    assert len(one.encode(values).lengths) == len(rows) == 40


def test_columns_side_by_side_have_as_many_steps():
    fields = {name: described(name) for name in ("tokens", "tags", "series")}
    for row in MadeUp(1, fields, {"series": 3}).rows_of("valid"):
        assert len({len(value) for value in row}) == 1 and np.shape(row[2])[1] == 3


class Odd:
    opens_files = False
    kind = Kind(Item.NUMBER, Axis.GRID)


def test_a_field_that_reads_nothing_of_it_is_named():
    assert (Odd.kind.item, Odd.kind.axis) not in MADE
    with pytest.raises(DataError, match=r"data\.fields\.odd \(number, grid\) is a value that it reads: name a file"):
        MadeUp(1, {"odd": {"_target_": "tests.checks.test_made_up.Odd"}}, {})


def test_a_table_of_made_up_rows_is_read_as_one_of_files():
    config = compose("train", ["experiment=wnut17"]).config
    source = build.source(in_place_of_files(config))
    source.fit()
    batch = source.split("train").batch(torch.arange(3))
    assert batch.views.keys() == {"letters", "shape"}
    assert batch.targets.shape == batch.inputs.shape

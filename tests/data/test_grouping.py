"""Rows of a table that make sequences: grouped, sorted, held out and cut."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from seqnet import build
from seqnet.configuration import CONFIGS, compose, quoted
from seqnet.data.examples import Examples
from seqnet.data.grouping import Grouping, Sequence_, by_time, gathered, in_order, sortable, uneven
from seqnet.errors import ConfigurationError, DataError


def test_the_yaml_says_the_defaults() -> None:
    said = yaml.safe_load((CONFIGS / "data" / "table.yaml").read_text())["rows"]
    assert said == asdict(Grouping())


def refused(row: int, first: int) -> None:
    raise DataError(f"rows {first} and {row}")


def test_rows_of_a_group_in_their_order() -> None:
    grouping = Grouping(group="store", order="day")
    assert grouping.groups(["a", "b", "a", "a"], [10, 1, 9, 2], range(4), refused) == [[3, 2, 0], [1]]
    assert Grouping(length=2).groups(None, None, range(3), refused) == [[0, 1, 2]]
    days = in_order(["2026-02-01", "2026-01-31", "2025-12-31T23:59"])
    assert Grouping(order="day").groups(None, days, [0, 2], refused) == [[2, 0]]
    told: list[tuple[int, int]] = []
    assert grouping.groups(["b", "b", "b"], [1, 2, 1.0], range(3), lambda *what: told.append(what)) == [[0, 1]]
    assert told == [(2, 0)]


def test_what_is_sorted_by_is_read_as_numbers_times_or_text() -> None:
    assert in_order(["10", "9"]) == [10.0, 9.0]
    assert in_order(["b", "2"]) == ["b", "2"]
    near = ["1234567890123456789", "1234567890123456788"]  # the same as floats
    assert in_order(near) == [1234567890123456789, 1234567890123456788]
    found, problems = sortable(["3", None, " ", float("nan"), "x", "4.5"])
    assert found == [3, None, None, None, None, 4.5]
    assert problems == {1: "is missing", 2: "is missing", 3: "is missing", 4: "is 'x', and of most rows a number"}
    assert sortable(["2026-01-31", "2026-01-30", "soon"])[1] == {2: "is 'soon', and of most rows a time"}
    early, late = in_order(["2026-03-01T00:00+01:00", "2026-03-01T00:00+00:00"])
    assert early < late


def test_pieces_begin_every_so_many_rows_and_ask_something() -> None:
    whole = Sequence_(range(10), 5)
    cut = Grouping(length=4, every=2)
    assert [(list(one.rows), one.asked_from) for one in cut.pieces(whole)] == [
        ([2, 3, 4, 5], 3),
        ([4, 5, 6, 7], 1),
        ([6, 7, 8, 9], 0),
    ]
    assert list(Grouping().pieces(whole)) == [whole]
    assert [list(one.rows) for one in Grouping(length=20).pieces(whole)] == [list(range(10))]
    cut = Grouping(length=4)
    assert [(list(one.rows), one.asked_from) for one in cut.pieces(Sequence_(range(7)))] == [
        ([0, 1, 2, 3], 0),
        ([3, 4, 5, 6], 1),  # what no piece before it has asked
    ]
    assert [(list(one.rows), one.asked_from) for one in cut.pieces(Sequence_(range(10), 9), 2)] == [([6, 7, 8, 9], 3)]
    assert [one.asked_from for one in Grouping(length=8, every=4).pieces(Sequence_(range(13)), 3)] == [0, 0, 5]
    with pytest.raises(ConfigurationError, match=r"data.rows.every=2"):
        Grouping(every=2)


def test_all_groups_are_cut_at_one_time() -> None:
    groups, days = [[0, 1, 2, 3], [4, 5]], [1, 2, 3, 4, 3, 9]
    assert by_time(groups, days, (0.5, 0.8)) == [(2, 3), (0, 1)]
    assert by_time(groups, None, (0.5, 1.0)) == [(2, 4), (1, 2)]


def test_a_field_without_steps_says_one_thing() -> None:
    values = {"sales": [1, 2, 3], "store": ["a", "a", "b"]}
    steps = {"sales": True, "store": False}
    assert gathered(values, Sequence_([0, 1]), steps) == {"sales": [1, 2], "store": "a"}
    with pytest.raises(ValueError, match="store: 'a' and 'b'"):
        gathered(values, Sequence_([1, 2]), steps)


def source(path: Path, *overrides: str) -> Any:
    """A data set of hours of stores, fitted."""
    choices = (
        "experiment=blank",
        "data=table",
        f"data.path={path}",
        "+field@data.fields.load=series",
        "data.target=load",
        "data.inputs=[load]",
        "data.rows.order=hour",
        "data.rows.group=store",
        "objective=regression",
    )
    own = {one.partition("=")[0] for one in overrides}
    typed = [quoted(one) for one in (*(one for one in choices if one.partition("=")[0] not in own), *overrides)]
    found = build.source(compose("train", typed).config)
    found.fit()
    return found


def write(path: Path, hours: int = 10) -> Path:
    rows = [f"{store},{hour},{100 * number + hour}" for number, store in enumerate("ab") for hour in range(hours)]
    path.write_text("\n".join(["store,hour,load", *rows[::-1]]) + "\n")  # the last hour first
    return path


def test_no_target_of_training_lies_behind_the_cut_and_each_later_one_is_asked_once(tmp_path: Path) -> None:
    found = source(
        write(tmp_path / "t.csv"), "data.valid_share=0.2", "data.test_share=0.2", "data.fields.load.scale=none"
    )
    asked: dict[str, list[float]] = {}
    for name in ("train", "valid", "test"):
        split = found.split(name)
        assert isinstance(split, Examples) and len(split) == 2
        targets = split.targets.flat.flatten()
        asked[name] = sorted(targets[~targets.isnan()].tolist())
    assert asked["train"] == [1, 2, 3, 4, 5, 101, 102, 103, 104, 105]
    assert asked["valid"] == [6, 7, 106, 107] and asked["test"] == [8, 9, 108, 109]
    assert found.split("valid").inputs[0].flatten().tolist() == [101 + hour - 1 for hour in range(7)]  # b comes first


def test_a_horizon_asks_for_so_many_next_steps(tmp_path: Path) -> None:
    found = source(
        write(tmp_path / "t.csv", 6), "data.horizon=3", "data.fields.load.scale=none", "data.valid_share=0.0"
    )
    split = found.split("train")
    assert found.targets.size == 3
    row = split.targets[1]
    assert row[:3].tolist() == [[1, 2, 3], [2, 3, 4], [3, 4, 5]]
    assert row[3:].isnan().any(dim=1).all() and len(row) == 5
    batch = split.batch(torch.tensor([0, 1]))
    assert batch.num_targets == 6


def test_a_series_known_ahead_stands_at_a_step_as_what_it_will_be(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("hour,load,price\n" + "".join(f"{hour},{hour},{10 * hour}\n" for hour in range(6)))
    found = source(
        path,
        "+field@data.fields.price=series",
        "data.fields.price.known_ahead=true",
        "data.inputs=[load,price]",
        "data.rows.group=null",
        "data.horizon=2",
        "data.valid_share=0.0",
        "data.fields.load.scale=none",
        "data.fields.price.scale=none",
    )
    split = found.split("train")
    assert split.views["price"][0].tolist() == [[10, 20], [20, 30], [30, 40], [40, 50], [50, 0]]
    assert split.inputs[0].flatten().tolist() == [0, 1, 2, 3, 4]


def test_held_out_groups_are_whole(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(
        "store,hour,load\n" + "".join(f"{store},{hour},{store}\n" for store in range(10) for hour in range(4))
    )
    found = source(path, "data.rows.split=group", "data.valid_share=0.3", "data.fields.load.scale=none")
    train, valid = (
        {int(found.split(name).inputs[row][0]) for row in range(len(found.split(name)))} for name in ("train", "valid")
    )
    assert len(train) == 7 and len(valid) == 3 and not train & valid


@pytest.mark.parametrize(
    ("orders", "found"),
    [
        ([1, 2, 3, 4, 9], (1, 4)),
        (["2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01", "2024-05-01"], (0, 4)),
        (["2024-01-01 00:00", "2024-01-01 01:00", "2024-01-01 02:00", "2024-01-01 03:00", "2024-01-02"], (1, 4)),
        (["a", "b", "c", "d", "z"], (0, 0)),
        (None, (0, 0)),
    ],
)
def test_gaps_are_counted_where_they_can_be_measured(orders: Any, found: tuple[int, int]) -> None:
    assert uneven([[0, 1, 2, 3, 4]], orders and in_order(orders)) == found


def test_every_step_of_episodes_that_are_cut_is_asked_once(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("store,hour,load\n" + "".join(f"{one},{hour},{hour}\n" for one in "ab" for hour in range(7)))
    options = ["data.rows.length=4", "data.fields.load.axis=step", "objective=classification", "data.inputs=[seen]"]
    options += ["+field@data.fields.seen=series", "data.fields.seen.column=hour", "+field@data.fields.load=label"]
    found = source(path, *options, "data.valid_share=0").split("train")
    assert len(found) == 4 and found.lengths.tolist() == [4] * 4
    assert sorted(found.targets.flat[found.targets.flat >= 0].tolist()) == sorted([*range(7)] * 2)


def test_what_is_held_out_is_asked_though_it_is_shorter_than_a_piece(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", 70)
    found = source(path, "data.rows.length=12", "data.horizon=2", "data.fields.load.scale=none")
    targets = found.split("valid").targets.flat
    asked = targets[~targets.isnan().any(dim=1)].tolist()
    assert sorted(asked) == [[float(at), float(at + 1)] for at in (*range(63, 69), *range(163, 169))]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("a,3,3\n", "a,,3\n", "line 18: hour is missing"),
        ("a,3,3\n", "a,soon,3\n", "line 18: hour is 'soon', and of most rows a number"),
        ("a,3,3\n", " ,3,3\n", "line 18: store is missing, so the row is of no sequence"),
    ],
)
def test_a_row_without_a_place_is_bad(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = write(tmp_path / "t.csv")
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(DataError, match=said):
        source(path)
    found = source(path, "data.on_bad_row=skip", "data.valid_share=0")
    assert found.split("train").lengths.tolist() == [9, 8]
    assert found.tallies["train"].bad == 1


def test_groups_are_one_whatever_space_is_around_their_names(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv")
    path.write_text(path.read_text().replace("a,3,3\n", "a ,3,3\n"))
    assert len(source(path, "data.valid_share=0").split("train")) == 2


def test_figures_sorted_as_text_are_told(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("hour,load\n" + "".join(f"{day:02}.01.2023,{day}\n" for day in range(1, 12)))
    told = [one for one in source(path, "data.rows.group=null").remarks() if "sorted as text" in one]
    assert len(told) == 1 and "data.rows.order=hour is neither numbers nor times, such as '01.01.2023'" in told[0]

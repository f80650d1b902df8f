from typing import Any

import pytest

from seqnet.data.formats.columns import by_position, resolve
from seqnet.errors import DataError

NAMES = ("id", "text", "2020", "t0", "t1", "t2")


@pytest.mark.parametrize(
    ("column", "names", "wanted"),
    [
        ("text", NAMES, 1),
        (1, NAMES, 1),
        (-1, NAMES, 5),
        ("2020", NAMES, 2),
        ("3", NAMES, 3),
        ("-2", NAMES, 4),
        ("3", None, 3),
        ("t0..t2", NAMES, (3, 4, 5)),
        ("3..-1", None, (3, 4, 5)),
        ("1..t0", NAMES, (1, 2, 3)),
        (["text", 0], NAMES, (1, 0)),
        (["id", "t0..t2"], NAMES, (0, 3, 4, 5)),
        ("a..b", ("a..b",), 0),
    ],
)
def test_columns_by_name_position_and_range(column: Any, names: Any, wanted: Any) -> None:
    assert resolve([column], names, len(names or NAMES), "here") == [wanted]


@pytest.mark.parametrize(
    ("column", "names", "said"),
    [
        (
            "txt",
            NAMES,
            "here: no column 'txt' in the header, which has id, text, 2020, t0, t1, t2; did you mean 'text'?",
        ),
        (
            "body",
            ("a", "b"),
            "here: no column 'body' in the header, which has a, b; name the right one with data.fields",
        ),
        ("text", None, "columns have no names here; give a position with data.fields.NAME.column="),
        (6, NAMES, "here: no column 6, since there are 6, counted from 0"),
        (-7, None, "here: no column -7, since there are 6"),
        ("t2..t0", NAMES, "column 't2' stands behind 't0'"),
        ("t0..t9", NAMES, "no column 't9'"),
        ("a", ("a", "b", "a"), "the header has the column 'a' twice"),
        (["text", "nothing"], NAMES, "no column 'nothing'"),
    ],
)
def test_a_column_that_is_not_there(column: Any, names: Any, said: str) -> None:
    with pytest.raises(DataError) as caught:
        resolve([column], names, len(names or NAMES), "here")
    assert said in str(caught.value)


def test_what_is_asked_by_position() -> None:
    assert by_position([0, "1", "-1", "2..5", [3, "4"]])
    assert not by_position(["2020"], ("2020",))
    assert not by_position([0, "2020", "2021"], ("2020", "2021", "text"))
    assert by_position(["0", "1"], ("a dull film", "0")), "which is the label of a first row"
    assert by_position([0, "0", "1"], ("a dull film", "0", "1")), "as above"
    assert by_position(["1"], ("1", "0")) and by_position(["0", "1"], ("1", "0"))
    assert by_position(["0", "1"], ("0", "1")) and not by_position(["0", "1"], ("0", "1", "2")), "a header that counts"
    assert not by_position([0, "text"])
    assert not by_position(["t0..3"])
    assert not by_position([[0, "text"]])

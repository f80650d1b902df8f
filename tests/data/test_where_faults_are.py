"""What is wrong with a row is told with the line or the file in which it stands, also where many lines are a row."""

from pathlib import Path
from typing import Any

import pytest

from seqnet import build
from seqnet.configuration import compose, quoted
from seqnet.data.files import BadRows
from seqnet.data.formats.auto import Auto
from seqnet.data.formats.babi import Babi
from seqnet.errors import DataError

HEAD = "store,day,sold,act\n"
GOOD = "a,1,10,left\na,2,11,right\nb,1,5,left\nb,2,6,left\nc,1,7,right\nc,2,8,right\n"


def source(path: Path, *further: str) -> Any:
    """Days of stores as a data set."""
    typed = (
        "experiment=blank",
        "data=table",
        f"data.path={path}",
        "+field@data.fields.sold=series",
        "data.rows.group=store",
        "data.rows.order=day",
        "data.inputs=[sold]",
        "data.target=sold",
        "objective=regression",
    )
    own = {one.partition("=")[0] for one in further}
    typed = (*(one for one in typed if one.partition("=")[0] not in own), *further)
    return build.source(compose("train", [quoted(one) for one in typed]).config)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (GOOD.replace("b,2,6", "b,2,"), "line 5: sold: a number is missing"),
        (GOOD.replace("b,2,6", "b,2,six"), "line 5: sold: 'six' is not a number"),
        ("b,2,six,left\n" + GOOD.replace("b,2,6,left\n", ""), "line 2: sold: 'six' is not a number"),  # out of order
        (GOOD + "b,1,9,left\n", "line 8: two rows of store b have day 1, the other in line 4"),
    ],
)
def test_a_fault_in_a_sequence_of_rows_is_told_with_its_line(tmp_path: Path, rows: str, said: str) -> None:
    path = tmp_path / "sales.csv"
    path.write_text(HEAD + rows)
    with pytest.raises(DataError) as caught:
        source(path, "data.valid_share=0.0").fit()
    assert f"{path}, {said}" in str(caught.value) and "entry" not in str(caught.value)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("d,1,10,left\nd,2,six,left\n", "2.csv, line 3: sold: 'six' is not a number"),
        ("b,3,six,left\n", "2.csv, line 2: sold: 'six' is not a number"),  # of a sequence that begins in the other file
        ("b,1,9,left\n", "2.csv, line 2: two rows of store b have day 1, the other in {folder}/1.csv, line 4"),
        ("d,1,10,left\nd,2,6,right\n", "2.csv, line 2: act: 'left' and 'right' in one sequence"),
    ],
)
def test_a_fault_in_a_later_file_is_told_with_that_file(tmp_path: Path, rows: str, said: str) -> None:
    folder = tmp_path / "train"
    folder.mkdir()
    (folder / "1.csv").write_text(HEAD + GOOD.replace("11,right", "11,left"))
    (folder / "2.csv").write_text(HEAD + rows)
    with pytest.raises(DataError) as caught:
        further = ["+field@data.fields.act=label", "data.inputs=[sold,act]"] if "act" in said else []
        source(tmp_path, "data.valid_share=0.0", *further).fit()
    assert f"{folder}/{said.format(folder=folder)}" in str(caught.value)


def test_a_row_of_a_later_file_stands_there(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    for number, store in enumerate("xy", 1):
        (tmp_path / "train" / f"{number}.csv").write_text(HEAD + GOOD.replace("a", store)[:24])
    found = source(tmp_path, "data.valid_share=0.0")
    found.fit()
    places = found.split("train").places
    assert [places[row].where for row in range(2)] == [f"{tmp_path}/train/{name}.csv, line 2" for name in (1, 2)]


def test_a_second_row_at_one_place_is_left_out_and_counted_once(tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    path.write_text(HEAD + GOOD + "b,1,9,left\n")
    found = source(path, "data.on_bad_row=skip", "data.valid_share=0.34", "data.rows.split=group")
    found.fit()
    rows = [found.split(name) for name in ("train", "valid")]
    assert [len(split) for split in rows] == [2, 1] and sum(int(split.lengths.sum()) for split in rows) == 3
    told = [note for note in found.remarks(["train", "valid"]) if "left out" in note]
    assert len(told) == 1 and "left out 1 of" in told[0]


def test_a_file_that_cannot_be_read_is_told_with_its_folders(tmp_path: Path) -> None:
    pytest.importorskip("soundfile")
    for name in ("yes", "no"):
        (tmp_path / "words" / name).mkdir(parents=True)
        (tmp_path / "words" / name / "1.wav").write_bytes(b"")
    typed = ("experiment=spoken_digits", f"data.path={tmp_path / 'words'}", "data/format=folder", "data.valid_share=0")
    with pytest.raises(DataError, match="words/(yes|no)/1.wav: it is no recording"):
        build.source(compose("train", [quoted(one) for one in typed]).config).fit()

    found = build.source(compose("train", ["experiment=spoken_digits", "data.generated.train_size=8"]).config)
    found.fit()
    with pytest.raises(DataError) as caught:
        for _ in found.unlabelled(str(tmp_path / "words/no/1.wav"), BadRows("raise")).blocks:
            pass
    assert str(caught.value).startswith(f"{tmp_path}/words/no/1.wav, file 1: audio: it is no recording")


STORY = "1 Ann went home.\n2 Bob slept.\n3 Where is Ann?{}\n"


@pytest.mark.parametrize(("behind", "answer"), [("", None), (" \t", None), ("\thome\t1", "home"), (" \thome", "home")])
def test_a_story_whose_question_has_no_answer_yet_is_one(tmp_path: Path, behind: str, answer: str | None) -> None:
    path = tmp_path / "story.txt"
    path.write_text(STORY.format(behind))
    format, _ = Auto().pick(path, ())
    assert isinstance(format, Babi)
    rows = list(format.rows(path, ["story", "question", "answer"], BadRows("raise")))
    assert [column[0] for column in rows[0].columns] == [["Ann went home.", "Bob slept."], "Where is Ann?", answer]


def test_what_is_asked_ahead_stands_behind_the_last_known_row(tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    path.write_text(HEAD + GOOD)
    found = source(path, "data.horizon=1", "data.valid_share=0.0")
    found.fit()
    new = tmp_path / "new.csv"
    new.write_text("store,day,sold\na,1,10\na,2,11\na,3,\na,4,\nb,1,5\nb,2,6\n")
    read = [one for block in found.unlabelled(str(new), BadRows("raise")).blocks for one in block.read]
    assert [one.rows[one.behind][1]["day"] for one in read] == ["2", "2"]

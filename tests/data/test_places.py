"""Where rows stand is known row by row, whatever was left out, drawn or kept."""

import os
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqnet import build
from seqnet.configuration.composing import compose
from seqnet.data.examples import Examples
from seqnet.data.places import Places

TEXTS = [
    "experiment=blank",
    "data=table",
    "+field@data.fields.review=text",
    "+field@data.fields.stars=label",
    "data.inputs=[review]",
    "data.target=stars",
    "task=many_to_one",
    "objective=classification",
]


def source(typed: list[str]) -> Any:
    found = build.source(compose("train", typed).config)
    found.fit()
    return found


def split(typed: list[str], name: str = "train") -> Examples:
    found = source(typed).split(name)
    assert isinstance(found, Examples) and isinstance(found.places, Places) and len(found.places) == len(found)
    return found


def test_a_line_of_its_file(tmp_path: Path) -> None:
    for name, words in (("a.csv", ("one", "", "three")), ("b.csv", ("four", "five"))):
        (tmp_path / name).write_text("review,stars\n" + "".join(f"{word},{len(word) % 2}\n" for word in words))
    given = [*TEXTS, f"data.path=[{tmp_path / 'a.csv'},{tmp_path / 'b.csv'}]", "data.valid_share=0"]
    read = source([*given, "data.on_bad_row=skip"])
    found = read.split("train")
    assert [(read.show(found.inputs[row]), found.places[row].where) for row in range(len(found))] == [
        ("one", f"{tmp_path / 'a.csv'}, line 2"),
        ("three", f"{tmp_path / 'a.csv'}, line 4"),
        ("four", f"{tmp_path / 'b.csv'}, line 2"),
        ("five", f"{tmp_path / 'b.csv'}, line 3"),
    ]


def test_held_out_rows_keep_their_lines(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("review,stars\n" + "".join(f"w{row},{row % 2}\n" for row in range(20)))
    read = source([*TEXTS, f"data.path={tmp_path / 'rows.csv'}", "data.fields.review.level=characters"])
    for name in ("train", "valid"):
        found = read.split(name)
        for row in range(len(found)):
            text = read.show(found.inputs[row])
            assert found.places[row].where.endswith(f"rows.csv, line {int(text[1:]) + 2}")


@pytest.mark.parametrize("kind", ["folder", "table"])
def test_a_row_that_is_a_file_says_which(tmp_path: Path, kind: str) -> None:
    for name in ("yes_1", "yes_2", "no_1"):
        with wave.open(str(tmp_path / f"{name}.wav"), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes((np.sin(np.arange(2000) / 9) * 9000).astype("<i2").tobytes())
    options = [
        *("experiment=blank", "data=table", "+field@data.fields.file=audio", "+field@data.fields.word=label"),
        *(
            "data.inputs=[file]",
            "data.target=word",
            "task=many_to_one",
            "objective=classification",
            "data.valid_share=0",
        ),
    ]
    if kind == "folder":
        options += ["data/format=folder", "data.format.name_pattern='{word}_{take}'", f"data.path={tmp_path}"]
    else:
        (tmp_path / "rows.csv").write_text("sound,word\nyes_1.wav,yes\nyes_2.wav,yes\nno_1.wav,no\n")
        options += ["data.fields.file.column=sound", f"data.path={tmp_path / 'rows.csv'}"]
    found = split(options)
    column = "file" if kind == "folder" else "sound"
    assert {Path(found.places[row].files[column]).name for row in range(3)} == {"yes_1.wav", "yes_2.wav", "no_1.wav"}
    for row in range(3):
        named = found.places[row].files[column]
        line = {"yes_1.wav": 2, "yes_2.wav": 3, "no_1.wav": 4}[Path(named).name]
        assert found.places[row].where == (named if kind == "folder" else f"{tmp_path / 'rows.csv'}, line {line}")


def test_a_sequence_of_rows_says_what_they_share(tmp_path: Path) -> None:
    rows = [f"{shop},{day},{day}" for day in range(12) for shop in ("north", "south")]
    (tmp_path / "sales.csv").write_text("shop,day,sold\n" + "\n".join(rows) + "\n")
    options = [
        "experiment=blank",
        "data=table",
        "+field@data.fields.sold=series",
        "data.inputs=[sold]",
        "data.target=sold",
    ]
    options += ["objective=regression", "data.rows.group=shop", "data.rows.order=day", "data.valid_share=0"]
    found = split([*options, f"data.path={tmp_path / 'sales.csv'}", "data.rows.length=6"])
    assert [found.places[row].series for row in range(4)] == ["north", "north", "south", "south"]
    assert found.places[3].where == f"{tmp_path / 'sales.csv'}, line 15"


def test_what_is_drawn_stands_in_no_file() -> None:
    sizes = [f"data.generated.{name}_size=3" for name in ("train", "valid", "test")]
    found = split(["experiment=sentiment", *sizes], "test")
    assert [found.places[row].where for row in range(3)] == [None] * 3


def test_what_is_kept_of_a_large_file_knows_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqnet.data.cache.WORTH_WHILE", 0)
    monkeypatch.setattr("seqnet.data.kept.LARGE", 0)
    monkeypatch.setenv("SEQNET_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "rows.csv"
    path.write_text("review,stars\n" + "".join(f"w{row},{row % 2}\n" for row in range(9)))
    os.utime(path, (1, 1))
    first, second = (split([*TEXTS, f"data.path={path}"]).places for _ in range(2))
    assert (tmp_path / "cache").exists() and [first[row] for row in range(8)] == [second[row] for row in range(8)]

"""Data sets as the Hub lays them out: classes as numbers with names, in lists too, pictures and sounds as bytes."""

import io
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from seqnet import build
from seqnet.configuration.composing import compose
from seqnet.data.examples import Examples
from seqnet.data.formats.parquet import at_once

datasets = pytest.importorskip("datasets")
pytest.importorskip("soundfile")
Picture = pytest.importorskip("PIL.Image")

ROWS = 6
QUICK = ("entities", "spoken_digits", "captions", "time_series")
LABEL = datasets.ClassLabel(names=["no", "yes"])
TAGS = datasets.List(datasets.ClassLabel(names=["O", "B-PER", "I-PER"]))
TEXT = datasets.Value("string")
FILE = {"bytes": datasets.Value("binary"), "path": TEXT}
NUMBERS = datasets.List(datasets.Value("float32"))


class Layout(NamedTuple):
    """A set, and what is typed to read it."""

    kinds: dict[str, Any]
    row: Callable[[int], dict[str, Any]]
    typed: list[str]


def sound(row: int) -> dict[str, Any]:
    raw = io.BytesIO()
    with wave.open(raw, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes((np.sin(np.arange(2400 + 80 * row) / (5 + row)) * 9000).astype("<i2").tobytes())
    return {"bytes": raw.getvalue(), "path": f"{row}.wav"}


def image(row: int) -> dict[str, Any]:
    raw = io.BytesIO()
    Picture.fromarray(np.full((8, 8), 40 * row, np.uint8)).save(raw, "PNG")
    return {"bytes": raw.getvalue(), "path": f"{row}.png"}


def word(row: int) -> str:
    return ("yes", "no")[row % 2]


LAYOUTS = {
    "sentiment": Layout(
        {"sentence": TEXT, "label": LABEL},
        lambda row: {"sentence": f"a film {word(row)}", "label": row % 2},
        ["data.fields.text.column=sentence"],
    ),
    "entities": Layout(
        {"tokens": datasets.List(TEXT), "ner_tags": TAGS},
        lambda row: {"tokens": ["Ada", "Smith", "sees", word(row)], "ner_tags": [1, 2, 0, 0]},
        [
            *(f"data.fields.{name}.column=tokens" for name in ("word", "letters", "shape")),
            "data.fields.tag.column=ner_tags",
        ],
    ),
    "part_of_speech": Layout(
        {"tokens": datasets.List(TEXT), "upos": TAGS},
        lambda row: {"tokens": ["Ada", word(row)], "upos": [1, 0]},
        ["data.fields.form.column=tokens", "data.fields.letters.column=tokens"],
    ),
    "spoken_digits": Layout(
        {"audio": datasets.Audio(), "digit": LABEL},
        lambda row: {"audio": sound(row), "digit": row % 2},
        ["data.fields.audio.column=audio", "data.fields.label.column=digit"],
    ),
    "speech_ctc": Layout(
        {"audio": datasets.Audio(), "sentence": TEXT},
        lambda row: {"audio": sound(row), "sentence": word(row)},
        ["data.fields.audio.column=audio", "data.fields.text.column=sentence"],
    ),
    "visual_questions": Layout(
        {"image": datasets.Image(), "question": TEXT, "answer": TEXT},
        lambda row: {"image": image(row), "question": "is it dark", "answer": word(row)},
        [],
    ),
    "captions": Layout(
        {"image": datasets.Image(), "text": TEXT},
        lambda row: {"image": image(row), "text": f"it is {word(row)}"},
        ["data.fields.caption.column=text"],
    ),
    "multi30k": Layout(
        {"translation": datasets.Translation(languages=["de", "en"])},
        lambda row: {"translation": {"de": f"ein {word(row)}", "en": f"a {word(row)}"}},
        [],
    ),
    "question_answering": Layout(
        {"passage": TEXT, "question": TEXT, "answer": TEXT},
        lambda row: {"passage": f"Ann went home. Bob said {word(row)}.", "question": "what?", "answer": word(row)},
        ["data.fields.story.column=passage"],
    ),
    "dna": Layout(
        {"sequence": TEXT, "label": LABEL},
        lambda row: {"sequence": "ACGT" * (5 + row), "label": row % 2},
        ["data.fields.class.column=label"],
    ),
    "time_series": Layout(
        {"id": TEXT, "target": NUMBERS},
        lambda row: {"id": f"T{row}", "target": [float(row + step % 12) for step in range(60)]},
        ["data.fields.value.column=target", "data.inputs=[value]", "data.rows.group=null", "data.rows.order=null"],
    ),
    "robot": Layout(
        {
            "observation.state": NUMBERS,
            "action": NUMBERS,
            "episode_index": datasets.Value("int64"),
            "frame_index": datasets.Value("int64"),
        },
        lambda row: {
            "observation.state": [row / 10, row / 5],
            "action": [row / 2],
            "episode_index": row // 3,
            "frame_index": row % 3,
        },
        [
            *("data.fields.state.column=observation.state", "data.fields.action.column=action"),
            *("data.rows.group=episode_index", "data.rows.order=frame_index"),
        ],
    ),
}


@pytest.fixture
def split(tmp_path: Path, on_the_hub: Callable[[Any], None]) -> Callable[[str, bool], tuple[Any, Examples]]:
    """Trains the fields of an experiment on its layout, out of a folder or by its name on the Hub."""

    def read(experiment: str, by_name: bool) -> tuple[Any, Examples]:
        kinds, row, typed = LAYOUTS[experiment]
        rows = [row(number) for number in range(ROWS)]
        columns = {name: [one[name] for one in rows] for name in kinds}
        stored = {
            name: FILE if isinstance(kind, datasets.Audio | datasets.Image) else kind for name, kind in kinds.items()
        }
        made = datasets.Dataset.from_dict(columns, features=datasets.Features(stored)).cast(datasets.Features(kinds))
        if by_name:
            on_the_hub(datasets.DatasetDict(train=made))
            path = "somebody/some_set"
        else:
            (tmp_path / "data").mkdir()
            (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n")
            made.to_parquet(tmp_path / "data" / "train-00000-of-00001.parquet")
            path = str(tmp_path)
        shares = ["data.valid_share=0", "data.test_share=0"]
        source = build.source(
            compose("train", [f"experiment={experiment}", f"data.path={path}", *shares, *typed]).config
        )
        source.fit()
        found = source.split("train")
        assert isinstance(found, Examples)
        return source, found

    return read


@pytest.mark.parametrize(
    "experiment", [one if one in QUICK else pytest.param(one, marks=pytest.mark.slow) for one in LAYOUTS]
)
def test_by_name_and_as_a_folder_it_is_one(experiment: str, split: Any) -> None:
    (one, first), (other, second) = split(experiment, True), split(experiment, False)
    assert one.state() == other.state()
    assert len(first) == (2 if experiment == "robot" else ROWS)
    for a, b in zip(
        (first.inputs, first.source, *first.wholes.values()),
        (second.inputs, second.source, *second.wholes.values()),
        strict=True,
    ):
        assert (a is None) == (b is None) and (a is None or torch.equal(a.flat, b.flat))


def test_classes_are_called_by_their_names_in_lists_too(split: Any) -> None:
    assert split("sentiment", False)[0].state()["fields"]["label"]["labels"] == ["no", "yes"]
    source, _ = split("entities", True)
    assert source.targets.names == ("B-PER", "I-PER", "O")


def test_a_picture_of_bytes_says_which_file_it_was(split: Any) -> None:
    for by_name in (True, False):
        _, found = split("visual_questions", by_name)
        assert [found.places[row].files for row in range(ROWS)] == [{"image": f"{row}.png"} for row in range(ROWS)]
        assert found.places[2].where.endswith(", row 3")


def test_rows_that_hold_files_are_read_a_few_at_a_time() -> None:
    assert at_once(100_000, 5_000_000) == 4096
    assert at_once(1000, 1 << 30) == 15
    assert at_once(3, 1 << 30) == at_once(0, 0) == 1

"""Pieces of music: which notes sound next?"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from seqnet.batch import Batch
from seqnet.data.batching import BucketLoader
from seqnet.data.examples import Examples, Ragged
from seqnet.data.fields.roll import Transpose
from seqnet.data.generation import generator
from seqnet.data.sources.chorales import Chorales
from seqnet.errors import ConfigurationError, DataError

CHORDS = [[60, 64, 67], [], [21, 108], [62]]
GOOD = {"train": [CHORDS, [[70], [71]]], "valid": [[[50], [51]]], "test": [[[40], [], [41]]]}


def write(folder: Path, content: Any, name: str = "music.json") -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


@pytest.fixture
def source(table: Callable[..., Any]) -> Callable[..., Any]:
    """Pieces of JSON, read and asked for. transpose: of the field."""

    def make(path: Path | None, transpose: int = 0, **options: Any) -> Any:
        fields = {"notes": {"type": "roll", "column": "value", "transpose": transpose}}
        return table(path, fields, ["notes"], "notes", **options)

    return make


def notes(roll: torch.Tensor) -> list[list[int]]:
    return [[21 + key for key in step.nonzero()[:, 0].tolist()] for step in roll]


def targets(data: Examples) -> Ragged:
    assert isinstance(data.targets, Ragged)
    return data.targets


def test_the_target_is_the_next_steps_notes(tmp_path: Path, fitted: Any) -> None:
    data = fitted(write(tmp_path, GOOD)).split("train")
    assert len(data) == 2
    assert notes(data.inputs[0]) == CHORDS[:-1]
    assert notes(targets(data)[0]) == CHORDS[1:]
    assert notes(data.inputs[1]) == [[70]]
    assert notes(targets(data)[1]) == [[71]]
    assert data.inputs.flat.shape == (4, 88)
    assert set(data.inputs.flat.unique().tolist()) == {0.0, 1.0}


def test_a_batch_asks_nothing_in_padding_and_something_in_a_rest(tmp_path: Path, fitted: Any) -> None:
    batch = fitted(write(tmp_path, GOOD)).split("train").batch(torch.tensor([0, 1]))
    assert batch.targets.isnan().all(2).tolist() == [[False] * 3, [False, True, True]]
    assert batch.targets[0, 0].sum() == 0


def test_splits_come_from_their_own_lists(tmp_path: Path, fitted: Any) -> None:
    music = fitted(write(tmp_path, GOOD))
    assert notes(music.split("valid").inputs.flat) == [[50]]
    assert notes(targets(music.split("test")).flat) == [[], [41]]
    assert (music.targets.names[0], music.targets.names[-1]) == ("21", "108")


def test_a_folder_may_hold_one_json(tmp_path: Path, fitted: Any) -> None:
    write(tmp_path, GOOD)
    (tmp_path / "notes.txt").write_text("not looked at")
    assert len(fitted(tmp_path).split("train")) == 2
    write(tmp_path, GOOD, "other.json")
    with pytest.raises(DataError, match=r"holds music\.json, other\.json, none of them named train; .*data.path="):
        fitted(tmp_path)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{\n  broken", "not valid JSON at line 2, column 3"),
        ("[1, 2]", "value"),
        ({**GOOD, "valid": []}, "no row that can be used"),
        ({**GOOD, "valid": {}}, ""),
    ],
)
@pytest.mark.parametrize("on_bad_row", ["raise", "skip"])
def test_a_file_that_is_no_piano_roll_is_refused(
    tmp_path: Path, content: Any, complaint: str, on_bad_row: str, fitted: Any
) -> None:
    path = write(tmp_path, content)
    with pytest.raises(DataError) as caught:
        fitted(path, on_bad_row=on_bad_row).split("valid")
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(
    ("sequence", "complaint"),
    [
        (3, "3 is not a list of steps"),
        ([], "[] is not a list of steps"),
        ([[60]], "one step only, so there is nothing to predict"),
        ([[60], 61], "step 2: 61 is not a list of notes"),
        ([[60], [20]], "step 2: 20 is outside 21 to 108"),
        ([[109]], "step 1: 109 is outside 21 to 108"),
        ([[60], [60.5]], "step 2: 60.5 is not a MIDI note, which is a whole number"),
        ([[60], [float("nan")]], "step 2: NaN is not a MIDI note, which is a whole number"),
        ([[60], ["C4"]], "step 2: 'C4' is not a MIDI note, which is a whole number"),
        ([[60], [None]], "step 2: null is not a MIDI note, which is a whole number"),
    ],
)
def test_a_bad_sequence_is_named_or_skipped_and_counted(
    tmp_path: Path, sequence: Any, complaint: str, fitted: Any
) -> None:
    path = write(tmp_path, {**GOOD, "train": [CHORDS, sequence, [[70], [71]]]})
    with pytest.raises(DataError) as caught:
        fitted(path)
    assert str(caught.value).startswith(f"{path}, train, row 2: notes: {complaint}; mend it")
    music = fitted(path, on_bad_row="skip")
    data = music.split("train")
    assert music.bad_rows == 1
    assert notes(data.inputs.flat) == [*CHORDS[:-1], [70]]


def padded(rows: list[list[list[int]]]) -> Batch:
    """Inputs and targets as a batch of sequences of notes."""
    rolls = []
    for row in rows:
        roll = torch.zeros(len(row), 88)
        for place, chord in enumerate(row):
            roll[place, [note - 21 for note in chord]] = 1
        rolls.append(roll)
    data = Examples(Ragged.of([roll[:-1] for roll in rolls]), Ragged.of([roll[1:] for roll in rolls]))
    return data.batch(torch.arange(len(rows)))


def test_transposing_moves_inputs_and_targets_of_a_row_together() -> None:
    rows = [[[60, 64], [], [62]], [[50], [55, 57]]] * 50
    batch = padded(rows)
    moved = Transpose(3, 88)(batch, generator(0))
    seen = set()
    for row, sequence in enumerate(rows):
        time = len(sequence) - 1
        found = notes(moved.inputs[row, :time])
        move = found[0][0] - sequence[0][0]
        seen.add(move)
        expected = [[note + move for note in chord] for chord in sequence]
        assert found == expected[:-1]
        assert notes(moved.targets[row, :time]) == expected[1:]
        assert moved.inputs[row, time:].abs().sum() == 0
        assert moved.targets[row, time:].isnan().all()
    assert seen == {-3, -2, -1, 0, 1, 2, 3}


def test_a_row_that_would_fall_off_the_keyboard_stays_as_it_is() -> None:
    batch = padded([[[21], [60], [108]], [[], [], []], [[60], [60], [107]], [[60], [22], [60]]] * 50)
    moved = Transpose(5, 88)(batch, generator(0))
    lows, highs = set(), set()
    for row in range(0, 200, 4):
        assert notes(moved.inputs[row]) == [[21], [60]]
        assert notes(moved.targets[row]) == [[60], [108]]
        assert notes(moved.inputs[row + 1]) == notes(moved.targets[row + 1]) == [[], []]
        highs.add(notes(moved.targets[row + 2])[1][0] - 107)
        lows.add(notes(moved.inputs[row + 3])[1][0] - 22)
    assert highs == {-5, -4, -3, -2, -1, 0, 1}
    assert lows == {-1, 0, 1, 2, 3, 4, 5}


def test_transposing_is_for_training_only_and_the_same_in_every_run(tmp_path: Path, fitted: Any) -> None:
    path = write(tmp_path, {**GOOD, "train": [[[60], [62]]] * 40, "valid": [[[60], [62]]] * 40})
    music = fitted(path, transpose=4)
    assert fitted(path).split("train").augment is None
    assert music.split("valid").augment is None
    train = music.split("train")
    loaders = [BucketLoader(train, 8, seed=1, shuffle=True, num_workers=workers) for workers in (0, 0, 1)]
    first, second, third = ([batch.inputs for batch in loader.batches(0)] for loader in loaders)
    assert all(torch.equal(a, b) and torch.equal(a, c) for a, b, c in zip(first, second, third, strict=True))
    later = [batch.inputs for batch in loaders[0].batches(1)]
    assert not all(torch.equal(a, b) for a, b in zip(first, later, strict=True))
    unmoved = BucketLoader(train, 8, seed=1, shuffle=False).batches(0)
    assert all(notes(batch.inputs[row]) == [[60]] for batch in unmoved for row in range(8))


def test_what_is_transposed_is_read_and_asked_alike(table: Any) -> None:
    moved, still = ({"type": "roll", "transpose": transpose} for transpose in (3, 0))
    with pytest.raises(ConfigurationError, match=r"data\.fields\.notes is changed at random in training \(transpose\)"):
        table(None, {"notes": moved, "mood": {"type": "label"}}, ["notes"], "mood")
    with pytest.raises(ConfigurationError, match=r"data\.fields\.chords is changed at random in training"):
        table(None, {"notes": still, "chords": moved}, ["notes"], "chords")


def test_what_a_user_hands_in_is_read_line_by_line(tmp_path: Path, fitted: Any) -> None:
    music = fitted(write(tmp_path, GOOD))
    data = music.read_inputs(["[[60, 64], [], [62]]", "[[21]]"], "stdin")
    assert notes(data.inputs[0]) == [[60, 64], [], [62]]
    assert notes(data.inputs[1]) == [[21]]
    assert targets(data).flat.isnan().all()
    assert targets(data).flat.shape == (4, 88)
    with pytest.raises(DataError, match=r"^stdin, line 2: notes: step 1: 7 is outside 21 to 108"):
        music.read_inputs(["[[60]]", "[[7]]"], "stdin")


def test_notes_are_shown_by_name(tmp_path: Path, fitted: Any) -> None:
    music = fitted(write(tmp_path, GOOD))
    assert music.show(music.read_inputs(["[[21], [60, 64, 67], [], [108]]"], "stdin").inputs[0]) == "A0 C4+E4+G4 - C8"


def test_options_out_of_range_are_refused(source: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"data\.fields\.\*\.transpose is -1; it must be at least 0"):
        source(None, transpose=-1)
    with pytest.raises(ConfigurationError, match="^data.transpose must be at least 0"):
        Chorales("nowhere", transpose=-1)
    with pytest.raises(ConfigurationError, match="^data.on_bad_row must be raise or skip"):
        Chorales("nowhere", on_bad_row="ignore")  # type: ignore[arg-type]


def test_the_chorales_themselves(jsb_chorales: Path, fitted: Any) -> None:
    music = fitted(jsb_chorales)
    assert [len(music.split(name)) for name in ("train", "valid", "test")] == [229, 76, 77]
    train = music.split("train")
    assert notes(train.inputs.flat[train.inputs.flat.sum(1) > 0])
    assert music.bad_rows == 0

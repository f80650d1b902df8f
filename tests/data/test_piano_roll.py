import json
from pathlib import Path
from typing import Any

import pytest
import torch

from seqnet.batch import Batch
from seqnet.data.batching import BucketLoader
from seqnet.data.examples import Examples, Ragged
from seqnet.data.generation import generator
from seqnet.data.sources.chorales import Chorales
from seqnet.data.sources.piano_roll import PianoRoll, Transpose
from seqnet.errors import ConfigurationError, DataError

CHORDS = [[60, 64, 67], [], [21, 108], [62]]
GOOD = {"train": [CHORDS, [[70], [71]]], "valid": [[[50], [51]]], "test": [[[40], [], [41]]]}


def write(folder: Path, content: Any, name: str = "music.json") -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def source(path: Path, **options: Any) -> PianoRoll:
    return PianoRoll("nowhere", path, **options)


def notes(roll: torch.Tensor) -> list[list[int]]:
    return [[21 + key for key in step.nonzero()[:, 0].tolist()] for step in roll]


def targets(data: Examples) -> Ragged:
    assert isinstance(data.targets, Ragged)
    return data.targets


def test_the_target_is_the_next_steps_notes(tmp_path: Path) -> None:
    data = source(write(tmp_path, GOOD)).split("train")
    assert len(data) == 2
    assert notes(data.inputs[0]) == CHORDS[:-1]
    assert notes(targets(data)[0]) == CHORDS[1:]
    assert notes(data.inputs[1]) == [[70]]
    assert notes(targets(data)[1]) == [[71]]
    assert data.inputs.flat.shape == (4, 88)
    assert set(data.inputs.flat.unique().tolist()) == {0.0, 1.0}


def test_a_batch_asks_nothing_in_padding_and_something_in_a_rest(tmp_path: Path) -> None:
    batch = source(write(tmp_path, GOOD)).split("train").batch(torch.tensor([0, 1]))
    assert batch.targets.isnan().all(2).tolist() == [[False] * 3, [False, True, True]]
    assert batch.targets[0, 0].sum() == 0


def test_splits_come_from_their_own_lists(tmp_path: Path) -> None:
    music = source(write(tmp_path, GOOD))
    assert notes(music.split("valid").inputs.flat) == [[50]]
    assert notes(targets(music.split("test")).flat) == [[], [41]]
    assert music.inputs.names[0] == "21"
    assert music.targets.names[-1] == "108"


def test_a_folder_may_hold_one_json_and_the_default_is_jsb_chorales(tmp_path: Path) -> None:
    folder = tmp_path / "jsb_chorales"
    folder.mkdir()
    write(folder, GOOD)
    (folder / "notes.txt").write_text("not looked at")
    assert len(PianoRoll(tmp_path).split("train")) == len(source(folder).split("train")) == 2
    write(folder, GOOD, "other.json")
    with pytest.raises(DataError, match=r"more than one .json file \(music.json, other.json\); .*data.path="):
        PianoRoll(tmp_path).fit()


def test_a_missing_file_says_what_to_put_there_and_where_it_is_had(tmp_path: Path) -> None:
    music = PianoRoll(tmp_path)  # reads nothing yet
    with pytest.raises(DataError, match=r"jsb_chorales does not exist: put jsb-chorales-quarter.json .*data.path="):
        music.fit()
    with pytest.raises(DataError, match=r"holds no .json file: put"):
        source(tmp_path).fit()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{\n  broken", "not valid JSON at line 2, column 3"),
        ("[1, 2]", 'no list of sequences under "train"'),
        ({"train": GOOD["train"], "valid": GOOD["valid"]}, 'no list of sequences under "test"'),
        ({**GOOD, "valid": {}}, 'no list of sequences under "valid"'),
        ({**GOOD, "valid": []}, 'no usable sequence under "valid"'),
    ],
)
@pytest.mark.parametrize("on_bad_row", ["raise", "skip"])
def test_a_file_that_is_no_piano_roll_is_refused(tmp_path: Path, content: Any, complaint: str, on_bad_row: str) -> None:
    path = write(tmp_path, content)
    with pytest.raises(DataError) as caught:
        source(path, on_bad_row=on_bad_row).fit()
    assert str(caught.value).startswith(f"{path}: {complaint}")


def test_other_encodings_are_refused_and_a_byte_order_mark_is_not(tmp_path: Path) -> None:
    path = tmp_path / "music.json"
    path.write_bytes(b'{"train": "\xff"}')
    with pytest.raises(DataError, match="not UTF-8 text at byte 11"):
        source(path).fit()
    path.write_text(json.dumps(GOOD), encoding="utf-8-sig")
    assert len(source(path).split("train")) == 2


@pytest.mark.parametrize(
    ("sequence", "complaint"),
    [
        (3, "3 is not a list of steps"),
        ([], "the sequence is empty"),
        ([[60]], "one step only, so there is nothing to predict"),
        ([[60], 61], "step 2: 61 is not a list of notes"),
        ([[60], [20]], "step 2: 20 is not a whole number from 21 to 108"),
        ([[109]], "step 1: 109 is not a whole number from 21 to 108"),
        ([[60], [60.5]], "step 2: 60.5 is not a whole number from 21 to 108"),
        ([[60], [float("nan")]], "step 2: NaN is not a finite number"),
        ([[60], ["C4"]], 'step 2: "C4" is not a number'),
        ([[60], [None]], "step 2: null is not a number"),
    ],
)
def test_a_bad_sequence_is_named_or_skipped_and_counted(tmp_path: Path, sequence: Any, complaint: str) -> None:
    path = write(tmp_path, {**GOOD, "train": [CHORDS, sequence, [[70], [71]]]})
    with pytest.raises(DataError) as caught:
        source(path).fit()
    assert str(caught.value) in (f"{path}, train sequence 2: {complaint}", f"{path}, train sequence 2, {complaint}")
    music = source(path, on_bad_row="skip")
    data = music.split("train")
    music.split("train")
    assert music.bad_rows == 1
    assert notes(data.inputs.flat) == [*CHORDS[:-1], [70]]


def padded(rows: list[list[list[int]]]) -> Batch:
    """Inputs and targets as a batch of sequences of notes, as PianoRoll makes them."""
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
    moved = Transpose(3)(batch, generator(0))
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
    moved = Transpose(5)(batch, generator(0))
    lows, highs = set(), set()
    for row in range(0, 200, 4):
        assert notes(moved.inputs[row]) == [[21], [60]]
        assert notes(moved.targets[row]) == [[60], [108]]
        assert notes(moved.inputs[row + 1]) == notes(moved.targets[row + 1]) == [[], []]
        highs.add(notes(moved.targets[row + 2])[1][0] - 107)
        lows.add(notes(moved.inputs[row + 3])[1][0] - 22)
    assert highs == {-5, -4, -3, -2, -1, 0, 1}
    assert lows == {-1, 0, 1, 2, 3, 4, 5}


def test_transposing_is_for_training_only_and_the_same_in_every_run(tmp_path: Path) -> None:
    music = source(write(tmp_path, {**GOOD, "train": [[[60], [62]]] * 40, "valid": [[[60], [62]]] * 40}), transpose=4)
    assert source(tmp_path).split("train").augment is None
    assert music.split("valid").augment is None
    train = music.split("train")
    loaders = [BucketLoader(train, 8, seed=1, shuffle=True, num_workers=workers) for workers in (0, 0, 1)]
    first, second, third = ([batch.inputs for batch in loader.batches(0)] for loader in loaders)
    assert all(torch.equal(a, b) and torch.equal(a, c) for a, b, c in zip(first, second, third, strict=True))
    later = [batch.inputs for batch in loaders[0].batches(1)]
    assert not all(torch.equal(a, b) for a, b in zip(first, later, strict=True))
    unmoved = BucketLoader(train, 8, seed=1, shuffle=False).batches(0)
    assert all(notes(batch.inputs[row]) == [[60]] for batch in unmoved for row in range(8))


def test_nothing_is_learned(tmp_path: Path) -> None:
    music = source(tmp_path / "not there")
    music.restore({})
    assert music.state() == {}
    with pytest.raises(DataError, match="learns nothing"):
        music.restore({"keys": 88})


def test_what_a_user_hands_in_is_read_line_by_line() -> None:
    data = PianoRoll("nowhere").read_inputs(["[[60, 64], [], [62]]", "[[21]]"], "stdin")
    assert notes(data.inputs[0]) == [[60, 64], [], [62]]
    assert notes(data.inputs[1]) == [[21]]
    assert targets(data).flat.isnan().all()
    assert targets(data).flat.shape == (4, 88)
    with pytest.raises(DataError, match=r"^stdin, line 2, step 1: 7 is not a whole number from 21 to 108$"):
        PianoRoll("nowhere").read_inputs(["[[60]]", "[[7]]"], "stdin")


def test_notes_are_shown_by_name() -> None:
    music = PianoRoll("nowhere")
    assert music.show(music.read_inputs(["[[21], [60, 64, 67], [], [108]]"], "stdin").inputs[0]) == "A0 C4+E4+G4 - C8"


@pytest.mark.parametrize("data_set", [PianoRoll, Chorales])
@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"transpose": -1}, "data.transpose must be at least 0"),
        ({"on_bad_row": "ignore"}, "data.on_bad_row must be raise or skip"),
    ],
)
def test_options_out_of_range_are_refused(data_set: Any, options: dict, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{complaint}"):
        data_set("nowhere", **options)


def test_the_chorales_themselves(jsb_chorales: Path) -> None:
    music = PianoRoll(jsb_chorales.parent)
    assert [len(music.split(name)) for name in ("train", "valid", "test")] == [229, 76, 77]
    train = music.split("train")
    assert notes(train.inputs.flat[train.inputs.flat.sum(1) > 0])
    assert music.bad_rows == 0

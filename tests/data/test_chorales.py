import json
from pathlib import Path
from typing import Any

import pytest
import torch

from seqnet.batch import IGNORE
from seqnet.data.batching import BucketLoader
from seqnet.data.examples import Examples, Ragged
from seqnet.data.generation import generator
from seqnet.data.sources.chorales import Chorales, Transpose, encode
from seqnet.data.teacher_forcing import teacher_forcing
from seqnet.errors import DataError

PIECE = [[60, 64, 67], [], [21, 108], [62, 62]]
GOOD = {"train": [PIECE, [[70], [71]]], "valid": [[[50], [51]]], "test": [[[40], [], [41]]]}
NEXT, BEGIN, END = 88, 89, 90


def write(folder: Path, content: Any) -> Path:
    path = folder / "music.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def fitted(path: Path, **options: Any) -> Chorales:
    source = Chorales("nowhere", path, **options)
    source.fit()
    return source


def targets(data: Examples) -> Ragged:
    assert isinstance(data.targets, Ragged)
    return data.targets


def test_a_step_is_its_notes_from_the_highest_and_a_bar(tmp_path: Path) -> None:
    source = fitted(write(tmp_path, GOOD))
    ids = [67 - 21, 64 - 21, 60 - 21, NEXT, NEXT, 87, 0, NEXT, 62 - 21, NEXT]
    assert encode(PIECE) == ids
    train = source.split("train")
    assert train.source is None and source.source is None
    assert train.inputs[0].tolist() == [BEGIN, *ids]
    assert targets(train)[0].tolist() == [*ids, END]
    assert source.words(targets(train)[0]) == ["G4", "E4", "C4", "|", "|", "C8", "A0", "|", "D4", "|", "<eos>"]
    assert (source.writing.begin, source.writing.end) == (BEGIN, END)
    assert source.writing.longest == source.state()["longest"] == 11


def test_notes_and_text_are_read_back(tmp_path: Path) -> None:
    source = fitted(write(tmp_path, GOOD))
    row = targets(source.split("train"))[0]
    assert source.notes(row) == [[60, 64, 67], [], [21, 108], [62]]
    assert source.text(row) == "C4+E4+G4 - A0+C8 D4"
    assert source.text([*row.tolist(), 5, NEXT]) == source.text(row)  # what follows the end is not read
    assert source.encode_target(source.text(row)) == encode(PIECE)
    assert source.encode_target("G4+C4+E4 -") == encode([[60, 64, 67], []])
    assert source.encode_target("F#3 C#4") == encode([[54], [61]])
    assert source.notes([39, 43, NEXT, 41]) == [[60, 64], [62]]  # in any order, and the last step without its bar
    assert source.notes([END]) == source.notes([]) == []
    assert source.show(source.split("train").inputs[0]) == "C4+E4+G4 - A0+C8 D4"
    assert source.show(torch.tensor([BEGIN] + [39, NEXT] * 14)) == "C4 " * 12 + "... (14 steps)"


@pytest.mark.parametrize("step", ["H4", "C9", "C4+", "60", "c4", "G#0"])
def test_what_is_no_note_is_refused(step: str) -> None:
    with pytest.raises(DataError, match='^"[^"]*" is not a note from A0 to C8'):
        Chorales("nowhere").encode_target(f"C4+E4 {step}")


def test_a_line_is_the_beginning_of_a_piece() -> None:
    source = Chorales("nowhere")
    batch = source.read_inputs(["C4+E4 D4", "-"], "stdin").batch(torch.arange(2))
    assert batch.inputs.tolist() == [[BEGIN, 43, 39, NEXT, 41, NEXT], [BEGIN, NEXT, 0, 0, 0, 0]]
    assert batch.lengths.tolist() == [6, 2]
    assert (batch.targets == IGNORE).all()
    assert len(source.read_inputs([], "stdin")) == 0
    with pytest.raises(DataError, match='^stdin, line 8: "H4" is not a note'):
        source.read_inputs(["C4", "H4"], "stdin", 7)
    with pytest.raises(DataError, match="^stdin, line 7: the line is empty"):
        source.read_inputs([" "], "stdin", 7)


def test_transposing_moves_a_whole_piece_on_both_sides() -> None:
    source = Chorales("nowhere")
    pieces = [[[60, 64], [], [62]], [[50], [55, 57], [59], [48]]] * 50
    whole = teacher_forcing(None, Ragged.of([torch.tensor(encode(piece)) for piece in pieces]), source.writing)
    moved = Transpose(3)(whole.batch(torch.arange(100)), generator(0))
    seen = set()
    for row, piece in enumerate(pieces):
        found = source.notes(moved.targets[row])
        move = found[0][0] - piece[0][0]
        seen.add(move)
        assert found == [[note + move for note in step] for step in piece]
        length = int(moved.lengths[row])
        assert moved.inputs[row, 0] == BEGIN
        assert torch.equal(moved.inputs[row, 1:length], moved.targets[row, : length - 1])
        assert moved.targets[row, length - 1] == END
        assert not moved.inputs[row, length:].any()
        assert (moved.targets[row, length:] == IGNORE).all()
    assert seen == {-3, -2, -1, 0, 1, 2, 3}


def test_a_piece_that_would_fall_off_the_keyboard_stays_as_it_is() -> None:
    source = Chorales("nowhere")
    pieces = [[[21], [108]], [[], []], [[60], [107]], [[22], [60]]] * 50
    whole = teacher_forcing(None, Ragged.of([torch.tensor(encode(piece)) for piece in pieces]), source.writing)
    moved = Transpose(5)(whole.batch(torch.arange(200)), generator(0))
    found = [source.notes(row) for row in moved.targets]
    assert all(piece == [[21], [108]] for piece in found[0::4])
    assert all(piece == [[], []] for piece in found[1::4])
    assert {piece[1][0] - 107 for piece in found[2::4]} == {-5, -4, -3, -2, -1, 0, 1}
    assert {piece[0][0] - 22 for piece in found[3::4]} == {-1, 0, 1, 2, 3, 4, 5}


def test_only_training_is_transposed_and_the_same_in_every_run(tmp_path: Path) -> None:
    path = write(tmp_path, {**GOOD, "train": [[[60], [62]]] * 40})
    source = fitted(path, transpose=4)
    assert source.split("valid").augment is source.split("test").augment is None
    assert fitted(path).split("train").augment is None
    loaders = [BucketLoader(source.split("train"), 8, seed=1, shuffle=True) for _ in range(2)]
    first, again = ([batch.inputs for batch in loader.batches(0)] for loader in loaders)
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
    assert len({batch[row, 1].item() for batch in first for row in range(8)}) == 9


def test_bad_pieces_are_named_or_skipped_as_those_of_a_piano_roll(tmp_path: Path) -> None:
    path = write(tmp_path, {**GOOD, "train": [PIECE, [[60], [200]]]})
    with pytest.raises(DataError, match="train sequence 2, step 2: 200 is not a whole number from 21 to 108"):
        fitted(path)
    source = fitted(path, on_bad_row="skip")
    assert (source.bad_rows, len(source.split("train"))) == (1, 1)
    with pytest.raises(DataError, match=r"jsb_chorales does not exist: put jsb-chorales-quarter.json"):
        Chorales(tmp_path).fit()


def test_the_length_is_what_it_learns(tmp_path: Path) -> None:
    source = fitted(write(tmp_path, GOOD))
    other = Chorales("nowhere")
    other.restore(json.loads(json.dumps(source.state())))
    assert other.writing == source.writing
    for state in ({}, {"longest": 0}, {"longest": "11"}, {"longest": 11, "keys": 88}, [11]):
        with pytest.raises(DataError, match="chorales"):
            other.restore(state)  # type: ignore[arg-type]


def test_the_chorales_are_written_and_read_back(jsb_chorales: Path) -> None:
    source = Chorales(jsb_chorales.parent)
    source.fit()
    assert source.bad_rows == 0
    (path,) = jsb_chorales.glob("*.json")
    content = json.loads(path.read_text())
    for name in ("train", "valid", "test"):
        split = source.split(name)
        assert [source.notes(targets(split)[row]) for row in range(len(split))] == [
            [sorted(set(step)) for step in piece] for piece in content[name]
        ]

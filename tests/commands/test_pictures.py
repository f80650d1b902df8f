"""`pictures=FOLDER`: of each answer what there is to see of it, whatever the run is."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from seqnet.batch import Confusion, Drawing, Roll, Tree
from seqnet.data.pitches import HIGHEST, LOWEST, note_name
from seqnet.observers.pictures import draw

NUMBERS = {note_name(note): note for note in range(LOWEST, HIGHEST + 1)}
SMALL = ("data.generated.train_size=12", "data.generated.valid_size=4", "data.generated.test_size=4", "debug=quick")


def opened(name: str) -> Image.Image:
    with Image.open(name) as picture:
        picture.load()
    return picture


def test_a_piece_that_is_composed(seqnet: Any, chorale_run: Path) -> None:
    """What was given, a line's beginning behind that of all, is grey, and what follows blue."""
    asked = ("decoding=greedy", "decoding.max_length=12")
    (row,) = seqnet("predict", f"run={chorale_run}", *asked, "prefix=C4", "pictures=drawn", stdin=b"D4+F4\n").rows
    steps = [[NUMBERS[name] for name in step.split("+")] for step in row["prediction"].split()]
    assert steps[:2] == [[60], [62, 65]] and len(steps) > 2
    wanted = draw(Roll(steps[:2], steps[2:], 2))
    assert opened("drawn/0001.png").tobytes() == wanted.tobytes()


def test_notes_that_sound_next(seqnet: Any) -> None:
    assert seqnet.quietly("experiment=music", *SMALL, "model.hidden_size=4", "run_dir=run").code == 0
    found = seqnet("predict", "run=run", "pictures=drawn", stdin=b"[[60, 64], [], [62]]\n[[60]]\n")
    for row, read, name in zip(found.rows, ([[60, 64], [], [62]], [[60]]), ("0001", "0002"), strict=True):
        answered = [[int(note) for note in step] for step in row["prediction"]]
        assert len(answered) == len(read)
        assert opened(f"drawn/{name}.png").tobytes() == draw(Roll(read, answered, 1)).tobytes()


def test_a_tree_over_its_words_and_below_it_attention(seqnet: Any) -> None:
    assert seqnet.quietly("experiment=brackets", *SMALL, "model.hidden_size=4", "run_dir=run").code == 0
    found = seqnet("predict", "run=run", "pictures=drawn", stdin=b"the the the\n")
    tree = draw(Tree(found.rows[0]["prediction"].split(), ["the"] * 3))
    whole = opened("drawn/0001.png")
    assert whole.crop((0, 0, *tree.size)).tobytes() == tree.tobytes()
    assert whole.height > tree.height + 100


def test_a_drawing(seqnet: Any, drawing_run: Path) -> None:
    (row,) = seqnet("predict", f"run={drawing_run}", "pictures=drawn", stdin=b"7\n").rows
    assert opened("drawn/0001.png").tobytes() == draw(Drawing(torch.tensor(row["prediction"]))).tobytes()


def test_an_image_with_the_places_that_were_looked_at(seqnet: Any, caption_run: Path) -> None:
    scan = [[0] * 4 + [16] * 4] * 8
    (row,) = seqnet("predict", f"run={caption_run}", "pictures=drawn", stdin=json.dumps(scan).encode()).rows
    points = np.asarray(opened("drawn/0001.png")).astype(int)
    read, first = points[8:128, 8:128], points[8:128, 136:256]
    assert (read[:, :60] == 0).all() and (read[:, 60:] == 255).all()
    assert (first[:, :60, 0] > 0).all() and (first[:, 60:, 1] < 255).all()  # redder, where it looked anywhere
    assert row["prediction"]


def test_a_confusion_matrix(seqnet: Any, judge_run: Path) -> None:
    found = seqnet("evaluate", f"run={judge_run}", "pictures=drawn/it")
    assert found.code == 0
    _, *tables = found.rows
    classes = {row["class"]: row["support"] for row in tables if row["table"] == "classes"}
    wrong = {(row["target"], row["prediction"]): row["count"] for row in tables if row["table"] == "confusions"}
    names = tuple(sorted(classes))
    counts = torch.tensor([[float(wrong.get((one, other), 0)) for other in names] for one in names])
    counts += torch.diag(torch.tensor([float(classes[name]) for name in names]) - counts.sum(1))
    assert [path.name for path in Path("drawn/it").iterdir()] == ["confusion.png"]
    assert opened("drawn/it/confusion.png").tobytes() == draw(Confusion(counts, names)).tobytes()


def test_where_there_is_nothing_to_draw_it_is_said(
    seqnet: Any, judge_run: Path, reverse_run: Path, adding_run: Path
) -> None:
    for command, run, why in (
        ("predict", judge_run, "nothing to draw"),
        ("predict", adding_run, "nothing to draw"),
        ("evaluate", adding_run, "confusion matrix"),
        ("evaluate", reverse_run, "confusion matrix"),
    ):
        found = seqnet(command, f"run={run}", "pictures=drawn", **({"stdin": b"1\n"} if command == "predict" else {}))
        assert (found.code, found.out, found.err.count("\n")) == (2, "", 1)
        assert "pictures=drawn" in found.err and why in found.err
    assert not Path("drawn").exists()


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_a_folder_that_cannot_be_made(seqnet: Any, command: str, reverse_run: Path, judge_run: Path) -> None:
    Path("file").write_text("")
    run = reverse_run if command == "predict" else judge_run
    found = seqnet(command, f"run={run}", "pictures=file/in", **({"stdin": b"1\n"} if command == "predict" else {}))
    assert found.code == 2 and "pictures=file/in cannot be made" in found.err

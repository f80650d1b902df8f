"""A format, a field, an encoder and a join of a stranger's: one file and one yaml each, none of seqnet touched."""

import random
from pathlib import Path
from typing import Any

import pytest

CODE = """from collections.abc import Sequence
from contextlib import contextmanager
import numpy as np
from torch import nn
from seqnet.data.fields.field import BadValues, Block
from seqnet.data.formats.blocks import one_by_one
from seqnet.data.formats.columns import of_row, resolve
from seqnet.data.formats.format import Format
from seqnet.kinds import Axis, Item, Kind
from seqnet.models.encoder import beside
from seqnet.models.joins.join import Join
from seqnet.specs import Vector


class Roman:
    opens_files = False
    kind = Kind(Item.NUMBER, Axis.ROW)
    WORTH = {"I": 1, "V": 5, "X": 10}

    def __init__(self, scale: float = 10.0) -> None:
        self.scale = scale

    def observe(self, values):
        self.encode(values)

    def learned(self):
        return Vector(1)

    def encode(self, values):
        said = {place: f"'{value}' is no Roman number" for place, value in enumerate(values)}
        bad = {place: said[place] for place, value in enumerate(values) if not set(str(value)) <= set(self.WORTH)}
        if bad:
            raise BadValues(bad)
        worth = [[sum(map(self.WORTH.get, value)) / self.scale] for value in values]
        return Block(np.array(worth, np.float32), np.ones(len(values), np.int64))

    def decode(self, entry):
        return float(np.asarray(entry).reshape(-1)[0] * self.scale)

    def state(self):
        return None

    def restore(self, state):
        pass


class Pipes(Format):
    endings = (".pipes",)

    def __init__(self, mark: str = "||") -> None:
        self.mark = mark

    def header(self, file):
        return tuple(file.read_text().splitlines()[0].split(self.mark))

    def rows(self, file, columns, bad):
        names = self.header(file)
        wanted = resolve(columns, names, len(names), str(file))
        lines = file.read_text().splitlines()
        return one_by_one((number, of_row(line.split(self.mark), wanted)) for number, line in enumerate(lines[1:], 2))

    @contextmanager
    def writer(self, path, names):
        lines = [self.mark.join(names)]
        yield lambda row: lines.append(self.mark.join(str(row.get(name)) for name in names))
        path.write_text("\\n".join(lines) + "\\n")


class Doubled(nn.Module):
    reads = ((Item.NUMBER, Axis.ROW), (Item.NUMBER, Axis.STEP))

    def __init__(self, space, size: int | None = None) -> None:
        super().__init__()
        self.size = space.size

    def forward(self, values):
        return 2 * values


class Added(Join):
    def __init__(self, encoders, size: int = 3) -> None:
        super().__init__(encoders)
        self.widen = nn.Linear(self.summaries_size, size)
        self.size = size

    def prepare(self, wholes):
        return self.widen(self.summaries(wholes))

    def before(self, prepared, x):
        return beside(x, prepared.tanh())
"""
YAMLS = {
    "field/roman": "_target_: strangers_mine.Roman\ncolumn: null\nscale: 10.0\n",
    "data/format/pipes": '_target_: strangers_mine.Pipes\nmark: "||"\n',
    "model/encoder/doubled": "_target_: strangers_mine.Doubled\n",
    "model/join/added": "_target_: strangers_mine.Added\nsize: 3\n",
}
CHOICES = (
    "--config-dir",
    "my_configs",
    "experiment=blank",
    "data/format=pipes",
    "data.path=train.pipes",
    "+field@data.fields.text=text",
    "+field@data.fields.age=roman",
    "+field@data.fields.label=label",
    "data.inputs=[text,age]",
    "data.target=label",
    "task=many_to_one",
    "objective=classification",
)


@pytest.fixture
def mine(seqnet: Any) -> Any:
    """The command line, in a folder with a stranger's classes and data."""
    Path("strangers_mine.py").write_text(CODE)
    for name, text in YAMLS.items():
        path = Path("my_configs") / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    drawn, lines = random.Random(1), ["text||age||label"]
    for _ in range(60):
        years = drawn.randint(1, 9)
        roman = "V" * (years // 5) + "I" * (years % 5)
        lines.append(f"{drawn.choice(['a b', 'b c c'])}||{roman}||{'old' if years > 5 else 'young'}")
    Path("train.pipes").write_text("\n".join(lines) + "\n")
    return seqnet


def test_they_train_answer_and_go_on(mine: Any) -> None:
    encoder = "+model/encoder@model.encoders.age=doubled"
    quick = ("optimizer.lr=1e-2", "training.max_epochs=20", "training.monitor=accuracy")
    found = mine.quietly(*CHOICES, encoder, "model.join=added", "model.join.size=4", *quick, "run_dir=run")
    assert found.code == 0, found.err
    assert mine.results("run")["best"]["accuracy"] > 0.8
    given = b'{"text": "a b", "age": "VIII"}\n{"text": "a b", "age": "I"}\n'
    answers = mine("predict", "run=run", "trust=[strangers_mine]", stdin=given)
    assert [row["prediction"] for row in answers.rows] == ["old", "young"]
    refused = mine("predict", "run=run", stdin=given)
    assert refused.code == 2 and "trust=[strangers_mine]" in refused.err
    bad = mine("predict", "run=run", "trust=[strangers_mine]", stdin=b'{"text": "a", "age": "ten"}\n')
    assert bad.code == 3 and "line 1: age: 'ten' is no Roman number" in bad.err
    found = mine("predict", "run=run", "trust=[strangers_mine]", "input=train.pipes", "output=out.pipes")
    assert found.code == 0, found.err
    read, written = Path("train.pipes").read_text().splitlines(), Path("out.pipes").read_text().splitlines()
    assert written[0] == f"{read[0]}||predicted_label||score" and len(written) == 61
    assert [line.rsplit("||", 2)[0] for line in written] == read
    found = mine.quietly("--config-dir", "my_configs", "run_dir=run", "training.max_epochs=21")
    assert found.code == 0, found.err
    assert mine.results("run")["epochs"] == 21


def test_an_encoder_of_ones_own_reads_the_first_input_too(mine: Any) -> None:
    choices = [one for one in CHOICES if not one.startswith(("+field@data.fields.text", "data.inputs"))]
    encoder = "+model/encoder@model.encoders.age=doubled"
    found = mine("train", *choices, "data.inputs=[age]", encoder, "training.max_epochs=1", "run_dir=run", "device=cpu")
    assert found.code == 0, found.err
    assert "age (roman) by Doubled, 1 wide" in found.out


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("+model/encoder@model.encoders.text=doubled", "model.encoders.text does not read the data's input 'text'"),
        ("+model/encoder@model.encoders.agee=doubled", "model.encoders.agee is of no input of this data; did you mean"),
        ("data.fields.age.scal=3", "unknown key 'data.fields.age.scal'; did you mean 'data.fields.age.scale'?"),
        ("data.fields.age.scale=x", "data.fields.age.scale=x must be a number"),
        ("model.join=aded", "unknown model.join 'aded'; did you mean 'added'?"),
        ("data.format.mark=3", "data.format.mark=3 must be text"),
        ("data.path=train.pipe", "train.pipe does not exist; did you mean 'train.pipes'?"),
    ],
)
def test_they_are_held_to_the_laws(mine: Any, typed: str, sentence: str) -> None:
    found = mine.quietly(*mine.last_of(*CHOICES, typed), "run_dir=run")
    assert found.code in (2, 3) and sentence in found.err, found.err
    assert not Path("run").exists()

"""Entities beside a row's tags, whichever scheme these are written in."""

from pathlib import Path

import pytest

from seqnet import build
from seqnet.commands.predict import as_told
from seqnet.configuration import compose
from seqnet.data.read import Read


@pytest.mark.parametrize("scheme", ["BIOES", "IOB1", "BIO"])
def test_entities_are_those_of_the_tags_however_they_are_written(tmp_path: Path, scheme: str) -> None:
    lines = {"BIOES": "Ada B-PER\nLee E-PER\nran O\n", "IOB1": "Ada I-PER\nLee I-PER\nran O\n"}
    path = tmp_path / "train.conll"
    path.write_text(lines.get(scheme, "Ada B-PER\nLee I-PER\nran O\n") + "\nran O\n")
    back = [] if scheme == "BIO" else ["data.fields.tag.convert_back=true"]
    typed = [f"data.path={path}", f"data.fields.tag.scheme={scheme}", "data.valid_share=0", *back]
    source = build.source(compose("train", ["experiment=entities", *typed]).config)
    source.fit()
    read = Read(1, {"word": "Ada Lee ran"}, "Ada Lee ran")
    answer = {"prediction": ["B-PER", "I-PER", "O"], "score": [1.0, 1.0, 1.0]}
    found = as_told(source, read, answer, spans=True)
    assert found["prediction"] == [line.split()[1] for line in path.read_text().splitlines()[:3]]
    assert [(one["text"], one["type"], one["begin"], one["end"]) for one in found["spans"]] == [
        ("Ada Lee", "PER", 0, 2)
    ]
    assert as_told(source, read, {"prediction": None, "score": None}, spans=True)["spans"] == []

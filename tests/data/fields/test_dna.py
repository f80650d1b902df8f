"""The other strand of DNA."""

from pathlib import Path
from typing import Any

import pytest
import torch

from seqnet import build
from seqnet.data.fields.dna import DnaField, other_strand
from seqnet.errors import ConfigurationError, DataError
from seqnet.models.encoders.tokens import OneHot

FASTA = ">one yes\nACGTNNAC\nggta\n>two no\nTTTTA\n; a comment\n>three yes\nCAG\n"
FIELDS: dict[str, dict[str, Any]] = {
    "sequence": {"type": "dna", "both_strands": True},
    "class": {"type": "label"},
}


def test_half_of_the_rows_are_read_on_the_other_strand_within_their_lengths() -> None:
    field = DnaField()
    block = field.encode(["ACGTNNAC", "TTA"] * 50)
    values = torch.zeros(100, 8, dtype=torch.int64)
    for row, length in zip(range(100), block.lengths.tolist(), strict=True):
        begin = int(block.lengths[:row].sum())
        values[row, :length] = torch.from_numpy(block.flat[begin : begin + length].astype("int64"))
    lengths = torch.from_numpy(block.lengths)
    found = other_strand(values, lengths, torch.Generator().manual_seed(0))
    read = [field.decode(row[:length]) for row, length in zip(found, lengths.tolist(), strict=True)]
    assert set(read[::2]) == {"ACGTNNAC", "GTNNACGT"} and set(read[1::2]) == {"TTA", "TAA"}
    assert 30 < sum(text in ("GTNNACGT", "TAA") for text in read) < 70
    assert not found[1::2, 3:].any()


def test_an_unknown_letter_is_nothing_one_hot() -> None:
    field = DnaField()
    field.observe(["ACGTN"])
    encoder = OneHot(field.learned())
    read = encoder(torch.from_numpy(field.encode(["ACGTN"]).flat.astype("int64"))[None])
    assert encoder.size == 4 and torch.equal(read[0], torch.cat([torch.eye(4), torch.zeros(1, 4)]))


def test_batches_of_training_alone_are_changed_and_are_a_function_of_seed_epoch_and_number(
    table: Any, tmp_path: Path
) -> None:
    path = tmp_path / "train.fasta"
    path.write_text(FASTA * 8)
    source = table(path, FIELDS, ["sequence"], "class")
    source.fit()
    config = {
        "seed": 1,
        "data": {"batch_size": 24, "num_workers": 0},
        "training": {"window": None},
        "debug": {"one_batch": False},
    }
    loader = build.loader(config, source.split("train"), training=True)
    assert loader is not None
    one, again = (next(loader.batches(epoch=3)).inputs for _ in range(2))
    assert torch.equal(one, again) and not torch.equal(one, next(loader.batches(epoch=4)).inputs)
    fixed = build.loader(config, source.split("train"), training=False)
    assert fixed is not None
    read = {
        source.show(row[:length])
        for batch in fixed.batches(0)
        for row, length in zip(batch.inputs, batch.lengths, strict=True)
    }
    assert read == {"ACGTNNACGGTA", "TTTTA", "CAG"}


def test_it_must_be_read_and_nothing_may_stand_at_its_steps(table: Any, tmp_path: Path) -> None:
    tags = {"sequence": FIELDS["sequence"], "tag": {"type": "tags"}, "class": {"type": "label"}}
    with pytest.raises(ConfigurationError, match="read in another order in training"):
        table(tmp_path / "x.csv", tags, ["sequence"], "tag")
    with pytest.raises(ConfigurationError, match=r"not among data\.inputs"):
        table(tmp_path / "x.csv", tags, ["tag"], "sequence")


def test_another_letter_is_told_with_its_line(table: Any, tmp_path: Path) -> None:
    path = tmp_path / "train.fa"
    path.write_text(">one yes\nACGT\n>two no\nACRT\n")
    with pytest.raises(DataError, match=r"line 3: sequence: letter 3: 'R' is none of A, C, G, T, U and N"):
        table(path, FIELDS, ["sequence"], "class").fit()

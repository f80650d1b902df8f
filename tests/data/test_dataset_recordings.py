"""Recordings as rows: masked in training alone, split as a column says, and what is wrong with their files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqnet import build
from seqnet.configuration import compose
from seqnet.data.examples import Examples
from seqnet.errors import ConfigurationError, DataError

soundfile = pytest.importorskip("soundfile")
FOLDER = ["data/format=folder", "data.format.name_pattern='{digit}_{speaker}_{take}'", "data.fields.label.column=digit"]
OFFICIAL = ["data.split_column=take", "data.split_values.test=[0,1]", "data.split_values.valid=[2]"]


def tone(path: Path, hertz: float = 440, rate: int = 8000, seconds: float = 0.1, channels: int = 1) -> Path:
    wave = 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
    soundfile.write(path, np.stack([wave] * channels, axis=1), rate)
    return path


def source_of(*typed: str) -> Any:
    return build.source(compose("train", ["experiment=spoken_digits", *typed]).config)


def tensors(split: Examples) -> list[torch.Tensor]:
    assert isinstance(split.targets, torch.Tensor)
    return [split.inputs.flat, split.inputs.offsets, split.targets]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for digit in (0, 1):
        for take in range(5):
            tone(tmp_path / f"{digit}_ann_{take}.wav", 300 + 400 * digit + take)
    return tmp_path


def test_a_column_says_which_values_are_of_which_split(folder: Path) -> None:
    source = source_of(f"data.path={folder}", *FOLDER, *OFFICIAL)
    source.fit()
    assert {name: len(source.split(name)) for name in ("train", "valid", "test")} == {"train": 4, "valid": 2, "test": 4}
    with pytest.raises(ConfigurationError, match="gives 2 to valid and to test"):
        source_of(*FOLDER, "data.split_column=take", "data.split_values.valid=[2]", "data.split_values.test=[2]")
    with pytest.raises(ConfigurationError, match="data.split_values.test is of a column"):
        source_of(f"data.path={folder}", *FOLDER, "data.split_values.test=[1]")


@pytest.mark.parametrize("experiment", ["spoken_digits", "speech"])
def test_what_is_masked_is_masked_in_training_alone_and_by_batch(experiment: str) -> None:
    """Batch n of epoch e is a pure function of the seed, e and n, so a run that goes on reads what it would have."""
    sizes = [f"data.generated.{split}_size=8" for split in ("train", "valid", "test")]
    config = compose("train", [f"experiment={experiment}", *sizes, "data.batch_size=3"]).config
    source = build.source(config)
    source.fit()

    def read(epoch: int, start: int = 0, training: bool = True) -> list[torch.Tensor]:
        loader = build.loader(config, source.split("train"), training)
        assert loader is not None
        batches = loader.batches(epoch, start)
        return [batch.inputs if batch.source is None else batch.source for batch in batches]

    whole = read(1)
    assert all(map(torch.equal, whole, read(1)))
    assert torch.equal(read(1, 2)[0], whole[2])
    plain = {tuple(row.flatten().tolist()) for batch in read(0, training=False) for row in batch}
    masked = {tuple(row.flatten().tolist()) for batch in whole for row in batch}
    assert not masked <= plain
    assert source.split("valid").augment is None


def test_drawn_rows_are_a_function_of_the_seed_and_splits_differ() -> None:
    sizes = [f"data.generated.{split}_size=5" for split in ("train", "valid", "test")]
    one, same, other = (source_of(*sizes, *more) for more in ([], [], ["seed=2"]))
    for source in (one, same, other):
        source.fit()
    for name in ("train", "valid", "test"):
        assert all(map(torch.equal, tensors(one.split(name)), tensors(same.split(name))))
        assert not torch.equal(one.split(name).inputs.flat[:40], other.split(name).inputs.flat[:40])
    assert not torch.equal(one.split("train").inputs.flat[:40], one.split("valid").inputs.flat[:40])
    larger = source_of("data.generated.train_size=9", *sizes[1:])
    larger.fit()
    kept = tensors(one.split("train"))[0]
    assert torch.equal(larger.split("train").inputs.flat[: len(kept)], kept)


@pytest.mark.parametrize("experiment", ["speech", "speech_ctc"])
def test_an_encoder_that_is_chosen_for_the_first_input_is_the_one_that_reads_it(experiment: str) -> None:
    sizes = [f"data.generated.{split}_size=4" for split in ("train", "valid", "test")]
    config = compose("train", [f"experiment={experiment}", *sizes]).config
    source = build.source(config)
    source.fit()
    model: Any = build.assemble(config, source).model
    assert type(model.encoders()[""]).__name__ == "Pyramid"


# ------------------------------------------------------------------------------------------------------ bad files


def empty(path: Path) -> None:
    soundfile.write(path, np.zeros(0), 8000)


def nothing(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:30])


def words(path: Path) -> None:
    path.write_text("no recording")


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (empty, "the recording is empty"),
        (nothing, "it is no recording that can be read"),
        (cut, "it is no recording that can be read"),
        (words, "it is no recording that can be read"),
    ],
)
def test_a_file_that_cannot_be_heard_is_one_sentence_or_left_out(folder: Path, spoil: Any, told: str) -> None:
    spoil(folder / "1_ann_4.wav")
    typed = [f"data.path={folder}", *FOLDER, *OFFICIAL]
    with pytest.raises(DataError) as caught:
        source_of(*typed).fit()
    assert "1_ann_4.wav" in str(caught.value) and told in str(caught.value) and "\n" not in str(caught.value)
    source = source_of(*typed, "data.on_bad_row=skip")
    source.fit()
    assert len(source.split("train")) == 3
    assert "left out 1 of 4 rows of train (data.on_bad_row=skip)" in source.remarks()


def test_stereo_is_mixed_and_another_rate_is_resampled_and_told_once(folder: Path) -> None:
    tone(folder / "0_ann_3.wav", 303, channels=2)
    tone(folder / "1_ann_3.wav", 703, rate=16000)
    tone(folder / "1_ann_4.wav", 704, rate=11025)
    source = source_of(f"data.path={folder}", *FOLDER, *OFFICIAL)
    source.fit()
    assert len(set(source.split("train").lengths.tolist())) == 1
    (told,) = [remark for remark in source.remarks() if "rate" in remark]
    assert told == "2 rows of train: audio, of another rate, brought to 8,000 samples a second"

"""Each planted fault is found by the contract that is meant for it, which the sound class keeps."""

import copy
import functools

import pytest

from seqnet.checks.contract import judge
from seqnet.commands.check import exported, subject_of
from seqnet.configuration import compose
from seqnet.training.trainer import Trainer
from tests.checks import planted

SMALL = ("model.hidden_size=6", "threads=1", "device=cpu")
SUM = ("experiment=running_sum", *SMALL)
TEXT = ("experiment=tiny_shakespeare", "data.name=nothing", "model.embedding_size=5", *SMALL)
BOTH = ("experiment=larger_total", "model.bidirectional=true", "training.window=null", *SMALL)
DECODER = ("experiment=reverse", "model.embedding_size=5", "data.train_size=40", *SMALL)
HARD = (*DECODER, "attention=hard")
LOCAL = (*DECODER, "attention=local", "attention.position=monotonic", "attention.window=1")
BEAM = (*TEXT, "decoding=beam", "decoding.beam_size=3")

FAULTS = [  # what is configured, the class in the place of which, one with a fault, a sound one, who finds it
    (SUM, "cell", "Forgetful", "SoundLSTM", "memory"),
    (BOTH, "cell", "Forgetful", "SoundLSTM", "memory"),
    (DECODER, "cell", "Forgetful", "SoundLSTM", "memory"),
    (SUM, "cell", "HalfForgetful", "SoundLSTM", "learns"),
    (SUM, "cell", "SwappedGates", "SoundLSTM", "gates"),
    ((*SUM, "cell=gru"), "cell", "SwappedGRU", None, "gates"),
    (SUM, "cell", "TwoMinds", "OneMind", "steps"),
    ((*SUM, "cell=mingru"), "cell", "SwappedInBulk", "SoundInBulk", "steps"),
    (SUM, "model", "OwnStep", "OwnSoundStep", "steps"),
    (DECODER, "attention", "MaskUnused", "SoundSoft", "padding"),
    (DECODER, "attention", "MaskUnused", "SoundSoft", "alone"),
    (HARD, "attention", "HardUnmasked", "SoundHard", "padding"),
    (HARD, "model", "StateOfAnother", "SoundDecoder", "padding"),
    (("experiment=larger_total", "model.readout=mean", *SMALL), "model", "LeakyMean", "SoundRecurrent", "padding"),
    (BOTH, "model", "WrongEnd", "SoundRecurrent", "memory"),
    ((*SUM, "model.bidirectional=true", "training.window=null"), "model", "WrongPlace", "SoundRecurrent", "memory"),
    (BEAM, "decoding", "OwnBeam", "OwnSoundBeam", "hypotheses"),
    (SUM, "cell", "AlwaysDrops", "SoundLSTM", "repeatable"),
    (BOTH, "cell", "AlwaysDrops", "SoundLSTM", "repeatable"),
    (TEXT, "cell", "KeepsState", "SoundLSTM", "repeatable"),
    (TEXT, "cell", "KeepsState", "SoundLSTM", "windows"),
    (TEXT, "cell", "KeepsCount", "SoundLSTM", "resumed"),
    (LOCAL, "model", "LosesPosition", "SoundDecoder", "windows"),
    (TEXT, "model", "DropsCarried", "SoundRecurrent", "windows"),
    (TEXT, "model", "DropsCarried", "SoundRecurrent", "carried"),
    (TEXT, "model", "NeverAnew", "SoundRecurrent", "carried"),
    (TEXT, "model", "ReadsAhead", "SoundRecurrent", "causal"),
    (SUM, "model", "CutOff", "SoundRecurrent", "full_gradient"),
    (SUM, "cell", "TaughtOtherwise", "SoundLSTM", "full_gradient"),
    (SUM, "model", "AmongOthers", "SoundRecurrent", "alone"),
]


@functools.cache
def composed(options):
    return compose("train", options)


@functools.cache
def subject(options, section=None, name=None, export=None):
    """What is checked of a configuration, with a class in the place of that of a section."""
    found = composed(options)
    config = copy.deepcopy(found.config)
    if name is not None:
        config[section]["_target_"] = f"tests.checks.planted.{name}"
    return subject_of(config, found.defaults, found.places, export)


@pytest.mark.parametrize("options, section, faulty, sound, contract", FAULTS)
def test_a_planted_fault_is_found(options, section, faulty, sound, contract, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = judge(contract, subject(options, section, faulty))
    assert found.outcome == "failed", found
    assert judge(contract, subject(options, section, sound)).outcome == "passed"


def test_gradients_that_are_forgotten_between_windows_are_found(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for options in (TEXT, DECODER, BOTH):
        assert judge("accumulated", subject(options)).outcome == "passed"
        with monkeypatch.context() as patch:
            patch.setattr(Trainer, "_run", planted.forgets_gradients(Trainer._run))
            found = judge("accumulated", subject(options))
        assert found.outcome == "failed" and "in one step" in found.what


@pytest.mark.slow
def test_a_graph_that_says_something_else_is_found(tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    monkeypatch.chdir(tmp_path)
    found = judge("exported", subject(SUM, "model", "SoundRecurrent", exported))
    assert found.outcome == "passed" and found.what.endswith(", at its farthest"), found
    found = judge("exported", subject(SUM, "model", "OtherInGraphs", exported))
    assert found.outcome == "failed" and "away from what torch gives" in found.what, found
    assert judge("exported", subject(SUM)).outcome == "does not apply"


def test_what_has_no_graph_is_not_held_to_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = tuple(f"data.generated.{split}_size=2" for split in ("train", "valid", "test"))
    found = judge("exported", subject(("experiment=speech_ctc", *small), export=exported))
    assert found.outcome == "does not apply" and "it cannot be exported: " in found.what, found


def test_a_cell_that_is_no_torchs_is_not_held_to_its_gates(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = judge("gates", subject(SUM, "cell", "Variant"))
    assert found.outcome == "does not apply" and "whatever the order" in found.what


def test_a_class_that_fails_breaks_a_contract_in_words(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = subject(SUM)
    with monkeypatch.context() as patch:
        patch.setattr(type(made.model()), "forward", lambda *given: 1 / 0)
        found = judge("alone", made)
    assert found.outcome == "failed" and "ZeroDivisionError" in found.what

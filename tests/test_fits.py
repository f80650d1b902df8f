"""What goes with what, of our own classes and of a stranger's alike; and what is told of an option without effect."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import seqnet
from seqnet import cli
from seqnet.commands import train
from seqnet.configuration import CONFIGS, compose, quoted
from seqnet.errors import ConfigurationError
from seqnet.objectives.adaptive import AdaptiveTokens
from seqnet.objectives.classification import Classification
from seqnet.objectives.multi_label import MultiLabel
from seqnet.objectives.regression import Regression
from seqnet.objectives.tags import Tags
from seqnet.objectives.tokens import NextToken
from seqnet.specs import Tokens, Vector


def refusal(*typed: str) -> str | None:
    """What `seqnet train` refuses before it reads anything; None where it would begin to read."""
    try:
        train.check(compose("train", [quoted(argument) for argument in typed]))
    except ConfigurationError as error:
        return str(error)
    return None


CLASHES = [
    (
        "experiment=speech_ctc decoding=beam",
        "decoding=beam decodes answers that are written step by step, and task=transcription judges an answer at every "
        "few steps of what is read: set decoding=best_path or decoding=prefix_beam",
    ),
    (
        "experiment=speech decoding=prefix_beam",
        "decoding=prefix_beam decodes an answer at every few steps of what is read, and task=seq2seq judges",
    ),
    (
        "experiment=speech_ctc objective=tokens",
        "objective=tokens does not tell the loss of whole rows, which task=transcription needs: set objective=ctc",
    ),
    (
        "experiment=speech objective=ctc",
        "objective=ctc does not tell the loss of each step, which task=seq2seq needs: set objective=adaptive or obj",
    ),
    (
        "experiment=speech_ctc training.window=20",
        "training.window=20 cuts rows, which objective=ctc judges as a whole: set training.window=null",
    ),
    (
        "experiment=speech_ctc task=seq2seq",
        "model=transcriber gives an answer at every few steps of what is read, and task=seq2seq judges answers that",
    ),
    ("experiment=speech_ctc attention=soft", "attention=soft looks back at what was read, and model=transcriber"),
    ("experiment=digits objective=ctc", "task=many_to_one judges one answer a row, and objective=ctc answers that are"),
    (
        "experiment=spoken_digits +model/encoder@model.encoders.audio=pyramid",
        "model.encoders.audio does not read the data's input 'audio' (number, step)",
    ),
    (
        "objective=regression",
        "objective=regression judges numbers or any of several labels, and this data's answers are one of "
        "several labels: set objective=classification",
    ),
    ("cell.recurrent_init=identity", "cell.recurrent_init=identity must be orthogonal or uniform"),
    (
        "experiment=copy_memory objective=tags",
        "objective=tags judges one of several labels, and this data's answers are tokens: set",
    ),
    (
        "experiment=dates objective=classification",
        "objective=classification does not tell the loss of each step, which task=seq2seq needs: set objective=tokens",
    ),
    (
        "model.tied=true model.embedding_size=8",
        "model.tied=true shares the weight of a token embedding, and this data's answers are one",
    ),
    (
        "experiment=sst2 model.tied=true objective=classification",
        "model.tied=true shares the weight of a token embedding, and this",
    ),
    (
        "experiment=digit_average model.tied=true",
        "model.tied=true shares the weight of a token embedding, and this data's answers are num",
    ),
    ("objective.one_logit=true", "objective.one_logit=true needs exactly two classes, but the data has 10"),
    (
        "experiment=digit_average task.metrics=[bleu]",
        "task.metrics=[bleu] compares tokens, and this data's answers are numbers: choose of mse, mae",
    ),
    (
        "experiment=dates task.metrics=[mse]",
        "task.metrics=[mse] compares numbers, and this data's answers are tokens: choose of token_acc",
    ),
    ("experiment=digit_average training.monitor=mae", "training.monitor=mae is no score of this run; did you mean"),
    (
        "experiment=digit_captions model.embedding_size=null",
        "model.embedding_size=null gives the convolutions that read a picture no",
    ),
    (
        "experiment=digit_captions model.bridge=copy",
        "model.bridge=copy hands the encoder's final state on as it is, and model.encoder=none has",
    ),
    (
        "experiment=sort model.bidirectional=false model.bridge=copy cell@decoder_cell=gru",
        "model.bridge=copy hands the encoder's final state on as it is, and that of cell=lstm is none of "
        "cell@decoder_cell=gru: set model.bridge to linear or zero",
    ),
    (
        "experiment=tiny_shakespeare model.tied=true",
        "model.tied=true needs model.embedding_size=64 to be as wide as the top layer, which is",
    ),
    (
        "model=encoder_decoder task=seq2seq",
        "task=seq2seq judges answers that are written step by step, and this data has one answer a row: set "
        "task=many_to_one with model=bag_of_words or task=many_to_one with model=cnn or task=many_to_one with model=",
    ),
    (
        "experiment=wnut17 task=seq2seq model=encoder_decoder",
        "task=seq2seq judges answers that are written step by step, and this",
    ),
    (
        "experiment=dates task=many_to_many model=recurrent attention=none",
        "task=many_to_many judges an answer at every step, and this data has answers that are written step "
        "by step: set task=one_to_many with model=encoder_decoder or task=seq2seq with",
    ),
    ("training.max_epochs=null", "training would never end"),
    ("training.clip_value=1", "training.clip_norm=1.0 and training.clip_value=1 cannot both be set"),
    ("training.stride=3", "training.stride=3 moves a window, and there is none"),
    ("training.stride=5 training.window=4", "training.stride=5 is above training.window=4"),
    ("model.bidirectional=true training.window=4", "training.window=4 cuts what model.bidirectional=true reads"),
    (
        "objective=tokens",
        "task=many_to_one judges one answer a row, and objective=tokens an answer at every step: set ob",
    ),
    (
        "model.readout=all",
        "model.readout=all gives an answer at every step, and task=many_to_one judges one answer a row: set "
        "model.readout to last, mean, max or mean_max",
    ),
    (
        "task=many_to_many task.readout=last",
        "task=many_to_many judges an answer at every step, and this data has one answer a row: set task=many_to_one",
    ),
    (
        "experiment=ball task.readout=last",
        "model.readout=last gives one answer a row, and task=many_to_many judges an answer at every step: "
        "set model.readout=all",
    ),
    ("model.tied=true", "model.tied=true shares the embedding's weight, and model.embedding_size=null"),
    (
        "training.patience=3 training.evaluate_every_steps=10 training.max_steps=20",
        "training.patience=3 evaluations, one every training.evaluate_every_steps=10 steps",
    ),
    ("training.monitor=lost", "training.monitor=lost is no score of this run; did you mean 'loss'?"),
    (
        "experiment=time_series training.monitor=masse",
        "training.monitor=masse is no score of this run; did you mean 'mase'?",
    ),
    (
        "experiment=robot training.monitor=wql",
        "training.monitor=wql is no score of this run: choose loss or mse or mae or r2",
    ),
    ("optimizer=sgd optimizer.nesterov=true", "optimizer.nesterov=true needs optimizer.momentum above 0"),
    (
        "data.train_share=0.8 data.valid_share=0.2",
        "data.train_share and data.valid_share must be above 0 and leave a share to the test",
    ),
    ("experiment=ball data.min_speed=1", "data.max_speed must be at least data.min_speed (1.0), not 0.1"),
    ("experiment=sst2 data.valid_share=0.5 data.test_share=0.5", "data.valid_share=0.5 and data.test_share=0.5 leave"),
    ("experiment=python_docs training.window=null", "training.window=null, but a running text is a stream"),
    (
        "experiment=python_docs data.batch_tokens=4000",
        "data.batch_tokens=4000 has no effect: a running text is read in data.batch_size lanes",
    ),
    ("data.batch_tokens=0", "data.batch_tokens=0 must be a whole number of at least 1, or null"),
    (
        "experiment=python_docs model.bidirectional=true",
        "model.bidirectional=true cannot predict what comes next, which it would have read: set "
        "model.bidirectional=false",
    ),
    ("experiment=ball model.bidirectional=true", "model.bidirectional=true cannot predict what comes next"),
    (
        "experiment=python_docs task=many_to_one",
        "task=many_to_one judges one answer a row, and this data has an answer at every step: set task=many_to_many",
    ),
    (
        "experiment=python_docs task=seq2seq model=encoder_decoder",
        "task=seq2seq judges answers that are written step by step, and this data has an answer at every "
        "step: set task=many_to_many with model=recurrent",
    ),
    ("attention=soft", "attention=soft reads a source, and model=recurrent has none: set attention=none"),
    ("training.scheduled_sampling=0.1", "training.scheduled_sampling=0.1 lets a decoder read what it wrote"),
    ("experiment=compose attention=local", "attention=local reads a source, and this data has none"),
    ("experiment=dates model=recurrent attention=none", "model.readout is what task.readout says, and the chosen task"),
    ("experiment=dates task=many_to_one", "model.encoder is what task.encoder says, and the chosen task does not say"),
    ("experiment=dates model.input_feeding=true attention=none", "model.input_feeding=true feeds what attention found"),
    (
        "experiment=dates model.bridge=copy",
        "model.bridge=copy hands the encoder's final state on as it is, and model.bi",
    ),
    (
        "experiment=multi30k model.shared_embedding=true",
        "model.shared_embedding=true needs a source and answers of one vocabulary, and this data has none: "
        "set model.shared_embedding=false",
    ),
    ("experiment=dates attention=softt", "unknown attention 'softt'; did you mean 'soft'?"),
    ("experiment=dates attention.score=dto", "unknown attention.score 'dto'; did you mean 'dot'?"),
    (
        "experiment=dates attention=local attention.window=-1",
        "attention.window=-1 must be a whole number of at least 0",
    ),
    (
        "experiment=dates attention=local attention.position=here",
        "attention.position=here must be monotonic or predict",
    ),
    ("experiment=dates attention=hard attention.estimator=gumble", "attention.estimator=gumble must be"),
    (
        "experiment=dates attention=hard attention.estimator=exact model.input_feeding=true",
        "attention.estimator=exact mixes what is answered at each position, and model.input_feeding=true would "
        "feed back which it was: set attention.estimator=reinforce or gumbel, or model.input_feeding=false",
    ),
    (
        "experiment=multi30k attention=hard attention.estimator=exact objective=adaptive model.tied=false",
        "attention.estimator=exact mixes what is answered at each position, and objective=adaptive does not judge "
        "mixtures: set attention.estimator=reinforce or gumbel",
    ),
    (
        "experiment=dates attention=hard attention.coverage=true attention.decode=hard",
        "attention.coverage=true tells the scores what each position was paid, and attention.decode=hard pays the best",
    ),
    (
        "experiment=dates attention.score.reach=1",
        "attention.score.reach=1 is how far to each side a score knows what positions were paid: set "
        "attention.coverage=true",
    ),
    (
        "experiment=dates attention=multi_head attention.num_heads=3",
        "attention.num_heads=3 does not divide model.hidden",
    ),
    (
        "experiment=dates attention=multi_head attention.score=general",
        "attention.score=general is the dot product with projected keys, and attention=multi_head projects them "
        "itself: set attention.score=additive or attention.score=dot or attention.score=scaled_dot",
    ),
    (
        "experiment=dates decoding=beam decoding.beam_size=0",
        "decoding.beam_size=0 must be a whole number of at least 1",
    ),
    ("experiment=dates decoding=beam decoding.n_best=6", "decoding.n_best=6 is above decoding.beam_size=5"),
    ("experiment=dates decoding.min_length=4 decoding.max_length=3", "decoding.min_length=4 is above decoding.max_len"),
    ("experiment=dates cell@decoder_cell=gruu", "unknown cell 'gruu'; did you mean 'gru'?"),
    (
        "experiment=sentiment model=cnn training.window=5",
        "training.window=5 cuts what model=cnn reads as a whole: set training.window=null",
    ),
    (
        "experiment=python_docs model=bag_of_words training.window=null",
        "training.window=null, but a running text is a stream",
    ),
    (
        "experiment=python_docs model=bag_of_words",
        "model=bag_of_words cannot predict what comes next, which it would have read",
    ),
    (
        "experiment=wnut17 model=cnn",
        "model=cnn gives one answer a row, and task=many_to_many judges an answer at every step: set model=recurrent",
    ),
    (
        "experiment=sentiment model=feed_forward",
        "model=feed_forward has nothing that reads the data's input 'text' (token, step): set model=bag_of_words or "
        "model=cnn or model=conv_recurrent or model=recurrent",
    ),
    (
        "experiment=sentiment model=bag_of_words attention=soft",
        "attention=soft reads a source, and model=bag_of_words has none: set attention=none",
    ),
    ("experiment=jsb_chorales objective.threshold=2", "objective.threshold=2 must be a number above 0 and below 1"),
    ("experiment=sentiment model=cnn model.widths=[3,3]", "model.widths=[3,3] must be a list of different whole"),
    (
        "experiment=names data.generated.valid_share=0.6 data.generated.test_share=0.5",
        "data.generated.valid_share=0.",
    ),
    (
        "cell@decoder_cell=gru",
        "cell@decoder_cell=gru is the cell of a decoder, and model=recurrent has none: set cell@decoder_cell=null",
    ),
    ("experiment=digit_captions model.bidirectional=true", "model.bidirectional=true reads a source from both"),
    ("experiment=reverse task.metrics=[blue]", "task.metrics=[blue] must be a list of any of token_accuracy, "),
    (
        "experiment=dates objective=adaptive",
        "objective=adaptive needs a vocabulary in order of frequency, which this data does not have: set "
        "objective=tokens",
    ),
    (
        "experiment=multi30k objective=adaptive",
        "model.tied=true makes one weight of the token embedding and the output",
    ),
    (
        "experiment=tiny_shakespeare data.rows.length=9",
        "data.rows makes sequences of the rows of a table, and text is a text read from end to end: leave data.rows",
    ),
    (
        "experiment=tiny_shakespeare objective=adaptive data.fields.text.level=bpe",
        "objective=adaptive needs a vocabulary in order of frequency, which this data does not have: set "
        "objective=classification or objective=focal or objective=tokens",
    ),
    (
        "experiment=tiny_shakespeare objective=adaptive objective.cutoffs=[9,3]",
        "objective.cutoffs=[9,3] must be a list of rising whole numbers of at least 1, or null",
    ),
    ("experiment=tiny_shakespeare objective=adaptive objective.div_value=0.5", "objective.div_value=0.5 must be a num"),
    (
        "experiment=tiny_shakespeare objective=adaptive objective.label_smoothing=0.1",
        "unknown key 'objective.label_smoothing': objective=adaptive has none",
    ),
    (
        "experiment=entities training.window=5 model.bidirectional=false",
        "training.window=5 cuts rows, which objective=crf judges as a whole: set training.window=null or objective=",
    ),
    (
        "experiment=digits objective=crf",
        "task=many_to_one judges one answer a row, and objective=crf an answer at every",
    ),
    ("experiment=dates objective=crf", "task=seq2seq judges answers that are written step by step, and objective=crf"),
    (
        "experiment=part_of_speech objective=crf training.monitor=entity_f1",
        "training.monitor=entity_f1 is no score of this run: choose loss or accuracy or macro_f1",
    ),
    ("experiment=entities objective.label_smoothing=0.1", "unknown key 'objective.label_smoothing': objective=crf has"),
    ("objective=adaptive", "task=many_to_one judges one answer a row, and objective=adaptive an answer at every step"),
    ("experiment=reverse decoding=beam decoding.n_best=6", "decoding.n_best=6 is above decoding.beam_size=5"),
    ("experiment=reverse decoding.min_length=6 decoding.max_length=5", "decoding.min_length=6 is above decoding.max"),
    (
        "experiment=digit_drawing cell=raster_lstm model.weight_dropout=0.5",
        "model.weight_dropout=0.5 drops weights that a state is multiplied by, and cell=raster_lstm names none as "
        "recurrent_weights: set model.weight_dropout=0.0",
    ),
    (
        "experiment=parity model.word_dropout=0.1 model.embedding_size=4",
        "model.word_dropout=0.1 reads the unknown token in place of others, and nothing that is read here has one: "
        "set model.word_dropout=0.0",
    ),
    (
        "training.activation_regularisation=2",
        "training.activation_regularisation=2.0 is of what a model puts out at each step, and model=recurrent gives "
        "one answer a row: set training.activation_regularisation=0.0",
    ),
    (
        "training.ema_decay=0.9 training.average_after=3",
        "training.ema_decay=0.9 and training.average_after=3 are two averages of the weights: set one to null",
    ),
    (
        "training.average_after=3 training.patience=4",
        "training.patience=4 ends a run before the average that training.average_after=3 waits for is scored",
    ),
    ("experiment=adding cell=ind_rnn model.weight_dropout=0.2", "model.weight_dropout=0.2 drops weights that a state"),
    (
        "training.average_after=3 training.evaluate_every_steps=10 training.max_steps=50",
        "training.average_after=3 compares evaluations that lie further apart than training.max_steps=50",
    ),
    ("model=feed_forward model.weight_dropout=0.5", "unknown key 'model.weight_dropout'"),
    ("model.weight_dropout=1", "model.weight_dropout=1 must be a number of at least 0 and below 1"),
]


@pytest.mark.parametrize(("typed", "sentence"), CLASHES)
def test_what_does_not_go_together_is_refused_with_what_would(typed, sentence):
    given = typed if "experiment=" in typed else f"experiment=digits {typed}"
    assert str(refusal(*given.split())).startswith(sentence)


@pytest.mark.parametrize(
    "typed",
    [
        "experiment=dates cell=gru attention=local training.window=20 optimizer.lr=3e-4",  # the card's own line
        "experiment=dates cell@decoder_cell=gru decoder_cell.recurrent_init=uniform",
        "experiment=multi30k model.shared_embedding=true data.fields.en.vocabulary=de",
        "experiment=digit_captions model.bidirectional=true task.encoder=recurrent",
        "experiment=tiny_shakespeare data.fields.text.level=words objective=adaptive objective.cutoffs=[200,1000]",
        "experiment=multi30k objective=adaptive model.tied=false",
        "experiment=dates model.bidirectional=false model.bridge=copy training.scheduled_sampling=0.5",
        "experiment=sort model.bidirectional=false model.bridge=copy cell=rnn cell@decoder_cell=gru",
        "experiment=sst2 data.fields.text.column=review data.fields.label.column=stars",
        "experiment=dates decoding=beam attention=hard attention.estimator=reinforce attention.entropy=0.2",
        "experiment=multi30k model.locked_dropout=true model.weight_dropout=0.5 model.word_dropout=0.1 cell=rnn",
        "experiment=compose training.activation_regularisation=2 training.temporal_activation_regularisation=1",
        "experiment=sentiment model=bag_of_words model.word_dropout=0.3 model.embedding_dropout=0.1",
    ],
)
def test_what_goes_together_is_not_refused(typed):
    assert refusal(*typed.split()) is None


IDLE = [
    (
        "experiment=dates attention=hard attention.estimator=gumbel attention.entropy=0.1",
        "attention.entropy=0.1 has no effect: it is of attention.estimator=reinforce; leave it out, or set "
        "attention.entropy=0.05",
    ),
    ("experiment=dates attention=hard attention.temperature=2", "attention.temperature=2.0 has no effect"),
    ("experiment=dates attention=hard attention.entropy=0.1", "attention.entropy=0.1 has no effect"),
    ("experiment=dates attention=hard model.input_feeding=true attention.top_k=4", "attention.top_k=4 has no effect"),
    (
        "experiment=dates attention=hard attention.estimator=gumbel attention.decode=hard",
        "attention.decode=hard has no",
    ),
    ("experiment=adding cell.chrono=200 cell.forget_bias=2", "cell.forget_bias=2.0 has no effect: cell.chrono=200"),
    (
        "experiment=digit_average decoding=beam",
        "decoding=beam has no effect: numbers are not decoded but rolled out; leave it out, or set decoding=greedy",
    ),
    ("experiment=digit_average decoding.max_length=3", "decoding.max_length=3 has no effect: numbers are not decoded"),
    ("experiment=digits decoding=sampling", "decoding=sampling has no effect: nothing is written step by step"),
    (
        "experiment=digits checkpoint.average_best=true",
        "checkpoint.average_best=true has no effect: the mean is of the best",
    ),
    ("experiment=python_docs data.num_workers=2", "data.num_workers=2 has no effect: a running text"),
    (
        "experiment=compose model.bridge=zero",
        "model.bridge=zero has no effect: it is of a source, and this data has none",
    ),
    ("experiment=compose task.encoder=recurrent", "model.encoder=recurrent has no effect: it is of a source"),
    ("experiment=compose model.bidirectional=true", "model.bidirectional=true has no effect: it is of a source"),
    (
        "experiment=dates model.dropout=0.1",
        "model.dropout=0.1 has no effect: it is between layers, and model.num_layers=1",
    ),
    (
        "experiment=digits model.locked_dropout=true",
        "model.locked_dropout=true has no effect: it locks a mask, and model.input_dropout, model.dropout, "
        "model.output_dropout are 0; leave it out, or set model.locked_dropout=false",
    ),
    (
        "experiment=speech_ctc task.encoder=none model.bidirectional=false model.weight_dropout=0.5",
        "model.weight_dropout=0.5 has no effect: it is of recurrent layers, and model.encoder=none has none; leave it "
        "out, or set model.weight_dropout=0.0",
    ),
    ("experiment=digits model.embedding_dropout=0.1", "model.embedding_dropout=0.1 has no effect: it is of an embedd"),
    ("experiment=dates model.residual=true", "model.residual=true has no effect: it is between layers"),
    ("experiment=digits model.embedding_std=0.1", "model.embedding_std=0.1 has no effect: it is of an embedding"),
    (
        "experiment=digits model.embedding_size=9 model.embedding_std=0.1",
        "model.embedding_std=0.1 has no effect: it is of an embedding of tokens",
    ),
    ("experiment=sentiment model=cnn cell=gru", "cell=gru has no effect: model=cnn has no recurrence"),
    ("experiment=sentiment model=cnn task.readout=mean", "task.readout=mean has no effect: model=cnn has no readout"),
    ("experiment=dna task.readout=mean", "task.readout=mean has no effect: model.readout=mean_max is said"),
    ("experiment=sentiment model.freeze_embeddings=true", "model.freeze_embeddings=true has no effect"),
    ("experiment=dates training.sampling_schedule=exponential", "training.sampling_schedule=exponential has no effect"),
    ("experiment=digits optimizer=sgd optimizer.dampening=0.5", "optimizer.dampening=0.5 has no effect"),
    ("experiment=digits observers.samples=false observers.sample_length=9", "observers.sample_length=9 has no effect"),
]


@pytest.mark.parametrize(("typed", "sentence"), IDLE)
def test_an_option_without_effect_is_refused(typed, sentence):
    assert str(refusal(*typed.split())).startswith(sentence)


@pytest.mark.parametrize(("typed", "sentence"), IDLE)
def test_its_default_is_not(typed, sentence):
    *rest, last = typed.split()
    default = sentence.partition("set ")[2].partition("=")[2] or default_of(typed)
    assert refusal(*rest, f"{last.partition('=')[0]}={default}") is None


def default_of(typed: str) -> str:
    """What the refusal of a command line says that the option would be by itself."""
    return str(refusal(*typed.split())).rpartition("=")[2]


def test_an_experiments_own_option_without_effect_is_refused(tmp_path):
    (tmp_path / "mine/experiment").mkdir(parents=True)
    (tmp_path / "mine/experiment/own.yaml").write_text(
        "# @package _global_\ndefaults:\n  - digits\n  - _self_\nmodel:\n  dropout: 0.5\n"
    )
    assert str(refusal("--config-dir", str(tmp_path / "mine"), "experiment=own")).startswith(
        "model.dropout=0.5 has no eff"
    )


def test_a_sweep_may_hold_what_one_of_its_jobs_has_no_use_for(monkeypatch, tmp_path, capsys, jobs_inside):
    monkeypatch.chdir(tmp_path)
    ran = []

    class Trained:
        """Stands for the command, of which only the checks are real."""

        check = staticmethod(train.check)

        @staticmethod
        def run(config, typed, choices, defaults, places):
            train.checked(config, None, defaults, places)
            ran.append((config["attention"]["estimator"], config["attention"]["entropy"]))
            Path(config["run_dir"], "results.json").write_text("{}")
            return 0

    monkeypatch.setattr(cli, "_command", lambda name: Trained)
    sweep = ["train", "-m", "experiment=dates", "attention=hard", "attention.entropy=0.1"]
    assert cli.answer([*sweep, "attention.estimator=reinforce,gumbel"]) == 0
    assert ran == [("reinforce", 0.1), ("gumbel", 0.1)]
    assert cli.answer([*sweep, "attention.estimator=gumbel", "seed=1,2", "run_dir=none"]) == 2
    assert "attention.entropy=0.1 has no effect" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


# ------------------------------------------------------------------------------------------------ a stranger's own

MODULE = """
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from seqnet.attention.soft import Soft
from seqnet.data.sources.larger_total import LargerTotal
from seqnet.errors import ConfigurationError
from seqnet.kinds import Axis, Item, Kind
from seqnet.models.recurrent import Recurrent
from seqnet.objectives.classification import Classification
from seqnet.objectives.regression import Regression
from seqnet.options import Column, Positive
from seqnet.specs import Spec, Vector
from seqnet.tasks.many_to_many import ManyToMany
from seqnet.tasks.many_to_one import ManyToOne


class Huber:
    judges = (Item.NUMBER,)
    scores = ("mae",)

    def __init__(self, targets: Spec, delta: Positive = 1.0, mean: Literal["all", "each"] = "all") -> None: ...

    def loss(self, logits, targets, training=True): ...


class Silent:
    def __init__(self, targets: Spec) -> None: ...


class Steps:
    target_axis = features = Axis.STEP

    def __init__(self, objective) -> None: ...


class Writes:
    target_axis = features = Axis.SEQUENCE

    def __init__(self, objective) -> None: ...


class State(NamedTuple):
    hidden: Tensor
    more: Tensor
    last: Tensor


class Three(nn.Module):
    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.size = hidden_size

    def initial_state(self, batch_size: int) -> State:
        return State(*torch.zeros(3, batch_size, self.size))


class Looks(Soft):
    pass


class Priced(LargerTotal):
    input_kinds = {**LargerTotal.input_kinds, "price": Kind(Item.TOKEN, Axis.GRID)}


class Two(LargerTotal):
    input_kinds = {"inputs": Kind(Item.TOKEN, Axis.STEP)}

    def __init__(self, seed: int, first_column: Column = "a", second_column: Column = "b") -> None:
        super().__init__(seed)
        if type(first_column) is not type(second_column):
            raise ConfigurationError("data.first_column and data.second_column cannot go together")


class Labels(Classification):
    pass
"""
LOADER = "batch_size: 3\nbatch_tokens: null\nnum_workers: 0\n"
YAMLS = {
    "objective/huber": "_target_: NAME.Huber\ndelta: 1.0\nmean: all\n",
    "objective/silent": "_target_: NAME.Silent\n",
    "objective/labels": "_target_: NAME.Labels\n",
    "task/steps": "_target_: NAME.Steps\nreadout: all\n",
    "task/writes": "_target_: NAME.Writes\nencoder: recurrent\n",
    "cell/three": "_target_: NAME.Three\n",
    "attention/looks": "_target_: NAME.Looks\nscore: dot\n",
    "data/priced": "_target_: NAME.Priced\nlength: 9\ntrain_size: 9\nvalid_size: 9\ntest_size: 9\n" + LOADER,
    "data/two": "_target_: NAME.Two\nfirst_column: a\nsecond_column: b\n" + LOADER,
}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str | None]:
    """`refusal` with a stranger's classes within reach."""
    name, folder = "strangers_classes", tmp_path_factory.mktemp("strangers")
    (folder / f"{name}.py").write_text(MODULE)
    for path, text in YAMLS.items():
        (folder / "mine" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "mine" / f"{path}.yaml").write_text(text.replace("NAME", name))
    sys.path.append(str(folder))
    yield lambda *typed: refusal("--config-dir", str(folder / "mine"), *typed)
    sys.path.remove(str(folder))


STRANGERS = [
    (
        "experiment=digits objective=huber",
        "objective=huber judges numbers, and this data's answers are one of several labels: set "
        "objective=classification or objective=focal or objective=labels",
    ),
    (
        "experiment=digits objective=regression",
        "objective=regression judges numbers or any of several labels, and this data's answers are one of "
        "several labels: set objective=classification or objective=focal or objective=labels",
    ),
    (
        "experiment=adding objective=huber training.monitor=accuracy",
        "training.monitor=accuracy is no score of this run: choose loss or mae",
    ),
    ("experiment=adding objective=huber objective.delta=-1", "objective.delta=-1.0 must be a number above 0"),
    (
        "experiment=adding objective=huber objective.mean=al",
        "objective.mean=al must be all or each; did you mean 'all'?",
    ),
    (
        "experiment=digits task=steps",
        "task=steps judges an answer at every step, and this data has one answer a row: set task=many_to_one",
    ),
    (
        "experiment=digits task=writes model=encoder_decoder",
        "task=writes judges answers that are written step by step, and this data has one answer a row: set "
        "task=many_to_one with model=bag_of_words or task=many_to_one with model=cnn or task=many_to_one with model=",
    ),
    (
        "experiment=dates model.bidirectional=false model.bridge=copy cell@decoder_cell=three",
        "model.bridge=copy hands the encoder's final state on as it is, and that of cell=lstm is none of "
        "cell@decoder_cell=three: set model.bridge to linear or zero",
    ),
    (
        "experiment=digits attention=looks",
        "attention=looks reads a source, and model=recurrent has none: set attention=none",
    ),
    (
        "experiment=larger_total data=priced",
        "model=recurrent has nothing that reads the data's input 'price' (token, grid)",
    ),
    (
        "experiment=adding objective=silent",
        "objective._target_=strangers_classes.Silent does not say `judges`: which items",
    ),
    ("experiment=sst2 data=two data.first_column=1.5", "data.first_column=1.5 must be text"),
]


@pytest.mark.parametrize(("typed", "sentence"), STRANGERS)
def test_a_strangers_class_is_refused_as_our_own(own, typed, sentence):
    assert str(own(*typed.split())).startswith(sentence)


@pytest.mark.parametrize(
    "typed",
    [
        "experiment=adding objective=huber training.monitor=mae",
        "experiment=dates model.bidirectional=false model.bridge=copy cell=three cell@decoder_cell=three",
        "experiment=dates attention=looks",
        "experiment=sst2 data=two data.first_column=0 data.second_column=1",
    ],
)
def test_a_strangers_class_is_taken_as_our_own(own, typed):
    assert own(*typed.split()) is None


def test_what_an_experiment_reads_by_position_is_right_for_a_strangers_class_too(own):
    assert own("experiment=sst2", "data=two", "data.first_column=0", "data.second_column=1") is None
    assert str(own("experiment=sst2", "data=two", "data.first_column=0")).startswith(
        "data.first_column and data.second_column"
    )


def test_the_command_line_refuses_them_and_leaves_no_folder(own, seqnet, tmp_path):
    (tmp_path / "mine").mkdir()
    for typed in (
        "experiment=digits objective=regression",
        "experiment=digits checkpoint.average_best=true",
        "seed=1 seed=2",
    ):
        answer = seqnet("train", *typed.split())
        assert answer.code == 2 and answer.err.startswith("seqnet: "), answer.err
    assert not (tmp_path / "outputs").exists()


# ---------------------------------------------------------------------------------------- what our own classes say


def test_an_objectives_scores_are_those_that_it_counts():
    tokens, tags, vector = Tokens(("a", "b", "c")), Tokens(("O", "B-x", "I-x")), Vector(2, ("x", "y"))
    made = (Classification(tokens), MultiLabel(vector), Regression(vector), Tags(tags), NextToken(tokens))
    for objective in (*made, AdaptiveTokens(Tokens(("a", "b", "c"), ranked=3))):
        counted = {*objective.metrics(), *objective.row_metrics()} - {"confusion", "mae_x", "mae_y"}  # a column's own
        assert set(objective.scores) == counted


def test_no_class_is_named_where_the_laws_are():
    package = Path(seqnet.__file__).parent
    beside = [package / name for name in ("relations.py", "options.py", "kinds.py")]
    for file in (*package.joinpath("fits").glob("*.py"), *beside):
        text = file.read_text()
        named = [path.stem for path in CONFIGS.glob("*/*.yaml") if f"{path.parent.name}.{path.stem}." in text]
        assert not named and "_target_ ==" not in text, f"{file} names {named}"


def test_what_a_class_inherits_may_ask_for_options_that_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "narrow_cells.py").write_text(
        "from seqnet.cells.lstm import LSTM\n\n\n"
        "class Narrow(LSTM):\n"
        "    def __init__(self, input_size: int, hidden_size: int) -> None:\n"
        "        super().__init__(input_size, hidden_size)\n"
    )
    (tmp_path / "mine/cell").mkdir(parents=True)
    (tmp_path / "mine/cell/narrow.yaml").write_text("_target_: narrow_cells.Narrow\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert refusal("--config-dir", str(tmp_path / "mine"), "experiment=adding", "cell=narrow") is None

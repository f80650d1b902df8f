"""Ranges and contradictions, as data."""

import pytest
import yaml

from seqnet import rules
from seqnet.configuration import CONFIGS, compose, leaves
from seqnet.errors import ConfigurationError
from seqnet.objectives.adaptive import AdaptiveTokens
from seqnet.objectives.classification import Classification
from seqnet.objectives.multi_label import MultiLabel
from seqnet.objectives.regression import Regression
from seqnet.objectives.tags import Tags
from seqnet.objectives.tokens import NextToken
from seqnet.options import shown
from seqnet.spaces import Tokens, Vector


@pytest.mark.parametrize(
    ("option", "right", "wrong"),
    [
        (rules.OPTIONS["optimizer.etas"], [[0.5, 1.2]], [[0.5, 0.5], [1.5, 2]]),
        (rules.PATH, [None, "a b/é"], ["", 3]),
        (rules.OPTIONS["optimizer.step_sizes"], [[0, 1], [1, 1]], [[2, 1], [-1, 1], [1]]),
        (
            rules.PAIRS["optimizer.eps"],
            [[None, 0.1], [1e-10, 0]],
            [[], [0, 0], [1e-30, 0.1], [0.1], [0.1, None], [-1, 0], ["a", 0], 1e-8],
        ),
    ],
)
def test_options_accept_what_they_say(option, right, wrong):
    assert all(option.refusal("key", value) is None for value in right)
    for value in wrong:
        assert option.refusal("key", value).startswith(f"key={shown(value)} must be {option.words}")


def test_an_entry_that_the_default_breaks_is_for_another_class():
    assert rules.option("data.length", 10).refusal("data.length", "x") is not None
    assert rules.option("data.length", "short").refusal("data.length", "x") is None


def test_a_key_without_an_entry_has_the_type_of_its_default():
    for default, wrong in ((1, 1.5), (1.5, "a"), (True, 1), ("a", 1), ([], 1)):
        assert rules.option("nowhere", default).refusal("nowhere", default) is None
        assert rules.option("nowhere", default).refusal("nowhere", wrong) is not None
    assert rules.option("nowhere", None).refusal("nowhere", "anything") is None


def test_every_null_default_has_an_entry():
    files = [path for path in CONFIGS.glob("*/*.yaml") if "@package _global_" not in path.read_text()]
    for path in (CONFIGS / "train.yaml", *files):
        prefix = "" if path.parent == CONFIGS else f"{path.parent.name}."
        for key, value in leaves(yaml.safe_load(path.read_text())).items():
            assert value is not None or key.startswith("hydra.") or f"{prefix}{key}" in rules.OPTIONS, f"{path}: {key}"


CLASHES = [
    ("training.max_epochs=null", "training would never end"),
    ("training.clip_value=1", "training.clip_norm=1.0 and training.clip_value=1 cannot both be set"),
    ("training.stride=3", "training.stride=3 moves a window, and there is none"),
    ("training.stride=5 training.window=4", "training.stride=5 is above training.window=4"),
    ("model.bidirectional=true training.window=4", "training.window=4 cuts what model.bidirectional=true reads"),
    ("objective=tokens", "task=many_to_one judges one answer a row, and this objective one a step"),
    ("model.readout=all", "model.readout=all gives an answer at every step, and task=many_to_one"),
    ("task=many_to_many task.readout=last", "model.readout=last gives one answer a row, and task=many_to_many"),
    ("model.tied=true", "model.tied=true shares the embedding's weight, and model.embedding_size=null"),
    (
        "training.patience=3 training.evaluate_every_steps=10 training.max_steps=20",
        "training.patience=3 evaluations, one every training.evaluate_every_steps=10 steps",
    ),
    ("training.monitor=lost", "training.monitor=lost is no score of this run; did you mean 'loss'?"),
    ("optimizer=sgd optimizer.nesterov=true", "optimizer.nesterov=true needs optimizer.momentum above 0"),
    ("data.train_share=0.8 data.valid_share=0.2", "data.train_share=0.8 and data.valid_share=0.2 leave nothing"),
    ("experiment=ball data.min_speed=1", "data.min_speed=1.0 is above data.max_speed=0.1"),
    ("experiment=sst2 data.valid_share=0.5 data.test_share=0.5", "data.valid_share=0.5 and data.test_share=0.5 leave"),
    ("experiment=python_docs training.window=null", "training.window=null, but a running text is a stream"),
    ("experiment=python_docs data.batch_tokens=4000", "data.batch_tokens=4000 fits rows of their own lengths into a"),
    ("data.batch_tokens=0", "data.batch_tokens=0 must be a whole number of at least 1, or null"),
    ("experiment=python_docs model.bidirectional=true", "model.bidirectional=true cannot predict the next token"),
    ("experiment=python_docs task=many_to_one", "task=many_to_one judges one answer a row, and a running text"),
    ("experiment=python_docs task=seq2seq model=encoder_decoder", "a running text is read from end to end and has no"),
    ("attention=soft", "attention=soft reads a source, and this model has none: set attention=none"),
    ("training.scheduled_sampling=0.1", "training.scheduled_sampling=0.1 lets a decoder read what it wrote"),
    ("experiment=compose attention=local", "attention=local reads a source, and this data has none"),
    ("experiment=dates model=recurrent attention=none", "model.readout is what task.readout says, and the chosen task"),
    ("experiment=dates task=many_to_one", "model.encoder is what task.encoder says, and the chosen task does not say"),
    ("experiment=dates model.input_feeding=true attention=none", "model.input_feeding=true feeds what attention found"),
    (
        "experiment=dates model.bridge=copy",
        "model.bridge=copy hands the encoder's final state on as it is, and model.bi",
    ),
    ("experiment=multi30k model.shared_embedding=true", "model.shared_embedding=true needs one vocabulary of both"),
    ("experiment=dates attention=softt", "unknown attention 'softt'; did you mean 'soft'?"),
    ("experiment=dates attention.score=dto", "attention.score=dto must be dot, scaled_dot, general or additive"),
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
        "experiment=dates attention=multi_head attention.num_heads=3",
        "attention.num_heads=3 does not divide model.hidden",
    ),
    ("experiment=dates attention=multi_head attention.score=general", "attention.score=general puts a matrix between"),
    (
        "experiment=dates decoding=beam decoding.beam_size=0",
        "decoding.beam_size=0 must be a whole number of at least 1",
    ),
    ("experiment=dates decoding=beam decoding.n_best=6", "decoding.n_best=6 is above decoding.beam_size=5"),
    ("experiment=dates decoding.min_length=4 decoding.max_length=3", "decoding.min_length=4 is above decoding.max_len"),
    ("experiment=dates cell@decoder_cell=gruu", "unknown cell 'gruu'; did you mean 'gru'?"),
    ("cell@decoder_cell=gru", "cell@decoder_cell=gru is the cell of a decoder, and model=recurrent is none"),
    ("experiment=digit_captions model.bidirectional=true", "model.bidirectional=true reads a source from both"),
    ("experiment=reverse task.metrics=[blue]", "task.metrics=[blue] must be a list of any of token_accuracy, "),
    ("experiment=dates objective=adaptive", "objective=adaptive needs a vocabulary in order of frequency, which run"),
    (
        "experiment=multi30k objective=adaptive",
        "model.tied=true makes one weight of the token embedding and the output",
    ),
    (
        "experiment=tiny_shakespeare objective=adaptive data.level=bpe",
        "objective=adaptive needs a vocabulary in order of frequency, and data.level=bpe has one in the order in which",
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
    ("objective=adaptive", "task=many_to_one judges one answer a row, and this objective one a step"),
    ("experiment=reverse decoding=beam decoding.n_best=6", "decoding.n_best=6 is above decoding.beam_size=5"),
    ("experiment=reverse decoding.min_length=6 decoding.max_length=5", "decoding.min_length=6 is above decoding.max"),
]


@pytest.mark.parametrize(("typed", "sentence"), CLASHES)
def test_contradictions_name_their_keys(typed, sentence):
    with pytest.raises(ConfigurationError) as caught:
        compose("train", ["experiment=digits", *typed.split()])
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize(
    "typed",
    [
        "experiment=dates cell=gru attention=local training.window=20 optimizer.lr=3e-4",  # the card's own line
        "experiment=dates cell@decoder_cell=gru decoder_cell.recurrent_init=uniform",
        "experiment=multi30k model.shared_embedding=true data.vocabulary=joint",
        "experiment=digit_captions model.bidirectional=true task.encoder=recurrent",
        "experiment=tiny_shakespeare data.level=words objective=adaptive objective.cutoffs=[200,1000]",
        "experiment=multi30k objective=adaptive model.tied=false",
        "experiment=dates model.bidirectional=false model.bridge=copy training.scheduled_sampling=0.5",
    ],
)
def test_what_goes_together_is_composed(typed):
    compose("train", typed.split())


def test_a_monitor_of_a_users_objective_is_theirs():
    config = {"training": {"monitor": "own"}, "objective": {"_target_": "my_module.Objective"}}
    assert rules.contradiction(config) is None


def test_the_classes_it_names_exist():
    import importlib

    named = {value for value in vars(rules).values() if isinstance(value, str) and value.startswith("seqnet.")}
    for target in {*named, *rules.ANSWERS, *rules.ASKED_BY, *rules.PICTURES, *rules.DRAWINGS}:
        module, _, name = target.rpartition(".")
        assert hasattr(importlib.import_module(module), name)


def test_an_objectives_scores_are_those_that_it_counts():
    tokens, tags, vector = Tokens(("a", "b", "c")), Tokens(("O", "B-x", "I-x")), Vector(2, ("x", "y"))
    made = (Classification(tokens), MultiLabel(vector), Regression(vector), Tags(tags), NextToken(tokens))
    for objective in (*made, AdaptiveTokens(Tokens(("a", "b", "c"), ranked=3))):
        counted = {"loss", *objective.metrics(), *objective.row_metrics()} - {"confusion"}
        assert set(rules.SCORES[f"{type(objective).__module__}.{type(objective).__name__}"]) == counted


def test_what_each_of_its_own_data_sets_asks_is_known():
    names = {yaml.safe_load(path.read_text())["_target_"] for path in (CONFIGS / "data").glob("*.yaml")}
    assert names - rules.ANSWERS.keys() == {"seqnet.data.sources.sequences.Sequences"}  # which asks what its file does
    assert {answers for _, answers in rules.ANSWERS.values()} == {
        kind for each in rules.JUDGED_BY.values() for kind in each
    }

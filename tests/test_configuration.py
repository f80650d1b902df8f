"""Composing, refusing and merging configurations, without torch."""

from pathlib import Path

import pytest

from seqnet import build, configuration, trust
from seqnet.commands import train
from seqnet.configuration import CONFIGS, compose, merge_stored, quote, quoted, run_folder
from seqnet.errors import ConfigurationError
from seqnet.training import checkpoint

DIGITS = "experiment=digits"
CELLS = ", ".join(sorted(path.stem for path in (CONFIGS / "cell").glob("*.yaml")))


def refused(*arguments, command="train"):
    with pytest.raises(ConfigurationError) as caught:
        if command != "train":
            compose(command, arguments)
        chosen = () if any(each.startswith("experiment=") for each in arguments) else (DIGITS,)
        train.check(compose(command, [*chosen, *arguments]))
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


@pytest.fixture(autouse=True)
def in_a_folder_that_stays_empty(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", sorted(path.stem for path in (CONFIGS / "experiment").glob("*.yaml")))
def test_every_experiment_composes(name):
    found = compose("train", [f"experiment={name}"])
    assert found.config["groups"]["experiment"] == name
    assert found.typed == {"experiment": name}


GROUPS = ("optimizer", "schedule", "decoding", "debug", "cell")


@pytest.mark.parametrize(
    "choice", [f"{group}={path.stem}" for group in GROUPS for path in sorted((CONFIGS / group).glob("*.yaml"))]
)
def test_every_choice_composes(choice):
    compose("train", [DIGITS, choice])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["training.windw=3"], "unknown key 'training.windw'; did you mean 'training.window'?"),
        (["+training.windw=3"], "unknown key 'training.windw'; did you mean 'training.window'?"),
        (["++training.windw=3"], "unknown key 'training.windw'; did you mean 'training.window'?"),
        (["window=3"], "unknown key 'window'; did you mean 'training.window'?"),
        (["sed=3"], "unknown key 'sed'; did you mean 'seed'?"),
        (["cel=gru"], "unknown key 'cel'; did you mean 'cell'?"),
        (["+cel=gru"], "unknown key 'cel'; did you mean 'cell'?"),
        (["cell=grru"], "unknown cell 'grru'; did you mean 'gru'?"),
        (["experiment=sst2", "data/format=cvs"], "unknown data.format 'cvs'; did you mean 'csv'?"),
        (["data/format=csv"], "data.format belongs to data=table, and the chosen data has none"),
        (
            ["experiment=visual_questions", "model=cnn"],
            "experiment=visual_questions chooses model.join, and the chosen model has none: choose model=recurrent, "
            "or name your fields yourself with experiment=blank, which takes any model",
        ),
        (["experiment=sst2", "data/format=4"], "data/format=4: choose one of auto, babi"),
        (["experiment=sst2", "data/format=[csv]"], "data/format=[csv]: choose one of auto, babi"),
        (["experiment=sst2", "+data/format=csv"], "cannot add '+data/format=csv', as data/format is chosen already"),
        (
            ["experiment=sst2", "data.format.sheet=x"],
            "unknown key 'data.format.sheet': data/format=auto has none, it belongs to data/format=xlsx",
        ),
        (
            ["experiment=sst2", "data/format=folder", "data.format.encoding=utf-8"],
            "unknown key 'data.format.encoding': data/format=folder has none, it belongs to data/format=auto",
        ),
        (
            ["experiment=sst2", "field@data.fields.more=label", "data.fields.more.colum=x"],
            "unknown key 'data.fields.more.colum'; did you mean 'data.fields.more.column'?",
        ),
        (["field=text"], "field is chosen for a name of yours: +field@data.fields.NAME=..."),
        (["+field=[text,label]"], "field is chosen for a name of yours: +field@data.fields.NAME=..."),
        (
            ["+model/encoder=text"],
            "model/encoder is chosen for a name of yours: +model/encoder@model.encoders.NAME=...",
        ),
        (["+fiedl@data.fields.a=text"], "unknown group 'fiedl@data.fields.a'; did you mean 'field@data.fields.a'?"),
        (["--experiment=digits"], "unrecognized arguments: --experiment=digits"),
        (["cell=4"], f"cell=4: choose one of {CELLS}"),
        (
            ["model=null"],
            "model=null: choose one of bag_of_words, cnn, conv_recurrent, encoder_decoder, feed_forward, recurrent",
        ),
        (["experiment=digts"], "unknown experiment 'digts'; did you mean 'digits'?"),
        (["hydra/launcher=basics"], "unknown hydra/launcher 'basics'; did you mean 'basic'?"),
        (
            ["optimizer.momentum=0.9"],
            "unknown key 'optimizer.momentum': optimizer=adamw has none, it belongs to optimizer=rmsprop and "
            "optimizer=sgd",
        ),
        (
            ["sweep.trials=3"],
            "unknown key 'sweep.trials': sweep=grid has none, it belongs to sweep=random and sweep=tpe",
        ),
        (["sweep=tpe"], "sweep=tpe chooses the values of a sweep: add -m, and ranges to sweep"),
        (["sweep.seeds=3"], "sweep.seeds is an option of a sweep: add -m, or leave it out"),
        (["cell=rnn,gru"], "cell=rnn,gru gives several values: add -m to sweep over them, or choose one of them"),
        (["seed=1,2"], "seed=1,2 gives several values: add -m to sweep over them, or type seed=[1,2] for one list"),
        (["cell=[gru]"], f"cell=[gru]: choose one of {CELLS}"),
        (["+cell=gru"], "cannot add '+cell=gru', as cell is chosen already: type cell=gru"),
        (["+cell@other=gru"], "unknown group 'cell@other'; did you mean"),
        (["experiment=dates", "attention.scor=dot"], "unknown key 'attention.scor'; did you mean 'attention.score'?"),
        (
            ["cell=gru", "cell.forget_bias=1"],
            "unknown key 'cell.forget_bias': cell=gru has none, it belongs to cell=",
        ),
        (["cell", "=", "gru"], "cannot read 'cell': it must be KEY=VALUE without spaces round the =, such as cell=gru"),
        (["optimizer.LR=1"], "unknown key 'optimizer.LR'; did you mean 'optimizer.lr'?"),
        (["optimizer.lr=???"], "optimizer.lr: Missing mandatory value"),
        (["=3"], "cannot read '=3': it must be KEY=VALUE, and there is no key"),
        ([f"run_dir={quote(chr(10))}"], "run_dir=\\n must be a path, or null"),
        (["data._target_=Digits"], "data._target_=Digits must be a class and where it is"),
        (["hydra.run.dir=here"], "cannot set hydra.run.dir: of Hydra's own options"),
        (["--config-name", "evaluate"], "--config-name and --config-path are seqnet's own"),
        (["--cfg", "jbo"], "argument --cfg/-c: invalid choice: 'jbo'"),
        (["optimizer.lr=abc"], "optimizer.lr=abc must be a number above 0"),
        (["optimizer.lr=0"], "optimizer.lr=0 must be a number above 0"),
        (["optimizer.lr=nan"], "optimizer.lr=nan must be a number above 0"),
        (["optimizer.lr=inf"], "optimizer.lr=inf must be a number above 0"),
        (["optimizer.lr=null"], "optimizer.lr=null must be a number above 0"),
        (["optimizer.lr=true"], "optimizer.lr=true must be a number above 0"),
        (["optimizer.lr="], "optimizer.lr= must be a number above 0"),
        (["training.window=2.5"], "training.window=2.5 must be a whole number of at least 1, or null"),
        (["model.fused=1"], "model.fused=1 must be true or false"),
        (["optimizer.betas=[0.9]"], "optimizer.betas=[0.9] must be a list of 2 numbers of at least 0 and below 1"),
        (["data.by=pixels"], "data.by=pixels must be row or pixel; did you mean 'pixel'?"),
        (["training.window.size=3"], "unknown key 'training.window.size'"),
        (["training.monitor=acuracy"], "training.monitor=acuracy is no score of this run; did you mean 'accuracy'?"),
        (["training.window={a: 1}"], "unknown key 'training.window.a'"),
        (["model.hidden_size=${nowhere}"], "model.hidden_size: Interpolation key 'nowhere' not found"),
        (["~training.window"], "cannot take out 'training.window'"),
        (["training.window"], "cannot read 'training.window': it must be KEY=VALUE"),
        (["cell=a=b"], "cannot read 'cell=a=b'"),
        (["cell@decoder_cel=gru"], "unknown group 'cell@decoder_cel'; did you mean 'cell@decoder_cell'?"),
        (["cell@decoder_cell=gruu"], "unknown cell 'gruu'; did you mean 'gru'?"),
        (["cell@decoder_cell=null"], f"cell@decoder_cell=null: choose one of {CELLS}"),
        (["decoder_cell=gru"], "unknown key 'decoder_cell'; did you mean 'cell@decoder_cell'?"),
        (
            ["decoder_cell.width=2"],
            "decoder_cell.width belongs to a choice that is not made: add cell@decoder_cell=raster_lstm",
        ),
        (
            ["cell@decoder_cell=gru", "decoder_cell.forget_bias=2"],
            "unknown key 'decoder_cell.forget_bias': cell@decoder_cell=gru has none, it belongs to cell@decoder_cell=",
        ),
        (
            ["cell@decoder_cell=gru", "decoder_cell.recurrent_init=orthogonl"],
            "decoder_cell.recurrent_init=orthogonl must be orthogonal or uniform; did you mean 'orthogonal'?",
        ),
        (["--hlep"], "unrecognized arguments: --hlep; did you mean '--help'?"),
        (["--config-dir", "nowhere"], "--config-dir nowhere: there is no such folder"),
    ],
)
def test_refusals_name_the_key_and_the_nearest(arguments, sentence):
    assert refused(*arguments).startswith(sentence)
    assert not list(Path.cwd().iterdir())


def test_commands_that_read_a_run_refuse_too():
    assert refused("split=tset", command="evaluate") == "split=tset must be train, valid or test; did you mean 'test'?"
    assert refused("promt=a", command="generate") == "unknown key 'promt'; did you mean 'prompt'?"
    assert refused("temperature=-1", command="generate") == "temperature=-1 must be a number of at least 0, or null"
    assert compose("generate", ["temperature=0", "decoding.temperature=0"]).config["temperature"] == 0
    asked = ["decoding=sampling", "decoding.temperature=0"]
    for command in ("train", "evaluate", "predict"):
        assert compose(command, asked).config["decoding"]["temperature"] == 0
    assert refused("decoding=beem", command="generate").startswith("unknown decoding 'beem'")
    assert compose("evaluate", ["precision=bf16"]).config["precision"] == "bf16"
    assert compose("evaluate", []).config["precision"] is None


@pytest.mark.parametrize("command", ["evaluate", "predict", "generate", "explain"])
def test_what_only_training_chooses_is_told_to_commands_that_read_a_run(command):
    said = f"chosen in training; seqnet {command} takes what the run says"
    for typed, meant in (
        ("cel=gru", "cell"),
        ("+cel=gru", "cell"),
        ("Cell=gru", "cell"),
        ("optimizr=adam", "optimizer"),
        ("thread=2", "threads"),
        ("optimzer.lr=1", "optimizer.lr"),
        ("cell.forget_bais=1", "cell.forget_bias"),
        ("++data.levl=words", "data.level"),
    ):
        key = typed.lstrip("+").partition("=")[0]
        assert refused(typed, command=command) == f"unknown key '{key}'; did you mean '{meant}'? ({said})"
    for typed in ("cell=gru", "+cell=gru", "+cell@decoder_cell=gru", "cell.forget_bias=1", "threads=2"):
        key = typed.lstrip("+").partition("=")[0]
        assert refused(typed, command=command) == f"'{key}' is {said}"
    known = refused("decoding.temprature=1", "decoding=sampling", command=command)  # its own, though training's too
    assert known == "unknown key 'decoding.temprature'; did you mean 'decoding.temperature'?"
    assert refused("run_dir=x", command=command) == "unknown key 'run_dir'; did you mean 'run'?"


def test_a_misspelt_key_in_an_experiment_file_is_refused(tmp_path):
    (tmp_path / "mine/experiment").mkdir(parents=True)
    file = tmp_path / "mine/experiment/exp.yaml"
    override = "# @package _global_\ndefaults:\n  - override /{}: {}\n\n"
    chosen = ["--config-dir", "mine", "experiment=exp"]

    file.write_text(override.format("cell", "gru") + "training:\n  max_epoch: 3\n")
    assert refused(*chosen) == "unknown key 'training.max_epoch'; did you mean 'training.max_epochs'?"
    file.write_text(override.format("cell", "gru") + "cell:\n  recurrent_init: ortogonal\n")
    assert refused(*chosen).endswith("did you mean 'orthogonal'?")
    file.write_text(override.format("cell", "gruu"))
    assert refused(*chosen) == "unknown cell 'gruu'; did you mean 'gru'?"
    file.write_text(override.format("cel", "gru"))
    assert refused(*chosen).startswith("unknown group 'cel'")
    file.write_text(override.format("cell", "gru") + "cell:\n  recurrent_init: uniform\ntraining:\n  window: 4\n")
    assert compose("train", chosen).config["cell"]["recurrent_init"] == "uniform"


def test_what_an_experiment_says_of_a_choice_falls_away_with_it(tmp_path):
    (tmp_path / "mine/experiment").mkdir(parents=True)
    file = tmp_path / "mine/experiment/exp.yaml"
    file.write_text("# @package _global_\noptimizer:\n  weight_decay: 0.1\n")
    chosen = ["--config-dir", "mine", "experiment=exp", "training.window=8"]

    assert "weight_decay" not in compose("train", [*chosen, "optimizer=rprop"]).config["optimizer"]
    assert compose("train", [*chosen, "optimizer=sgd"]).config["optimizer"]["weight_decay"] == 0.1
    said = "unknown key 'optimizer.weight_decay': optimizer=rprop has none"
    assert refused(*chosen, "optimizer=rprop", "++optimizer.weight_decay=0.1").startswith(said)
    file.write_text("# @package _global_\ndefaults:\n  - override /optimizer: rprop\noptimizer:\n  weight_decay: 0.1\n")
    assert refused(*chosen).startswith(said)
    file.write_text("# @package _global_\noptimizer:\n  weight_decoy: 0.1\n")
    assert refused(*chosen, "optimizer=rprop").startswith("unknown key 'optimizer.weight_decoy'")


def test_whole_numbers_are_floats_where_the_defaults_are_in_lists_too():
    found = compose("train", [DIGITS, "optimizer.lr=1", "optimizer.betas=[0,0.5]"]).config["optimizer"]
    assert [type(part) for part in (found["lr"], *found["betas"])] == [float] * 3


def test_a_users_class_has_its_own_keys_and_their_types(tmp_path):
    (tmp_path / "mine/data").mkdir(parents=True)
    (tmp_path / "mine/data/own.yaml").write_text(
        "_target_: my_module.Own\nlength: short\nratio: 0.5\nanything: null\nbatch_size: 4\n"
    )
    chosen = ["--config-dir", "mine", "data=own"]
    found = compose(
        "train", ["experiment=blank", *chosen, "data.length=long", "data.ratio=1", "data.anything=[1,x]"]
    ).config["data"]
    assert found == {
        "_target_": "my_module.Own",
        "length": "long",
        "ratio": 1.0,
        "anything": [1, "x"],
        "batch_size": 4,
    }
    assert refused(*chosen, "data.ration=1") == "unknown key 'data.ration'; did you mean 'data.ratio'?"
    assert refused(*chosen, "data.batch_size=0") == "data.batch_size=0 must be a whole number of at least 1"


@pytest.mark.parametrize(
    "text", ["a=b", "it's", "end\\", "\\'", "x, (y) [1] {k: v}", "two\nlines", "", "é # $x", '"q"']
)
def test_quotes_bring_any_text_through_the_grammar(text):
    (override,) = configuration.parse_overrides([f"prompt={quote(text)}"])
    assert override.value() == text


def test_only_text_keys_are_quoted():
    assert quoted("data.path=a=b") == "data.path='a=b'"
    assert quoted("run_dir=null") == "run_dir=null"
    assert quoted("optimizer.lr=1") == "optimizer.lr=1"
    assert quoted("--cfg") == "--cfg"


# ------------------------------------------------------------------ going on with a run


def stored_and_new(*typed, before=()):
    stored = compose("train", [DIGITS, *before]).config
    new = compose("train", [DIGITS, *typed])
    return new.config, stored, new.typed, new.choices


def test_what_is_not_typed_takes_the_stored_value():
    config, stored, typed, choices = stored_and_new("run_dir=there", before=["optimizer.lr=0.5", "cell=gru", "seed=7"])
    merged = merge_stored(config, stored, typed, choices)
    assert (merged["optimizer"]["lr"], merged["seed"], merged["groups"]["cell"]) == (0.5, 7, "gru")
    assert merged["cell"]["_target_"] == "seqnet.cells.gru.GRU"
    assert merged["run_dir"] == "there"


def test_length_limits_checkpoints_observers_machine_and_trust_may_differ():
    typed = [
        "training.max_epochs=99",
        "training.max_steps=5",
        "checkpoint.every_steps=3",
        "observers.console=false",
        "device=cpu",
        "threads=3",
        "processes=2",
        "trust=[a]",
    ]
    merged = merge_stored(*stored_and_new(*typed))
    assert (merged["training"]["max_epochs"], merged["training"]["max_steps"]) == (99, 5)
    assert merged["checkpoint"]["every_steps"] == 3
    assert merged["observers"]["console"] is None
    assert (merged["device"], merged["threads"], merged["processes"]) == ("cpu", 3, 2)
    assert merged["trust"] == ["a"]


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("optimizer.lr=0.1", "optimizer.lr=0.1, but the stored run has optimizer.lr=0.01"),
        ("cell=gru", "cell=gru, but the stored run has cell=lstm"),
        ("training.window=4", "training.window=4, but the stored run has training.window=null"),
    ],
)
def test_a_typed_value_that_differs_is_refused(typed, sentence):
    with pytest.raises(ConfigurationError, match="leave it out") as caught:
        merge_stored(*stored_and_new(typed))
    assert str(caught.value).startswith(sentence)


def test_a_job_belongs_to_the_sweep_of_the_call():
    stored = compose("train", [DIGITS, "sweep=tpe", "sweep.trials=3"], sweeping=True).config
    for line, sweep in (("sweep.seeds=5", {"seeds": 5}), ("threads=null", {"seeds": 1})):
        new = compose("train", [DIGITS, line], sweeping=True)
        assert merge_stored(new.config, stored, new.typed, new.choices)["sweep"] == sweep


def test_a_typed_value_that_is_the_same_is_fine():
    config, stored, typed, choices = stored_and_new(
        "optimizer.lr=5e-1", "cell=gru", before=["optimizer.lr=0.5", "cell=gru"]
    )
    assert merge_stored(config, stored, typed, choices)["optimizer"]["lr"] == 0.5


def test_a_decoders_cell_goes_on_with_the_run(tmp_path):
    made = ["experiment=dates", "cell@decoder_cell=gru", "decoder_cell.single_bias=true"]
    stored = compose("train", made).config
    checkpoint.write(tmp_path / "run/checkpoints", 0, {"config": stored})
    assert "cell@decoder_cell=gru" in configuration.stored_groups(["run_dir=run"])
    assert "cell@decoder_cell=gru" not in configuration.stored_groups(["run_dir=run", "cell@decoder_cell=rnn"])
    new = compose("train", ["experiment=dates", "run_dir=run"])
    assert merge_stored(new.config, stored, new.typed, new.choices)["decoder_cell"] == stored["decoder_cell"]
    for typed, sentence in (
        ("cell@decoder_cell=rnn", "cell@decoder_cell=rnn, but the stored run has cell@decoder_cell=gru"),
        ("cell=rnn", "cell=rnn, but the stored run has cell=lstm"),
    ):
        new = compose("train", ["experiment=dates", typed])
        with pytest.raises(ConfigurationError, match="leave it out") as caught:
            merge_stored(new.config, stored, new.typed, new.choices)
        assert str(caught.value).startswith(sentence)


def test_without_a_choice_of_its_own_a_decoder_has_no_cell_of_its_own():
    config = compose("train", ["experiment=dates", "cell=gru"]).config
    assert config["groups"]["cell@decoder_cell"] == "null"
    assert config.get("decoder_cell") is None


def test_a_merge_that_leaves_no_limit_is_refused():
    stored = compose("train", [DIGITS, "training.max_steps=3", "training.max_epochs=null"]).config
    new = compose("train", [DIGITS, "training.max_steps=null"])
    with pytest.raises(ConfigurationError, match="training would never end"):
        merge_stored(new.config, stored, new.typed, new.choices)


def test_stored_code_of_a_stranger_needs_trust():
    config, stored, typed, choices = stored_and_new()
    stored["cell"]["_target_"] = "stranger.Cell"
    with pytest.raises(ConfigurationError, match=r"add trust=\[stranger\]"):
        merge_stored(config, stored, typed, choices)
    config["trust"] = ["stranger"]
    assert merge_stored(config, stored, typed, choices)["cell"]["_target_"] == "stranger.Cell"


def test_a_stored_configuration_is_found_and_its_groups_are_composed(tmp_path, monkeypatch):
    stored = compose("train", [DIGITS, "cell=gru", "optimizer=sgd", "optimizer.momentum=0.5"]).config
    checkpoint.write(tmp_path / "run/checkpoints", 0, {"config": stored})
    groups = configuration.stored_groups(["run_dir=run"])
    assert {"experiment=digits", "cell=gru", "optimizer=sgd"} <= set(groups)
    assert "cell=gru" not in configuration.stored_groups(["run_dir=run", "cell=rnn"])
    assert configuration.stored_groups(["run_dir=run", "resume=never"]) == []
    assert configuration.stored_groups(["run_dir=elsewhere"]) == []
    found = []
    configuration.run_hydra("train", ["run_dir=run", "optimizer.momentum=0.5"], lambda make: found.append(make()))
    assert found[0].typed == {"run_dir": "run", "optimizer.momentum": 0.5}
    assert found[0].config["groups"] == stored["groups"]


def test_a_stored_configuration_is_plain_data(tmp_path):
    stored = compose("train", [DIGITS]).config
    stored["init_from"] = "${oc.env:HOME}"
    checkpoint.write(tmp_path / "run/checkpoints", 0, {"config": stored})
    asked = {"resume": "auto", "run_dir": "run"}
    assert configuration.stored_config(asked) == stored
    new = compose("train", [DIGITS])
    assert merge_stored(new.config, stored, new.typed, new.choices)["init_from"] == "${oc.env:HOME}"

    newest = checkpoint.write(tmp_path / "run/checkpoints", 1, {"config": {**stored, "seed": 9}}) / "config.json"
    assert configuration.stored_config(asked)["seed"] == 9
    newest.write_text(newest.read_text().replace("9", "8"))
    assert configuration.stored_config(asked) == stored  # the newest that is as it was written
    checkpoint.write(tmp_path / "run/checkpoints", 0, {"config": [stored]})
    assert configuration.stored_config(asked) is None


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("cell._target_", "seqnet.data.sources.text.Text", "no class that seqnet builds"),
        ("cell._target_", "seqnet.commands.train.Training", "no class that seqnet builds"),
        ("cell", None, "no class for cell"),
        ("cell.sped", 1, "cell.sped, which this seqnet does not know"),
        ("cell.forget_bias", {"_target_": "seqnet.cells.gru.GRU"}, "options in cell.forget_bias"),
        ("optimizer._target_", "torch.optim.lr_scheduler.StepLR", r"add trust=\[torch\]"),
        ("model.hidden_size", "8", "model.hidden_size=8 must be a whole number"),
        ("model.hidden_size", 10**12, "at most"),
        ("model.num_layers", -3, "at least 1"),
        ("model.encoders", {"word": {"_target_": "stranger.Reader"}}, r"add trust=\[stranger\]"),
        ("training.window", [1], "training.window"),
        ("training", 3, "training=3"),
        ("schedule.warmup_steps", float("nan"), "schedule.warmup_steps"),
        ("hydra", {"callbacks": {}}, "hydra, which this seqnet does not know"),
        ("training.monitor", "x" * 20_000, "too much in training.monitor"),
        ("seed", 10**400, "too much in seed"),
    ],
)
def test_a_stored_configuration_says_only_what_could_be_typed(key, value, sentence):
    config, stored, typed, choices = stored_and_new()
    stored["trust"] = ["stranger", "torch"]
    configuration.put(stored, key, value)
    with pytest.raises(ConfigurationError, match=sentence):
        build.check_options(merge_stored(config, stored, typed, choices))


def test_a_stored_configuration_cannot_trust_anyone():
    config, stored, typed, choices = stored_and_new()
    stored["trust"] = ["stranger"]
    assert merge_stored(config, stored, typed, choices)["trust"] == []


def test_an_option_that_is_newer_than_the_run_has_its_default():
    config, stored, typed, choices = stored_and_new()
    del stored["training"]["ema_decay"], stored["threads"]
    merged = merge_stored(config, stored, typed, choices)
    assert (merged["training"]["ema_decay"], merged["threads"]) == (None, None)


def test_a_run_folder_is_never_one_that_exists(tmp_path):
    config = compose("train", [DIGITS]).config
    first = run_folder(config)
    assert first.parent == Path("outputs/digits")
    for second in (first, run_folder(config)):
        second.mkdir(parents=True, exist_ok=True)
        assert not run_folder(config).exists()
    assert run_folder({**config, "run_dir": "mine"}) == Path("mine")


def test_options_of_drawn_rows_fall_away_where_files_are_read(tmp_path):
    own = tmp_path / "experiment" / "mine.yaml"
    own.parent.mkdir()
    own.write_text("# @package _global_\ndefaults:\n  - word_order\ndata:\n  generated: {train_size: 50}\n")
    typed = ["--config-dir", str(tmp_path), "experiment=mine"]
    sizes = [
        compose("train", [*typed, *more]).config["data"]["generated"]["train_size"] for more in ([], ["data.path=x"])
    ]
    assert sizes == [50, 4000]


MINE = """mine:
  _target_: my_module.Mine
  every: 2
"""


@pytest.fixture
def mine(tmp_path):
    """A folder of files of one's own, with an observer."""
    (tmp_path / "observers").mkdir()
    (tmp_path / "observers/mine.yaml").write_text(MINE)
    return ("--config-dir", str(tmp_path))


def test_observers_are_a_name_and_a_class(mine):
    """Several files each add their names; null and false take one out, true leaves it as its file says."""
    console, board = (
        {"_target_": f"seqnet.observers.{name}"} for name in ("console.Console", "tensorboard.TensorBoard")
    )
    told = {"samples": True, "sample_length": 200}
    memory = {"_target_": "seqnet.observers.memory.Memory", "every_steps": None}
    default = {**told, "memory": memory, "tensorboard": board, "console": console}
    own = {"_target_": "my_module.Mine", "every": 2}

    def observers(*arguments):
        found = compose("train", [DIGITS, *mine, *arguments])
        return found.config["observers"], found.config["groups"]["observers"]

    assert observers() == (default, "default")
    assert observers("observers=[default]") == (default, "[default]")
    assert observers("observers=mine") == ({**told, "mine": own}, "mine")
    assert observers("observers=[]") == (told, "[]")
    both = observers("observers=[default,mine]", "observers.mine.every=3", "observers.console=null")
    assert both == ({**default, "console": None, "mine": {**own, "every": 3}}, "[default,mine]")
    assert observers("observers.console=false", "observers.tensorboard=true") == (
        {**default, "console": None},
        "default",
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["observers.consol=null"], "unknown key 'observers.consol'; did you mean 'observers.console'?"),
        (["observers=[defautl,mine]"], "unknown observers 'defautl'; did you mean 'default'?"),
        (["observers=[default,mine]", "observers.mine.every=x"], "observers.mine.every=x must be a whole number"),
        (["observers=[default,mine]", "observers.mine=3"], "'observers.mine' holds keys of its own"),
        (["cell=[gru,rnn]"], "cell=[gru,rnn]: choose one of"),
    ],
)
def test_strange_observers_are_refused(mine, arguments, sentence):
    assert sentence in refused(*mine, *arguments)


def test_the_observers_of_a_stored_run(mine):
    """What is not typed stays; what an earlier seqnet stored, true and false, is understood."""
    stored = compose("train", [DIGITS, *mine, "observers=[default,mine]", "observers.console=null"]).config
    stored["trust"] = ["my_module"]

    def merged(*arguments, stored=stored):
        new = compose("train", [DIGITS, *mine, "observers=[default,mine]", "trust=[my_module]", *arguments])
        return merge_stored(new.config, stored, {key: new.typed[key] for key in new.typed if "." in key}, new.choices)

    assert merged()["observers"] == stored["observers"]
    assert merged("observers.console=true")["observers"]["console"]["_target_"].endswith("Console")
    assert merged("observers.mine.every=9")["observers"]["mine"]["every"] == 9
    assert merged("observers.mine=null")["observers"]["mine"] is None
    earlier = {**stored, "observers": {"console": True, "tensorboard": False, "samples": False, "sample_length": 9}}
    found = merged(stored=earlier)["observers"]
    assert found["console"] == {"_target_": "seqnet.observers.console.Console"}
    assert not found["tensorboard"] and not found["samples"] and found["sample_length"] == 9


def test_a_stored_observer_is_not_built_unless_it_is_trusted(mine):
    stored = compose("train", [DIGITS, *mine, "observers=mine"]).config
    with pytest.raises(ConfigurationError, match=r"my_module.Mine, .* add trust=\[my_module\]"):
        trust.checked(stored, [])
    assert trust.checked(stored, ["my_module"])["observers"]["mine"]["every"] == 2
    for strange in ({"_target_": 7}, {}, "text", {"_target_": "os.system", "command": "true"}):
        with pytest.raises(ConfigurationError):
            trust.checked({**stored, "observers": {"mine": strange}}, ["my_module"])
    with pytest.raises(ConfigurationError, match="tensorboard.folder"):
        board = {"_target_": "seqnet.observers.tensorboard.TensorBoard", "folder": "/"}
        trust.checked({**stored, "observers": {"tensorboard": board}}, [])

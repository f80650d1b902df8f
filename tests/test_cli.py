"""The command line as a user types it, in processes of its own; and what answers it, in this one."""

import ast
import errno
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from seqnet import cli
from seqnet.commands import completion, usage
from seqnet.configuration import CONFIGS, leaves
from seqnet.errors import CheckpointError
from seqnet.training import manifest

ROOT = Path(__file__).parents[1]


def seqnet(*arguments, folder, stdin=None, **environment):
    return subprocess.run(
        [sys.executable, "-m", "seqnet", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        input=stdin,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment},
    )


@pytest.fixture
def commands(monkeypatch, tmp_path):
    """Stand-ins for the commands: what they were called with, and what they answer."""
    monkeypatch.chdir(tmp_path)
    called, answers = [], {}

    def stand_in(name):
        def run(*given):
            called.append((name, *given))
            answer = answers.get(name, 0)
            if isinstance(answer, BaseException):
                raise answer
            return answer

        return SimpleNamespace(run=run, check=lambda composed: None)

    monkeypatch.setattr(cli, "_command", stand_in)
    return SimpleNamespace(called=called, answers=answers)


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
def test_help_lists_the_commands_that_exist(arguments, tmp_path):
    found = seqnet(*arguments, folder=tmp_path)
    assert found.returncode == 0
    listed = re.findall(r"^  (\w+)  ", found.stdout, re.MULTILINE)
    assert listed == [name for name in cli.COMMANDS if (ROOT / f"seqnet/commands/{name}.py").is_file()]
    assert not found.stderr


@pytest.mark.parametrize("arguments", [[], ["--help"], ["trian"]])
def test_help_and_a_misspelt_command_import_neither_torch_nor_hydra(arguments, tmp_path):
    script = (
        "import sys; from seqnet.cli import answer; answer(sys.argv[1:]); "
        "print(sorted({'torch', 'hydra', 'omegaconf', 'numpy', 'rich'} & set(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert found.stdout.splitlines()[-1] == "[]"


def test_a_misspelt_command_names_the_nearest(tmp_path):
    found = seqnet("trian", folder=tmp_path)
    assert (found.returncode, found.stderr) == (2, "seqnet: unknown command 'trian'; did you mean 'train'?\n")


@pytest.mark.parametrize("command", ["train", "check"])
def test_a_bad_configuration_is_refused_in_one_line_without_torch_or_a_folder(command, tmp_path):
    script = (
        "import sys; from seqnet.cli import answer; code = answer(sys.argv[1:]); "
        "assert 'torch' not in sys.modules; sys.exit(code)"
    )
    found = subprocess.run(
        [sys.executable, "-c", script, command, "training.windw=3"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert found.returncode == 2
    assert found.stderr == "seqnet: unknown key 'training.windw'; did you mean 'training.window'?\n"
    assert not list(tmp_path.iterdir())


HEAVY = (
    "torch._dynamo",
    "sympy",
    "datasets",
    "pandas",
    "sklearn",
    "babel",
    "tokenizers",
    "sacrebleu",
    "optuna",
    "mido",
)
IMPORTED = f"""
import json
import sys
from seqnet.cli import answer
for commands in json.loads(sys.argv[1]):
    for command in commands:
        code = answer(command)
        if code:
            sys.exit(code)
    print(sorted(set({HEAVY}) & set(sys.modules)), file=sys.stderr)
"""


def test_what_a_command_does_not_need_is_not_imported(adding_run, writer_run, tmp_path):
    """torch._dynamo comes with the first optimiser of a process, and takes longer than torch itself."""
    small = ("experiment=adding", "data.length=5", "data.train_size=8", "data.valid_size=4", "data.test_size=4")
    asking = (
        ("evaluate", f"run={adding_run}"),
        ("predict", f"run={adding_run}"),
        ("generate", f"run={writer_run}", "length=3"),
    )
    training = ("train", *small, "training.max_epochs=1", "run_dir=run")
    found = subprocess.run(
        [sys.executable, "-c", IMPORTED, json.dumps([asking, [training]])],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        input="[[0.5, 0], [0.25, 1]]\n",
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )
    assert found.returncode == 0, found.stderr
    needed = [line for line in found.stderr.splitlines() if line.startswith("[")]
    assert needed == ["[]", "['sympy', 'torch._dynamo']"]


def test_hydra_shows_configurations_and_help(tmp_path):
    shown = seqnet("train", "experiment=digits", "cell=gru", "--cfg", "job", "--resolve", folder=tmp_path)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "_target_: seqnet.cells.gru.GRU" in shown.stdout
    shown = seqnet("generate", "--help", folder=tmp_path)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "seqnet generate run=DIR" in shown.stdout
    assert "temperature" in shown.stdout
    assert not list(tmp_path.iterdir())


def test_each_page_of_help_has_usage_words_and_examples(capsys):
    assert cli.answer(["--help"]) == 0
    overview = capsys.readouterr().out
    for command in cli.COMMANDS:
        if command != "train":  # Hydra tells it
            assert cli.answer([command, "--help"]) == 0
            page = capsys.readouterr().out
            assert page.startswith(f"usage: seqnet {command} ")
            assert max(map(len, page.splitlines())) <= 100
    for page in (overview, *(usage.page(name, "", CONFIGS) for name in usage.PAGES)):
        assert page.count("seqnet ") >= 4 and len(re.findall("(?<=examples:\n)(?:  .+\n?){3}", page)) == 1


def test_help_tells_every_key_with_its_default_and_what_it_means(capsys):
    for command in ("predict", "evaluate", "generate"):
        described = set(leaves(yaml.safe_load((CONFIGS / f"{command}.yaml").read_text())))
        described -= {key for key in described if key.startswith(("hydra", "defaults"))}
        assert cli.answer([command, "--help"]) == 0
        page = capsys.readouterr().out
        told = dict(re.findall(r"^  ([\w.]+)=\S+ +(.*)", page, re.MULTILINE))
        assert told.keys() == described | {"decoding"}
        assert "a run folder" in told["run"] and "sampling" in told["decoding"]
        assert all(told.values())


def test_help_of_training_lists_the_launchers(tmp_path):
    shown = seqnet("train", "--help", folder=tmp_path)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith("usage: seqnet train ")
    (listed,) = re.findall("^hydra/launcher: (.*)", shown.stdout, re.MULTILINE)
    script = "import os; from seqnet.commands.completion import after; print(after('train', ['-m'], 'hydra/launcher='))"
    asked = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert [word.partition("=")[2] for word in ast.literal_eval(asked.stdout)] == listed.split(", ")


@pytest.mark.parametrize(
    ("words", "known"),
    [
        (["train", "experiment=digi"], ["digit_average", "digit_captions", "digit_drawing", "digits"]),
        (["train", "-m", "cell=gru,r"], ["gru,raster_lstm", "gru,rnn"]),
        (["train", "attention=soft", "attention.score=d"], ["dot"]),
        (["train", "experiment=digits", "optimizer.l"], ["optimizer.lr="]),
        (["train", "experiment=sst2", "model=cnn", "model.fil"], ["model.filters="]),
        (["train", "hyd"], ["hydra/launcher="]),
        (["train", "deterministic="], ["false", "true"]),
        (["train", "--config-dir", "mine", "cell=my"], ["my_cell"]),
        (["train", "--config-dir", "mi"], ["mine/"]),
        (["train", "--con"], ["--config-dir"]),
        (["train", "--cfg", "j"], ["job"]),
        (["evaluate", "split="], ["train", "valid", "test"]),
        (["predict", "run=mi"], ["mine/"]),
        (["predict", "decoding=gr"], ["greedy"]),
        (["generate", "temp"], ["temperature="]),
        (["inspect", "some"], ["some.csv"]),
        (["checkpoint", "ver"], ["verify"]),
        (["completion", ""], ["bash", "zsh", "fish"]),
        (["leaderboard", "col"], ["columns=all"]),
        (["nothing", ""], ["mine/", "some.csv"]),
    ],
)
def test_completion_knows_what_may_come_next(words, known, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine/cell").mkdir(parents=True)
    (tmp_path / "mine/cell/my_cell.yaml").write_text("_target_: my_module.MyCell\n")
    (tmp_path / "some.csv").touch()
    command, *before, begun = words
    found = completion.after(command, before, begun)
    assert sorted(word.removeprefix(begun.partition("=")[0] + "=") for word in found) == sorted(known)


# What bash does at the Tab key, as `complete` tells it to.
TAB = """
eval "$("$PYTHON" -m seqnet completion bash)"
seqnet() { "$PYTHON" -m seqnet "$@"; }
COMP_LINE="$1" COMP_POINT=${#1} COMP_TYPE=9 COMP_WORDS=($1) COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
$(complete -p seqnet | sed 's/.*-F \\([^ ]*\\).*/\\1/') seqnet
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes(tmp_path):
    for line, known in (("seqnet tr", ["train "]), ("seqnet completion f", ["fish "])):
        found = subprocess.run(
            ["bash", "--norc", "-c", TAB, "bash", line],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHON": sys.executable},
        )
        assert (found.stdout.splitlines(), found.stderr) == (known, "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_reads_its_completion(shell, capsys, tmp_path):
    assert cli.answer(["completion", shell]) == 0
    code = capsys.readouterr()
    assert "seqnet" in code.out and not code.err
    if shutil.which(shell):
        (tmp_path / "code").write_text(code.out)
        checked = subprocess.run([shell, "-n", tmp_path / "code"], capture_output=True, text=True, timeout=60)
        assert (checked.returncode, checked.stderr) == (0, "")


def test_completion_without_its_package_is_told(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "argcomplete", None)
    monkeypatch.setitem(sys.modules, "argcomplete.shell_integration", None)
    assert cli.answer(["completion", "bash"]) == 2
    assert capsys.readouterr().err.endswith(" needs the package argcomplete: pip install 'seqnet[completion]'\n")
    monkeypatch.setenv(completion.ASKING, "1")  # a shell that was told before asks on, and is told nothing
    assert completion.asked(cli.COMMANDS) and capsys.readouterr() == ("", "")


def test_completion_refuses_another_shell(capsys):
    for arguments in ([], ["zhs"], ["bash", "zsh"]):
        assert cli.answer(["completion", *arguments]) == 2
    assert "did you mean 'zsh'?" in capsys.readouterr().err


def test_a_reader_that_has_enough_is_no_error(tmp_path):
    read, write = os.pipe()
    os.close(read)
    found = subprocess.run(
        [sys.executable, "-m", "seqnet", "--help"],
        cwd=tmp_path,
        stdout=write,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    os.close(write)
    assert (found.returncode, found.stderr) == (0, b"")


def test_train_gets_a_plain_configuration_and_what_was_typed(commands):
    assert cli.answer(["train", "experiment=digits", "cell=gru", "optimizer.lr=1", "data.by=pixel"]) == 0
    ((name, config, typed, choices, *_),) = commands.called
    assert name == "train"
    assert type(config["optimizer"]) is dict
    assert type(config["optimizer"]["betas"]) is list
    assert config["optimizer"]["lr"] == 1.0
    assert isinstance(config["optimizer"]["lr"], float)
    assert typed == {"experiment": "digits", "cell": "gru", "optimizer.lr": 1, "data.by": "pixel"}
    assert choices["cell"] == "gru"
    assert choices["debug"] == "null"
    assert config["groups"] == choices
    assert "hydra" not in config
    assert json.loads(json.dumps(config)) == config
    assert not list(Path.cwd().iterdir())


@pytest.fixture
def any_run(monkeypatch):
    """Every folder holds a run."""
    monkeypatch.setattr(manifest, "find", lambda path: path)


def test_text_needs_no_quotes(commands, any_run):
    prompt = "if x == {1, (2)}: it's\n\\"
    assert cli.answer(["generate", "run=out=puts/a,b", f"prompt={prompt}"]) == 0
    assert cli.answer(["generate", "run='quoted'", "prompt=42"]) == 0
    first, second = (called[1] for called in commands.called)
    assert (first["run"], first["prompt"]) == ("out=puts/a,b", prompt)
    assert (second["run"], second["prompt"]) == ("quoted", "42")


def test_decoding_is_a_group_of_generate(commands, any_run):
    assert cli.answer(["generate", "run=x", "decoding=greedy"]) == 0
    assert commands.called[0][1]["decoding"]["_target_"] == "seqnet.decoding.greedy.Greedy"


def test_commands_that_read_a_run_need_one(commands, capsys):
    for command in ("evaluate", "predict", "generate", "export"):
        assert cli.answer([command]) == 2
        assert capsys.readouterr().err.startswith(f"seqnet: run is missing: seqnet {command} run=DIR")
    assert cli.answer(["predict", "-m", "run=x"]) == 2
    assert not commands.called


def test_a_run_that_is_not_there_is_told_without_torch(commands, capsys):
    """The command would import it, which takes longer than to look."""
    for command in ("evaluate", "predict", "generate", "export"):
        assert cli.answer([command, "run=nowhere"]) == 5
        assert capsys.readouterr().err.startswith("seqnet: nowhere does not exist; give the folder of a run")
    assert not commands.called


def test_what_only_training_chooses_is_told_to_other_commands(commands, capsys):
    for command in ("evaluate", "predict", "generate", "export"):
        assert cli.answer([command, "run=x", "cell=gru"]) == 2
        told = f"seqnet: 'cell' is chosen in training; seqnet {command} takes what the run says\n"
        assert capsys.readouterr().err == told
    assert not commands.called


def test_positional_commands_get_their_words(commands):
    commands.answers["checkpoint"] = 5
    assert cli.answer(["checkpoint", "verify", "some where"]) == 5
    assert commands.called == [("checkpoint", ["verify", "some where"])]


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (CheckpointError("no checkpoint there"), 5, "no checkpoint there"),
        (OSError(errno.ENOSPC, "No space left on device", "a/file"), 6, "cannot write a/file"),
        (MemoryError(), 7, "out of memory; end other programs"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (ZeroDivisionError("one\ntwo"), 1, "this is a bug: ZeroDivisionError: one two"),
        (SystemExit(143), 143, ""),
    ],
)
def test_errors_become_a_sentence_and_an_exit_code(commands, capsys, error, code, sentence):
    commands.answers["train"] = error
    assert cli.answer(["train", "experiment=digits"]) == code
    said = capsys.readouterr().err
    assert said.count("\n") == (1 if sentence else 0)
    assert sentence in said
    assert "Traceback" not in said


def test_torch_out_of_memory_is_known_by_its_class(commands, capsys):
    import torch

    commands.answers["train"] = torch.OutOfMemoryError("CUDA out of memory")
    assert cli.answer(["train", "experiment=digits"]) == 7


def test_seqnet_debug_shows_the_traceback(commands, capsys, monkeypatch):
    monkeypatch.setenv("SEQNET_DEBUG", "1")
    commands.answers["train"] = CheckpointError("gone")
    assert cli.answer(["train", "experiment=digits"]) == 5
    assert "Traceback" in capsys.readouterr().err


# A destructor and a thread fail while a command runs.
ASIDE = """
import os
import threading

from seqnet import cli
from seqnet.commands import completion, usage
from seqnet.configuration import CONFIGS, leaves

os.environ.update(DEBUG)

class Half:
    def __del__(self):
        self.missing

def answer(arguments):
    Half()
    failing = threading.Thread(target=lambda: {}["key"])
    failing.start()
    failing.join()
    return 0

cli.answer = answer
cli.main()
"""


def test_what_fails_aside_shows_no_traceback(terminal, tmp_path):
    """As what a signal leaves half built: a destructor can tell nobody, a thread tells it in one sentence."""
    for debug in ({}, {"SEQNET_DEBUG": "1"}):
        (tmp_path / "aside.py").write_text(ASIDE.replace("DEBUG)", f"{debug})"))
        found = terminal("aside.py", folder=tmp_path)
        assert (found.code, found.out) == (0, "")
        if not debug:
            bug = "this is a bug: KeyError: 'key' (SEQNET_DEBUG=1 shows where)"
            assert found.err == f"seqnet: a thread failed: {bug}\n"
        else:
            assert found.err.count("Traceback") == 2 and "AttributeError" in found.err and "KeyError" in found.err


def test_exit_codes_of_commands_are_handed_on(commands):
    commands.answers["train"] = 143
    assert cli.answer(["train", "experiment=digits"]) == 143


def test_users_configs_and_classes_are_found(commands, tmp_path):
    (tmp_path / "mine/cell").mkdir(parents=True)
    (tmp_path / "mine/cell/my_cell.yaml").write_text("_target_: my_module.MyCell\nspeed: 3\n")
    assert cli.answer(["train", "--config-dir", "mine", "experiment=digits", "cell=my_cell", "cell.speed=4"]) == 0
    assert commands.called[0][1]["cell"] == {"_target_": "my_module.MyCell", "speed": 4}
    assert str(tmp_path) in sys.path
    sys.path.remove(str(tmp_path))

"""Sweeps: every job's folder and status, the ranked table, and what is refused before any job begins."""

import csv
import json
import os
import re
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from omegaconf import OmegaConf

from seqnet import cli, folders, sweep
from seqnet import leaderboard as ranking
from seqnet.errors import ConfigurationError, DataError

DIGITS = ["train", "-m", "experiment=digits"]


@pytest.fixture
def trained(monkeypatch, tmp_path, jobs_inside):
    """Stands in for training: the accuracy is the learning rate; some learning rates fail."""
    monkeypatch.chdir(tmp_path)
    configs = []

    def run(config, typed, choices, defaults, places):
        configs.append(config)
        rate = config["optimizer"]["lr"]
        if rate == 13:
            raise DataError("bad luck")
        if rate == 14:
            raise ZeroDivisionError("a bug")
        if rate == 15:
            sys.exit(9)
        if rate == 130:
            os.kill(os.getpid(), signal.SIGINT)  # as who watches the sweep presses Ctrl-C
            return 130
        scores = {"step": 3, "loss": 1 / rate, "accuracy": rate}
        results = {"monitor": config["training"]["monitor"], "best": scores, "test": {"accuracy": rate / 2}}
        (Path(config["run_dir"]) / "results.json").write_text(json.dumps(results))
        return 0

    monkeypatch.setattr(cli, "_command", lambda name: SimpleNamespace(run=run, check=lambda composed: None))
    return configs


def status(folder):
    return json.loads((folder / "status.json").read_text())


def leaderboard(folder):
    with (folder / "leaderboard.csv").open() as file:
        return list(csv.DictReader(file))


def named(*overrides):
    """The folder of the job in which these are swept."""
    return sweep.named(overrides)


def only(folder):
    (found,) = folder.iterdir()
    return found


def test_every_job_has_its_folder_its_status_and_one_thread(trained, capsys):
    assert cli.answer([*DIGITS, "cell=rnn,gru", "optimizer.lr=0.1,0.2"]) == 0
    folder = only(Path("outputs/sweeps/digits"))
    assert "=" not in str(folder)
    jobs = [(f"cell={cell}", f"optimizer.lr={rate}") for cell in ("rnn", "gru") for rate in (0.1, 0.2)]
    assert [config["run_dir"] for config in trained] == [str(folder / named(*job)) for job in jobs]
    assert {config["threads"] for config in trained} == {1}
    found = status(folder / named(*jobs[3]))
    assert found.pop("seconds") >= 0
    assert found == {
        "status": "done",
        "exit_code": 0,
        "error": None,
        "swept": ["cell=gru", "optimizer.lr=0.2"],
        "overrides": ["experiment=digits", "cell=gru", "optimizer.lr=0.2"],
        "pid": os.getpid(),
        "host": os.uname().nodename,
        "sweep": os.getpid(),
    }
    rows = leaderboard(folder)
    assert {row["job"] for row in rows[:2]} == {named(*jobs[1]), named(*jobs[3])}
    rows.sort(key=lambda row: row["job"] != named(*jobs[1]))
    assert rows[0] == {
        "rank": rows[0]["rank"],
        "job": named(*jobs[1]),
        "status": "done",
        "cell": "rnn",
        "optimizer.lr": "0.2",
        "accuracy": "0.2",
        "loss": "5.0",
        "test_accuracy": "0.1",
        "seconds": "",
    }
    assert "leaderboard.csv" in capsys.readouterr().out


def test_lower_losses_rank_first(trained):
    assert cli.answer([*DIGITS, "training.monitor=loss", "optimizer.lr=0.1,0.3,0.2", "run_dir=mine"]) == 0
    assert [row["optimizer.lr"] for row in leaderboard(Path("mine"))] == ["0.3", "0.2", "0.1"]


def test_a_job_that_fails_ends_no_other(trained, capsys):
    assert cli.answer([*DIGITS, "optimizer.lr=13,-1,14,15,0.5", "run_dir=mine"]) == 1
    said = [line for line in capsys.readouterr().err.splitlines() if line]
    assert len(said) == 4
    jobs = [Path("mine", named(f"optimizer.lr={rate}")) for rate in (13, -1, 14, 15, 0.5)]
    assert said[0] == f"seqnet: job {jobs[0].name} (optimizer.lr=13): bad luck"
    assert [status(job)["exit_code"] for job in jobs] == [3, 2, 1, 9, 0]
    assert status(jobs[1])["error"] == "optimizer.lr=-1 must be a number above 0"
    rows = leaderboard(Path("mine"))
    assert [row["rank"] for row in rows] == ["1", "", "", "", ""]
    assert rows[0]["job"] == jobs[4].name
    assert {row["error"] for row in rows} >= {"bad luck", "the code that ran asked to exit with 9"}


def test_an_interrupt_ends_the_sweep(trained):
    assert cli.answer([*DIGITS, "optimizer.lr=0.5,130,0.6", "run_dir=mine"]) == 130
    assert [row["status"] for row in leaderboard(Path("mine"))] == ["done", "interrupted"]
    assert not Path("mine", named("optimizer.lr=0.6")).exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["cell=rnn,lstn"], "unknown cell 'lstn'; did you mean 'lstm'?"),
        (["cel=rnn,lstm"], "unknown key 'cel'; did you mean 'cell'?"),
        (["optimizer.lr=-1,-2"], "optimizer.lr=-1 must be a number above 0"),
        (["sweep=tpe", "cell=gru"], "sweep=tpe has nothing to vary"),
        (["sweep=tpe", "sweep.seeds=2"], "sweep=tpe has nothing to vary"),
        (["sweep.seeds=2", "seed=1,2"], "seed=1,2 and sweep.seeds=2 both say which seeds are run: leave one out"),
        (["sweep.seeds=1,2"], "sweep.seeds=1,2: an option of the sweep itself takes one value"),
        (["sweep=grid", "optimizer.lr=interval(0.1,1)"], "optimizer.lr=interval(0.1,1): a grid takes single values"),
    ],
)
def test_a_sweep_that_cannot_run_leaves_no_folder(trained, capsys, arguments, sentence):
    assert cli.answer([*DIGITS, *arguments]) == 2
    assert capsys.readouterr().err.startswith(f"seqnet: {sentence}")
    assert not list(Path.cwd().iterdir())
    assert not trained


def test_a_refused_sweep_leaves_the_users_folder_alone(trained):
    Path("mine").mkdir()
    assert cli.answer([*DIGITS, "cell=rnn,lstn", "run_dir=mine"]) == 2
    assert Path("mine").is_dir()


@pytest.mark.parametrize("sampler", [[], ["sweep=random", "sweep.trials=2"]])
def test_each_combination_is_run_with_its_seeds(trained, sampler):
    repeats = [*DIGITS, *sampler, "seed=5", "optimizer.lr=0.1,0.2", "sweep.seeds=2", "run_dir=mine"]
    assert cli.answer(repeats) == 0
    assert [config["seed"] for config in trained] == [5, 6, 5, 6]
    jobs = [(f"optimizer.lr={config['optimizer']['lr']}", f"seed={config['seed']}") for config in trained]
    assert {path.name for path in Path("mine").glob("[!.]*/")} == {named(*job) for job in jobs}
    rows = leaderboard(Path("mine"))
    assert {(row["seeds"], row["accuracy_deviation"], row["status"]) for row in rows} == {("2", "0.0", "2 done")}


def test_a_missing_optuna_is_named_with_its_extra(trained, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert cli.answer([*DIGITS, "sweep=random", "optimizer.lr=0.1,0.2"]) == 2
    assert "pip install 'seqnet[sweep]'" in capsys.readouterr().err
    assert not list(Path.cwd().iterdir())


def test_leaderboard_at_any_time(trained, capsys):
    assert cli.answer([*DIGITS, "optimizer.lr=0.1,0.2", "run_dir=mine"]) == 0
    Path("mine/leaderboard.csv").unlink()
    Path("mine/2").mkdir()
    Path("mine/2/status.json").write_text('{"status": "running", "overrides": ["optimizer.lr=0.3"]}')
    with folders.held(Path("mine/2")):
        ranking.finish(Path("mine"))
    assert [row["status"] for row in leaderboard(Path("mine"))] == ["done", "done", "running"]
    ranking.finish(Path("mine"))  # whoever wrote that it runs is gone
    assert [row["status"] for row in leaderboard(Path("mine"))] == ["done", "done", "interrupted"]


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


SMALL = ["experiment=digits", "debug=quick", "model.hidden_size=8", "observers.console=false"]


def test_a_folder_of_runs_with_other_values_is_left_as_it_is(seqnet, jobs_inside):
    train = ("train", "-m", *SMALL, "observers.tensorboard=false", "run_dir=mine")
    assert seqnet(*train, "seed=1,2").code == 0
    before = contents(Path("mine"))
    for others in (["seed=1,2", "cell=gru"], ["seed=3,1", "optimizer.lr=0.5"]):
        found = seqnet(*train, *others)
        assert found.code == 2
        assert found.err.startswith(f"seqnet: mine holds runs of other values: for job {named('seed=1')}, ")
        assert "but the stored run has" in found.err and found.err.count("\n") == 1
        assert contents(Path("mine")) == before
    # Whatever a status says of its overrides, and whichever launcher is typed, what is done is done.
    status = Path("mine", named("seed=1"), "status.json")
    status.write_text(json.dumps({**json.loads(status.read_text()), "overrides": 5}))
    done = seqnet(*train, "seed=1,2", "hydra/launcher=joblib")
    assert (done.code, done.err) == (0, "") and done.out.startswith("2 of 2 jobs are done\n")
    # A limit is no other value, and other values of what is swept are further jobs.
    assert seqnet(*train, "seed=1,7,8", "training.max_steps=3").code == 0
    assert [row["status"] for row in leaderboard(Path("mine"))] == ["done"] * 4
    steps = [seqnet.rows(Path("mine", named(f"seed={seed}")))[-1]["step"] for seed in (1, 2, 7)]
    assert steps == [3, 2, 3]


def test_so_it_is_by_a_sampler(seqnet, jobs_inside):
    train = ("train", "-m", *SMALL, "observers.tensorboard=false", "run_dir=mine", "sweep=random", "sweep.trials=1")
    assert seqnet(*train, "optimizer.lr=interval(0.1,0.2)").code == 0
    before = contents(Path("mine"))
    found = seqnet(*train, "optimizer.lr=interval(0.1,0.2)", "cell=gru")
    assert found.code == 2
    assert "mine holds a search with no cell, not with cell=gru" in found.err
    after = contents(Path("mine"))
    assert before.keys() == after.keys()
    assert all(after[path] == before[path] for path in before if path.name not in ("multirun.yaml", "leaderboard.csv"))


def test_each_job_says_which_it_is_and_how_long_the_rest_may_take(trained, capsys, tmp_path, monkeypatch):
    assert cli.answer([*DIGITS, "optimizer.lr=0.1,0.2,0.3", "run_dir=mine"]) == 0
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("job ")]
    assert re.fullmatch(r"job 1 of 3 [0-9a-f]{8} \(optimizer.lr=0.1\)", told[0])
    assert re.fullmatch(r"job 3 of 3 [0-9a-f]{8} \(optimizer.lr=0.3\): about \d+ s left", told[2])
    outlook = sweep.Outlook(jobs=6, began=0.0)
    monkeypatch.setattr(sweep.time, "time", lambda: 120.0)
    Path("mine/7").mkdir()
    of_the_third = Path("mine", named("optimizer.lr=0.3"))
    told = outlook.of(sweep.Status(of_the_third, ["a=1"], ["cell=gru"], number=2, sweep=1))
    assert told == f"job 3 of 6 {of_the_third.name} (cell=gru): about 4 min 00 s left"  # two took two minutes
    drawn = ["sweep=random", "sweep.trials=2", "optimizer.lr=interval(0.1,1)", "run_dir=drawn"]
    assert cli.answer([*DIGITS, *drawn]) == 0
    assert re.search(r"job 2 of 2 [0-9a-f]{8} \(optimizer.lr=0.\d+\)", capsys.readouterr().out)


def board(capsys, *arguments):
    """The cells of each line of the table that the command shows."""
    capsys.readouterr()
    assert cli.answer(["leaderboard", *map(str, arguments)]) == 0
    lines = [re.split("[┃│]", line)[1:-1] for line in capsys.readouterr().out.splitlines() if line[:1] in "┃│"]
    return [[cell.strip() for cell in line] for line in lines]


def finished(folder, name, scores, monitor="accuracy", config=None, **more):
    (folder / name).mkdir()
    best, test = ({key: value[place] for key, value in scores.items()} for place in (0, 1))
    results = {"monitor": monitor, "best": {"step": 3, **best}, "test": test, "seconds": 12.3456, **more}
    (folder / name / "results.json").write_text(json.dumps(results))
    if config is not None:
        (folder / name / "config.yaml").write_text(config if isinstance(config, str) else OmegaConf.to_yaml(config))


SCORES = {"accuracy": (0.004228517846555483, 0.5), "loss": (1.0, 2.0)}


def test_the_leaderboard_shows_what_decides(tmp_path, capsys):
    for number, cell in enumerate(("gru", "rnn")):
        finished(tmp_path, str(number), {**SCORES, "accuracy": (0.1 * number, 0.25)})
        overrides = ["experiment=digits", f"cell={cell}"]
        (tmp_path / f"{number}/status.json").write_text(json.dumps({"status": "done", "overrides": overrides}))
    (tmp_path / "2").mkdir()
    failed = {"status": "failed", "exit_code": 3, "error": "bad luck", "overrides": ["experiment=digits", "cell=lstm"]}
    (tmp_path / "2/status.json").write_text(json.dumps(failed))
    assert board(capsys, tmp_path) == [
        ["rank", "job", "cell", "valid accuracy", "test accuracy", "seconds", "status"],
        ["1", "1", "rnn", "0.1", "0.25", "12", "done"],
        ["2", "0", "gru", "0", "0.25", "12", "done"],
        ["", "2", "lstm", "", "", "", "failed"],
    ]
    header, *_, last = board(capsys, tmp_path, "columns=all")
    assert header[3:] == ["cell", "accuracy", "loss", "test_accuracy", "test_loss", "seconds", "error"]
    assert last[-1] == "bad luck"
    assert cli.answer(["leaderboard", str(tmp_path)]) == 0
    assert capsys.readouterr().out.endswith("2: bad luck\n")


def test_digits_are_sensible_and_files_are_asked_for(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    finished(tmp_path, "a", SCORES)
    assert board(capsys, ".")[1] == ["1", "a", "0.004229", "0.5", "12", "done"]
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert cli.answer(["leaderboard", ".", "output=board.csv"]) == 0
    (row,) = csv.DictReader(Path("board.csv").read_text().splitlines())
    assert (row["accuracy"], row["test_loss"], row["seconds"]) == ("0.00422852", "2.0", "12.35")
    capsys.readouterr()
    assert cli.answer(["leaderboard", ".", "format=json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["rank"], told["job"], told["accuracy"]) == (1, "a", 0.00422852)


def test_runs_that_are_no_sweep_differ_in_what_they_say(tmp_path, capsys):
    common = {"seed": 1, "groups": {"experiment": "digits", "cell": "gru"}, "cell": {"size": 1}, "optimizer": {"lr": 1}}
    finished(tmp_path, "a", SCORES, config={**common, "run_dir": "a"})
    other = {"groups": {"experiment": "digits", "cell": "rnn"}, "cell": {"size": 2}, "optimizer": {"lr": 2}}
    finished(tmp_path, "b", {**SCORES, "accuracy": (0.5, 0.5)}, config={**common, **other, "run_dir": "b"})
    header, first, _ = board(capsys, tmp_path)
    assert header[:4] == ["rank", "job", "cell", "optimizer.lr"]
    assert first[:4] == ["1", "b", "rnn", "2"]
    finished(tmp_path, "c", {"loss": (1, 1)}, "loss", {**common, "groups": {"experiment": "dates", "cell": "rnn"}})
    assert board(capsys, tmp_path)[0][2:] == ["experiment", "monitor", "valid", "test", "seconds", "status"]


@pytest.mark.parametrize(
    "config",
    ["a: [" * 3000, "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "\x00", "a: !!python/object:os.system {}", "[1]"],
)
def test_a_configuration_that_is_none_says_nothing(config, tmp_path, capsys):
    finished(tmp_path, "a", SCORES, config=config)
    finished(tmp_path, "b", SCORES)
    assert board(capsys, tmp_path)[0][:3] == ["rank", "job", "valid accuracy"]


def test_leaderboard_refuses_what_it_does_not_know(tmp_path, capsys):
    finished(tmp_path, "a", SCORES)
    for arguments, sentence in (
        ((), "leaderboard takes one folder; usage: seqnet leaderboard DIR"),
        ((tmp_path, tmp_path), "leaderboard takes one folder"),
        ((tmp_path, "colums=all"), "unknown key 'colums'; did you mean 'columns'?"),
        ((tmp_path, "columns=most"), "columns=most must be brief or all"),
        ((tmp_path, "output=x.txt"), "output=x.txt must be a path that ends in .csv"),
        ((tmp_path, f"output={tmp_path}/no/x.csv"), "cannot be written: No such file or directory"),
    ):
        assert cli.answer(["leaderboard", *map(str, arguments)]) == 2
        found = capsys.readouterr().err
        assert sentence in found and found.count("\n") == 1


def test_leaderboard_ranks_plain_runs_too(tmp_path):
    for name, loss in (("a", 2.0), ("b", 1.0)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "results.json").write_text(json.dumps({"monitor": "loss", "best": {"loss": loss}}))
    ranking.finish(tmp_path)
    assert [row["job"] for row in leaderboard(tmp_path)] == ["b", "a"]
    (tmp_path / "empty").mkdir()
    for nothing in ("empty", "nowhere"):
        with pytest.raises(ConfigurationError, match="holds no runs"):
            ranking.finish(tmp_path / nothing)


def test_a_job_whose_score_is_no_number_comes_last(tmp_path):
    for name, best in (("a", None), ("b", 2.0)):
        (tmp_path / name).mkdir()
        results = {"monitor": "loss", "best": {"loss": best}, "test": {"loss": 1.0}}
        (tmp_path / name / "results.json").write_text(json.dumps(results))
    ranking.finish(tmp_path)
    assert [(row["job"], row["loss"]) for row in leaderboard(tmp_path)] == [("b", "2.0"), ("a", "nan")]


@pytest.fixture
def rows_of_a_sweep_and_alone(terminal, tmp_path):
    """Runs a sweep of two jobs by a launcher, and its second alone: both metrics.jsonl."""
    train = ["seqnet", "train", "experiment=digits", "debug=quick", "model.hidden_size=8"]

    def rows(*launcher):
        found = terminal(*train, "-m", "cell=rnn,gru", *launcher, "run_dir=sweep", folder=tmp_path)
        assert found.code == 0, found.err
        assert len(leaderboard(tmp_path / "sweep")) == 2
        alone = terminal(*train, "cell=gru", "threads=1", "run_dir=alone", folder=tmp_path)
        assert alone.code == 0, alone.err
        return [(tmp_path / name / "metrics.jsonl").read_text() for name in (f"sweep/{named('cell=gru')}", "alone")]

    return rows


@pytest.mark.slow
def test_a_job_gives_the_numbers_of_the_same_run_alone(rows_of_a_sweep_and_alone):
    in_sweep, alone = rows_of_a_sweep_and_alone()
    assert in_sweep == alone


@pytest.mark.slow
def test_a_job_of_the_joblib_launcher_too(rows_of_a_sweep_and_alone):
    in_sweep, alone = rows_of_a_sweep_and_alone("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    assert in_sweep == alone


@pytest.mark.slow
def test_a_job_of_the_submitit_launcher_too(rows_of_a_sweep_and_alone):
    in_sweep, alone = rows_of_a_sweep_and_alone("hydra/launcher=submitit_local")
    assert in_sweep == alone


@pytest.mark.slow
def test_a_job_of_the_ray_launcher_too(rows_of_a_sweep_and_alone):
    pytest.importorskip("hydra_plugins.hydra_ray_launcher", reason="Ray is not installed: pip install 'seqnet[ray]'")
    in_sweep, alone = rows_of_a_sweep_and_alone("hydra/launcher=ray")
    assert in_sweep == alone


def test_what_a_sweep_varies_is_known_in_its_folder(trained, tmp_path):
    """From what Hydra writes there before the first job, under each of the samplers; a stranger's file says nothing."""
    ranges = ["cell=rnn,gru", "optimizer.lr=0.1,0.2", "seed=3"]
    for sampler in ([], ["sweep=random", "sweep.trials=2"]):
        folder = f"by{len(sampler)}"
        assert cli.answer([*DIGITS, *ranges, *sampler, f"run_dir={folder}"]) == 0
        assert sweep.varied(Path(folder)) == ["cell", "optimizer.lr"]
    assert sweep.varied(tmp_path) == []
    for strange in (
        "",
        "[",
        "hydra: 3\n",
        "hydra: {overrides: {task: 7}}\n",
        "hydra:\n  overrides:\n    task: ['a b', 3]\n",
    ):
        (tmp_path / "multirun.yaml").write_text(strange)
        assert sweep.varied(tmp_path) == []


def test_a_job_is_named_after_its_values_however_they_are_typed():
    name = sweep.named(["cell=gru", "optimizer.lr=0.001"])
    assert name == "12da344e"  # for ever: it finds what was run
    for typed in (["optimizer.lr=1e-3", "cell='gru'"], ["+cell=gru", "optimizer.lr=.001"]):
        assert sweep.named(typed) == name
    assert sweep.named(["cell=gru", "optimizer.lr=0.002"]) != name
    assert sweep.canonical(["b=1.0", "a='1'", "c=null", "d=[1.0,x]", "e='a b'", "f=True", "g=nan", "h='nan'"]) == [
        'a="1"',
        "b=1",
        "c=null",
        'd=[1, "x"]',
        'e="a b"',
        "f=true",
        "g=nan",
        'h="nan"',
    ]
    assert sweep.canonical(["attention.score=dot"]) == sweep.canonical(["attention/score=dot"])
    twice = list(sweep.grid(["cell=gru,rnn,'gru'", "seed=range(2)", "threads=1"]))
    assert [values for _, values in twice] == [
        [f"cell={cell}", f"seed={seed}", "threads=1"] for cell in ("gru", "rnn") for seed in (0, 1)
    ]
    with pytest.raises(ConfigurationError, match="type the choices"):
        list(sweep.grid(["cell=glob(*)"]))

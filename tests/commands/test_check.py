"""`seqnet check`: what it tells, its exit codes, and rows that are made up where there are none."""

import re

import pytest

from seqnet.checks.contract import names
from seqnet.configuration import CONFIGS
from seqnet.data.formats import find
from seqnet.errors import MissingData
from tests.checks.test_planted import SUM

SMALL = ("model.hidden_size=6", "model.embedding_size=5", "model.num_layers=1")


def test_each_contract_is_a_line_of_json(seqnet, tmp_path):
    done = seqnet("check", *SUM)
    assert done.code == 0, done.out
    assert [row["contract"] for row in done.rows] == names()
    for row in done.rows:
        kept = row["outcome"] == "passed"
        assert row.keys() == {"contract", "title", "outcome", "difference", "tolerance", "what", "seconds"}
        assert kept or (row["outcome"] == "does not apply" and row["difference"] is None and row["what"])
        assert not kept or row["difference"] <= row["tolerance"]
    assert not list(tmp_path.iterdir()), "it left something behind"


def test_a_broken_contract_is_told_with_its_exit_code(seqnet):
    done = seqnet("check", *SUM, "cell._target_=tests.checks.planted.Forgetful", "format=json")
    assert done.code == 1
    broken = {row["title"] for row in done.rows if row["outcome"] == "failed"}
    assert "every output remembers" in broken
    assert (
        done.err
        == f"seqnet: {len(broken)} of {len(names())} contracts broken: "
        + ", ".join(row["title"] for row in done.rows if row["title"] in broken)
        + "\n"
    )


def test_on_a_terminal_it_is_a_table(seqnet, monkeypatch):
    monkeypatch.setattr("seqnet.terminal._Output.isatty", lambda self: True)
    done = seqnet("check", *SUM, "cell._target_=tests.checks.planted.Forgetful")
    plain = re.sub(r"\x1b\[[\d;]*m", "", done.out)
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in plain.splitlines() if "│" in line]
    assert len(rows) == len(names()) and all(len(row) == 5 for row in rows)
    assert ["every output remembers", "failed", "1", "0.25"] in [row[:4] for row in rows]
    assert "every output remembers: failed: outputs of the layer" in done.out
    assert "greedy = beam of 1: does not apply: nothing is written step by step" in done.out
    assert done.out.count("\n") < 40 and "{" not in done.out
    told = seqnet("check", *SUM, "format=json")
    assert len(told.rows) == len(names())


def test_where_there_is_no_data_rows_are_made_up_and_it_is_said(seqnet):
    done = seqnet("check", "experiment=sst2", *SMALL)
    assert done.code == 0, done.out
    told = "seqnet: the data is not there, so rows are made up of what is read and asked: data/sst2 does not exist: "
    assert done.err.startswith(told)


def test_a_hub_name_that_is_not_to_be_had_is_data_that_is_not_there(seqnet, monkeypatch):
    def offline(name):
        raise MissingData(f"data.path={name}: no such file or folder here, and no data set of that name from the Hub")

    monkeypatch.setattr(find, "load_hub", offline)
    done = seqnet("check", "experiment=sst2", "data.path=owner/name", *SMALL)
    assert done.code == 0 and "the data is not there" in done.err


def test_data_that_is_there_and_bad_is_refused(seqnet, tmp_path):
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    done = seqnet("check", "experiment=sst2", "data.path=rows.csv", "data.fields.text.column=text")
    assert done.code == 3 and "rows.csv" in done.err and not done.out


@pytest.mark.parametrize(
    "typed, said",
    [
        (["model.hiden_size=3"], "did you mean 'model.hidden_size'?"),
        (["format=jsn"], "format=jsn must be json, or left out; did you mean 'json'?"),
        (["export=false"], "export=false must be true, or left out"),
        (["-m", "cell=gru,rnn"], "takes one run"),
        (["objective=ctc"], "objective=ctc"),
        (["model.tied=true"], "tied"),
    ],
)
def test_what_training_refuses_is_refused(seqnet, typed, said):
    done = seqnet("check", *SUM, *typed)
    assert done.code == 2 and said in done.err and not done.out and done.err.count("\n") == 1


def test_help_says_what_it_takes(seqnet):
    done = seqnet("check", "--help")
    assert done.code == 0 and done.out.startswith("usage: seqnet check [GROUP=CHOICE ...]")


def test_it_reads_a_stored_run_too(seqnet):
    assert seqnet.quietly(*SUM, "training.max_steps=2", "run_dir=run").code == 0
    done = seqnet("check", "run_dir=run")
    assert done.code == 0, done.out + done.err


@pytest.mark.slow
@pytest.mark.parametrize("experiment", sorted(path.stem for path in (CONFIGS / "experiment").glob("*.yaml")))
def test_every_experiment_keeps_every_contract(seqnet, experiment):
    done = seqnet("check", f"experiment={experiment}", "threads=1")
    if experiment == "blank":
        assert done.code == 2
        return
    assert done.code == 0, [row for row in done.rows if row["outcome"] == "failed"]

"""Entities, parts of speech and trees: learned at a small size, of drawn sentences and of files of one's own."""

import json

import numpy as np
import pytest

from seqnet.cli import answer
from seqnet.data.fields import schemes
from seqnet.data.generated.entities import Entities
from seqnet.data.generated.phrases import Phrases
from seqnet.objectives.crf import BIOES, allowed_moves
from seqnet.tasks.writing_scores import is_tree

QUIET = ["threads=1", "device=cpu", "observers.console=false", "observers.tensorboard=false", "observers.samples=false"]


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Trains as `seqnet train` does and gives the run's results; the run is in the folder `run`."""
    monkeypatch.chdir(tmp_path)

    def train(*arguments):
        assert answer(["train", *arguments, *QUIET, "run_dir=run"]) == 0, capsys.readouterr().err
        return json.loads((tmp_path / "run" / "results.json").read_text(encoding="utf-8"))

    return train


def predicted(lines, capsys, *arguments):
    with open("asked.txt", "w", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in lines))
    assert answer(["predict", "run=run", "input=asked.txt", "output=told.jsonl", *arguments]) == 0, (
        capsys.readouterr().err
    )
    with open("told.jsonl", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def drawn(kind, rows, **options):
    made = kind(3, rows, 1, 1, **options)
    return list(made.draw("train", rows, np.random.default_rng(0)))


def test_entities_of_a_file_in_its_own_scheme(run, tmp_path, capsys):
    """What is predicted is a row of tags that BIOES allows, however little was learned."""
    rows = [(words, schemes.from_bio(tags, "BIOES")) for words, tags in drawn(Entities, 60)]
    for name, part in (("train", rows[:50]), ("dev", rows[50:])):
        text = "\n".join("".join(f"{word}\t{tag}\n" for word, tag in zip(*row, strict=True)) for row in part)
        (tmp_path / f"{name}.conll").write_text(text, encoding="utf-8")
    run(
        "experiment=entities",
        f"data.path={tmp_path}",
        "data.fields.tag.scheme=BIOES",
        "data.fields.tag.convert_back=true",
        "training.max_epochs=1",
        "schedule.warmup_steps=1",
        "model.hidden_size=16",
    )
    names = sorted({tag for _, tags in rows for tag in tags})
    moves = allowed_moves(names)
    told = predicted([" ".join(words) for words, _ in rows[50:]], capsys)
    for one, (words, _) in zip(told, rows[50:], strict=True):
        tags = [names.index(tag) for tag in one["prediction"]]
        assert len(tags) == len(words) == len(one["score"]) and all(map(BIOES.fullmatch, one["prediction"]))
        assert moves.begin[tags[0]] and moves.end[tags[-1]]
        assert all(moves.move[pair] for pair in zip(tags, tags[1:], strict=False))


def test_trees_of_a_file_are_well_formed_however_they_are_looked_for(run, tmp_path, capsys):
    rows = drawn(Phrases, 60, most=8)
    lines = ["sentence\ttree", *(f"{sentence}\t{tree}" for *_, sentence, tree in rows)]
    (tmp_path / "mine.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    small = ("training.max_epochs=1", "schedule.warmup_steps=1", "model.hidden_size=8")
    found = run("experiment=brackets", "data.path=mine.tsv", "data.test_share=0.2", *small)
    assert found["test"]["well_formed"] == 1
    sentences = [sentence for *_, sentence, _ in rows[:6]]
    for decoding in ("greedy", "beam", "sampling"):
        for one, sentence in zip(predicted(sentences, capsys, f"decoding={decoding}"), sentences, strict=True):
            assert is_tree(one["prediction"], len(sentence.split())), (decoding, one)


def test_parts_of_speech_of_a_few_sentences(run):
    """Far better than always answering the commonest, NOUN."""
    sizes = ("data.generated.train_size=200", "data.generated.valid_size=50", "data.generated.test_size=100")
    found = run(
        "experiment=part_of_speech", *sizes, "training.max_epochs=3", "data.batch_size=8", "model.hidden_size=24"
    )
    assert found["test"]["accuracy"] > 0.55 > 0.4 > found["test"]["baseline_accuracy"]


# ------------------------------------------------------------------------------------------- as they stand


@pytest.mark.slow
def test_entities(run):
    assert run("experiment=entities")["test"]["entity_f1"] >= 0.95


@pytest.mark.slow
def test_entities_without_a_row_of_tags_judged_as_a_whole(run):
    """Well below what the CRF finds."""
    assert run("experiment=entities", "objective=tags")["test"]["entity_f1"] < 0.965


@pytest.mark.slow
def test_parts_of_speech(run):
    assert run("experiment=part_of_speech")["test"]["accuracy"] >= 0.98


@pytest.mark.slow
def test_brackets(run):
    found = run("experiment=brackets")["test"]
    assert found["bracket_f1"] >= 0.85 and found["well_formed"] == 1

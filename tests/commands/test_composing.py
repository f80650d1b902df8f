"""A run that says which labels come next goes on by itself: what it tells is what it would be judged by."""

import json
import wave
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from seqnet.commands.composing import composed
from seqnet.commands.questions import Asking
from seqnet.commands.stored import load

KINDS = {  # by the type of the field: what a step may hold, and what a run of it is
    "roll": (
        [60, 64, 67],
        ("objective=nade", "objective.units=3", "data.fields.x.lowest=59", "data.fields.x.highest=68"),
    ),
    "labels": (["a", "b", "c"], ("objective=multi_label", "data.fields.x.axis=step", "cell=gru")),
}


@pytest.fixture(params=KINDS)
def made(request: Any, seqnet: Any) -> Any:
    """A run, and three entries that a step may hold."""
    entries, typed = KINDS[request.param]
    rows = [[entries[:2], entries[1:], []] * 2, [entries[2:], entries[:1]] * 3]
    Path("rows.jsonl").write_text("".join(json.dumps({"x": row}) + "\n" for row in rows * 4))
    small = ("model.hidden_size=5", "model.embedding_size=null", "optimizer.lr=0.1", "training.max_epochs=3")
    words = ("experiment=blank", "data.path=rows.jsonl", f"+field@data.fields.x={request.param}", "data.inputs=[x]")
    found = seqnet.quietly(*words, "data.target=x", "task=many_to_many", *typed, *small, "run_dir=run")
    assert found.code == 0, found.err
    return entries


def ask(seqnet: Any, *typed: str) -> list[dict[str, Any]]:
    found = seqnet("generate", "run=run", *typed)
    assert found.code == 0, found.err
    return [json.loads(line) for line in found.out.splitlines()]


def test_it_goes_on_with_what_the_same_model_would_say_of_it(seqnet: Any, made: list[Any]) -> None:
    prompt = json.dumps([made[:2], made[2:]])
    typed = (f"prompt={prompt}", "length=5", "samples=3", "seed=4")
    rows = ask(seqnet, *typed)
    assert rows == ask(seqnet, *typed) != ask(seqnet, *typed[:-1], "seed=5")
    assert len({str(row["prediction"]) for row in rows}) > 1
    stored = load(Path("run"), "best", [], "cpu")
    source, objective = stored.assembly.source, stored.assembly.objective
    for row in rows:
        assert row["prediction"][:2] == [made[:2], made[2:]] and len(row["prediction"]) == 7
        inputs = source.read_inputs([json.dumps(row["prediction"])], "here").batch(torch.tensor([0]))
        with torch.no_grad():
            output = stored.assembly.model(inputs, None)
            logits = output.head(output.features[0, 1:-1])
            loss = objective.loss(logits, inputs.inputs[0, 2:], training=False)
        assert row["score"] == pytest.approx(-loss.item(), rel=1e-4)
    (greedy,) = ask(seqnet, *typed[:2], "decoding=greedy")
    labels, score = composed(stored, {"_target_": "seqnet.decoding.greedy.Greedy", "max_length": 5}, prompt, 1, 0)
    assert score.item() == pytest.approx(greedy["score"])
    first = objective.decide(output.head(output.features[:, 1]))[0]
    assert source.fields["x"].decode(first[0]) == greedy["prediction"][2] == source.fields["x"].decode(labels[0, 2])


def test_from_nothing_in_words_and_what_is_refused(seqnet: Any, made: list[Any]) -> None:
    (row,) = ask(seqnet, "length=3", "temperature=0.5")
    assert row["prompt"] == "" and len(row["prediction"]) == 3
    assert len(seqnet("generate", "run=run", "length=3", "format=text").out.split()) == 3
    for typed, sentence in {
        ("decoding=beam",): "decoding=beam chooses among tokens, and this run goes on with several labels a step",
        ("top_k=2",): "decoding.top_k=2 is of tokens",
        ("decoding=greedy", "temperature=2"): "belong to decoding=sampling",
        ("decoding=greedy", "decoding.vocabulary=words.txt"): "decoding.vocabulary=words.txt is of tokens",
        ("decoding=greedy", "decoding.replace_unknown=true"): "decoding.replace_unknown=true is of tokens",
        ("prompt=[[3.5]]",): "prompt, line 1",
        ("output=x.png",): "a .png shows a drawing",
    }.items():
        found = seqnet("generate", "run=run", *typed)
        assert found.code in (2, 3) and sentence in found.err
    plays = seqnet("generate", "run=run", "length=3", "output=x.wav")
    if made[0] == 60:
        with wave.open("x.wav") as sound:
            assert plays.code == 0 and sound.getnframes() > 0
        assert seqnet("generate", "run=run", "length=1", "prompt=[[60,64]]", "format=text").out.startswith("C4+E4 ")
    else:
        assert plays.code == 2 and "plays notes, and this run writes none" in plays.err


def test_an_explanation_is_told_the_labels_that_the_row_itself_has(seqnet: Any, made: list[Any]) -> None:
    stored = load(Path("run"), "best", [], "cpu")
    source, objective = stored.assembly.source, stored.assembly.objective
    row = source.read_inputs([json.dumps([made[:2], made[2:]])], "here").batch(torch.tensor([0]))
    (question,) = Asking(stored, None, None, None)(row, 1).questions
    chain = hasattr(objective, "conditionals")
    other = replace(row, inputs=(1 - row.inputs).expand(3, -1, -1), lengths=row.lengths.expand(3))
    with torch.no_grad():
        logits = (output := stored.assembly.model(other, None)).head(output.features[:, -1])
        found = Asking(stored, None, None, None).numbers([question])(other)
        decided = objective.decide(stored.assembly.model(row, None).logits()[:, -1])[0]
    wanted = objective.conditionals(logits, decided.expand(3, -1)) if chain else logits
    assert torch.equal(question.labels, decided[0]) if chain else question.labels is None
    torch.testing.assert_close(found[:, 0], wanted[:, question.column])

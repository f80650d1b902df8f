"""What the classes that read files before there were fields gave of small files: the same is given now.

golden/*.json holds, by case, how it was asked for then (`was`), and what came: the names of the vocabularies, and each
split's numbers end to end with the offsets of its rows (seed 3). golden/runs.json holds the losses of twelve steps of
each experiment (seed 7, one thread), and what it then said of a few lines. All texts are in Unicode's form NFC, which
was not made then.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from seqnet.data.examples import Examples, Ragged, Stream
from seqnet.specs import Spec

GOLDEN = Path(__file__).parent / "golden"
KINDS = ("sentences", "tags", "text", "pairs", "numbers", "music")
WAS = {name: given for kind in KINDS for name, given in json.loads((GOLDEN / f"{kind}.json").read_text()).items()}
RUNS = json.loads((GOLDEN / "runs.json").read_text())


def text(**options: Any) -> dict[str, Any]:
    return {"type": "text", **options}


def labelled(**options: Any) -> dict[str, Any]:
    fields = {"text": text(**options), "label": {"type": "label"}}
    return {"fields": fields, "inputs": ["text"], "target": "label", "valid_share": 0.1}


def tagged(word: dict[str, Any], letters: dict[str, Any] | None, tag: int, **options: Any) -> dict[str, Any]:
    fields = {"word": {"type": "tokens", "column": 0, **word}, "tag": {"type": "tags", "column": tag}}
    if letters is not None:
        fields["characters"] = {"type": "letters", "column": 0, **letters}
    inputs = [name for name in ("word", "characters") if name in fields]
    return {"fields": fields, "inputs": inputs, "target": "tag", "valid_share": 0.1, **options}


def running(share: float = 0.1, test: float = 0.0, **options: Any) -> dict[str, Any]:
    shares = {"valid_share": share, "test_share": test}
    return {"fields": {"text": text(**options)}, "inputs": ["text"], "target": "text", **shares}


def translated(test: float = 0.0, source: Any = "de", target: Any = "en", joint: bool = False, **options: Any) -> Any:
    fields = {"de": text(column=source, **options), "en": text(column=target, **options)}
    if joint:
        fields["en"]["vocabulary"] = "de"
    return {"fields": fields, "inputs": ["de"], "target": "en", "valid_share": 0.1, "test_share": test}


def numeric(target: dict[str, Any], column: str, valid: float = 0.1) -> dict[str, Any]:
    fields = {"inputs": {"type": "series", "scale": "none"}, "answer": {**target, "column": column}}
    return {"fields": fields, "inputs": ["inputs"], "target": "answer", "valid_share": valid, "test_share": 0.1}


NOW: dict[str, tuple[str, dict[str, Any]]] = {
    "sentences": (
        "sentences.tsv",
        {
            **labelled(),
            "fields": {"text": text(column=0, min_count=2), "label": {"type": "label", "column": 1}},
            "test_share": 0.2,
        },
    ),
    "sentences of named columns": ("reviews", labelled(lower=True, vocabulary_size=12)),
    "sentences of characters": ("reviews", labelled(level="characters")),
    "sentences of byte pairs": ("reviews", labelled(level="bpe", vocabulary_size=262)),
    "sentences with numbers as labels": ("labels.jsonl", labelled()),
    "tags": ("tags", tagged({"lower": True, "min_count": 2}, {}, -1)),
    "tags without characters, held out": (
        "tags.conll",
        tagged({}, None, -1, valid_share=0.2, test_share=0.2, format={"type": "conll", "comments": True}),
    ),
    "tags, other columns": ("tags", tagged({}, {"most": 3}, 1)),
    "text of characters": ("novel.txt", running(test=0.1, level="characters")),
    "text of words": ("novel.txt", running(lower=True, min_count=2)),
    "text of byte pairs": ("novel.txt", running(level="bpe", vocabulary_size=270)),
    "text of documents": ("documents", running(0.3, 0.2)),
    "text by split": ("ptb", running()),
    "text of rows": ("rows.jsonl", running(column="body")),
    "pairs": ("pairs", translated(min_count=2)),
    "pairs of a joint vocabulary": ("pairs/train.de", translated(0.2, joint=True)),
    "pairs of characters, by position": ("pairs.tsv", translated(source=1, target=0, level="characters")),
    "pairs of byte pairs": ("translations.jsonl", translated(level="bpe", vocabulary_size=262)),
    "numbers with a label": ("numbers/labelled.jsonl", numeric({"type": "label"}, "target")),
    "numbers with a number": ("numbers/numbered.jsonl", numeric({"type": "number", "scale": "none"}, "target")),
    "numbers with numbers a step": (
        "numbers/stepwise.jsonl",
        numeric({"type": "series", "scale": "none"}, "targets", 0.2),
    ),
    "numbers with a label a step": ("numbers/tagged.jsonl", numeric({"type": "label", "axis": "step"}, "targets")),
    "music": (
        "music/music.json",
        {"fields": {"notes": {"type": "roll", "column": "value"}}, "inputs": ["notes"], "target": "notes"},
    ),
}


def shown(space: Spec) -> list[str] | int:
    return list(getattr(space, "names", ())) or space.size


def rounded(values: Any) -> Any:
    if isinstance(values, list):
        return [rounded(value) for value in values]
    return round(values, 6) if isinstance(values, float) else values


def plain(column: Any, roll: bool) -> Any:
    """Numbers as in the files: rows end to end and their offsets; of music which keys sound at each step."""
    if not isinstance(column, Ragged):
        return rounded(column.tolist())
    flat = [step.nonzero()[:, 0].tolist() for step in column.flat] if roll else rounded(column.flat.tolist())
    return [flat, column.offsets.tolist()]


def given(source: Any, split: Examples | Stream | None, roll: bool) -> dict[str, Any] | None:
    if split is None:
        return None
    if isinstance(split, Stream):
        return {"documents": plain(split.documents, False)}
    found = {"inputs": plain(split.inputs, roll), "targets": plain(split.targets, roll)}
    found["views"] = {name: view.flat.tolist() for name, view in split.views.items()}
    return found if split.source is None else {**found, "source": plain(split.source, False)}


@pytest.mark.parametrize("name", list(WAS))
def test_the_same_is_read_of_the_same_files(name: str, table: Any) -> None:
    path, options = NOW[name]
    was = WAS[name]
    source = table(GOLDEN / path, seed=3, **options)
    source.fit()
    for what in ("inputs", "targets", *(("source",) if "source" in was else ())):
        assert shown(getattr(source, what)) == was[what], what
    assert {view: shown(space) for view, space in source.views.items()} == was["views"]
    if "longest" in was:
        assert source.writing.longest == was["longest"]
    for split, wanted in was["splits"].items():
        assert given(source, source.split(split), name == "music") == wanted, split


BLANK = (
    "+field@data.fields.inputs=series",
    "data.fields.inputs.scale=none",
    "data.inputs=[inputs]",
    "data.test_share=0.1",
)
TYPED: dict[str, tuple[str, ...]] = {
    "sst2": ("data.path=sentences.tsv", "data.test_share=0.1"),
    "sst2, named columns": ("data.path=reviews", "data.fields.text.column=text", "data.fields.label.column=label"),
    "wnut17": ("data.path=tags", "data.inputs=[word,letters]", "objective.bias=0"),
    "multi30k": ("data.path=pairs",),
    "multi30k, joint": ("data.path=pairs", "data.fields.en.vocabulary=de", "model.shared_embedding=true"),
    "tiny_shakespeare": ("data.path=novel.txt", "cell=lstm", "optimizer.lr=4e-3", "training.ema_decay=null"),
    "jsb_chorales": ("data.path=music", "data.fields.notes.transpose=3"),
    "blank, a label": (
        *BLANK,
        "+field@data.fields.target=label",
        "data.target=target",
        "task=many_to_one",
        "objective=classification",
        "data.path=numbers/labelled.jsonl",
    ),
    "blank, a number": (
        *BLANK,
        "+field@data.fields.target=number",
        "data.fields.target.scale=none",
        "data.target=target",
        "task=many_to_one",
        "objective=regression",
        "data.path=numbers/numbered.jsonl",
    ),
    "blank, numbers a step": (
        *BLANK,
        "+field@data.fields.targets=series",
        "data.fields.targets.scale=none",
        "data.target=targets",
        "objective=regression",
        "data.path=numbers/stepwise.jsonl",
    ),
    "blank, a label a step": (
        *BLANK,
        "+field@data.fields.targets=label",
        "data.fields.targets.axis=step",
        "data.target=targets",
        "objective=classification",
        "data.path=numbers/tagged.jsonl",
    ),
}
TINY = {
    "model.hidden_size": 8,
    "model.embedding_size": 6,
    "data.batch_size": 4,
    "seed": 7,
    "training.max_steps": 12,
    "training.max_epochs": "null",
    "training.evaluate_every_steps": 12,
    "training.log_every_steps": 4,
}


@pytest.mark.parametrize("name", list(RUNS))
def test_the_same_is_learned_and_predicted(name: str, seqnet: Any) -> None:
    for path in GOLDEN.iterdir():
        Path(path.name).symlink_to(path)
    more = dict(each.split("=") for each in RUNS[name]["more"].split())
    tiny = TINY if name.startswith("blank") else {**TINY, "schedule.warmup_steps": 2}
    options = [f"{key}={value}" for key, value in {**tiny, **more}.items()]
    found = seqnet.quietly(f"experiment={name.split(',')[0]}", *TYPED[name], *options, "run_dir=run")
    assert found.code == 0, found.err
    losses = [[row["split"], row["step"], row["loss"]] for row in seqnet.rows("run")]
    assert [row[:2] for row in losses] == [row[:2] for row in RUNS[name]["losses"]]
    assert [row[2] for row in losses] == pytest.approx([row[2] for row in RUNS[name]["losses"]], rel=1e-4)
    lines = "".join(f"{line}\n" for line in RUNS[name]["lines"]).encode()
    found = seqnet("predict", "run=run", "device=cpu", stdin=lines)
    assert found.code == 0, found.err
    for row, (prediction, score) in zip(found.rows, RUNS[name]["predictions"], strict=True):
        same(row["prediction"], prediction)
        same(row["score"], score)


def same(found: Any, wanted: Any) -> None:
    if isinstance(wanted, list):
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted, strict=True):
            same(one, other)
    else:
        assert found == (pytest.approx(wanted, rel=1e-3) if isinstance(wanted, float) else wanted)

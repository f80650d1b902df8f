"""Files of many kinds, as people have them: trained on from the shell, gone on with, asked in the same format."""

import csv
import json
import random
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from seqnet.data.files import BadRows
from seqnet.data.formats.auto import Auto
from seqnet.data.formats.find import find

DRAWN = random.Random(3)
GOOD, BAD, FILL = ("good", "lovely", "fine"), ("bad", "dull", "poor"), ("the", "film", "was", "plot", "very", "a")
ROWS = 24


class Case(NamedTuple):
    """Files of one kind, and how they are read."""

    write: Callable[[Path], None]  # into an empty folder, train and what predict reads
    overrides: tuple[str, ...]
    asked: str  # what predict reads: a file beside the training data
    answers: int
    target: str | None = None  # what the answer's column is called; None: lines of JSON are written
    rows: int | None = None  # of the file that is written, where they are not as many as the answers


def table(path: Path, rows: list[dict[str, Any]], delimiter: str = ",") -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)


def review(good: bool) -> str:
    words = DRAWN.choices(FILL, k=DRAWN.randint(2, 7))
    return " ".join([*words, DRAWN.choice(GOOD if good else BAD)])


def reviews(folder: Path, stars: Callable[[bool], Any]) -> None:
    rows = []
    for number in range(ROWS):
        good = number % 2 == 0
        rows.append(
            {
                "review": review(good),
                "land": DRAWN.choice(["at", "de"]),
                "price in €": round(DRAWN.uniform(10, 90_000), 2),
                "stars": stars(good),
            }
        )
    table(folder / "train.csv", rows)
    table(folder / "new.csv", [{key: row[key] for key in row if key != "stars"} for row in rows[:5]])


REVIEW = (
    "+field@data.fields.review=text",
    "+field@data.fields.country=label",
    "data.fields.country.column=land",
    "+field@data.fields.price=number",
    "data.fields.price.column=price in €",
    "data.inputs=[review,country,price]",
    "data.target=stars",
    "task=many_to_one",
)


def labelled_reviews(folder: Path) -> None:
    reviews(folder, lambda good: 5 if good else 1)


def rated_reviews(folder: Path) -> None:
    reviews(folder, lambda good: 68_000 if good else 12_000)


def conllu(folder: Path) -> None:
    sentences = []
    for number in range(ROWS):
        lines = [f"# sent_id = {number}", "1-2\tdoes\t_\t_\t_\t_\t_\t_\t_\t_"]
        for place in range(1, DRAWN.randint(3, 6)):
            noun = DRAWN.random() < 0.5
            word = DRAWN.choice(["Cat", "dog", "tree"] if noun else ["runs", "sees"])
            tag = "NOUN" if noun else "VERB"
            lines.append(f"{place}\t{word}\t{word.lower()}\t{tag}\t_\tNumber=Sing\t0\troot\t_\t_")
        sentences.append("\n".join(lines))
    (folder / "xx_ewt-ud-train.conllu").write_text("\n\n".join(sentences) + "\n")
    (folder / "xx_ewt-ud-dev.conllu").write_text("\n\n".join(sentences[:6]) + "\n")
    (folder / "new.conllu").write_text("\n\n".join(sentences[:4]) + "\n")


def questions(folder: Path) -> None:
    rows = []
    for number in range(ROWS):
        same = number % 2 == 0
        one = review(True)
        rows.append({"first": one, "second": one if same else review(False), "same": "yes" if same else "no"})
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "new.jsonl").write_text("".join(json.dumps({**row, "same": None}) + "\n" for row in rows[:3]))


def tickets(folder: Path) -> None:
    rows = []
    for _ in range(ROWS):
        kinds = [kind for kind in ("urgent", "billing") if DRAWN.random() < 0.5] or ["other"]
        rows.append({"text": " ".join([*kinds, *DRAWN.choices(FILL, k=3)]), "kinds": ",".join(kinds)})
    table(folder / "train.tsv", rows, "\t")
    table(folder / "new.tsv", [{"text": row["text"]} for row in rows[:4]], "\t")


def pictures(folder: Path) -> None:
    from PIL import Image

    for split, count in (("train", 8), ("valid", 2)):
        for name, dark in (("night", 30), ("day", 220)):
            place = folder / split / name
            place.mkdir(parents=True)
            for number in range(count):
                values = np.random.default_rng(number).integers(-20, 20, (6, 5)) + dark
                Image.fromarray(values.astype(np.uint8)).save(place / f"{number}.png")
    table(folder.parent / "new.csv", [{"file": f"data/valid/day/{number}.png"} for number in range(2)])


def clips(folder: Path) -> None:
    rows = []
    for number in range(ROWS):
        right = number % 2 == 0
        clip = np.zeros((4, 3, 4), np.float32)
        for time in range(4):
            clip[time, 1, time if right else 3 - time] = 1
        np.save(folder / f"clip{number}.npy", clip)
        rows.append({"clip": f"clip{number}.npy", "motion": "right" if right else "left"})
    table(folder / "train.csv", rows)
    table(folder / "new.csv", [{"clip": row["clip"]} for row in rows[:3]])


def proteins(folder: Path) -> None:
    rows = []
    for number in range(ROWS):
        helix = number % 2 == 0
        rows.append(
            (f">p{number} {'helix' if helix else 'sheet'}", "".join(DRAWN.choices("AL" if helix else "VT", k=9)))
        )
    (folder / "train.fasta").write_text("".join(f"{head}\n{letters}\n" for head, letters in rows))
    (folder / "new.fasta").write_text(
        "".join(f">q{number}\n{letters}\n" for number, (_, letters) in enumerate(rows[:4]))
    )


def readings(folder: Path) -> None:
    rows = []
    for store in ("north", "south"):
        for hour in range(60):
            level = 1000 if store == "north" else 20
            rows.append(
                {
                    "store": store,
                    "time": f"2026-01-{hour // 24 + 1:02}T{hour % 24:02}:00",
                    "load": round(level * (2 + np.sin(hour * np.pi / 6)), 3),
                }
            )
    table(folder / "train.csv", rows)
    table(folder / "new.csv", rows)


def episodes(folder: Path) -> None:
    rows = []
    for episode in range(8):
        for step in range(6):
            x = DRAWN.uniform(-1, 1)
            rows.append({"episode": episode, "step": step, "x": x, "v": DRAWN.uniform(-1, 1), "action": int(x > 0)})
    table(folder / "train.csv", rows)
    table(folder / "new.csv", rows[:18])


def translations(folder: Path) -> None:
    german = {"hund": "dog", "katze": "cat", "rot": "red", "blau": "blue"}
    rows = []
    for _ in range(ROWS):
        words = DRAWN.choices(list(german), k=DRAWN.randint(1, 4))
        rows.append({"de": " ".join(words), "en": " ".join(german[word] for word in words)})
    table(folder / "train.tsv", rows, "\t")
    table(folder / "new.tsv", [{"de": row["de"]} for row in rows[:4]], "\t")


def visual_questions(folder: Path) -> None:
    rows = []
    for number in range(ROWS):
        dark = number % 2 == 0
        np.save(folder / f"{number}.npy", np.full((4, 4), 0.1 if dark else 0.9, np.float32))
        asked = DRAWN.choice(["is it dark", "is it light"])
        answer = "yes" if (asked == "is it dark") == dark else "no"
        rows.append({"image": f"{number}.npy", "question": asked, "answer": answer})
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "new.jsonl").write_text("".join(json.dumps({**row, "answer": None}) + "\n" for row in rows[:3]))


def music(folder: Path) -> None:
    import mido

    for number in range(6):
        track = mido.MidiTrack()
        for step in range(10):
            note = 60 + (number + step) % 5
            track += [mido.Message("note_on", note=note, time=0), mido.Message("note_off", note=note, time=240)]
        file = mido.MidiFile(ticks_per_beat=480)
        file.tracks.append(track)
        file.save(folder / f"{number}.mid")
        if number < 2:
            file.save(folder.parent / f"new{number}.mid")


def sounds(folder: Path) -> None:
    for number in range(12):
        high = number % 2
        time = np.arange(800) / 8000
        values = (np.sin(2 * np.pi * (900 if high else 200) * time) * 20_000).astype(np.int16)
        with wave.open(str(folder / f"{high}_ann_{number}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(values.tobytes())
    table(folder.parent / "new.csv", [{"file": f"data/{number % 2}_ann_{number}.wav"} for number in range(2)])


CASES = {
    "conllu: words, letters, shapes -> part of speech": Case(
        conllu,
        (
            "+field@data.fields.form=tokens",
            "+field@data.fields.letters=letters",
            "data.fields.letters.column=form",
            "+field@data.fields.shape=word_shape",
            "data.fields.shape.column=form",
            "+field@data.fields.upos=tags",
            "data.inputs=[form,letters,shape]",
            "data.target=upos",
            "objective=classification",
        ),
        "data/new.conllu",
        4,
        "misc",
    ),
    "csv: review, country, price -> label": Case(
        labelled_reviews,
        (*REVIEW, "+field@data.fields.stars=label", "objective=classification"),
        "data/new.csv",
        5,
        "stars",
    ),
    "csv: review, country, price -> number": Case(
        rated_reviews, (*REVIEW, "+field@data.fields.stars=number", "objective=regression"), "data/new.csv", 5, "stars"
    ),
    "jsonl: two texts -> label": Case(
        questions,
        (
            "+field@data.fields.first=text",
            "+field@data.fields.second=text",
            "data.fields.second.vocabulary=first",
            "+field@data.fields.same=label",
            "data.inputs=[first,second]",
            "data.target=same",
            "model.join=attend",
            "attention=soft",
            "task=many_to_one",
            "objective=classification",
        ),
        "data/new.jsonl",
        3,
        "prediction",
    ),
    "tsv: a text -> several labels": Case(
        tickets,
        (
            "+field@data.fields.text=text",
            "+field@data.fields.kinds=labels",
            "data.fields.kinds.separator=,",
            "data.inputs=[text]",
            "data.target=kinds",
            "task=many_to_one",
            "objective=multi_label",
        ),
        "data/new.tsv",
        4,
        "kinds",
    ),
    "class folders of PNG": Case(
        pictures,
        (
            "+field@data.fields.file=image",
            "+field@data.fields.label=label",
            "data.inputs=[file]",
            "data.target=label",
            "task=many_to_one",
            "objective=classification",
        ),
        "new.csv",
        2,
        "label",
    ),
    "npy clips named in a CSV": Case(
        clips,
        (
            "+field@data.fields.clip=frames",
            "+field@data.fields.motion=label",
            "data.inputs=[clip]",
            "data.target=motion",
            "task=many_to_one",
            "objective=classification",
        ),
        "data/new.csv",
        3,
        "motion",
    ),
    "FASTA, the class in the header": Case(
        proteins,
        (
            "+field@data.fields.sequence=text",
            "data.fields.sequence.level=characters",
            "+field@data.fields.kind=label",
            "data.fields.kind.column=description",
            "data.inputs=[sequence]",
            "data.target=kind",
            "task=many_to_one",
            "objective=classification",
        ),
        "data/new.fasta",
        4,
    ),
    "tsv of translations": Case(
        translations,
        (
            "+field@data.fields.de=text",
            "+field@data.fields.en=text",
            "data.inputs=[de]",
            "data.target=en",
            "task=seq2seq",
            "model=encoder_decoder",
            "attention=soft",
        ),
        "data/new.tsv",
        4,
        "en",
    ),
    "image and question -> answer": Case(
        visual_questions,
        (
            "+field@data.fields.image=image",
            "+field@data.fields.question=text",
            "+field@data.fields.answer=label",
            "data.inputs=[question,image]",
            "data.target=answer",
            "task=many_to_one",
            "objective=classification",
        ),
        "data/new.jsonl",
        3,
        "prediction",
    ),
    "labels out of the names of WAV files": Case(
        sounds,
        (
            "data/format=folder",
            "data.format.name_pattern={digit}_{speaker}_{take}",
            "+field@data.fields.file=audio",
            "data.fields.file.bands=10",
            "+field@data.fields.digit=label",
            "data.inputs=[file]",
            "data.target=digit",
            "task=many_to_one",
            "objective=classification",
        ),
        "new.csv",
        2,
        "digit",
    ),
    "MIDI folder -> the next notes": Case(
        music,
        (
            "+field@data.fields.notes=roll",
            "data.inputs=[notes]",
            "data.target=notes",
            "objective=multi_label",
        ),
        "new0.mid",
        1,
    ),
    "csv: hourly readings of stores -> the next 12 hours": Case(
        readings,
        (
            "+field@data.fields.load=series",
            "+field@data.fields.store=label",
            "data.rows.group=store",
            "data.rows.order=time",
            "data.inputs=[load,store]",
            "data.target=load",
            "data.horizon=12",
            "data.valid_share=0.4",
            "objective=regression",
        ),
        "data/new.csv",
        2,
        "load+1",
    ),
    "csv: episodes -> an action at each step": Case(
        episodes,
        (
            "+field@data.fields.state=series",
            "data.fields.state.column=[x,v]",
            "+field@data.fields.action=label",
            "data.fields.action.axis=step",
            "data.rows.group=episode",
            "data.rows.order=step",
            "data.inputs=[state]",
            "data.target=action",
            "objective=classification",
        ),
        "data/new.csv",
        3,
        "predicted_action",
        18,
    ),
}
TINY = ("model.hidden_size=8", "model.embedding_size=6", "data.batch_size=4", "training.max_epochs=2")


def whole(path: Path) -> tuple[list[str], list[dict[str, Any]]]:
    """All columns of a file, and its rows."""
    (part,) = find(str(path), "", None, None, Auto(), ["any"]).splits["train"]
    names, everything = part.format.everything(part.file, ["any"])
    rows = []
    for block in part.format.rows(part.file, [names[0], everything], BadRows("raise")):
        rows += [dict(zip(names, row, strict=True)) for row in block.columns[-1]]
    return list(names), rows


@pytest.mark.parametrize("name", list(CASES))
def test_it_trains_goes_on_and_answers(name: str, seqnet: Any) -> None:
    case = CASES[name]
    folder = Path("data")
    folder.mkdir()
    case.write(folder)
    path = (
        "data" if (folder / "train").is_dir() or not list(folder.glob("train.*")) else str(next(folder.glob("train.*")))
    )
    found = seqnet.quietly("experiment=blank", "data=table", f"data.path={path}", *case.overrides, *TINY, "run_dir=run")
    assert found.code == 0, found.err
    first = [row["loss"] for row in seqnet.rows("run") if row["split"] == "train"]
    assert all(np.isfinite(first))
    found = seqnet.quietly("run_dir=run", "training.max_epochs=3")  # nothing else is typed
    assert found.code == 0, found.err
    assert seqnet.results("run")["epochs"] == 3
    written = f"answers{Path(case.asked).suffix if case.target else '.jsonl'}"
    found = seqnet("predict", "run=run", f"input={case.asked}", f"output={written}")
    assert (found.code, found.out) == (0, ""), found.err
    names, rows = whole(Path(written))
    assert len(rows) == (case.rows or case.answers)
    answers = [row.pop(case.target or "prediction") for row in rows]
    assert all(answer not in (None, "") for answer in answers)
    before, read = whole(Path(case.asked)) if case.target else ([], [{} for _ in rows])
    assert [name for name in names if name in before] == before
    same = [{name: row[name] for name in before if name != "misc"} for row in rows]
    wanted = [{name: row[name] for name in before if name != "misc"} for row in read]
    assert same == wanted if len(read) == len(rows) else all(row in wanted for row in same)
    found = seqnet("evaluate", "run=run", "split=valid")
    assert found.code == 0, found.err
    scores = found.rows
    assert [row["loss"] for row in scores[:1]] == pytest.approx(
        [row["loss"] for row in seqnet.rows("run") if row["split"] == "valid" and row["step"] == scores[0]["step"]]
    )


def test_a_class_that_only_valid_has_counts_as_an_error_and_is_drawn(seqnet: Any) -> None:
    table(Path("train.csv"), [{"review": review(row % 2 == 0), "stars": "ab"[row % 2]} for row in range(ROWS)])
    table(Path("valid.csv"), [{"review": review(True), "stars": stars} for stars in "abcc"])
    choices = ("experiment=blank", "data.path=.", "+field@data.fields.review=text", "+field@data.fields.stars=label")
    more = ("data.inputs=[review]", "data.target=stars", "task=many_to_one", "objective=classification")
    found = seqnet("train", *choices, *more, *TINY, "device=cpu", "run_dir=run")
    assert found.code == 0, found.err
    assert "2 labels of valid never seen in training, each counted as an error" in found.out
    assert seqnet.results("run")["best"]["accuracy"] <= 0.5

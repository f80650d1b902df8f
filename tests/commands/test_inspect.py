"""`seqnet inspect`: the command that it prints trains, whatever the files hold; what is odd is said."""

import csv
import gzip
import importlib.util
import itertools
import json
import random
import re
import shlex
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

SPEC = importlib.util.spec_from_file_location("any_data", Path(__file__).with_name("test_any_data.py"))
assert SPEC is not None and SPEC.loader is not None
any_data = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(any_data)

WORDS = "the film was plot very a long and short story of people who like to sing or dance in rain".split()
QUICK = ("debug=quick", "observers.tensorboard=false", "observers.console=false", "device=cpu", "threads=1")
drawn = random.Random(5)


def text(most: int = 8) -> str:
    return " ".join(drawn.choices(WORDS, k=drawn.randint(2, most)))


def label() -> str:
    return drawn.choice(["pos", "neg"])


def rows(count: int, *cells: Callable[[], Any], header: str = "", delimiter: str = ",") -> str:
    made = [delimiter.join(str(cell()) for cell in cells) for _ in range(count)]
    return "\n".join([header] * bool(header) + made) + "\n"


def printed(out: str) -> list[list[str]]:
    """The command lines that stand in what is printed, as a shell takes them."""
    found = re.findall(r"^seqnet train.*?(?<!\\)$", out, re.MULTILINE | re.DOTALL)
    return [shlex.split(line.replace("\\\n", " ")) for line in found]


def trains(seqnet: Any, command: Sequence[str], folder: str = "run") -> None:
    """Run a command as it is printed, two steps of it."""
    assert command[:2] == ["seqnet", "train"]
    found = seqnet("train", *command[2:], *QUICK, f"run_dir={folder}")
    assert found.code == 0, (command, found.err)
    assert seqnet.results(folder)["steps"] == 2


def inspected(seqnet: Any, *arguments: str) -> dict[str, Any]:
    found = seqnet("inspect", *arguments, "--json")
    assert found.code == 0, found.err
    made: dict[str, Any] = json.loads(found.out)
    return made


def types(found: dict[str, Any]) -> dict[str, str | None]:
    return {column["name"]: column["type"] for column in found["columns"]}


# ------------------------------------------------------------------------------------------ what is printed trains

READ = {  # what each is proposed as: inputs, target
    "conllu: words, letters, shapes -> part of speech": (["form", "letters"], "upos"),
    "csv: review, country, price -> label": (["review", "land", "price_in"], "stars"),
    "csv: review, country, price -> number": (["review", "land", "price_in"], "stars"),
    "jsonl: two texts -> label": (["first", "second"], "same"),
    "tsv: a text -> several labels": (["text"], "kinds"),
    "class folders of PNG": (["file"], "label"),
    "npy clips named in a CSV": (["clip"], "motion"),
    "FASTA, the class in the header": (["sequence"], "class_"),
    "tsv of translations": (["de"], "en"),
    "image and question -> answer": (["image", "question"], "answer"),
    "labels out of the names of WAV files": (["file"], "part1"),
    "MIDI folder -> the next notes": (["notes"], "notes"),
    "csv: hourly readings of stores -> the next 12 hours": (["load", "store"], "load"),
    "csv: episodes -> an action at each step": (["state"], "action"),
}


@pytest.mark.parametrize("name", list(any_data.CASES))
def test_the_printed_command_trains(name: str, seqnet: Any) -> None:
    folder = Path("data")
    folder.mkdir()
    any_data.CASES[name].write(folder)
    whole = (folder / "train").is_dir() or not list(folder.glob("train.*"))
    path = "data" if whole else str(next(folder.glob("train.*")))
    before = sorted(Path().rglob("*"))
    found = seqnet("inspect", path)
    assert (found.code, found.err) == (0, "")
    assert sorted(Path().rglob("*")) == before  # nothing is written
    (first, *_) = printed(found.out)
    reading = inspected(seqnet, path)["readings"][0]
    assert reading["command"] == first
    assert (reading["inputs"], reading["target"]) == READ[name]
    trains(seqnet, first)


def lines(folder: Path) -> str:
    for split, count in (("train", 40), ("val", 9)):
        for language in ("de", "en"):
            (folder / f"{split}.{language}").write_text(rows(count, text))
    return "."


def two_files(folder: Path) -> str:
    lines(folder)
    return "train.de"


def conll(folder: Path) -> str:
    for split, count in (("train", 30), ("dev", 9)):
        sentences = [rows(3, lambda: drawn.choice(WORDS), lambda: drawn.choice(["B-LOC", "O"]), delimiter="\t")] * count
        (folder / f"{split}.conll").write_text("\n".join(sentences))
    return "."


def document(folder: Path) -> str:
    (folder / "novel.txt").write_text(rows(200, lambda: text(20)))
    return "novel.txt"


def stories(folder: Path) -> str:
    told = []
    for _ in range(30):
        who, where = drawn.choice(["Mary", "John"]), drawn.choice(["hall", "garden"])
        told.append(f"1 {who} went to the {where}.\n2 Where is {who}? \t{where}\t1\n")
    (folder / "train.txt").write_text("".join(told))
    return "train.txt"


def arrays(folder: Path) -> str:
    np.save(folder / "x_train.npy", np.random.default_rng(1).random((40, 12)))
    np.save(folder / "y_train.npy", np.arange(40) % 3)
    return "."


def archive(folder: Path) -> str:
    np.savez(folder / "train.npz", x=np.random.default_rng(1).random((40, 8, 8)), y=np.arange(40) % 3)
    return "train.npz"


def texts_of_classes(folder: Path) -> str:
    for name in ("pos", "neg"):
        (folder / "imdb" / "train" / name).mkdir(parents=True)
        for number in range(9):
            (folder / "imdb" / "train" / name / f"{number}.txt").write_text(text(20))
    return "imdb"


def wide(folder: Path) -> str:
    header = ",".join([f"t{step}" for step in range(20)] + ["y"])
    cells = [drawn.random for _ in range(20)]
    (folder / "a.csv").write_text(rows(40, *cells, lambda: drawn.choice("ab"), header=header))
    return "a.csv"


def wide_without_header(folder: Path) -> str:
    cells = [drawn.random for _ in range(20)]
    (folder / "a.tsv").write_text(rows(40, lambda: drawn.randint(1, 2), *cells, delimiter="\t"))
    return "a.tsv"


def numbers(folder: Path) -> str:
    gaps = lambda: drawn.choice(["", 1.5, 2.5, 7])  # noqa: E731
    made = rows(60, drawn.random, gaps, lambda: drawn.choice("xyz"), header="a b,c.d,species")
    (folder / "a.csv").write_text(made)
    return "a.csv"


def packed(folder: Path) -> str:
    with gzip.open(folder / "a.csv.gz", "wt") as file:
        file.write(rows(40, text, label, header="text,label"))
    return "a.csv.gz"


def lists(folder: Path) -> str:
    made = []
    for _ in range(40):
        words = drawn.choices(WORDS, k=5)
        made.append({"tokens": words, "ner_tags": [drawn.choice(["O", "B-PER"]) for _ in words], "meta": {"from": "x"}})
    (folder / "a.jsonl").write_text("\n".join(map(json.dumps, made)))
    return "a.jsonl"


def splits_in_a_column(folder: Path) -> str:
    split = lambda: drawn.choice(["train", "train", "train", "dev", "test"])  # noqa: E731
    (folder / "a.csv").write_text(rows(90, text, label, split, header="text,label,split"))
    return "a.csv"


def months(folder: Path) -> str:
    made = [f"{1990 + month // 12}-{month % 12 + 1:02}-01,{310 + month * 0.1:.2f}" for month in range(240)]
    (folder / "a.csv").write_text("\n".join(["date,co2", *made]))
    return "a.csv"


def table_called_text(folder: Path) -> str:
    (folder / "a.txt").write_text(rows(40, lambda: drawn.choice(["ham", "spam"]), text, delimiter="\t"))
    return "a.txt"


def no_ending(folder: Path) -> str:
    (folder / "bands.data").write_text(rows(40, drawn.random, drawn.random, label))
    return "bands.data"


def quoted(folder: Path) -> str:
    """Names that a shell, Hydra and YAML would each take for something else."""
    with (folder / "a ~ $b.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["a, b", "[x]", "it's", "{y}", "null", "true"])
        for _ in range(40):
            out.writerow([text(), drawn.random(), drawn.random(), drawn.random() * 999, drawn.choice("ab"), text()])
    return "a ~ $b.csv"


OTHERS: dict[str, tuple[Callable[[Path], str], list[str], str, tuple[str, ...]]] = {
    "lines": (lines, ["de"], "en", ()),
    "one of two files": (two_files, ["de"], "en", ()),
    "conll": (conll, ["tokens", "letters"], "tags", ()),
    "a document": (document, ["text"], "text", ()),
    "babi": (stories, ["story", "question"], "answer", ()),
    "npy": (arrays, ["x"], "y", ()),
    "npz": (archive, ["x"], "y", ()),
    "folders of texts": (texts_of_classes, ["text"], "label", ()),
    "wide": (wide, ["series"], "y", ()),
    "wide, no header": (wide_without_header, ["series"], "label", ()),
    "numbers with gaps": (numbers, ["numbers"], "species", ()),
    "gzip": (packed, ["text"], "label", ()),
    "jsonl of lists": (lists, ["tokens", "letters"], "ner_tags", ()),
    "a column of splits": (splits_in_a_column, ["text"], "label", ()),
    "months": (months, ["co2"], "co2", ()),
    "a table called .txt": (table_called_text, ["text"], "label", ()),
    "no ending that is known": (no_ending, ["numbers"], "label", ()),
    "names to be quoted": (quoted, ["a_b", "true_", "numbers"], "null_", ("--target", "null", "--header", "true")),
}


@pytest.mark.parametrize("name", list(OTHERS))
def test_files_of_other_kinds_train(name: str, seqnet: Any) -> None:
    write, inputs, target, options = OTHERS[name]
    path = write(Path())
    found = seqnet("inspect", path, *options)
    assert found.code == 0, found.err
    reading = inspected(seqnet, path, *options)["readings"][0]
    assert (reading["inputs"], reading["target"]) == (inputs, target)
    (first, *_) = printed(found.out)
    assert first == reading["command"]
    trains(seqnet, first)


def test_a_shell_takes_the_command_as_it_is_meant(seqnet: Any) -> None:
    found = seqnet("inspect", quoted(Path()), "--header", "true")
    command = re.search(r"^seqnet train.*?(?<!\\)$", found.out, re.MULTILINE | re.DOTALL)
    assert command is not None and " \\\n" in command[0]
    taken = subprocess.run(
        ["bash", "-c", command[0].replace("seqnet", "printf '%s\\n' seqnet", 1)], capture_output=True, text=True
    )
    assert taken.stdout.splitlines() == printed(found.out)[0]
    bare = re.sub(r"'[^']*'|\"[^\"]*\"|\\\n", "", command[0])  # what zsh would look at
    assert not set(bare) & set("[]{}()*?~$#;&|<>")


def test_comments_of_conll_are_passed_over(seqnet: Any) -> None:
    Path("a.conll").write_text("# newdoc\nwas O\nEU B-ORG\n\n# a\nsaid O\nit O\n\n" * 20)
    found = inspected(seqnet, "a.conll")
    assert found["columns"][1]["type"] == "tags"
    assert any("line 1 begins with #" in note for note in found["notes"])
    trains(seqnet, found["readings"][0]["command"])


# ---------------------------------------------------------------------------------------------- tables of each kind


def test_semicolons_and_a_byte_order_mark(seqnet: Any) -> None:
    made = rows(40, lambda: f"{text()} é", drawn.random, label, header="Text;Größe (m);Art", delimiter=";")
    Path("a.csv").write_text(made, encoding="utf-8-sig")
    found = inspected(seqnet, "a.csv")
    assert (found["delimiter"], found["encoding"]) == (";", "utf-8 with byte order mark")
    assert types(found) == {"Text": "text", "Größe (m)": "number", "Art": "label"}


def test_another_encoding_is_found_and_said(seqnet: Any) -> None:
    Path("a.csv").write_bytes(rows(40, lambda: f"schön {text()}", label, header="text,label").encode("cp1252"))
    found = inspected(seqnet, "a.csv")
    assert "data.format.encoding=cp1252" in found["readings"][0]["command"]
    assert any("data.format.encoding=cp1252" in note and "cp1251" in note for note in found["notes"])
    trains(seqnet, found["readings"][0]["command"])
    assert inspected(seqnet, "a.csv", "--encoding", "latin-1")["notes"] == []


def test_a_bad_letter_among_many_is_no_other_encoding(seqnet: Any) -> None:
    made = rows(40, lambda: f"schön {text()}", label, header="text,label").encode()
    Path("a.csv").write_bytes(made + b"\xff\xfe,pos\n")
    found = inspected(seqnet, "a.csv")
    assert (found["encoding"], found["bad_rows"]) == ("utf-8", 1)
    assert any("line 42" in note and "data.on_bad_row=skip" in note for note in found["notes"])
    assert "data.on_bad_row=skip" in found["readings"][0]["command"]


def test_without_a_header_columns_are_positions(seqnet: Any) -> None:
    Path("a.csv").write_text(rows(40, text, label))
    found = inspected(seqnet, "a.csv")
    assert [column["column"] for column in found["columns"]] == [0, 1]
    assert found["splits"]["train"]["rows"] == 40
    trains(seqnet, found["readings"][0]["command"])


def test_a_header_of_unusual_names_is_one(seqnet: Any) -> None:
    Path("a.csv").write_text(rows(40, lambda: text(3), label, header="phrase,mood"))
    found = inspected(seqnet, "a.csv")
    assert types(found) == {"phrase": "text", "mood": "label"}
    assert any("phrase, mood, is taken for a header" in note for note in found["notes"])


def test_a_header_that_was_taken_for_a_row_is_told(seqnet: Any) -> None:
    Path("a.csv").write_text(rows(40, text, lambda: drawn.choice(["4", "5"]), header="2nd text,1st label"))
    found = inspected(seqnet, "a.csv", "--format", "csv", "--header", "false")
    assert any("'1st label' stands nowhere else" in note and "--header true" in note for note in found["notes"])


def test_labels_that_are_whole_numbers_may_be_numbers(seqnet: Any) -> None:
    Path("a.csv").write_text(rows(60, text, lambda: drawn.randint(1, 5), header="text,rating"))
    found = inspected(seqnet, "a.csv")
    assert types(found)["rating"] == "label"
    assert "rating is read as label; it may be meant as number" in found["notes"]
    asked = [next(word for word in one["command"] if "fields.rating=" in word) for one in found["readings"]]
    assert asked == ["+field@data.fields.rating=label", "+field@data.fields.rating=number"]


def test_dates_ids_and_empty_columns_are_no_fields(seqnet: Any) -> None:
    number = iter(range(100, 200))
    day = lambda: f"2024-{drawn.randint(1, 12):02}-{drawn.randint(1, 28):02}"  # noqa: E731
    cells = (number.__next__, day, lambda: "", lambda: "same", text, label)
    made = rows(60, *cells, header="id,date,x,lang,review,useful")
    Path("a.csv").write_text(made)
    found = inspected(seqnet, "a.csv")
    assert types(found) == dict.fromkeys(("id", "date", "x", "lang")) | {"review": "text", "useful": "label"}
    assert {column["name"]: column["role"] for column in found["columns"]}["id"] == "id"


def test_names_of_persons_are_read_by_their_letters(seqnet: Any) -> None:
    name = lambda: "".join(drawn.choices("abcdefghij", k=7)).title()  # noqa: E731
    Path("a.csv").write_text(rows(60, name, label, header="name,language"))
    (column, _) = inspected(seqnet, "a.csv")["columns"]
    assert (column["type"], column["options"]) == ("text", {"level": "characters"})


def test_labels_with_a_separator(seqnet: Any) -> None:
    Path("a.tsv").write_text(
        rows(60, text, lambda: ";".join(drawn.sample("abc", drawn.randint(1, 3))), header="text\tkinds", delimiter="\t")
    )
    found = inspected(seqnet, "a.tsv")
    assert found["columns"][1]["options"] == {"separator": ";"}
    trains(seqnet, found["readings"][0]["command"])


def test_two_texts_are_a_pair_or_a_translation(seqnet: Any) -> None:
    pairs = [{"first": text(), "second": text(), "same": label()} for _ in range(40)]
    Path("a.jsonl").write_text("\n".join(map(json.dumps, pairs)))
    found = inspected(seqnet, "a.jsonl")
    assert [(one["inputs"], one["target"]) for one in found["readings"]] == [
        (["first", "second"], "same"),
        (["first"], "second"),
    ]
    trains(seqnet, found["readings"][1]["command"])


def test_hourly_series_of_several_stores(seqnet: Any) -> None:
    made = ["when,shop,promo,sales"]
    for hour in range(240):
        for shop in "abc":
            sales = round(50 + 20 * np.sin(hour * np.pi / 12) + drawn.random(), 2)
            made.append(f"2024-01-{hour // 24 + 1:02} {hour % 24:02}:00:00,{shop},{drawn.randint(0, 1)},{sales}")
    Path("a.csv").write_text("\n".join(made))
    found = inspected(seqnet, "a.csv")
    command = found["readings"][0]["command"]
    assert {"data.rows.group=shop", "data.rows.order=when", "data.horizon=12"} <= set(command)
    assert "data.fields.promo.axis=step" in command and not any("scale" in word for word in command)
    trains(seqnet, command)


def test_a_trend_is_scaled_by_its_window(seqnet: Any) -> None:
    months(Path())
    found = inspected(seqnet, "a.csv")
    assert {"data.fields.co2.scale=window", "data.fields.co2.season=12"} <= set(found["readings"][0]["command"])
    assert any("it has a trend" in note for note in found["notes"])


# ------------------------------------------------------------------------------------------------------ what is odd


def odd(seqnet: Any, content: str, *arguments: str) -> str:
    Path("a.csv").write_text(content)
    return " | ".join(inspected(seqnet, "a.csv", *arguments)["notes"])


def test_rows_that_stand_there_twice(seqnet: Any) -> None:
    made = [f"{number},{text(15)} {number},{label()}" for number in range(40)]
    again = [f"9{row}" for row in made[:4]]  # by another number
    Path("train.csv").write_text("\n".join(["id,text,label", *made, *again]))
    Path("valid.csv").write_text("\n".join(["id,text,label", *(f"8{row}" for row in made[5:8]), f"7,{text()},pos"]))
    found = inspected(seqnet, ".")
    assert found["splits"]["train"]["seen_before"] == {"train": 4}
    assert found["splits"]["valid"]["seen_before"] == {"train": 3}
    assert any("3 rows of valid are in train too" in note for note in found["notes"])


def test_files_of_two_splits_are_compared_by_what_they_hold(seqnet: Any) -> None:
    from PIL import Image

    for split, shade in (("train", 10), ("valid", 90)):
        for name, lighter in (("night", 0), ("day", 100)):
            folder = Path("pictures") / split / name
            folder.mkdir(parents=True)
            for number in range(4):
                Image.new("L", (5, 5), shade + lighter + number).save(folder / f"{number}.png")
    found = inspected(seqnet, "pictures")
    assert [split["seen_before"] for split in found["splits"].values()] == [{}, {}]
    (Path("pictures") / "valid" / "day" / "9.png").write_bytes(Path("pictures/train/day/1.png").read_bytes())
    assert inspected(seqnet, "pictures")["splits"]["valid"]["seen_before"] == {"train": 1}


def test_words_that_training_has_not(seqnet: Any) -> None:
    Path("train.csv").write_text(rows(40, text, label, header="text,label"))
    Path("valid.csv").write_text("text,label\nqua sunt haec omnia,pos\nnihil novi sub sole,neg\n")
    found = inspected(seqnet, ".")
    assert found["splits"]["valid"]["unknown_tokens"]["text"] == 1
    assert any("100% of the words of valid" in note and "level=characters" in note for note in found["notes"])


def test_a_target_whose_values_all_differ(seqnet: Any) -> None:
    number = iter(range(99))
    said = odd(seqnet, rows(40, text, lambda: f"word{next(number)}", header="text,label"))
    assert "nearly every value is another (40 of 40)" in said and "--target" in said


def test_names_of_files_that_are_not_there(seqnet: Any) -> None:
    number = iter(range(99))
    said = odd(seqnet, rows(40, lambda: f"img/{next(number)}.png", label, header="path,label"))
    assert "it is read as image, which opens them, and not as text" in said and "there is no file img/0.png" in said


def test_what_gives_the_target_away_is_not_read(seqnet: Any) -> None:
    made = [("good,1", "bad,0")[number % 2] for number in range(40)]
    content = "\n".join(["text,label,code", *(f"{text()},{each}" for each in made)])
    assert "code says the same as label" in odd(seqnet, content)
    assert inspected(seqnet, "a.csv")["readings"][0]["inputs"] == ["text"]


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        (lambda: f"{drawn.randint(1, 9)},{drawn.randint(10, 99)}", "decimals are written with a comma"),
        (lambda: f"0,{drawn.randint(10, 99)} 0,{drawn.randint(10, 99)}", "decimals are written with a comma"),
        (lambda: f"1,{drawn.randint(100, 999)}", "a comma stands between figures: write 1"),
        (lambda: f"1 0{drawn.randint(10, 99)}", "a space stands between the figures of 1 0"),
        (lambda: f"{drawn.randint(1, 28)}.12.2023", "would be sorted as text; write them as 2024-05-31"),
        (lambda: drawn.choice(["Yes", "yes", "no"]), "are two labels; write them alike"),
        (lambda: drawn.choice(["007", "008"]), "so they are read as labels"),
        (lambda: drawn.choice(["", "", "a", "b"]), "of the rows: it is not read"),
    ],
)
def test_columns_that_are_not_what_they_seem(cell: Callable[[], str], sentence: str, seqnet: Any) -> None:
    assert sentence in odd(seqnet, rows(60, text, cell, label, header="text;other;label", delimiter=";"))


def test_labels_of_a_row_are_counted_once_and_a_blank_one_has_none(seqnet: Any) -> None:
    cells = ["x; y", "y ;z", "", "x;x"]
    Path("a.csv").write_text("text,tags\n" + "".join(f"{text()},{cells[number % 4]}\n" for number in range(60)))
    found = inspected(seqnet, "a.csv")
    assert found["columns"][1]["missing"] == 0 and "none in 15 rows" in found["columns"][1]["why"]
    assert found["notes"] == [] and "data.on_bad_row=skip" not in found["readings"][0]["command"]
    assert "x 67%, y 67%, z 33%" in seqnet("inspect", "a.csv").out
    trains(seqnet, found["readings"][0]["command"])


def test_rows_without_a_text_that_is_read_are_left_out(seqnet: Any) -> None:
    Path("a.csv").write_text(rows(40, lambda: text(15), label, header="text,label") + ",pos\n")
    (command,) = [one["command"] for one in inspected(seqnet, "a.csv")["readings"]]
    assert "data.on_bad_row=skip" in command
    trains(seqnet, command)


def test_words_that_say_that_there_is_no_number_are_missing(seqnet: Any) -> None:
    value = iter([*map(str, range(100, 130)), *["NA"] * 10])
    Path("a.csv").write_text(rows(40, text, lambda: next(value), header="text,y"))
    found = inspected(seqnet, "a.csv")
    assert found["columns"][1]["missing"] == 10
    assert found["notes"] == ["y is missing in 25% of the rows: nothing is asked there (missing=unjudged)"]


def test_a_column_of_splits_may_say_of_some_rows_that_they_are_of_none(seqnet: Any) -> None:
    parts = itertools.cycle(["train", "train", "valid", "extra", "unsup"])
    Path("a.csv").write_text(rows(60, text, label, lambda: next(parts), header="text,label,split"))
    found = inspected(seqnet, "a.csv")
    assert found["columns"][2]["role"] == "split" and "extra, unsup: of none" in found["columns"][2]["why"]
    assert "data.split_column=split" in found["readings"][0]["command"]
    Path("a.csv").write_text(rows(60, text, lambda: drawn.choice(["train", "bus", "car"]), header="text,label"))
    assert inspected(seqnet, "a.csv")["columns"][1]["type"] == "label"


def test_cells_in_quotes_that_are_not_read_are_told(seqnet: Any) -> None:
    Path("a.tsv").write_text(
        rows(40, text, lambda: drawn.choice(['"gut"', "schlecht"]), header="text\tlabel", delimiter="\t")
    )
    (note,) = inspected(seqnet, "a.tsv")["notes"]
    assert note == 'label: cells stand in quotes, such as "gut", which tsv keeps: --format csv reads them'
    found = inspected(seqnet, "a.tsv", "--format", "csv")
    assert found["notes"] == [] and set(found["columns"][1]["labels"]) == {"gut", "schlecht"}


def test_a_quote_that_swallows_rows_is_told(seqnet: Any) -> None:
    made = rows(40, text, label, header="text,label").splitlines()
    made[5], made[20] = f'"wow {made[5]}', f'a nice plot",{label()}'
    Path("a.csv").write_text("\n".join(made))
    assert any(
        "text: a cell holds 16 lines that look like rows, from 'wow" in n for n in inspected(seqnet, "a.csv")["notes"]
    )
    prose = '"' + "\n".join([text()] * 9) + '"'
    Path("a.csv").write_text(rows(40, lambda: prose, label, header="text,label"))
    assert not any("look like rows" in note for note in inspected(seqnet, "a.csv")["notes"])


def test_a_header_among_the_rows_is_told(seqnet: Any) -> None:
    Path("a.csv").write_text(rows(30, text, label, header="text,label") * 2)
    assert (
        "the header (text, label) stands among the rows again, 1 time: take it out"
        in inspected(seqnet, "a.csv")["notes"]
    )


@pytest.mark.parametrize(
    ("header", "guessed"),
    [("name\tName", True), ("title\twarm film plot", True), ("text\tlabel", False), ("text\tother", False)],
)
def test_a_header_that_is_only_guessed_is_told(header: str, guessed: bool, seqnet: Any) -> None:
    number = iter(range(99))
    Path("a.tsv").write_text(rows(40, text, lambda: f"Hund {next(number)}", header=header, delimiter="\t"))
    told = [note for note in inspected(seqnet, "a.tsv")["notes"] if "is taken for a header: --header false" in note]
    assert len(told) == guessed
    assert not any("taken for a header" in note for note in inspected(seqnet, "a.tsv", "--header", "true")["notes"])


def test_files_larger_than_what_is_looked_at(seqnet: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from seqnet.data.inspection import survey

    monkeypatch.setattr(survey, "LOOKED_AT", 1 << 14)
    monkeypatch.setattr("seqnet.data.formats.format.ROWS", 256)
    Path("a.csv").write_text(rows(3000, text, label, header="text,label"))
    found = inspected(seqnet, "a.csv")
    split = found["splits"]["train"]
    assert split["looked_at"] == "part" and split["rows"] < 1500
    assert any(f"only the first {split['rows']:,} rows of train" in note for note in found["notes"])


# ---------------------------------------------------------------------------------------------------- an experiment


def test_an_experiment_is_written_once_and_used(seqnet: Any) -> None:
    lists(Path())
    file = Path("my_configs/experiment/mine.yaml")
    found = seqnet("inspect", "a.jsonl", "--write", str(file))
    assert found.code == 0, found.err
    assert printed(found.out)[0] == ["seqnet", "train", "--config-dir", "my_configs", "experiment=mine"]
    written = file.read_text()
    assert written.startswith("# @package _global_\n# a label for each step: tokens, letters -> ner_tags")
    defaults = yaml.safe_load(written)["defaults"]
    first = [not str(next(iter(each))).startswith("override") for each in defaults]
    assert first == sorted(first, reverse=True)  # overrides last
    trains(seqnet, printed(found.out)[0])
    stored = json.loads(next(Path("run/checkpoints").rglob("config.json")).read_text())
    again = seqnet("inspect", "a.jsonl", "--write", str(file))
    assert (again.code, again.err) == (2, f"seqnet: --write {file}: the file is there already; take another name\n")
    assert file.read_text() == written
    trains(seqnet, inspected(seqnet, "a.jsonl")["readings"][0]["command"], "other")
    typed = json.loads(next(Path("other/checkpoints").rglob("config.json")).read_text())
    for config in (stored, typed):  # one says the same as the other
        del config["run_dir"], config["groups"]
    assert stored == typed


def test_names_to_be_quoted_in_an_experiment(seqnet: Any) -> None:
    path = quoted(Path())
    found = seqnet("inspect", path, "--header", "true", "--target", "null", "--write", "c/experiment/odd.yaml")
    assert found.code == 0, found.err
    trains(seqnet, printed(found.out)[0])


# --------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ([], 2, "inspect takes a file, a folder, files side by side or a Hub name; usage: seqnet inspect PATH"),
        (["a.csv", "--targt", "x"], 2, "did you mean '--target'?"),
        (["a.csv", "--target", "lable"], 2, "--target lable is no column; did you mean 'label'?"),
        (["a.csv", "--format", "cvs"], 2, "unknown data.format 'cvs'; did you mean 'csv'?"),
        (["a.csv", "--encoding", "utf-9"], 2, "data.format.encoding=utf-9 is no encoding"),
        (["a.csv", "--format", "jsonl", "--encoding", "cp1252"], 2, "the format jsonl has no encoding"),
        (["a.csv", "--delimiter", "ab"], 2, "data.format.delimiter='ab' must be one character"),
        (["a.csv", "--header", "maybe"], 2, "--header maybe: it must be true or false"),
        (["a.csv", "--write", "mine.yaml"], 2, "an experiment is found as FOLDER/experiment/NAME.yaml"),
        (["a.csv", "--write", "c/experiment/digits.yaml"], 2, "digits is an experiment of seqnet's own"),
        (["there_is/none.csv"], 3, "there_is/none.csv does not exist"),
        (["nothing"], 3, "nothing holds no file of a known format but a.pdf, b.docx: put train.csv"),
        (["empty.csv"], 3, "no row that can be read"),
    ],
)
def test_refusals_are_one_sentence(arguments: list[str], code: int, sentence: str, seqnet: Any) -> None:
    Path("a.csv").write_text(rows(20, text, label, header="text,label"))
    Path("empty.csv").write_text("")
    Path("nothing").mkdir()
    for name in ("a.pdf", "b.docx"):
        (Path("nothing") / name).write_bytes(b"%")
    before = sorted(Path().rglob("*"))
    found = seqnet("inspect", *arguments)
    assert (found.code, found.out) == (code, "")
    assert sentence in found.err and found.err.count("\n") == 1 and found.err.startswith("seqnet: ")
    assert sorted(Path().rglob("*")) == before


def test_nothing_in_a_file_drives_a_terminal(seqnet: Any) -> None:
    drives = "a\x1b[2J\x9b31m\x07"
    Path("a.csv").write_text(rows(40, text, lambda: drawn.choice([drives, "b"]), header=f"te{drives}xt,la{drives}bel"))
    for found in (seqnet("inspect", "a.csv"), seqnet("inspect", "a.csv", "--json")):
        assert found.code == 0, found.err
        assert not any(not letter.isprintable() for line in found.out.splitlines() for letter in line)

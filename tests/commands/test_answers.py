"""What predict writes: beside what was read, in the format that the name of the output says."""

import csv
import gzip
import json
import lzma
import os
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from seqnet.commands.answers import Answers, beside, format_of, told, writers
from seqnet.commands.entities import entities, placed
from seqnet.data.files import BadRows
from seqnet.data.formats.csv import Csv
from seqnet.data.read import Read
from seqnet.errors import ConfigurationError

WRITTEN = [*writers(None)]


def written(output: str, rows: list[tuple[Read, dict[str, Any]]], **options: Any) -> str:
    """The file that some answers make."""
    format = options.pop("format", None) or format_of(output, None, None)
    said: dict[str, Any] = {"names": None, "target": "y", "by_step": False, "ahead": False, "with_errors": False}
    with told(output, Answers(format, **said | options)) as tell:
        tell(rows)
    return Path(output).read_text() if not output.endswith((".parquet", ".xlsx", ".xlsm")) else ""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an empty folder."""
    monkeypatch.chdir(tmp_path)


def answer(prediction: Any, score: Any = None, **more: Any) -> dict[str, Any]:
    return {"prediction": prediction, "score": score, **more}


def test_a_column_is_added_to_a_table() -> None:
    rows = [
        (Read(2, {"id": "007", "text": 'a "b", c'}), answer("good", 0.123456789)),
        (Read(3, {"id": "8", "text": None}), answer(None)),
    ]
    assert written("out.csv", rows) == 'id,text,y,score\n007,"a ""b"", c",good,0.123457\n8,,,\n'
    assert written("out.tsv", rows) == 'id\ttext\ty\tscore\n007\ta "b", c\tgood\t0.123457\n8\t\t\t\n'
    assert written("out.txt", rows) == "good\n\n"
    assert json.loads(written("out.json", rows)) == [
        {"prediction": "good", "score": 0.123456789, "id": "007", "text": 'a "b", c'},
        {"prediction": None, "score": None, "id": "8", "text": None},
    ]


def test_further_answers_have_columns_of_their_own() -> None:
    several = [{"prediction": "good", "score": 0.5}, {"prediction": "bad", "score": 0.25}]
    rows = [
        (Read(2, {"text": "a"}), answer("so", 0.125, n_best=[{"prediction": "so", "score": 0.125}])),
        (Read(3, {"text": "b"}), answer("good", 0.5, n_best=several)),
    ]
    said = "text,y,score,y_2,score_2\na,so,0.125,,\nb,good,0.5,bad,0.25\n"
    assert written("out.csv", rows, n_best=2) == said
    assert written("out.txt", rows, n_best=2) == "so\ngood\n"
    beside = [(Read(2, {"y": "b"}), answer("good", 0.5, n_best=several))]
    assert written("out.csv", beside, n_best=2) == "y,predicted_y,score,predicted_y_2,score_2\nb,good,0.5,bad,0.25\n"


def test_a_fasta_file_is_written_with_its_answer_behind_the_header() -> None:
    rows = [
        (Read(1, {"name": "p7", "sequence": "MK" * 40}), answer("helix", 0.9)),
        (Read(4, {"name": "p8", "description": "x y", "sequence": "MA"}), answer("sheet", 0.8)),
    ]
    names = ("name", "description", "class", "sequence")
    text = written("out.fa", rows, names=names, target="class")
    assert text == f">p7 helix\n{'MK' * 30}\n{'MK' * 10}\n>p8 x y sheet\nMA\n"
    assert written("bare.fa", [(Read(1, {"sequence": "AC"}), answer("b"))], target="class") == ">1 b\nAC\n"
    with pytest.raises(
        ConfigurationError, match=r"output=out\.fa: what is read has no column 'sequence' but text, y, so"
    ):
        written("out.fa", [(Read(1, {"text": "a"}), answer("b"))])


def test_a_story_is_written_with_its_questions_answered() -> None:
    story = ["Mary went home.", "John slept.", "Mary left."]
    names = ("story", "question", "answer", "supporting")
    rows = [
        (Read(3, {"story": story[:2], "question": "Who slept?", "answer": None, "supporting": []}), answer("John")),
        (Read(5, {"story": story, "question": "Who left?", "answer": "Sue", "supporting": [2]}), answer("Mary")),
        (Read(8, {"story": ["Sue slept."], "question": "Who?", "answer": None, "supporting": []}), answer(None)),
    ]
    assert written("out.babi", rows, names=names, target="answer") == (
        "1 Mary went home.\n2 John slept.\n3 Who slept?\tJohn\n4 Mary left.\n5 Who left?\tMary\t4\n"
        "1 Sue slept.\n2 Who?\n"
    )


def test_nothing_that_was_read_is_lost_under_the_name_of_an_answer() -> None:
    rows = [(Read(1, {"y": "no", "score": "1", "prediction": "x"}), answer("yes", 0.5))]
    assert written("out.csv", rows) == "y,score,prediction,predicted_y,predicted_score\nno,1,x,yes,0.5\n"
    assert beside({"score": 1, "input_score": 2}, answer("yes", 0.5)) == {
        **answer("yes", 0.5), "input_score": 1, "input_input_score": 2,
    }  # fmt: skip


def test_rows_before_the_first_answer_are_written_too() -> None:
    rows = [
        (Read(1, {}), answer(None, error="line 1: bad")),
        (Read(2, {"x": "a"}), answer(2.5, probabilities={"a": 0.25, "b": 0.75})),
    ]
    assert written("out.csv", rows, with_errors=True, names=("x",)) == (
        "x,y,probability_a,probability_b,error\n,,,,line 1: bad\na,2.5,0.25,0.75,\n"
    )
    assert written("none.csv", rows[:1], with_errors=False, names=("x",)) == "x,y\n,\n"
    assert written("empty.csv", [], names=("x",)) == "x,y\n"
    assert written("empty.jsonl", []) == "" and json.loads(written("empty.json", [])) == []


def test_numbers_stand_under_their_columns_names() -> None:
    rows = [(Read(1, {"x": "1"}), answer({"a": 1.5, "x": 2.0}))]
    assert written("out.csv", rows) == "x,a,predicted_x\n1,1.5,2.0\n"
    values = ({"day": "1", "sold": "5"}, {"day": "2", "sold": "6"})
    ahead = [(Read(2, {"day": ["1", "2"]}, rows=list(enumerate(values))), answer([7.5, 8.5]))]
    assert written("ahead.csv", ahead, ahead=True, target="sold") == "day,sold,sold+1,sold+2\n2,6,7.5,8.5\n"
    assert json.loads(written("ahead.jsonl", ahead, ahead=True)) == {**answer([7.5, 8.5]), "day": "2", "sold": "6"}


def test_rows_that_make_sequences_are_answered_where_they_stand() -> None:
    def sequence(*places: int) -> Read:
        return Read(places[0], {"t": list(map(str, places))}, rows=[(place, {"t": str(place)}) for place in places])

    rows = [
        (sequence(0, 3), answer(["a", "b"], [0.5, 0.75], probabilities=[{"a": 0.5}, {"a": 0.25}])),
        (sequence(2, 1), answer(["c", "d"], [0.25, 1.0], probabilities=[{"a": 0.1}, {"a": 0.2}])),
        (sequence(4), answer(None)),
    ]
    assert written("out.csv", rows, by_step=True, names=("t",)) == (
        "t,y,score,probability_a\n0,a,0.5,0.5\n1,d,1.0,0.2\n2,c,0.25,0.1\n3,b,0.75,0.25\n4,,,\n"
    )
    lines = [json.loads(line) for line in written("out.jsonl", rows, by_step=True).splitlines()]
    assert [line["t"] for line in lines] == [["0", "3"], ["2", "1"], ["4"]]
    rows[2] = (Read(2, {}), answer(None, error="line 2: bad"))  # too wide, or doubled: it is in no sequence
    text = written("bad.csv", rows, by_step=True, names=("t",), with_errors=True)
    assert [line.partition(",")[0] for line in text.splitlines()] == ["t", "0", "1", "2", "", "3"]
    assert ",,,,line 2: bad\n" in text


def test_a_tag_is_added_to_each_line_of_a_sentence() -> None:
    rows = [
        (Read(1, {"0": ["Ada", "runs"], "1": ["N", "V"]}), answer(["B", "O"], [0.5, 0.5])),
        (Read(4, {"0": ["x"], "1": ["N"]}), answer(None)),
    ]
    assert written("out.conll", rows, by_step=True) == "Ada\tN\tB\nruns\tV\tO\n\nx\tN\t_\n\n"
    assert written("text.conll", [(Read(1, {"word": "Ada  runs"}), answer(["B", "O"]))]) == "Ada\tB\nruns\tO\n\n"
    assert written("out.txt", rows, by_step=True) == "B O\n\n"


def test_what_has_no_header_gets_none() -> None:
    Path("in.csv").write_text("a;1\nb;2\n")
    like = Csv().like(Path("in.csv"), [0])
    assert written("out.csv", [(Read(1, {"0": "a", "1": "1"}), answer("x"))], format=like) == "a;1;x\n"


@pytest.mark.parametrize("ending", WRITTEN)
def test_each_ending_is_written_by_a_format_that_says_so(ending: str) -> None:
    format = format_of(f"out{ending}", None, None)
    assert format is not None and ending in format.endings
    read = dict.fromkeys(("x", "sequence", "story", "question"), "\ud800 \x1b = 1")
    written(f"out{ending}", [(Read(1, read), answer("=1+1"))])
    assert Path(f"out{ending}").stat().st_size
    assert os.listdir() == [f"out{ending}"]


def test_an_ending_that_no_format_writes_is_refused() -> None:
    with pytest.raises(ConfigurationError) as caught:
        format_of("out.cvs", None, None)
    assert "no format writes .cvs; did you mean '.csv'?" in str(caught.value)
    assert all(ending in str(caught.value) for ending in WRITTEN)
    with pytest.raises(ConfigurationError, match="no format writes .mid; choose one of"):  # it is no typing error
        format_of("out.mid", None, None)


def test_what_is_no_text_is_written_as_its_words() -> None:
    rows = [(Read(1, {"day": date(2024, 1, 1), "raw": b"\xff", "parts": [date(2024, 1, 2)]}), answer("a"))]
    assert written("out.csv", rows) == 'day,raw,parts,y\n2024-01-01,,"[""2024-01-02""]",a\n'


def test_only_what_parts_cells_and_lines_becomes_a_space() -> None:
    rows = [(Read(1, {"x": "a\u2028b\x0bc\td\r\ne\nf\n"}), answer("g"))]
    assert written("out.tsv", rows) == "x\ty\na\u2028b\x0bc d e f\tg\n"


def test_text_is_compressed_as_its_name_says() -> None:
    rows = [(Read(1, {"x": "ä"}), answer("b"))]
    for name, opened in (("out.csv.gz", gzip.open), ("out.csv.XZ", lzma.open)):
        with told(name, Answers(format_of(name, None, None) or Csv(), None, "y", False, False, False)) as tell:
            tell(rows)
        assert opened(name).read().decode() == "x,y\nä,b\n"
    for name in ("out.parquet.gz", "out.csv.zst"):
        with pytest.raises(ConfigurationError, match=r"only text is compressed, as \.gz or \.xz; leave \.\w+ out"):
            format_of(name, None, None)


def test_what_is_read_is_never_written(tmp_path: Path) -> None:
    Path("folder").mkdir()
    Path("folder/test.csv").write_text("x\n")
    Path("link.csv").symlink_to("folder/test.csv")
    for read, output in (("folder/test.csv", "./folder/../folder/test.csv"), ("folder", "folder/test.csv")):
        for to in (output, "link.csv"):
            with pytest.raises(ConfigurationError, match="is what is read; name another file"):
                format_of(to, None, read)
    assert format_of("folder/out.csv", None, "folder") is not None


def test_a_whole_file_or_none() -> None:
    Path("out.csv").write_text("before")

    class Broken(Csv):
        endings = (".csv",)

    with pytest.raises(ZeroDivisionError):
        with told("out.csv", Answers(Broken(), ("x",), "y", False, False, False)) as tell:
            tell([(Read(1, {"x": "1"}), answer("a"))])
            1 / 0  # noqa: B018
    assert Path("out.csv").read_text() == "before" and os.listdir() == ["out.csv"]


# ------------------------------------------------------------------------------------------------------- entities


def test_entities_are_told_with_their_places() -> None:
    tags = ["B-PER", "I-PER", "O", "I-LOC", "B-LOC"]
    words = ["Ada", "Smith", "saw", "New", "York"]
    assert entities(tags, words, None) == [
        {"text": "Ada Smith", "type": "PER", "begin": 0, "end": 2},
        {"text": "New", "type": "LOC", "begin": 3, "end": 4},
        {"text": "York", "type": "LOC", "begin": 4, "end": 5},
    ]
    found = entities(tags, words, "Ada  Smith saw New-York.")
    assert [(one["text"], one["begin_char"], one["end_char"]) for one in found] == [
        ("Ada  Smith", 0, 10),
        ("New", 15, 18),
        ("York", 19, 23),
    ]
    assert placed(["a", "b"], "b a") is None
    assert "begin_char" not in entities(["B-X", "O"], ["a", "b"], "b a")[0]


# -------------------------------------------------------------------------------------------------------- commands


def test_predict_writes_a_table_with_the_probabilities_of_all_classes(seqnet: Any, judge_run: Path) -> None:
    Path("new.csv").write_text("id;text\n07;fox\n08;lazy dog\n")
    found = seqnet("predict", f"run={judge_run}", "input=new.csv", "output=out.csv", "probabilities=true")
    assert (found.code, found.out) == (0, ""), found.err
    first, second = csv.DictReader(Path("out.csv").read_text().splitlines(), delimiter=";")
    assert list(first)[:4] == ["id", "text", "label", "score"] and (first["id"], second["text"]) == ("07", "lazy dog")
    told_of = {key.removeprefix("probability_"): float(first[key]) for key in list(first)[4:]}
    assert sum(told_of.values()) == pytest.approx(1, abs=1e-5)
    assert max(told_of, key=told_of.__getitem__) == first["label"]
    assert float(first["score"]) == told_of[first["label"]]
    (row,) = seqnet("predict", f"run={judge_run}", "probabilities=true", stdin=b"fox\n").rows
    assert row["probabilities"] == told_of and row["text"] == "fox"


@pytest.mark.parametrize(
    ("run", "typed", "said"),
    [
        ("adding_run", "probabilities=true", "objective=regression has no classes"),
        ("writer_run", "probabilities=true", "objective=tokens has no classes"),
        ("judge_run", "spans=true", "no BIO tags, so there are no spans"),
        ("judge_run", "output=out.foo", "no format writes .foo"),
        ("judge_run", "output=new.txt", "output=new.txt is what is read"),
    ],
)
def test_what_has_no_effect_is_refused(
    seqnet: Any, run: str, typed: str, said: str, request: pytest.FixtureRequest
) -> None:
    Path("new.txt").write_text("fox\n")
    found = seqnet("predict", f"run={request.getfixturevalue(run)}", "input=new.txt", typed)
    assert (found.code, found.out, found.err.count("\n")) == (2, "", 1) and said in found.err
    assert os.listdir() == ["new.txt"]


def test_of_an_answer_alone_no_more_is_written(seqnet: Any, judge_run: Path) -> None:
    for ending in (".txt", ".conll"):
        found = seqnet("predict", f"run={judge_run}", "probabilities=true", f"output=out{ending}", stdin=b"fox\n")
        assert found.code == 2 and f"only what is predicted stands in output=out{ending}" in found.err
    found = seqnet("predict", f"run={judge_run}", "output=out.txt", stdin=b"fox\n\nlazy dog\n")
    assert found.code == 0 and [bool(line) for line in Path("out.txt").read_text().splitlines()] == [True, False, True]


def test_quantiles_are_named_after_what_they_are_of() -> None:
    one = [(Read(1, {"x": "1"}), answer({"0.1": 1.0, "0.5": 2.0}))]
    assert written("one.csv", one) == "x,y_0.1,y_0.5\n1,1.0,2.0\n"
    ahead = [(Read(1, {"y": "1"}), answer({"mean": [1.0, 2.0], "deviation": [0.5, 0.25]}))]
    assert written("ahead.csv", ahead, ahead=True) == (
        "y,y_mean+1,y_mean+2,y_deviation+1,y_deviation+2\n1,1.0,2.0,0.5,0.25\n"
    )
    named = [(Read(1, {}), answer({"0.5": {"a": 1.0, "b": 2.0}}))]
    assert written("named.csv", named) == "a_0.5,b_0.5\n1.0,2.0\n"


@pytest.mark.parametrize(
    ("name", "records"),
    [
        ("new.fasta", ">one\nACGT\n>two some words\nAC\n"),
        ("new.fastq", "@one\nACGT\n+\n!!!!\n@two some words\nAC\n+\n!!\n"),
    ],
)
def test_columns_that_a_record_lacks_are_not_repeated(table: Any, name: str, records: str) -> None:
    Path("train.fasta").write_text(">a yes\nACGT\n>b no\nTTTT\n")
    source = table("train.fasta", {"sequence": {"type": "dna"}, "class": {"type": "label"}}, ["sequence"], "class")
    source.fit()
    Path(name).write_text(records)
    read = [one.values for block in source.unlabelled(name, BadRows("raise")).blocks for one in block.read]
    assert read[0].keys() == {"name", "sequence"} | ({"quality"} if name.endswith("q") else set())
    assert read[1]["description"] == "some words" and None not in read[1].values()

"""Runs that write step by step: trained, scored, asked for answers, and let compose and draw."""

import csv
import json
import re
import sys
import wave
from pathlib import Path
from typing import Any

import mido
import pytest
from PIL import Image

GREEDY = {"name": "greedy", "min_length": 0, "max_length": None, "no_repeat_ngram": 0, "vocabulary": None}
GREEDY |= {"replace_unknown": False, "dictionary": None}
LINES = b"1 2 3\n4\n0 1 2 3 4\n2 2\n"


# ------------------------------------------------------------------------------------------------ train, evaluate


def test_validation_decodes_greedily_and_the_test_score_as_configured(seqnet: Any, reverse_run: Path) -> None:
    found = seqnet.results(reverse_run)
    assert (found["decoding"]["name"], found["decoding"]["beam_size"]) == ("beam", 3)
    scores = {"loss", "perplexity", "bits", "accuracy"}
    scores |= {"token_accuracy", "exact_match", "exact_match_seen", "exact_match_longer", "cer", "wer", "bleu", "chrf"}
    assert found["test"].keys() == scores
    rows = seqnet.rows(reverse_run)
    assert [row["split"] for row in rows] == ["train", "valid", "train", "valid", "test"]
    assert "token_accuracy" not in rows[0] and rows[1].keys() >= scores

    test, *tables = seqnet("evaluate", f"run={reverse_run}").rows
    assert {row["table"] for row in tables} >= {"lengths", "edits"}
    rows = [row for row in tables if row["table"] == "lengths"]
    right = sum(row["exact_match"] * row["rows"] for row in rows)
    assert test["exact_match"] == pytest.approx(right / sum(row["rows"] for row in rows))
    assert test == {"split": "test", "step": found["best"]["step"], **found["test"]}
    valid = seqnet("evaluate", f"run={reverse_run}", "split=valid", "decoding=greedy").rows[0]
    assert valid == {"split": "valid", **found["best"]}


def test_the_best_is_the_best_by_the_monitor(seqnet: Any, reverse_run: Path) -> None:
    valid = [row["token_accuracy"] for row in seqnet.rows(reverse_run) if row["split"] == "valid"]
    assert seqnet.results(reverse_run)["best"]["token_accuracy"] == max(valid)


def test_another_decoding_gives_other_scores_and_the_same_loss(seqnet: Any, reverse_run: Path) -> None:
    beam = seqnet("evaluate", f"run={reverse_run}").rows[0]
    drawn = [seqnet("evaluate", f"run={reverse_run}", "decoding=sampling").rows[0] for _ in range(2)]
    assert drawn[0] == drawn[1] != beam
    assert drawn[0]["loss"] == beam["loss"]
    one = seqnet("evaluate", f"run={reverse_run}", "decoding=beam", "decoding.beam_size=1").rows[0]
    assert one == seqnet("evaluate", f"run={reverse_run}", "decoding=greedy").rows[0]
    cold = ("decoding=sampling", "decoding.temperature=0")
    assert one == seqnet("evaluate", f"run={reverse_run}", *cold).rows[0]
    found = seqnet("evaluate", f"run={reverse_run}", "decoding.beam_size=2")
    assert (found.code, "add decoding=beam" in found.err) == (2, True)
    found = seqnet("evaluate", f"run={reverse_run}", "decoding=beem")
    assert (found.code, "did you mean 'beam'?" in found.err) == (2, True)


def test_watching_changes_nothing(seqnet: Any, reverser: tuple[str, ...], reverse_run: Path) -> None:
    drawn = ("decoding=sampling",)
    for name, watched in (("seen", "true"), ("unseen", "false")):
        more = (f"observers.samples={watched}", f"observers.tensorboard={watched}", f"run_dir={name}")
        found = seqnet("train", "device=cpu", "threads=1", "observers.console=false", *reverser[:-2], *drawn, *more)
        assert found.code == 0, found.err
    assert seqnet.fingerprint("seen", without=("config",)) == seqnet.fingerprint("unseen", without=("config",))
    assert seqnet.rows("seen") == seqnet.rows("unseen")


def test_samples_are_sources_with_what_was_written_and_wanted(seqnet: Any, reverse_run: Path) -> None:
    read, _, rest = seqnet.results(reverse_run)["sample"].partition(" -> ")
    _, _, wanted = rest.partition(" (wanted ")
    assert wanted == f"{' '.join(read.split()[::-1])})"


def test_nothing_is_decoded_where_nothing_of_it_is_scored(seqnet: Any, chorale_run: Path) -> None:
    found = seqnet.results(chorale_run)
    assert found["test"].keys() == {"loss", "perplexity", "bits", "accuracy"}
    assert "decoding" not in found
    assert "generate" in found["next"][0]


def test_tasks_that_judge_no_writing_are_refused(seqnet: Any, reverser: tuple[str, ...]) -> None:
    sizes = ("data.train_size=20", "data.valid_size=5", "data.test_size=5", "training.monitor=loss")
    choices = ("experiment=reverse", *sizes)
    reads = ("experiment=adding", "data=reverse", "task=many_to_many", "objective=tokens", *sizes)
    for arguments, sentence in (
        (("experiment=digits", "task=seq2seq", "model=encoder_decoder"), "this data has one answer a row: set task="),
        (("experiment=digits", "task=seq2seq"), "the chosen task does not say it: choose task=many_to_many"),
        (reads, "this data has answers that are written step by step: set task=one_to_many with model="),
        ((*choices, "task.metrics=[blue]"), "did you mean 'bleu'?"),
        ((*choices, "training.monitor=wer"), "training.monitor=wer is no score of this run"),
        ((*choices, "objective=classification", "training.monitor=loss"), "set objective=tokens"),
    ):
        found = seqnet.quietly(*arguments, "run_dir=run")
        assert found.code == 2 and sentence in found.err, found.err
        assert not Path("run").exists()


# -------------------------------------------------------------------------------------------------------- predict


def test_a_line_of_json_for_each_source_in_order(seqnet: Any, reverse_run: Path) -> None:
    found = seqnet("predict", f"run={reverse_run}", "decoding=greedy", stdin=LINES)
    assert found.code == 0 and found.err.splitlines()[0] == "seqnet: decoded by greedy"
    assert [list(row) for row in found.rows] == [["prediction", "score", "source"]] * 4
    assert all(row["score"] < 0 for row in found.rows)
    verbose = seqnet("predict", f"run={reverse_run}", "decoding=greedy", "verbose=true", stdin=LINES)
    assert verbose.rows == [{**row, "decoding": GREEDY} for row in found.rows]
    assert "decoded by" not in verbose.err
    for line, row in zip(LINES.splitlines(), found.rows, strict=True):
        (alone,) = seqnet("predict", f"run={reverse_run}", "decoding=greedy", stdin=line).rows
        assert alone["prediction"] == row["prediction"]
        assert alone["score"] == pytest.approx(row["score"], abs=1e-5)
    stored = seqnet("predict", f"run={reverse_run}", stdin=LINES)
    assert stored.err.startswith("seqnet: decoded by beam beam_size=3")


def test_the_best_few_are_told_best_first(seqnet: Any, reverse_run: Path) -> None:
    rows = seqnet("predict", f"run={reverse_run}", "decoding=beam", "decoding.n_best=3", stdin=LINES).rows
    for row in rows:
        assert list(row) == ["prediction", "score", "n_best", "source"]
        scores = [each["score"] for each in row["n_best"]]
        assert len(scores) == 3 and scores == sorted(scores, reverse=True)
        assert row["n_best"][0] == {"prediction": row["prediction"], "score": row["score"]}
        assert len({each["prediction"] for each in row["n_best"]}) == 3
    Path("in.txt").write_bytes(LINES if isinstance(LINES, bytes) else LINES.encode())
    asked = ("predict", f"run={reverse_run}", "input=in.txt", "decoding=beam", "decoding.n_best=3")
    assert seqnet(*asked, "output=out.csv").code == 0
    with Path("out.csv").open() as file:
        found = [[one["prediction"], one["prediction_2"], one["prediction_3"]] for one in csv.DictReader(file)]
    assert found == [[each["prediction"] for each in row["n_best"]] for row in rows]
    assert "such a file has the best answer alone" in seqnet(*asked, "output=out.txt").err


def test_what_is_written_begins_with_the_prefix(seqnet: Any, reverse_run: Path) -> None:
    rows = seqnet("predict", f"run={reverse_run}", "prefix=3 1", stdin=LINES).rows
    assert all(row["prediction"].split()[:2] == ["3", "1"] for row in rows)
    found = seqnet("predict", f"run={reverse_run}", "prefix=9", stdin=LINES)
    assert (found.code, found.out, found.err.startswith("seqnet: prefix: ")) == (2, "", True)


def test_only_the_tokens_of_a_file_are_written(seqnet: Any, reverse_run: Path) -> None:
    """In predict, evaluate and generate; a token of a prefix need not be among them."""
    Path("some.txt").write_bytes(b"\xef\xbb\xbf3\r\n\n1")
    for decoding in ("greedy", "beam", "sampling"):
        asked = (f"run={reverse_run}", f"decoding={decoding}", "decoding.vocabulary=some.txt")
        rows = seqnet("predict", *asked, "verbose=true", stdin=LINES).rows
        assert {word for row in rows for word in row["prediction"].split()} <= {"1", "3"}
        assert all(row["decoding"]["vocabulary"] == "some.txt" for row in rows)
        begun = seqnet("predict", *asked, "prefix=0", stdin=LINES).rows
        assert all(row["prediction"].split()[0] == "0" for row in begun)
        assert {word for row in begun for word in row["prediction"].split()[1:]} <= {"1", "3"}
        assert "0" not in seqnet("generate", *asked, "prompt=0 0 0").rows[0]["prediction"]
        assert seqnet("evaluate", *asked).rows[0]["exact_match"] < 0.5
    for content, code, sentence in (
        (b"1\n17\n", 3, "some.txt, line 2: 17 is no token of this run's vocabulary"),
        (b"1\n\xff\n", 3, "some.txt, line 2: byte 1 of the line is not UTF-8"),
        (b"\n", 3, "some.txt: holds no token that may be written"),
        (b"<bos>\n", 3, "some.txt: holds no token that may be written"),
        (None, 2, "decoding.vocabulary=some.txt cannot be read (No such file or directory)"),
    ):
        Path("some.txt").unlink() if content is None else Path("some.txt").write_bytes(content)
        found = seqnet("predict", f"run={reverse_run}", "decoding=greedy", "decoding.vocabulary=some.txt", stdin=LINES)
        assert (found.code, found.out) == (code, "") and sentence in found.err, found.err
        assert "Traceback" not in found.err
    found = seqnet("predict", f"run={reverse_run}", "decoding=greedy", "decoding.vocabulary=.", stdin=LINES)
    assert found.code == 2 and "decoding.vocabulary=. is no file" in found.err


def test_a_vocabulary_is_looked_at_before_training(seqnet: Any, reverser: tuple[str, ...]) -> None:
    Path("some.txt").write_text("17")
    for choices in (reverser[:-2], ("experiment=python_docs",)):
        found = seqnet.quietly(*choices, "decoding.vocabulary=some.txt", "run_dir=run")
        assert found.code == 3 and "some.txt, line 1" in found.err, found.err
        assert not Path("run").exists()


def test_a_run_s_own_vocabulary_is_opened_by_training_alone(seqnet: Any, reverser: tuple[str, ...]) -> None:
    Path("some.txt").write_text("3\n1\n")
    trained = seqnet.quietly(*reverser, "decoding.vocabulary=some.txt", "run_dir=run")
    assert trained.code == 0, trained.err
    for command in ("predict", "evaluate"):
        found = seqnet(command, "run=run", **({"stdin": LINES} if command == "predict" else {}))
        assert found.code == 2 and "configured with decoding.vocabulary=some.txt" in found.err, found.err
        found = seqnet(command, "run=run", "decoding=greedy", **({"stdin": LINES} if command == "predict" else {}))
        assert found.code == 0, found.err
    asked = ("decoding=beam", "decoding.beam_size=3", "decoding.vocabulary=some.txt")
    test = seqnet("evaluate", "run=run", *asked).rows[0]
    assert test == {"split": "test", "step": test["step"], **seqnet.results(Path("run"))["test"]}


def test_a_picture_of_each_row_s_attention(seqnet: Any, reverse_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqnet.commands.lines.BLOCK", 8)  # so that rows come in several blocks
    asked = (f"run={reverse_run}", "pictures=maps/of it", "data.batch_size=2")
    rows = seqnet("predict", *asked, stdin=LINES).rows
    assert rows == seqnet("predict", f"run={reverse_run}", "data.batch_size=2", stdin=LINES).rows
    pictures = sorted(Path("maps/of it").iterdir())
    assert [path.name for path in pictures] == ["0001.png", "0002.png", "0003.png", "0004.png"]
    seqnet("predict", f"run={reverse_run}", "pictures=third", stdin=LINES.splitlines()[2])
    with Image.open("third/0001.png") as alone, Image.open(pictures[2]) as third, Image.open(pictures[0]) as other:
        assert alone.tobytes() == third.tobytes() != other.tobytes()


@pytest.mark.parametrize("option", ["prefix=1", "decoding=beam"])
def test_what_only_writing_has_is_refused_elsewhere(seqnet: Any, judge_run: Path, option: str) -> None:
    found = seqnet("predict", f"run={judge_run}", option, stdin=b"fox\n")
    assert (found.code, found.out) == (2, "")
    assert option.split("=")[0] in found.err and "does not write" in found.err


@pytest.mark.parametrize(
    ("contents", "place"),
    [(b"1 2\n\n9 x\n", "line 3"), (b"1 2\n3 9 4\n", "line 2"), (b"1\n2\n\xff\n", "line 3: not UTF-8")],
)
def test_a_bad_source_is_named_and_leaves_no_output(
    seqnet: Any, reverse_run: Path, contents: bytes, place: str
) -> None:
    Path("in.txt").write_bytes(contents)
    found = seqnet("predict", f"run={reverse_run}", "input=in.txt", "output=out.jsonl")
    assert (found.code, found.err.count("\n")) == (3, 1)
    assert f"in.txt, {place}" in found.err
    assert not Path("out.jsonl").exists()


def test_no_line_no_answer(seqnet: Any, reverse_run: Path) -> None:
    found = seqnet("predict", f"run={reverse_run}", stdin=b"")
    assert (found.code, found.out, found.err) == (0, "", "")


def test_pictures_are_described_and_digits_drawn(seqnet: Any, caption_run: Path, drawing_run: Path) -> None:
    scan = json.dumps([[0, 0, 5, 13, 9, 1, 0, 0]] * 8).encode()
    asked = ("pictures=maps", "decoding=beam")
    (row,) = seqnet("predict", f"run={caption_run}", *asked, stdin=scan).rows
    assert set(row["prediction"].split()) <= set("a light bold narrow wide".split()) | set(
        "zero one two three four five six seven eight nine".split()
    )
    assert Path("maps/0001.png").is_file()
    for row in seqnet("predict", f"run={drawing_run}", "verbose=true", stdin=b"7\n[0]\n").rows:
        assert [len(values) for values in row["prediction"]] == [8] * 8
        assert (row["score"], row["decoding"]) == (None, {"name": "roll_out"})


def test_a_line_is_the_beginning_where_nothing_is_read(seqnet: Any, chorale_run: Path) -> None:
    rows = seqnet("predict", f"run={chorale_run}", "decoding=greedy", stdin=b"C4+E4 D4\nG4\n").rows
    assert rows[0]["prediction"].startswith("C4+E4 D4")
    assert rows[1]["prediction"].startswith("G4")


# ------------------------------------------------------------------------------------------------------- generate


def test_composing_is_drawn_from_the_seed(seqnet: Any, chorale_run: Path) -> None:
    def pieces(*options: str) -> list[str]:
        found = seqnet("generate", f"run={chorale_run}", "samples=3", *options)
        assert found.code == 0, found.err
        assert re.search("^seqnet: decoded by (sampling temperature=|greedy\\n)", found.err, re.MULTILINE)
        assert ("decoding=greedy makes the same each time" in found.err) is ("decoding=greedy" in options)
        return [row["prediction"] for row in found.rows]

    first = pieces()
    assert first == pieces("seed=1") != pieces("seed=2")
    assert len(set(first)) > 1
    assert len(set(pieces("decoding=greedy"))) == len(set(pieces("temperature=1e-6"))) == 1
    assert pieces("temperature=0") == pieces("decoding=greedy")
    assert all(piece.startswith("C4+E4") for piece in pieces("prompt=C4+E4"))


def test_length_is_the_most_that_is_written(seqnet: Any, chorale_run: Path, drawing_run: Path) -> None:
    (row,) = seqnet("generate", f"run={chorale_run}", "length=5", "decoding=greedy", "verbose=true").rows
    assert row["decoding"]["max_length"] == 5
    for typed in ("length=5", "temperature=0"):
        found = seqnet("generate", f"run={drawing_run}", "prompt=7", typed)
        assert (found.code, "draws numbers" in found.err) == (2, True)


def test_a_piece_can_be_played(seqnet: Any, chorale_run: Path) -> None:
    arguments = (f"run={chorale_run}", "prompt=C4+E4+G4 D4+F4", "decoding=greedy")
    (row,) = seqnet("generate", *arguments, "output=piece.mid").rows
    assert row["output"] == "piece.mid"
    steps = row["prediction"].split()
    played = [message.note for message in mido.MidiFile("piece.mid") if message.type == "note_on"]
    assert played[:5] == [60, 64, 67, 62, 65]
    seqnet("generate", *arguments, "output=piece.wav")
    with wave.open("piece.wav") as sound:
        assert sound.getnframes() / sound.getframerate() == pytest.approx(len(steps) / 2, abs=0.01)
    seqnet("generate", *arguments, "samples=2", "output=two.mid")
    assert Path("two_1.mid").read_bytes() == Path("two_2.mid").read_bytes() == Path("piece.mid").read_bytes()
    found = seqnet("generate", *arguments, "output=no/piece.mid")
    assert (found.code, "output=no/piece.mid cannot be written" in found.err) == (2, True)


def test_a_drawing_can_be_seen(
    seqnet: Any, drawing_run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (row,) = seqnet("generate", f"run={drawing_run}", "prompt=7", "output=seven.png", "verbose=true").rows
    assert (row["prompt"], row["decoding"]) == ("7", {"name": "roll_out"})
    with Image.open("seven.png") as picture:
        blackest = picture.getextrema()[0]
    assert blackest == pytest.approx(255 * (1 - max(max(values) for values in row["prediction"])), abs=1)

    from seqnet import cli

    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert cli.answer(["generate", f"run={drawing_run}", "prompt=7"]) == 0
    shown = capsys.readouterr().out
    assert len(shown.rstrip("\n").split("\n")) == 8 and "{" not in shown


def test_a_picture_is_described(seqnet: Any, caption_run: Path) -> None:
    scan = json.dumps([[0, 0, 5, 13, 9, 1, 0, 0]] * 8)
    (row,) = seqnet("generate", f"run={caption_run}", f"prompt={scan}", "verbose=true").rows
    assert (row["prompt"], row["decoding"]["name"]) == (scan, "sampling")


def test_generate_refuses_what_does_not_go_together(
    seqnet: Any, reverse_run: Path, chorale_run: Path, drawing_run: Path, writer_run: Path
) -> None:
    for run, arguments, sentence in (
        (reverse_run, (), "prompt is missing"),
        (reverse_run, ("prompt=1 9",), "prompt, line 1"),
        (reverse_run, ("prompt=1", "output=x.mid"), "this run writes none"),
        (reverse_run, ("prompt=1", "output=x.png"), "this run writes words"),
        (chorale_run, ("prompt=X4",), "prompt: "),
        (chorale_run, ("decoding=greedy", "top_k=3"), "decoding=sampling"),
        (drawing_run, ("prompt=12",), "prompt, line 1"),
        (drawing_run, ("prompt=1", "output=x.wav"), "this run writes none"),
        (writer_run, ("output=x.mid",), "a language model writes text"),
        (reverse_run, ("prompt=1", "length=3", "decoding.min_length=4"), "decoding.min_length=4 is above length=3"),
        (reverse_run, ("prompt=1", "decoding=sampling", "top_k=5", "decoding.top_k=2"), "are one option"),
        (writer_run, ("decoding.min_length=4",), "is of answers that end"),
        (writer_run, ("samples=0",), "samples=0 must be a whole number of at least 1"),
    ):
        found = seqnet("generate", f"run={run}", *arguments)
        assert found.code in (2, 3) and found.out == "" and sentence in found.err, found.err
        assert found.err.count("\n") == 1
    assert not list(Path().iterdir())


def test_a_language_model_goes_on_so_many_times(seqnet: Any, writer_run: Path) -> None:
    rows = seqnet("generate", f"run={writer_run}", "prompt=the ", "length=20", "samples=3").rows
    assert len({row["prediction"] for row in rows}) == 3
    (beam,) = seqnet("generate", f"run={writer_run}", "prompt=the ", "length=20", "decoding=beam", "verbose=true").rows
    greedy = seqnet("generate", f"run={writer_run}", "prompt=the ", "length=20", "decoding=greedy").rows[0]
    assert (beam["decoding"]["name"], len(beam["prediction"])) == ("beam", 20)
    assert beam["score"] >= greedy["score"] - 1e-6

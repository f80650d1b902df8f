"""Answers for people: words on a terminal, one readable line an input; lines of JSON everywhere else."""

import io
import json
import os
import pty
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from seqnet import terminal
from seqnet.commands.words import Words, said, shorter
from seqnet.data.read import Read

STYLE = re.compile(r"\x1b\[[0-9;]*m")
OnTerminal = Callable[..., str]


@pytest.fixture
def on_terminal(seqnet: Any, monkeypatch: pytest.MonkeyPatch) -> OnTerminal:
    """Runs a command line whose standard output is a terminal; what it shows there."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")

    def run(*arguments: str, stdin: bytes | None = None, columns: int = 80) -> str:
        own, its = pty.openpty()
        with pytest.MonkeyPatch.context() as patch, open(its, "w", encoding="utf-8") as out, open(own, "rb") as shown:
            patch.setenv("COLUMNS", str(columns))
            patch.setattr("contextlib.redirect_stdout", lambda stream: patch.context())  # of the shell
            patch.setattr(sys, "stdout", out)
            found = seqnet(*arguments, stdin=stdin)
            assert found.code == 0, found.err
            out.flush()
            os.write(its, b"\0")  # behind all that was shown
            text = b""
            while not text.endswith(b"\0"):
                text += shown.read1(1 << 16)  # type: ignore[attr-defined]
        return text[:-1].decode().replace("\r\n", "\n")

    return run


def plain(text: str) -> str:
    return STYLE.sub("", text)


def test_a_label_with_its_probability(on_terminal: OnTerminal, judge_run: Path) -> None:
    shown = on_terminal("predict", f"run={judge_run}", stdin="the quick fox\n\nno 世界\n".encode())
    first, blank, unknown = plain(shown).splitlines()
    assert re.fullmatch(r"the quick fox -> (friendly|not)  \d+%", first)
    assert blank == "(empty) -> -"
    assert re.fullmatch(r"no 世界 -> (friendly|not)  \d+%", unknown)
    assert shown != plain(shown)


def test_one_line_an_input_however_narrow_the_terminal(on_terminal: OnTerminal, judge_run: Path) -> None:
    texts = ("the fox " * 30, "世界" * 30, "a\x1b[2Jb")
    shown = plain(on_terminal("predict", f"run={judge_run}", stdin="\n".join(texts).encode(), columns=40))
    long, wide, drives = shown.splitlines()
    assert re.fullmatch(r"the fox the .*\.\.\. -> \w+  \d+%", long) and len(long) <= 40
    assert "世界..." in wide and len(wide.encode("utf-16-le")) // 2 < 40
    assert drives.startswith("a�[2Jb -> ")


def test_a_terminal_without_colours(on_terminal: OnTerminal, judge_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    shown = on_terminal("predict", f"run={judge_run}", stdin=b"the fox\n")
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", shown)
    monkeypatch.setenv("TERM", "dumb")
    shown = on_terminal("predict", f"run={judge_run}", stdin=b"the fox\n")
    assert "\x1b" not in shown and shown.startswith("the fox -> ")


def test_what_is_written_and_what_else_it_might_be(on_terminal: OnTerminal, reverse_run: Path) -> None:
    several = ("decoding=beam", "decoding.n_best=2")
    shown = plain(on_terminal("predict", f"run={reverse_run}", *several, stdin=b"1 2 3\n"))
    assert re.fullmatch(r"1 2 3 -> (\(empty\)|[\d ]+)  or (\(empty\)|[\d ]+)\n", shown)


def test_generate_shows_the_text_alone(on_terminal: OnTerminal, writer_run: Path, drawing_run: Path) -> None:
    shown = on_terminal("generate", f"run={writer_run}", "prompt=the ", "length=5", "samples=2")
    assert shown.startswith("the ") and "{" not in shown and "\x1b" not in shown
    drawing = on_terminal("generate", f"run={drawing_run}", "prompt=7")
    assert len(drawing.rstrip("\n").split("\n")) == 8
    assert plain(on_terminal("predict", f"run={drawing_run}", stdin=b"7\n")) == "7 -> 8 x 8 numbers\n"


def test_json_on_a_terminal_and_words_in_a_pipe(
    on_terminal: OnTerminal, seqnet: Any, judge_run: Path, writer_run: Path
) -> None:
    for command in (("predict", f"run={judge_run}"), ("generate", f"run={writer_run}", "length=3")):
        lines = seqnet(*command, stdin=b"the fox\n")
        assert on_terminal(*command, "format=json", stdin=b"the fox\n") == lines.out
        assert lines.rows[0].keys() >= {"prediction", "score"}
        words = seqnet(*command, "format=text", stdin=b"the fox\n")
        assert (words.code, "{" in words.out, "\x1b" in words.out) == (0, False, False)
    scores = on_terminal("evaluate", f"run={judge_run}", "format=json")
    assert json.loads(scores.splitlines()[0])["split"] == "test"
    table = plain(on_terminal("evaluate", f"run={judge_run}"))
    assert "test split, step " in table and "│ accuracy" in table and "by class" in table


def test_one_thing_says_what_is_written(seqnet: Any, judge_run: Path) -> None:
    for asked in (("format=text", "output=x.jsonl"), ("format=json", "output=x.csv")):
        found = seqnet("predict", f"run={judge_run}", *asked, stdin=b"the fox\n")
        assert (found.code, "leave format out" in found.err) == (2, True)
    found = seqnet("predict", f"run={judge_run}", "format=yaml", stdin=b"the fox\n")
    assert (found.code, "format=yaml must be json or text" in found.err) == (2, True)
    assert seqnet("predict", f"run={judge_run}", "format=json", "output=x.jsonl", stdin=b"the fox\n").code == 0


def test_who_reads_no_further_ends_the_words(
    seqnet: Any, judge_run: Path, writer_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for command in (("predict", f"run={judge_run}"), ("generate", f"run={writer_run}", "length=3")):
        read, write = os.pipe()
        os.close(read)
        with monkeypatch.context() as patch, open(write, "w") as out:
            patch.setattr("contextlib.redirect_stdout", lambda stream: monkeypatch.context())
            patch.setattr(sys, "stdout", out)
            found = seqnet(*command, "format=text", stdin=b"the fox\n" * 3)
        assert found.code == 0 and "Traceback" not in found.err and "pipe" not in found.err.lower()


# ------------------------------------------------------------------------------------------- each kind of answer


def line(read: Any, prediction: Any, width: int = 200, by_step: bool = False, tags: bool = False, **more: Any) -> str:
    """A line as it is shown. read: what the first input was made of."""
    verbose = more.pop("verbose", False)
    screen = Console(file=io.StringIO(), width=width, force_terminal=True)
    words = Words(screen, by_step, tags, likely=True, verbose=verbose)
    return words.line(Read(1, {"read": read}, read), {"prediction": prediction, "score": None, **more}).plain


def test_tags_stand_at_their_words() -> None:
    bio = ["B-PER", "I-PER", "O", "B-LOC", "O"]
    assert line("Ada Smith likes Paris .", bio, by_step=True, tags=True) == "[Ada Smith PER] likes [Paris LOC] ."
    assert line("He sings", ["O", "O"], by_step=True, tags=True) == "He sings"
    assert line(["Ada", "sees"], ["PROPN", "VERB"], by_step=True) == "Ada/PROPN sees/VERB"
    assert line("one two", ["A"], by_step=True) == "one two -> A"  # where they are not one each


def test_forecasts_have_sensible_digits_and_gaps() -> None:
    assert line([1.0, 2.0], [610.03001, 1234567.8, float("nan"), None]) == "1 2 -> 610 1234568 - -"
    band = {"0.1": [1.0, 2.0], "0.5": [1.5, 2.5], "0.9": [2.0, 3.0]}
    assert line([1.0], band) == "1 -> 1.5 2.5 (0.1 1 2, 0.9 2 3)"
    assert line([1.0], {"mean": 0.5, "deviation": 0.25}) == "1 -> 0.5 (deviation 0.25)"
    assert said(list(map(float, range(100)))) == "0 1 2 3 4 5 ... 94 95 96 97 98 99"
    end = line(list(map(float, range(10))), [5.0], width=25)
    assert end == "...1 2 3 4 5 6 7 8 9 -> 5" or end.endswith("7 8 9 -> 5")


def test_probabilities_never_claim_certainty() -> None:
    for score, shown in (
        (0.5, "50%"),
        (0.9999, ">99.9%"),
        (0.997, "99.7%"),
        (1.0, "100%"),
        (0.0, "0%"),
        (1e-9, "<0.1%"),
    ):
        assert line("x", "a", score=score) == f"x -> a  {shown}"
    assert line("x", "a", score=float("nan")) == "x -> a"
    assert line("x", "a", score=0.5, probabilities={"a": 0.5, "b": 0.5}) == "x -> a  50%  a 50%  b 50%"


def test_what_went_wrong_stands_in_the_place_of_an_answer() -> None:
    assert line(None, None, error="rows.csv, line 3: no text") == "(empty) -> rows.csv, line 3: no text"


def test_notes_and_pictures() -> None:
    assert line("C4+E4", [["C4", "E4"], [], ["G4"]], by_step=True) == "C4+E4 -> C4+E4 - G4"
    assert line([[60, 64], [62], []], [["C4"], ["D4"], []], by_step=True) == "60+64 62 - -> C4 D4 -"
    actions = [{"left": 0.25, "right": 1.0}] * 2
    assert line([[0.5] * 8] * 2, actions, by_step=True) == "2 x 8 numbers -> left 0.25, right 1; left 0.25, right 1"
    assert line("7", [[0.0] * 8] * 8) == "7 -> 8 x 8 numbers"
    assert line("7", "..\n##") == "7 -> ..⏎##"
    assert line(Path("a/very/long/path/to/7.png"), "night", width=30) == "...long/path/to/7.png -> night"


def test_text_is_cut_by_columns_not_letters() -> None:
    assert shorter("世界世界", 8) == "世界世界"
    assert shorter("世界世界", 7) == "世界..."
    assert shorter("abcdefgh", 6, at_end=False) == "...fgh"


def test_verbose_tells_the_rest() -> None:
    shown = line("x", "a", score=-1.25, decoding={"name": "greedy"}, verbose=True)
    assert shown.endswith("score: -1.25  decoding: name greedy")


def test_letters_that_a_terminal_cannot_write(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="latin-1"))
    out = terminal.standard_output()
    out.write("ü 世")
    out.flush()
    assert raw.getvalue() == b"\xfc ?"

"""Bars on a terminal: what they say, when they are drawn, and that they are gone afterwards."""

import io
import itertools
import logging
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seqnet import progress as module
from seqnet import terminal
from seqnet.progress import progress, watched


class Screen(io.StringIO):
    """A terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True

    @property
    def lines(self) -> list[str]:
        """Each picture that was drawn, without what moves about."""
        plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.getvalue())
        return [" ".join(re.sub("[━╸╺]", "", line).split()) for line in re.split("[\r\n]", plain) if line.strip()]


@pytest.fixture
def watching(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Screen]:
    """Makes standard error a terminal, and has a second pass whenever someone looks at the clock."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    made, now = Screen(), itertools.count()
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: float(next(now))))

    def begin() -> Screen:
        monkeypatch.setattr(sys, "stderr", made)
        return made

    return begin


def test_how_far_it_is_and_the_time_that_is_left(watching: Callable[[], Screen]) -> None:
    screen = watching()
    with progress("reading [b]a.csv", 8, "rows") as reached:
        for done in range(1, 5):
            reached(done)
    assert "reading [b]a.csv 25% · 6 s left" in screen.lines
    assert "reading [b]a.csv 50% · 4 s left" in screen.lines
    assert screen.getvalue().endswith("\x1b[2K")  # the line is free again


def test_what_has_no_known_end_tells_how_much_was_done(watching: Callable[[], Screen]) -> None:
    screen = watching()
    with progress("reading\x1b[2J", None, "rows") as reached:
        reached(1000)
        reached(2000)
    assert "reading�[2J 2,000 rows · 2 s" in screen.lines


def test_nothing_is_drawn_of_what_is_quick(watching: Callable[[], Screen], monkeypatch: pytest.MonkeyPatch) -> None:
    screen = watching()
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: 5.0))
    with progress("reading", 2) as reached:
        reached(1)
    with progress("reading", 2):
        pass
    assert screen.getvalue() == ""


def test_one_bar_at_a_time(watching: Callable[[], Screen]) -> None:
    """The outer one where it knows its end, else the inner; and after an error there is room again."""
    screen = watching()
    with progress("outer", 4) as outer, progress("inner", 4) as inner:
        outer(1)
        inner(2)
    assert {line.split()[0] for line in screen.lines} == {"outer"}
    with pytest.raises(KeyError), progress("failing", 4) as reached:
        reached(1)
        raise KeyError
    screen.seek(0)
    screen.truncate()
    with progress("endless", None) as outer, progress("ending", 4) as inner:
        outer(1)
        inner(2)
    assert {line.split()[0] for line in screen.lines} == {"ending"}


@pytest.mark.parametrize("stream", [None, io.StringIO()])
def test_nobody_looks(stream: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    assert not watched()
    with progress("reading", 2) as reached:
        reached(1)
    assert stream is None or stream.getvalue() == ""


def test_nothing_is_drawn_where_a_logger_hears(watching: Callable[[], Screen]) -> None:
    """As from Python, where nothing is to be shown."""
    screen = watching()
    with terminal.logged(logging.getLogger("seqnet")), progress("reading", 4) as reached:
        assert not watched()
        reached(1)
        reached(2)
    assert watched() and screen.getvalue() == ""


def test_a_closed_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    assert not watched()


# ---------------------------------------------------------------------------------------------------- who tells of it


def test_reading_and_encoding_tell_lines_and_rows(
    watching: Callable[[], Screen], table: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # of long names a narrow screen shows a part
    screen = watching()
    lines = [f"the fox {number},{number % 2}" for number in range(20000)]
    (tmp_path / "train.csv").write_text("\n".join(["text,label", *lines]))
    source = table("train.csv", {"text": {"type": "text"}, "label": {"type": "label"}}, ["text"], "label")
    source.fit()
    told = screen.lines
    assert any(re.fullmatch(r"reading train.csv \d+% · \d+ s left", line) for line in told), told
    assert any(re.fullmatch(r"encoding train \d+% · \d+ s left", line) for line in told), told
    assert not any("100%" in line and "left" in line and not line.endswith(" 0 s left") for line in told)


def test_files_without_lines_tell_what_was_read(
    watching: Callable[[], Screen], table: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    screen = watching()
    import gzip

    with gzip.open(tmp_path / "train.csv.gz", "wt") as file:
        file.write("text,label\n" + "the fox,a\nno fox,b\n" * 10000)
    source = table("train.csv.gz", {"text": {"type": "text"}, "label": {"type": "label"}}, ["text"], "label")
    source.fit()
    assert any(re.search(r"train.csv.gz [\d,]+ rows · \d+ s", line) for line in screen.lines), screen.lines


@pytest.mark.parametrize("command", ["evaluate", "predict", "generate"])
def test_commands_tell_how_far_they_are(
    command: str, seqnet: Any, judge_run: Path, writer_run: Path, reviews: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []

    def begun(what: str, total: float | None, unit: str = "", shown: bool = True) -> Any:
        told.append([what, total, shown])
        return Heard(told[-1])

    for name in ("predict", "generate", "watched"):
        monkeypatch.setattr(f"seqnet.commands.{name}.progress", begun)
    monkeypatch.setattr("seqnet.commands.predict.watched", lambda: True)
    asked = {
        "evaluate": (f"run={judge_run}", "data.batch_size=4", "output=x.jsonl"),
        "predict": (f"run={judge_run}", f"input={reviews}", "data.batch_size=7", "output=x.csv"),
        "generate": (f"run={writer_run}", "length=9", "output=x.jsonl"),
    }
    found = seqnet(command, *asked[command])
    assert found.code == 0, found.err
    ((what, total, shown, *reached),) = told
    assert what == {"evaluate": "scoring test", "predict": "answering", "generate": "writing"}[command] and shown
    assert total == {"evaluate": 3, "predict": 62, "generate": 9}[command]
    assert reached == sorted(reached) and len(reached) >= 3 and total - 2 <= reached[-1] <= total


class Heard:
    """Notes what it is told."""

    def __init__(self, told: list[Any]) -> None:
        self._told = told

    def __enter__(self) -> Callable[[float], None]:
        return self._told.append

    def __exit__(self, *error: object) -> None:
        pass


def test_a_bar_stands_by_itself_or_not_at_all(seqnet: Any, judge_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside words on the same terminal it would be in their way."""
    shown = []

    def begun(what: str, total: float | None, unit: str = "", **said: bool) -> Any:
        shown.append(said["shown"])
        return Heard([])

    monkeypatch.setattr("seqnet.commands.predict.progress", begun)
    for options in (("format=text",), ("format=json",), ("output=x.jsonl",)):
        assert seqnet("predict", f"run={judge_run}", *options, stdin=b"the fox\n").code == 0
    assert shown == [False, True, True]

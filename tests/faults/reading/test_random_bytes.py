"""Bytes at random, and good files with a few bytes changed, for every reader: read, or refused in one sentence."""

import random
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from seqnet.commands.lines import blocks
from seqnet.errors import DataError

# What is likely to stand where it should not.
PIECES = (
    [bytes([number]) for number in (*range(14), 26, 27, 28, 34, 39, 92, 127, 128, 133, 160, 192, 255)]
    + [b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xe2\x80\xa8", b"\xf0\x9f\x98\x80", b"\r\n", b"\n\n", b'""', b"\t\t", b",,"]
    + [b"[", b"]", b"{", b"}", b":", b"[]", b"{}", b"null", b"true", b"NaN", b"-Infinity", b"1e400", b"-0", b"1e-400"]
    + [
        rb"\ud800",
        rb"\u0000",
        b"9" * 400,
        b"[" * 2000,
        b'{"a":' * 2000,
        b"-DOCSTART-",
        b"<unk>",
        b"<eos>",
        b"\0\0\0\xff",
    ]
)


def changed(good: bytes, drawn: random.Random) -> bytes:
    """A good file after a few accidents."""
    content = bytearray(good)
    for _ in range(drawn.choice((1, 1, 2, 3, 8))):
        place = drawn.randrange(len(content) + 1)
        other = drawn.randrange(len(content) + 1)
        begin, end = min(place, other), max(place, other)
        match drawn.randrange(7):
            case 0 if content:
                content[place % len(content)] ^= 1 << drawn.randrange(8)
            case 1:
                content[place:place] = drawn.choice(PIECES)
            case 2:
                content[place : place + drawn.randrange(9)] = drawn.choice(PIECES)
            case 3:
                del content[place : place + drawn.randrange(20)]
            case 4:
                del content[begin:end]
            case 5:
                content[place:place] = content[begin:end]
            case _:
                content[begin:end] = drawn.randbytes(drawn.randrange(40))
    return bytes(content)


def accidents(good: bytes) -> st.SearchStrategy[bytes]:
    return st.integers(0, 2**64).map(lambda seed: changed(good, random.Random(seed)))


@pytest.fixture(scope="session")
def worst() -> dict[str, float]:
    """What all readers together took at most, and how often something was read."""
    return {"tries": 0, "read": 0, "seconds": 0.0, "megabytes": 0.0, "readers": 0}


@pytest.fixture
def at_random(apart: Any, amount: Any, figure: Any, worst: dict[str, float]) -> Callable[..., None]:
    """Hand so many contents to `look`, which says whether they were read, in a process apart."""

    def run(contents: st.SearchStrategy[Any], look: Callable[[Any], bool]) -> None:
        tries = amount(10, 2000)

        def all_of_them() -> tuple[int, float, float, str]:
            read, seconds, megabytes = 0, 0.0, 0.0

            @settings(
                max_examples=tries,
                derandomize=True,
                deadline=None,
                database=None,
                phases=(Phase.explicit, Phase.generate, Phase.shrink),
                suppress_health_check=list(HealthCheck),
            )
            @given(contents)
            def one(content: Any) -> None:
                nonlocal read, seconds, megabytes
                Path("/proc/self/clear_refs").write_text("5")  # the peak of memory begins anew
                before, began = memory("VmRSS"), time.process_time()
                read += look(content)
                seconds = max(seconds, time.process_time() - began)
                megabytes = max(megabytes, memory("VmHWM") - before)

            try:
                one()
            except BaseException as error:
                said = "".join(traceback.format_exception(error)).partition("\nFailing test case")[0][-3000:]
                return read, seconds, megabytes, f"{said}\n{' '.join(error.__notes__)[:2000]}"
            return read, seconds, megabytes, ""

        read, seconds, megabytes, failure = apart(all_of_them, seconds=600).result
        assert not failure, failure
        assert seconds <= 2 and megabytes <= 100, (seconds, megabytes)
        worst["tries"] += tries
        worst["read"] += read
        worst["readers"] += 1
        worst["seconds"] = max(worst["seconds"], seconds)
        worst["megabytes"] = max(worst["megabytes"], megabytes)
        figure(
            "random bytes",
            f"{worst['tries']} for {worst['readers']} readers, {tries} each: {worst['read']} read, the others refused "
            f"in one sentence; at most {worst['seconds']:.2f} s and {worst['megabytes']:.0f} MB each",
        )

    return run


def memory(kind: str) -> float:
    """MB of this process, now or at their peak."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(kind))
    return int(line.split()[1]) / 1000


def test_a_file_of_any_bytes_is_read_or_refused(reader: Any, at_random: Any, tmp_path: Path) -> None:
    good = reader.good
    reader.read(reader.write(tmp_path, good))  # all that is imported for it
    contents = st.tuples(
        st.binary(max_size=300) | accidents(good),
        st.sampled_from(("raise", "skip")),
        st.sampled_from(("words", "characters")),
    )

    def look(drawn: tuple[bytes, str, str]) -> bool:
        content, policy, level = drawn
        path = reader.write(tmp_path, content)
        read = reader.read(path, policy, level if reader.has_levels else None)
        if read.error:
            assert read.code in (2, 3) and str(tmp_path) in read.error, read.error
            assert read.error.isprintable() and len(read.error) < 800, read.error
        else:
            assert read.rows and (policy == "skip" or not read.bad_rows), read
            lines = [line for line in content.removeprefix(b"\xef\xbb\xbf").split(b"\n") if not blank(line)]
            if reader.suffix == ".jsonl" and len(lines) - read.bad_rows > 1:  # none is lost; a single text is cut
                assert read.rows + read.bad_rows == len(lines), (read.rows, read.bad_rows, len(lines))
        return not read.error

    at_random(contents, look)


def blank(line: bytes) -> bool:
    try:
        return not line.decode().strip()
    except UnicodeDecodeError:
        return False


def test_inputs_and_prompts_of_any_bytes_are_read_or_refused(
    sources: dict[str, tuple[Any, str]], at_random: Any, tmp_path: Path
) -> None:
    path = tmp_path / "lines.txt"
    for source, line in sources.values():
        good = f"{line}\n{line}\n".encode()
        contents = st.binary(max_size=100) | accidents(good)

        def prompted(text: str, source: Any = source) -> None:
            writes = getattr(getattr(source, "writing", None), "begin", None) is not None
            for encode, asked in (("encode", getattr(source, "running", False)), ("encode_target", writes)):
                if asked:
                    try:
                        assert len(getattr(source, encode)(text)) >= 0
                    except DataError as error:
                        assert str(error).isprintable() and len(str(error)) < 800, error

        def look(content: bytes, source: Any = source, prompted: Any = prompted) -> bool:
            path.write_bytes(content)
            prompted(content.decode(errors="replace"))
            try:
                rows = sum(len(source.read_inputs(lines, str(path), first)) for lines, first in blocks(str(path)))
            except DataError as error:
                assert str(error).startswith(f"{path}, line "), error
                assert str(error).isprintable() and len(str(error)) < 800, error
                return False
            assert rows == len(content.split(b"\n")) - (content.endswith(b"\n") or not content)
            return True

        at_random(contents, look)

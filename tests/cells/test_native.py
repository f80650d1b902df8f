"""The library in C: built once, and done without where it cannot be built."""

import os
import time

import pytest

from seqnet.cells import native


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("SEQNET_NATIVE", raising=False)
    native.library.cache_clear()
    yield tmp_path / "seqnet"
    native.library.cache_clear()


def test_it_is_built_once_into_the_cache(fresh):
    if native.library() is None:
        pytest.skip("no compiler here")
    (built,) = fresh.iterdir()
    assert built.suffix == ".so" and fresh.stat().st_mode & 0o777 == 0o700
    before = built.stat().st_mtime_ns
    time.sleep(0.01)
    native.library.cache_clear()
    assert native.library() is not None
    assert [path.stat().st_mtime_ns for path in fresh.iterdir()] == [before]


@pytest.mark.parametrize("why", ["no compiler", "it fails", "no cache", "not wanted"])
def test_without_it_there_is_none_and_nothing_is_left(fresh, monkeypatch, why):
    if why == "no compiler":
        monkeypatch.setenv("CC", str(fresh / "nothing"))
    elif why == "it fails":
        monkeypatch.setenv("CC", "false")
    elif why == "no cache":
        fresh.write_text("a file stands in its place")
    else:
        monkeypatch.setenv("SEQNET_NATIVE", "0")
    assert native.library() is None
    assert not fresh.is_dir() or os.listdir(fresh) == []

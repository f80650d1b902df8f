"""The library in C: built once, and done without where it cannot be built."""

import os
import time

import pytest
import torch
from torch import nn

from seqnet.cells import native
from seqnet.layers import recurrence


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


@pytest.mark.parametrize("flags", ["-fopenmp", "-mno-avx512f"])
def test_a_compiler_without_threads_or_wide_vectors_makes_it_too(fresh, monkeypatch, flags, tmp_path):
    """One that knows no OpenMP, and one for a processor whose vectors are half as long."""
    wrapper = tmp_path / "compiler"
    refused = 'case "$*" in *-fopenmp*) exit 1;; esac' if flags == "-fopenmp" else 'set -- -mno-avx512f "$@"'
    wrapper.write_text(f'#!/bin/sh\n{refused}\nexec cc "$@" {"" if flags == "-fopenmp" else flags}\n')
    wrapper.chmod(0o700)
    monkeypatch.setenv("CC", str(wrapper))
    if native.library() is None:
        pytest.skip("no compiler here, or one that knows no such flag")
    layer = nn.GRU(3, 37, batch_first=True)
    x = torch.randn(7, 5, 3, requires_grad=True)
    weights = [*layer.parameters()]
    y, _ = recurrence.gru(x, torch.zeros(1, 7, 37), weights)
    wanted, _ = layer(x)
    torch.testing.assert_close(y, wanted, atol=1e-6, rtol=0)
    found, expected = (torch.autograd.grad(out.square().sum(), [x, *weights]) for out in (y, wanted))
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=1e-5)

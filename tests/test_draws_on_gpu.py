"""The kernel that draws on a GPU, compiled as C++ here: its bits are those of `draws` in torch's operators."""

import ctypes
import shutil
import subprocess
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.cuda.jiterator import _CodeParser

from seqnet import draws, draws_on_gpu
from seqnet.draws import drawing, dropout, uniform
from seqnet.draws_on_gpu import KEEP, UNIFORM, WORD

COMPILER = shutil.which("c++") or shutil.which("g++")
LOOP = """
extern "C" void {name}_{kind}(const {kind} *at, const {kind} *of, long rows, long places, long first_row, long key,
                              long key_high, long site, {kind} *out{more}) {{
    for (long row = 0; row < rows; row++)
        for (long place = 0; place < places; place++)
            out[row * places + place] =
                {name}<{kind}>(at[place], of[row], first_row, key, key_high, site{given});
}}
"""


class Kernel:
    """Calls a kernel as torch does, on the CPU: tensors that are broadcast, then its options in their order."""

    def __init__(self, library: ctypes.CDLL, name: str) -> None:
        self.library, self.name = library, name
        self.kinds: list[torch.dtype] = []

    def __call__(self, at: Tensor, of: Tensor, **options: Any) -> Tensor:
        kind = {torch.float32: "float", torch.float64: "double"}[at.dtype]
        self.kinds.append(at.dtype)
        out = torch.empty(len(of), len(at), dtype=at.dtype)
        first, more = list(options.values())[:4], list(options.values())[4:]
        function = getattr(self.library, f"{self.name}_{kind}")
        whole, pointer = ctypes.c_long, ctypes.c_void_p
        function.argtypes = [pointer, pointer, *[whole] * 6, pointer, whole, ctypes.c_double][: 9 + len(more)]
        function(at.data_ptr(), of.data_ptr(), len(of), len(at), *first, out.data_ptr(), *more)
        return out


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> tuple[Kernel, Kernel]:
    """Both, in C++."""
    if COMPILER is None:
        pytest.skip("no C++ compiler here")
    folder = tmp_path_factory.mktemp("kernels")
    more = {"name": "seqnet_keep", "more": ", long dropped, double kept", "given": ", dropped, kept"}
    loops = [LOOP.format(kind=kind, **more) for kind in ("float", "double")]
    loops += [LOOP.format(kind=kind, name="seqnet_uniform", more="", given="") for kind in ("float", "double")]
    (folder / "kernels.cpp").write_text(KEEP + UNIFORM.removeprefix(WORD) + "".join(loops))
    command = [COMPILER, "-O1", "-shared", "-fPIC", "-o", "kernels.so", "kernels.cpp"]
    subprocess.run(command, cwd=folder, check=True, timeout=60)
    library = ctypes.CDLL(str(folder / "kernels.so"))
    return Kernel(library, "seqnet_keep"), Kernel(library, "seqnet_uniform")


def test_torch_finds_the_function_that_it_is_to_call() -> None:
    assert [_CodeParser(code).function_name for code in (KEEP, UNIFORM)] == ["seqnet_keep", "seqnet_uniform"]


@pytest.mark.parametrize("rows_and_places", [(1, 1), (2, 31), (5, 33), (3, 70), (0, 5), (3, 0)], ids=str)
def test_the_kernel_gives_the_same_bits_as_operators(
    monkeypatch: pytest.MonkeyPatch, kernels: tuple[Kernel, Kernel], rows_and_places: tuple[int, int]
) -> None:
    rows, places = rows_and_places
    where, cpu = (2**63 + 12345, 7, 3), torch.device("cpu")
    monkeypatch.setattr(draws, "_next", lambda: where)
    monkeypatch.setattr(draws, "_library", lambda: None)
    monkeypatch.setattr(draws_on_gpu, "_kernels", lambda: kernels)
    for dtype in (torch.float32, torch.float64, torch.bfloat16, torch.float16):
        for p in (1e-9, 0.1, 0.5, 0.999, 1 - 1e-12):
            expected = draws.kept(rows_and_places, p, dtype, cpu)
            dropped = min(round(p * 2**32), 2**32 - 1)
            found = draws_on_gpu.keep(where, rows, places, dropped, 1 / (1 - p), dtype, cpu)
            assert found is not None and found.dtype == dtype and torch.equal(found, expected)
    found = draws_on_gpu.uniform(where, rows, places, cpu)
    assert found is not None and torch.equal(found, uniform(rows, places))


def test_places_beyond_single_precision_are_told_in_double(
    monkeypatch: pytest.MonkeyPatch, kernels: tuple[Kernel, Kernel]
) -> None:
    monkeypatch.setattr(draws_on_gpu, "_kernels", lambda: kernels)
    monkeypatch.setattr(draws_on_gpu, "EXACT", 100)
    given = ((1, 0, 1), 2)
    told = [draws_on_gpu.keep(*given, places, 2**31, 2.0, torch.float32, torch.device("cpu")) for places in (99, 100)]
    assert kernels[0].kinds[-2:] == [torch.float32, torch.float64]
    assert all(one is not None and one.dtype == torch.float32 for one in told)
    assert torch.equal(told[0], told[1][:, :99])  # type: ignore[index, arg-type]


def test_without_a_gpu_there_is_no_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    draws_on_gpu._kernels.cache_clear()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert draws_on_gpu.keep((1, 0, 1), 2, 3, 5, 2.0, torch.float32, torch.device("cpu")) is None
    with drawing((1, 2, 3, 4)):
        assert dropout(torch.ones(2, 3), 0.5, True).shape == (2, 3)
    draws_on_gpu._kernels.cache_clear()

"""Tests on a GPU. Where torch sees none they skip, and say so; SEQNET_GPU_TESTS_ON=cpu tries them themselves there.

`scripts/gpu_check.sh` runs them. What only a GPU has is asked of `gpu`, all else of `device`. No test begins after
SEQNET_GPU_TESTS_SECONDS, where that is set.
"""

import os
import time
from collections.abc import Iterator

import pytest
import torch

# As `deterministic=true` sets it before a run starts CUDA, which here other tests have started by then.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

BEGAN = time.monotonic()


def pytest_runtest_setup() -> None:
    """Skip what would begin too late."""
    if time.monotonic() - BEGAN > float(os.environ.get("SEQNET_GPU_TESTS_SECONDS", "inf")):
        pytest.skip("time ran out")


@pytest.fixture(scope="session")
def device() -> torch.device:
    """The GPU."""
    elsewhere = os.environ.get("SEQNET_GPU_TESTS_ON")
    if elsewhere:
        return torch.device(elsewhere)
    if not torch.cuda.is_available():
        pytest.skip("torch sees no GPU")
    return torch.device("cuda", torch.cuda.current_device())


@pytest.fixture
def gpu(device: torch.device) -> torch.device:
    """The GPU, of a test that means nothing elsewhere."""
    if device.type != "cuda":
        pytest.skip("only a GPU has what this test asks")
    return device


@pytest.fixture(autouse=True)
def settings_of_the_process() -> Iterator[None]:
    """What a run sets for its whole process is put back, and single precision is exact until one says otherwise."""
    products, rounded = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    deterministic, chosen = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    yield
    torch.set_float32_matmul_precision(products)
    torch.backends.cudnn.allow_tf32 = rounded
    torch.use_deterministic_algorithms(deterministic)
    torch.backends.cudnn.benchmark = chosen

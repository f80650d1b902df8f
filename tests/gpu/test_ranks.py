"""What several processes say to each other, by NCCL with one of them, and a run that torchrun starts."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist

from seqnet.training.ranks import Ranks

SECONDS = 120
ROOT = Path(__file__).parents[2]


@pytest.fixture
def one_of_a_group(device: torch.device) -> Iterator[Ranks]:
    """Told that it is one of two, so that it speaks; in its group it is alone."""
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, store=dist.HashStore(), rank=0, world_size=1)
    yield Ranks(0, 2)
    dist.destroy_process_group()


def test_a_group_of_one_hears_what_it_says(one_of_a_group: Ranks, device: torch.device) -> None:
    values = torch.arange(5.0, device=device)
    assert one_of_a_group.add(values) is values and values.tolist() == [0, 1, 2, 3, 4]
    whole = torch.arange(3, device=device)
    assert one_of_a_group.add(whole).tolist() == [0, 1, 2]
    assert one_of_a_group.gather({"loss": 1.5})[0] == {"loss": 1.5}
    assert one_of_a_group.tell(["step", 3]) == ["step", 3]


def test_torchrun_with_one_process_trains_as_without(
    seqnet: Any, language_model: tuple[str, ...], device: torch.device
) -> None:
    overrides = (*language_model, f"device={device.type}", "deterministic=true", "training.max_steps=4", "threads=1")
    quiet = ("observers.tensorboard=false", "observers.console=false")
    words = ["--nproc_per_node=1", "--master_port=0", "-m", "seqnet", "train", *overrides, *quiet, "run_dir=started"]
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    started = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", *words],
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert started.returncode == 0, started.stderr
    assert seqnet.quietly(*overrides, "run_dir=run").code == 0
    assert seqnet.fingerprint("started") == seqnet.fingerprint("run")

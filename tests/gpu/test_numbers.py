"""What is computed on a GPU is what is computed on a CPU: every cell, every attention, every experiment's model."""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from seqnet import build, draws_on_gpu
from seqnet.batch import Batch
from seqnet.build import Assembly
from seqnet.cells.gru import GRU
from seqnet.cells.lstm import LSTM
from seqnet.cells.mingru import MinGRU
from seqnet.cells.rnn import RNN
from seqnet.checks.contract import doubles
from seqnet.checks.subject import Subject, gradients, loss_of
from seqnet.commands.check import subject_of
from seqnet.configuration import CONFIGS, compose
from seqnet.draws import drawing, dropout, uniform
from seqnet.errors import ConfigurationError
from seqnet.layers.layer import Layer
from seqnet.state import leaves, map_state
from seqnet.training.precision import Precision
from tests.conftest import options_of


def choices(group: str) -> list[str]:
    return sorted(path.stem for path in (CONFIGS / group).glob("*.yaml"))


def subject(*overrides: str) -> Subject:
    found = compose("train", list(overrides))
    try:
        return subject_of(found.config, found.defaults, found.places)
    except ConfigurationError as error:
        if "pip install" not in str(error):
            raise
        pytest.skip(str(error))


def results(parts: Assembly, batch: Batch) -> Iterator[tuple[str, Tensor]]:
    """What a model makes of a batch in training, with the draws of a window, and the gradient of every weight."""
    with drawing((1, 0, 0, 0)):
        output = parts.model.train()(batch, None)
        total = loss_of(parts, output, batch)
    yield "loss", total
    yield "features", output.features
    yield from ((f"state {place}", part) for place, part in enumerate(leaves(output.state) if output.state else []))
    if output.attention is not None:
        yield "attention", output.attention
    names = [name for name, weight in parts.model.named_parameters() if weight.requires_grad]
    yield from zip(names, gradients(parts.model, total), strict=True)


def compare(subject: Subject, device: torch.device) -> None:
    """In double precision, where nothing but the order of sums differs."""
    with doubles(subject.config["seed"]):
        here, there = subject.assembly(), subject.assembly()
        there.model.to(device)
        for batch in subject.batches:
            pairs = zip(results(here, batch), results(there, batch.to(device)), strict=True)
            for (name, expected), (_, found) in pairs:
                same = torch.allclose(found.cpu(), expected, rtol=1e-6, atol=1e-8, equal_nan=True)
                assert same, (name, (found.cpu() - expected).abs().max())


@pytest.mark.parametrize("experiment", [one for one in choices("experiment") if one != "blank"])
def test_the_model_of_every_experiment(device: torch.device, experiment: str) -> None:
    tried = subject(f"experiment={experiment}")
    compare(tried, device)
    does_not_wait(tried, device)
    can_be_deterministic(tried, device)


def can_be_deterministic(tried: Subject, device: torch.device) -> None:
    """Nothing is refused for want of such a kernel, and the bits are the same each time."""
    torch.use_deterministic_algorithms(True)
    model = tried.assembled()
    model.model.to(device)
    batch = tried.singles[0].to(device)
    once, again = ([(name, made.detach().clone()) for name, made in results(model, batch)] for _ in "ab")
    for (name, one), (_, other) in zip(once, again, strict=True):
        assert torch.equal(one.nan_to_num(), other.nan_to_num()), name


WAIT = ("seqnet.objectives.crf.Crf", "seqnet.objectives.ctc.Ctc")
"""Objectives that must know on the CPU how long rows are."""


def does_not_wait(tried: Subject, device: torch.device) -> None:
    """Python tells the GPU all of forward and backward, and asks it nothing."""
    if device.type != "cuda" or tried.config["objective"]["_target_"] in WAIT:
        return
    model = tried.assembled()
    model.model.to(device)
    batch = tried.singles[0].to(device)
    list(results(model, batch))  # what is made once
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that this is a prototype
        torch.cuda.set_sync_debug_mode("error")
        try:
            list(results(model, batch))
        finally:
            torch.cuda.set_sync_debug_mode("default")


LOOKING = [
    (attention, score)
    for attention in choices("attention")
    for score in choices("attention/score")
    if attention != "none" and (attention, score) != ("multi_head", "general")  # which do not go together
]


@pytest.mark.parametrize(("attention", "score"), LOOKING)
@pytest.mark.parametrize("feeding", ["true", "false"])
def test_every_attention(device: torch.device, attention: str, score: str, feeding: str) -> None:
    chosen = (f"attention={attention}", f"attention/score={score}", f"model.input_feeding={feeding}")
    tried = subject("experiment=reverse", *chosen)
    compare(tried, device)
    can_be_deterministic(tried, device)


@pytest.mark.parametrize("ragged", [False, True], ids=["whole", "ragged"])
@pytest.mark.parametrize("fused", [False, True], ids=["unrolled", "fused"])
@pytest.mark.parametrize("cell", choices("cell"))
def test_every_cell(device: torch.device, cell: str, fused: bool, ragged: bool) -> None:
    with doubles(1):
        here, there = (Layer(build.make(options_of("cell", cell), input_size=3, hidden_size=5), fused) for _ in "ab")
        for weight in here.parameters():
            torch.nn.init.uniform_(weight, -0.6, 0.6)
        there.load_state_dict(here.state_dict())
        there.to(device)
        x = torch.randn(5, 9, 3)
        state = map_state(lambda zeros: torch.randn_like(zeros) / 2, here.initial_state(5))
        lengths = torch.tensor([9, 4, 0, 1, 7]) if ragged else None
        expected = everything(here, x, state, lengths, torch.device("cpu"))
        for found, wanted in zip(everything(there, x, state, lengths, device), expected, strict=True):
            torch.testing.assert_close(found, wanted, rtol=1e-8, atol=1e-9)


def everything(layer: Layer, x: Tensor, state: Any, lengths: Tensor | None, device: torch.device) -> list[Tensor]:
    """Outputs, final state, and gradients with respect to input, first state and weights, on the CPU."""
    x = x.to(device).requires_grad_()
    given = map_state(lambda part: part.to(device).requires_grad_(), state)
    y, final = layer(x, given, None if lengths is None else lengths.to(device))
    outputs = [y, *leaves(final)]
    total = sum((part * torch.linspace(-1, 1, part.numel()).view_as(part).to(device)).sum() for part in outputs)
    found = torch.autograd.grad(total, [x, *leaves(given), *layer.parameters()])
    return [part.detach().cpu() for part in (*outputs, *found)]


CELLS: dict[str, Callable[[], Any]] = {
    "rnn_tanh": lambda: RNN(64, 64),
    "rnn_relu": lambda: RNN(64, 64, nonlinearity="relu"),
    "lstm": lambda: LSTM(64, 64),
    "gru": lambda: GRU(64, 64),
    "mingru": lambda: MinGRU(64, 64),
}
ROUNDED = {"fp32": 1e-5, "tf32": 5e-3, "bf16": 5e-2, "fp16": 1e-2}
"""How far the outputs of a layer, below 1, may be from those in single precision on a CPU."""


@pytest.mark.parametrize("precision", ROUNDED)
@pytest.mark.parametrize("ragged", [False, True], ids=["whole", "ragged"])
@pytest.mark.parametrize("cell", CELLS)
def test_a_layer_is_as_exact_as_its_precision(device: torch.device, cell: str, ragged: bool, precision: str) -> None:
    torch.manual_seed(0)
    layer = Layer(CELLS[cell]())
    for weight in layer.parameters():
        torch.nn.init.uniform_(weight, -0.15, 0.15)
    x = torch.rand(4, 6, 64) - 0.5
    state = map_state(lambda zeros: torch.rand_like(zeros) - 0.5, layer.initial_state(4))
    lengths = torch.tensor([4, 0, 6, 1]) if ragged else None
    expected, after = layer(x, state, lengths)
    layer.to(device)
    with Precision(precision, device).autocast():
        given = map_state(lambda part: part.to(device), state)
        y, final = layer(x.to(device), given, None if lengths is None else lengths.to(device))
    y.float().sum().backward()
    assert all(weight.grad is not None and weight.grad.dtype == torch.float32 for weight in layer.parameters())
    torch.testing.assert_close(y.float().cpu(), expected, atol=ROUNDED[precision], rtol=0)
    for part, other in zip(leaves(final), leaves(after), strict=True):
        assert part.dtype == torch.float32
        torch.testing.assert_close(part.cpu(), other, atol=ROUNDED[precision], rtol=0)


@pytest.mark.parametrize("cell", CELLS)
def test_only_tf32_rounds_what_is_multiplied(gpu: torch.device, cell: str) -> None:
    if torch.cuda.get_device_capability(gpu) < (8, 0):
        pytest.skip("this GPU has no tf32")
    torch.manual_seed(0)
    layer, x = Layer(CELLS[cell]()).to(gpu), torch.randn(64, 20, 64, device=gpu)
    found = {}
    for precision in ("fp32", "tf32"):
        Precision(precision, gpu)
        found[precision] = layer(x)[0], x @ x.mT
    exact = Layer(CELLS[cell]()).double().to(gpu)
    exact.load_state_dict(layer.state_dict())
    wanted = exact(x.double())[0], x.double() @ x.double().mT
    off = {
        name: [(one - other).abs().max().item() for one, other in zip(made, wanted, strict=True)]
        for name, made in found.items()
    }
    assert off["fp32"][0] < 1e-5 and off["fp32"][1] < 1e-4, off
    assert off["tf32"][1] > 20 * off["fp32"][1], off  # of a recurrence cuDNN chooses by its size


def test_a_gpu_draws_the_bits_of_a_cpu_in_one_kernel(device: torch.device) -> None:
    """Dropout of every kind of number, and draws between 0 and 1; rows of a share, and more than a group of places."""
    found = []
    for place in (torch.device("cpu"), device):
        with drawing((2**40 + 5, 1, 2, 7), first_row=3):
            ones = [torch.ones(6, 5, 70, dtype=kind, device=place) for kind in KINDS]
            made = [dropout(one, p, True) for one in ones for p in (0.1, 0.5, 1 - 1e-12)]
            found.append([*made, uniform(4, 33, device=place)])
    for here, there in zip(*found, strict=True):
        assert there.device.type == device.type and torch.equal(here, there.cpu())
    assert device.type == "cpu" or draws_on_gpu._kernels() is not None, "torch does not compile the kernel here"


KINDS = (torch.float32, torch.float64, torch.bfloat16, torch.float16)

"""Training steps on a GPU: seqnet's loop beside a plain one over cuDNN's LSTM, and beside the attention of tutorials.

SEQNET_GPU_TESTS_ON=cpu tries all of it there, with tiny sizes.
"""

import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import cycle

import torch
import torch.nn.functional as F
from benchmarks import bare_translator, dropping, language_model, sentences, translator
from benchmarks.language_model import Size, text_of
from benchmarks.timing import Pair, bare_steps, pair, training_steps

from seqnet import draws
from seqnet.attention.scores.additive import Additive
from seqnet.attention.scores.general import General

Step = Callable[[], None]

MODELS = [(Size(2, 650, 650, 10_000, 20, 35), 0.5), (Size(2, 1500, 1500, 10_000, 20, 35), 0.65)]
"""The medium and the large model of Zaremba et al. 2014, and their dropout."""
PRECISIONS = ("fp32", "tf32", "bf16")
SCORES = {"Bahdanau": ("additive", Additive, True), "Luong": ("general", General, False)}
"""Of whom; the score, and whether what was found is fed to the next step."""
GOAL = 1.05


def gpu() -> Iterator[Pair]:
    """All pairs, of which the language models' have a goal."""
    elsewhere = os.environ.get("SEQNET_GPU_TESTS_ON")
    if not (elsewhere or torch.cuda.is_available()):
        print("gpu: not measured, torch finds no GPU here")
        return
    device, seconds = elsewhere or "cuda", 0.05 if elsewhere else 6.0
    models = [(Size(2, 8, 8, 50, 3, 5), 0.5)] if elsewhere else MODELS
    for size, dropout in models:
        for precision in PRECISIONS:
            yield _language(size, dropout, device, precision, seconds, goal=GOAL)
    # cuDNN computes a step of one layer beside a later one of the layer below: how much is in that?
    yield _language(*models[0], device, "tf32", seconds, apart=True)
    yield _dropout(device, seconds, (20, 35, 650))
    for of in SCORES:
        for precision in ("tf32", "bf16"):
            yield _attention(of, device, precision, seconds, 4 if elsewhere else translator.ROWS)


def _language(
    size: Size,
    dropout: float,
    device: str,
    precision: str,
    seconds: float,
    apart: bool = False,
    goal: float | None = None,
) -> Pair:
    text = text_of(size)
    given = (size, text, device, precision, dropout)
    name = f"gpu {size}, dropout {dropout}, {precision}{', beside an LSTM for each layer' if apart else ''}"
    makes = partial(language_model.ours, *given), partial(language_model.theirs, *given, apart)
    return _pair(name, *makes, device, seconds, size.rows * size.steps, goal)


def _dropout(device: str, seconds: float, shape: tuple[int, ...]) -> Pair:
    with draws.drawing((1, 0, 0, 0)):
        name = f"gpu dropout of {list(shape)}, forward and backward, beside torch's"
        ours = dropping.both(shape, lambda x: draws.dropout(x, 0.5, True), device)
        theirs = dropping.both(shape, lambda x: F.dropout(x, 0.5, True), device)
        return _pair(name, lambda: ours, lambda: theirs, device, seconds / 3, 0)


def _attention(of: str, device: str, precision: str, seconds: float, rows: int) -> Pair:
    score, compare, feeding = SCORES[of]
    space, writing, examples = sentences.made(10 * rows)
    batches = list(sentences.loader(examples, rows).batches(0))

    def ours() -> Step:
        model = translator.model_of(space, feeding, compare).to(device)
        task = translator.task_of(space, writing)
        return training_steps(model, task, sentences.loader(examples, rows), precision=precision)

    def theirs() -> Step:
        # Lengths stay on the CPU, where what packs sequences wants them.
        there = [(b.source.to(device), b.source_lengths, b.inputs.to(device), b.targets.to(device)) for b in batches]
        turn = cycle(there)
        model = translator.model_of(space, feeding, compare)
        bare = bare_translator.like(model, space.size, translator.EMBEDDING, translator.HIDDEN, score).to(device)
        return bare_steps(bare, lambda: bare_translator.loss(bare, *next(turn)), precision)

    tokens = sum(int(batch.lengths.sum()) for batch in batches) / len(batches)
    return _pair(f"gpu attention of {of}, batches of {rows}, {precision}", ours, theirs, device, seconds, tokens)


def _pair(
    name: str,
    ours: Callable[[], Step],
    theirs: Callable[[], Step],
    device: str,
    seconds: float,
    tokens: float,
    goal: float | None = None,
) -> Pair:
    """Time a step of two programs, each of which is made, and its memory seen, before the other is."""
    (one, most), (other, most_of_other) = (_seen(make, device) for make in (ours, theirs))
    on_gpu = device == "cuda"
    return pair(
        name,
        one,
        other,
        seconds,
        repeats=9 if on_gpu else 3,
        clock=_when_done if on_gpu else time.perf_counter,
        tokens=tokens,
        memory=(most, most_of_other) if on_gpu else None,
        goal=goal if on_gpu else None,
    )


def _when_done() -> float:
    """The time at which the GPU has done all that it was told."""
    torch.cuda.synchronize()
    return time.perf_counter()


def _seen(make: Callable[[], Step], device: str) -> tuple[Step, float]:
    """A step, and the most memory that the first few took with model and optimiser, in MiB."""
    if device != "cuda":
        return make(), 0.0
    began = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    step = make()
    for _ in range(5):
        step()
    return step, (torch.cuda.max_memory_allocated() - began) / 2**20

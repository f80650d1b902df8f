"""Speed as ratios: seqnet and a bare torch program in turn, A B A B, in one run.

    python scripts/benchmark.py loop
    python scripts/benchmark.py attention decode

Each pair ends with a line `NAME ... ratio R`: seconds of seqnet over seconds of the other (below 1 = seqnet is
faster), the median over the pairs, with the smallest and largest beside it. Threads are torch's own setting
(OMP_NUM_THREADS); nothing else should run on the machine.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count, islice
from types import SimpleNamespace

import bare_torch
import sentences
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqnet.attention.soft import Soft
from seqnet.batch import Batch
from seqnet.cells.lstm import LSTM
from seqnet.data.examples import Examples, Ragged, Stream
from seqnet.data.lanes import LaneLoader
from seqnet.decoding.beam import Beam
from seqnet.decoding.greedy import Greedy
from seqnet.models.encoder_decoder import EncoderDecoder
from seqnet.models.recurrent import Recurrent
from seqnet.objectives.tokens import NextToken
from seqnet.spaces import Tokens, Writing
from seqnet.tasks.many_to_many import ManyToMany
from seqnet.tasks.seq2seq import SequenceToSequence
from seqnet.training.evaluation import evaluating
from seqnet.training.precision import Precision
from seqnet.training.progress import Averages
from seqnet.training.schedule import Constant
from seqnet.training.trainer import Clipping, Limits, Trainer

Sentences = list[list[int]]


@dataclass(frozen=True)
class Size:
    """A language model's size: layers x hidden, vocabulary, rows x steps of a window."""

    layers: int
    hidden: int
    embedding: int
    vocabulary: int
    rows: int
    steps: int

    def __str__(self) -> str:
        return f"{self.layers}x{self.hidden} vocabulary {self.vocabulary} batch {self.rows}x{self.steps}"


def pair(
    name: str, ours: Callable[[], object], theirs: Callable[[], object], seconds: float, repeats: int = 21
) -> float:
    """Time the two in turn, each turn about `seconds`/(2*repeats) long; print and return the median ratio."""
    for warm in (ours, theirs, ours, theirs):
        began = time.perf_counter()
        warm()
        once = time.perf_counter() - began
    calls = max(1, int(seconds / (2 * repeats) / once))
    ratios, a, b = [], [], []
    for turn in range(repeats):
        order = ((ours, a), (theirs, b)) if turn % 2 == 0 else ((theirs, b), (ours, a))
        for run, times in order:
            began = time.perf_counter()
            for _ in range(calls):
                run()
            times.append((time.perf_counter() - began) / calls)
        ratios.append(a[-1] / b[-1])
    ratio = statistics.median(ratios)
    print(
        f"{name}: seqnet {statistics.median(a) * 1e3:.3f} ms, other {statistics.median(b) * 1e3:.3f} ms, "
        f"ratios {min(ratios):.3f} to {max(ratios):.3f}, threads {torch.get_num_threads()}, ratio {ratio:.3f}",
        flush=True,
    )
    return ratio


def language_model(size: Size) -> tuple[Callable[[], None], Callable[[], None]]:
    """One training step of seqnet's loop, and one of a loop written in plain torch, on the same text."""
    length = size.rows * size.steps * 200 + 1
    text = torch.randint(size.vocabulary, (length,), generator=torch.Generator().manual_seed(0))
    return _seqnet_steps(size, text), _bare_steps(size, text)


def _seqnet_steps(size: Size, text: Tensor) -> Callable[[], None]:
    torch.manual_seed(0)
    space = Tokens(tuple(map(str, range(size.vocabulary))))
    objective = NextToken(space)
    model = Recurrent(
        cell=LSTM,
        inputs=space,
        views={},
        out_features=size.vocabulary,
        hidden_size=size.hidden,
        num_layers=size.layers,
        embedding_size=size.embedding,
    )
    stream = Stream(Ragged.of([text]))
    trainer = Trainer(
        model,
        ManyToMany(objective),
        LaneLoader(stream, size.rows, size.steps, seed=0, shuffle=False),
        torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True),
        Constant(),
        Precision("fp32", torch.device("cpu")),
        Limits(max_steps=10**9),
        Clipping(norm=1.0),
        window=size.steps,
    )
    steps, averages = trainer.steps(), Averages()

    def step() -> None:
        for report in islice(steps, 1):
            averages.add(report)

    return step


def _bare_steps(size: Size, text: Tensor) -> Callable[[], None]:
    torch.manual_seed(0)
    embedding = nn.Embedding(size.vocabulary, size.embedding)
    lstm = nn.LSTM(size.embedding, size.hidden, size.layers, batch_first=True)
    head = nn.Linear(size.hidden, size.vocabulary)
    parameters = [*embedding.parameters(), *lstm.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, fused=True)
    length = (len(text) - 1) // size.rows
    inputs = text[: size.rows * length].view(size.rows, length)
    targets = text[1 : size.rows * length + 1].view(size.rows, length)
    place, state, total = 0, None, torch.zeros(())

    def step() -> None:
        nonlocal place, state, total
        if place >= length:
            place, state = 0, None
        x, y = inputs[:, place : place + size.steps], targets[:, place : place + size.steps]
        place += size.steps
        features, state = lstm(embedding(x), state)
        state = tuple(part.detach() for part in state)
        loss = F.cross_entropy(head(features).flatten(0, 1), y.flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        total = total + loss.detach()

    return step


SIZES = (Size(1, 256, 64, 65, 32, 64), Size(2, 200, 200, 10_000, 20, 20), Size(1, 64, 64, 65, 20, 20))


def loop() -> None:
    """The training loop on a language model: a usual size, and one so small that overhead shows."""
    for size in SIZES:
        ours, theirs = language_model(size)
        pair(f"loop {size}", ours, theirs, seconds=60)


# ------------------------------------------------------------------ attention

EMBEDDING, HIDDEN, ROWS = 256, 256, 64


def _translator(space: Tokens, feeding: bool) -> EncoderDecoder:
    torch.manual_seed(0)
    return EncoderDecoder(
        cell=LSTM,
        inputs=space,
        source=space,
        out_features=space.size,
        attention=Soft,
        hidden_size=HIDDEN,
        embedding_size=EMBEDDING,
        embedding_std=0.1,
        bidirectional=True,
        input_feeding=feeding,
    )


def _training(model: EncoderDecoder, space: Tokens, writing: Writing, examples: Examples) -> Callable[[], None]:
    trainer = Trainer(
        model,
        SequenceToSequence(NextToken(space), SimpleNamespace(writing=writing, targets=space), []),
        sentences.loader(examples, ROWS),
        torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True),
        Constant(),
        Precision("fp32", torch.device("cpu")),
        Limits(max_steps=10**9),
        Clipping(norm=1.0),
    )
    steps, averages = trainer.steps(), Averages()

    def step() -> None:
        for report in islice(steps, 1):
            averages.add(report)

    return step


def _bare_training(model: bare_torch.Translator, examples: Examples) -> Callable[[], None]:
    parameters = list(model.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, fused=True)
    loader = sentences.loader(examples, ROWS)
    batches = (batch for epoch in count() for batch in loader.batches(epoch))

    def step() -> None:
        batch = next(batches)
        assert batch.source is not None and batch.source_lengths is not None
        loss = bare_torch.loss(model, batch.source, batch.source_lengths, batch.inputs, batch.targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()

    return step


def attention() -> None:
    """A training step of an attention decoder on the same bucketed batches, without and with input feeding."""
    space, writing, examples = sentences.made(12_800)
    for feeding in (False, True):
        model = _translator(space, feeding)
        bare = bare_torch.like(model, space.size, EMBEDDING, HIDDEN)
        name = f"attention {'with' if feeding else 'without'} input feeding, batch {ROWS}, vocabulary {space.size}"
        pair(name, _training(model, space, writing, examples), _bare_training(bare, examples), seconds=60)


# --------------------------------------------------------------------- decode


def decode() -> None:
    """Greedy search and a beam of 5 on the same sentences with the same weights, which a short training made."""
    space, writing, examples = sentences.made(12_800)
    model = _translator(space, feeding=False)
    step = _training(model, space, writing, examples)
    for _ in range(200):  # enough to learn when to end
        step()
    bare = bare_torch.like(model, space.size, EMBEDDING, HIDDEN).eval()
    longest = writing.longest + writing.longest // 2
    for rows in (1, 64):
        batch = examples.batch(torch.arange(5 * rows, 6 * rows))
        for size, choice in ((1, Greedy()), (5, Beam(beam_size=5))):
            ours, theirs = _ours(model, choice, batch, writing), _theirs(bare, size, batch, writing, longest)
            same = sum(one == other for one, other in zip(ours(), theirs(), strict=True))
            name = f"decode {'greedy' if size == 1 else 'beam 5'}, batch {rows} ({same} of {rows} alike)"
            pair(name, ours, theirs, seconds=20)


def _ours(model: EncoderDecoder, choice: Greedy | Beam, batch: Batch, writing: Writing) -> Callable[[], Sentences]:
    def run() -> Sentences:
        with evaluating(model):
            memory, state = model.begin(batch)
            return [found[0].ids for found in choice.decode(model, memory, state, writing)]

    return run


def _theirs(
    bare: bare_torch.Translator, size: int, batch: Batch, writing: Writing, longest: int
) -> Callable[[], Sentences]:
    def run() -> Sentences:
        assert batch.source is not None and batch.source_lengths is not None
        assert writing.begin is not None and writing.end is not None
        given = (batch.source, batch.source_lengths, writing.begin, writing.end, longest)
        return bare.greedy(*given) if size == 1 else bare.beam(*given, size)

    return run


BENCHMARKS = {"loop": loop, "attention": attention, "decode": decode}


def main() -> None:
    """Run the benchmarks named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", choices=sorted(BENCHMARKS), metavar="NAME", help=", ".join(BENCHMARKS))
    for name in parser.parse_args().names:
        BENCHMARKS[name]()


if __name__ == "__main__":
    main()

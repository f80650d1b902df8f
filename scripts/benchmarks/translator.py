"""An attention encoder-decoder beside the one of tutorials: training steps, and decoding."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count
from types import SimpleNamespace

import torch
from benchmarks import bare_translator, sentences
from benchmarks.timing import Pair, bare_steps, pair, repeated, training_steps
from torch import Tensor

from seqnet.attention.scores.scaled_dot import ScaledDot
from seqnet.attention.scoring import MakeScore
from seqnet.attention.soft import Soft
from seqnet.batch import Batch
from seqnet.cells.lstm import LSTM
from seqnet.data.examples import Examples
from seqnet.decoding.beam import Beam
from seqnet.decoding.greedy import Greedy
from seqnet.decoding.hypothesis import Start
from seqnet.models.encoder_decoder import EncoderDecoder
from seqnet.objectives.tokens import NextToken
from seqnet.specs import Tokens, Writing
from seqnet.tasks.seq2seq import SequenceToSequence

EMBEDDING, HIDDEN, ROWS = 256, 256, 64
SENTENCES = 1_000  # to be decoded
TOGETHER = 160  # of them in a batch of ours, which are sorted by length

Written = list[list[int]]


def model_of(space: Tokens, feeding: bool, score: MakeScore = ScaledDot) -> EncoderDecoder:
    """seqnet's translator."""
    torch.manual_seed(0)
    return EncoderDecoder(
        cell=LSTM,
        inputs=space,
        source=space,
        out_features=space.size,
        attention=partial(Soft, score=score),
        hidden_size=HIDDEN,
        embedding_size=EMBEDDING,
        embedding_std=0.1,
        bidirectional=True,
        input_feeding=feeding,
    )


def task_of(space: Tokens, writing: Writing) -> SequenceToSequence:
    """Its task, of which nothing is decoded freely."""
    return SequenceToSequence(NextToken(space), SimpleNamespace(writing=writing, targets=space), [])


def _steps(
    model: EncoderDecoder, space: Tokens, writing: Writing, examples: Examples, rows: int = ROWS, rate: float = 1e-3
) -> Callable[[], None]:
    return training_steps(model, task_of(space, writing), sentences.loader(examples, rows), rate=rate)


def _bare_steps(model: bare_translator.Translator, batches: Iterator[Batch]) -> Callable[[], None]:
    def loss() -> Tensor:
        batch = next(batches)
        assert batch.source is not None and batch.source_lengths is not None
        return bare_translator.loss(model, batch.source, batch.source_lengths, batch.inputs, batch.targets)

    return bare_steps(model, loss)


def _random(examples: Examples) -> Iterator[Batch]:
    random = torch.Generator().manual_seed(0)
    for _ in count():
        for rows in torch.randperm(len(examples), generator=random).split(ROWS):
            yield examples.batch(rows)


def attention() -> list[Pair]:
    """An epoch of an attention decoder beside the tutorials' on random batches, and on seqnet's own bucketed ones."""
    space, writing, examples = sentences.made(1_280)
    found = []
    for feeding in (False, True):
        loader = sentences.loader(examples, ROWS)
        bucketed = (batch for epoch in count() for batch in loader.batches(epoch))
        for order, batches in (("random", _random(examples)), ("the same", bucketed)):
            model = model_of(space, feeding)
            bare = bare_translator.like(model, space.size, EMBEDDING, HIDDEN)
            step, plain = _steps(model, space, writing, examples), _bare_steps(bare, batches)
            name = f"attention {'with' if feeding else 'without'} input feeding, beside {order} batches of {ROWS}"
            found.append(pair(name, repeated(step), repeated(plain), seconds=60, repeats=7))
    return found


def decode() -> list[Pair]:
    """Greedy search and a beam of 5 with the same weights, which a short training made."""
    space, writing, examples = sentences.made(12_800)
    model = model_of(space, feeding=False)
    step = _steps(model, space, writing, examples, rows=16, rate=5e-3)
    for _ in range(500):  # enough to learn what to copy and when to end
        step()
    model.eval()
    bare = bare_translator.like(model, space.size, EMBEDDING, HIDDEN).eval()
    found = []
    for rows in (1, ROWS):
        batches = [examples.batch(torch.arange(rows, 2 * rows))]
        for size in (1, 5):
            name = f"decode {'greedy' if size == 1 else 'beam 5'}, {rows} at once"
            found.append(_decoded(name, model, bare, writing, size, batches, batches, seconds=20, repeats=21))
    # As a plain program reads a file, and as `seqnet predict` does: sorted by length.
    rows = torch.arange(SENTENCES)
    in_order = [examples.batch(some) for some in rows.split(ROWS)]
    lengths = examples.batch(rows).source_lengths
    assert lengths is not None
    by_length = [examples.batch(some) for some in lengths.argsort(stable=True).split(TOGETHER)]
    name = f"decode beam 5, {SENTENCES:,} sentences sorted in batches of {TOGETHER}, beside batches of {ROWS} in order"
    found.append(_decoded(name, model, bare, writing, 5, by_length, in_order, seconds=0, repeats=3))
    return found


def _decoded(
    name: str,
    model: EncoderDecoder,
    bare: bare_translator.Translator,
    writing: Writing,
    size: int,
    ours: Sequence[Batch],
    theirs: Sequence[Batch],
    seconds: float,
    repeats: int,
) -> Pair:
    """The pair of a search for `size` hypotheses, with the same sentences in batches of our own and of theirs."""
    choice = Greedy() if size == 1 else Beam(beam_size=size)
    longest = writing.longest + writing.longest // 2

    def run() -> Written:
        with torch.inference_mode():
            return [ids for batch in ours for ids in _written(model, choice, batch, writing)]

    def plain() -> Written:
        return [ids for batch in theirs for ids in _plainly_written(bare, size, batch, writing, longest)]

    alike = Counter(map(tuple, run())) & Counter(map(tuple, plain()))  # whatever the order
    count = sum(len(batch.lengths) for batch in ours)
    return pair(f"{name} ({alike.total()} of {count} alike)", run, plain, seconds, repeats)


def _written(model: EncoderDecoder, choice: Greedy | Beam, batch: Batch, writing: Writing) -> Written:
    memory, state = model.begin(batch)
    return [found[0].ids for found in choice.decode(model, Start(memory, state, writing))]


def _plainly_written(
    bare: bare_translator.Translator, size: int, batch: Batch, writing: Writing, longest: int
) -> Written:
    assert batch.source is not None and batch.source_lengths is not None
    assert writing.begin is not None and writing.end is not None
    given = (batch.source, batch.source_lengths, writing.begin, writing.end, longest)
    return bare.greedy(*given) if size == 1 else bare.beam(*given, size)

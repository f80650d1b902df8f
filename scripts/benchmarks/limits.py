"""A training step beside nothing but its matrix products: how far the machine's own limit is."""

from collections.abc import Callable, Iterable

import torch
from benchmarks import sentences
from benchmarks.language_model import WORDS, Size, ours, text_of
from benchmarks.timing import Pair, pair, training_steps
from benchmarks.translator import EMBEDDING, HIDDEN, ROWS, model_of, task_of

from seqnet.batch import has_target
from seqnet.linear import linear

Shape = tuple[int, int, int, int]  # rows, inner, columns, how often


def limit() -> list[Pair]:
    """A language model and a translator, each beside torch's products, and beside those that seqnet takes."""
    found = []
    for name, step, shapes in (
        (str(WORDS), ours(WORDS, text_of(WORDS)), list(_language_model(WORDS))),
        (f"attention without input feeding, a batch of {ROWS}", *_translator()),
    ):
        for how, products in (("torch.mm", _by_torch), ("oneDNN's", _as_here)):
            found.append(pair(f"limit {name}, products by {how}", step, products(shapes), 30))
    return found


def _three(rows: int, inner: int, columns: int) -> Iterable[Shape]:
    """The products of a linear layer: forward, of its input's gradient and of its weight's."""
    return ((rows, inner, columns, 1), (rows, columns, inner, 1), (columns, rows, inner, 1))


def _lstm(rows: int, steps: int, inputs: int, hidden: int) -> Iterable[Shape]:
    """Those of an LSTM over a sequence: the recurrent ones are made step by step, but for the weight's gradient."""
    yield from _three(rows * steps, inputs, 4 * hidden)
    yield (rows, hidden, 4 * hidden, steps)
    yield (rows, 4 * hidden, hidden, steps)
    yield (4 * hidden, rows * steps, hidden, 1)


def _language_model(size: Size) -> Iterable[Shape]:
    for layer in range(size.layers):
        yield from _lstm(size.rows, size.steps, size.embedding if layer == 0 else size.hidden, size.hidden)
    yield from _three(size.rows * size.steps, size.hidden, size.vocabulary)


def _translator() -> tuple[Callable[[], None], list[Shape]]:
    """A step over always the same batch, and its products."""
    space, writing, examples = sentences.made(ROWS)
    step = training_steps(model_of(space, feeding=False), task_of(space, writing), sentences.loader(examples, ROWS))
    batch = examples.batch(torch.arange(ROWS))
    assert batch.source is not None
    read, written = batch.source.shape[1], batch.time
    shapes = [shape for _ in range(2) for shape in _lstm(ROWS, read, EMBEDDING, HIDDEN)]
    shapes += [*_lstm(ROWS, written, EMBEDDING, HIDDEN), *_three(ROWS * read, 2 * HIDDEN, HIDDEN)]
    shapes += [*_three(ROWS * written, HIDDEN, read), *_three(ROWS * written, read, 2 * HIDDEN)]  # scores, contexts
    shapes += _three(ROWS * written, 3 * HIDDEN, HIDDEN)
    shapes += _three(int(has_target(batch.targets).sum()), HIDDEN, space.size)
    return step, shapes


def _by_torch(shapes: list[Shape]) -> Callable[[], None]:
    """Into outputs that are there already."""
    parts = [(torch.randn(a, b), torch.randn(b, c), torch.empty(a, c), times) for a, b, c, times in shapes]

    def replay() -> None:
        for left, right, out, times in parts:
            for _ in range(times):
                torch.mm(left, right, out=out)

    return replay


def _as_here(shapes: list[Shape]) -> Callable[[], None]:
    """By oneDNN where that is the sooner, which makes its own outputs."""
    parts = [(torch.randn(a, b), torch.randn(b, c).t(), times) for a, b, c, times in shapes]

    def replay() -> None:
        for left, right, times in parts:
            for _ in range(times):
                linear(left, right)

    return replay

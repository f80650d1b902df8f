"""An LSTM language model: seqnet's loop beside a plain one, its output layer, and a very long text."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from benchmarks.timing import Pair, bare_steps, pair, training_steps
from torch import Tensor, nn

from seqnet.cells.lstm import LSTM
from seqnet.data.examples import Ragged, Stream
from seqnet.data.lanes import LaneLoader
from seqnet.models.recurrent import Recurrent
from seqnet.objectives.adaptive import AdaptiveTokens
from seqnet.objectives.tokens import NextToken
from seqnet.specs import Tokens
from seqnet.tasks.many_to_many import ManyToMany


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
        return f"LSTM {self.layers} x {self.hidden}, vocabulary {self.vocabulary}, batch {self.rows} x {self.steps}"


LARGE = Size(1, 256, 256, 50_000, 20, 35)
USUAL, WORDS, SMALL = Size(1, 256, 64, 65, 32, 64), Size(2, 200, 200, 10_000, 20, 20), Size(1, 64, 64, 65, 20, 20)


def text_of(size: Size, windows: int = 200) -> Tensor:
    """Random tokens, enough for so many windows."""
    length = size.rows * size.steps * windows + 1
    return torch.randint(size.vocabulary, (length,), generator=torch.Generator().manual_seed(0))


def model_of(size: Size, head: Callable[[int], nn.Module] | None = None, dropout: float = 0.0) -> Recurrent:
    """seqnet's model of a size. dropout: of what goes into each layer, and out of the last."""
    torch.manual_seed(0)
    return Recurrent(
        cell=LSTM,
        inputs=Tokens(tuple(map(str, range(size.vocabulary)))),
        views={},
        out_features=size.vocabulary,
        hidden_size=size.hidden,
        num_layers=size.layers,
        embedding_size=size.embedding,
        input_dropout=dropout,
        dropout=dropout,
        output_dropout=dropout,
        head=head,
    )


def ours(
    size: Size, text: Tensor, device: str = "cpu", precision: str = "fp32", dropout: float = 0.0
) -> Callable[[], None]:
    """A step of seqnet's loop on a text."""
    model, task, loader = parts(size, text, dropout)
    return training_steps(model.to(device), task, loader, size.steps, precision=precision)


def parts(size: Size, text: Tensor, dropout: float = 0.0) -> tuple[Recurrent, ManyToMany, LaneLoader]:
    """What seqnet trains: model, task and data."""
    loader = LaneLoader(Stream(Ragged.of([text])), size.rows, size.steps, seed=0, shuffle=False)
    return (
        model_of(size, dropout=dropout),
        ManyToMany(NextToken(Tokens(tuple(map(str, range(size.vocabulary)))))),
        loader,
    )


class Bare(nn.Module):
    """The same model in plain torch. apart: a call of torch's LSTM for each layer, and not one for all of them."""

    def __init__(self, size: Size, dropout: float = 0.0, apart: bool = False) -> None:
        super().__init__()
        self.embedding = nn.Embedding(size.vocabulary, size.embedding)
        widths = [size.embedding, *[size.hidden] * (size.layers - 1)] if apart else [size.embedding]
        layers, inner = (1, 0.0) if apart else (size.layers, dropout if size.layers > 1 else 0.0)
        self.layers = nn.ModuleList(
            nn.LSTM(width, size.hidden, layers, batch_first=True, dropout=inner) for width in widths
        )
        self.head = nn.Linear(size.hidden, size.vocabulary)
        self.dropout = dropout

    def forward(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Logits and state."""
        y, after = self.embedding(x), []
        for layer, begin in zip(self.layers, state or [None] * len(self.layers), strict=True):
            y, end = layer(F.dropout(y, self.dropout, self.training) if self.dropout else y, begin)
            after.append(end)
        return self.head(F.dropout(y, self.dropout, self.training) if self.dropout else y), after


def theirs(
    size: Size,
    text: Tensor,
    device: str = "cpu",
    precision: str = "fp32",
    dropout: float = 0.0,
    apart: bool = False,
) -> Callable[[], None]:
    """A step of a loop in plain torch on the same text."""
    torch.manual_seed(0)
    model = Bare(size, dropout, apart).to(device)
    length = (len(text) - 1) // size.rows
    inputs = text[: size.rows * length].view(size.rows, length).to(device)
    targets = text[1 : size.rows * length + 1].view(size.rows, length).to(device)
    place, state = 0, None

    def loss() -> Tensor:
        nonlocal place, state
        if place >= length:
            place, state = 0, None
        x, y = inputs[:, place : place + size.steps], targets[:, place : place + size.steps]
        place += size.steps
        logits, state = model(x, state)
        state = [tuple(part.detach() for part in layer) for layer in state]
        return F.cross_entropy(logits.flatten(0, 1), y.flatten())

    return bare_steps(model, loss, precision)


def output() -> list[Pair]:
    """A vocabulary so large that the output layer takes the time: its logits in chunks, and adaptive softmax."""
    length = LARGE.rows * LARGE.steps * 30 + 1
    likely = 1 / (torch.arange(LARGE.vocabulary) + 2.7)  # as words are: Zipf's law, the most frequent ones first
    text = torch.multinomial(likely, length, replacement=True, generator=torch.Generator().manual_seed(0))
    tokens = Tokens(tuple(map(str, range(LARGE.vocabulary))), ranked=LARGE.vocabulary)
    objective = AdaptiveTokens(tokens)
    model = model_of(LARGE, objective.output_layer)
    loader = LaneLoader(Stream(Ragged.of([text])), LARGE.rows, LARGE.steps, seed=0, shuffle=False)
    adaptive = training_steps(model, ManyToMany(objective), loader, LARGE.steps)
    return [
        pair(f"tokens, {LARGE}", ours(LARGE, text), theirs(LARGE, text), 80, repeats=11),
        pair(f"adaptive, {LARGE}", adaptive, theirs(LARGE, text), 80, repeats=11),
    ]


def stream() -> list[Pair]:
    """Windows of 50 steps deep in one sequence of a million steps, beside windows near its beginning, and memory.

    All of the million is trained on, which is what its memory is measured over; a small model, so that this ends.
    """
    size = Size(1, 32, 32, 65, 1, 50)
    near, far = 10_000 // size.steps, 1_000_000 // size.steps
    text = text_of(size, far + 10_000)
    begins, deep = ours(size, text), ours(size, text)
    for _ in range(near):
        begins()
        deep()
    before = _resident()
    for _ in range(far - near):
        deep()
    grown = (_resident() - before) / 2**20
    name = f"stream {size}: step 1,000,000 beside 10,000, memory {grown:+.1f} MiB"
    return [pair(name, deep, begins, 16, repeats=101)]


def _resident() -> int:
    """Bytes of this process in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

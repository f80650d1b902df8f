"""The memory panel beside the share of training time that it may take at its default."""

import torch
from benchmarks import cells, language_model, sentences, translator
from benchmarks.language_model import SMALL, USUAL
from benchmarks.timing import Pair, pair, repeated, training_steps
from torch import nn

from seqnet.cells.gru import GRU
from seqnet.cells.lstm import LSTM
from seqnet.cells.rnn import RNN
from seqnet.data.batching import BucketLoader
from seqnet.data.sources.adding import Adding
from seqnet.models.recurrent import Recurrent
from seqnet.objectives.regression import Regression
from seqnet.observers import memory as panel
from seqnet.observers.gradient_flow import look
from seqnet.tasks.many_to_one import ManyToOne
from seqnet.training.pieces import Loader
from seqnet.training.trainer import Task

SHARE = 0.02
STEPS = round(SHARE * panel.USUAL)


def memory() -> list[Pair]:
    """The adding problem with each cell, two language models, a tagger and two translators."""
    found = []
    source = Adding(1, length=200, train_size=3200, valid_size=32, test_size=32)
    source.fit()
    for cell in (RNN, LSTM, GRU):
        torch.manual_seed(0)
        model = Recurrent(cell, source.inputs, {}, 1, hidden_size=32, embedding_size=None, readout="last")
        loader = BucketLoader(source.split("train"), 32, seed=0, shuffle=True)
        task = ManyToOne(Regression(source.targets))
        found.append(_beside(f"memory {cell.__name__} 1 x 32, adding, batch 32 x 200", model, task, loader))
    for size in (USUAL, SMALL):
        parts = language_model.parts(size, language_model.text_of(size))
        found.append(_beside(f"memory {size}", *parts, window=size.steps))
    found.append(_beside(f"memory tagger BiLSTM {cells.WIDTH}, batches of {cells.ROWS}", *cells.tagger_of_sentences()))
    space, writing, examples = sentences.made(1_280)
    for feeding in (False, True):
        translating = translator.model_of(space, feeding), translator.task_of(space, writing)
        name = f"memory attention {'with' if feeding else 'without'} input feeding, batches of {translator.ROWS}"
        found.append(_beside(name, *translating, sentences.loader(examples, translator.ROWS)))
    return found


def _beside(name: str, model: nn.Module, task: Task, loader: Loader, window: int | None = None) -> Pair:
    """The panel of one window, and so many steps of training."""
    first = next(next(iter(loader.batches(0))).windows(window))

    def once() -> None:
        look(model, task.loss, first, None, torch.device("cpu"))

    return pair(name, once, repeated(training_steps(model, task, loader, window), STEPS), seconds=16, repeats=7)

"""seqnet's loop beside the plainest one, over the same data: a language model, a tagger, a translator."""

from itertools import count

import torch.nn.functional as F
from benchmarks import cells, language_model, sentences, translator
from benchmarks.language_model import SMALL, USUAL, WORDS
from benchmarks.timing import Pair, bare_steps, pair, repeated, training_steps
from torch import Tensor, nn

from seqnet.batch import has_target
from seqnet.training.pieces import Loader
from seqnet.training.trainer import Task


def loop() -> list[Pair]:
    """A training step: language models of usual sizes and one so small that overhead shows, a tagger, a translator."""
    found = [
        pair(
            f"loop {size}",
            language_model.ours(size, language_model.text_of(size)),
            language_model.theirs(size, language_model.text_of(size)),
            seconds=40,
        )
        for size in (USUAL, WORDS, SMALL)
    ]
    model, task, loader = cells.tagger_of_sentences()
    found.append(_beside(f"loop tagger BiLSTM {cells.WIDTH}, batches of {cells.ROWS}", model, task, loader))
    space, writing, examples = sentences.made(1_280)
    for feeding in (False, True):
        model, task = translator.model_of(space, feeding), translator.task_of(space, writing)
        name = f"loop attention {'with' if feeding else 'without'} input feeding, batches of {translator.ROWS}"
        found.append(_beside(name, model, task, sentences.loader(examples, translator.ROWS)))
    return found


def _beside(name: str, model: nn.Module, task: Task, loader: Loader) -> Pair:
    """Both train one model in turn, each a batch at a time, in the same order."""
    batches = (batch for epoch in count() for batch in loader.batches(epoch))

    def loss() -> Tensor:
        batch = next(batches)
        output, wanted = model(batch), has_target(batch.targets)
        return F.cross_entropy(output.head(output.features[wanted]), batch.targets[wanted])

    step, plain = training_steps(model, task, loader), bare_steps(model, loss)
    return pair(name, repeated(step), repeated(plain), seconds=40, repeats=9)

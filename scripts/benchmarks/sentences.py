"""Made sentence pairs for the benchmarks: lengths like those of image captions, words as frequent as in a language
(the n-th in proportion to 1/n), each word of the source answered."""

import torch

from seqnet.data.batching import BucketLoader
from seqnet.data.examples import Examples, Ragged
from seqnet.data.teacher_forcing import teacher_forcing, with_ends, writing
from seqnet.specs import Tokens, Writing

WORDS = 6000
MEAN, SPREAD = 13, 4


def made(rows: int, words: int = WORDS) -> tuple[Tokens, Writing, Examples]:
    """Vocabulary, how it is written, and so many pairs: the source is the target in the same order."""
    random = torch.Generator().manual_seed(0)
    lengths = (torch.randn(rows, generator=random) * SPREAD + MEAN).round().clamp(4, 35).long()
    space = with_ends(tuple(map(str, range(words - 2))))
    drawn = torch.multinomial(1 / torch.arange(1.0, words - 1), int(lengths.sum()), replacement=True, generator=random)
    source = Ragged.of(list(drawn.split(lengths.tolist())))
    how = writing(space, int(lengths.max()) + 1)
    return space, how, teacher_forcing(source, source, how)


def loader(examples: Examples, rows: int) -> BucketLoader:
    """Bucketed batches."""
    return BucketLoader(examples, rows, seed=0, shuffle=True)

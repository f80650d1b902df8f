"""DNA with motifs planted in it: is one there, or which of two comes first?"""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from seqnet.data.formats.format import Column
from seqnet.data.formats.generated import Drawn
from seqnet.data.generation import generator
from seqnet.errors import ConfigurationError
from seqnet.options import Rows, Share, whole

LETTERS = "ACGT"
MOTIFS = ("GATTACAGGCTC", "CCATATAAGGCA")


class Motifs(Drawn):
    """Rows of `length` letters; columns `sequence` and `class`.

    question `present`: a motif is planted at a random place of every row, on either strand, each of its letters kept
    with probability `kept` and else drawn anew; of the class `no` its letters are shuffled, so that the letters alone
    tell nothing. question `order`: two motifs are planted one behind the other on the strand that is read, and the
    class is which comes `first`. Raises ConfigurationError where they do not fit.
    """

    names: ClassVar = ("sequence", "class")

    def __init__(
        self,
        seed: int,
        question: Literal["present", "order"] = "present",
        length: Annotated[int, whole(1, 100_000)] = 120,
        kept: Share = 0.95,
        train_size: Rows = 6000,
        valid_size: Rows = 800,
        test_size: Rows = 2000,
    ) -> None:
        super().__init__(seed, train_size, valid_size, test_size)
        self.motifs = torch.tensor([[LETTERS.index(letter) for letter in motif] for motif in MOTIFS])
        needed = self.motifs.shape[1] * (1 if question == "present" else 2)
        if length < needed:
            raise ConfigurationError(f"data.generated.length={length} leaves no place for {needed} letters: raise it")
        self.question, self.length, self.kept = question, length, kept

    def draw(self, split: str, rows: int, random: np.random.Generator) -> Iterable[Sequence[Any]]:
        """Sequences and their classes."""
        letters, classes = self.numbers(rows, generator(self.seed, split))  # as `ceiling` scans them
        names = ("no", "yes") if self.question == "present" else ("one", "two")
        for row, each in zip(letters.tolist(), classes.tolist(), strict=True):
            yield "".join(LETTERS[letter] for letter in row), names[each]

    def numbers(self, rows: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Letters [rows length], from 0 to 3, and classes [rows], 0 or 1."""
        letters = torch.randint(4, (rows, self.length), generator=random)
        classes = torch.randint(2, (rows,), generator=random)
        width = self.motifs.shape[1]
        if self.question == "present":
            planted = self._mutated(self.motifs[0].expand(rows, -1), random)
            shuffled = planted.gather(1, torch.rand(rows, width, generator=random).argsort(1))
            planted = torch.where(classes[:, None] == 1, planted, shuffled)
            other = torch.randint(2, (rows, 1), generator=random) == 1
            planted = torch.where(other, 3 - planted.flip(1), planted)  # the complement of letter n is 3 - n
            begin = torch.randint(self.length - width + 1, (rows, 1), generator=random)
            return letters.scatter(1, begin + torch.arange(width), planted), classes
        ends = torch.rand(rows, 2, generator=random).mul(self.length - 2 * width + 1).long().sort(1).values
        for place in (0, 1):
            planted = self._mutated(self.motifs[(classes + place) % 2], random)
            letters = letters.scatter(1, ends[:, place : place + 1] + place * width + torch.arange(width), planted)
        return letters, classes

    def _mutated(self, motif: Tensor, random: torch.Generator) -> Tensor:
        """A motif [rows width], each letter kept or drawn anew."""
        drawn = torch.randint(4, motif.shape, generator=random)
        return torch.where(torch.rand(motif.shape, generator=random) < self.kept, motif, drawn)

    def evidence(self, letters: Tensor) -> Tensor:
        """The log of how much likelier rows [rows length] are with the motif somewhere on a strand, [rows]."""
        same = self.kept + (1 - self.kept) / 4
        table = torch.full((4, 4), (1 - same) / 3).fill_diagonal_(same).div(0.25).log().double()
        found = []
        for motif in (self.motifs[0], 3 - self.motifs[0].flip(0)):
            windows = letters.unfold(1, len(motif), 1)  # [rows places width]
            found.append(table[motif, windows].sum(-1))
        return torch.cat(found, dim=1).logsumexp(1)

    def ceiling(self, split: str) -> float:
        """The share of a split's rows that scanning with the planted motif itself is right about.

        Where it is to be said that there is one is chosen on training rows.
        """
        letters, classes = self.numbers(self.sizes["train"], generator(self.seed, "train"))
        evidence = self.evidence(letters)
        order = evidence.argsort()
        right = (classes == 1).sum() + torch.where(classes[order] == 1, -1, 1).cumsum(0)  # of those up to it denied
        threshold = evidence[order[right.argmax()]]
        letters, classes = self.numbers(self.sizes[split], generator(self.seed, split))
        return ((self.evidence(letters) > threshold).long() == classes).double().mean().item()

    def remarks(self, file: Any, columns: Sequence[Column]) -> tuple[str, ...]:
        """How good an answer can be."""
        if self.question != "present" or file.split != "test":
            return ()
        return (f"scanning with the planted motif itself gives an accuracy of {self.ceiling(file.split):.4f} on test",)

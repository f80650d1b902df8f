"""Trees written as brackets: `(S (NP XX XX ) (VP XX ) )` (Vinyals et al. 2015, section 2.2), well-formed always."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

OPEN, CLOSE, LEAF = "(", ")", "XX"  # how the token of a phrase begins, what ends one, and what stands for a word


class Unfinished(NamedTuple):
    """What is known of each tree while it is written, [rows]."""

    depth: Tensor  # int64: phrases that are open
    words: Tensor  # int64: words that have no leaf yet
    empty: Tensor  # bool: the phrase opened last has nothing in it
    begun: Tensor  # bool


@dataclass(frozen=True)
class Brackets:
    """Which tokens may come next: a tree is one phrase of phrases and leaves, none empty, with a leaf for each word.

    Nothing is closed that is not open, and the end comes when all is closed. A phrase is opened only where what is open
    can be closed again in the steps that are left. opens, leaf, close, end: the numbers of tokens, of `size` in all.
    """

    opens: tuple[int, ...]
    leaf: int
    close: int
    end: int
    size: int

    @classmethod
    def of(cls, names: Sequence[str], end: int) -> "Brackets":
        """Of a vocabulary. Raises ValueError where it has no leaf, no bracket or no end of one."""
        opens = tuple(place for place, name in enumerate(names) if name.startswith(OPEN))
        if not opens or LEAF not in names or CLOSE not in names:
            raise ValueError(f"a vocabulary of trees has '{OPEN}LABEL', '{CLOSE}' and '{LEAF}'")
        return cls(opens, names.index(LEAF), names.index(CLOSE), end, len(names))

    def begin(self, words: Tensor) -> Unfinished:
        """Before anything is written. words: of each source, [rows]."""
        none = torch.zeros_like(words)
        return Unfinished(none, words, none.bool(), none.bool())

    def read(self, tree: Unfinished, tokens: Tensor) -> Unfinished:
        """After one token more of each, [rows]."""
        opened = torch.isin(tokens, tokens.new_tensor(self.opens))
        leaf, closed = tokens == self.leaf, tokens == self.close
        return Unfinished(
            (tree.depth + opened.long() - closed.long()).clamp(min=0),
            (tree.words - leaf.long()).clamp(min=0),
            opened | (tree.empty & ~leaf & ~closed),
            tree.begun | opened,
        )

    def allowed(self, tree: Unfinished, left: int) -> Tensor:
        """Which tokens may come next, [rows size] bool; left: steps, this one and that of the end counted.

        Where nothing may, as after a beginning that is no tree's, it is the end.
        """
        inside = tree.depth > 0
        more = tree.words > 0
        found = torch.zeros(len(tree.depth), self.size, dtype=torch.bool, device=tree.depth.device)
        # Once it is opened: the words, a bracket for each phrase that is open then, and the end. The first is opened
        # anyhow: an answer that is cut off is told as such.
        open_ = more & (~tree.begun | (inside & (tree.words + tree.depth + 3 <= left)))
        found[:, list(self.opens)] = open_[:, None]
        found[:, self.leaf] = inside & more
        found[:, self.close] = inside & ~tree.empty & ((tree.depth > 1) | ~more)
        found[:, self.end] = ~found.any(dim=1)
        return found

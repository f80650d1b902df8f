"""Names of countries and languages in two languages, as babel has them: `Iceland`, `Islândia`."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import torch

from seqnet.data.formats.generated import Generated
from seqnet.data.generation import generator
from seqnet.errors import ConfigurationError
from seqnet.options import NotEmpty, SomeShare

LISTS = ("territories", "languages")


class Names(Generated):
    """Each name once, as it is in locale `source`, and in locale `target`; these are the columns.

    The seed gives each name to one split. Names that are digits in either, as those of parts of the world may be, are
    left out. Raises ConfigurationError where babel is missing or does not know a locale, and for shares that leave
    nothing to train on.
    """

    names: ClassVar = ("source", "target")

    def __init__(
        self,
        seed: int,
        source: NotEmpty = "en",
        target: NotEmpty = "pt",
        valid_share: SomeShare = 0.1,
        test_share: SomeShare = 0.1,
    ) -> None:
        super().__init__(seed)
        if valid_share + test_share >= 1:
            raise ConfigurationError(
                f"data.generated.valid_share={valid_share} and data.generated.test_share={test_share} leave no name to "
                "train on"
            )
        self.source, self.target = source, target
        self.shares = (valid_share, test_share)

    def rows_of(self, split: str) -> Iterable[Sequence[Any]]:
        """The pairs of `train`, `valid` or `test`."""
        pairs = sorted(self._pairs())
        order = torch.randperm(len(pairs), generator=generator(self.seed, "names")).tolist()
        valid, test = (round(share * len(pairs)) for share in self.shares)
        begin, end = {"valid": (0, valid), "test": (valid, valid + test), "train": (valid + test, None)}[split]
        return (pairs[place] for place in order[begin:end])

    def _pairs(self) -> set[tuple[str, str]]:
        try:
            from babel import Locale, UnknownLocaleError
        except ImportError as error:
            raise ConfigurationError(
                "data/generated=names needs the package babel: pip install 'seqnet[dates]'"
            ) from error
        try:
            one, other = Locale.parse(self.source), Locale.parse(self.target)
        except (UnknownLocaleError, ValueError) as error:
            raise ConfigurationError(
                f"data.generated.source={self.source} and data.generated.target={self.target}: babel does not know "
                "one of these locales, such as en or pt_BR"
            ) from error
        found = set[tuple[str, str]]()
        for name in LISTS:
            here, there = getattr(one, name), getattr(other, name)
            found |= {(str(here[key]), str(there[key])) for key in here.keys() & there.keys()}
        return {pair for pair in found if not any(each.isdigit() for each in pair)}

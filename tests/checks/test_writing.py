"""The decodings that contracts ask for."""

from types import SimpleNamespace
from typing import Any

from seqnet import build
from seqnet.checks.writing import as_beam, options
from seqnet.decoding.beam import Beam


def test_a_beam_of_groups_is_asked_as_it_is_and_of_any_size_as_one() -> None:
    decoding = {"_target_": "seqnet.decoding.beam.Beam", "beam_size": 6, "groups": 3, "diversity": 1.0, "n_best": 2}
    of_words = {"vocabulary": "words.txt", "replace_unknown": True, "dictionary": "names.tsv"}
    subject: Any = SimpleNamespace(config={"decoding": decoding | of_words}, trust=None)
    asked, one = build.make(options(subject)), build.make(as_beam(subject, 1))
    assert isinstance(asked, Beam) and isinstance(one, Beam)
    assert (asked.groups, asked.diversity, asked.n_best) == (3, 1.0, 2)
    assert (one.beam_size, one.groups, one.n_best) == (1, 1, 1)

"""Masks of bands and of time: what they hide, and that nothing but their generator decides it."""

import pytest
import torch

from seqnet.data.fields.audio import AudioField
from seqnet.data.fields.masks import Masks
from seqnet.data.generation import generator
from seqnet.errors import ConfigurationError

LENGTHS = torch.tensor([20, 7, 1, 0])


def hidden(masks: Masks, seed: int) -> torch.Tensor:
    """Which values are others than before, [batch time feature]."""
    values = torch.randn(4, 20, 8, generator=torch.Generator().manual_seed(5))
    found = masks(values, LENGTHS, generator("masks", seed))
    changed = found != values
    inside = (torch.arange(20) < LENGTHS[:, None])[..., None]
    mean = (values * inside).sum(1) / LENGTHS.clamp(min=1)[:, None]
    assert torch.equal(found[changed], mean[:, None].expand_as(values)[changed]) and not (changed & ~inside).any()
    return changed


def test_a_run_of_bands_and_a_run_of_steps_are_at_their_means() -> None:
    widths, lengths = set(), set()
    for seed in range(60):
        changed = hidden(Masks(3, 0.25), seed)[0]
        bands, steps = changed.all(0).nonzero()[:, 0], changed.all(1).nonzero()[:, 0]
        widths.add(len(bands))
        lengths.add(len(steps))
        for run in (bands, steps):
            assert not len(run) or run.tolist() == list(range(int(run[0]), int(run[-1]) + 1))
        assert (changed == (changed.all(0)[None] | changed.all(1)[:, None])).all()
    assert widths == {0, 1, 2, 3} and lengths == {0, 1, 2, 3, 4, 5}


def test_every_band_and_step_may_be_hidden_and_rows_differ() -> None:
    changed = torch.stack([hidden(Masks(2, 0.2), seed) for seed in range(100)])
    assert changed[:, 0].any(0).all() and changed[:, 1, :7].any(0).all()
    assert any((one[0, :7] != one[1, :7]).any() for one in changed)


def test_nothing_but_the_generator_decides() -> None:
    assert torch.equal(hidden(Masks(3, 0.3), 1), hidden(Masks(3, 0.3), 1))
    torch.manual_seed(1)
    before = torch.get_rng_state()
    hidden(Masks(3, 0.3), 1)
    assert torch.equal(torch.get_rng_state(), before)
    assert not hidden(Masks(0, 0.0), 1).any()


def test_they_are_an_option_of_recordings() -> None:
    assert AudioField().vary is None and AudioField(mask_time=0.1).vary == Masks(0, 0.1)
    with pytest.raises(ConfigurationError, match="mask_bands=5 is above bands=4"):
        AudioField(bands=4, mask_bands=5)
    with pytest.raises(ConfigurationError, match="mask_bands"):
        AudioField(features="raw", mask_bands=2)

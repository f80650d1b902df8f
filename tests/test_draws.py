"""Numbers drawn by their place: known answers, C as torch, what they depend on and what not, and their likelihoods."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from seqnet import draws
from seqnet.draws import drawing, dropout, philox, uniform

KEY = (1, 2, 3, 4)
ONES = 2**32 - 1
KNOWN = [  # of Random123, kat_vectors
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((ONES,) * 4, (ONES,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]
needs_compiler = pytest.mark.skipif(draws._library() is None, reason="no compiler here")


@pytest.fixture(params=["compiled", "operators"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways in which numbers are drawn."""
    if request.param == "operators":
        monkeypatch.setattr(draws, "_library", lambda: None)
    elif draws._library() is None:
        pytest.skip("no compiler here")
    return str(request.param)


def drawn(draw: Callable[[], Tensor], key: draws.Key = KEY, first_row: int = 0, before: int = 0) -> Tensor:
    """What is drawn in a window. before: at how many sites something was drawn earlier."""
    with drawing(key, first_row):
        for _ in range(before):
            uniform(1)
        return draw()


def mask(rows: int = 4, p: float = 0.5, **where: Any) -> Tensor:
    return drawn(lambda: dropout(torch.ones(rows, 50), p, True), **where)


# ------------------------------------------------------------------------------------------------------- the numbers


@pytest.mark.parametrize(("counter", "key", "block"), KNOWN)
def test_blocks_are_the_published_ones(counter: Any, key: Any, block: Any) -> None:
    assert philox(counter, key) == block
    assert tuple(int(word) for word in philox(tuple(map(torch.tensor, counter)), key)) == block


def test_numbers_are_those_of_their_counters(way: str) -> None:
    """By hand: word (place // 8) % 4 of block (place // 32 * 8 + place % 8, 0, row, site)."""
    low, high, *_ = philox((2, 3, 4, 0), (1, 0))
    found = drawn(lambda: uniform(3, 5, 9), first_row=7, before=2).flatten(1)
    for row, place in ((0, 0), (0, 9), (1, 31), (2, 32), (2, 44)):
        word = philox((place // 32 * 8 + place % 8, 0, 7 + row, 3), (low, high))[place // 8 % 4]
        assert found[row, place].item() == (word + 0.5) / 2**32


@needs_compiler
@pytest.mark.parametrize(
    "shape", [(1,), (3, 1), (2, 31), (2, 32), (5, 33), (4, 3, 7), (2, 3, 5, 70), (300, 64), (0, 5), (3, 0)], ids=str
)
def test_compiled_and_operators_give_the_same_bits(monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...]) -> None:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    odd = (
        torch.randn(*shape, 2).select(-1, 1)
        if len(shape) < 2
        else torch.randn(*reversed(shape)).permute(*reversed(range(len(shape))))
    )
    given = [x, odd, x.double(), x.bfloat16(), x.half()]

    def all_of_them() -> list[Tensor]:
        with drawing((2**40 + 5, 0, 2**31, 7), first_row=3):
            found = [dropout(one, p, True) for one in given for p in (1e-9, 0.1, 0.5, 0.3, 0.999, 1 - 1e-12)]
            return [*found, uniform(*shape)]

    compiled = all_of_them()
    monkeypatch.setattr(draws, "_library", lambda: None)
    for one, other in zip(compiled, all_of_them(), strict=True):
        assert one.dtype == other.dtype and one.shape == other.shape == shape
        torch.testing.assert_close(one, other, rtol=0, atol=0, equal_nan=True)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_draws_the_same(way: str) -> None:
    gpu = torch.device("cuda")
    for dtype in (torch.float32, torch.bfloat16, torch.float64):
        x = torch.randn(5, 33, dtype=dtype)
        there = drawn(lambda: dropout(x.to(gpu), 0.3, True))  # noqa: B023
        assert torch.equal(there.cpu(), drawn(lambda: dropout(x, 0.3, True)))  # noqa: B023
    assert torch.equal(drawn(lambda: uniform(5, 33, device=gpu)).cpu(), drawn(lambda: uniform(5, 33)))


def test_what_is_kept_is_scaled_as_torch_does(way: str) -> None:
    for p in (0.1, 0.3, 0.7):
        torch.manual_seed(0)
        torchs = F.dropout(torch.full((400,), 3.3), p).unique()
        assert torch.equal(drawn(lambda: dropout(torch.full((4, 100), 3.3), p, True)).unique(), torchs)  # noqa: B023


def test_gradients_are_those_of_the_same_mask(way: str) -> None:
    x = torch.randn(3, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: drawn(lambda: dropout(x, 0.4, True).square()), x)
    assert torch.autograd.gradgradcheck(lambda x: drawn(lambda: dropout(x, 0.4, True).square()), x)
    single = torch.randn(3, 40, requires_grad=True)
    (gradient,) = torch.autograd.grad(drawn(lambda: dropout(single, 0.4, True)).sum(), single)
    assert torch.equal(gradient, drawn(lambda: dropout(torch.ones(3, 40), 0.4, True)))


def test_nothing_is_drawn_in_evaluation_or_without_a_probability() -> None:
    x = torch.ones(2, 3)
    with drawing(KEY):
        assert dropout(x, 0.5, False) is x and dropout(x, 0.0, True) is x
        first = uniform(2, 3)
    assert torch.equal(first, drawn(lambda: uniform(2, 3)))
    for p in (1, -0.1, 1.5):
        with pytest.raises(ValueError, match="from 0 to below 1"):
            dropout(x, p, True)


# ---------------------------------------------------------------------------------------------- what they depend on


@pytest.mark.parametrize("place", range(4), ids=["seed", "epoch", "batch", "window"])
def test_every_part_of_the_key_makes_other_numbers(place: int) -> None:
    other = tuple(value + (number == place) for number, value in enumerate(KEY))
    assert not torch.equal(mask(key=other), mask())
    assert torch.equal(mask(), mask())


def test_sites_are_other_numbers_and_seeds_of_64_bits_count_whole() -> None:
    assert not torch.equal(mask(before=1), mask())
    assert not torch.equal(mask(key=(1 + 2**32, 2, 3, 4)), mask())
    mask(key=(-1, 0, 0, 0))


@pytest.mark.parametrize("parts", [(2, 2), (1, 3), (0, 4), (1, 1, 2)], ids=str)
def test_rows_that_are_shared_out_draw_what_they_draw_together(way: str, parts: tuple[int, ...]) -> None:
    x, first, found = torch.randn(4, 3, 11), 0, []

    def both(part: Tensor) -> Tensor:
        return torch.cat([dropout(part, 0.3, True), uniform(len(part), 3, 11)], dim=-1)

    for rows in parts:
        part = x[first : first + rows]
        found.append(drawn(lambda: both(part), first_row=first))  # noqa: B023
        first += rows
    assert torch.equal(torch.cat(found), drawn(lambda: both(x)))


def test_a_row_draws_alike_however_many_steps_are_behind_it() -> None:
    short, long = (drawn(lambda: uniform(3, time, 5)) for time in (4, 9))  # noqa: B023
    assert torch.equal(short, long[:, :4])


def test_the_number_of_threads_changes_nothing(way: str) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = drawn(lambda: dropout(torch.ones(64, 300), 0.5, True))
        torch.set_num_threads(2)
        assert torch.equal(alone, drawn(lambda: dropout(torch.ones(64, 300), 0.5, True)))
    finally:
        torch.set_num_threads(before)


def test_windows_draw_without_a_generator_and_all_else_from_torchs() -> None:
    before = torch.get_rng_state()
    mask()
    assert torch.equal(torch.get_rng_state(), before)
    twice = [dropout(torch.ones(2, 50), 0.5, True) for _ in range(2)]
    assert not torch.equal(*twice)
    torch.set_rng_state(before)
    assert torch.equal(dropout(torch.ones(2, 50), 0.5, True), twice[0])


def test_a_window_within_another_leaves_the_outer_one_where_it_was() -> None:
    def within() -> Tensor:
        with pytest.raises(KeyError), drawing((9, 9, 9, 9)):
            uniform(1)
            raise KeyError
        return uniform(4)

    assert torch.equal(drawn(within), drawn(lambda: uniform(4)))


def test_under_inference_mode_and_a_map_the_same_is_drawn() -> None:
    def model(x: Tensor) -> Tensor:
        return dropout(x, 0.5, True).sum()

    with torch.inference_mode():
        assert drawn(lambda: model(torch.ones(4, 50))) == mask().sum()
    mapped = drawn(lambda: torch.func.vmap(model)(torch.ones(3, 4, 50)))
    assert torch.equal(mapped, mask().sum().expand(3))


# ------------------------------------------------------------------------------------------------- their likelihoods


def windows() -> Iterator[Tensor]:
    """Masks [16 places] of neighbouring windows, sites and rows, p = 0.25."""
    for window in range(40):
        with drawing((0, 0, 0, window)):
            for _ in range(5):
                yield dropout(torch.ones(16, 100), 0.25, True) > 0


def test_as_many_are_dropped_as_asked_and_neighbours_know_nothing_of_each_other() -> None:
    """Chi-square of the four outcomes of two neighbours, 3 degrees of freedom: above 16.3 once in a thousand."""
    masks = torch.stack([*windows()]).view(40, 5, 16, 100)
    shares = torch.tensor([1, 3, 3, 9]) / 16  # both dropped, one, the other, none
    assert abs(masks.double().mean() - 0.75) < 3 * (0.25 * 0.75 / masks.numel()) ** 0.5
    for dim in range(4):
        size = masks.shape[dim]
        one, other = masks.narrow(dim, 0, size - 1).int(), masks.narrow(dim, 1, size - 1).int()
        # Every second pair, so that none shares a place with another.
        pairs = (2 * one + other).index_select(dim, torch.arange(0, size - 1, 2))
        counts, expected = torch.bincount(pairs.flatten(), minlength=4), pairs.numel() * shares
        assert ((counts - expected).square() / expected).sum() < 16.3, dim


def test_uniform_numbers_are_uniform() -> None:
    """Chi-square of 256 bins, 255 degrees of freedom: above 331 once in a thousand; both ends are left out."""
    found = drawn(lambda: uniform(64, 1000))
    counts = torch.bincount((found * 256).long().flatten(), minlength=256).double()
    assert ((counts - 250).square() / 250).sum() < 331
    assert 0 < found.min() and found.max() < 1

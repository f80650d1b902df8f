import pytest
import torch

from seqnet.data.sources.adding import Adding
from seqnet.errors import ConfigurationError, DataError
from seqnet.specs import Vector

SMALL = {"train_size": 400, "valid_size": 30, "test_size": 20}


@pytest.mark.parametrize("length", [2, 7, 50])
def test_the_target_is_the_sum_of_one_marked_number_in_each_half(length: int) -> None:
    data = Adding(0, length, **SMALL).split("train")
    steps = data.inputs.flat.view(400, length, 2)
    values, markers = steps.unbind(-1)
    half = length // 2
    assert set(markers.unique().tolist()) == {0.0, 1.0} if length > 2 else {1.0}
    assert (markers[:, :half].sum(1) == 1).all()
    assert (markers[:, half:].sum(1) == 1).all()
    assert torch.equal((values.double() * markers).sum(1).float()[:, None], data.targets)
    assert values.min() >= 0
    assert values.max() < 1


def test_every_place_of_a_half_can_be_marked() -> None:
    markers = Adding(0, 6, **SMALL).split("train").inputs.flat.view(400, 6, 2)[..., 1]
    assert (markers.sum(0) > 80).all()


def test_guessing_one_gives_the_published_error_as_the_definition_has_it() -> None:
    targets = Adding(0, 4, train_size=20000).split("train").targets
    assert ((targets - 1) ** 2).mean().item() == pytest.approx(1 / 6, abs=0.005)


def test_the_default_is_the_published_set() -> None:
    source = Adding(0)
    assert source.length == 600
    assert source.sizes == {"train": 50000, "valid": 1000, "test": 1000}
    assert source.inputs.size == 2
    assert source.targets == Vector(1, ("sum",))


def test_splits_are_reproducible_and_share_no_row() -> None:
    rows = {name: Adding(0, 5, **SMALL).split(name) for name in ("train", "valid", "test")}
    again = Adding(0, 5, **SMALL).split("valid")
    assert torch.equal(rows["valid"].inputs.flat, again.inputs.flat)
    assert torch.equal(rows["valid"].targets, again.targets)
    assert [len(rows[name]) for name in rows] == [400, 30, 20]
    everything = torch.cat([split.inputs.flat.view(-1, 10) for split in rows.values()])
    assert len(everything.unique(dim=0)) == 450
    assert not torch.equal(Adding(1, 5, **SMALL).split("valid").targets, again.targets)


def test_a_generated_set_learns_nothing_and_touches_no_global_generator() -> None:
    before = torch.get_rng_state()
    source = Adding(0, 5, **SMALL)
    source.fit()
    source.split("train")
    assert torch.equal(before, torch.get_rng_state())
    assert source.state() == {}
    source.restore({})
    with pytest.raises(DataError, match="learns nothing"):
        source.restore({"labels": ["a"]})


def test_what_a_user_hands_in_is_read_line_by_line() -> None:
    data = Adding(0, 5).read_inputs(["[[0.5, 1], [0.25, 1]]\n", "[[0.125, 0]]"], "numbers.jsonl")
    assert data.inputs[0].tolist() == [[0.5, 1], [0.25, 1]]
    assert data.inputs[1].tolist() == [[0.125, 0]]
    assert data.targets.shape == (2, 1)
    assert data.targets.isnan().all()
    assert len(Adding(0).read_inputs([], "stdin")) == 0


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("[[0.5, 1], [0.25]]", "line 2, step 2: 1 numbers where there must be 2"),
        ("[[0.5, NaN]]", "line 2, step 1: NaN is not a finite number"),
        ("[[0.5, 1e400]]", "line 2, step 1: Infinity is not a finite number"),
        ("[[0.5, 1e39]]", "line 2, step 1: 1e\\+39 is not a finite number"),
        ('[[0.5, "a"]]', 'line 2, step 1: "a" is not a number'),
        ("[[0.5, true]]", "line 2, step 1: true is not a number"),
        ("[[0.5, null]]", "line 2, step 1: null is not a number"),
        ("[0.5]", "line 2, step 1: 0.5 is not a list of 2 numbers"),
        ("[]", "line 2: the sequence is empty"),
        ("3", "line 2: 3 is not a list of steps"),
        ("[[0.5, 1]", "line 2: not valid JSON at column 10"),
        ("", "line 2: not valid JSON at column 1"),
        ("[" * 100000, "line 2: not JSON that can be read"),
        ("[[0.5, " + "1" * 5000 + "]]", "line 2: not JSON that can be read"),
    ],
)
def test_bad_input_is_refused_with_its_line_and_step(line: str, complaint: str) -> None:
    with pytest.raises(DataError, match=f"^numbers.jsonl, {complaint}"):
        Adding(0, 5).read_inputs(["[[0.5, 1]]", line], "numbers.jsonl")


@pytest.mark.parametrize(
    ("options", "key"),
    [({"length": 1}, "data.length"), ({"train_size": 0}, "data.train_size"), ({"test_size": -3}, "data.test_size")],
)
def test_sizes_out_of_range_are_refused(options: dict[str, int], key: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{key} must be at least"):
        Adding(0, **options)


def test_a_row_is_shown_by_its_marked_numbers() -> None:
    shown = Adding(0).show(torch.tensor([[0.5, 1.0], [0.125, 0.0], [0.25, 1.0]]))
    assert shown == "0.50 0.25 marked in 3 steps"

import pytest
import torch

from seqnet.data.examples import Ragged
from seqnet.data.sources.ball import Ball
from seqnet.errors import ConfigurationError, DataError

SMALL = {"train_size": 300, "valid_size": 20, "test_size": 20}


def paths(source: Ball, rows: int) -> torch.Tensor:
    """All positions, [rows length + 1, 2]."""
    data = source.split("train")
    assert isinstance(data.targets, Ragged)
    inputs, targets = data.inputs.flat.view(rows, -1, 2), data.targets.flat.view(rows, -1, 2)
    assert torch.equal(inputs[:, 1:], targets[:, :-1]), "the target is the next position"
    return torch.cat([inputs, targets[:, -1:]], dim=1)


def test_the_ball_stays_in_the_box_and_keeps_its_speed() -> None:
    positions = paths(Ball(0, 50, 0.02, 0.1, **SMALL), 300)
    assert positions.shape == (300, 51, 2)
    assert positions.min() >= 0
    assert positions.max() <= 1
    moved = positions.diff(dim=1).abs()
    pace = moved.amax(1)  # away from the walls each coordinate moves by the same amount in every step
    speed = pace.norm(dim=1)
    assert speed.min() + 1e-5 >= 0.02
    assert speed.max() <= 0.1 + 1e-5
    assert speed.min() < 0.025
    assert speed.max() > 0.095
    free = (moved - pace[:, None]).abs() < 1e-5
    assert free.float().mean() > 0.9
    bounced = ~free
    # In a step that meets a wall the two parts of the way, to the wall and back, still add up to the pace.
    before, after = positions[:, :-1], positions[:, 1:]
    way = torch.minimum(before + after, 2 - before - after)
    assert torch.allclose(way[bounced], pace[:, None].expand_as(way)[bounced], atol=1e-5)


def test_a_wall_turns_one_coordinate_round_and_leaves_the_other() -> None:
    positions = paths(Ball(0, 60, 0.05, 0.05, **SMALL), 300)
    signs = positions.diff(dim=1).sign()
    turns = (signs[:, 1:] != signs[:, :-1]).any(dim=2)
    assert turns.any(), "the ball does meet walls"
    near = torch.minimum(positions, 1 - positions)[:, 1:-1].amin(2)
    assert near[turns].max() <= 0.05 + 1e-5, "and turns only within a step of one"


def test_a_fast_ball_is_mirrored_more_than_once() -> None:
    positions = paths(Ball(0, 20, 2.0, 2.0, **SMALL), 300)
    assert positions.min() >= 0
    assert positions.max() <= 1


def test_a_ball_that_rests_stays_where_it_is() -> None:
    positions = paths(Ball(0, 5, 0.0, 0.0, **SMALL), 300)
    assert torch.equal(positions, positions[:, :1].expand_as(positions))
    starts = positions[:, 0]
    assert starts.min() < 0.02
    assert starts.max() > 0.98


def test_splits_are_reproducible_and_differ() -> None:
    splits = [Ball(0, 5, **SMALL).split(name).inputs.flat for name in ("valid", "test", "valid")]
    assert torch.equal(splits[0], splits[2])
    assert not torch.equal(splits[0], splits[1])


def test_what_a_user_hands_in_is_read_line_by_line() -> None:
    source = Ball(0)
    data = source.read_inputs(["[[0.1, 0.2], [0.3, 0.4]]"], "stdin")
    assert torch.equal(data.inputs[0], torch.tensor([[0.1, 0.2], [0.3, 0.4]]))
    assert isinstance(data.targets, Ragged)
    assert data.targets.flat.isnan().all()
    assert source.show(data.inputs[0]) == "(0.10, 0.20) (0.30, 0.40)"
    with pytest.raises(DataError, match=r"^stdin, line 1, step 1: 0.1 is not a list of 2 numbers$"):
        source.read_inputs(["[0.1, 0.2]"], "stdin")


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"length": 0}, "data.length"),
        ({"min_speed": -0.1}, "data.min_speed"),
        ({"min_speed": float("nan")}, "data.min_speed"),
        ({"min_speed": 0.2}, "data.max_speed"),
        ({"max_speed": float("inf")}, "data.max_speed"),
    ],
)
def test_options_out_of_range_are_refused(options: dict, key: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{key} must be at least"):
        Ball(0, **options)

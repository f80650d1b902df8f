import torch

from seqnet.state import (
    BidirectionalState,
    HiddenState,
    LSTMState,
    detach,
    leaves,
    map_state,
    select,
    where,
    with_leaves,
)


def state() -> tuple[LSTMState, BidirectionalState, None]:
    def rows(k: float) -> torch.Tensor:
        return torch.arange(6.0).view(3, 2) + k

    return (
        LSTMState(rows(0), rows(10)),
        BidirectionalState(HiddenState(rows(20)), HiddenState(rows(30))),
        None,
    )


def test_map_keeps_the_structure() -> None:
    doubled = map_state(lambda tensor: tensor * 2, state())
    assert isinstance(doubled, tuple) and isinstance(doubled[0], LSTMState)
    assert isinstance(doubled[1], BidirectionalState) and doubled[2] is None
    assert doubled[0].cell.tolist() == (state()[0].cell * 2).tolist()


def test_select_takes_rows_in_order_and_repeats() -> None:
    chosen = select(state(), torch.tensor([2, 0, 2]))
    assert chosen[0].hidden.tolist() == [[4, 5], [0, 1], [4, 5]]
    assert chosen[1].hidden.shape == (3, 4)


def test_where_mixes_rows() -> None:
    other = map_state(torch.zeros_like, state())
    mixed = where(torch.tensor([True, False, True]), state(), other)
    assert mixed[0].cell.tolist() == [[10, 11], [0, 0], [14, 15]]


def test_detach_cuts_the_graph() -> None:
    grown = map_state(lambda tensor: tensor.requires_grad_() * 1, state())
    assert all(leaf.requires_grad for leaf in leaves(grown))
    assert not any(leaf.requires_grad for leaf in leaves(detach(grown)))


def test_leaves_and_back() -> None:
    again = with_leaves(state(), [leaf + 1 for leaf in leaves(state())])
    assert again[1].backward.hidden.tolist() == (state()[1].backward.hidden + 1).tolist()
    assert isinstance(again[0], LSTMState)

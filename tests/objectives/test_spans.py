import pytest
import torch

from seqnet.objectives.spans import EntityF1, spans

P, L = "PER", "LOC"


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("", []),
        ("O O O", []),
        ("B-PER", [(P, 0, 1)]),
        ("O B-PER I-PER O", [(P, 1, 3)]),
        ("B-PER I-PER I-PER", [(P, 0, 3)]),  # up to the end of the row
        ("B-PER B-PER I-PER", [(P, 0, 1), (P, 1, 3)]),  # side by side, same type
        ("B-PER I-PER B-LOC I-LOC", [(P, 0, 2), (L, 2, 4)]),
        ("I-PER I-PER O", [(P, 0, 2)]),  # I- at the beginning of a row, as IOB1 writes it
        ("O I-PER B-PER", [(P, 1, 2), (P, 2, 3)]),  # IOB1: B- only between neighbours
        ("B-PER I-LOC", [(P, 0, 1), (L, 1, 2)]),  # another type: a new entity
        ("I-PER I-LOC I-LOC I-PER", [(P, 0, 1), (L, 1, 3), (P, 3, 4)]),
        ("B-PER O I-PER", [(P, 0, 1), (P, 2, 3)]),
        ("B-PER I-LOC I-PER", [(P, 0, 1), (L, 1, 2), (P, 2, 3)]),
        ("B-creative-work I-creative-work I-work", [("creative-work", 0, 2), ("work", 2, 3)]),  # a hyphen in the type
    ],
)
def test_spans_by_hand(tags, expected):
    assert spans(tags.split()) == expected


def conlleval(tags):
    """Entities by the start and end rules of the conlleval script, written out as it has them."""
    found, begin = [], 0
    before_prefix, before_type = "O", ""
    for step, tag in enumerate([*tags, "O"]):
        prefix, _, kind = tag.partition("-")
        pair = before_prefix + prefix
        ends = pair in ("BB", "BO", "IB", "IO") or (before_prefix != "O" and before_type != kind)
        starts = pair in ("BB", "IB", "OB", "OI") or (prefix != "O" and before_type != kind)
        if ends:
            found.append((before_type, begin, step))
        if starts:
            begin = step
        before_prefix, before_type = prefix, kind
    return found


def test_spans_as_conlleval_over_random_tags():
    names = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    rows = torch.randint(5, (2000, 7), generator=torch.Generator().manual_seed(0)).tolist()
    for row in rows:
        tags = [names[tag] for tag in row]
        assert spans(tags) == conlleval(tags)


NAMES = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")


def f1(decisions, targets):
    metric = EntityF1(NAMES)
    ids = [[[NAMES.index(tag) for tag in row.split()] for row in rows] for rows in (decisions, targets)]
    metric.update(*ids)
    return metric.compute().item(), (metric.right.item(), metric.predicted.item(), metric.true.item())


def test_f1_by_hand():
    # true: PER 0-2, LOC 3-4; predicted: PER 0-2, LOC 3-5, PER 5-6
    value, counts = f1(["B-PER I-PER O B-LOC I-LOC B-PER"], ["B-PER I-PER O B-LOC O O"])
    assert counts == (1, 3, 2)
    assert value == pytest.approx(2 * (1 / 3) * (1 / 2) / (1 / 3 + 1 / 2))


def test_f1_wants_type_beginning_and_end():
    assert f1(["B-LOC I-LOC"], ["B-PER I-PER"]) == (0.0, (0, 1, 1))
    assert f1(["O B-PER"], ["B-PER I-PER"]) == (0.0, (0, 1, 1))
    assert f1(["I-PER I-PER"], ["B-PER I-PER"]) == (1.0, (1, 1, 1))


def test_f1_is_micro_over_rows_and_an_entity_ends_with_its_row():
    value, counts = f1(["B-PER", "I-PER", "O"], ["B-PER", "I-PER", "B-LOC"])
    assert counts == (2, 2, 3)
    assert value == pytest.approx(4 / 5)


def test_f1_of_nothing_is_zero():
    assert f1(["O O", ""], ["O O", ""]) == (0.0, (0, 0, 0))

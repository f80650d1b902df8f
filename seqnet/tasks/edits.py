"""The fewest edits between two sequences (Levenshtein 1966), and which they are."""

from collections.abc import Sequence

KINDS = ("insertion", "deletion", "substitution")
INSERTION, DELETION, SUBSTITUTION = KINDS
CORRECT = "correct"
LARGEST = 1 << 22  # places of a table of distances; longer texts are counted as one long substitution of unit by unit
Edit = tuple[str, str, str]  # its kind, what was wanted, what was found; "" where there is nothing


def edits(wanted: Sequence[str], found: Sequence[str]) -> list[Edit]:
    """What became of each wanted unit, and what was inserted, in order; rather a substitution than two others."""
    begin = 0
    while begin < min(len(wanted), len(found)) and wanted[begin] == found[begin]:
        begin += 1
    end = 0
    while end < min(len(wanted), len(found)) - begin and wanted[-1 - end] == found[-1 - end]:
        end += 1
    same = [(CORRECT, unit, unit) for unit in wanted]
    middle = _aligned(wanted[begin : len(wanted) - end], found[begin : len(found) - end])
    return [*same[:begin], *middle, *same[len(wanted) - end :]]


def _aligned(wanted: Sequence[str], found: Sequence[str]) -> list[Edit]:
    if (len(wanted) + 1) * (len(found) + 1) > LARGEST:
        return _side_by_side(wanted, found)
    table = [list(range(len(found) + 1))]
    for unit in wanted:
        above, row = table[-1], [table[-1][0] + 1]
        for place, other in enumerate(found):
            row.append(min(above[place] + (unit != other), above[place + 1] + 1, row[place] + 1))
        table.append(row)
    made: list[Edit] = []
    down, right = len(wanted), len(found)
    while down or right:
        here = table[down][right]
        if down and right and here == table[down - 1][right - 1] + (wanted[down - 1] != found[right - 1]):
            down, right = down - 1, right - 1
            same = wanted[down] == found[right]
            made.append((CORRECT if same else SUBSTITUTION, wanted[down], found[right]))
        elif down and here == table[down - 1][right] + 1:
            down -= 1
            made.append((DELETION, wanted[down], ""))
        else:
            right -= 1
            made.append((INSERTION, "", found[right]))
    return made[::-1]


def _side_by_side(wanted: Sequence[str], found: Sequence[str]) -> list[Edit]:
    """Unit by unit, what is longer inserted or deleted."""
    both = min(len(wanted), len(found))
    made = [(CORRECT if one == other else SUBSTITUTION, one, other) for one, other in zip(wanted, found, strict=False)]
    made += [(DELETION, unit, "") for unit in wanted[both:]]
    return made + [(INSERTION, "", unit) for unit in found[both:]]

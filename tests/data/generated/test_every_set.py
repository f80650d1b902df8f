"""Every set in configs/data/generated, and what each promises of its rows."""

from collections import Counter
from typing import Any

import pytest
import torch
import yaml

from seqnet import build
from seqnet.configuration import CONFIGS
from seqnet.data.files import BadRows
from seqnet.data.generated.motifs import LETTERS, MOTIFS, Motifs
from seqnet.data.generated.names import Names
from seqnet.data.generated.twins import FILLERS, Twins
from seqnet.data.generation import SPLITS, generator
from seqnet.errors import ConfigurationError, DataError

SMALL = {"train_size": 60, "valid_size": 20, "test_size": 20}


def made(name: str, seed: int = 0) -> Any:
    options = yaml.safe_load((CONFIGS / "data" / "generated" / f"{name}.yaml").read_text(encoding="utf-8"))
    return build.make({**options, **{key: SMALL[key] for key in SMALL.keys() & options.keys()}}, seed=seed)


@pytest.mark.parametrize("name", sorted(path.stem for path in (CONFIGS / "data" / "generated").glob("*.yaml")))
def test_rows_are_a_function_of_the_seed_and_splits_share_none(name: str) -> None:
    one = made(name)
    drawn = {split: [str(row) for row in one.rows_of(split)] for split in one.files}
    again, other = made(name), made(name, seed=1)
    for split, rows in drawn.items():
        file = one.files[split]
        assert rows and one.count(file) in (len(rows), None)
        assert [str(row) for row in again.rows_of(split)] == rows != [str(row) for row in other.rows_of(split)]
        column = [value for block in one.rows(file, [one.names[-1], 0], BadRows("raise")) for value in block.columns[0]]
        assert list(map(str, column)) == [str(row[-1]) for row in again.rows_of(split)]
    whole = [row for rows in drawn.values() for row in rows]
    assert len(set(whole)) > 0.5 * len(whole)
    with pytest.raises(DataError, match="no column 'nonsense'"):
        next(one.rows(one.files["train"], ["nonsense"], BadRows("raise")))


def test_twins_hold_the_same_words_and_have_both_labels() -> None:
    texts, labels = zip(*Twins(3, **SMALL).rows_of("train"), strict=True)
    for one, other, first, second in zip(texts[::2], texts[1::2], labels[::2], labels[1::2], strict=True):
        assert Counter(one.split()) == Counter(other.split()) and one != other and {first, second} == {"bad", "good"}
    assert {len(filler.split()) for filler in FILLERS} <= {4, 5, 6}


def test_a_motif_is_planted_on_either_strand_or_its_letters_shuffled() -> None:
    rows, labels = zip(*Motifs(0, kept=1.0, **SMALL).rows_of("train"), strict=True)
    other = MOTIFS[0][::-1].translate(str.maketrans("ACGT", "TGCA"))
    there = [(MOTIFS[0] in row, other in row) for row in rows]
    assert [any(each) for each in there] == [label == "yes" for label in labels]
    assert {each for each in there if any(each)} == {(True, False), (False, True)}


def test_which_motif_comes_first_is_the_class() -> None:
    for row, label in Motifs(0, question="order", kept=1.0, length=40, **SMALL).rows_of("train"):
        places = [row.index(motif) for motif in MOTIFS]
        assert label == ("one" if places[0] < places[1] else "two") and abs(places[0] - places[1]) >= len(MOTIFS[0])
    with pytest.raises(ConfigurationError, match=r"data.generated.length=20 leaves no place for 24 letters"):
        Motifs(0, question="order", length=20)


def test_the_evidence_for_a_motif_is_the_likelihood_ratio_over_all_places() -> None:
    drawn = Motifs(0, length=15, **SMALL)
    letters, classes = drawn.numbers(5, generator("evidence"))
    same = 0.95 + 0.05 / 4
    for row, found in zip(letters.tolist(), drawn.evidence(letters).tolist(), strict=True):
        text, ratio = "".join(LETTERS[letter] for letter in row), 0.0
        for motif in (MOTIFS[0], MOTIFS[0][::-1].translate(str.maketrans("ACGT", "TGCA"))):
            for begin in range(len(text) - len(motif) + 1):
                place = 1.0
                for one, other in zip(motif, text[begin:], strict=False):
                    place *= (same if one == other else (1 - same) / 3) / 0.25
                ratio += place
        assert found == pytest.approx(torch.tensor(ratio).log().item(), rel=1e-5)
    assert 0.95 < Motifs(1).ceiling("test") < 1


def test_names_stand_in_one_split_only_and_locales_are_known() -> None:
    splits = [set(Names(0).rows_of(split)) for split in SPLITS]
    assert ("Iceland", "Islândia") in set.union(*splits)
    assert sum(map(len, splits)) == len(set.union(*splits)) > 500
    with pytest.raises(ConfigurationError, match="babel does not know"):
        list(Names(0, target="xx").rows_of("train"))

"""Every set in configs/data/drawn, and what each promises of its rows."""

from collections import Counter
from typing import Any

import pytest
import torch
import yaml

from seqnet import build
from seqnet.configuration import CONFIGS
from seqnet.data.drawn.motifs import LETTERS, MOTIFS, Motifs
from seqnet.data.drawn.names import Names
from seqnet.data.drawn.twins import FILLERS, Twins
from seqnet.data.files import BadRows
from seqnet.data.generation import SPLITS, generator
from seqnet.errors import ConfigurationError, DataError

SMALL = {"train_size": 60, "valid_size": 20, "test_size": 20}


def made(name: str, seed: int = 0) -> Any:
    options = yaml.safe_load((CONFIGS / "data" / "drawn" / f"{name}.yaml").read_text(encoding="utf-8"))
    return build.make({**options, **{key: SMALL[key] for key in SMALL.keys() & options.keys()}}, seed=seed)


@pytest.mark.parametrize("name", sorted(path.stem for path in (CONFIGS / "data" / "drawn").glob("*.yaml")))
def test_rows_are_a_function_of_the_seed_and_splits_share_none(name: str) -> None:
    one = made(name)
    drawn = {split: one.draw(split) for split in SPLITS}
    again, other = made(name), made(name, seed=1)
    for split, columns in drawn.items():
        (rows,) = {len(columns[column]) for column in one.columns}
        assert rows and one.count(split) in (rows, None)
        assert again.draw(split) == columns != other.draw(split)
        blocks = list(one.rows(split, [one.columns[1], 0], BadRows("raise")))
        assert [list(part) for part in zip(*(block.columns for block in blocks), strict=True)][0][0] == columns[
            one.columns[1]
        ]
    whole = [str(row) for columns in drawn.values() for row in columns[one.columns[0]]]
    assert len(set(whole)) > 0.9 * len(whole)
    with pytest.raises(DataError, match="no column 'nonsense'"):
        next(one.rows("train", ["nonsense"], BadRows("raise")))


def test_twins_hold_the_same_words_and_have_both_labels() -> None:
    drawn = Twins(3, **SMALL).draw("train")
    texts, labels = drawn["text"], drawn["label"]
    for one, other, first, second in zip(texts[::2], texts[1::2], labels[::2], labels[1::2], strict=True):
        assert Counter(one.split()) == Counter(other.split()) and one != other and {first, second} == {"bad", "good"}
    assert {len(filler.split()) for filler in FILLERS} <= {4, 5, 6}


def test_a_motif_is_planted_on_either_strand_or_its_letters_shuffled() -> None:
    drawn = Motifs(0, kept=1.0, **SMALL).draw("train")
    other = MOTIFS[0][::-1].translate(str.maketrans("ACGT", "TGCA"))
    there = [(MOTIFS[0] in row, other in row) for row in drawn["sequence"]]
    assert [any(each) for each in there] == [label == "yes" for label in drawn["class"]]
    assert {each for each in there if any(each)} == {(True, False), (False, True)}


def test_which_motif_comes_first_is_the_class() -> None:
    drawn = Motifs(0, question="order", kept=1.0, length=40, **SMALL).draw("train")
    for row, label in zip(drawn["sequence"], drawn["class"], strict=True):
        places = [row.index(motif) for motif in MOTIFS]
        assert label == ("one" if places[0] < places[1] else "two") and abs(places[0] - places[1]) >= len(MOTIFS[0])
    with pytest.raises(ConfigurationError, match=r"data.drawn.length=20 leaves no place for 24 letters"):
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
    splits = [set(zip(*Names(0).draw(split).values(), strict=True)) for split in SPLITS]
    assert ("Iceland", "Islândia") in set.union(*splits)
    assert sum(map(len, splits)) == len(set.union(*splits)) > 500
    with pytest.raises(ConfigurationError, match="babel does not know"):
        Names(0, target="xx").draw("train")

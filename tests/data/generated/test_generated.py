"""Drawn sentences: words, tags and trees that belong together."""

import re

import numpy as np
import pytest

from seqnet.data.fields.tree import linear
from seqnet.data.generated.entities import Entities
from seqnet.data.generated.phrases import Phrases
from seqnet.data.generated.trees import Trees
from seqnet.tasks.writing_scores import is_tree

ROW = re.compile(r"(O |B-(\w+) (I-\2 )*)*")


def drawn(made, split="train", seed=0):
    return list(made.draw(split, made.sizes[split], np.random.default_rng(seed)))


@pytest.mark.parametrize("kind", [Entities, Phrases])
def test_a_split_follows_from_its_numbers_alone(kind):
    made, again = (kind(1, 20, 10, 10) for _ in range(2))
    assert drawn(made) == drawn(again) != drawn(again, seed=1)
    assert drawn(kind(2, 20, 10, 10)) != drawn(made)


def test_entities_are_bio_tags_of_four_types():
    rows = drawn(Entities(1, 300, 1, 1))
    for words, tags in rows:
        assert len(words) == len(tags) and all(words)
        assert ROW.fullmatch("".join(f"{tag} " for tag in tags))
    assert {tag for _, tags in rows for tag in tags} == {
        "O",
        *(f"{letter}-{kind}" for letter in "BI" for kind in ("PER", "LOC", "ORG", "DATE")),
    }
    words = ["".join(words) for words, _ in rows]
    assert 0.05 < sum(map(str.islower, words)) / len(rows) < 0.15 > sum(map(str.isupper, words)) / len(rows) > 0.05


def seen(rows):
    return {word.lower() for words, *_ in rows for word in words}


def test_names_of_the_other_splits_are_new_as_often_as_is_said():
    for unseen in (0.0, 0.6):
        made = Entities(1, 3000, 1, 300, unseen)
        known = seen(drawn(made))
        names = [
            word.lower()
            for words, tags in drawn(made, "test")
            for word, tag in zip(words, tags, strict=True)
            if tag == "B-PER"
        ]
        new = sum(name not in known for name in names) / len(names)
        assert new < 0.05 if not unseen else 0.4 < new < 0.65  # May and the like are known
    made = Phrases(1, 2000, 1, 200, unseen=0.0)
    assert len(seen(drawn(made, "test")) - seen(drawn(made))) < 20
    made = Phrases(1, 2000, 1, 200, unseen=0.5)
    assert len(seen(drawn(made, "test")) - seen(drawn(made))) > 100


def test_a_tree_has_the_words_and_their_parts_of_speech():
    for form, upos, sentence, tree in drawn(Phrases(1, 200, 1, 1, most=12)):
        assert len(form) == len(upos) <= 12 and sentence == " ".join(form)
        assert re.findall(r"\((\w+) ([^() ]+)\)", tree) == list(zip(upos, form, strict=True))
        assert is_tree(" ".join(linear(tree)), len(form))


def test_trees_are_those_of_phrases():
    rows = drawn(Phrases(1, 30, 1, 1, most=10, unseen=0.0))
    assert drawn(Trees(1, 30, 1, 1)) == [row[2:] for row in rows]


def test_many_a_word_has_more_than_one_part():
    parts = {}
    for form, upos, *_ in drawn(Phrases(1, 2000, 1, 1)):
        for word, part in zip(form, upos, strict=True):
            parts.setdefault(word, set()).add(part)
    assert parts["that"] == {"DET", "PRON", "SCONJ"} and parts["before"] == {"ADP", "SCONJ"}
    assert parts["walk"] == {"NOUN", "VERB"} and parts["dry"] == {"NOUN", "VERB", "ADJ"}

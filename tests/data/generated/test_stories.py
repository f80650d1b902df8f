"""Stories: what is told is right, and follows from the sentences alone."""

import numpy as np
import pytest

from seqnet.data.generated.melodies import SCALES, Melodies
from seqnet.data.generated.stories import LEAVE, PEOPLE, PLACES, TAKE, Stories


def read(story, asked):
    """Where somebody or something is behind each sentence, `?` while it is not known; by another way than theirs."""
    found = []
    for end in range(1, len(story) + 1):
        place, holder = {}, {}
        for sentence in story[:end]:
            words = sentence.rstrip(".").split()
            person, last = words[0], words[-1]
            middle = " ".join(words[1:-1])
            if last in PLACES:
                place[person] = last
            elif middle in TAKE:
                holder[last] = person
            else:
                assert middle in LEAVE and holder[last] == person
                del holder[last]
                place[last] = place.get(person, place.get(last))
            for thing, by in holder.items():
                place[thing] = place.get(by)
        found.append(place.get(asked) or "?")
    return found


@pytest.mark.parametrize("supporting", [1, 2])
def test_every_answer_follows_from_the_sentences(supporting):
    asked = set()
    for story, question, answers in Stories(1, supporting, every_sentence=True).draw(
        "train", 200, np.random.default_rng(0)
    ):
        one = question.removeprefix("Where is ").removeprefix("the ").rstrip("?")
        assert read(story, one) == answers and answers[-1] in PLACES
        asked.add(one in PEOPLE)
    assert asked == ({True} if supporting == 1 else {True, False})


def test_elsewhere_only_the_end_is_asked_and_without_sentences_only_one_answer():
    for story, question, answers in Stories(1, 2, every_sentence=True).draw("test", 20, np.random.default_rng(0)):
        assert "the" in question and len(answers) == len(story)
        assert answers[:-1] == [None] * (len(story) - 1) and answers[-1] in PLACES
    assert all(answer in PLACES for _, _, answer in Stories(1).draw("test", 20, np.random.default_rng(0)))


def test_a_melody_is_a_scale_up_and_down_over_its_root():
    for (notes,) in Melodies(1).draw("train", 20, np.random.default_rng(0)):
        root = notes[0][0]
        assert all(step[0] == root for step in notes)
        upper = [step[1] - root - 12 for step in notes]
        top = upper.index(12)
        assert tuple(upper[:top]) in SCALES.values()
        assert upper[top : 2 * top] == [12, *upper[top - 1 : 0 : -1]] and upper[2 * top : -1] == upper[: 2 * top]

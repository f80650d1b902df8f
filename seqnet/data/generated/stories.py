"""Stories of people who go about and carry things, with a question: Weston et al. (2015), tasks 1 and 2, made anew."""

from collections.abc import Iterable, Sequence
from random import Random
from typing import Any, ClassVar, Literal

import numpy as np

from seqnet.data.formats.generated import Drawn
from seqnet.options import Rows

PEOPLE = ("Mary", "John", "Sandra", "Daniel")
PLACES = ("bathroom", "bedroom", "garden", "hallway", "kitchen", "office")
THINGS = ("apple", "football", "milk")
GO = ("moved to the", "went to the", "went back to the", "journeyed to the", "travelled to the")
TAKE = ("took the", "picked up the", "got the", "grabbed the")
LEAVE = ("dropped the", "left the", "put down the", "discarded the")
UNKNOWN = "?"
LENGTHS = {1: (2, 10), 2: (4, 20)}  # sentences
OF_A_THING = 0.6  # of the questions of two facts; the others are of a person
TAKES, LEAVES = 0.3, 0.2  # how often it is tried


class Stories(Drawn):
    """Where is she, or the thing that she took? Columns `story` (a list of sentences), `question` and `answer`.

    supporting: how many sentences of a story one must know. 1: where a person went last. 2: where a thing is, so who
    has or left it last and where that was. every_sentence: in training `answer` is a list with what is right behind
    each sentence, `?` while nothing is known; elsewhere only what is right at the end is asked, of two facts of things.
    """

    names: ClassVar = ("story", "question", "answer")

    def __init__(
        self,
        seed: int,
        supporting: Literal[1, 2] = 1,
        every_sentence: bool = False,
        train_size: Rows = 1000,
        valid_size: Rows = 500,
        test_size: Rows = 1000,
    ) -> None:
        super().__init__(seed, train_size, valid_size, test_size)
        self.supporting, self.every_sentence = supporting, every_sentence

    def draw(self, split: str, rows: int, random: np.random.Generator) -> Iterable[Sequence[Any]]:
        """Stories, questions and answers."""
        chance, made = Random(int(random.integers(2**62))), 0
        while made < rows:
            story, known = self._story(chance)
            of_thing = self.supporting == 2 and (split != "train" or chance.random() < OF_A_THING)
            candidates = [one for one in known[-1] if (one in THINGS) == of_thing]
            if not candidates:  # nothing was taken by anybody whose place is known
                continue
            made += 1
            asked = chance.choice(candidates)
            answers = [behind.get(asked, UNKNOWN) for behind in known]
            answer: Any = answers[-1]
            if self.every_sentence:
                answer = answers if split == "train" else [*[None] * (len(answers) - 1), answer]
            yield story, f"Where is {'the ' if of_thing else ''}{asked}?", answer

    def _story(self, chance: Random) -> tuple[list[str], list[dict[str, str]]]:
        """Sentences, and where everybody and everything that is known of is behind each."""
        place: dict[str, str] = {}  # of people, and of things that lie
        holder: dict[str, str] = {}  # of things that are carried
        story, known = [], []
        for _ in range(chance.randint(*LENGTHS[self.supporting])):
            person, does = chance.choice(PEOPLE), chance.random()
            carried = [thing for thing, by in holder.items() if by == person]
            free = [thing for thing in THINGS if thing not in holder and place.get(thing) in (None, place.get(person))]
            if self.supporting == 2 and does < TAKES and free:
                thing = chance.choice(free)
                holder[thing] = person
                place.pop(thing, None)
                story.append(f"{person} {chance.choice(TAKE)} {thing}.")
            elif self.supporting == 2 and does < TAKES + LEAVES and carried:
                thing = chance.choice(carried)
                del holder[thing]
                if person in place:
                    place[thing] = place[person]
                story.append(f"{person} {chance.choice(LEAVE)} {thing}.")
            else:
                place[person] = chance.choice(PLACES)
                story.append(f"{person} {chance.choice(GO)} {place[person]}.")
            with_holders = {thing: place[by] for thing, by in holder.items() if by in place}
            known.append(place | with_holders)
        return story, known

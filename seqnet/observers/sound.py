"""Notes as sound: of each a fading tone of a few overtones."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

RATE = 22050  # samples a second
PARTIALS = (1.0, 0.4, 0.2, 0.1)  # loudness of a tone's fundamental and overtones
ATTACK, RELEASE = 0.02, 0.08  # seconds in which a tone grows from silence and fades into it


class Note(NamedTuple):
    """A MIDI number that sounds from step `begin` up to step `end`."""

    number: int
    begin: int
    end: int


def long_notes(steps: Sequence[Sequence[int]]) -> list[Note]:
    """The notes of a piece by beginning and number; one that goes on from step to step is one long note."""
    found: list[Note] = []
    begun: dict[int, int] = {}
    for place, step in enumerate([*steps, []]):
        found += [Note(number, begun.pop(number), place) for number in sorted(begun.keys() - set(step))]
        for number in step:
            begun.setdefault(number, place)
    return sorted(found, key=lambda note: (note.begin, note.number))


def sound_of(steps: Sequence[Sequence[int]], seconds_per_step: float = 0.5) -> NDArray[np.float64]:
    """A piece as sound, [samples] from -0.9 to 0.9; a step is the MIDI numbers that sound in it."""
    sound = np.zeros(round(len(steps) * seconds_per_step * RATE))
    for note in long_notes(steps):
        begin, end = (round(place * seconds_per_step * RATE) for place in (note.begin, note.end))
        sound[begin:end] += tone(note.number, end - begin)
    loudest = np.abs(sound).max(initial=0)
    return sound * (0.9 / loudest) if loudest else sound


def frequency(number: int) -> float:
    """Of a MIDI number in Hz: 69 is A4 of 440 Hz, twelve more are an octave."""
    return float(440 * 2 ** ((number - 69) / 12))


def tone(number: int, samples: int) -> NDArray[np.float64]:
    """A tone, [samples]: its overtones fall off and it fades, as that of a plucked string does."""
    time = np.arange(samples) / RATE
    base = frequency(number)
    sound = np.zeros(samples)
    for overtone, loudness in enumerate(PARTIALS, 1):
        if overtone * base < RATE / 2:  # above, it would be heard as another, lower one
            sound += loudness * np.sin(2 * np.pi * overtone * base * time)
    left = (samples - np.arange(samples)) / RATE
    shape: NDArray[np.float64] = np.exp(-time) * np.minimum(1, time / ATTACK) * np.minimum(1, left / RELEASE)
    return sound * shape

"""Files that a person can look at and play: pictures as PNG, pieces of music as MIDI and as sound."""

import wave
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from seqnet.batch import Drawing
from seqnet.errors import ConfigurationError

RATE = 22050  # samples a second
VELOCITY = 80
TICKS = 480  # of a quarter note, which lasts a step
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


def write_picture(path: Path, values: Tensor, scale: int = 16) -> None:
    """A PNG of grey values: 0 is white paper, 1 is black ink, each a square of `scale` points. values: [rows columns].

    What lies outside 0 to 1 is drawn as the nearest of both.
    """
    from seqnet.observers.drawing_picture import draw

    draw(Drawing(values), scale).save(path, format="PNG")


def write_midi(path: Path, steps: Sequence[Sequence[int]], seconds_per_step: float = 0.5) -> None:
    """A MIDI file of one track, a quarter note a step. Raises ConfigurationError where mido is not installed."""
    try:
        import mido
    except ImportError as error:
        raise ConfigurationError(
            "MIDI files are written by mido, which is not installed: pip install 'seqnet[music]'"
        ) from error
    events = []  # at the same time tones end before others begin
    for note in long_notes(steps):
        events += [(note.begin, 1, note.number), (note.end, 0, note.number)]
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=round(seconds_per_step * 1e6))])
    now = 0
    for place, starts, number in sorted(events):
        kind = "note_on" if starts else "note_off"
        track.append(mido.Message(kind, note=number, velocity=VELOCITY, time=(place - now) * TICKS))
        now = place
    track.append(mido.MetaMessage("end_of_track", time=(len(steps) - now) * TICKS))
    mido.MidiFile(type=0, ticks_per_beat=TICKS, tracks=[track]).save(path)


def write_wav(path: Path, steps: Sequence[Sequence[int]], seconds_per_step: float = 0.5) -> None:
    """The piece as sound, 16 bit, one channel: of each note a fading tone of a few overtones."""
    length = round(len(steps) * seconds_per_step * RATE)
    sound = np.zeros(length)
    for note in long_notes(steps):
        begin, end = (round(place * seconds_per_step * RATE) for place in (note.begin, note.end))
        sound[begin:end] += tone(note.number, end - begin)
    loudest = np.abs(sound).max(initial=0)
    if loudest:
        sound *= 0.9 / loudest
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((sound * 32767).round().astype("<i2").tobytes())


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

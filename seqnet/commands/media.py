"""Files that a person can look at and play: pictures as PNG, pieces of music as MIDI and as sound."""

import wave
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from seqnet.batch import Drawing
from seqnet.errors import ConfigurationError
from seqnet.observers.sound import RATE, long_notes, sound_of

VELOCITY = 80
TICKS = 480  # of a quarter note, which lasts a step


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
    sound = sound_of(steps, seconds_per_step)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((sound * 32767).round().astype("<i2").tobytes())

"""Recordings that are made: tones of some pitches, one after the other, as different people would play them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

RATE = 8000  # samples a second
SEMITONE = 2 ** (1 / 12)
RAMP = 0.008  # seconds in which a tone comes and goes
SILENCE = 0.12  # seconds at most before the first tone and behind the last


def recording(
    pitches: Sequence[float], seconds: Sequence[float], noise: float, random: np.random.Generator
) -> dict[str, Any]:
    """Tones of some pitches in hertz and lengths in seconds, all drawn a little higher or lower, faster or slower.

    A pitch of 0 is a rest. noise: the largest deviation of the noise, where a tone is about 1 loud. Returns what an
    audio field reads: array [time] float32 and sampling_rate.
    """
    higher, slower, before, after, noisy, bright = random.random(6).tolist()
    transposed, pace = SEMITONE ** (2 * higher - 1), 0.8 + 0.4 * slower
    waves = [np.zeros(round(before * SILENCE * RATE))]
    for pitch, length in zip(pitches, seconds, strict=True):
        loud, longer = random.random(2).tolist()
        time = np.arange(max(1, round(length * pace * (0.9 + 0.2 * longer) * RATE))) / RATE
        shape = np.minimum(1, np.minimum(time, time[-1] - time) / RAMP)
        turn = 2 * np.pi * pitch * transposed * time
        waves.append((0.6 + 0.4 * loud) * shape * (np.sin(turn) + 0.5 * bright * np.sin(2 * turn)))
    waves.append(np.zeros(round((0.02 + after * SILENCE) * RATE)))
    clean = np.concatenate(waves)
    hiss = random.standard_normal(len(clean))
    return {"array": (clean + noise * noisy * hiss).astype(np.float32), "sampling_rate": RATE}

"""A recording a row, as samples or as the strength of its frequency bands."""

import io
import math
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from seqnet.data.fields.field import Block, Raw, Vary
from seqnet.data.fields.masks import Masks
from seqnet.data.fields.options import at_least, chosen, no_effect
from seqnet.data.fields.pictures import content
from seqnet.data.fields.raw import Unusable, each
from seqnet.data.fields.recognised import but
from seqnet.data.files import shown
from seqnet.errors import ConfigurationError, DataError
from seqnet.kinds import Axis, Item, Kind
from seqnet.options import CountFromZero, Dropout
from seqnet.specs import Vector

SLOWEST, FASTEST = 100, 1 << 20  # samples a second
AT_ONCE = 4096  # steps whose spectrum exists at a time
PIECE = 60  # seconds that are resampled at a time
LOWEST = 50.0  # Hz, from where on bands begin
BLOCK = 1 << 20  # samples of each channel that are decoded at a time
FLOOR = 1e-6  # added to a band's strength, whose logarithm is taken


class Sound(NamedTuple):
    """Samples [time] float32, and how many there are a second; None where nobody says."""

    samples: np.ndarray
    rate: int | None


class AudioField:
    """A recording a row: a file (WAV, FLAC, .npy), its bytes, or an array of samples; several channels are mixed.

    rate: samples a second that every recording is brought to; None: the rate of the first.
    features: raw, the samples; or log_mel, the logarithm of the strength of `bands` bands from 50 Hz to half the rate,
    which are as wide as the ear's, of windows of window_ms every hop_ms. standardise: less the recording's mean, of
    each band, over its deviation, of all bands. mask_bands, mask_time: in training, a run of up to so many bands, and
    one of up to such a share of the time, are not heard (see `Masks`). Raises ConfigurationError.
    """

    opens_files: ClassVar[bool] = True

    def __init__(
        self,
        rate: int | None = None,
        features: Literal["raw", "log_mel"] = "log_mel",
        bands: int = 40,
        window_ms: float = 32.0,
        hop_ms: float = 16.0,
        standardise: bool = True,
        mask_bands: CountFromZero = 0,
        mask_time: Dropout = 0.0,
    ) -> None:
        chosen("features", features, ("raw", "log_mel"))
        if rate is not None:
            at_least("rate", rate, SLOWEST)
        at_least("bands", bands, 1)
        at_least("mask_bands", mask_bands, 0)
        at_least("mask_time", mask_time, 0)
        if not 0 < hop_ms <= window_ms <= 10_000:
            raise ConfigurationError(
                f"data.fields.*.hop_ms={hop_ms} and window_ms={window_ms} cannot go together; a window is as long as "
                "the step to the next at least, and 10,000 ms at most"
            )
        for option, value, default in (("bands", bands, 40), ("window_ms", window_ms, 32.0), ("hop_ms", hop_ms, 16.0)):
            if features == "raw" and value != default:
                raise no_effect(option, value, "with features=raw, which are samples")
        if features == "raw" and mask_bands:
            raise no_effect("mask_bands", mask_bands, "with features=raw, which has no bands")
        if mask_bands > bands:
            raise ConfigurationError(f"data.fields.*.mask_bands={mask_bands} is above bands={bands}: lower it")
        self.vary: Vary | None = Masks(mask_bands, mask_time) if mask_bands or mask_time else None
        self._said = self._rate = rate
        self._raw, self._bands, self._standardise = features == "raw", bands, standardise
        self._window_ms, self._hop_ms = window_ms, hop_ms

    @property
    def kind(self) -> Kind:
        """Numbers in a sequence."""
        return Kind(Item.NUMBER, Axis.SEQUENCE)

    def observe(self, values: Sequence[Raw]) -> None:
        """See which rate the first recording has, where none is said. Raises BadValues."""
        if self._rate is None and len(values):
            (sound,) = each(values[:1], self._sound)
            self._rate = sound.rate

    def learned(self) -> Vector:
        """A number a band, or one alone. Raises DataError where there was no recording."""
        if self._rate is None:
            raise DataError("there is no recording in the training rows, so their rate is not known")
        return Vector(1 if self._raw else self._bands)

    def _sound(self, value: Raw) -> Sound:
        """A recording as it is. Raises Unusable."""
        raw = content(value)
        if isinstance(raw, np.ndarray):
            said = value.get("sampling_rate") if isinstance(value, dict) else None
            sound = Sound(_samples(raw), said if isinstance(said, int) and 0 < said <= FASTEST else self._said)
            if sound.rate is None:
                raise Unusable("an array of samples does not say its rate; say it with rate=, samples a second")
            return sound
        return _decoded(raw)

    def _brought(self, sound: Sound) -> np.ndarray:
        """The samples of a recording at the rate of all. Raises Unusable."""
        samples, rate = sound
        assert self._rate is not None and rate is not None, "learn or restore first"
        if rate == self._rate:
            return samples
        if rate < SLOWEST:
            raise Unusable(f"the recording has {rate} samples a second, which is not sound")
        return resampled(samples, rate, self._rate)

    def encode(self, values: Sequence[Raw]) -> Block:
        """Samples [total 1], or bands [total bands], float32. Raises BadValues."""
        others = 0

        def heard(value: Raw) -> np.ndarray:
            nonlocal others
            sound = self._sound(value)
            others += sound.rate != self._rate
            return self._features(self._brought(sound))

        made = each(values, heard)
        width = 1 if self._raw else self._bands
        flat = np.concatenate([np.zeros((0, width), np.float32), *made])
        told = {f"of another rate, brought to {self._rate:,} samples a second": others} if others else {}
        return Block(flat, np.fromiter(map(len, made), np.int64, len(made)), told)

    def _features(self, samples: np.ndarray) -> np.ndarray:
        if len(samples) == 0:
            raise Unusable("the recording is empty")
        found = torch.from_numpy(samples)
        found = found[:, None] if self._raw else self._log_mel(found)
        if self._standardise:
            found = found - found.mean(0)
            found = found / found.square().mean().sqrt().clamp(min=1e-5)
        return found.numpy()

    def _log_mel(self, samples: Tensor) -> Tensor:
        assert self._rate is not None
        length, hop = (max(1, round(self._rate * ms / 1000)) for ms in (self._window_ms, self._hop_ms))
        window, filters = torch.hann_window(length), mel_filters(self._bands, length, self._rate)
        padded = F.pad(samples, (length // 2, length // 2))
        found = []
        for begin in range(0, 1 + (len(padded) - length) // hop, AT_ONCE):  # the spectrum needs more than the samples
            some = padded[begin * hop : (begin + AT_ONCE - 1) * hop + length]
            power = torch.stft(some, length, hop, window=window, center=False, return_complex=True).abs().square()
            found.append((filters @ power + FLOOR).log().T)
        return torch.cat(found)

    def decode(self, entry: Any) -> Any:
        """The numbers of a step, or of each step of a row, as lists."""
        return np.round(np.asarray(entry, np.float64), 6).tolist()

    def show(self, entry: Any) -> str:
        """How much there is of a row, [steps size]: nobody reads the numbers."""
        steps, size = np.asarray(entry).shape
        if self._raw:
            return f"{steps:,} samples"
        return f"{steps:,} steps of {size} bands, {steps * self._hop_ms / 1000:.2f} s"

    def state(self) -> int | None:
        """The rate."""
        return self._rate

    def restore(self, state: Any) -> None:
        """The inverse of `state`. Raises DataError where it is malformed, or not the rate that was said."""
        if isinstance(state, bool) or not isinstance(state, int) or not 0 < state <= FASTEST:
            raise DataError("the stored data state is not that of recordings: no rate that can be")
        if self._said not in (None, state):
            raise DataError(f"the stored data state is one of {state} samples a second, but rate={self._said}")
        self._rate = state


def _decoded(raw: bytes) -> Sound:
    try:
        import soundfile
    except (ImportError, OSError) as error:  # OSError: its C library is missing
        raise ConfigurationError("recordings need the package soundfile: pip install 'seqnet[audio]'") from error
    try:
        with soundfile.SoundFile(io.BytesIO(raw)) as file:
            if file.frames == 0:
                raise Unusable("the recording is empty")
            blocks = [_samples(block) for block in file.blocks(BLOCK, dtype="float32", always_2d=True)]
            return Sound(np.concatenate(blocks), file.samplerate)
    except (soundfile.LibsndfileError, RuntimeError, ValueError, TypeError, MemoryError) as error:
        why = shown(getattr(error, "error_string", str(error)), 100)  # without how soundfile calls what it opens
        raise Unusable(f"it is no recording that can be read{but(raw, 'audio') or f' ({why})'}") from None


def _samples(values: np.ndarray) -> np.ndarray:
    """Samples [time] or [time channels] as one channel, float32; those of whole numbers become -1 to 1."""
    if values.dtype.kind not in "uif" or values.ndim not in (1, 2) or values.size == 0:
        raise Unusable(f"an array of {values.dtype} and shape {list(values.shape)} is no recording")
    if values.dtype in (np.int8, np.int16, np.int32):
        values = values / (np.iinfo(values.dtype).max + 1)
    elif values.dtype == np.uint8:
        values = (values.astype(np.float64) - 128) / 128
    mixed = (values if values.ndim == 1 else values.mean(1)).astype(np.float32)
    if not np.isfinite(mixed).all():
        raise Unusable("a sample is not a finite number")
    return mixed


def resampled(samples: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """Samples at another rate, by their spectrum: frequencies that it cannot hold are left out.

    A long recording in pieces, each with a second on both sides, faded away, which is thrown away again.
    """
    size, found = PIECE * rate, []
    if len(samples) <= size:
        return _resampled(samples, rate, wanted)
    for begin in range(0, len(samples), size):
        end, before = min(begin + size, len(samples)), min(begin, rate)
        some = samples[begin - before : end + rate].astype(np.float64)
        behind = len(some) - before - (end - begin)
        some[:before] *= np.linspace(0, 1, before) ** 2
        some[len(some) - behind :] *= np.linspace(1, 0, behind) ** 2
        made = _resampled(some, rate, wanted)
        first = wanted if before else 0
        found.append(made[first : first + max(1, round((end - begin) * wanted / rate))])
    return np.concatenate(found)


def _resampled(samples: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    step = rate // math.gcd(rate, wanted)  # so many samples are a whole number of the new ones, so that none is shifted
    edge = step * math.ceil(rate / 10 / step)  # silence beside it, since the spectrum takes the end to meet the start
    padded = np.pad(samples.astype(np.float64), (edge, edge + -len(samples) % step))
    count = len(padded) // step * (wanted * step // rate)
    spectrum = np.fft.rfft(padded)[: count // 2 + 1]
    made = np.fft.irfft(spectrum, count) * (count / len(padded))
    begin = edge * wanted // rate
    return made[begin : begin + max(1, round(len(samples) * wanted / rate))].astype(np.float32)


def mel_filters(bands: int, length: int, rate: int) -> Tensor:
    """Triangles that overlap by half, of like width on the mel scale (O'Shaughnessy 1987), [bands length // 2 + 1]."""
    lowest, highest = _mel(min(LOWEST, rate / 4)), _mel(rate / 2)
    corners = [700 * (10 ** (mel / 2595) - 1) for mel in np.linspace(lowest, highest, bands + 2)]
    frequencies = torch.linspace(0, rate / 2, length // 2 + 1, dtype=torch.float64)
    filters = []
    for left, middle, right in zip(corners, corners[1:], corners[2:], strict=False):
        up, down = (frequencies - left) / (middle - left), (right - frequencies) / (right - middle)
        triangle = torch.minimum(up, down).clamp(min=0)
        if not triangle.any():  # narrower than the distance of two frequencies: the nearest one
            triangle[(frequencies - middle).abs().argmin()] = 1.0
        filters.append(triangle)
    return torch.stack(filters).float()


def _mel(hertz: float) -> float:
    return 2595 * math.log10(1 + hertz / 700)

"""Pictures, clips, recordings and notes, out of files of their own."""

import io
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Picture

from seqnet.data.fields import audio, film
from seqnet.data.fields.audio import AudioField, mel_filters, resampled
from seqnet.data.fields.field import BadValues
from seqnet.data.fields.frames import FramesField
from seqnet.data.fields.image import ImageField
from seqnet.data.fields.roll import RollField
from seqnet.errors import ConfigurationError, DataError
from seqnet.specs import Image, Vector

soundfile = pytest.importorskip("soundfile")
GREY = np.array([[0, 51, 102], [153, 204, 255]], np.uint8)
COLOURS = np.stack([GREY, GREY[::-1], np.zeros_like(GREY)], axis=-1)


def saved(path: Path, values: np.ndarray, **options: Any) -> Path:
    Picture.fromarray(values).save(path, **options)
    return path


def learned(field: Any, values: list[Any]) -> Any:
    field.observe(values)
    field.learned()
    return field


def refusal(field: Any, value: Any) -> str:
    with pytest.raises(BadValues) as caught:
        field.encode([value])
    return str(caught.value)


def test_a_picture_of_any_kind_of_file(tmp_path: Path) -> None:
    np.save(tmp_path / "grey.npy", GREY)
    field = ImageField()
    field.observe([saved(tmp_path / "grey.png", GREY)])
    assert field.learned() == Image(2, 3) and field.opens_files
    names = [tmp_path / "grey.png", saved(tmp_path / "grey.bmp", GREY), tmp_path / "grey.npy"]
    for value in [*names, str(names[0]), names[0].read_bytes(), {"bytes": names[0].read_bytes(), "path": None}, GREY]:
        found = field.encode([value])
        assert found.flat == pytest.approx(GREY / 255) and found.lengths.tolist() == [2]
    assert field.encode([saved(tmp_path / "grey.jpg", GREY, quality=100)]).flat == pytest.approx(GREY / 255, abs=0.02)


def test_colours() -> None:
    field = learned(ImageField(channels=3), [COLOURS])
    assert field.learned() == Image(2, 3, 3) and field.learned().size == 9
    found = field.encode([COLOURS, COLOURS])
    assert found.flat.shape == (4, 3, 3) and found.lengths.tolist() == [2, 2]
    assert found.flat[:2] == pytest.approx(COLOURS / 255)
    assert "where channels=3 wants [height, width, 3]" in refusal(field, GREY)


def test_a_picture_is_brought_to_the_size_that_is_said(tmp_path: Path) -> None:
    field = learned(ImageField(size=[4, 6]), [])
    assert field.learned() == Image(4, 6)
    flat = np.full((8, 9), 51, np.uint8)
    for value in (flat, saved(tmp_path / "a.png", flat), flat / 255):
        assert field.encode([value]).flat == pytest.approx(np.full((4, 6), 0.2))
    with pytest.raises(DataError, match="no height and width that can be"):
        field.restore([2, 3])


def test_sixteen_bits_and_values_of_ones_own(tmp_path: Path) -> None:
    deep = GREY.astype(np.uint16) * 257
    field = learned(ImageField(), [deep])
    for value in (deep, saved(tmp_path / "deep.png", deep)):
        assert field.encode([value]).flat == pytest.approx(GREY / 255)
    scans = learned(ImageField(largest=16), [[[0, 8], [16, 4]]])
    assert scans.encode([[[0, 8], [16, 4]]]).flat.tolist() == [[0, 0.5], [1, 0.25]]
    assert scans.decode(np.array([[0, 0.5]])) == [[0, 8]]


def test_what_is_transparent_is_white_and_photos_stand_upright(tmp_path: Path) -> None:
    clear = np.zeros((1, 2, 4), np.uint8)
    clear[0, 1, 3] = 255
    field = learned(ImageField(), [clear[..., 0]])
    assert field.encode([saved(tmp_path / "clear.png", clear)]).flat.tolist() == [[1, 0]]
    turned = Picture.Exif()
    turned[0x0112] = 3  # upside down
    assert field.encode([saved(tmp_path / "t.png", np.array([[0, 255]], np.uint8), exif=turned)]).flat.tolist() == [
        [1, 0]
    ]


def test_what_is_no_picture_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    field = learned(ImageField(), [GREY])
    (tmp_path / "text.png").write_text("no picture")
    assert refusal(field, tmp_path / "text.png").startswith("it is no picture that can be read")
    assert refusal(field, tmp_path / "gone.png") == f"there is no file {tmp_path / 'gone.png'}"
    assert refusal(field, tmp_path) == f"{tmp_path.name} is a folder, and no file"
    assert refusal(field, 7) == "7 is neither a file's name nor its content"
    pickled = io.BytesIO()
    np.save(pickled, np.array([{}]), allow_pickle=True)
    assert "no .npy file that can be read" in refusal(field, pickled.getvalue())
    huge = io.BytesIO()
    np.lib.format.write_array_header_1_0(huge, {"descr": "|u1", "fortran_order": False, "shape": (1 << 40, 1 << 10)})
    assert "no .npy file that can be read" in refusal(field, huge.getvalue())
    monkeypatch.setattr(Picture, "MAX_IMAGE_PIXELS", 4)
    assert refusal(field, saved(tmp_path / "bomb.png", GREY)) == "the picture has too many pixels"


BEGINNINGS = {
    "a film": (b"\0\0\0 ftypisom" + bytes(40), "a field of type frames"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(40), "a field of type image"),
    "a recording": (b"RIFF....WAVEfmt " + bytes(40), "a field of type audio"),
    "MIDI": (b"MThd" + bytes(40), "data/format=midi"),
}


@pytest.mark.parametrize("what", BEGINNINGS)
@pytest.mark.parametrize("one", [ImageField, FramesField, AudioField])
def test_a_file_of_another_kind_is_told_with_what_reads_it(tmp_path: Path, one: Any, what: str) -> None:
    raw, reads = BEGINNINGS[what]
    own = {ImageField: ("image",), FramesField: ("image", "frames"), AudioField: ("audio",)}[one]
    (tmp_path / "file").write_bytes(raw)
    with pytest.raises(BadValues) as caught:
        one().observe([tmp_path / "file"])
    told = f"that can be read but {what}, which {reads} reads" in str(caught.value)
    assert told == (reads.split()[-1] not in own)


def test_without_pillow_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", GREY)
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'seqnet\[image\]'"):
        ImageField().observe([path])


def test_a_clip_of_any_kind(tmp_path: Path) -> None:
    clip = np.stack([GREY, GREY[::-1], GREY[:, ::-1]])
    field = learned(FramesField(), [clip])
    assert field.learned() == Image(2, 3)
    frames = [Picture.fromarray(frame) for frame in clip]
    frames[0].save(tmp_path / "clip.gif", save_all=True, append_images=frames[1:])
    for place, frame in enumerate(frames):
        (tmp_path / "folder").mkdir(exist_ok=True)
        frame.save(tmp_path / "folder" / f"{place:03}.png")
    np.save(tmp_path / "clip.npy", clip)
    for value in (clip, tmp_path / "clip.gif", tmp_path / "folder", tmp_path / "clip.npy"):
        found = field.encode([value])
        assert found.flat == pytest.approx(clip / 255, abs=0.01) and found.lengths.tolist() == [3]
        short = learned(FramesField(most=2), [clip]).encode([value, value])
        assert short.lengths.tolist() == [2, 2]
    (tmp_path / "empty").mkdir()
    assert refusal(field, tmp_path / "empty") == "the folder empty holds no picture"
    (tmp_path / "empty" / "notes.txt").write_text("none")
    assert refusal(field, tmp_path / "empty") == "the folder empty holds no picture but notes.txt"
    (tmp_path / "empty" / "walk.mp4").write_bytes(b"\0\0\0 ftypisom")
    told = "but walk.mp4; a film is a clip by itself: name the film in place of its folder"
    assert refusal(field, tmp_path / "empty") == f"the folder empty holds no picture {told}"
    saved(tmp_path / "folder" / "003.png", GREY[:1])
    assert "its frames differ in size" in refusal(field, tmp_path / "folder")
    assert learned(FramesField(size=[2, 3]), []).encode([tmp_path / "folder"]).lengths.tolist() == [4]
    assert learned(FramesField(channels=3), [np.stack([COLOURS])]).encode([np.stack([COLOURS])]).flat.shape == (
        1,
        2,
        3,
        3,
    )


def filmed(path: Path, clip: np.ndarray, codec: str) -> Path:
    """A film of grey frames, [time height width]."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as made:
        stream = made.add_stream(codec, rate=8)
        stream.height, stream.width = clip.shape[1:]
        stream.pix_fmt = "gray" if codec == "ffv1" else "yuv420p"
        for values in clip:
            made.mux(stream.encode(av.VideoFrame.from_ndarray(values, format="gray")))
        made.mux(stream.encode())
    return path


@pytest.mark.parametrize(("name", "codec"), [("a.mkv", "ffv1"), ("a.mp4", "mpeg4"), ("a.avi", "mpeg4")])
def test_a_film(tmp_path: Path, name: str, codec: str) -> None:
    ramp = np.linspace(0, 200, 32).astype(np.uint8)
    clip = np.stack([np.tile(ramp, (32, 1)) + np.uint8(20 * time) for time in range(3)])
    path = filmed(tmp_path / name, clip, codec)
    field = learned(FramesField(), [path])
    assert field.learned() == Image(32, 32)
    for value in (path, path.read_bytes()):
        found = field.encode([value, value])
        assert found.lengths.tolist() == [3, 3]
        assert found.flat[:3] == pytest.approx(clip / 255, abs=1e-6 if codec == "ffv1" else 0.05)
    assert learned(FramesField(most=2), [path]).encode([path]).lengths.tolist() == [2]
    small = learned(FramesField(size=[4, 8], channels=3), []).encode([path])
    assert small.flat.shape == (3, 4, 8, 3)


def test_a_film_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = filmed(tmp_path / "a.mp4", np.zeros((3, 32, 32), np.uint8), "mpeg4")
    field, whole = learned(FramesField(), [path]), path.read_bytes()
    assert refusal(field, whole[:200]) == "the film has no pictures"
    assert "the film cannot be read (" in refusal(field, whole[:8] + bytes(200))
    monkeypatch.setattr(film, "LARGEST", 2 * 32 * 32)
    assert "pixels: most= ends it before" in refusal(field, whole)
    assert learned(FramesField(most=2), [whole]).encode([whole]).lengths.tolist() == [2]
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ConfigurationError, match=r"films need the package av: pip install 'seqnet\[video\]'"):
        field.encode([whole])


def sine(hertz: float, rate: int, seconds: float = 0.5) -> np.ndarray:
    return 0.5 * np.sin(2 * math.pi * hertz * np.arange(int(rate * seconds)) / rate)


def recorded(path: Path, samples: np.ndarray, rate: int) -> Path:
    soundfile.write(path, samples, rate)
    return path


def test_samples_of_a_recording(tmp_path: Path) -> None:
    wave = sine(440, 8000)
    field = learned(AudioField(features="raw", standardise=False), [recorded(tmp_path / "a.wav", wave, 8000)])
    assert field.learned() == Vector(1) and field.state() == 8000
    for value in (tmp_path / "a.wav", (tmp_path / "a.wav").read_bytes(), {"bytes": (tmp_path / "a.wav").read_bytes()}):
        assert field.encode([value]).flat[:, 0] == pytest.approx(wave, abs=1e-4)
    stereo = np.stack([wave, np.zeros_like(wave)], axis=1)
    assert field.encode([recorded(tmp_path / "s.wav", stereo, 8000)]).flat[:, 0] == pytest.approx(wave / 2, abs=1e-4)
    whole = {"array": (wave * 32768).astype(np.int16), "sampling_rate": 8000}
    assert field.encode([whole]).flat[:, 0] == pytest.approx(wave, abs=1e-4)
    np.save(tmp_path / "a.npy", wave)
    said = learned(AudioField(rate=8000, features="raw"), [])
    assert said.encode([tmp_path / "a.npy"]).flat[:, 0] == pytest.approx(
        wave * 2 * math.sqrt(2), abs=1e-2
    )  # deviation 1


def test_a_recording_is_brought_to_the_rate_that_is_said(tmp_path: Path) -> None:
    field = learned(AudioField(rate=8000, features="raw", standardise=False), [])
    for rate in (16000, 44100, 6000):
        found = field.encode([recorded(tmp_path / "a.wav", sine(440, rate), rate)]).flat[:, 0]
        assert len(found) == 4000
        assert found[200:-200] == pytest.approx(sine(440, 8000)[200:-200], abs=0.01)
    high = resampled(sine(3000, 16000).astype(np.float32), 16000, 4000)
    assert np.abs(high[200:-200]).max() < 0.02  # above half the new rate nothing is left, nor does it come back lower
    first = learned(AudioField(), [tmp_path / "a.wav"])
    found = first.encode([tmp_path / "a.wav", recorded(tmp_path / "b.wav", sine(440, 8000), 8000)])
    assert found.told == {"of another rate, brought to 6,000 samples a second": 1}
    assert found.lengths[0] == found.lengths[1] and not first.encode([tmp_path / "a.wav"]).told
    with pytest.raises(DataError, match="one of 6000 samples a second, but rate=8000"):
        field.restore(first.state())


@pytest.mark.parametrize("hertz", [200, 1000, 3000])
def test_the_band_of_a_tone_is_the_strongest(hertz: float) -> None:
    field = learned(AudioField(standardise=False), [{"array": sine(hertz, 8000), "sampling_rate": 8000}])
    assert field.learned() == Vector(40)
    found = field.encode([{"array": sine(hertz, 8000), "sampling_rate": 8000}])
    assert found.lengths.tolist() == [1 + 4000 // 128]  # a step every 16 ms
    filters = mel_filters(40, 256, 8000)
    assert found.flat[5:-5].mean(0).argmax() == filters[:, round(hertz / (8000 / 256))].argmax()


def test_bands_are_the_logarithm_of_their_strength_and_normalised() -> None:
    wave = torch.from_numpy(sine(700, 8000)).float()
    power = (
        torch.stft(wave, 256, 128, window=torch.hann_window(256), pad_mode="constant", return_complex=True).abs() ** 2
    )
    wanted = (mel_filters(40, 256, 8000) @ power + 1e-6).log().T
    value = {"array": wave.numpy(), "sampling_rate": 8000}
    plain = learned(AudioField(standardise=False), [value]).encode([value]).flat
    assert plain == pytest.approx(wanted.numpy(), abs=1e-5)
    found = learned(AudioField(), [value]).encode([value]).flat
    assert found.mean(0) == pytest.approx(np.zeros(40), abs=1e-5)
    assert np.sqrt(np.square(found).mean()) == pytest.approx(1.0, abs=1e-5)
    short = {"array": sine(700, 8000)[:20], "sampling_rate": 8000}  # shorter than a window
    assert learned(AudioField(), [value]).encode([short]).lengths.tolist() == [1]


def test_a_long_recording_is_heard_in_pieces(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wave = np.random.default_rng(1).normal(size=30_000).astype(np.float32) / 8
    whole = learned(AudioField(standardise=False), [recorded(tmp_path / "a.wav", wave, 8000)])
    wanted = whole.encode([tmp_path / "a.wav"]).flat
    monkeypatch.setattr(audio, "AT_ONCE", 17)
    monkeypatch.setattr(audio, "BLOCK", 1000)
    found = whole.encode([tmp_path / "a.wav"]).flat
    assert len(found) == 1 + 30_000 // 128
    assert found == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize(("rate", "wanted"), [(16000, 8000), (11025, 8000), (8000, 44100)])
def test_a_long_recording_is_resampled_in_pieces(monkeypatch: pytest.MonkeyPatch, rate: int, wanted: int) -> None:
    """Each alike to the whole, and none longer than a piece and a second on either side."""
    monkeypatch.setattr(audio, "PIECE", 2)
    time = np.arange(round(7.3 * rate)) / rate
    wave = (np.sin(2 * np.pi * 300 * time) + 0.3 * np.sin(2 * np.pi * (500 + 200 * time) * time)).astype(np.float32)
    lengths = []
    whole = audio._resampled

    def noted(samples: np.ndarray, *rates: int) -> np.ndarray:
        lengths.append(len(samples))
        return whole(samples, *rates)

    monkeypatch.setattr(audio, "_resampled", noted)
    found = resampled(wave, rate, wanted)
    assert len(lengths) == 4 and max(lengths) <= 4 * rate
    expected = whole(wave, rate, wanted)
    assert len(found) == len(expected)
    assert found[200:-200] == pytest.approx(expected[200:-200], abs=2e-3)


def test_triangles_of_bands() -> None:
    filters = mel_filters(40, 256, 8000)
    assert filters.shape == (40, 129) and filters.min() == 0 and filters.max() <= 1
    assert (filters.sum(1) > 0).all()
    assert filters[:, :2].sum() == 0 and filters[:, -1].sum() == 0  # nothing below 50 Hz, and nothing at half the rate
    middle = filters[20:].sum(0)
    assert middle[70:110] == pytest.approx(np.ones(40), abs=1e-5)  # they overlap by half, and together let all through


def test_without_soundfile_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'seqnet\[audio\]'"):
        AudioField().observe([b"RIFF"])


def test_windows_shorter_than_their_distance_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"hop_ms=20 and window_ms=10 cannot go together"):
        AudioField(hop_ms=20, window_ms=10)
    with pytest.raises(ConfigurationError, match=r"bands=10 has no effect with features=raw"):
        AudioField(bands=10, features="raw")


def test_notes_are_keys_of_a_piano() -> None:
    piece = [[60, 64, 67], [], [21, 108]]
    field = RollField()
    found = field.encode([piece, [[60.0]]])
    assert field.learned() == Vector(88, tuple(str(note) for note in range(21, 109)))
    assert found.flat.dtype == np.uint8 and found.lengths.tolist() == [3, 1]
    assert [step.nonzero()[0].tolist() for step in found.flat[:3]] == [[39, 43, 46], [], [0, 87]]
    assert field.decode(found.flat[:3]) == piece and field.decode(found.flat[3]) == [60]
    assert RollField(0, 127).learned().size == 128
    with pytest.raises(ConfigurationError, match="lowest and highest are 60 and 50"):
        RollField(60, 50)

import sys
import wave

import numpy as np
import pytest
import torch
from PIL import Image

from seqnet.commands.media import write_midi, write_picture, write_wav
from seqnet.errors import ConfigurationError
from seqnet.observers.sound import RATE, Note, frequency, long_notes

mido = pytest.importorskip("mido", reason="mido is not installed")

STEPS = [[60, 64], [60], [], [60, 67]]  # C4 over two steps, a rest, and C4 anew


def test_a_note_that_goes_on_is_one_long_note():
    assert long_notes(STEPS) == [Note(60, 0, 2), Note(64, 0, 1), Note(60, 3, 4), Note(67, 3, 4)]
    assert long_notes([[62], [62], [62]]) == [Note(62, 0, 3)]
    assert long_notes([[62, 62], [62]]) == [Note(62, 0, 2)]
    assert long_notes([[], []]) == long_notes([]) == []


def test_a_picture_is_dark_where_there_is_ink(tmp_path):
    values = torch.tensor([[0.0, 1.0, 0.5], [-2.0, 3.0, 0.25]])
    write_picture(tmp_path / "drawing.png", values, scale=4)
    with Image.open(tmp_path / "drawing.png") as picture:
        assert (picture.format, picture.mode, picture.size) == ("PNG", "L", (12, 8))
        points = np.asarray(picture)
    small = [[255, 0, 127], [255, 0, 191]]  # 0.5 * 255 = 127.5 rounds to 128, 0.25 * 255 = 63.75 to 64
    assert points.tolist() == [[shade for shade in row for _ in range(4)] for row in small for _ in range(4)]


def read_midi(path):
    """Notes as (number, begin, end) in seconds, and how long the file is."""
    with_times, now, begun = [], 0.0, {}
    file = mido.MidiFile(path)
    for message in file:
        now += message.time
        if message.type == "note_on":
            assert message.note not in begun
            begun[message.note] = now
        elif message.type == "note_off":
            with_times.append((message.note, begun.pop(message.note), now))
    assert not begun
    return sorted(with_times, key=lambda note: (note[1], note[0])), file.length


@pytest.mark.parametrize("seconds", [0.5, 0.25])
def test_a_midi_file_holds_the_notes_at_their_times(tmp_path, seconds):
    write_midi(tmp_path / "piece.mid", STEPS, seconds)
    notes, length = read_midi(tmp_path / "piece.mid")
    expected = [(60, 0, 2), (64, 0, 1), (60, 3, 4), (67, 3, 4)]
    assert notes == [
        (note, pytest.approx(begin * seconds), pytest.approx(end * seconds)) for note, begin, end in expected
    ]
    assert length == pytest.approx(4 * seconds)


def test_rests_at_the_end_last_too_and_nothing_is_a_file_as_well(tmp_path):
    write_midi(tmp_path / "rests.mid", [[60], [], []], 1.0)
    assert read_midi(tmp_path / "rests.mid") == ([(60, 0, pytest.approx(1))], pytest.approx(3))
    write_midi(tmp_path / "nothing.mid", [])
    assert read_midi(tmp_path / "nothing.mid") == ([], 0)
    write_wav(tmp_path / "nothing.wav", [])
    assert len(read_wav(tmp_path / "nothing.wav")) == 0


def test_without_mido_it_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mido", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'seqnet\[music\]'"):
        write_midi(tmp_path / "piece.mid", STEPS)
    assert not list(tmp_path.iterdir())
    write_wav(tmp_path / "piece.wav", STEPS)  # sound needs no package


def read_wav(path):
    with wave.open(str(path), "rb") as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(float)


def loudest_frequency(sound):
    return np.fft.rfftfreq(len(sound), 1 / RATE)[np.abs(np.fft.rfft(sound)).argmax()]


def test_frequencies_are_those_of_the_tempered_scale():
    assert frequency(69) == 440
    assert frequency(57) == pytest.approx(220)
    assert frequency(60) == pytest.approx(261.6256, abs=1e-4)


def test_each_step_sounds_at_the_pitch_of_its_note(tmp_path):
    notes = [69, 57, 60, 81, 21, 108]
    write_wav(tmp_path / "scale.wav", [[note] for note in notes], 1.0)
    sound = read_wav(tmp_path / "scale.wav")
    assert len(sound) == len(notes) * RATE
    assert 0.85 * 32767 < np.abs(sound).max() <= 32767
    for place, note in enumerate(notes):
        step = sound[place * RATE : (place + 1) * RATE]
        assert loudest_frequency(step) == pytest.approx(frequency(note), abs=1)  # bins of a second are 1 Hz apart
        assert abs(step[0]) < 0.01 * np.abs(step).max() and abs(step[-1]) < 0.01 * np.abs(step).max()  # no clicks


def test_a_chord_holds_all_its_notes_and_a_rest_is_silent(tmp_path):
    write_wav(tmp_path / "chord.wav", [[60, 64, 67], []], 1.0)
    sound = read_wav(tmp_path / "chord.wav")
    loud = np.abs(np.fft.rfft(sound[:RATE]))
    for note in (60, 64, 67):
        peak = round(frequency(note))
        assert loud[peak - 1 : peak + 2].max() > 0.5 * loud.max()
    for between in (240, 290, 360):
        assert loud[between - 5 : between + 5].max() < 0.05 * loud.max()
    assert not sound[RATE:].any()


def test_a_long_note_is_not_struck_again(tmp_path):
    write_wav(tmp_path / "long.wav", [[69], [69]], 0.5)
    write_wav(tmp_path / "twice.wav", [[69], [], [69]], 0.5)
    long, twice = (read_wav(tmp_path / f"{name}.wav") for name in ("long", "twice"))
    middle = len(long) // 2
    assert np.abs(long[middle - 200 : middle + 200]).max() > 0.4 * np.abs(long).max()
    assert np.abs(twice[middle - 100 : middle]).max() < 0.05 * np.abs(twice).max()

"""MIDI files: a piece is a row, the notes that sound at each step."""

import io
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from seqnet.data.files import BadRows, shown
from seqnet.data.formats.columns import of_row, resolve
from seqnet.data.formats.format import Column, Format, Rows
from seqnet.data.formats.opening import stream
from seqnet.errors import ConfigurationError

NAMES = ("notes", "file")
LARGEST = 1 << 24  # bytes of a file
LONGEST = 1 << 20  # steps of a piece, three days of quarters
DRUMS = 9  # the channel whose notes are no pitches
NEEDED = "MIDI files need the package mido: pip install 'seqnet[music]'"


class Midi(Format):
    """`notes`: a list of steps, each the sorted MIDI numbers that sound; `file`: its name. Drums are left out.

    steps_per_beat: how fine the grid is, on which notes begin and end; a note is one step at least. A file that
    cannot be read is a bad row. Raises ConfigurationError.
    """

    endings: ClassVar = (".mid", ".midi")
    unit: ClassVar = "piece"
    several: ClassVar = True

    def __init__(self, steps_per_beat: int = 4) -> None:
        if steps_per_beat < 1:
            raise ConfigurationError(f"data.format.steps_per_beat is {steps_per_beat}; it must be at least 1")
        self.steps_per_beat = steps_per_beat

    def header(self, file: Any) -> tuple[str, ...] | None:
        """The two columns."""
        return NAMES

    def count(self, file: Any) -> int | None:
        """A file is a row."""
        return 1

    def rows(self, file: Any, columns: Sequence[Column], bad: BadRows) -> Iterator[Rows]:
        """One row. Raises DataError."""
        wanted = resolve(columns, NAMES, len(NAMES), str(file))
        try:
            import mido
        except ImportError as error:
            raise ConfigurationError(NEEDED) from error
        with stream(file) as raw:
            content = raw.read(LARGEST + 1)
        found, problem = None, f"is larger than {LARGEST >> 20} MiB, so this is no piece"
        if len(content) <= LARGEST:
            found, problem = _read(mido, content, self.steps_per_beat)
        if found is None:
            bad(file, 1, problem, self.unit)
            return
        row: list[Any] = [found, file.name]
        yield Rows([1], [[value] for value in of_row(row, wanted)])


def _read(mido: Any, content: bytes, steps_per_beat: int) -> tuple[list[list[int]] | None, str]:
    """The steps from the first note on, or what is wrong with the file."""
    try:
        piece = mido.MidiFile(file=io.BytesIO(content))
    except Exception as error:  # OSError, EOFError, ValueError, KeyError, ...: there is no common kind
        return None, f"not MIDI that can be read ({type(error).__name__}: {shown(str(error), 100)})"
    beat: int = piece.ticks_per_beat
    if not 0 < beat < 1 << 15:
        return None, "its time is not counted in beats, so there is no grid"
    spans = [span for track in piece.tracks for span in _spans(track)]
    if not spans:
        return None, "there is no note in it"

    def step(tick: int) -> int:
        return (2 * tick * steps_per_beat + beat) // (2 * beat)

    grid = [(step(begin), max(step(end), step(begin) + 1), note) for begin, end, note in spans]
    first, last = min(begin for begin, _, _ in grid), max(end for _, end, _ in grid)
    if sum(end - begin for begin, end, _ in grid) > LONGEST or last - first > LONGEST:
        return None, f"has {last - first} steps, or notes of more than {LONGEST} steps altogether"
    notes: list[set[int]] = [set() for _ in range(last - first)]
    for begin, end, note in grid:
        for at in range(begin - first, end - first):
            notes[at].add(note)
    return [sorted(step) for step in notes], ""


def _spans(track: Any) -> Iterator[tuple[int, int, int]]:
    """Where each note begins and ends, in ticks; one that is not ended ends with its track."""
    now = 0
    open_notes: dict[tuple[int, int], list[int]] = defaultdict(list)
    for message in track:
        now += message.time
        if message.type not in ("note_on", "note_off") or message.channel == DRUMS:
            continue
        key = (message.channel, message.note)
        if message.type == "note_on" and message.velocity > 0:
            open_notes[key].append(now)
        elif open_notes[key]:
            yield open_notes[key].pop(0), now, message.note
    for (_, note), begins in open_notes.items():
        for begin in begins:
            yield begin, now, note

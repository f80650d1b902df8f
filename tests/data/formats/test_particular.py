"""What is particular to one format."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqnet.data.files import BadRows, HubSplit
from seqnet.data.formats import format as sizes
from seqnet.data.formats.conll import Conll
from seqnet.data.formats.conllu import Conllu
from seqnet.data.formats.documents import Documents
from seqnet.data.formats.fasta import Fasta
from seqnet.data.formats.find import find
from seqnet.data.formats.folder import ClassFolders
from seqnet.data.formats.format import Format
from seqnet.data.formats.hub import Hub
from seqnet.data.formats.json import Json
from seqnet.data.formats.jsonl import Jsonl
from seqnet.data.formats.lines import Lines
from seqnet.data.formats.midi import Midi
from seqnet.data.formats.npy import Npy
from seqnet.data.formats.npz import Npz
from seqnet.data.formats.opening import Beside
from seqnet.data.formats.parquet import Parquet
from seqnet.data.formats.xlsx import Xlsx
from seqnet.errors import ConfigurationError, DataError


def write(folder: Path, content: str | bytes, name: str) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(format: Any, file: Any, columns: Any, bad: BadRows | None = None) -> list[list[Any]]:
    return [
        [value.tolist() if isinstance(value, np.ndarray | np.generic) else value for value in row]
        for rows in format.rows(file, columns, bad or BadRows("raise"))
        for row in zip(*rows.columns, strict=True)
    ]


def refused(format: Any, file: Any, columns: Any) -> str:
    with pytest.raises(DataError) as caught:
        read(format, file, columns)
    assert str(caught.value).isprintable()
    return str(caught.value)


# ------------------------------------------------------------------------------------------------------- dictionaries


def test_jsonl_reaches_into_objects(tmp_path: Path) -> None:
    rows = [{"id": 1, "answers": {"text": ["a"], "start": [3]}}, {"id": 2, "answers": None}, {"id": 3, "a.b": 1}]
    path = write(tmp_path, "".join(json.dumps(row) + "\n" for row in rows), "a.jsonl")
    assert read(Jsonl(), path, ["answers.text", "id"]) == [[["a"], 1], [None, 2], [None, 3]]
    assert read(Jsonl(), path, ["a.b"]) == [[None], [None], [1]]
    texts = write(tmp_path, '{"translation": {"de": "Haus", "en": "house"}}\n', "b.jsonl")
    assert read(Jsonl(), texts, ["en", "de", "translation.de"]) == [["house", "Haus", "Haus"]]
    assert Jsonl().header(texts) == ("de", "en", "translation")


def test_jsonl_of_wide_rows(tmp_path: Path) -> None:
    path = write(tmp_path, '{"t0": 1, "t1": 2, "t2": 3, "y": 0}\n{"t0": 1, "t2": 3}\n', "a.jsonl")
    assert read(Jsonl(), path, ["t0..t2", "y"]) == [[[1, 2, 3], 0], [[1, None, 3], None]]


def test_json_in_other_shapes(tmp_path: Path) -> None:
    assert read(Json(), write(tmp_path, '{"a": [1, 2], "b": ["x", null]}', "a.json"), ["b", "a"]) == [
        ["x", 1],
        [None, 2],
    ]
    assert read(Json(), write(tmp_path, "[[[60], [62]], [[64]]]", "a.json"), ["value"]) == [[[[60], [62]]], [[[64]]]]
    assert "its columns are not of one length (a has 2, b has 1)" in refused(
        Json(), write(tmp_path, '{"a": [1, 2], "b": [1]}', "a.json"), ["a"]
    )
    for content in ("3", '"text"', "{}", '{"a": 1}'):
        assert "there must be a list of rows" in refused(Json(), write(tmp_path, content, "a.json"), ["a"])
    assert "not valid JSON at column 11" in refused(Json(), write(tmp_path, '[{"a": 1},\n', "a.json"), ["a"])
    assert "not UTF-8 text at byte 2" in refused(Json(), write(tmp_path, b'["\xff"]', "a.json"), ["a"])


# ------------------------------------------------------------------------------------------------------------- tables


def parquet(path: Path, table: Any, **options: Any) -> Path:
    pytest.importorskip("pyarrow.parquet").write_table(table, path, **options)
    return path


def test_parquet_of_the_hub(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    features = {"label": {"_type": "ClassLabel", "names": ["neg", "pos"]}}
    table = pyarrow.table({"label": [1, 0, 5], "translation": [{"de": "Haus"}, {"de": None}, None]})
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    path = parquet(tmp_path / "a.parquet", table)
    assert Parquet().header(path) == ("label", "translation", "de")
    assert read(Parquet(), path, ["de", "label"]) == [["Haus", "pos"], [None, "neg"], [None, 5]]
    assert "did you mean 'label'?" in refused(Parquet(), path, ["labl"])
    large = parquet(
        tmp_path / "b.parquet", pyarrow.table({"a": pyarrow.repeat("x" * 100, 1_000_000)}), compression="zstd"
    )
    assert "which is not the table of anyone's texts" in refused(Parquet(), large, ["a"])
    assert "cannot be read as parquet" in refused(Parquet(), write(tmp_path, b"PAR1 PAR1", "c.parquet"), ["a"])


def test_classes_and_texts_of_the_hub() -> None:
    datasets = pytest.importorskip("datasets")
    kinds = datasets.Features(
        {
            "label": datasets.ClassLabel(names=["neg", "pos"]),
            "translation": datasets.Translation(languages=["de", "en"]),
            "image": datasets.Image(),
        }
    )
    made = datasets.Dataset.from_dict(
        {
            "label": [1, 0],
            "translation": [{"de": "Haus", "en": "house"}, {"de": "Tür", "en": "door"}],
            "image": [{"bytes": b"none", "path": None}, None],
        },
        features=kinds,
    )
    split = HubSplit("owner/name (train)", made)
    assert read(Hub(), split, ["label", "en"]) == [["pos", "house"], ["neg", "door"]]
    assert read(Hub(), split, ["translation.de"]) == [["Haus"], ["Tür"]]
    assert read(Hub(), split, ["image"]) == [[{"bytes": b"none", "path": None}], [None]]
    assert Hub().count(split) == 2
    assert "did you mean 'label'?" in refused(Hub(), split, ["labels"])


def test_sheets_of_a_workbook(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.title = "first"
    book.active.append(["x", "y"])
    book.active.append([1, None])
    book.create_sheet("second").append([True, "=1+1", 2])
    book.save(path := tmp_path / "a.xlsx")
    assert read(Xlsx(), path, ["x", "y"]) == [[1, None]]
    assert read(Xlsx("second"), path, [0, 1, 2]) == [[True, None, 2]]  # a formula that was never worked out
    assert "no sheet 'secnd' among first, second; did you mean 'second'?" in refused(Xlsx("secnd"), path, [0])
    (remark,) = Xlsx().remarks(path, [0, 1]) or ("",)
    assert "the first row looks like a header (x, y)" in remark
    for content in (b"nothing", b"PK\3\4"):
        assert "cannot be unpacked" in refused(Xlsx(), write(tmp_path, content, "b.xlsx"), [0])


# -------------------------------------------------------------------------------------------------------------- texts


def test_lines_of_different_lengths_are_refused(tmp_path: Path) -> None:
    files = [write(tmp_path, "a\nb\nc\n", "x.de"), write(tmp_path, "a\nb", "x.en")]
    said = refused(Lines(), Beside(tuple(files), ("de", "en")), ["de", "en"])
    assert said.startswith(f"{files[0]} has 3 lines and {files[1]} has 2 lines; line n of one must go with line n")
    assert read(Lines(), Beside(tuple(files), ("de", "en")), ["en"]) == [["a"], ["b"]]
    assert read(Lines(), files[0], ["text"]) == [["a"], ["b"], ["c"]]


def test_documents_in_pieces_end_where_lines_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizes, "BYTES", 12)
    text = "one two\nthree four\n" + "é" * 20 + "\r\nnine\rten eleven twelve and so on\n\n"
    path = write(tmp_path, b"\xef\xbb\xbf" + text.encode(), "a.txt")
    pieces = list(Documents().rows(path, ["text"], BadRows("raise")))
    texts = [rows.columns[0][0] for rows in pieces]
    assert "".join(texts) == text.replace("\r\n", "\n").replace("\r", "\n")
    assert [rows.continues for rows in pieces] == [False] + [True] * (len(pieces) - 1)
    assert texts[0] == "one two\n"
    assert pieces[1].numbers == [2]


def test_a_large_document_is_never_whole_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with path.open("w") as file:
        for _ in range(5):
            file.write("some words in a line\n" * 400_000)
    sizes_read = [len(rows.columns[0][0]) for rows in Documents().rows(path, ["text"], BadRows("raise"))]
    assert max(sizes_read) <= sizes.BYTES and sum(sizes_read) == path.stat().st_size


def test_conll_cuts_at_tabs_where_there_are_any(tmp_path: Path) -> None:
    path = write(tmp_path, "New York\tB\n\xa0\tO\n\n# x\tO\n", "a.conll")
    assert read(Conll(), path, [0]) == [[["New York", "\xa0"]], [["# x"]]]
    assert read(Conll(comments=True), path, [0]) == [[["New York", "\xa0"]]]
    with pytest.raises(DataError, match="columns have no names here"):
        Conll().check(path, ["word"])


def test_conllu_is_written_with_what_was_added(tmp_path: Path) -> None:
    row = {"form": ["Sue", "likes"], "upos": ["PROPN", "VERB"], "tag": ["A", "B"], "sent_id": "s1"}
    with Conllu().writer(tmp_path / "out", list(row)) as write:
        write(row)
    assert (tmp_path / "out").read_text() == (
        "# sent_id = s1\n1\tSue\t_\tPROPN\t_\t_\t_\t_\t_\ttag=A\n2\tlikes\t_\tVERB\t_\t_\t_\t_\t_\ttag=B\n\n"
    )


def test_conllu_keeps_ranges_and_empty_nodes(tmp_path: Path) -> None:
    rest = "\t_" * 7 + "\n"
    lines = [f"{number}\t{word}\t_{rest}" for number, word in (("1-2", "im"), ("1", "in"), ("2", "dem"), ("2.1", "x"))]
    path = write(tmp_path, "".join(lines) + f"\n1\tHaus\t_{rest}\n", "a.conllu")
    names, columns = Conllu().everything(path, ["form"])
    (block,) = Conllu().rows(path, [columns, "form"], BadRows("raise"))
    assert block.columns[1] == (["in", "dem"], ["Haus"])
    with Conllu().writer(tmp_path / "out", names) as to:
        for values in block.columns[0]:
            to(dict(zip(names, values, strict=True)))
    assert (tmp_path / "out").read_text() == path.read_text()
    assert len(Conllu().everything(write(tmp_path, lines[1], "b.conllu"), ["form"])[0]) == len(names) - 1


def test_jsonl_has_keys_that_occur_late(tmp_path: Path) -> None:
    path = write(tmp_path, '{"a": 1}\n' * 100 + '{"a": 2, "b": 3}\n', "a.jsonl")
    assert Jsonl().everything(path, ["a"]) == (("a", "b"), ["a", "b"])
    assert read(Jsonl(), path, ["b"])[-1] == [3]
    with pytest.raises(DataError, match="no column 'c'"):
        Jsonl().check(path, ["c"])


@pytest.mark.parametrize(
    ("format", "text"),
    [
        (Conll(), 'Sue\t["x", "y", "z"]\tA\nruns\t["x", "y", "z"]\tB\n\n'),
        (
            Conllu(),
            '# kinds = ["x", "y", "z"]\n1\tSue\t_\t_\t_\t_\t_\t_\t_\ttag=A\n2\truns\t_\t_\t_\t_\t_\t_\t_\ttag=B\n\n',
        ),
    ],
)
def test_a_list_that_has_no_value_for_each_step_is_one_value(tmp_path: Path, format: Format, text: str) -> None:
    row = {"form": ["Sue", "runs"], "kinds": ["x", "y", "z"], "tag": ["A", "B"]}
    with format.writer(tmp_path / "out", list(row)) as write:
        write(row)
    assert (tmp_path / "out").read_text() == text


def test_parts_of_a_fasta_header(tmp_path: Path) -> None:
    path = write(tmp_path, "; a comment\n>sp|P1|promoter\nAC\n>x\nG\n", "a.fa")
    assert read(Fasta("|"), path, ["name", "description", "class"]) == [
        ["sp", "P1|promoter", "promoter"],
        ["x", None, None],
    ]
    with pytest.raises(ConfigurationError, match=r"data\.format\.separator"):
        Fasta("")


def test_columns_out_of_file_names(tmp_path: Path) -> None:
    for name in ("7_jackson_32.wav", "8_ann_lee_1.wav"):
        write(tmp_path, "", name)
    format = ClassFolders("{digit}_{speaker}_{take}")
    (part,) = find(tmp_path, "", None, None, format).splits["train"]
    assert read(format, part.file, ["digit", "take", "label", "file"])[0] == ["7", "32", None, "7_jackson_32.wav"]
    for pattern in ("none", "{a}_{a}", "{a b}", "{label}_{b}", "{}"):
        with pytest.raises(ConfigurationError, match=r"data\.format\.name_pattern="):
            ClassFolders(pattern)


def test_texts_in_class_folders(tmp_path: Path) -> None:
    (tmp_path / "pos").mkdir()
    write(tmp_path / "pos", "a fine\r\nfilm", "1.txt")
    write(tmp_path / "pos", b"\xff", "2.txt")
    (part,) = find(tmp_path, "", None, None, ClassFolders()).splits["train"]
    bad = BadRows("skip")
    assert read(part.format, part.file, ["text", "label"], bad) == [["a fine\nfilm", "pos"]]
    assert bad.count == 1


# ------------------------------------------------------------------------------------------------------------- arrays


def npy(folder: Path, array: Any, name: str = "a.npy") -> Path:
    np.lib.format.write_array((file := io.BytesIO()), np.asarray(array))
    return write(folder, file.getvalue(), name)


def test_arrays_of_any_kind_that_is_no_object(tmp_path: Path) -> None:
    assert read(Npy(), npy(tmp_path, ["one", "zwölf"]), ["array"]) == [["one"], ["zwölf"]]
    assert read(Npy(), npy(tmp_path, np.zeros((2, 0))), [0]) == [[[]], [[]]]
    assert read(Npy(), npy(tmp_path, np.asfortranarray([[1, 2], [3, 4]])), [0]) == [[[1, 2]], [[3, 4]]]
    pairs = np.array([(1, "a"), (2, "b")], dtype=[("x", "i4"), ("name", "U1")])
    assert read(Npy(), npy(tmp_path, pairs), ["name", "x"]) == [["a", 1], ["b", 2]]
    assert "is a single number" in refused(Npy(), npy(tmp_path, 3), [0])
    whole = npy(tmp_path, np.zeros((100, 3))).read_bytes()
    assert "cannot be read as .npy" in refused(Npy(), write(tmp_path, whole[:-100], "a.npy"), [0])
    assert "is no .npy file" in refused(Npy(), write(tmp_path, b"text", "a.npy"), [0])


def test_no_pickle_is_read(tmp_path: Path) -> None:
    objects = io.BytesIO()
    np.lib.format.write_array(objects, np.array([{"a": 1}, None], dtype=object), allow_pickle=True)
    said = refused(Npy(), write(tmp_path, objects.getvalue(), "a.npy"), [0])
    assert "cannot be read as .npy" in said or "Python objects" in said
    np.savez(tmp_path / "a.npz", a=np.array([{"a": 1}], dtype=object))
    assert "Python objects" in refused(Npz(), tmp_path / "a.npz", ["a"])


def test_arrays_of_different_lengths_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=np.zeros(2), b=np.zeros(3), c=np.zeros(()))
    assert "a has 2 rows and b has 3 rows" in refused(Npz(), tmp_path / "a.npz", ["a", "b"])
    assert read(Npz(), tmp_path / "a.npz", ["a"]) == [[0.0], [0.0]]
    assert "it must be an array of rows" in refused(Npz(), tmp_path / "a.npz", ["c"])
    both = Beside((npy(tmp_path, np.zeros(2)), npy(tmp_path, np.zeros(3), "b.npy")), ("a", "b"))
    assert "a has 2 rows and b has 3 rows" in refused(Npy(), both, ["a", "b"])


def test_an_array_archive_that_lies_about_its_size(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=np.zeros(200))
    content = (tmp_path / "a.npz").read_bytes().replace(b"(200,)", b"(900,)")
    assert "cannot be read" in refused(Npz(), write(tmp_path, content, "b.npz"), ["a"])


# --------------------------------------------------------------------------------------------------------------- MIDI


def piece(*messages: tuple[Any, ...], beat: int = 96, channel: int = 0) -> bytes:
    mido = pytest.importorskip("mido")
    made = mido.MidiFile(ticks_per_beat=beat)
    made.tracks.append(mido.MidiTrack())
    for kind, note, velocity, time in messages:
        made.tracks[0].append(mido.Message(kind, note=note, velocity=velocity, time=time, channel=channel))
    made.save(file=(file := io.BytesIO()))
    return file.getvalue()


def test_notes_on_a_grid(tmp_path: Path) -> None:
    beat = piece(("note_on", 60, 64, 0), ("note_on", 60, 0, 96), ("note_on", 64, 64, 96), ("note_off", 64, 0, 30))
    path = write(tmp_path, beat, "a.mid")
    assert read(Midi(1), path, ["notes"]) == [[[[60], [], [64]]]]
    assert read(Midi(2), path, ["notes"]) == [[[[60], [60], [], [], [64]]]]
    with pytest.raises(ConfigurationError, match=r"data\.format\.steps_per_beat is 0"):
        Midi(0)


def test_what_is_no_piece_is_a_bad_row(tmp_path: Path) -> None:
    long = piece(*[("note_on", 60, 64, 0), ("note_off", 60, 0, (1 << 28) - 1)] * 4, beat=1)
    for content, said in (
        (piece(), "there is no note in it"),
        (piece(("note_on", 60, 64, 0), channel=9), "there is no note in it"),
        (long, "more than 1048576 steps"),
        (b"", "not MIDI that can be read"),
        (piece(("note_on", 60, 64, 0))[:-5], "not MIDI that can be read"),
    ):
        path = write(tmp_path, content, "a.mid")
        assert f"{path}, piece 1: " in refused(Midi(), path, ["notes"]) and said in refused(Midi(), path, ["notes"])
        bad = BadRows("skip")
        assert read(Midi(), path, ["notes"], bad) == [] and bad.count == 1

from pathlib import Path
from typing import Any

import pytest

from seqnet.data.files import (
    BadRows,
    Column,
    File,
    HubSplit,
    Splits,
    check_columns,
    find_files,
    hold_out_rows,
    never_seen,
    read_conll,
    read_csv,
    read_jsonl,
    read_lines,
    read_table,
    read_text,
    read_tsv,
)
from seqnet.errors import ConfigurationError, DataError

NAMED: dict[str, Column] = {"text_column": "text", "label_column": "label"}
PLACED: dict[str, Column] = {"text_column": 0, "label_column": 1}


def write(folder: Path, content: str | bytes, name: str = "data.txt") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def strict() -> BadRows:
    return BadRows("raise")


def refused(reader: Any, *arguments: Any) -> str:
    with pytest.raises(DataError) as caught:
        list(reader(*arguments, strict()))
    return str(caught.value)


def skipped(reader: Any, *arguments: Any) -> tuple[list[Any], int]:
    bad = BadRows("skip")
    return list(reader(*arguments, bad)), bad.count


# ------------------------------------------------------------------------------------------------ lines and columns


def test_lines_know_their_numbers_and_drop_mark_and_ends(tmp_path: Path) -> None:
    path = write(tmp_path, b"\xef\xbb\xbfone\r\n\ntwo\x85\xc2\xa0\nthree".replace(b"\x85", "\u2028".encode()))
    assert list(read_lines(path, strict())) == [(1, "one"), (2, ""), (3, "two\u2028\xa0"), (4, "three")]


def test_a_bad_byte_has_file_and_line(tmp_path: Path) -> None:
    path = write(tmp_path, b"fine\nab\xffc\nfine too\n")
    mend = "mend it, or leave such rows out with data.on_bad_row=skip"
    assert refused(read_lines, path) == f"{path}, line 2: byte 3 of the line is not UTF-8; {mend}"
    assert skipped(read_lines, path) == ([(1, "fine"), (3, "fine too")], 1)


def test_a_nul_byte_has_file_and_line(tmp_path: Path) -> None:
    path = write(tmp_path, b"fine\nab\0c\n")
    assert f"{path}, line 2: the line holds a NUL byte" in refused(read_lines, path)
    assert skipped(read_lines, path) == ([(1, "fine")], 1)


def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    assert refused(read_lines, tmp_path / "none").startswith(f"{tmp_path / 'none'}: cannot be read (No such file")
    assert "Is a directory" in refused(read_lines, tmp_path)


def test_a_whole_text(tmp_path: Path) -> None:
    assert read_text(write(tmp_path, b"\xef\xbb\xbfa\r\nb\n"), strict()) == "a\nb\n"
    assert read_text(write(tmp_path, b""), strict()) == ""
    path = write(tmp_path, b"a\r\n\xff\nb\0\nc")
    with pytest.raises(DataError, match="line 2: byte 1 of the line is not UTF-8"):
        read_text(path, strict())
    bad = BadRows("skip")
    assert read_text(path, bad) == "a\nc"
    assert bad.count == 2


def test_tsv_has_no_quotes(tmp_path: Path) -> None:
    path = write(tmp_path, 'a "quote\tb\n\n\tc\r\n')
    assert list(read_tsv(path, strict())) == [(1, ['a "quote', "b"]), (3, ["", "c"])]


def test_csv_rows_are_named_by_their_first_line(tmp_path: Path) -> None:
    path = write(tmp_path, 'a,"two\nlines, ""quoted"""\n\nc,d\n')
    assert list(read_csv(path, strict())) == [(1, ["a", 'two\nlines, "quoted"']), (4, ["c", "d"])]


def test_csv_that_is_broken(tmp_path: Path) -> None:
    path = write(tmp_path, 'a,b\nc,"never closed\nd,e\n')
    assert f"{path}, line 2: not a row of CSV" in refused(read_csv, path)
    assert skipped(read_csv, path) == ([(1, ["a", "b"]), (3, ["d", "e"])], 1)
    spoilt = write(tmp_path, b'a,b\n"x\n\xff",b\nc,d\n')  # a cell that lacks a line is no cell of the file
    assert f"{spoilt}, line 2: not a row of CSV (in line 3, byte 1 of the line is not UTF-8)" in refused(read_csv, path)
    assert skipped(read_csv, path) == ([(1, ["a", "b"]), (4, ["c", "d"])], 2)
    assert skipped(read_csv, write(tmp_path, b"a,b\n\xff,b\nc,d\n")) == ([(1, ["a", "b"]), (3, ["c", "d"])], 1)


def test_a_csv_cell_that_is_too_long_is_a_bad_row(tmp_path: Path) -> None:
    path = write(tmp_path, "a,b\n" + "x" * 200_000 + ",c\nd,e\n")
    assert f"{path}, line 2: not a row of CSV (field larger than field limit" in refused(read_csv, path)
    assert skipped(read_csv, path) == ([(1, ["a", "b"]), (3, ["d", "e"])], 1)


def test_jsonl(tmp_path: Path) -> None:
    path = write(tmp_path, '{"a": 1}\n \n{"a": \n[1]\n{"b": 2}')
    assert f"{path}, line 3: not JSON that can be read" in refused(read_jsonl, path)
    assert skipped(read_jsonl, path) == ([(1, {"a": 1}), (5, {"b": 2})], 2)
    assert "line 1: the JSON value is not an object" in refused(read_jsonl, write(tmp_path, "[1]"))
    assert "line 1: not JSON that can be read" in refused(read_jsonl, write(tmp_path, "[" * 100_000))


def test_conll(tmp_path: Path) -> None:
    path = write(tmp_path, "-DOCSTART- -X- O\n\nEU NNP B\r\nsaid VBD O\n \n\n# x O\n. . O\n")
    first, second = [(3, ["EU", "NNP", "B"]), (4, ["said", "VBD", "O"])], [(7, ["#", "x", "O"]), (8, [".", ".", "O"])]
    assert list(read_conll(path, strict())) == [first, second]
    assert list(read_conll(path, strict(), comments=True)) == [first, second[1:]]


def test_conll_cuts_at_tabs_where_there_are_any(tmp_path: Path) -> None:
    path = write(tmp_path, "New York\tB\n\xa0\tO\n")
    assert list(read_conll(path, strict())) == [[(1, ["New York", "B"]), (2, ["\xa0", "O"])]]


def test_a_bad_line_makes_a_bad_sentence(tmp_path: Path) -> None:
    path = write(tmp_path, b"a O\nb\nc\n\nd O\n\ne O\n\xff O\nf O\n\ng O\n")
    assert f"{path}, line 2: 1 column where the first line has 2; mend it" in refused(read_conll, path)
    assert skipped(read_conll, path) == ([[(5, ["d", "O"])], [(11, ["g", "O"])]], 2)


# --------------------------------------------------------------------------------------------- tables of any format


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", "id,label,text\n1,pos,good film\n2,neg,bad\n"),
        ("t.tsv", "id\tlabel\ttext\n1\tpos\tgood film\n2\tneg\tbad\n"),
        ("t.jsonl", '{"label": "pos", "text": "good film"}\n{"text": "bad", "label": "neg"}\n'),
    ],
)
def test_columns_by_name(tmp_path: Path, name: str, content: str) -> None:
    found = list(read_table(write(tmp_path, content, name), NAMED, strict()))
    first = 1 if name == "t.jsonl" else 2
    assert found == [(first, ["good film", "pos"]), (first + 1, ["bad", "neg"])]


def test_columns_by_position_where_there_is_no_header(tmp_path: Path) -> None:
    path = write(tmp_path, "good film\tpos\nbad\tneg\n", "t.tsv")
    assert list(read_table(path, PLACED, strict())) == [(1, ["good film", "pos"]), (2, ["bad", "neg"])]


def test_parquet_by_name(tmp_path: Path) -> None:
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "t.parquet"
    parquet.write_table(pyarrow.table({"text": ["good", None], "label": [1, 0]}), path)
    assert skipped(read_table, path, NAMED) == ([(1, ["good", 1])], 1)
    assert f"{path}, row 2: no column 'text' as data.text_column says (the value is null)" in refused(
        read_table, path, NAMED
    )
    broken = write(tmp_path, b"nothing", "b.parquet")
    assert refused(read_table, broken, NAMED).startswith(f"{broken}: cannot be read as parquet; name a whole file")


def test_a_missing_column(tmp_path: Path) -> None:
    path = write(tmp_path, "text,sentiment\ngood,pos\n", "t.csv")
    said = refused(read_table, path, NAMED)
    assert said.startswith(
        f"{path}, line 1: no column 'label' in the header, which has text, sentiment; name the right"
    )
    assert "data.label_column=" in said
    path = write(tmp_path, "good\nbad\n", "t.tsv")
    assert refused(read_table, path, PLACED).startswith(f"{path}, line 1: no column 1, since there are 1, counted")
    path = write(tmp_path, '{"text": "good"}\n', "t.jsonl")
    assert "line 1: no column 'label' as data.label_column says (there are text)" in refused(read_table, path, NAMED)
    assert "data.text_column=0 cannot be a position; give a name" in refused(read_table, path, PLACED)


def test_a_row_with_other_columns_than_the_first(tmp_path: Path) -> None:
    path = write(tmp_path, "good\tpos\nbad\tvery\tneg\nso so\tneg\nbad\n", "t.tsv")
    assert f"{path}, line 2: 3 columns where the first row has 2; mend it" in refused(read_table, path, PLACED)
    assert skipped(read_table, path, PLACED) == ([(1, ["good", "pos"]), (3, ["so so", "neg"])], 2)


def test_a_file_without_rows(tmp_path: Path) -> None:
    path = write(tmp_path, "\n", "t.csv")
    assert refused(read_table, path, NAMED).startswith(f"{path}: no row that can be read")


def test_columns_that_cannot_go_together() -> None:
    check_columns(NAMED)
    check_columns(PLACED)
    with pytest.raises(ConfigurationError, match=r"data\.text_column=text and data\.label_column=1 cannot go together"):
        check_columns({"text_column": "text", "label_column": 1})
    with pytest.raises(ConfigurationError, match="are the same column"):
        check_columns({"text_column": 1, "label_column": 1})
    with pytest.raises(ConfigurationError, match=r"data\.label_column must be a name, or a position from 0 on, not -1"):
        check_columns({"text_column": 0, "label_column": -1})


def test_another_policy_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"data\.on_bad_row must be raise or skip, not 'ignore'"):
        BadRows("ignore")


def test_never_seen_names_the_nearest() -> None:
    assert never_seen("tag", "B-PERS", ("B-PER", "O")) == (
        "tag 'B-PERS' does not occur in the training split; did you mean 'B-PER'?"
    )


# ----------------------------------------------------------------------------------------------------------- the Hub


def fake_hub(monkeypatch: pytest.MonkeyPatch, answer: Any) -> list[Any]:
    datasets = pytest.importorskip("datasets")
    asked: list[Any] = []

    def load_dataset(*arguments: Any) -> Any:
        asked.append(arguments)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    return asked


def test_a_hub_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    kinds = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["neg", "pos"])})
    made = datasets.Dataset.from_dict({"text": ["good", "bad"], "label": [1, 0]}, features=kinds)
    asked = fake_hub(monkeypatch, {"train": made, "validation": made, "unsupervised": made})
    found = find_files("owner/films:plain", tmp_path, None, None, (".tsv",))
    assert asked == [("owner/films", "plain")]
    assert found.keys() == {"train", "valid"}
    (file,) = found["valid"]
    assert isinstance(file, HubSplit)
    assert list(read_table(file, NAMED, strict())) == [(1, ["good", "pos"]), (2, ["bad", "neg"])]
    assert refused(read_table, file, {"text_column": "body"}).startswith(
        "owner/films:plain (validation), row 1: no column 'body'"
    )


def test_a_hub_name_without_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_hub(monkeypatch, ConnectionError("Couldn't reach 'imdb' on the Hub\nmore lines"))
    with pytest.raises(DataError) as caught:
        find_files("imdb", tmp_path, None, None, (".tsv",))
    assert str(caught.value) == (
        "data.path=imdb: no such file or folder here, and no data set of that name from the Hub "
        "(ConnectionError: Couldn't reach 'imdb' on the Hub)"
    )


def test_a_hub_data_set_without_known_splits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_hub(monkeypatch, {"all": None})
    with pytest.raises(DataError, match=r"none of its splits \(all\) is called train, valid or test"):
        find_files("imdb", tmp_path, None, None, (".tsv",))


# ------------------------------------------------------------------------------------- which rows are of which split

TABLE = (".csv", ".tsv")


def test_files_by_split(tmp_path: Path) -> None:
    for name in ("train.tsv", "dev.tsv", "ptb.test.csv", "notes.md", "extra.tsv"):
        write(tmp_path, "", name)
    found = find_files(None, tmp_path.parent, tmp_path.name, None, TABLE)
    assert found == {
        "train": [tmp_path / "train.tsv"],
        "valid": [tmp_path / "dev.tsv"],
        "test": [tmp_path / "ptb.test.csv"],
    }


def test_the_last_part_of_a_name_says_more_than_the_first(tmp_path: Path) -> None:
    names = {"test": "train.b.test.tsv", "train": "train.tok.tsv", "valid": "val.train.dev.csv"}
    paths = {split: [write(tmp_path, "", name)] for split, name in names.items()}
    assert find_files(tmp_path, "", None, None, TABLE) == paths


def test_a_single_file_is_training_data_unless_its_name_says_otherwise(tmp_path: Path) -> None:
    path = write(tmp_path, "", "mine.tsv")
    assert find_files(tmp_path, "", None, None, TABLE) == {"train": [path]}
    assert find_files(path, "", None, None, TABLE) == {"train": [path]}
    assert find_files(write(tmp_path, "", "test.csv"), "", None, None, TABLE) == {"test": [tmp_path / "test.csv"]}


def test_several_files_are_documents_where_that_is_meant(tmp_path: Path) -> None:
    files = [write(tmp_path, "", name) for name in ("a.tsv", "b.tsv")]
    assert find_files(tmp_path, "", None, None, TABLE, several=True) == {"train": files}
    with pytest.raises(DataError, match=r"holds a\.tsv, b\.tsv, none of them named train; name the file you mean"):
        find_files(tmp_path, "", None, None, TABLE)


def test_what_is_missing_is_said_with_what_to_do(tmp_path: Path) -> None:
    def said(path: str | Path | None, name: str | None = None, about: str | None = None) -> str:
        with pytest.raises(DataError) as caught:
            find_files(path, tmp_path, name, about, TABLE)
        return str(caught.value)

    assert said(None, "films", "put train.tsv there") == f"{tmp_path / 'films'} does not exist: put train.tsv there"
    assert said(tmp_path / "x.tsv") == (
        f"{tmp_path / 'x.tsv'} does not exist: put .csv and .tsv there, or name your own file or folder with data.path="
    )
    assert "corpus.txt does not exist" in said("corpus.txt")
    assert said(tmp_path, about="put it there") == f"{tmp_path} holds no .csv or .tsv file: put it there"
    assert "its name must end in .csv or .tsv" in said(write(tmp_path, "", "mine.doc"))
    write(tmp_path, "", "train.csv"), write(tmp_path, "", "train.tsv")
    assert said(tmp_path) == (
        f"{tmp_path / 'train.csv'} and {tmp_path / 'train.tsv'} are the same split; keep one of them in the folder"
    )
    with pytest.raises(ConfigurationError, match=r"data\.path is not set; name a \.csv or \.tsv file"):
        find_files(None, tmp_path, None, None, TABLE)


def splits(files: dict[str, int], valid: float, test: float) -> tuple[Splits[int], list[str]]:
    reads: list[str] = []

    def read(found: list[File]) -> list[int]:
        reads.append(str(found[0]))
        return list(range(files[str(found[0])]))

    def find() -> dict[str, list[File]]:
        return {name: [Path(name)] for name in files}

    return Splits(find, read, lambda rows, v, t: hold_out_rows(rows, v, t, 0), valid, test), reads


def test_splits_of_one_file_share_its_rows(tmp_path: Path) -> None:
    made, reads = splits({"train": 20}, 0.1, 0.2)
    parts = [made.rows(name) or [] for name in ("train", "valid", "test")]
    assert [len(part) for part in parts] == [14, 2, 4]
    assert sorted(sum(parts, [])) == list(range(20))
    assert reads == ["train"]


def test_splits_with_files_of_their_own(tmp_path: Path) -> None:
    made, reads = splits({"train": 20, "test": 3}, 0.1, 0.5)
    assert made.rows("test") == [0, 1, 2]
    assert reads == ["test"]
    assert len(made.rows("valid") or []) == 2
    assert len(made.rows("train") or []) == 18
    made, _ = splits({"train": 20}, 0.0, 0.0)
    assert made.rows("valid") is None
    assert len(made.rows("train") or []) == 20
    made, _ = splits({"test": 2}, 0.1, 0.1)
    assert made.rows("train") is None
    assert made.rows("valid") is None


def test_shares_that_are_none() -> None:
    with pytest.raises(ConfigurationError, match=r"data\.valid_share is 1.5; it must be from 0 to 1"):
        splits({}, 1.5, 0)
    with pytest.raises(ConfigurationError, match="are more than the whole"):
        splits({}, 0.6, 0.6)


def test_held_out_rows_follow_the_seed() -> None:
    rows = list(range(50))
    first = hold_out_rows(rows, 0.2, 0, 1)
    assert first == hold_out_rows(rows, 0.2, 0, 1)
    assert first != hold_out_rows(rows, 0.2, 0, 2)
    assert first["test"] == []
    assert len(hold_out_rows(rows[:3], 0.1, 0, 0)["valid"]) == 1
    assert hold_out_rows(rows, 0, 1, 0) == {"train": [], "valid": [], "test": rows}

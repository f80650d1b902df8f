from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seqnet.data.files import HubSplit
from seqnet.data.formats.auto import Auto
from seqnet.data.formats.babi import Babi
from seqnet.data.formats.conll import Conll
from seqnet.data.formats.conllu import Conllu
from seqnet.data.formats.csv import Csv
from seqnet.data.formats.documents import Documents
from seqnet.data.formats.fasta import Fasta
from seqnet.data.formats.find import Found, find
from seqnet.data.formats.folder import ClassFolders
from seqnet.data.formats.format import Column, Format
from seqnet.data.formats.json import Json
from seqnet.data.formats.jsonl import Jsonl
from seqnet.data.formats.lines import Lines
from seqnet.data.formats.midi import Midi
from seqnet.data.formats.npy import Npy
from seqnet.errors import ConfigurationError, DataError


def put(folder: Path, *names: str, content: str = "a,b\n") -> Path:
    """Files of that content."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def found(path: Any, format: Format | None = None, columns: tuple[Column, ...] = ()) -> dict[str, Any]:
    """The files of each split, as text without the folder; one as text, several as a list."""
    result = find(path, "", None, None, format or Auto(), columns)
    return {split: one([str(part.file) for part in parts], path) for split, parts in result.splits.items()}


def one(files: list[str], path: Any) -> Any:
    short = [file.replace(f"{path}/", "") for file in files]
    return short[0] if len(short) == 1 else short


def refused(path: Any, format: Format | None = None, columns: tuple[Column, ...] = (), **named: Any) -> str:
    with pytest.raises(DataError) as caught:
        find(
            path,
            named.pop("data_dir", ""),
            named.pop("name", None),
            named.pop("about", None),
            format or Auto(),
            columns,
        )
    assert str(caught.value).isprintable()
    return str(caught.value)


# ---------------------------------------------------------------------------------------------- which split a name says


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train.csv", "train"),
        ("dev.tsv", "valid"),
        ("ptb.test.csv", "test"),
        ("sst_dev.tsv", "valid"),
        ("en_ewt-ud-train.conllu", "train"),
        ("test-reviews.csv", "test"),
        ("TRAIN.csv", "train"),
        ("reviews_Validation.jsonl", "valid"),
        ("a-test-b.csv.gz", "test"),
        ("test-00000-of-00001.parquet", "test"),
        ("testament.csv", None),
        ("retrain.csv", None),
    ],
)
def test_a_name_says_its_split_with_any_prefix_or_suffix(tmp_path: Path, name: str, split: str | None) -> None:
    put(tmp_path, name, "train/rest.csv" if split == "valid" or split == "test" else "notes.doc", content="")
    splits = found(tmp_path)
    assert splits[split or "train"] == name


def test_folders_are_splits(tmp_path: Path) -> None:
    put(tmp_path, "train/a.csv", "valid/b.csv", "test/c.csv", "other/d.csv")
    assert found(tmp_path) == {"train": "train/a.csv", "valid": "valid/b.csv", "test": "test/c.csv"}


def test_the_last_part_of_a_name_says_more_than_the_first(tmp_path: Path) -> None:
    put(tmp_path, "train.b.test.tsv", "train.tok.tsv", "val.train.dev.csv")
    assert found(tmp_path) == {"train": "train.tok.tsv", "valid": "val.train.dev.csv", "test": "train.b.test.tsv"}


def test_one_that_is_plainly_a_split_goes_before_one_that_may_be(tmp_path: Path) -> None:
    put(tmp_path, "train.csv", "train_small.csv", "test_2016.csv", "test_2017.csv")
    result = find(tmp_path, "", None, None, Auto())
    assert found(tmp_path) == {"train": "train.csv", "test": "test_2016.csv"}
    chosen, left = result.told
    assert chosen == "the test split is test_2016.csv; test_2017.csv could be it too and is left out"
    assert left.startswith("left out: train_small.csv; ")


@pytest.mark.parametrize("name", ["more.csv", "train_extra.csv", "train-2.csv", "trainset.csv"])
def test_what_is_left_out_beside_training_data_is_told_and_a_list_reads_it(tmp_path: Path, name: str) -> None:
    put(tmp_path, "train.csv", name, "valid.csv", "README.md")
    assert found(tmp_path) == {"train": "train.csv", "valid": "valid.csv"}
    (told,) = find(tmp_path, "", None, None, Auto()).told
    assert told == f"left out: {name}; to read such a file too, list all that are meant: data.path=[FILE,FILE]"
    listed = find([tmp_path / each for each in ("train.csv", name, "valid.csv")], "", None, None, Auto())
    assert [part.file.name for part in listed.splits["train"]] == ["train.csv", name]


def test_shards_are_one_split(tmp_path: Path) -> None:
    put(
        tmp_path,
        "data/train-00000-of-00002.parquet",
        "data/train-00001-of-00002.parquet",
        "data/test-00000-of-00001.parquet",
    )
    splits = found(tmp_path)
    assert [Path(name).name for name in splits["train"]] == [
        "train-00000-of-00002.parquet",
        "train-00001-of-00002.parquet",
    ]


def test_two_files_of_one_split_are_refused(tmp_path: Path) -> None:
    put(tmp_path, "train.csv", "train.tsv")
    assert refused(tmp_path) == (
        f"{tmp_path / 'train.csv'} and {tmp_path / 'train.tsv'} are the same split; keep one of them in the folder"
    )


def test_a_file_named_for_no_split_is_training_data(tmp_path: Path) -> None:
    put(tmp_path, "mine.csv", "README.md", "notes.doc")
    assert found(tmp_path) == {"train": "mine.csv"}
    assert found(tmp_path / "mine.csv") == {"train": str(tmp_path / "mine.csv")}
    put(tmp_path, "test.csv")
    assert found(tmp_path / "test.csv") == {"test": str(tmp_path / "test.csv")}
    put(tmp_path, "more.csv")
    assert "holds mine.csv, more.csv, test.csv, none of them named train; name the file you mean" in refused(tmp_path)


def test_tables_go_before_texts_beside_them(tmp_path: Path) -> None:
    put(tmp_path, "notes.txt", "train.csv", "train.txt", "license.txt")
    assert found(tmp_path) == {"train": "train.csv"}
    assert found(tmp_path, Documents()) == {"train": "train.txt"}


def test_texts_are_documents(tmp_path: Path) -> None:
    put(tmp_path, "b.txt", "a.txt", "more/c.txt", "test.txt", content="some text\n")
    assert found(tmp_path) == {"train": ["a.txt", "b.txt", "more/c.txt"], "test": "test.txt"}


# --------------------------------------------------------------------------------------------- what a text holds


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("EU\tB-ORG\nsays\tO\n\nno\tO\n.\tO\n", "Conll"),
        ("EU NNP B-ORG\nsays VBZ O\n\nno UH O\n", "Conll"),
        (
            "the DT\ndog NN\nbarks VBZ\n\na DT\ncat NN\nand CC\na DT\nmouse NN\nran VBD\nto TO\nthe DT\nend NN\n\n",
            "Conll",
        ),
        ("1 Sue slept.\n2 Who slept?\tSue\t1\n", "Babi"),
        ("First line\nof a poem\n\nwith verses\nof words\n", "Documents"),
        ("yes\nno\nmaybe\n", "Documents"),
        ("", "Documents"),
        ("one\ttwo\nthree\tfour\nfive\tsix\n", "Documents"),
    ],
)
def test_a_text_is_read_as_what_its_first_lines_hold_and_that_is_told(tmp_path: Path, content: str, name: str) -> None:
    put(tmp_path, "mine.txt", content=content)
    result = find(tmp_path, "", None, None, Auto())
    assert type(result.splits["train"][0].format).__name__ == name
    kind = {"Documents": "running text"}.get(name, name.lower())
    assert result.told[0].startswith(f"{tmp_path / 'mine.txt'} is read as {kind}")


def test_a_tsv_of_tagged_tokens_is_conll(tmp_path: Path) -> None:
    put(tmp_path, "mine.tsv", content="EU\tB-ORG\nsays\tO\n\nno\tO\n")
    assert isinstance(find(tmp_path, "", None, None, Auto()).splits["train"][0].format, Conll)
    put(tmp_path, "mine.tsv", content="text\tlabel\na\tO\nno\tO\n")
    assert not isinstance(find(tmp_path, "", None, None, Auto()).splits["train"][0].format, Conll)


def test_json_of_an_object_a_line_is_jsonl(tmp_path: Path) -> None:
    put(tmp_path, "mine.json", content='{"a": 1}\n\n{"a": 2}\n')
    result = find(tmp_path, "", None, None, Auto())
    assert isinstance(result.splits["train"][0].format, Jsonl)
    assert result.told == (f"{tmp_path / 'mine.json'} is read as jsonl: each line is an object",)
    put(tmp_path, "mine.json", content='[{"a": 1},\n{"a": 2}]\n')
    assert isinstance(find(tmp_path, "", None, None, Auto()).splits["train"][0].format, Json)


@pytest.mark.parametrize("format", [Conll(), Babi(), Csv(), Fasta(), Lines()])
def test_a_text_is_read_in_the_format_that_is_said(tmp_path: Path, format: Format) -> None:
    put(tmp_path, "qa1_train.txt", "qa1_test.txt")
    assert found(tmp_path, format) == {"train": "qa1_train.txt", "test": "qa1_test.txt"}
    assert type(find(tmp_path, "", None, None, format).splits["train"][0].format) is type(format)


# ------------------------------------------------------------------------------------------------ files side by side


def test_files_side_by_side_are_found_by_the_columns_asked_for(tmp_path: Path) -> None:
    put(tmp_path, "train.tok.de", "train.tok.en", "train.tok.fr", "val.de", "val.en", "test_2016.de", "test_2016.en")
    wanted = {
        "train": "train.tok.de and train.tok.en",
        "valid": "val.de and val.en",
        "test": "test_2016.de and test_2016.en",
    }
    for format in (Lines(), Auto()):
        assert found(tmp_path, format, ("de", "en")) == wanted
        (part,) = find(tmp_path, "", None, None, format, ("en", "de")).splits["train"]
        assert isinstance(part.format, Lines)
        assert part.file.names == ("en", "de")
    single = found(tmp_path / "train.tok.de", Auto(), ("de", "en"))
    assert single == {"train": f"{tmp_path}/train.tok.de and {tmp_path}/train.tok.en"}


def test_files_side_by_side_of_any_name(tmp_path: Path) -> None:
    put(tmp_path, "english.txt", "german.txt", "valid_english.txt", "valid_german.txt")
    paths = [tmp_path / "english.txt", tmp_path / "german.txt"]
    for format in (Lines(), Auto()):
        (part,) = find(paths, "", None, None, format, (0, 1)).splits["train"]
        assert part.file.names == ("english", "german")
        splits = found(tmp_path, format, ("english", "german"))
        assert splits == {"train": "english.txt and german.txt", "valid": "valid_english.txt and valid_german.txt"}
    assert found(paths, Documents())["train"] == list(map(str, paths))
    assert found(paths, Auto(), ("text",))["train"] == list(map(str, paths))


def test_one_that_is_missing_beside_another(tmp_path: Path) -> None:
    put(tmp_path, "train.de", "val.de", "val.en")
    said = refused(tmp_path / "train.de", Lines(), ("de", "en"))
    assert said.startswith(f"{tmp_path / 'train.de'}: there is no train.en beside it; put it there, or name both")
    assert "there is none of 'en' beside it" in refused(tmp_path, Lines(), ("de", "en"))
    put(tmp_path / "far", "train.de")
    assert "put train.de and train.en there" in refused(tmp_path / "far", Lines(), ("de", "en"))


def test_arrays_side_by_side(tmp_path: Path) -> None:
    put(tmp_path, "X_train.npy", "y_train.npy", "X_test.npy", "y_test.npy")
    splits = find(tmp_path, "", None, None, Npy()).splits
    assert {split: parts[0].file.names for split, parts in splits.items()} == {"train": ("X", "y"), "test": ("X", "y")}
    assert [parts[0].file.names for parts in find(tmp_path, "", None, None, Auto(), ("X", "y")).splits.values()] == [
        ("X", "y"),
        ("X", "y"),
    ]


# ---------------------------------------------------------------------------------------- class folders, JSON, the Hub


def test_class_folders(tmp_path: Path) -> None:
    put(tmp_path, "train/cats/1.png", "train/dogs/1.png", "test/cats/2.png", "readme.doc")
    for format in (ClassFolders(), Auto()):
        splits = find(tmp_path, "", None, None, format, ("file", "label")).splits
        assert {split: len(parts[0].file.files) for split, parts in splits.items()} == {"train": 2, "test": 1}
        assert splits["train"][0].format.base(splits["train"][0].file) == tmp_path / "train"
    flat = put(tmp_path / "flat", "7_ann.wav", "8_bob.wav", "notes.doc")
    assert len(find(flat, "", None, None, ClassFolders("{n}_{who}", "wav")).splits["train"][0].file.files) == 2
    assert "holds no file of a known format but 7_ann.wav" in refused(flat, ClassFolders(ending=".png"))


def test_json_of_several_splits(tmp_path: Path) -> None:
    content = '{"train": [{"a": 1}], "validation": [{"a": 2}], "test": []}'
    put(tmp_path, "pieces.json", content=content)
    for path in (tmp_path, tmp_path / "pieces.json"):
        for format in (Json(), Auto()):
            splits = find(path, "", None, None, format).splits
            assert [str(parts[0].file) for parts in splits.values()] == [
                f"{tmp_path / 'pieces.json'}, {name}" for name in ("train", "validation", "test")
            ]
    put(tmp_path, "pieces.json", content='{"train": [], "validation": [], "dev": []}')
    assert "validation and dev are the same split" in refused(tmp_path)


def test_files_of_a_folder_called_as_a_split_are_one_table_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    names = [f"{number}.csv.gz" if number == 2 else f"{number}.csv" for number in (10, 2, 1)]
    put(tmp_path, *(f"train/part-{name}" for name in names), "valid/b.csv", "valid/a.csv", "test/only.csv")
    assert found(tmp_path) == {
        "train": ["train/part-1.csv", "train/part-2.csv.gz", "train/part-10.csv"],
        "valid": ["valid/a.csv", "valid/b.csv"],
        "test": "test/only.csv",
    }
    put(tmp_path, "train.csv")
    assert "are the same split; keep one of them" in refused(tmp_path)


def test_texts_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    put(tmp_path, *(f"train/{number}.txt" for number in (10, 9, 1)))
    assert found(tmp_path) == {"train": ["train/1.txt", "train/9.txt", "train/10.txt"]}


@pytest.mark.parametrize("beside", [(), ("README.md", "dataset_infos.json")])
def test_a_folder_as_the_hub_lays_it_out(tmp_path: Path, beside: tuple[str, ...]) -> None:
    shards = [f"data/train-{number:05d}-of-00011.jsonl" for number in range(11)]
    put(tmp_path, *reversed(shards), "data/validation-00000-of-00001.jsonl", *beside)
    assert found(tmp_path) == {"train": shards, "valid": "data/validation-00000-of-00001.jsonl"}


def test_a_name_of_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_the_hub: Callable[[Any], list[Any]]
) -> None:
    made = pytest.importorskip("datasets").Dataset.from_dict({"text": ["good"], "label": [1]})
    asked = on_the_hub({"train": made, "validation": made})
    monkeypatch.chdir(tmp_path)
    result = find("owner/films:plain", tmp_path, None, None, Auto())
    assert asked == [("owner/films", "plain")]
    assert list(result.splits) == ["train", "valid"]
    assert all(isinstance(parts[0].file, HubSplit) for parts in result.splits.values())
    assert "films.csv does not exist" in refused("films.csv")
    assert "owner/films does not exist" in refused("owner/films", Csv())
    assert len(asked) == 1


def test_the_hub_is_asked_once_and_then_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own library would ask a Hub that cannot be reached six times."""
    datasets, hub = pytest.importorskip("datasets"), pytest.importorskip("huggingface_hub")
    asked, offline = [], []

    def unreachable(hub: Any, name: str, timeout: float) -> None:
        asked.append(name)
        raise OSError("Name or service not known")

    def load(*names: Any) -> None:
        offline.append((hub.constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE))
        raise ConnectionError("not on this machine")

    monkeypatch.chdir(tmp_path)
    for settings in (hub.constants, datasets.config):
        monkeypatch.setattr(settings, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.HfApi.dataset_info", unreachable)
    monkeypatch.setattr(datasets, "load_dataset_builder", load)
    for name in ("owner/films", "flims"):
        assert refused(name).startswith(f"data.path={name}: no such file or folder here, and no data set of that name")
    assert (asked, offline) == (["owner/films", "flims"], [(True, True)] * 2)
    assert not hub.constants.HF_HUB_OFFLINE and not datasets.config.HF_HUB_OFFLINE


# -------------------------------------------------------------------------------------------------- nothing to be read


def test_what_is_missing_is_said_with_what_to_do(tmp_path: Path) -> None:
    assert refused(None, data_dir=tmp_path, name="films", about="put train.tsv there") == (
        f"{tmp_path / 'films'} does not exist: put train.tsv there"
    )
    assert refused(tmp_path / "none", Csv(), about="put train.tsv there") == (
        f"{tmp_path / 'none'} does not exist: put train.csv there, or name your own file or folder with data.path="
    )
    with pytest.raises(ConfigurationError, match=r"data\.path is not set"):
        find(None, tmp_path, None, None, Auto())
    with pytest.raises(ConfigurationError, match=r"data\.path=\[\] names no file"):
        find([], tmp_path, None, None, Auto())
    assert "is no file; a list in data.path= holds files" in refused([tmp_path / "none"])


@pytest.mark.parametrize("format", [Auto(), Csv(), Conllu(), Midi(), ClassFolders(ending="wav"), Lines(), Npy()])
def test_a_folder_without_readable_files_is_answered_with_what_it_holds(tmp_path: Path, format: Format) -> None:
    put(tmp_path, "a.doc", "b.doc", "deep/c.doc", ".hidden.csv")
    said = refused(tmp_path, format, about="put the films there")
    assert " but a.doc, b.doc, deep/: " in said
    assert "films" not in said and "data.path=" in said
    hint = {
        Csv: "train.csv",
        Conllu: "train.conllu",
        Midi: "train.mid",
        Npy: "train.npy",
        Lines: "train.de and train.en",
    }
    assert hint.get(type(format), "") in said
    (tmp_path / "empty").mkdir()
    assert "and nothing else that is not hidden" in refused(tmp_path / "empty", format)


def test_a_file_of_an_unknown_ending(tmp_path: Path) -> None:
    put(tmp_path, "mine.dat")
    assert "cannot tell its format by its name; say which it is, such as data/format=csv" in refused(
        tmp_path / "mine.dat"
    )
    result: Found = find(tmp_path / "mine.dat", "", None, None, Csv())
    assert isinstance(result.splits["train"][0].format, Csv)


def test_what_is_most_like_a_missing_file_is_so_by_its_name_not_its_ending(tmp_path: Path) -> None:
    put(tmp_path, "empty.csv", "reviews.tsv", "x.csv")
    assert "reviws.csv does not exist; did you mean 'reviews.tsv'?" in refused(tmp_path / "reviws.csv")
    assert "zq.csv does not exist: " in refused(tmp_path / "zq.csv") and "holds empty.csv" in refused(
        tmp_path / "zq.csv"
    )

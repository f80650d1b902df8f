"""A text beside what is to be written for it: two files, or columns of a table."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqnet.batch import IGNORE
from seqnet.data.batching import BucketLoader
from seqnet.data.examples import Examples, Ragged
from seqnet.errors import ConfigurationError, DataError, UserError
from seqnet.specs import Writing

PAIRS = [("ein Hund läuft", "a dog is running"), ("ein Hund", "a dog"), ("zwei Hunde laufen", "two dogs are running")]
LEVELS = ("words", "characters", "bpe")
MEND = "mend it, or leave such rows out with data.on_bad_row=skip"


def write(folder: Path, content: str | bytes, name: str) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def write_pairs(folder: Path, pairs: list[tuple[str, str]], name: str = "train") -> Path:
    """Two files; the source's."""
    for side, ending in enumerate(("de", "en")):
        write(folder, "".join(pair[side] + "\n" for pair in pairs), f"{name}.{ending}")
    return folder / f"{name}.de"


@pytest.fixture
def source(table: Callable[..., Any]) -> Callable[..., Any]:
    """German and English, in fields called so. text: options of both; de, en: columns; joint: one vocabulary."""

    def make(path: Path | str | None, text: dict[str, Any] | None = None, joint: bool = False, **options: Any) -> Any:
        columns = {"de": options.pop("de", "de"), "en": options.pop("en", "en")}
        fields = {name: {"type": "text", "column": column, **(text or {})} for name, column in columns.items()}
        if joint:
            fields["en"]["vocabulary"] = "de"
        return table(path, fields, ["de"], "en", **options)

    return make


def split(made: Any, name: str = "train") -> tuple[Examples, Ragged, Ragged]:
    """A split's examples, sources and targets."""
    found = made.split(name)
    assert found is not None and found.source is not None and isinstance(found.targets, Ragged)
    return found, found.source, found.targets


def texts(made: Any, name: str = "train") -> list[tuple[str, str]]:
    """What the numbers of a split say."""
    found, sources, targets = split(made, name)
    return [(made.show(sources[row]), made.text(targets[row])) for row in range(len(found))]


# ---------------------------------------------------------------------------------------------- what is made of it


def test_words_become_numbers(tmp_path: Path, fitted: Any) -> None:
    made = fitted(write_pairs(tmp_path, PAIRS[:2]))
    assert made.source.names == ("<unk>", "Hund", "ein", "läuft")
    assert made.inputs == made.targets
    assert (made.inputs.names, made.inputs.ranked) == (("<unk>", "a", "dog", "is", "running", "<bos>", "<eos>"), 5)
    assert made.writing == Writing(begin=5, end=6, forbidden=(0, 5), longest=5)
    found, sources, targets = split(made)
    assert [sources[row].tolist() for row in range(2)] == [[2, 1, 3], [2, 1]]
    assert [found.inputs[row].tolist() for row in range(2)] == [[5, 1, 2, 3, 4], [5, 1, 2]]
    assert [targets[row].tolist() for row in range(2)] == [[1, 2, 3, 4, 6], [1, 2, 6]]


@pytest.mark.parametrize("vocabulary", ["apart", "joint"])
@pytest.mark.parametrize("level", LEVELS)
def test_numbers_become_text_again(tmp_path: Path, level: str, vocabulary: str, fitted: Any) -> None:
    made = fitted(write_pairs(tmp_path, PAIRS), {"level": level}, joint=vocabulary == "joint")
    assert texts(made) == PAIRS
    _, sources, targets = split(made)
    for row, (_, wanted) in enumerate(PAIRS):
        own = made.encode_target(wanted)
        assert targets[row].tolist() == [*own, made.writing.end]
        assert made.text(own) == made.text(torch.tensor([made.writing.begin, *own])) == wanted
        assert len(made.words(own)) == len(own) and made.words([made.writing.end]) == ["<eos>"]
        assert len(made.source_words(sources[row])) == len(sources[row])
    assert made.text([*own, made.writing.end, *own, IGNORE]) == wanted


def test_labels_of_axes(tmp_path: Path, fitted: Any) -> None:
    made = fitted(write_pairs(tmp_path, PAIRS))
    assert made.source_words(split(made)[1][0]) == ["ein", "Hund", "läuft"]
    assert made.words(split(made)[2][1]) == ["a", "dog", "<eos>"]
    made = fitted(tmp_path, {"level": "characters"})
    assert made.words(made.encode_target("a d")) == ["a", " ", "d"]
    made = fitted(tmp_path, {"level": "bpe", "vocabulary_size": 270})
    assert "".join(made.words(made.encode_target("dogs"))) == "dogs"


def test_joint_is_one_vocabulary(tmp_path: Path, fitted: Any) -> None:
    write_pairs(tmp_path, [("in Berlin", "in Berlin"), ("so", "this way")])
    for level in LEVELS:
        made = fitted(tmp_path, {"level": level}, joint=True)
        assert made.source == made.inputs == made.targets
        _, sources, targets = split(made)
        assert sources[0].tolist() == targets[0].tolist()[:-1]
    made = fitted(tmp_path, joint=True)
    assert set(made.source.names) == {"<unk>", "in", "Berlin", "so", "this", "way", "<bos>", "<eos>"}
    apart = fitted(tmp_path)
    assert "so" in apart.source.names and "so" not in apart.targets.names


def test_lower_case_and_rare_words_by_side(tmp_path: Path, fitted: Any) -> None:
    write_pairs(tmp_path, [("Ja ja", "yes no"), ("nein", "no")])
    made = fitted(tmp_path, {"lower": True, "min_count": 2})
    assert (made.source.names, made.targets.names) == (("<unk>", "ja"), ("<unk>", "no", "<bos>", "<eos>"))
    assert texts(made) == [("ja ja", "<unk> no"), ("<unk>", "no")]
    made = fitted(tmp_path, {"vocabulary_size": 3})
    assert (made.source.size, made.targets.size) == (3, 5)
    made = fitted(tmp_path, {"lower": True, "min_count": 2}, joint=True)
    assert set(made.source.names) == {"<unk>", "ja", "no", "<bos>", "<eos>"}


@pytest.mark.parametrize("level", LEVELS)
def test_what_training_lacks_is_never_written(tmp_path: Path, level: str, fitted: Any) -> None:
    """So a reference that has it is never matched there, as it should be; byte pairs can write anything."""
    write_pairs(tmp_path, PAIRS)
    write_pairs(tmp_path, [("ein Zebra", "a Zebra")], "test")
    made = fitted(tmp_path, {"level": level})
    wanted = {"words": "a <unk>", "characters": "a \ufffde\ufffdra", "bpe": "a Zebra"}[level]
    assert texts(made, "test")[0][1] == wanted
    marks = {0} if level != "bpe" else set()
    assert set(made.writing.forbidden) == marks | {made.writing.begin}


def test_bleu_is_that_of_the_file_s_own_text(tmp_path: Path, fitted: Any) -> None:
    metrics = pytest.importorskip("sacrebleu")
    write_pairs(tmp_path, PAIRS)
    wanted = ["two zebras are running there today", "a dog is running"]
    write_pairs(tmp_path, [("zwei Zebras laufen dort heute", wanted[0]), ("ein Hund", wanted[1])], "test")
    references = [target for _, target in texts(fitted(tmp_path), "test")]
    assert references == ["two <unk> are running <unk> <unk>", wanted[1]]
    written = ["two dogs are running", "a dog is running running"]
    scores = [metrics.corpus_bleu(written, [one], tokenize="none").score for one in (references, wanted)]
    assert scores[0] == scores[1] > 10


# ------------------------------------------------------------------------------------------------------ the formats


def write_as(folder: Path, kind: str, pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """Write a training file; the options that read it."""
    if kind == "two files":
        write_pairs(folder, pairs)
    elif kind in ("tsv", "csv"):
        cut = {"tsv": "\t", "csv": ","}[kind]
        write(folder, f"de{cut}en\n" + "".join(f"{de}{cut}{en}\n" for de, en in pairs), f"train.{kind}")
    elif kind == "tsv without a header":
        write(folder, "".join(f"{en}\t{de}\n" for de, en in pairs), "train.tsv")
        return {"de": 1, "en": 0}
    elif kind == "jsonl":
        write(folder, "".join(json.dumps({"en": en, "de": de}) + "\n" for de, en in pairs), "train.jsonl")
    elif kind == "translations":
        rows = [{"id": n, "translation": {"en": en, "de": de}} for n, (de, en) in enumerate(pairs)]
        write(folder, "".join(json.dumps(row) + "\n" for row in rows), "train.jsonl")
    else:
        datasets = pytest.importorskip("datasets")
        rows = [{"translation": {"en": en, "de": de}} for de, en in pairs]
        datasets.Dataset.from_list(rows).to_parquet(folder / "train.parquet")
    return {}


KINDS = ("tsv", "csv", "tsv without a header", "jsonl", "translations", "parquet")


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_gives_the_same_examples(tmp_path: Path, kind: str, fitted: Any) -> None:
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    write_as(tmp_path / "a", "two files", PAIRS)
    options = write_as(tmp_path / "b", kind, PAIRS)
    one, other = fitted(tmp_path / "a"), fitted(tmp_path / "b", **options)
    assert one.state()["fields"] == other.state()["fields"]
    (a, a_source, a_targets), (b, b_source, b_targets) = split(one), split(other)
    for first, second in ((a.inputs, b.inputs), (a_source, b_source), (a_targets, b_targets)):
        assert torch.equal(first.flat, second.flat) and torch.equal(first.offsets, second.offsets)


def test_a_data_set_of_the_hub(on_the_hub: Callable[[Any], None], fitted: Any) -> None:
    datasets = pytest.importorskip("datasets")
    rows = [{"translation": {"en": en, "de": de}} for de, en in PAIRS]
    made = datasets.DatasetDict(train=datasets.Dataset.from_list(rows), test=datasets.Dataset.from_list(rows[:1]))
    on_the_hub(made)
    found = fitted(Path("somebody/talks"))
    assert texts(found) == PAIRS and texts(found, "test") == PAIRS[:1]
    with pytest.raises(DataError, match=r"talks \(train\): no column 'fr'"):
        fitted(Path("somebody/talks"), en="fr")


def test_splits_of_a_folder(tmp_path: Path, fitted: Any) -> None:
    write_pairs(tmp_path, PAIRS)
    write_pairs(tmp_path, PAIRS[:2], "val")
    for name in ("test_2017", "test_2016_flickr"):
        write_pairs(tmp_path, [("ein Hund", name)], name)
    write(tmp_path, "nothing to read", "test_2016.txt")
    made = fitted(tmp_path, {"level": "bpe"})
    assert (texts(made), texts(made, "valid")) == (PAIRS, PAIRS[:2])
    assert texts(made, "test") == [("ein Hund", "test_2016_flickr")]  # the first by name
    write_pairs(tmp_path, PAIRS, "test")
    assert texts(fitted(tmp_path), "test") == PAIRS


def test_names_of_more_parts(tmp_path: Path, fitted: Any) -> None:
    for name, pairs in (("train", PAIRS), ("val", PAIRS[:2]), ("test_2016", PAIRS[:1])):
        write_pairs(tmp_path, pairs, f"{name}.lc.tok")
    made = fitted(tmp_path)
    assert [texts(made, name) for name in ("train", "valid", "test")] == [PAIRS, PAIRS[:2], PAIRS[:1]]


def test_a_table_beside_two_files(tmp_path: Path, fitted: Any) -> None:
    write_pairs(tmp_path, PAIRS)
    write(tmp_path, "en\tde\na dog\tein Hund\n", "test_new.tsv")
    assert texts(fitted(tmp_path), "test") == [("ein Hund", "a dog")]


def test_two_files_by_the_name_of_one_are_cut_by_the_seed(tmp_path: Path, fitted: Any, source: Any) -> None:
    path = write_pairs(tmp_path, [(f"q{n}", f"a{n}") for n in range(20)], "corpus")
    options: dict[str, Any] = {"valid_share": 0.2, "test_share": 0.1}
    made = fitted(path, **options)
    found = {name: texts(made, name) for name in ("train", "valid", "test")}
    assert [len(rows) for rows in found.values()] == [14, 4, 2]
    assert all(de[1:] == en[1:] for de, en in found["train"])
    assert texts(fitted(path, **options)) == found["train"] != texts(fitted(path, seed=1, **options))
    assert texts(fitted(tmp_path, **options)) == found["train"]  # the only pair of a folder needs no name
    alone = source(path, valid_share=0.0, test_share=1.0)
    alone.restore(made.state())
    assert len(alone.split("test") or []) == 20


def test_lines_are_cut_at_line_ends_only(tmp_path: Path, fitted: Any) -> None:
    write(tmp_path, "\ufeffein\u2028 Hund \r\nja\u00a0doch".encode(), "train.de")
    write(tmp_path, b"a dog\nyes", "train.en")
    assert texts(fitted(tmp_path)) == [("ein Hund", "a dog"), ("ja doch", "yes")]
    assert texts(fitted(tmp_path, {"level": "characters"})) == [("ein\u2028 Hund", "a dog"), ("ja\u00a0doch", "yes")]


# ------------------------------------------------------------------------------------------------- bad input


def test_unequal_numbers_of_lines(tmp_path: Path, refused: Any) -> None:
    de, en = write(tmp_path, "eins\nzwei\n", "train.de"), write(tmp_path, "one\n", "train.en")
    wanted = f"{de} has 2 lines and {en} has 1 line; line n of one must go with line n of the other, so mend the files"
    assert refused(tmp_path) == refused(tmp_path, on_bad_row="skip") == wanted


def test_the_other_file_is_missing(tmp_path: Path, refused: Any) -> None:
    de = write(tmp_path, "eins\n", "train.de")
    assert refused(tmp_path) == (
        f"{de}: there is none of 'en' beside it; put it there, or name all with data.path=[FILE,FILE]"
    )


UTF8 = (
    "byte {} of the line is not UTF-8 (data.format.encoding=cp1252 reads what was written in Western Europe, "
    "cp1250, cp1251 or mac-roman other text)"
)
BAD_LINES: list[tuple[str | bytes, str | bytes, str, str]] = [
    ("\n", "one\n", "de", "de: there is no text"),
    ("eins\n", " \t\n", "en", "en: there is no text"),
    ("\n", "\n", "de", "de: there is no text"),
    (b"\xe9ins\n", "one\n", "de", UTF8.format(1)),
    ("eins\n", b"o\xff\n", "en", UTF8.format(2)),
    ("ei\0ns\n", "one\n", "de", "the line holds a NUL byte, so this is no text"),
    ("so " * 6 + "\n", "one\n", "de", "de: 6 tokens, more than max_length=5"),
    ("eins\n", "so " * 7 + "\n", "en", "en: 7 tokens, more than max_length=5"),
]


@pytest.mark.parametrize("name", ["train", "valid"])
@pytest.mark.parametrize(("de", "en", "blamed", "said"), BAD_LINES)
def test_a_bad_line_is_refused_or_skipped(
    tmp_path: Path, name: str, de: str | bytes, en: str | bytes, blamed: str, said: str, fitted: Any
) -> None:
    write_pairs(tmp_path, PAIRS)
    for ending, content in (("de", de), ("en", en)):
        raw = content if isinstance(content, bytes) else content.encode()
        write(tmp_path, b"ja\n" + raw + b"nein\n", f"{name}.{ending}")
    with pytest.raises(DataError) as caught:
        fitted(tmp_path, {"max_length": 5}).split(name)
    assert str(caught.value) == f"{tmp_path / f'{name}.{blamed}'}, line 2: {said}; {MEND}"
    made = fitted(tmp_path, {"max_length": 5}, on_bad_row="skip")
    assert len(made.split(name) or []) == 2 and made.bad_rows == 1
    if name == "train":
        assert texts(made) == [("ja", "ja"), ("nein", "nein")]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ('{"de": 3, "en": "x"}', "de: it is no text but int"),
        ('{"de": "x", "en": ["y"]}', "en: it is no text but list"),
        ('{"de": "x", "en": ""}', "en: there is no text"),
        ('{"de": "x"}', "en: the text is missing"),
        ('{"translation": {"de": "x"}}', "en: the text is missing"),
        ('{"de": null, "en": "x"}', "de: the text is missing"),
        (r'{"de": "\ud800", "en": "x"}', "not JSON that can be read (half of a surrogate pair is no character)"),
    ],
)
def test_a_bad_row_of_json(tmp_path: Path, row: str, said: str, fitted: Any, refused: Any) -> None:
    path = write(tmp_path, '{"de": "ja", "en": "yes"}\n' + row + "\n", "train.jsonl")
    assert refused(path) == f"{path}, line 2: {said}; {MEND}"
    made = fitted(path, on_bad_row="skip")
    assert texts(made) == [("ja", "yes")] and made.bad_rows == 1


def test_a_missing_column(tmp_path: Path, refused: Any) -> None:
    path = write(tmp_path, "german\tenglish\nja\tyes\n", "train.tsv")
    assert refused(path).startswith(f"{path}, line 1: no column 'de' in the header, which has german, english; name")
    assert "no column 'fr' in the header" in refused(path, de="german", en="fr")
    assert f"{path}, line 1: no column 2, since there are 2" in refused(path, de=0, en=2)


def test_files_without_anything(tmp_path: Path, fitted: Any, refused: Any) -> None:
    assert refused(tmp_path).startswith(f"{tmp_path} holds no file of a known format")
    assert refused(None, name="x", about="put it there").endswith("x does not exist: put it there")
    write_pairs(tmp_path, [])
    assert refused(tmp_path).endswith(": no row that can be used; name a file that has some with data.path=")
    write_pairs(tmp_path, [("", "")])
    assert "no row that can be used" in refused(tmp_path, on_bad_row="skip")
    write_pairs(tmp_path, PAIRS)
    assert "no row that can be used" in refused(tmp_path, {"max_length": 1}, on_bad_row="skip")
    assert "there are no training rows" in refused(tmp_path, test_share=1.0)


def test_bad_options(source: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"\*\.max_length is 0; it must be at least 1"):
        source(None, {"max_length": 0})
    with pytest.raises(ConfigurationError, match=r"data\.fields\.de\.vocabulary=een is no other field .* mean 'en'\?"):
        source(None, {"vocabulary": "een"})


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    de=st.binary(max_size=60),
    en=st.binary(max_size=60),
    kind=st.sampled_from(["two files", ".tsv", ".csv", ".jsonl"]),
    level=st.sampled_from(LEVELS),
    policy=st.sampled_from(["raise", "skip"]),
)
def test_whatever_the_bytes_are_the_errors_are_ours(
    tmp_path: Path, de: bytes, en: bytes, kind: str, level: str, policy: str, fitted: Any
) -> None:
    for file in tmp_path.iterdir():
        file.unlink()
    options = {"level": level, "max_length": 20, "vocabulary_size": 260}
    if kind == "two files":
        write(tmp_path, de, "train.de"), write(tmp_path, en, "train.en")
    else:
        write(tmp_path, b"de\ten\n" + de + b"\t" + en if kind == ".tsv" else de + en, f"train{kind}")
    try:
        made = fitted(tmp_path, options, on_bad_row=policy)
    except UserError:
        return
    found, sources, targets = split(made)
    assert int(sources.lengths.min()) >= 1 and int(targets.lengths.min()) >= 2
    assert all(said == (made.show(sources[row]), made.text(targets[row])) for row, said in enumerate(texts(made)))


# ------------------------------------------------------------------------------------------ stored, and to predict


@pytest.mark.parametrize("vocabulary", ["apart", "joint"])
@pytest.mark.parametrize("level", LEVELS)
def test_state_is_json_and_comes_back(tmp_path: Path, level: str, vocabulary: str, source: Any) -> None:
    write_pairs(tmp_path, PAIRS)
    write_pairs(tmp_path, [("ein Hund", "two dogs")], "test")
    made, again = (source(tmp_path, {"level": level}, joint=vocabulary == "joint") for _ in range(2))
    made.fit()
    stored = json.loads(json.dumps(made.state()))
    again.restore(stored)
    assert (again.source, again.inputs, again.targets) == (made.source, made.inputs, made.targets)
    assert again.writing == made.writing and again.writing.longest == len(made.encode_target(PAIRS[2][1])) + 1
    assert texts(again, "test") == texts(made, "test") == [("ein Hund", "two dogs")]
    if vocabulary == "apart":
        with pytest.raises(DataError, match=r"two vocabularies, and data\.fields\.en\.vocabulary=de says one"):
            source(tmp_path, {"level": level}, joint=True).restore(stored)
    without = {"fields": {**stored["fields"], "en": {}}, "longest": 3}
    for broken in ({}, None, stored | {"longest": 0}, without, stored | {"longest": "9"}):
        with pytest.raises(DataError, match="stored"):
            again.restore(broken)  # type: ignore[arg-type]


def test_lines_to_predict(tmp_path: Path, fitted: Any) -> None:
    made = fitted(write_pairs(tmp_path, PAIRS), {"max_length": 4})
    examples = made.read_inputs(["ein Hund", " ein\tZebra läuft "], "in.txt")
    assert examples.source is not None and isinstance(examples.targets, Ragged)
    assert [made.show(examples.source[row]) for row in range(2)] == ["ein Hund", "ein <unk> läuft"]
    assert [examples.inputs[row].tolist() for row in range(2)] == [[made.writing.begin]] * 2
    assert examples.targets.flat.tolist() == [IGNORE] * 2
    with pytest.raises(DataError, match=r"in\.txt, line 4: there is no text; take the line out"):
        made.read_inputs(["ein", " "], "in.txt", first=3)
    with pytest.raises(DataError, match=r"in\.txt, line 4: de: 5 tokens, more than max_length=4; "):
        made.read_inputs(["ein", "ein und ein sind zwei"], "in.txt", first=3)


def test_a_beginning_that_is_never_written(tmp_path: Path, fitted: Any) -> None:
    write_pairs(tmp_path, PAIRS)
    with pytest.raises(DataError, match="^word 'dig' does not occur in the training rows; did you mean 'dog'[?]$"):
        fitted(tmp_path).encode_target("a dig")
    with pytest.raises(DataError, match="^character 'z' does not occur in the training rows$"):
        fitted(tmp_path, {"level": "characters"}).encode_target("dogz")


@pytest.mark.skipif(not os.environ.get("SEQNET_DATA"), reason="SEQNET_DATA does not name a folder of data sets")
def test_multi30k(source: Any) -> None:
    folder = Path(os.environ["SEQNET_DATA"])
    if not (folder / "multi30k").is_dir():
        pytest.skip(f"{folder} holds no multi30k")
    made = source(folder / "multi30k", {"min_count": 2})
    began = time.process_time()
    made.fit()
    assert time.process_time() - began < 2
    assert [len(made.split(name) or []) for name in ("train", "valid", "test")] == [29_000, 1_014, 1_000]
    assert (made.source.size, made.targets.size, made.writing.longest) == (7_856, 5_920, 41)
    examples, _, _ = split(made)
    batches = list(BucketLoader(examples, 64, seed=1, shuffle=True).batches(0))
    sides = [side for batch in batches for side in batch.filled()]
    assert 1 - sum(filled for filled, _ in sides) / sum(places for _, places in sides) <= 0.06

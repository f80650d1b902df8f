import pytest
import torch

from seqnet.batch import IGNORE
from seqnet.data.examples import Examples, Ragged
from seqnet.data.sources.reverse import Reverse
from seqnet.errors import ConfigurationError, DataError

SMALL = {"train_size": 500, "valid_size": 300, "test_size": 300}


def numbers(source: Reverse, split: Examples) -> list[tuple[list[int], list[int]]]:
    assert split.source is not None and isinstance(split.targets, Ragged)
    pairs = [(source.show(split.source[row]), source.text(split.targets[row])) for row in range(len(split))]
    return [([int(word) for word in read.split()], [int(word) for word in written.split()]) for read, written in pairs]


@pytest.mark.parametrize("order", ["reverse", "copy"])
@pytest.mark.parametrize("name", ["train", "valid", "test"])
def test_each_answer_is_its_source_in_the_order_asked(order: str, name: str) -> None:
    source = Reverse(0, order, **SMALL)
    for read, written in numbers(source, source.split(name)):
        assert written == (read[::-1] if order == "reverse" else read)


@pytest.mark.parametrize("order", ["reverse", "copy"])
def test_the_alignment_says_where_each_number_stands(order: str) -> None:
    source = Reverse(0, order, **SMALL)
    for read, written in numbers(source, source.split("valid"))[:50]:
        assert [read[place] for place in source.alignment(len(read)).tolist()] == written
    assert source.alignment(3).tolist() == ([2, 1, 0] if order == "reverse" else [0, 1, 2])


def test_the_default_is_the_published_set() -> None:
    source = Reverse(0)
    assert source.sizes == {"train": 40000, "valid": 1000, "test": 1000}
    splits = {name: source.split(name).source for name in ("train", "valid", "test")}
    for name, longest in (("train", 25), ("valid", 30), ("test", 30)):
        split = splits[name]
        assert split is not None
        assert (int(split.lengths.min()), int(split.lengths.max())) == (1, longest)
        assert (int(split.flat.min()), int(split.flat.max())) == (0, 49)
    train = splits["train"]
    assert train is not None
    assert (train.lengths.bincount()[1:] > 1400).all(), "40,000 rows, each of 25 lengths about 1,600 times"
    assert (train.flat.bincount() > 9800).all(), "about 520,000 numbers, each of 50 about 10,400 times"


def test_the_decoder_reads_one_step_late_what_it_writes() -> None:
    source = Reverse(0, **SMALL)
    split = source.split("train")
    assert split.source is not None and isinstance(split.targets, Ragged)
    begin, end = source.writing.begin, source.writing.end
    assert (begin, end, source.writing.longest) == (50, 51, 26)
    for row in range(20):
        answer = split.source[row].tolist()[::-1]
        assert split.inputs[row].tolist() == [begin, *answer]
        assert split.targets[row].tolist() == [*answer, end]
    assert source.words(split.targets[0])[-1] == "<eos>"


def test_order_changes_no_source_and_splits_differ() -> None:
    one, other = Reverse(0, **SMALL), Reverse(0, "copy", **SMALL)
    sources = [data.split(name).source for data in (one, other) for name in ("valid", "test")]
    flat = [source.flat for source in sources if source is not None]
    assert torch.equal(flat[0], flat[2]) and torch.equal(flat[1], flat[3])
    assert not torch.equal(flat[0][:100], flat[1][:100])


def test_what_a_user_hands_in_is_read() -> None:
    source = Reverse(0)
    data = source.read_inputs(["3 17 4", " 0  49\n"], "stdin")
    assert data.source is not None and isinstance(data.targets, Ragged)
    assert [row.tolist() for row in (data.source[0], data.source[1])] == [[3, 17, 4], [0, 49]]
    assert data.inputs.flat.tolist() == [50, 50] and data.targets.flat.tolist() == [IGNORE] * 2
    assert source.source_words(data.source[0]) == ["3", "17", "4"]
    assert source.encode_target("4 17") == [4, 17]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("", "line 1: the line is empty; give whole numbers from 0 to 49 with spaces between them"),
        ("3 50", "line 1, number 2: '50' cannot be read; give whole numbers from 0 to 49"),
        ("3 x", "line 1, number 2: 'x' cannot be read"),
        ("[3, 4]", r"line 1, number 1: '\[3,' cannot be read"),
    ],
)
def test_bad_input_is_refused_with_its_place(line: str, complaint: str) -> None:
    with pytest.raises(DataError, match=f"^stdin, {complaint}"):
        Reverse(0).read_inputs([line], "stdin")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"order": "copi"}, "data.order must be reverse or copy, not 'copi'; did you mean 'copy'"),
        ({"length": 0}, "data.length must be at least 1"),
        ({"held_out_length": 0}, "data.held_out_length must be at least 1"),
        ({"symbols": 1}, "data.symbols must be at least 2"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, object], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{complaint}"):
        Reverse(0, **options)  # type: ignore[arg-type]

import pytest

from seqnet.data.examples import Ragged
from seqnet.data.sources.sort import Sort
from seqnet.errors import DataError

SMALL = {"train_size": 300, "valid_size": 200, "test_size": 200}


@pytest.mark.parametrize("name", ["train", "valid", "test"])
def test_each_answer_holds_the_numbers_of_its_source_in_ascending_order(name: str) -> None:
    source = Sort(0, **SMALL)
    split = source.split(name)
    assert split.source is not None and isinstance(split.targets, Ragged)
    for row in range(len(split)):
        read = [int(word) for word in source.show(split.source[row]).split()]
        assert source.text(split.targets[row]) == " ".join(map(str, sorted(read)))
        assert split.inputs[row].tolist() == [50, *sorted(read)]
    assert (int(split.source.lengths.min()), int(split.source.lengths.max())) == (1, 25)


def test_numbers_repeat_within_a_row() -> None:
    source = Sort(0, symbols=3, **SMALL)
    split = source.split("train")
    assert split.source is not None and isinstance(split.targets, Ragged)
    assert int(split.source.flat.max()) == 2
    longest = int(split.source.lengths.argmax())
    assert split.targets[longest].tolist() == [*sorted(split.source[longest].tolist()), source.writing.end]


def test_what_a_user_hands_in_is_read() -> None:
    read = Sort(0).read_inputs(["3 17 4"], "stdin").source
    assert read is not None and read[0].tolist() == [3, 17, 4]
    with pytest.raises(DataError, match="^stdin, line 1, number 1: '77' cannot be read; give whole numbers from 0 to"):
        Sort(0).read_inputs(["77"], "stdin")

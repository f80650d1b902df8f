import pytest
import torch

from seqnet.data import sources
from seqnet.data.examples import Examples, Ragged
from seqnet.data.sources.addition import Addition
from seqnet.errors import ConfigurationError, DataError


@pytest.fixture(scope="module")
def addition() -> Addition:
    return Addition(0)


def read(source: Addition, split: Examples) -> list[tuple[str, str]]:
    """The question and its answer, of each row, with all their spaces."""
    assert split.source is not None and isinstance(split.targets, Ragged)
    names = source.targets.names
    return [
        (
            "".join(source.source.names[number] for number in split.source[row].tolist()),
            "".join(names[number] for number in split.targets[row].tolist()[:-1]),
        )
        for row in range(len(split))
    ]


@pytest.fixture(scope="module")
def splits(addition: Addition) -> dict[str, list[tuple[str, str]]]:
    return {name: read(addition, addition.split(name)) for name in ("train", "valid", "test")}


def test_answers_are_right_and_padded_as_published(splits: dict[str, list[tuple[str, str]]]) -> None:
    for rows in splits.values():
        for question, answer in rows:
            first, second = question[::-1].rstrip().split("+")
            assert len(question) == 7 and question[::-1] == f"{int(first)}+{int(second)}".ljust(7)
            assert answer == str(int(first) + int(second)).ljust(4)


def test_45_000_and_5_000_and_no_question_twice(splits: dict[str, list[tuple[str, str]]]) -> None:
    assert {name: len(rows) for name, rows in splits.items()} == {"train": 45000, "valid": 5000, "test": 5000}
    keys = [tuple(sorted(map(int, question[::-1].split("+")))) for rows in splits.values() for question, _ in rows]
    assert len(set(keys)) == 55000, "a+b is b+a"


def test_train_and_valid_are_alike_and_test_has_what_they_left(splits: dict[str, list[tuple[str, str]]]) -> None:
    def short(rows: list[tuple[str, str]]) -> float:
        return sum(len(question.strip()) <= 5 for question, _ in rows) / len(rows)

    assert short(splits["train"]) == pytest.approx(short(splits["valid"]), abs=0.02)
    assert short(splits["train"]) > 0.2 and short(splits["test"]) < 0.15
    train = {question[::-1].strip() for question, _ in splits["train"]}
    single = [f"{a}+{b}" in train or f"{b}+{a}" in train for a in range(10) for b in range(a, 10)]
    assert sum(single) > 40, "a third of all numbers has one digit, so all 55 such questions are drawn early"


def test_numbers_are_drawn_as_published(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lengths uniform, then digits uniform, zeros in front too: against a slow loop."""
    monkeypatch.setattr(sources.addition, "DRAWN_AT_ONCE", 64)  # of which twenty are looked at
    random = torch.Generator().manual_seed(0)

    def number() -> int:
        length = int(torch.randint(1, 3, (), generator=random))
        return int("".join(str(int(torch.randint(10, (), generator=random))) for _ in range(length)))

    slow = torch.tensor([number() for _ in range(4000)]).bincount(minlength=100) / 4000
    counts = torch.zeros(100)
    for seed in range(100):  # the first twenty questions of many seeds, which are hardly thinned out
        for pair in Addition(seed, 2, train_size=18, valid_size=1, test_size=1)._questions:
            for drawn in pair:
                counts[drawn] += 1
    fast = counts / counts.sum()
    assert fast[:10].sum() == pytest.approx(0.55, abs=0.03) == slow[:10].sum(), "1 of 2 has one digit, and 1 of 20 0x"
    torch.testing.assert_close(fast[10:].view(9, 10).sum(1), torch.full((9,), 0.05), atol=0.015, rtol=0)


def test_the_questions_trained_on_are_those_of_any_test_size() -> None:
    one, other = (Addition(3, train_size=90, valid_size=10, test_size=size) for size in (5, 50))
    for name in ("train", "valid"):
        assert read(one, one.split(name)) == read(other, other.split(name))
    assert read(one, one.split("test")) == read(other, other.split("test"))[:5]
    assert read(one, one.split("train")) != read(Addition(4, train_size=90, valid_size=10), one.split("valid"))


def test_not_reversed_is_the_same_question_forwards() -> None:
    sizes = {"train_size": 20, "valid_size": 5, "test_size": 5}
    backwards, forwards = Addition(0, **sizes), Addition(0, reversed=False, **sizes)
    pairs = zip(read(backwards, backwards.split("train")), read(forwards, forwards.split("train")), strict=True)
    assert all(one[0][::-1] == other[0] and one[1] == other[1] for one, other in pairs)
    split = forwards.split("train").source
    assert split is not None and forwards.show(split[0]) == read(forwards, forwards.split("train"))[0][0].rstrip()


def test_what_a_user_hands_in_is_padded_and_turned_round(addition: Addition) -> None:
    rows = addition.read_inputs(["12+345", " 7+8\n"], "stdin").source
    assert rows is not None
    assert ["".join(addition.source_words(rows[row])) for row in (0, 1)] == [" 543+21", "    8+7"]
    assert [addition.show(rows[row]) for row in (0, 1)] == ["12+345", "7+8"]
    assert addition.text([*addition.encode_target("357 "), addition.writing.end]) == "357"
    assert addition.writing.longest == 5


@pytest.mark.parametrize("line", ["", "12", "12-3", "1234+5", "1 + 2", "१+२", "12+345x", "+5"])
def test_what_is_no_question_is_refused_with_its_place(addition: Addition, line: str) -> None:
    complaint = "cannot be read; give two numbers of at most 3 digits, such as 12\\+345"
    with pytest.raises(DataError, match=f"^stdin, line 7: .*{complaint}"):
        addition.read_inputs([line], "stdin", 7)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"digits": 0}, "data.digits must be from 1 to 18, not 0"),
        ({"digits": 19}, "data.digits must be from 1 to 18, not 19"),
        ({"digits": 2}, "ask for 55000 questions, and with data.digits=2 there are 5050"),
    ],
)
def test_more_questions_than_there_are_are_refused(options: dict[str, int], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        Addition(0, **options)


def test_all_questions_there_are_can_be_asked() -> None:
    source = Addition(0, 1, train_size=45, valid_size=5, test_size=5)
    found = {
        tuple(sorted(map(int, source.show(row).split("+"))))
        for name in ("train", "valid", "test")
        for split in [source.split(name).source]
        if split is not None
        for row in (split[k] for k in range(len(split)))
    }
    assert found == {(a, b) for a in range(10) for b in range(a, 10)}

import importlib.util

import pytest
import torch

from seqnet.batch import IGNORE
from seqnet.data.sources.digit_captions import WORDS, DigitCaptions, columns, ink
from seqnet.data.sources.digits import Digits
from seqnet.errors import ConfigurationError, DataError
from seqnet.specs import Image

NAMES = ("train", "valid", "test")
needs_scans = pytest.mark.skipif(not importlib.util.find_spec("sklearn"), reason="scikit-learn is not installed")


@pytest.fixture(scope="module")
def captions() -> DigitCaptions:
    source = DigitCaptions(1)
    source.fit()
    return source


def knowing(ink: float, columns: float) -> DigitCaptions:
    source = DigitCaptions(1)
    source.restore({"ink": ink, "columns": columns})
    return source


def test_ink_and_columns_worked_out_by_hand() -> None:
    scans = torch.zeros(3, 8, 8)
    scans[0, :, 3] = 0.5  # a stroke of 8 half dark values
    scans[1, 2, 1:7] = 0.25  # six columns with just enough
    scans[1, 5, 0] = 3 / 16  # and one with too little
    scans[2, 4:6, 7] = 0.125  # two faint values that are enough together
    assert ink(scans).tolist() == [4.0, 1.6875, 0.25]
    assert columns(scans).tolist() == [1, 6, 1]


def test_the_words_follow_from_the_rules() -> None:
    scans = torch.zeros(4, 8, 8)
    scans[0, :, 2:4] = 1.0  # ink 16, 2 columns
    scans[1, :, 1:6] = 0.125  # ink 5, 5 columns
    scans[2, :, 2:6] = 0.3125  # ink 10, 4 columns: the medians themselves
    scans[3, 0, :3] = 1.0  # ink 3, 3 columns
    source = knowing(10.0, 4.0)
    assert source.describe(scans, torch.tensor([7, 0, 8, 1])) == [
        "a bold narrow seven",
        "a light wide zero",
        "a bold wide eight",
        "a light narrow one",
    ]


@needs_scans
def test_the_medians_are_those_of_the_training_scans(captions: DigitCaptions) -> None:
    scans = Digits(1).split("train").inputs.flat.view(-1, 8, 8)
    inks = sorted(scan.sum().item() for scan in scans)
    filled = sorted(sum(scan[:, column].sum().item() >= 0.25 for column in range(8)) for scan in scans)
    middle = (len(scans) - 1) // 2
    assert captions.state() == {"ink": inks[middle], "columns": filled[middle]}
    targets = captions.split("train").targets
    texts = [captions.text(targets[row]) for row in range(len(scans))]
    for word in ("bold", "wide"):
        assert 0.5 <= sum(word in text for text in texts) / len(texts) < 0.75


@needs_scans
def test_every_caption_is_true_of_its_scan_and_every_scan_is_in_one_split(captions: DigitCaptions) -> None:
    names = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    seen = []
    for name in NAMES:
        split, plain = captions.split(name), Digits(1).split(name)
        assert split.source is not None
        assert torch.equal(split.source.flat, plain.inputs.flat)  # the same rows as experiment=digits
        assert split.source.lengths.unique().tolist() == [8]
        for row in range(len(split)):
            scan, digit = split.source[row], int(plain.targets[row])
            weight = "bold" if scan.sum() >= captions.medians["ink"] else "light"
            width = "wide" if (scan.sum(0) >= 0.25).sum() >= captions.medians["columns"] else "narrow"
            assert captions.text(split.targets[row]) == f"a {weight} {width} {names[digit]}"
        seen += [(name, tuple(scan.flatten().tolist())) for scan in split.source.flat.view(-1, 8, 8)]
    assert len(seen) == 1797
    assert len({scan for _, scan in seen}) == len(set(seen)) == 1797  # no scan occurs in two splits


@needs_scans
def test_the_decoder_reads_what_it_should_have_written(captions: DigitCaptions) -> None:
    batch = captions.split("valid").batch(torch.tensor([0, 100]))
    assert batch.source is not None and batch.source.shape == (2, 8, 8)
    assert captions.source == Image(8, 8)
    begin, end = len(WORDS), len(WORDS) + 1
    assert (captions.writing.begin, captions.writing.end, captions.writing.longest) == (begin, end, 5)
    assert batch.inputs[:, 0].tolist() == [begin] * 2
    assert torch.equal(batch.inputs[:, 1:], batch.targets[:, :-1])
    assert batch.targets[:, -1].tolist() == [end] * 2


def test_text_and_ids_are_each_others_inverse() -> None:
    source = knowing(10, 4)
    ids = source.encode_target("a bold narrow seven")
    assert source.text([*ids, source.writing.end, 3, 3]) == "a bold narrow seven"
    assert source.text(torch.tensor([*ids, source.writing.end, IGNORE])) == "a bold narrow seven"
    assert source.words([*ids, source.writing.end]) == ["a", "bold", "narrow", "seven", "<eos>"]
    assert source.encode_target("") == []
    with pytest.raises(DataError, match="no caption holds the word 'sevn'; did you mean 'seven'"):
        source.encode_target("a bold sevn")


def test_the_regions_of_a_scan_have_labels() -> None:
    labels = DigitCaptions(1).source_words(torch.zeros(8, 8))
    assert labels[:5] == ["r1c1", "r1c2", "r1c3", "r1c4", "r2c1"]
    assert len(labels) == 16 and labels[-1] == "r4c4"


def test_what_a_user_hands_in_is_read_line_by_line() -> None:
    source = knowing(10, 4)
    scan = [[0, 16] * 4] * 8
    examples = source.read_inputs([str(scan), str([[4] * 8] * 8)], "stdin")
    batch = examples.batch(torch.arange(2))
    assert batch.source is not None and batch.source[0].tolist() == [[0, 1] * 4] * 8
    assert batch.source[1].unique().tolist() == [0.25]
    assert batch.inputs.tolist() == [[source.writing.begin]] * 2
    assert batch.targets.tolist() == [[IGNORE]] * 2
    assert source.show(batch.source[0]) == "\n".join(["  @@" * 4] * 8)
    with pytest.raises(DataError, match="^stdin, line 2: 7 steps, but a scan has 8$"):
        source.read_inputs([str(scan), str([[0] * 8] * 7)], "stdin")


@pytest.mark.parametrize("state", [{}, {"ink": 1.0}, {"ink": 1.0, "columns": "4"}, [1, 2]])
def test_a_state_that_is_no_captions_is_refused(state: object) -> None:
    with pytest.raises(DataError, match="digit captions"):
        DigitCaptions(1).restore(state)  # type: ignore[arg-type]


def test_shares_that_leave_no_test_split_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="^data.train_share and data.valid_share must"):
        DigitCaptions(1, train_share=0.9, valid_share=0.1)

import sys

import pytest
import torch

from seqnet.batch import IGNORE
from seqnet.data.sources.digits import Digits
from seqnet.errors import ConfigurationError, DataError

NAMES = ("train", "valid", "test")
needs_scans = pytest.mark.skipif(
    "not __import__('importlib').util.find_spec('sklearn')", reason="scikit-learn is not installed"
)


@needs_scans
def test_every_scan_is_in_one_split_and_every_digit_in_all() -> None:
    from sklearn.datasets import load_digits

    splits = [Digits(0).split(name) for name in NAMES]
    assert [len(split) for split in splits] == pytest.approx([0.7 * 1797, 0.15 * 1797, 0.15 * 1797], abs=6)
    rows = torch.cat([torch.cat([split.inputs.flat.view(-1, 64), split.targets[:, None]], 1) for split in splits])
    scans, digits = load_digits(return_X_y=True)
    true = torch.cat([torch.tensor(scans).float() / 16, torch.tensor(digits)[:, None]], 1)
    assert sorted(rows.tolist()) == sorted(true.tolist())
    for split, share in zip(splits, (0.7, 0.15, 0.15), strict=True):
        counts = split.targets.bincount(minlength=10)
        assert torch.allclose(counts / torch.tensor(digits).bincount(), torch.tensor(share), atol=0.01)


@needs_scans
def test_a_scan_is_read_by_row_or_by_pixel() -> None:
    rows, pixels = Digits(0, by="row"), Digits(0, by="pixel")
    assert (rows.inputs.size, pixels.inputs.size) == (8, 1)
    by_row, by_pixel = rows.split("valid"), pixels.split("valid")
    assert by_row.lengths.unique().tolist() == [8]
    assert by_pixel.lengths.unique().tolist() == [64]
    assert torch.equal(by_row.inputs[3].flatten(), by_pixel.inputs[3].flatten())
    assert by_row.inputs.flat.max() == 1
    assert by_row.inputs.flat.min() == 0


@needs_scans
def test_the_split_depends_on_the_seed_alone() -> None:
    first, same, other = (Digits(seed).split("test").inputs.flat for seed in (0, 0, 1))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


@needs_scans
def test_shares_are_options_and_must_leave_rows() -> None:
    assert len(Digits(0, train_share=0.5, valid_share=0.25).split("train")) == pytest.approx(1797 / 2, abs=6)
    with pytest.raises(DataError, match="no scan is left for the valid split"):
        Digits(0, valid_share=1e-9).split("valid")


def test_a_missing_package_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    source = Digits(0)
    with pytest.raises(ConfigurationError, match=r"pip install 'seqnet\[digits\]'"):
        source.fit()
    source.restore(source.state())  # predicting needs no scikit-learn
    assert source.targets.names == tuple("0123456789")


def test_what_a_user_hands_in_is_read_line_by_line() -> None:
    scan = [[0, 16] * 4] * 8
    data = Digits(0).read_inputs([str(scan)], "stdin")
    assert data.inputs[0].tolist() == [[0, 1] * 4] * 8
    assert data.targets.tolist() == [IGNORE]
    assert Digits(0, by="pixel").read_inputs([str([8] * 64)], "stdin").inputs[0].tolist() == [[0.5]] * 64
    assert len(Digits(0).read_inputs([], "stdin")) == 0


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (str([[0] * 8] * 7), "7 steps, but a scan has 8"),
        (str([[0] * 7] * 8), "step 1: 7 numbers where there must be 8"),
        (str([[17] * 8] * 8), "a grey value outside 0 to 16"),
        (str([[-1] * 8] * 8), "a grey value outside 0 to 16"),
    ],
)
def test_bad_input_is_refused_with_its_line(line: str, complaint: str) -> None:
    with pytest.raises(DataError, match=f"^stdin, line 2[:,] {complaint}"):
        Digits(0).read_inputs([str([[0] * 8] * 8), line], "stdin")
    with pytest.raises(DataError, match=f"^stdin, line 40[:,] {complaint}"):
        Digits(0).read_inputs([line], "stdin", 40)


def test_a_scan_is_drawn() -> None:
    scan = torch.zeros(8, 8)
    scan[:, 3] = 1
    expected = "\n".join(["      @@        "] * 8)
    assert Digits(0).show(scan) == Digits(0).show(scan.view(64, 1)) == expected


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"by": "rows"}, "data.by must be row or pixel, not 'rows'; did you mean 'row'"),
        ({"train_share": 0.9, "valid_share": 0.1}, "data.train_share and data.valid_share must"),
        ({"valid_share": 0.0}, "data.train_share and data.valid_share must"),
    ],
)
def test_options_out_of_range_are_refused(options: dict, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{complaint}"):
        Digits(0, **options)

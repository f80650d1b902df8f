"""The two pictures of a sweep: what stands where on them, and what they refuse."""

import json
import sys

import pytest

from seqnet import cli, leaderboard
from seqnet.errors import ConfigurationError
from seqnet.leaderboard import plots

pytest.importorskip("matplotlib")


def sweep(folder, jobs, monitor="accuracy"):
    """The files of jobs: name -> overrides, score."""
    for name, (overrides, score) in jobs.items():
        (folder / name).mkdir()
        status = {"status": "failed" if score is None else "done", "exit_code": 0, "overrides": overrides}
        (folder / name / "status.json").write_text(json.dumps(status))
        if score is not None:
            found = {"monitor": monitor, "best": {monitor: score}, "test": {}}
            (folder / name / "results.json").write_text(json.dumps(found))
    return leaderboard.listed(folder)


JOBS = {
    "a": (["optimizer.lr=0.001", "cell=gru"], 0.8),
    "b": (["optimizer.lr=0.01", "cell=rnn"], 0.5),
    "c": (["optimizer.lr=0.1", "cell=$gru"], None),
}


def test_axes_follow_what_was_typed():
    rates = plots._axis("lr", ["0.001", "0.01", "1", None])
    assert rates.places == [0, pytest.approx(1 / 3), 1, None]  # of sizes far apart a logarithm
    assert rates.ticks == [(0, "0.001"), (pytest.approx(1 / 3), "0.01"), (1, "1")]
    shares = plots._axis("dropout", ["0.1", "0.5", "0.9"])
    assert shares.places == [0, pytest.approx(0.5), 1]
    names = plots._axis("cell", ["rnn", "gru", "a_very_long_name_indeed"])
    assert names.places == [pytest.approx(5 / 6), 0.5, pytest.approx(1 / 6)]
    assert [text for _, text in names.ticks] == ["a_very_long_n…", "gru", "rnn"]
    assert plots._axis("size", ["inf", "3"]).ticks == [(0.25, "3"), (0.75, "inf")]
    many = plots._axis("lr", [str(10 ** (-number / 10)) for number in range(41)])
    assert [text for _, text in many.ticks] == ["0.0001", "0.001", "0.01", "0.1", "1"]
    one = plots._axis("size", ["8", "8", "8"])
    assert one.places == [pytest.approx(place) for place in (0.475, 0.5, 0.525)]  # lines that do not hide each other


def test_the_best_is_the_darkest_line(tmp_path):
    picture = plots.parallel_coordinates(sweep(tmp_path, JOBS), "mine")
    colours = {colour for _, colour in picture.getcolors(1 << 20)}
    assert (68, 1, 84) in colours and (153, 153, 153) in colours  # the beginning of viridis; the grey of no score
    assert picture.width > 400


@pytest.mark.parametrize("format", ["text", "json"])
def test_the_command_writes_both(tmp_path, capsys, format):
    sweep(tmp_path, JOBS)
    (tmp_path / "elsewhere").touch()
    (tmp_path / "best_so_far.png").symlink_to(tmp_path / "elsewhere")
    assert cli.answer(["leaderboard", str(tmp_path), "--plot", f"format={format}"]) == 0
    out = capsys.readouterr().out
    if format == "json":
        assert len([json.loads(line) for line in out.splitlines()]) == 3
    else:
        assert out.endswith(f"drawn to {tmp_path}/best_so_far.png\ndrawn to {tmp_path}/parallel_coordinates.png\n")
    for name in ("best_so_far.png", "parallel_coordinates.png"):
        assert (tmp_path / name).read_bytes()[1:4] == b"PNG"
    assert (tmp_path / "elsewhere").stat().st_size == 0
    assert not list(tmp_path.glob(".*.png*"))


def test_a_folder_that_is_called_as_a_number_is_called_so(tmp_path):
    sweep(tmp_path, {"a": (["cell=gru"], 0.5), "b": (["cell=rnn"], 0.6)})
    assert plots._title("20260115", leaderboard.listed(tmp_path), 0) == "20260115\nbest: 0.6 (cell=rnn)"


def test_what_cannot_be_drawn_is_said(tmp_path, capsys, monkeypatch):
    sweep(tmp_path, {"a": (["cell=gru"], 0.5)})
    assert cli.answer(["leaderboard", str(tmp_path), "--plot"]) == 0
    assert "no parallel_coordinates.png: there is no option in which the jobs differ\n" in capsys.readouterr().out
    assert cli.answer(["leaderboard", str(tmp_path), "--plots"]) == 2
    assert "unknown option '--plots'; did you mean '--plot'?" in capsys.readouterr().err
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "matplotlib", None)
        assert cli.answer(["leaderboard", str(tmp_path), "--plot"]) == 2
        assert capsys.readouterr().err == "seqnet: plots need the package matplotlib: pip install 'seqnet[plots]'\n"
    (tmp_path / "a/results.json").unlink()
    with pytest.raises(ConfigurationError, match="no run with a score yet, so there is nothing to plot"):
        plots.best_so_far(leaderboard.listed(tmp_path), "mine")

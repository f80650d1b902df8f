"""A user's yaml that cannot be read is one sentence with file and line, before anything is composed."""

from pathlib import Path
from typing import Any

import pytest

from seqnet.configuration import compose
from seqnet.errors import ConfigurationError

HEAD = "# @package _global_\ndefaults:\n  - adding\n  - _self_\n"

BROKEN = {
    "a TAB": (HEAD + "training:\n\tmax_steps: 1\n", 6, "a TAB that cannot start any token"),
    "a doubled key": (HEAD + "training:\n  max_steps: 1\n  max_steps: 2\n", 7, "found duplicate key max_steps"),
    "a Python tag": (HEAD + "seed: !!python/name:os.system\n", 5, "python/name:os.system"),
    "a tag of one's own": (HEAD + "seed: !mine 3\n", 5, "!mine"),
    "a value that its tag is not": (HEAD + "training:\n  max_steps: !!int zebra\n", 6, "not what its tag says"),
    "no UTF-8": (HEAD.encode() + b"training:\n  monitor: lo\xff\xfess\n", 6, "no UTF-8"),
    "UTF-16": ("seed: 1\n".encode("utf-16"), 1, "no UTF-8"),
    "a byte order mark": (b"\xef\xbb\xbf" + HEAD.encode(), 1, "byte order mark"),
    "a control character": (HEAD + 'training:\n  monitor: "lo\x01ss"\n', 6, "control character"),
    "an open bracket": (HEAD + "trust: [a\n", 6, "expected ',' or ']'"),
    "an open quote": (HEAD + "training:\n  monitor: 'loss\n", 7, "unexpected end"),
    "an unknown alias": (HEAD + "seed: *other\n", 5, "undefined alias"),
    "itself in itself": (HEAD + "trust: &a [*a]\n", 1, "holds itself in itself"),
    "a list as a key": (HEAD + "? [a, b]\n: 8\n", 5, "unhashable key"),
    "an open interpolation": (HEAD + "training:\n  max_steps: ${nope\n", 6, "cannot be read"),
    "two documents": ("seed: 1\n---\nseed: 2\n", 2, "another document"),
    "a list": ("- a\n- b\n", 1, "must hold options"),
    "a number": ("\n7\n", 2, "must hold options"),
    "a text": ("hello\n", 1, "must hold options"),
    "a header of three words": ("# @package foo bar\nseed: 1\n", 1, "# @package NAME"),
    "defaults that are a text": ("# @package _global_\nseed: 1\ndefaults: adding\n", 3, "defaults that are no list"),
    "defaults that are options": ("# @package _global_\ndefaults:\n  cell: gru\n", 3, "defaults that are no list"),
    "a number in defaults": ("# @package _global_\ndefaults:\n  - adding\n  - 7\n", 4, "neither a NAME nor GROUP"),
    "a list in defaults": ("# @package _global_\ndefaults:\n  - [adding]\n", 3, "neither a NAME nor GROUP"),
    "two choices in one": ("# @package _global_\ndefaults:\n  - {cell: gru, data: ball}\n", 3, "neither a NAME nor"),
    "a number as a choice": ("# @package _global_\ndefaults:\n  - override /cell: 3\n", 3, "neither a NAME nor GROUP"),
    "no header": ("defaults:\n  - adding\n", 1, "must begin with '# @package _global_'"),
    "nothing": ("", 1, "must begin with '# @package _global_'"),
    "a list for a group": (HEAD + "training:\n  - max_steps\n", 6, "gives training a list"),
}


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Writes a file of the configuration folder `mine`."""
    monkeypatch.chdir(tmp_path)

    def made(name: str, contents: str | bytes) -> None:
        path = Path("mine") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents if isinstance(contents, bytes) else contents.encode())

    return made


@pytest.mark.parametrize(("contents", "line", "sentence"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_experiment_is_refused_with_file_and_line(
    write: Any, contents: str | bytes, line: int, sentence: str
) -> None:
    write("experiment/broken.yaml", contents)
    with pytest.raises(ConfigurationError) as caught:
        compose("train", ["--config-dir", "mine", "experiment=broken"])
    assert str(caught.value).startswith(f"mine/experiment/broken.yaml, line {line}: it ")
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "entry",
    ["- broken", "- /experiment/broken", "- broken@_global_", "- /cell: tabbed", "- override /cell: tabbed"]
    + ["- override /cell@decoder_cell: tabbed", "- optional /cell: [gru, tabbed]", "- middle"],
)
def test_so_is_a_file_that_a_defaults_list_leads_to(write: Any, entry: str) -> None:
    write("experiment/mine.yaml", f"# @package _global_\ndefaults:\n  - adding\n  {entry}\n  - _self_\n")
    write("experiment/middle.yaml", "# @package _global_\ndefaults:\n  - override /cell: tabbed\n")
    write("experiment/broken.yaml", "seed: 1\n\tx: 1\n")
    write("cell/tabbed.yaml", "_target_: seqnet.cells.gru.GRU\n\tx: 1\n")
    with pytest.raises(ConfigurationError, match=r"^mine/\w+/(broken|tabbed).yaml, line 2: it is no yaml"):
        compose("train", ["--config-dir", "mine", "experiment=mine"])


def test_only_what_is_chosen_is_looked_at(write: Any) -> None:
    write("experiment/broken.yaml", "\tx\n")
    write("notes.yaml", b"\xff")
    write("experiment/mine.yaml", HEAD + "training:\n  max_steps: 3\n")
    assert compose("train", ["--config-dir", "mine", "experiment=mine"]).config["training"]["max_steps"] == 3
    write("cell/empty.yaml", "")
    assert compose("train", ["--config-dir", "mine", "cell=empty"]).choices["cell"] == "empty"


def test_a_file_that_may_not_be_read_is_named(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    write("cell/mine.yaml", "_target_: seqnet.cells.gru.GRU\n")

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(ConfigurationError, match=r"^mine/cell/mine.yaml cannot be read: Permission denied$"):
        compose("train", ["--config-dir", "mine", "cell=mine"])


def test_a_key_that_is_a_number_is_an_unknown_key(write: Any) -> None:
    write("experiment/mine.yaml", HEAD + "7: 8\n")
    with pytest.raises(ConfigurationError, match="unknown key '7'"):
        compose("train", ["--config-dir", "mine", "experiment=mine"])


@pytest.mark.parametrize(
    "arguments",
    [("train",), ("train", "-m", "seed=1,2"), ("train", "--cfg", "job"), ("train", "-m", "experiment=mine,adding")],
)
def test_every_way_to_train_refuses_it(seqnet: Any, write: Any, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    write("experiment/mine.yaml", HEAD + "training:\n\tmax_steps: 1\n")
    chosen = () if "experiment" in arguments[-1] else ("experiment=mine",)
    found = seqnet(*arguments, *chosen, "--config-dir", "mine")
    assert (found.code, found.out) == (2, "")
    assert found.err.startswith("seqnet: mine/experiment/mine.yaml, line 6: it is no yaml that can be read: ")
    assert found.err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_decoding_of_ones_own_is_looked_at_too(seqnet: Any, write: Any) -> None:
    write("decoding/mine.yaml", "_target_: seqnet.decoding.greedy.Greedy\n\tx: 1\n")
    found = seqnet("predict", "run=none", "--config-dir", "mine", "decoding=mine")
    assert (found.code, "mine/decoding/mine.yaml, line 2" in found.err) == (2, True)

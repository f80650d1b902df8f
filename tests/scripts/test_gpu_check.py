"""The check on a GPU, as far as it goes without one: what it needs, what it refuses, and what it reports."""

import json
import os
import stat
import subprocess
import sys
from argparse import Namespace
from dataclasses import asdict
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import pytest
import torch
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "gpu_check.sh"
SECONDS = 120
sys.path.insert(0, str(ROOT / "scripts"))

import benchmark  # noqa: E402
import gpu_check  # noqa: E402
from benchmarks.timing import Pair  # noqa: E402


def check(folder: Path, *options: str, **environment: str) -> tuple[int, str]:
    """The exit code, and what was said on standard error."""
    kept = {key: value for key, value in os.environ.items() if key not in ("WHEELS", "OUT", "SEQNET_GPU_TESTS_ON")}
    found = subprocess.run(
        [str(SCRIPT), *options],
        env={**kept, "PYTHON": sys.executable, **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return found.returncode, found.stderr


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU, which the check would use")
def test_a_torch_that_sees_no_gpu_is_told_so_when_all_else_is_well(tmp_path: Path) -> None:
    code, said = check(tmp_path)
    assert (code, said.count("\n")) == (3, 1), said
    assert said.startswith(f"gpu_check: torch {torch.__version__} sees no GPU; ")
    assert not list(tmp_path.iterdir())


def test_what_is_wrong_is_one_sentence(tmp_path: Path) -> None:
    old = tmp_path / "an old python"
    old.write_text("#!/bin/sh\necho 3.10\nexit 1\n")
    old.chmod(old.stat().st_mode | stat.S_IXUSR)
    wrong: list[tuple[str, tuple[str, ...], dict[str, str]]] = [
        ("PYTHON=nowhere is no program here; name a Python", (), {"PYTHON": "nowhere"}),
        (f"PYTHON={old} is Python 3.10; 3.11 or newer is needed", (), {"PYTHON": str(old)}),
        ("WHEELS=no wheels is no folder; where there is an index: ", (), {"WHEELS": "no wheels"}),
        ("WHEELS= names no folder to fill", ("--prepare",), {}),
        ("--wheels is no option; there are --prepare, --write and --help", ("--wheels",), {}),
    ]
    for sentence, options, environment in wrong:
        code, said = check(tmp_path, *options, **environment)
        assert (code, said.count("\n")) == (2, 1), said
        assert said.startswith(f"gpu_check: {sentence}"), said


def test_a_torch_that_is_too_old_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert gpu_check.torch_that_is_there() == f"torch {torch.__version__} of {Path(torch.__file__).parent}"
    for version in ("2.6.1+cu124", "1.13.0"):
        monkeypatch.setattr(torch, "__version__", version)
        with pytest.raises(SystemExit, match="has torch .*; 2.7 or newer is needed"):
            gpu_check.torch_that_is_there()
    for version in ("2.7.0a0+79aa17489c.nv25.04", "3.0.0"):
        monkeypatch.setattr(torch, "__version__", version)
        assert version in gpu_check.torch_that_is_there()


def test_all_that_is_needed_beside_torch_is_named_and_pinned() -> None:
    """By what the packages say of themselves: nothing is resolved where they are installed, so torch stays."""
    needed = {canonicalize_name(Requirement(line).name) for line in gpu_check.needs()}
    pinned = {line.partition("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines()}
    assert needed <= {canonicalize_name(name) for name in pinned} and "torch" not in needed
    for name in needed:
        for one in map(Requirement, requires(name) or ()):
            if one.marker is None or one.marker.evaluate({"extra": ""}):
                assert canonicalize_name(one.name) in needed | {"torch"}, f"{name} needs {one}"
    assert gpu_check.missing() == []


def test_what_is_there_in_another_version_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"hydra-core": "1.3.2", "antlr4-python3-runtime": "4.13.2", "numpy": "1.26.0"}

    def version(name: str) -> str:
        if name == "rich":
            raise gpu_check.PackageNotFoundError(name)
        return there.get(name, "99")

    monkeypatch.setattr(gpu_check, "version", version)
    found = {Requirement(line).name for line in gpu_check.missing()}
    assert found == {"hydra-core", "antlr4-python3-runtime", "rich"}


XML = """<testsuites><testsuite>
<testcase classname="tests.gpu.test_a" name="test_one[x]" />
<testcase classname="tests.gpu.test_a" name="test_two"><failure message="no">more</failure></testcase>
<testcase classname="tests.gpu.test_b" name="test_three"><skipped message="{why}" /></testcase>
</testsuite></testsuites>"""


@pytest.mark.parametrize("why", ["needs onnx", gpu_check.LATE])
def test_the_report_tells_the_tests_and_the_pairs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], why: str
) -> None:
    (tmp_path / "page.md").write_text("a\n<!-- gpu -->\nNot measured.\n<!-- end -->\nb\n")
    monkeypatch.setattr(benchmark, "PAGE", tmp_path / "page.md")
    (tmp_path / "tests.xml").write_text(XML.format(why=why))
    pairs = [
        Pair("gpu LSTM, bf16", 2.0, 4.0, (0.5, 0.4, 0.6), 1, tokens=700, memory=(512.0, 640.0), goal=1.05),
        Pair("gpu LSTM, fp32", 4.4, 4.0, (1.1,), 1, tokens=700, memory=(512.0, 640.0), goal=1.05),
    ]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(asdict(one)) + "\n" for one in pairs))
    options: dict[str, Any] = {"tests": tmp_path / "tests.xml", "pairs": tmp_path / "pairs.jsonl", "out": tmp_path}
    well = gpu_check.report(Namespace(**options, seconds=200, codes=[1, 0], write=True))
    found = json.loads((tmp_path / "gpu_check.json").read_text())
    assert not well and (found["tests"]["passed"], found["tests"]["failed"], found["tests"]["skipped"]) == (1, 1, 1)
    assert found["tests"]["failures"] == [{"test": "tests.gpu.test_a.test_two", "said": "no"}]
    assert found["tests"]["ended"] == (why != gpu_check.LATE) and found["tests"]["skips"] == [why]
    assert found["goals_missed"] == {"gpu LSTM, fp32": 1.1}
    assert found["speed"][0]["tokens_per_second"] == [350_000, 175_000] and found["speed"][0]["ratio"] == 0.5
    section = (tmp_path / "gpu_check.md").read_text()
    assert "| gpu LSTM, bf16: 350,000 tokens/s, other 175,000; 512 MiB, other 640 | 1 | 2 | 4 | 0.500 |" in section
    assert "1 tests passed, 1 failed, 1 skipped" in section and "Failed: tests.gpu.test_a.test_two." in section
    assert (tmp_path / "page.md").read_text() == f"a\n{section}b\n"
    assert "the goal is missed: gpu LSTM, fp32, ratio 1.100" in capsys.readouterr().out


def test_all_is_well_only_where_tests_passed_and_goals_are_met(tmp_path: Path) -> None:
    passed = '<testsuites><testsuite><testcase classname="a" name="b" /></testsuite></testsuites>'
    line = json.dumps(asdict(Pair("gpu", 1.0, 1.0, (1.0,), 1, goal=1.05)))
    for tests, pairs, codes, well in (
        (passed, line, (0, 0), True),
        (passed, line, (0, 124), False),
        (passed, line, (137, 0), False),
        ("<testsuites />", line, (0, 0), False),
        (None, line, (2, 0), False),
    ):
        file, lines = tmp_path / "tests.xml", tmp_path / "pairs.jsonl"
        file.unlink(missing_ok=True)
        if tests is not None:
            file.write_text(tests)
        lines.write_text(pairs)
        given = {"tests": file, "pairs": lines, "out": tmp_path, "seconds": 1, "codes": codes, "write": False}
        assert gpu_check.report(Namespace(**given)) is well

"""What scripts/gpu_check.sh asks of Python: what is there, what is missing beside torch, and the report.

python scripts/gpu_check.py torch      which torch this is; refuses one that is too old
python scripts/gpu_check.py missing    the packages that the check needs and this Python lacks, one a line
python scripts/gpu_check.py needs      all that it needs
python scripts/gpu_check.py gpu        refuses a torch that sees no GPU
python scripts/gpu_check.py report     gpu_check.json and gpu_check.md of what was found
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ElementTree
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
OLDEST = (2, 7)
LEFT_OUT = {"torch", "datasets"}  # the first is there; the other reads the Hub, and is large
FURTHER = [  # what the tests need, and what all these need in turn
    "pytest>=8.2",
    "absl-py",
    "antlr4-python3-runtime==4.9.*",
    "grpcio",
    "iniconfig",
    "lightning-utilities",
    "Markdown",
    "markdown-it-py",
    "MarkupSafe",
    "mdurl",
    "packaging>=22",
    "pillow",
    "pluggy>=1.5",
    "protobuf",
    "Pygments",
    "PyYAML",
    "setuptools",
    "tensorboard-data-server",
    "typing_extensions",
    "Werkzeug",
]
LATE = "time ran out"
"""Why a test was skipped that would have begun too late (tests/gpu/conftest.py)."""


def needs() -> list[str]:
    """The requirements of the check beside torch, with all that they require in turn."""
    requirement = _requirement()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    own = [line for line in project["dependencies"] if requirement(line).name not in LEFT_OUT]
    return [*own, *FURTHER]


def missing() -> list[str]:
    """Those that are not there, or of which another version is."""
    requirement = _requirement()
    return [line for line in needs() if not _is_there(requirement(line))]


def _requirement() -> Any:
    """What reads a requirement: pip's own, which is there before anything else is."""
    try:
        from pip._vendor.packaging.requirements import Requirement
    except ImportError:
        raise SystemExit(f"gpu_check: PYTHON={sys.executable} has no pip: install it, or name another PYTHON") from None
    return Requirement


def _is_there(wanted: Any) -> bool:
    try:
        return bool(wanted.specifier.contains(version(wanted.name), prereleases=True))
    except PackageNotFoundError:
        return False


def torch_that_is_there() -> str:
    """Version and place. Ends the program where there is none, or it is too old."""
    try:
        import torch
    except ImportError as error:
        raise SystemExit(f"gpu_check: PYTHON={sys.executable} has no torch that can be imported ({error})") from None
    numbers = tuple(int(part) for part in torch.__version__.split(".")[:2])
    if numbers < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        raise SystemExit(
            f"gpu_check: PYTHON={sys.executable} has torch {torch.__version__}; {wanted} or newer is needed"
        )
    return f"torch {torch.__version__} of {Path(torch.__file__).parent}"


def sees_a_gpu() -> None:
    """Ends the program where torch sees none, unless the check itself is tried elsewhere."""
    import torch

    if torch.cuda.is_available() or os.environ.get("SEQNET_GPU_TESTS_ON"):
        return
    why = (
        "it was made without CUDA: name another PYTHON"
        if torch.version.cuda is None
        else f"is there one, and a driver for CUDA {torch.version.cuda} (nvidia-smi)?"
    )
    raise SystemExit(f"gpu_check: torch {torch.__version__} sees no GPU; {why}")


def report(options: argparse.Namespace) -> bool:
    """Write what was found; whether all is well."""
    sys.path.insert(0, str(ROOT / "scripts"))
    import benchmark
    from benchmarks.timing import Pair

    from seqnet import strict_json

    lines = options.pairs.read_text(encoding="utf-8").splitlines() if options.pairs.exists() else []
    pairs = [Pair(**json.loads(line)) for line in lines]
    tests, (tests_code, speed_code) = tests_of(options.tests), options.codes
    tests["ended"] = tests_code in (0, 1) and LATE not in tests["skips"]
    goal = {one.name: one.ratio for one in pairs if one.goal is not None and one.ratio > one.goal}
    found = {
        "measured": str(date.today()),
        "seconds": options.seconds,
        **machine(),
        "tests": tests,
        "speed": [
            {
                "name": one.title,
                "seqnet_ms": one.ours,
                "other_ms": one.theirs,
                "ratio": one.ratio,
                "ratios": one.ratios,
                "goal": one.goal,
                "tokens_per_second": [one.tokens / ms * 1e3 for ms in (one.ours, one.theirs)] if one.tokens else None,
                "memory_mib": one.memory,
            }
            for one in pairs
        ],
        "speed_ended": speed_code == 0,
        "goals_missed": goal,
    }
    (options.out / "gpu_check.json").write_text(strict_json.dumps(found, indent=1) + "\n", encoding="utf-8")
    section = benchmark.section("gpu", pairs, paragraph(found))
    (options.out / "gpu_check.md").write_text(section + "\n", encoding="utf-8")
    if options.write:
        benchmark.write("gpu", section)
    print(paragraph(found))
    for name, ratio in goal.items():
        print(f"gpu_check: the goal is missed: {name}, ratio {ratio:.3f}")
    print(f"gpu_check: {options.out / 'gpu_check.json'} and {options.out / 'gpu_check.md'}, {options.seconds} s")
    return tests["ended"] and not tests["failed"] and bool(tests["passed"]) and speed_code == 0 and not goal


def tests_of(path: Path) -> dict[str, Any]:
    """How many tests passed, failed and were skipped, and which failed, of a file that pytest wrote."""
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    failures, skips = [], set()
    for case in ElementTree.parse(path).iter("testcase") if path.exists() else ():
        bad = [child.get("message") for child in case if child.tag in ("failure", "error")]
        skipped = [child.get("message") for child in case if child.tag == "skipped"]
        counts["failed" if bad else "skipped" if skipped else "passed"] += 1
        name = f"{case.get('classname')}.{case.get('name')}"
        failures += [{"test": name, "said": said} for said in bad[:1]]
        skips.update(map(str, skipped))
    return {**counts, "failures": failures, "skips": sorted(skips)}


def machine() -> dict[str, Any]:
    """What it was measured on."""
    import torch

    on_gpu = torch.cuda.is_available()
    tool, driver = shutil.which("nvidia-smi"), None
    if tool is not None:
        asked = [tool, "--query-gpu=driver_version", "--format=csv,noheader"]
        told = subprocess.run(asked, capture_output=True, text=True, timeout=20, check=False)
        driver = told.stdout.partition("\n")[0].strip() or None
    return {
        "device": torch.cuda.get_device_name() if on_gpu else "no GPU",
        "memory_gib": round(torch.cuda.get_device_properties(0).total_memory / 2**30, 1) if on_gpu else None,
        "driver": driver,
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version() if on_gpu else None,
    }


def paragraph(found: dict[str, Any]) -> str:
    """The machine and the tests in words."""
    tests = found["tests"]
    counted = f"{tests['passed']} tests passed, {tests['failed']} failed, {tests['skipped']} skipped"
    ended = "" if tests["ended"] else ", and time ran out before the others"
    driver = f"driver {found['driver']}, " if found["driver"] else ""
    failed = f" Failed: {', '.join(one['test'] for one in tests['failures'])}." if tests["failures"] else ""
    return f"{found['device']}, {driver}CUDA {found['cuda']}, cuDNN {found['cudnn']}: {counted}{ended}.{failed}"


def main() -> None:
    """Do what the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("asked", choices=["torch", "missing", "needs", "gpu", "report"])
    parser.add_argument("--tests", type=Path, help="what pytest wrote")
    parser.add_argument("--pairs", type=Path, help="what the benchmark wrote, a pair a line")
    parser.add_argument("--out", type=Path, help="the folder for the report")
    parser.add_argument("--seconds", type=int, help="that all took")
    parser.add_argument("--codes", type=int, nargs=2, help="the exit codes of the tests and of the benchmark")
    parser.add_argument("--write", action="store_true", help="put the section into docs/performance.md")
    options = parser.parse_args()
    if options.asked in ("torch", "gpu"):
        print(torch_that_is_there())
        if options.asked == "gpu":
            sees_a_gpu()
    elif options.asked == "report":
        sys.exit(not report(options))
    else:
        print("\n".join(needs() if options.asked == "needs" else missing()))


if __name__ == "__main__":
    main()

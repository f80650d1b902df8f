"""Files import from lower floors only, as the contracts in pyproject.toml say."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_import_contracts_hold(tmp_path):
    found = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
        + ["--cache-dir", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "160"},
    )
    assert found.returncode == 0, found.stdout + found.stderr


def test_every_folder_is_a_package():
    for folder in {path.parent for path in (ROOT / "seqnet").rglob("*.py")}:
        assert (folder / "__init__.py").is_file(), folder

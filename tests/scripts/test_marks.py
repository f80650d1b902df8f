"""A table in a page is put where it was."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import marks  # noqa: E402


def test_a_table_is_put_between_its_marks(tmp_path: Path) -> None:
    page = tmp_path / "results.md"
    page.write_text("# Results\n")
    marks.put("| new |", page, "made.py", "All")
    first = page.read_text()
    assert first == ("# Results\n\n## All\n\n<!-- scripts/made.py --write: from here -->\n| new |\n<!-- to here -->\n")
    page.write_text(f"{first}\nmore\n")
    marks.put("| other |", page, "other.py", "Others")
    marks.put("| newer |", page, "made.py", "All")
    assert page.read_text() == (
        f"{first}\nmore\n".replace("new", "newer")
        + "\n## Others\n\n<!-- scripts/other.py --write: from here -->\n| other |\n<!-- to here -->\n"
    )

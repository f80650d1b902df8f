"""A table that a script makes of a page, between two marks, so that it can be made again."""

from pathlib import Path


def put(table: str, page: Path, script: str, title: str) -> None:
    """Put a table between the marks of a script in a page; where it has none, they are set at its end under a title."""
    begin, end = f"<!-- scripts/{script} --write: from here -->", "<!-- to here -->"
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    after = rest.partition(end)[2]
    if not rest:
        before, after = f"{before.rstrip()}\n\n## {title}\n\n", "\n"
    page.write_text(f"{before}{begin}\n{table}\n{end}{after}", encoding="utf-8")

"""Each format is found through its yaml; examples/NAME holds three rows of it and what must come out.

expected.json: `columns` to ask for, the `rows` that are read and their `numbers`; `options` other than the defaults;
`bad_rows`: how many there are in bad/, which holds the same rows and some that are none, and `refused`: what is said of
the first.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from seqnet import build
from seqnet.configuration import CONFIGS
from seqnet.data.files import BadRows, HubSplit
from seqnet.data.formats.find import Found, Part, find
from seqnet.data.formats.format import Column, Format

EXAMPLES = Path(__file__).parent / "examples"


@dataclass(frozen=True)
class Kind:
    """A format by its yaml, and its example."""

    yaml: Path
    example: Path

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """What the yaml says."""
        found: dict[str, Any] = yaml.safe_load(self.yaml.read_text(encoding="utf-8"))
        return found

    @cached_property
    def said(self) -> dict[str, Any]:
        """What must come out."""
        assert self.example.is_dir(), f"put three rows of {self.yaml.name} into {self.example}"
        found: dict[str, Any] = json.loads((self.example / "expected.json").read_text(encoding="utf-8"))
        return found

    def make(self, **options: Any) -> Format:
        """The format."""
        given = self.defaults | self.said.get("options", {}) | options
        found: Format = build.locate(given.pop("_target_"), None)(**given)
        return found

    def find(self, path: Path | None = None, name: str = "good") -> Found:
        """The files of the example, or of the same elsewhere."""
        if self.yaml.stem == "hub":
            return Found({"train": [Part(hub_rows(), self.make())]})
        return find(path or self.example / name, "", None, None, self.make(), self.said["columns"])

    def read(
        self,
        found: Found | None = None,
        columns: Sequence[Column] | None = None,
        bad: BadRows | None = None,
        split: str = "train",
    ) -> tuple[list[int], list[list[Any]]]:
        """Numbers and rows of a split; pieces of a document are put together."""
        numbers: list[int] = []
        rows: list[list[Any]] = []
        columns = self.said["columns"] if columns is None else columns
        for part in (found or self.find()).splits[split]:
            for block in part.format.rows(part.file, columns, bad or BadRows("raise")):
                assert len(block.columns) == len(columns)
                assert all(len(column) == len(block) for column in block.columns)
                made = [[plain(value) for value in row] for row in zip(*block.columns, strict=True)]
                if block.continues:
                    rows[-1] = [first + more for first, more in zip(rows[-1], made.pop(0), strict=True)]
                    numbers += block.numbers[1:]
                else:
                    numbers += block.numbers
                rows += made
        return numbers, rows


def plain(value: Any) -> Any:
    """Arrays as lists."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def hub_rows() -> HubSplit:
    """What a name of the Hub gives."""
    datasets = pytest.importorskip("datasets")
    rows = {"text": ["a fine film", None, "dull"], "score": [1.0, 2.5, None], "steps": [[1, 2], [], [3]]}
    return HubSplit("owner/films (train)", datasets.Dataset.from_dict(rows))


def kinds() -> list[Kind]:
    """All formats."""
    return [Kind(path, EXAMPLES / path.stem) for path in sorted((CONFIGS / "data" / "format").glob("*.yaml"))]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test with the argument `kind` is run for each format."""
    if "kind" in metafunc.fixturenames:
        metafunc.parametrize("kind", kinds(), ids=lambda kind: kind.yaml.stem)


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kind:
    """A format of somebody else's, in a folder of configurations of their own."""
    (tmp_path / "their_format.py").write_text(
        "from seqnet.data.formats.blocks import one_by_one\n"
        "from seqnet.data.formats.columns import of_row, resolve\n"
        "from seqnet.data.formats.format import Format\n"
        "from seqnet.data.formats.text import numbered\n"
        "class Dashes(Format):\n"
        "    endings = ('.dashes',)\n"
        "    def __init__(self, dash='-'):\n"
        "        self.dash = dash\n"
        "    def rows(self, file, columns, bad):\n"
        "        wanted = resolve(columns, None, 2, str(file))\n"
        "        def rows():\n"
        "            for number, text, problem in numbered(file):\n"
        "                cells = text.split(self.dash)\n"
        "                if problem is None and len(cells) != 2:\n"
        "                    problem = f'{len(cells)} cells'\n"
        "                if problem is None:\n"
        "                    yield number, of_row(cells, wanted)\n"
        "                else:\n"
        "                    bad(file, number, problem)\n"
        "        return one_by_one(rows())\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    configs = tmp_path / "configs" / "data" / "format"
    configs.mkdir(parents=True)
    (configs / "dashes.yaml").write_text('_target_: their_format.Dashes\ndash: "-"\n')
    example = tmp_path / "example"
    for folder, content in (("good", "a-b\nc-d\ne-f\n"), ("bad", "a-b\nc-d\ng\ne-f\n")):
        (example / folder).mkdir(parents=True)
        (example / folder / "train.dashes").write_text(content)
    said = {"columns": [0, 1], "rows": [["a", "b"], ["c", "d"], ["e", "f"]], "numbers": [1, 2, 3]}
    (example / "expected.json").write_text(json.dumps(said | {"bad_rows": 1, "refused": "line 3: 1 cells"}))
    return Kind(configs / "dashes.yaml", example)

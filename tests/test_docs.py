"""What the pages in docs/ say is run and compared, so that it cannot go stale."""

import ast
import contextlib
import io
import re
import shlex
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf
from sphinx.cmd.build import build_main

from seqnet import build, run
from seqnet import options as options_of
from seqnet.commands import train
from seqnet.configuration import compose, quoted

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
CONFIGS = ROOT / "configs"
PAGES = sorted(DOCS.glob("*.md"))
WITH_COMMANDS = [page for page in PAGES if "```console" in page.read_text(encoding="utf-8")]
FENCE = re.compile(r"^```(\w*)([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OPTION = re.compile(r"(?P<key>\w+): (?P<default>.*?)(?:\s+# (?P<means>.*))?")
SHORT = ["debug=quick", "threads=1", "device=cpu"]


@dataclass(frozen=True)
class Block:
    """A fenced block: ```language title=FILE``` is written to a file, ```console exit=2``` is typed.

    Of ```console run=no``` only what `seqnet train` would refuse is looked for: its output was shown once.
    """

    language: str
    options: dict[str, str]
    text: str


def blocks(page: Path) -> list[Block]:
    found = []
    for language, options, text in FENCE.findall(page.read_text(encoding="utf-8")):
        pairs = (option.partition("=") for option in options.split())
        found.append(Block(language, {key: value for key, _, value in pairs}, text))
    return found


def commands(block: Block) -> Iterator[tuple[list[str], list[str]]]:
    """Each command line after `$ `, gone on with behind a backslash, and what the page shows of its output."""
    typed: list[str] | None = None
    shown: list[str] = []
    lines = iter(block.text.splitlines())
    for line in lines:
        if line.startswith("$ "):
            while line.endswith("\\"):
                line = line[:-1] + next(lines)
            if typed is not None:
                yield typed, shown
            typed, shown = shlex.split(line[2:]), []
        else:
            shown.append(line)
    assert typed is not None, "a console block without a command"
    yield typed, shown


def runnable(typed: list[str]) -> list[str]:
    """The same command, and training cut to two steps of everything."""
    program, *arguments = typed
    if program == "python":
        return arguments
    assert program == "seqnet", f"a page tells to type {program}"
    if arguments[0] == "train" and not any(argument.startswith(("debug=", "training.max_")) for argument in arguments):
        arguments = [*arguments, *SHORT]
        arguments += few_rows(arguments)
    return [program, *arguments]


def few_rows(arguments: list[str]) -> list[str]:
    """Overrides for small splits, where the rows are drawn."""
    chosen = {argument.partition("=")[2] for argument in arguments if argument.startswith(("data=", "experiment="))}
    wholes = [CONFIGS / "data" / f"{name}.yaml" for name in chosen]
    if any(path.is_file() and "train_size" in _yaml(path) for path in wholes):
        return ["data.train_size=64", "data.valid_size=32", "data.test_size=32"]
    read = any(argument.startswith(("data.path=", "data.name=")) for argument in arguments)
    for path in [CONFIGS / "experiment" / f"{name}.yaml" for name in chosen] if not read else []:
        made = path.is_file() and re.search(r"override /data/generated: (\w+)", path.read_text(encoding="utf-8"))
        if made and "train_size" in _yaml(CONFIGS / "data/generated" / f"{made[1]}.yaml"):
            return [f"data.generated.{split}_size=64" for split in ("train", "valid", "test")]
    return []


def _yaml(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    return found


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.stem)
def test_what_a_page_says_works(page: Path, tmp_path: Path, terminal: Any) -> None:
    found = blocks(page)
    for block in found:
        if "title" in block.options:
            path = tmp_path / block.options["title"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
    for block in found:
        if block.language != "console" or "run" in block.options:
            continue
        for typed, shown in commands(block):
            done = terminal(*runnable(typed), folder=tmp_path)
            output = done.out + done.err
            assert done.code == int(block.options.get("exit", "0")), f"{shlex.join(typed)}\n{output}"
            lines = iter(output.splitlines())
            for line in shown:  # in this order; `...` at the end of a line stands for anything
                start, whole = line.removesuffix("..."), not line.endswith("...")
                assert any(said == line if whole else said.startswith(start) for said in lines), f"{line}\n{output}"


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.stem)
def test_what_a_page_only_shows_would_not_be_refused(page: Path) -> None:
    shown = [block for block in blocks(page) if block.options.get("run") == "no" and "$ " in block.text]
    for block in shown:
        for typed, _ in commands(block):
            if typed[:2] == ["seqnet", "train"] and "experiment=" in " ".join(typed) and "..." not in typed:
                train.check(compose("train", [quoted(argument) for argument in typed[2:]]))


def test_python_without_a_title_works_by_itself() -> None:
    for page in PAGES:
        for block in blocks(page):
            if block.language == "python" and not block.options.keys() & {"title", "cell"}:
                exec(compile(block.text, page.name, "exec"), {"__name__": page.stem})


WITH_CELLS = [page for page in PAGES if "```python cell=" in page.read_text(encoding="utf-8")]


@pytest.mark.parametrize("page", WITH_CELLS, ids=lambda page: page.stem)
def test_the_cells_of_a_page_work_one_after_another(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a notebook; what is shown below a cell as ```text said=exactly``` is what it says."""
    whole = run.train

    def shorter(overrides: run.Overrides = (), /, **options: Any) -> run.TrainedRun:
        typed = run.arguments_of(overrides, options)
        short = [*SHORT, "model.hidden_size=8", *few_rows(typed), *typed]
        return whole(list({argument.partition("=")[0]: argument for argument in short}.values()))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run, "train", shorter)
    space: dict[str, Any] = {"__name__": page.stem}
    said, compared = "", 0
    for block in blocks(page):
        if "cell" in block.options:
            said = said_by(block.text, space)
        elif block.options.get("said") == "exactly":
            compared += 1
            for line, found in zip(block.text.splitlines(), said.splitlines(), strict=True):
                assert found == line or (line.endswith("...") and found.startswith(line[:-3])), said
    assert compared


def said_by(cell: str, space: dict[str, Any]) -> str:
    """What a cell prints and, where it ends with an expression, its value."""
    out, body = io.StringIO(), ast.parse(cell).body
    last = body.pop() if isinstance(body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(out):
        exec(compile(ast.Module(body, []), "a cell", "exec"), space)
        value = None if last is None else eval(compile(ast.Expression(last.value), "a cell", "eval"), space)
    return out.getvalue() + ("" if value is None else repr(value))


# -------------------------------------------------------------------------------------------------- the sentences


def test_the_sentences_of_troubleshooting_are_said() -> None:
    """Each heading, in which `...` stands for anything, is of one text of the code."""
    headings = re.findall(r"^### (.+)$", (DOCS / "troubleshooting.md").read_text(encoding="utf-8"), re.MULTILINE)
    texts = [text for path in (ROOT / "seqnet").rglob("*.py") for text in texts_of(path)]

    def said(heading: str) -> bool:
        parts = parts_of(heading)
        whole = re.compile(".*".join(map(re.escape, parts)), re.DOTALL)
        return any(all(part in text for part in parts) and whole.search(text) for text in texts)

    assert len(headings) > 30
    assert [heading for heading in headings if not said(heading)] == []


def parts_of(heading: str) -> list[str]:
    return [part.strip() for part in heading.split("...") if part.strip(" ,;:'()")]


def texts_of(path: Path) -> Iterator[str]:
    """What a file says, with a sign for each thing that is put into a text."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "\0" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield re.sub(r"\{\w*\}", "\0", node.value)


# ------------------------------------------------------------------------------------------------------- the links


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda page: page.stem)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        there = page.parent / path if path else page
        assert there.exists(), f"{page.name} links to {target}"
        if anchor:
            assert anchor in anchors(there), f"{page.name} links to {target}"


def anchors(page: Path) -> set[str]:
    """The anchors that a page's headings get, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


# ------------------------------------------------------------------------------------------------------- the site


def built(source: Path, to: Path) -> tuple[int, str]:
    """The exit code of building a site of a folder's pages, and what was said; warnings are errors."""
    out, err = io.StringIO(), io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        warnings.simplefilter("ignore")
        code = build_main(
            ["-W", "-n", "--keep-going", "-q", "-c", str(DOCS), "-d", str(to / "read"), str(source), str(to)]
        )
    return code, out.getvalue() + err.getvalue()


def test_the_site_is_built_of_all_pages(tmp_path: Path) -> None:
    code, said = built(DOCS, tmp_path)
    assert code == 0, said
    index = (tmp_path / "index.html").read_text(encoding="utf-8")
    for page in PAGES:
        assert f'href="{page.stem}.html"' in index or page.stem == "index", f"{page.name} is in no menu"
    options_page = (tmp_path / "options.html").read_text(encoding="utf-8")
    for key in options():
        assert f'<span class="pre">{key}</span>' in options_page, key
    for name in ("a whole number of at least 0", "The context is the weighted mean", "experiment=sentiment"):
        assert name in options_page
    python = (tmp_path / "python.html").read_text(encoding="utf-8")
    assert all(f'id="run-{name}"' in python for name in ("predict", "evaluate", "generate", "stream", "encode"))
    assert "What seqnet trusts, and what it does not" in (tmp_path / "security.html").read_text(encoding="utf-8")
    speed = (tmp_path / "performance.html").read_text(encoding="utf-8")
    assert (
        speed.count('stroke="#c81e1e"') == (DOCS / "performance.md").read_text(encoding="utf-8").count("```mermaid") > 0
    )


@pytest.mark.parametrize(
    "wrong",
    [
        "[a](gone.md)",
        "[a](index.md#gone)",
        "[a](#gone)",
        "[a](../seqnet/gone.py)",
        "![a](gone.png)",
        "[a][gone]\n\n[gone]: gone.md",
    ],
)
def test_a_link_that_leads_nowhere_ends_the_build(wrong: str, tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages/index.md").write_text(f"# Begin\n\n## Here\n\n{wrong}\n")
    code, said = built(tmp_path / "pages", tmp_path / "to")
    assert (code, "gone" in said) == (1, True), said


def test_a_link_to_a_file_beside_the_pages_says_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages/index.md").write_text("# Begin\n\nBy [the](../seqnet/run.py), [`Makefile`](../Makefile).\n")
    code, said = built(tmp_path / "pages", tmp_path / "to")
    found = re.sub("<[^>]+>", "", (tmp_path / "to/index.html").read_text(encoding="utf-8"))
    assert (code, "By the (seqnet/run.py), Makefile." in found) == (0, True), said


# ------------------------------------------------------------------------------------------- the table of options


def documented() -> dict[str, tuple[str, str]]:
    """Each option of configuration.md: its default, and the choices that have it ("all", or names)."""
    found = {}
    for line in (DOCS / "configuration.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| `") and len(cells) in (3, 4):
            found[cells[0].strip("`")] = (cells[1], cells[2] if len(cells) == 4 else "all")
    return found


def options() -> dict[str, dict[str, Any]]:
    """Each option of the yamls: its default by choice. Those of fields and formats stand in tables of their own."""
    found: dict[str, dict[str, Any]] = {}
    for group in sorted(path.name for path in CONFIGS.iterdir() if path.is_dir()):
        if group in ("experiment", "debug", "field", "hydra"):  # these hold no options that are not elsewhere
            continue
        for path in sorted((CONFIGS / group).glob("*.yaml")):
            content = _yaml(path)
            if path.read_text(encoding="utf-8").startswith("# @package _global_"):
                content = content[group] or {}
            for key, default in _flat(_parts(group, content) | content).items():
                if key.rpartition(".")[2] not in ("_target_", "defaults"):  # `defaults` choose files of other groups
                    found.setdefault(f"{group}.{key}", {})[path.stem] = default
    for key, default in _flat(_yaml(CONFIGS / "train.yaml")).items():
        if key.partition(".")[0] not in ("defaults", "hydra"):
            found[key] = {"train": default}
    return found


def _parts(group: str, content: dict[str, Any]) -> dict[str, Any]:
    """The choices of parts of its own that a yaml makes in its defaults, but of those that have tables of their own."""
    entries = [entry for entry in content.get("defaults", ()) if isinstance(entry, dict)]
    return {part: choice for entry in entries for part, choice in entry.items() if f"{group}/{part}" != "data/format"}


def _flat(content: dict[str, Any]) -> dict[str, Any]:
    """The options of a yaml, those of a section within it by the name of both."""
    found: dict[str, Any] = {}
    for key, value in content.items():
        found |= (
            {f"{key}.{name}": each for name, each in _flat(value).items()}
            if value and isinstance(value, dict)
            else {key: value}
        )
    return found


@pytest.mark.parametrize("group", ["field", "data/format"])
def test_the_tables_of_fields_and_formats_are_those_of_their_yamls(group: str) -> None:
    found = (DOCS / "your_data.md").read_text(encoding="utf-8")
    table = found.partition(f"<!-- options of {group.rpartition('/')[2]}s -->\n")[2].partition("<!-- end -->")[0]
    assert table == of_group(group), f"the table is written by: python {Path(__file__).relative_to(ROOT)}"


def of_group(group: str) -> str:
    """Each option of a group's choices: its default and what it means as the yaml says, what it may be by the class."""
    lines = ["| of | option | default | may be | means |", "|---|---|---|---|---|"]
    for path in sorted((CONFIGS / group).glob("*.yaml")):
        may_be = options_of.of(build.locate(_yaml(path)["_target_"], None))
        for line in path.read_text(encoding="utf-8").splitlines():
            option = OPTION.fullmatch(line)
            if option and option["key"] not in ("_target_", "column"):
                words = may_be[option["key"]].words if option["key"] in may_be else ""
                cells = (f"`{path.stem}`", f"`{option['key']}`", f"`{option['default']}`", words, option["means"] or "")
                lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def test_every_option_is_in_the_table_and_nothing_else() -> None:
    assert documented().keys() == options().keys()


def test_the_table_tells_defaults_and_choices() -> None:
    table, wrong = documented(), []
    for key, by_choice in options().items():
        default, holders = table[key]
        defaults = list(by_choice.values())
        right = "differs" if any(value != defaults[0] for value in defaults) else defaults[0]
        if read(default) != right:
            wrong.append(f"{key}: the default is {right}")
        every = {path.stem for path in (CONFIGS / key.partition(".")[0]).glob("*.yaml")}
        if "train" not in by_choice and set(by_choice) != (
            every if holders == "all" else set(re.findall(r"`(\w+)`", holders))
        ):
            wrong.append(f"{key}: it belongs to {', '.join(by_choice)}")
    assert not wrong


def read(default: str) -> Any:
    """A default as Hydra reads it (YAML alone takes 1e-8 for text)."""
    found = OmegaConf.to_container(OmegaConf.create(f"value: {default.strip('`')}"))
    return found["value"] if isinstance(found, dict) else None


if __name__ == "__main__":  # writes the tables of fields and formats anew
    page = DOCS / "your_data.md"
    text = page.read_text(encoding="utf-8")
    for group in ("field", "data/format"):
        marks = rf"(<!-- options of {group.rpartition('/')[2]}s -->\n).*?(<!-- end -->)"
        table = of_group(group)
        text = re.sub(marks, lambda found, table=table: found[1] + table + found[2], text, flags=re.DOTALL)  # type: ignore[misc]
    page.write_text(text, encoding="utf-8")

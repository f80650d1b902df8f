"""What the site adds to pages that can be read without it: the navigation, every option, and what Python can call.

Nothing of it is kept: it is made anew of `index.md`, of the yaml files and of docstrings whenever the site is built.
"""

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pygments.lexers.special import TextLexer

from seqnet import build, options, relations, trust
from seqnet.options import shown
from seqnet.trust import CONFIGS

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"^\* \[[^]]*\]\((\w+)\.md\)", re.MULTILINE)
FILE = re.compile(r"(?<!!)\[([^]]*)\]\(\.\./([^)#\s]+)\)")
KEY = re.compile(r"(?P<indent> *)(?:- )?(?P<key>\w+):(?: (?P<value>[^#\s].*?))?(?:\s+# (?P<means>.*))?")
CHART = re.compile(r"^```mermaid\n(xychart-beta\n.*?)^```\n", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r" *# (?P<text>.*)")
METHODS = ("predict", "evaluate", "generate", "stream", "encode")
NOT_MEANT = ("defaults", "hydra", "_target_")


def setup(app: Any) -> dict[str, Any]:
    """Let Sphinx ask for what is added to each page as it is read."""
    app.add_lexer("csv", TextLexer)
    app.connect("source-read", lambda app, name, content: content.__setitem__(0, added(name, content[0], app.env)))
    return {"parallel_read_safe": True}


def added(name: str, text: str, env: Any) -> str:
    """The text of a page, and what is added to it."""
    if name == "security":
        return (ROOT / "SECURITY.md").read_text(encoding="utf-8").replace("](docs/", "](")
    makers = {"index": lambda: navigation(text, sorted(env.found_docs)), "options": every_option, "python": reference}
    shown = FILE.sub(in_the_repository, text.replace("](../SECURITY.md", "](security.md"))
    return CHART.sub(lambda found: chart(found[1]), shown) + (makers[name]() if name in makers else "")


def in_the_repository(link: re.Match[str]) -> str:
    """The words of a link to a file beside the pages, which no site holds, and where it is; one to no file stays."""
    words, path = link.groups()
    if not (ROOT / path).is_file():
        return link[0]
    return words if path in words else f"{words} (`{path}`)"


# --------------------------------------------------------------------------------------------------------- the charts


def chart(text: str) -> str:
    """A chart of Mermaid's `xychart-beta`, which other readers of these pages draw, as a drawing: bars and a line."""
    titles = re.findall(r'axis "(.+?)"', text)
    labels, *series = [[one.strip() for one in found.split(",")] for found in re.findall(r"\[(.+?)\]", text)]
    bars, heights = ([float(one) for one in each] for each in series)
    most, step = max(*bars, *heights), 640 / len(labels)
    drawn, points = [], []
    for place, (label, bar, height) in enumerate(zip(labels, bars, heights, strict=True)):
        at, top = 40 + step * (place + 0.5), 200 - 160 * bar / most
        points.append(f"{at:.0f},{200 - 160 * height / most:.0f}")
        drawn += [
            f'<rect x="{at - 25:.0f}" y="{top:.0f}" width="50" height="{200 - top:.0f}" fill="#9cc7ee"/>',
            f'<text x="{at:.0f}" y="{top - 6:.0f}">{bar:g}</text>',
            f'<text x="{at:.0f}" y="218">{label}</text>',
        ]
    drawn.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="#c81e1e" stroke-width="2.5"/>')
    drawn.append(f'<text x="360" y="238">{titles[0]}</text><text x="360" y="16">{titles[1]}</text>')
    start = '<svg viewBox="0 0 720 246" role="img" style="max-width: 720px; font: 13px sans-serif; text-anchor: middle"'
    return f'{start} fill="currentColor">{"".join(drawn)}</svg>\n'


# ----------------------------------------------------------------------------------------------------- the navigation


def navigation(index: str, pages: list[str]) -> str:
    """A tree of contents: the links that stand under each heading, and behind them the pages that have none."""
    parts = [part.partition("\n") for part in re.split(r"^## ", index, flags=re.MULTILINE)[1:]]
    sections = [(title, LINK.findall(links)) for title, _, links in parts]
    linked = {page for _, several in sections for page in several} | {"index"}
    rest = [page for page in pages if page not in linked]
    return "".join(
        "\n\n```{toctree}\n:hidden:\n:caption: " + title + "\n\n" + "\n".join(several) + "\n```\n"
        for title, several in [*sections, ("More", rest)]
        if several
    )


# -------------------------------------------------------------------------------------------------------- the options


@dataclass
class Line:
    """An option as its yaml has it."""

    key: str
    default: str
    means: str
    chosen: bool = False  # of the files of a group


def lines(path: Path) -> tuple[str, list[Line]]:
    """What a yaml file says it is for, and its options, those of sections within it by the names of both."""
    about: list[str] = []
    found: list[Line] = []
    sections: list[tuple[int, str]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        comment, key = COMMENT.fullmatch(line), KEY.fullmatch(line)
        if comment:
            if found:
                found[-1].means += f" {comment['text']}"
            elif not comment["text"].startswith("@package"):
                about.append(comment["text"])
        elif key and key["key"]:
            indent = len(key["indent"])
            sections = [(depth, name) for depth, name in sections if depth < indent]
            if key["value"]:
                names = [name for _, name in sections if name != "defaults"]
                chosen = len(names) < len(sections)
                found.append(Line(".".join([*names, key["key"]]), key["value"], key["means"] or "", chosen))
            else:
                sections.append((indent, key["key"]))
    return " ".join(about), [one for one in found if one.key.partition(".")[0] not in NOT_MEANT]


def every_option() -> str:
    """All groups with their choices, what each is, and its options."""
    parts = ["\n\n## Options of no group\n"]
    parts += table(lines(CONFIGS / "train.yaml")[1], {}, "", "train")
    for command in sorted(path.stem for path in CONFIGS.glob("*.yaml") if path.stem != "train"):
        about, found = lines(CONFIGS / f"{command}.yaml")
        parts += [f"\n## Options of `seqnet {command}`\n", about, "", *table(found, {}, "", command)]
    for group in groups():
        parts += [f"\n## {group}\n", *chosen(group)]
    return "\n".join(parts) + "\n"


def groups() -> list[str]:
    """The folders that hold choices."""
    found = {path.parent.relative_to(CONFIGS).as_posix() for path in CONFIGS.glob("*/**/*.yaml")}
    return sorted(name for name in found if name.partition("/")[0] != "hydra")


def chosen(group: str) -> Iterator[str]:
    """The choices of a group: those with options by themselves, the others in one table."""
    small = []
    for path in sorted((CONFIGS / group).glob("*.yaml")):
        about, found = lines(path)
        target = yaml.safe_load(path.read_text(encoding="utf-8")).get("_target_")
        cls = None if target is None else build.locate(target, None)
        own = cls is not None and target.startswith("seqnet.")
        says = about or (first_paragraph(cls) if own else "" if target is None else f"`{target}`")
        if group in ("experiment", "debug") or (not found and own):
            small.append(f"| `{group}={path.stem}` | {cell(says)} |")
            continue
        yield f"\n### `{group}={path.stem}`\n"
        yield markdown(inspect.getdoc(cls) or "") if own else markdown(says)
        yield ""
        glob = path.read_text(encoding="utf-8").startswith("# @package _global_")
        yield from table(
            found, {} if cls is None else options.of(cls), "" if glob else trust.package_of(group), "train"
        )
    if small:
        yield from ("| choice | is |", "|---|---|", *small)


def first_paragraph(cls: Any) -> str:
    """What a class is, in its first words."""
    return " ".join((inspect.getdoc(cls) or "").partition("\n\n")[0].split())


def table(found: list[Line], may_be: dict[str, options.Option], package: str, command: str) -> Iterator[str]:
    """Options with their defaults, what each may be as its class or its key says, and what it means."""
    if not found:
        return
    yield from ("| option | default | may be | means |", "|---|---|---|---|")
    for one in found:
        key = f"{package}.{one.key}" if package else one.key
        default = yaml.safe_load(f"value: {one.default}")["value"]
        group = key.replace(".", "/")
        if one.chosen and group in groups():
            words = f"[a choice](#{group.replace('/', '')})"
        else:
            words = cell(may_be.get(one.key, relations.option(key, default, command)).words)
        yield f"| `{key}` | `{shown(default)}` | {words} | {cell(one.means)} |"


def markdown(text: str) -> str:
    """A docstring as Markdown: signs count as such only within back quotes, and lines are not kept."""
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n")]
    return "\n\n".join(
        "`".join(
            re.sub(r"([*<\[_|$])", r"\\\1", part) if place % 2 == 0 else part
            for place, part in enumerate(one.split("`"))
        )
        for one in paragraphs
    )


def cell(text: str) -> str:
    """The same in one cell of a table."""
    return "`".join(
        part.replace("|", "\\|") if place % 2 else markdown(part) + " " * part.endswith(" ")
        for place, part in enumerate(text.split("`"))
    )


# ------------------------------------------------------------------------------------------------------------- Python


def reference() -> str:
    """What `seqnet` offers to Python: how each is called, and its docstring."""
    from seqnet import run

    parts = ["\n\n## Reference\n"]
    for name, what in [
        *((f"seqnet.{name}", getattr(run, name)) for name in ("load", "train")),
        *((f"run.{name}", getattr(run.TrainedRun, name)) for name in METHODS),
    ]:
        parts += [f"### {name}\n", "```python", f"{name}{called(what)}", "```\n", markdown(inspect.getdoc(what)), ""]
    return "\n".join(parts)


def called(function: Any) -> str:
    """Its arguments as its file has them, but for `self`, one a line where they are many."""
    (tree,) = ast.parse(inspect.cleandoc("\n" + inspect.getsource(function))).body
    assert isinstance(tree, ast.FunctionDef) and tree.returns is not None
    tree.args.args = [one for one in tree.args.args if one.arg != "self"]
    line = f"({ast.unparse(tree.args)}) -> {ast.unparse(tree.returns)}"
    if len(line) < 75:
        return line
    several = re.split(r", (?![^\[(]*[\])])", ast.unparse(tree.args))  # at commas outside of brackets
    return "(\n" + "".join(f"    {one},\n" for one in several) + f") -> {ast.unparse(tree.returns)}"

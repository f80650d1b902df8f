"""The user's yaml files, looked at before Hydra composes them: what is wrong is told with file and line.

Only those that a command line chooses are read, and those that their defaults lists name. Read without torch.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml  # type: ignore[import-untyped]
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from seqnet import trust
from seqnet.errors import ConfigurationError

HEADER = 512  # characters at the top of a file in which `# @package` is looked for
DEFAULTS, GLOBAL = "defaults", "_global_"
ACROSS = ("experiment", "debug")  # groups that have no options of their own
TEXT, NULL = "tag:yaml.org,2002:str", "tag:yaml.org,2002:null"
NOT_OF_ITS_TAG = (AttributeError, LookupError, TypeError, ValueError)  # what yaml meets in `!!int zebra`


def check(folder: Path, choices: Iterable[str]) -> None:
    """Read the files of `folder` that choices such as "experiment/mine" lead to. Raises ConfigurationError."""
    chosen = list(choices)
    waiting, seen = [*chosen], set[str]()
    while waiting:
        name = waiting.pop()
        path = folder / f"{name}.yaml"
        if name not in seen and path.is_file():
            seen.add(name)
            waiting += _read(path, name.rpartition("/")[0], name in chosen)


def _read(path: Path, group: str, chosen: bool) -> list[str]:
    """The choices that a file's defaults list names. Raises ConfigurationError.

    chosen: the file itself is, so that only its header says where its options belong.
    """
    try:
        written = path.read_bytes()
        text = written.decode("utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise _refusal(path, written.count(b"\n", 0, error.start) + 1, "holds bytes that are no UTF-8") from error
    if text.startswith("\ufeff"):  # behind which Hydra does not see the header
        raise _refusal(path, 1, "begins with a byte order mark: save it without")
    package = _package(path, text)
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        if tree is not None and not isinstance(tree, yaml.MappingNode):
            raise _refusal(path, _line(tree), "must hold options, each as KEY: VALUE, and holds none")
        OmegaConf.create(text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _refusal(path, line, "holds a control character") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
        raise _refusal(path, line, f"is no yaml that can be read: {_told(error)}") from error
    except OmegaConfBaseException as error:
        sentence = str(error).partition("\n")[0]
        raise _refusal(path, _line_of(tree, error.full_key), f"cannot be read: {sentence}") from error
    except RecursionError as error:
        raise _refusal(path, 1, "holds itself in itself, or too much in one another") from error
    except NOT_OF_ITS_TAG as error:
        line = next((_line(node) for node in _scalars(tree) if not _constructs(node)), 1)
        raise _refusal(path, line, "has a value that is not what its tag says") from error
    if chosen and group in ACROSS and package is None:
        raise _refusal(path, 1, f"must begin with '# @package {GLOBAL}', as its options are of the whole configuration")
    found = []
    for key, value in [] if tree is None else tree.value:
        if key.value == DEFAULTS:
            found += list(_named(path, value, group))
        elif package == GLOBAL and isinstance(value, yaml.SequenceNode) and key.value in _sections():
            raise _refusal(path, _line(value), f"gives {key.value} a list, and it holds options of its own")
    return found


def _package(path: Path, text: str) -> str | None:
    """What the header says, read as Hydra does."""
    for number, line in enumerate(text[:HEADER].splitlines(), 1):
        words = line.strip().lstrip("#").split()
        if line.strip() and not (line.strip().startswith("#") and words and words[0].startswith("@")):
            return None
        if words and len(words) != 2:
            raise _refusal(path, number, "has a header that is not of the form '# @package NAME'")
        if words and words[0] == "@package":
            return words[1]
    return None


def _sections() -> set[str]:
    return {package or group for group, _, package in (name.partition("@") for name in trust.groups())}


def _named(path: Path, defaults: yaml.Node, group: str) -> Iterator[str]:
    """The choices of a defaults list, as paths from the folder. group: of the file that has the list."""
    if not isinstance(defaults, yaml.SequenceNode):
        raise _refusal(path, _line(defaults), "has defaults that are no list")
    for entry in defaults.value:
        key, values = "", [entry]
        if isinstance(entry, yaml.MappingNode) and len(entry.value) == 1:
            key, value = entry.value[0][0].value, entry.value[0][1]
            values = value.value if isinstance(value, yaml.SequenceNode) else [value]
        if not all(
            isinstance(value, yaml.ScalarNode) and value.tag in (TEXT, *([NULL] if key else [])) for value in values
        ):
            raise _refusal(path, _line(entry), "has a default that is neither a NAME nor GROUP: NAME")
        folder = key.split(" ")[-1].partition("@")[0]
        for value in values:
            name = f"{folder}/{value.value}" if folder else value.value.partition("@")[0]
            yield name[1:] if name.startswith("/") else f"{group}/{name}"


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _scalars(node: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    if isinstance(node, yaml.ScalarNode):
        yield node
    elif node is not None:
        for part in node.value:
            for one in part if isinstance(part, tuple) else (part,):
                yield from _scalars(one)


def _constructs(node: yaml.ScalarNode) -> bool:
    try:
        yaml.SafeLoader("").construct_object(node)
    except NOT_OF_ITS_TAG:
        return False
    return True


def _line_of(tree: yaml.Node | None, key: str | None) -> int:
    """Where a dotted key stands, as far as it is found."""
    line = 1
    for part in (key or "").split("."):
        pairs = tree.value if isinstance(tree, yaml.MappingNode) else []
        found = next(((name, value) for name, value in pairs if name.value == part), None)
        if found is None:
            break
        line, tree = _line(found[0]), found[1]
    return line


def _told(error: yaml.MarkedYAMLError) -> str:
    """What is wrong, in the parser's words."""
    problem = (error.problem or error.context or "").replace("character '\\t'", "a TAB")
    return " ".join(problem.removeprefix("but ").split())


def _refusal(path: Path, line: int, what: str) -> ConfigurationError:
    return ConfigurationError(f"{path}, line {line}: it {what}")

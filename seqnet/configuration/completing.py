"""What may come next on a command line, for the completion of shells."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from hydra.plugins.completion_plugin import DefaultCompletionPlugin
from omegaconf.errors import OmegaConfBaseException

from seqnet import relations, trust
from seqnet.configuration.choices import choices_of, group_folders
from seqnet.configuration.loading import initialise, loader
from seqnet.configuration.overrides import config_dir

LAUNCHER = "hydra/launcher="
PATHS = ("resume", "data.path", *(key for key, option in relations.OPTIONS.items() if option is relations.PATH))


def completions(command: str, words: Sequence[str], begun: str, files: Callable[[str], Sequence[str]]) -> list[str]:
    """The words that go on from `begun`: groups, their choices, keys and what they may hold. words: those before it.

    files: the paths that go on from a text.
    """
    key, sign, value = begun.partition("=")
    if not sign:
        return _asked(command, words, begun)
    *others, last = value.split(",")  # of a sweep the value that is begun
    before = f"{key}={','.join([*others, ''])}"
    if key in PATHS:
        return [f"{before}{path}" for path in files(last)]
    return [f"{before}{one}" for one in _values(command, words, key) if one.startswith(last) and one not in others]


def _values(command: str, words: Sequence[str], key: str) -> list[str]:
    """What may be chosen of a group, or what a key may hold, as far as that is known."""
    group = trust.parts().get(key, key.partition("@")[0].lstrip("+"))
    if group in group_folders():
        own = config_dir(words)
        return sorted({*choices_of(group), *(path.stem for path in Path(own or "", group).glob("*.yaml") if own)})
    option = (relations.COMMAND_OPTIONS if command != "train" else {}).get(key) or relations.OPTIONS.get(key)
    if option is not None and option.choices:
        return list(option.choices)
    now = [word.partition("=")[2] for word in _asked(command, words, f"{key}=")]
    return ["false", "true"] if now and now[0] in ("false", "true") else now


def _asked(command: str, words: Sequence[str], begun: str) -> list[str]:
    """What Hydra says of what is composed of the words before."""
    initialise()
    plugin: Any = DefaultCompletionPlugin(loader())
    try:
        found = plugin._query(command, " ".join([*words, begun]) + " " * (not begun))
    except (HydraException, OmegaConfBaseException, ValueError):
        return []
    finally:
        GlobalHydra.instance().clear()
    launcher = (
        [LAUNCHER] if begun and begun != LAUNCHER and LAUNCHER.startswith(begun) else []
    )  # of Hydra's own what a sweep is run by
    own = (word for word in found if not word.startswith("hydra") or word.startswith(LAUNCHER))
    return sorted({word for word in (*own, *launcher) if word.startswith(begun) and "._" not in word})

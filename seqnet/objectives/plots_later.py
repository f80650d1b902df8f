"""torchmetrics without its plots, which nobody here draws: it would import matplotlib, which takes a second, for each.

What stands in their place has the names of their types, and functions that import them when they are called.
"""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

PLOTS = "torchmetrics.utilities.plot"
TYPES = ("_AX_TYPE", "_CMAP_TYPE", "_PLOT_OUT_TYPE")


class PlotsLater(ModuleType):
    """Stands for torchmetrics' plots until one is drawn."""

    def __getattr__(self, name: str) -> Any:
        if name in TYPES:
            return object
        if name.startswith("__"):
            raise AttributeError(name)
        return _drawn_by(name)


def _drawn_by(name: str) -> Callable[..., Any]:
    def draw(*args: Any, **kwargs: Any) -> Any:
        if isinstance(sys.modules.get(PLOTS), PlotsLater):
            del sys.modules[PLOTS]
        import torchmetrics.utilities.plot  # noqa: F401  the real one

        return getattr(sys.modules[PLOTS], name)(*args, **kwargs)

    return draw


sys.modules.setdefault(PLOTS, PlotsLater(PLOTS))

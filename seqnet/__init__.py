"""Train recurrent sequence models: one loop, truncated back-propagation, Hydra configurations.

In Python: `seqnet.load(run)` reads a trained run back to be asked, `seqnet.train(overrides)` makes one.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seqnet.run import Answer, Evaluation, Sample, TrainedRun, load, train

__version__ = "0.1.0"
__all__ = ["Answer", "Evaluation", "Sample", "TrainedRun", "__version__", "load", "train"]


def __getattr__(name: str) -> Any:
    """What is for Python is imported, and torch with it, when it is first asked for."""
    if name in __all__:
        from seqnet import run

        return getattr(run, name)
    raise AttributeError(f"module 'seqnet' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

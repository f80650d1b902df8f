"""`seqnet export`: a trained run as ONNX graphs, JSON and one Python file, for where there is no torch."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from seqnet.errors import ConfigurationError, did_you_mean
from seqnet.exporting.folder import check_output

NEEDED = ("onnx", "onnxscript", "onnxruntime")
WAYS = ("int8",)


def run(config: dict[str, Any]) -> int:
    """Write the folder and tell what is in it; the exit code."""
    run, way = Path(config["run"]), config["quantize"]
    output = check_output(config["output"], run)
    if way is not None and way not in WAYS:
        raise ConfigurationError(f"quantize={way} must be int8 or null{did_you_mean(str(way), WAYS)}")
    missing = [name for name in NEEDED if not _is_installed(name)]
    if missing:
        raise ConfigurationError(f"seqnet export needs the package {missing[0]}: pip install 'seqnet[export]'")
    from seqnet.commands.exporting import export  # which imports torch

    return export(run, output, config)


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ValueError:  # something stands in its place
        return False

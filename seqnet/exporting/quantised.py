"""Weights of graphs as whole numbers of 8 bits, each tensor with a scale of its own."""

import logging
import tempfile
from pathlib import Path


def quantised(content: bytes) -> bytes:
    """A graph whose weights are int8; what they are multiplied with is scaled as it comes (dynamic quantisation)."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    root = logging.getLogger()
    before, root.disabled = root.disabled, True  # it recommends another example
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "graph.onnx"
            quantize_dynamic(onnx.load_from_string(content), path, weight_type=QuantType.QInt8)
            return path.read_bytes()
    finally:
        root.disabled = before

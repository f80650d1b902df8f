"""Embeddings as TensorBoard's projector reads them: a table of vectors, a list of names, and a file that lists both."""

from collections.abc import Mapping
from io import StringIO
from pathlib import Path

import numpy as np
from google.protobuf import text_format  # type: ignore[import-untyped]
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

from seqnet.errors import on_disk
from seqnet.observers.run import Embedding
from seqnet.observers.text_image import visible

MOST = 10_000  # vectors; a browser holds few more


def write_embeddings(folder: Path, embeddings: Mapping[str, Embedding]) -> None:
    """Write them into the folder of a run, of each the first 10,000. Raises DiskError."""
    config = ProjectorConfig()
    for number, (name, embedding) in enumerate(embeddings.items(), 1):
        weight = embedding.weight.detach()[:MOST].float().cpu().numpy()
        one = config.embeddings.add(tensor_name=name, tensor_shape=weight.shape)
        one.tensor_path, one.metadata_path = f"embedding_{number}.tsv", f"embedding_{number}_names.tsv"
        vectors = StringIO()
        np.savetxt(vectors, weight, fmt="%.6g", delimiter="\t")
        _write(folder / one.tensor_path, vectors.getvalue())
        _write(folder / one.metadata_path, "".join(f"{visible(each)}\n" for each in embedding.names[:MOST]))
    if embeddings:
        _write(folder / "projector_config.pbtxt", text_format.MessageToString(config))


def _write(path: Path, text: str) -> None:
    with on_disk(path):
        path.unlink(missing_ok=True)  # it could be a link to somewhere else
        with path.open("x", encoding="utf-8") as file:
            file.write(text)

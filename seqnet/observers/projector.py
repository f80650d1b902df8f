"""Embeddings as TensorBoard's projector reads them: a table of vectors, a list of names, and a file that lists both."""

from collections.abc import Mapping
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
        with on_disk(folder / one.tensor_path):
            np.savetxt(folder / one.tensor_path, weight, fmt="%.6g", delimiter="\t")
        names = (visible(each) for each in embedding.names[:MOST])
        with on_disk(folder / one.metadata_path):
            (folder / one.metadata_path).write_text("".join(f"{each}\n" for each in names), encoding="utf-8")
    if embeddings:
        path = folder / "projector_config.pbtxt"
        with on_disk(path):
            path.write_text(text_format.MessageToString(config), encoding="utf-8")

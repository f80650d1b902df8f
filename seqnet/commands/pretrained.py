"""Word vectors of a file in a model that is about to be trained: `model.embeddings=FILE`."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
from torch import nn

from seqnet import build
from seqnet.data import word_vectors
from seqnet.data.word_vectors import WordVectors
from seqnet.errors import ConfigurationError
from seqnet.options import shown
from seqnet.specs import Tokens

Config = dict[str, Any]


def read(config: Config, source: Any, typed: Collection[str]) -> WordVectors | None:
    """The vectors of what the first input's vocabulary holds, whose width is the configuration's from now on.

    None where no file is named. Raises ConfigurationError for a width that was typed and is another, for an input that
    has no vocabulary and for a run that starts with another's weights; DataError for the file.
    """
    name = config["model"].get("embeddings")
    if name is None:
        return None
    if config["init_from"]:
        raise ConfigurationError(
            f"model.embeddings={shown(name)} and init_from={shown(config['init_from'])} give the same weights: leave "
            "one of them out"
        )
    space = source.inputs if getattr(source, "source", None) is None else source.source
    if not isinstance(space, Tokens):
        raise ConfigurationError(
            f"model.embeddings={shown(name)} is of words, and the first input of this data is none: leave it out"
        )
    found = word_vectors.read(Path(name), space.names)
    width = config["model"]["embedding_size"]
    if "model.embedding_size" in typed and width != found.width:
        raise ConfigurationError(
            f"model.embedding_size={shown(width)}, but the vectors of {shown(name)} have {found.width} numbers: leave "
            "model.embedding_size out"
        )
    config["model"]["embedding_size"] = found.width
    return found


def put(model: nn.Module, vectors: WordVectors, name: str) -> str:
    """Begin with these vectors, and draw those of other entries as widely spread; a sentence that tells how many.

    Raises ConfigurationError where the first input is not embedded.
    """
    embedding = build.word_embedding(model)
    if embedding is None:
        raise ConfigurationError(f"model.embeddings={shown(name)} is of an embedding, and this model has none")
    with torch.no_grad():
        if len(vectors.vectors) > 1:
            embedding.weight.normal_(0, vectors.vectors.std().item())
        embedding.weight[vectors.places] = vectors.vectors.to(embedding.weight)
    known, entries = len(vectors.places), embedding.num_embeddings
    return f"{known:,} of the vocabulary's {entries:,} entries ({known / entries:.1%}) begin with a vector of {name}"

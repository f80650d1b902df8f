"""What is dropped around any cell in any model: weights between states, words and their vectors, and what is locked."""

from torch import nn

from seqnet.errors import ConfigurationError
from seqnet.layers.dropout import Drop
from seqnet.layers.layer import Layer
from seqnet.layers.weight_drop import recurrent_weights
from seqnet.models.encoders.tokens import TokenEmbedding


def regularise(
    model: nn.Module,
    locked_dropout: bool = False,
    weight_dropout: float = 0.0,
    embedding_dropout: float = 0.0,
    word_dropout: float = 0.0,
) -> None:
    """Tell every part of a model what it drops in training; of what is 0 or false nothing is told.

    locked_dropout: of each `Drop`. weight_dropout: of each recurrent `Layer`. embedding_dropout and word_dropout: of
    each `TokenEmbedding`, of sources and of what a decoder reads alike. Raises ConfigurationError where a cell says of
    none of its weights that they are recurrent, or nothing that is read has an unknown token.
    """
    embeddings = [module for module in model.modules() if isinstance(module, TokenEmbedding)]
    if word_dropout and all(one.unknown is None for one in embeddings):
        raise ConfigurationError(
            f"model.word_dropout={word_dropout} reads the unknown token in place of others, and nothing that is "
            "embedded here has one: set model.word_dropout=0"
        )
    for one in embeddings:
        one.embedding_dropout = embedding_dropout or one.embedding_dropout
        one.word_dropout = word_dropout or one.word_dropout
    for module in model.modules():
        if isinstance(module, Drop):
            module.locked = locked_dropout or module.locked
        elif isinstance(module, Layer) and weight_dropout:
            if not recurrent_weights(module.cell):
                raise ConfigurationError(
                    f"model.weight_dropout={weight_dropout} drops weights that a state is multiplied by, and "
                    f"{type(module.cell).__name__} names none: give it recurrent_weights, such as ('weight_hh',), or "
                    "set model.weight_dropout=0"
                )
            module.weight_dropout = weight_dropout

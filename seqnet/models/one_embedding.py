"""Source, target and output layer of an encoder-decoder that have one embedding between them."""

from torch import nn

from seqnet.errors import ConfigurationError
from seqnet.models.encoders.tokens import NOT_LINEAR, TokenEmbedding, tie


def share(source: nn.Module | None, target: nn.Module, alike: bool) -> None:
    """Let a source's encoder embed its tokens as the target's does. alike: both have one vocabulary.

    Raises ConfigurationError where one of them has no embedding, or they are not alike.
    """
    if not isinstance(source, TokenEmbedding) or not isinstance(target, TokenEmbedding) or not alike:
        raise ConfigurationError(
            "model.shared_embedding=true needs one vocabulary of source and target, embedded: set "
            "data.fields.ONE.vocabulary=OTHER and model.embedding_size, or model.shared_embedding=false"
        )
    source.embedding = target.embedding


def tie_output(source: nn.Module | None, target: nn.Module, head: nn.Module, embedding_std: float) -> None:
    """Make the weight of the target's embedding, and of the source's where they share it, that of the output layer.

    Raises ConfigurationError where they do not have one size, or one of them is of another kind.
    """
    if not isinstance(target, TokenEmbedding):
        raise ConfigurationError(
            "model.tied=true shares the weight of a token embedding, and this decoder has none: set "
            "model.embedding_size and write tokens, or set model.tied=false"
        )
    if target.embedding.num_embeddings != head.out_features:
        raise ConfigurationError(
            f"model.tied=true needs outputs over the {target.embedding.num_embeddings} tokens that the "
            f"decoder reads, but this task's objective has {head.out_features} outputs: set model.tied=false"
        )
    if not isinstance(head, nn.Linear):
        raise ConfigurationError(NOT_LINEAR)
    tie(target.embedding, head, embedding_std)
    if isinstance(source, TokenEmbedding) and source.embedding is target.embedding:
        source.embedding.weight = head.weight

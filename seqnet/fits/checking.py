"""The laws that a configuration is held to."""

from seqnet import build
from seqnet.errors import ConfigurationError
from seqnet.fits import laws
from seqnet.fits.alternatives import advised
from seqnet.fits.parts import Parts
from seqnet.fits.small import check_attention, small_cells


def check(parts: Parts) -> None:
    """Raises ConfigurationError, which names what would fit, where a law does not hold."""
    for law in laws.LAWS:
        wrong = law.wrong(parts)
        if wrong is not None:
            raise ConfigurationError(advised(parts, law, wrong))
    small_cells(parts)
    check_attention(parts)
    targets = getattr(parts.source, "targets", None)
    if targets is not None:
        build.make(parts.config["objective"], parts.trust, targets=targets)

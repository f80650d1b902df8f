"""Does what a configuration puts together fit? By what its classes say of themselves, before data is read."""

from seqnet.fits.checking import check
from seqnet.fits.idle import check_idle
from seqnet.fits.laws import settle
from seqnet.fits.parts import Parts

__all__ = ["Parts", "check", "check_idle", "settle"]

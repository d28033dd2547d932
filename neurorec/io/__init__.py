"""Foreign formats, one door each, and the store that keeps recordings and results."""

from neurorec.io.nwb.read import read_nwb

__all__ = ["read_nwb"]

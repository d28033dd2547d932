"""Compiled loops of the population GLM: what matrix products cannot do fast."""

"""Generalised linear models of every unit at once."""

from neurorec.glm.curvature import Curvature, gram_eigh
from neurorec.glm.population import PopulationFit, fit_population, penalty_path
from neurorec.glm.scores import bits_per_spike, deviance, fraction_deviance_explained
from neurorec.glm.status import EXPLANATIONS, Status

__all__ = [
    "EXPLANATIONS",
    "Curvature",
    "PopulationFit",
    "Status",
    "bits_per_spike",
    "deviance",
    "fit_population",
    "fraction_deviance_explained",
    "gram_eigh",
    "penalty_path",
]

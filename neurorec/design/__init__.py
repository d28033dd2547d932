"""The design: what may predict a unit's activity."""

from neurorec.design.bases import Basis, b_spline, boxcar, gaussian, gaussians_at, raised_cosine
from neurorec.design.conditions import condition_labels
from neurorec.design.config import terms_from_config, terms_to_config
from neurorec.design.default import DefaultDesign, default_terms
from neurorec.design.lagging import Runs, cross_trials, filter_in_runs, find_runs
from neurorec.design.matrix import design_matrix
from neurorec.design.places import Place
from neurorec.design.runyan2017 import COUPLING_PEAKS, RUNYAN2017, Preset, coupling_basis, runyan2017_terms
from neurorec.design.terms import Coupling, Drift, Event, History, PopulationMean, Signal, Term, source_activity

__all__ = [
    "COUPLING_PEAKS",
    "RUNYAN2017",
    "Basis",
    "Coupling",
    "DefaultDesign",
    "Drift",
    "Event",
    "History",
    "Place",
    "PopulationMean",
    "Preset",
    "Runs",
    "Signal",
    "Term",
    "b_spline",
    "boxcar",
    "condition_labels",
    "coupling_basis",
    "cross_trials",
    "default_terms",
    "design_matrix",
    "filter_in_runs",
    "find_runs",
    "gaussian",
    "gaussians_at",
    "raised_cosine",
    "runyan2017_terms",
    "source_activity",
    "terms_from_config",
    "terms_to_config",
]

"""Timescales: how long activity remembers, and how near it is to criticality."""

from neurorec.timescales.autocorrelation import TimescaleFit, fit_timescale
from neurorec.timescales.avalanches import (
    AvalancheFit,
    Avalanches,
    avalanche_statistics,
    find_avalanches,
    fit_avalanches,
)
from neurorec.timescales.branching import BranchingFit, branching_ratio, expected_slopes, fit_branching
from neurorec.timescales.by_unit import intrinsic_timescale, timescale_by_area
from neurorec.timescales.covariance import Autocovariance, autocovariance, expected_autocovariance
from neurorec.timescales.crackling import CracklingFit, ShapeCollapse, collapse_shapes, fit_crackling
from neurorec.timescales.power_laws import PowerLawFit, fit_power_law

__all__ = [
    "Autocovariance",
    "AvalancheFit",
    "Avalanches",
    "BranchingFit",
    "CracklingFit",
    "PowerLawFit",
    "ShapeCollapse",
    "TimescaleFit",
    "autocovariance",
    "avalanche_statistics",
    "branching_ratio",
    "collapse_shapes",
    "expected_autocovariance",
    "expected_slopes",
    "find_avalanches",
    "fit_avalanches",
    "fit_branching",
    "fit_crackling",
    "fit_power_law",
    "fit_timescale",
    "intrinsic_timescale",
    "timescale_by_area",
]

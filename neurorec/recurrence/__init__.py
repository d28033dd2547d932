"""The benefit of recurrence: what coupling buys, by area, and whether to believe it."""

from neurorec.recurrence.benefit import STEPS, collect_benefit, count_fits, fit_step, recurrence_benefit
from neurorec.recurrence.by_area import FEWEST_EVENTS, by_area, pool_sessions
from neurorec.recurrence.controls import matched_sources
from neurorec.recurrence.folds import deal_trials, training_bins
from neurorec.recurrence.models import Model
from neurorec.recurrence.problem import PENALTIES, Problem, pose_problem
from neurorec.recurrence.statistics import AreaEffect, compare_areas, false_discovery, unit_p_values

__all__ = [
    "FEWEST_EVENTS",
    "PENALTIES",
    "STEPS",
    "AreaEffect",
    "Model",
    "Problem",
    "by_area",
    "collect_benefit",
    "compare_areas",
    "count_fits",
    "deal_trials",
    "false_discovery",
    "fit_step",
    "matched_sources",
    "pool_sessions",
    "pose_problem",
    "recurrence_benefit",
    "training_bins",
    "unit_p_values",
]

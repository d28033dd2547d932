"""The benefit of recurrence: what coupling buys, by area, and whether to believe it."""

from neurorec.recurrence.benefit import collect_benefit, recurrence_benefit
from neurorec.recurrence.by_area import FEWEST_EVENTS, all_units, by_area, pool_sessions
from neurorec.recurrence.coding import INFORMATIVE, class_information, code_consistency
from neurorec.recurrence.consistency import Consistency, log_odds_consistency
from neurorec.recurrence.controls.matched import fit_matched, fit_matched_rate, fit_matched_trials, matched_sources
from neurorec.recurrence.folds import deal_trials, training_bins
from neurorec.recurrence.information import (
    Decoded,
    Information,
    average_information,
    class_posterior,
    confusion_information,
    decode_trials,
    decoded_information,
    find_power,
)
from neurorec.recurrence.measures import MEASURES, Measure
from neurorec.recurrence.models import Model
from neurorec.recurrence.problem import PENALTIES, Problem, pose_problem
from neurorec.recurrence.statistics import AreaEffect, compare_areas, false_discovery, unit_p_values
from neurorec.recurrence.steps import STEPS, check_steps, count_fits, fit_step, needs_of

__all__ = [
    "FEWEST_EVENTS",
    "INFORMATIVE",
    "MEASURES",
    "PENALTIES",
    "STEPS",
    "AreaEffect",
    "Consistency",
    "Decoded",
    "Information",
    "Measure",
    "Model",
    "Problem",
    "all_units",
    "average_information",
    "by_area",
    "check_steps",
    "class_information",
    "class_posterior",
    "code_consistency",
    "collect_benefit",
    "compare_areas",
    "confusion_information",
    "count_fits",
    "deal_trials",
    "decode_trials",
    "decoded_information",
    "false_discovery",
    "find_power",
    "fit_matched",
    "fit_matched_rate",
    "fit_matched_trials",
    "fit_step",
    "log_odds_consistency",
    "matched_sources",
    "needs_of",
    "pool_sessions",
    "pose_problem",
    "recurrence_benefit",
    "training_bins",
    "unit_p_values",
]

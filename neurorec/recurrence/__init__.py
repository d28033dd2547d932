"""The benefit of recurrence: what coupling buys, by area, and whether to believe it."""

from neurorec.recurrence.benefit import collect_benefit, recurrence_benefit
from neurorec.recurrence.by_area import FEWEST_EVENTS, all_units, by_area, pool_sessions
from neurorec.recurrence.controls.matched import fit_matched, fit_matched_rate, fit_matched_trials, matched_sources
from neurorec.recurrence.fitting import fit_model
from neurorec.recurrence.folds import deal_trials, training_bins
from neurorec.recurrence.information.bits import (
    Decoded,
    Information,
    average_information,
    class_posterior,
    confusion_information,
    decode_trials,
    decoded_information,
    find_power,
)
from neurorec.recurrence.information.coding import INFORMATIVE, class_information, code_consistency
from neurorec.recurrence.information.consistency import Consistency, log_odds_consistency
from neurorec.recurrence.measures import MEASURES, Measure, measured_deviances
from neurorec.recurrence.models import COUPLED, FULL, HISTORY, UNCOUPLED, Model
from neurorec.recurrence.problem import PENALTIES, Problem, pose_problem
from neurorec.recurrence.statistics.areas import AreaEffect, compare_areas
from neurorec.recurrence.statistics.bootstrap import Bootstrap, hierarchical_bootstrap
from neurorec.recurrence.statistics.effect_size import EffectSizes, cliffs_delta, effect_sizes
from neurorec.recurrence.statistics.permutation import PermutationTest, permutation_test
from neurorec.recurrence.statistics.power import power_by_sessions
from neurorec.recurrence.statistics.units import false_discovery, unit_p_values
from neurorec.recurrence.steps import STEPS, check_steps, count_fits, fit_step, needs_of

__all__ = [
    "COUPLED",
    "FEWEST_EVENTS",
    "FULL",
    "HISTORY",
    "INFORMATIVE",
    "MEASURES",
    "PENALTIES",
    "STEPS",
    "UNCOUPLED",
    "AreaEffect",
    "Bootstrap",
    "Consistency",
    "Decoded",
    "EffectSizes",
    "Information",
    "Measure",
    "Model",
    "PermutationTest",
    "Problem",
    "all_units",
    "average_information",
    "by_area",
    "check_steps",
    "class_information",
    "class_posterior",
    "cliffs_delta",
    "code_consistency",
    "collect_benefit",
    "compare_areas",
    "confusion_information",
    "count_fits",
    "deal_trials",
    "decode_trials",
    "decoded_information",
    "effect_sizes",
    "false_discovery",
    "find_power",
    "fit_matched",
    "fit_matched_rate",
    "fit_matched_trials",
    "fit_model",
    "fit_step",
    "hierarchical_bootstrap",
    "log_odds_consistency",
    "matched_sources",
    "measured_deviances",
    "needs_of",
    "permutation_test",
    "pool_sessions",
    "pose_problem",
    "power_by_sessions",
    "recurrence_benefit",
    "training_bins",
    "unit_p_values",
]

"""Hierarchy in time: when a population tells a trial's class, and how well a feedforward predictor explains it."""

from neurorec.decoding.accuracy import condition_accuracy
from neurorec.decoding.comparing import (
    Agreement,
    SolutionDifference,
    compare_order,
    compare_solution_times,
    match_conditions,
)
from neurorec.decoding.decoder import Decoded, decode_windows
from neurorec.decoding.labelled import unit_predictivity
from neurorec.decoding.over_time import accuracy_over_time, decode_over_time
from neurorec.decoding.predictivity import (
    LateAgainstEarly,
    Predictivity,
    late_against_early,
    predictivity_over_time,
    split_half_reliability,
)
from neurorec.decoding.solution import SolutionTimes, plateau_criterion, solution_time
from neurorec.decoding.times import compare_groups, solution_times
from neurorec.decoding.tracking import Tracking, track_signal, tracking_units
from neurorec.decoding.windows import TrialWindows, cut_windows

__all__ = [
    "Agreement",
    "Decoded",
    "LateAgainstEarly",
    "Predictivity",
    "SolutionDifference",
    "SolutionTimes",
    "Tracking",
    "TrialWindows",
    "accuracy_over_time",
    "compare_groups",
    "compare_order",
    "compare_solution_times",
    "condition_accuracy",
    "cut_windows",
    "decode_over_time",
    "decode_windows",
    "late_against_early",
    "match_conditions",
    "plateau_criterion",
    "predictivity_over_time",
    "solution_time",
    "solution_times",
    "split_half_reliability",
    "track_signal",
    "tracking_units",
    "unit_predictivity",
]

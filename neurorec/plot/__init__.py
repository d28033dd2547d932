"""Figures: labelled data in, axes out; one function each, all of them `(data, *, ax=None) -> Axes`."""

from neurorec.plot.areas import benefit_by_area
from neurorec.plot.avalanches import avalanche_distribution, crackling_relation, shape_collapse
from neurorec.plot.balanced import (
    cancelling_inputs,
    correlation_against_size,
    rates_against_inputs,
    rates_in_time,
    rates_unit_by_unit,
    spike_raster,
)
from neurorec.plot.calibration import reported_by_scenario
from neurorec.plot.comparing import benefit_between_areas, control_names, controls, parts_by_area
from neurorec.plot.comparison import comparison_table, likeness_by_area, trajectories_together
from neurorec.plot.conceptors import error_against_aperture, error_against_load, recalled_patterns
from neurorec.plot.decoding import accuracy_against_time, predictivity_against_time, solution_times_by_area
from neurorec.plot.dynamics import eigenvalue_spectrum, fixed_points, line_attractor, saturation
from neurorec.plot.echo_state import error_against_size, exponent_against_gain, memory_against_size, performance_at_edge
from neurorec.plot.few_data import score_against_trials
from neurorec.plot.fitted import (
    currents_between_areas,
    held_out_prediction,
    simulated_against_recorded,
    variance_over_passes,
)
from neurorec.plot.flow import flow_field
from neurorec.plot.follow import (
    distance_to_goal,
    error_left_alone,
    error_while_followed,
    followed_trial,
    learned_velocity,
)
from neurorec.plot.force import exponents_before_and_after, rates_and_output, weight_change_over_learning, wings
from neurorec.plot.hard_images import (
    accuracy_by_level,
    accuracy_over_steps,
    explained_over_steps,
    image_examples,
    solution_differences,
)
from neurorec.plot.hopfield import (
    capacity_against_size,
    energy_over_sweeps,
    overlap_against_load,
    overlap_by_rule,
    recall_from_cues,
    shares_of_ends,
)
from neurorec.plot.information import consistency_against_lag, cumulative_information_by_area, information_over_time
from neurorec.plot.intervals import Interval, median_interval
from neurorec.plot.lags import benefit_against_lag
from neurorec.plot.likeness import kind_colours, likeness_by_kind
from neurorec.plot.liquid_state import (
    fading_of_differences,
    recall_by_segment,
    separation_of_states,
)
from neurorec.plot.oculomotor import held_positions, persistence_against_mistuning, recruitment
from neurorec.plot.overview import population_rate, raster
from neurorec.plot.palette import area_colours
from neurorec.plot.power import power_against_sessions
from neurorec.plot.predictive_coding import (
    accuracy_by_way,
    accuracy_without_feedback,
    angle_against_steps,
    energy_above_minimum,
    filled_images,
    responses_to_violations,
)
from neurorec.plot.rates import rates_by_area
from neurorec.plot.recurrence import (
    benefit_against_recurrence,
    benefit_by_inputs,
    recovered_against_seen,
    recurrence_by_benefit,
)
from neurorec.plot.ring import ring
from neurorec.plot.runyan import (
    code_across_sessions,
    explained_distribution,
    index_against,
    index_against_lag,
    index_by_context,
    index_of_subsamples,
)
from neurorec.plot.scatter import uncoupled_against_coupled
from neurorec.plot.sorn import density_of_avalanches, performance_against_length, performance_by_rule, runaway
from neurorec.plot.subspaces import (
    component_over_time,
    condition_trajectories,
    rotation_plane,
    variance_by_part,
    variance_of_components,
)
from neurorec.plot.tasks import task_trial
from neurorec.plot.timescales import autocorrelation_by_area, branching_slopes, timescale_by_area
from neurorec.plot.training import gradient_norm, hidden_activity, learning_curve

__all__ = [
    "Interval",
    "accuracy_against_time",
    "accuracy_by_level",
    "accuracy_by_way",
    "accuracy_over_steps",
    "accuracy_without_feedback",
    "angle_against_steps",
    "area_colours",
    "autocorrelation_by_area",
    "avalanche_distribution",
    "benefit_against_lag",
    "benefit_against_recurrence",
    "benefit_between_areas",
    "benefit_by_area",
    "benefit_by_inputs",
    "branching_slopes",
    "cancelling_inputs",
    "capacity_against_size",
    "code_across_sessions",
    "comparison_table",
    "component_over_time",
    "condition_trajectories",
    "consistency_against_lag",
    "control_names",
    "controls",
    "correlation_against_size",
    "crackling_relation",
    "cumulative_information_by_area",
    "currents_between_areas",
    "density_of_avalanches",
    "distance_to_goal",
    "eigenvalue_spectrum",
    "energy_above_minimum",
    "energy_over_sweeps",
    "error_against_aperture",
    "error_against_load",
    "error_against_size",
    "error_left_alone",
    "error_while_followed",
    "explained_distribution",
    "explained_over_steps",
    "exponent_against_gain",
    "exponents_before_and_after",
    "fading_of_differences",
    "filled_images",
    "fixed_points",
    "flow_field",
    "followed_trial",
    "gradient_norm",
    "held_out_prediction",
    "held_positions",
    "hidden_activity",
    "image_examples",
    "index_against",
    "index_against_lag",
    "index_by_context",
    "index_of_subsamples",
    "information_over_time",
    "kind_colours",
    "learned_velocity",
    "learning_curve",
    "likeness_by_area",
    "likeness_by_kind",
    "line_attractor",
    "median_interval",
    "memory_against_size",
    "overlap_against_load",
    "overlap_by_rule",
    "parts_by_area",
    "performance_against_length",
    "performance_at_edge",
    "performance_by_rule",
    "persistence_against_mistuning",
    "population_rate",
    "power_against_sessions",
    "predictivity_against_time",
    "raster",
    "rates_against_inputs",
    "rates_and_output",
    "rates_by_area",
    "rates_in_time",
    "rates_unit_by_unit",
    "recall_by_segment",
    "recall_from_cues",
    "recalled_patterns",
    "recovered_against_seen",
    "recruitment",
    "recurrence_by_benefit",
    "reported_by_scenario",
    "responses_to_violations",
    "ring",
    "rotation_plane",
    "runaway",
    "saturation",
    "score_against_trials",
    "separation_of_states",
    "shape_collapse",
    "shares_of_ends",
    "simulated_against_recorded",
    "solution_differences",
    "solution_times_by_area",
    "spike_raster",
    "task_trial",
    "timescale_by_area",
    "trajectories_together",
    "uncoupled_against_coupled",
    "variance_by_part",
    "variance_of_components",
    "variance_over_passes",
    "weight_change_over_learning",
    "wings",
]

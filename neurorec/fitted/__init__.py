"""Fitted: systems that were learned from a recording."""

from neurorec.fitted.constrained import (
    ConstrainedFit,
    ConstrainedSettings,
    fit_constrained,
    fit_constrained_arrays,
)
from neurorec.fitted.coupled_glm import Coefficients, GLMSystem, glm_system
from neurorec.fitted.currents import Currents, area_currents, decompose_currents
from neurorec.fitted.glm_fitting import GLMFit, fit_coupled_glm
from neurorec.fitted.glm_simulating import Runaway, SimulatedSpikes, linearised_radius, predict_one_step, simulate_glm
from neurorec.fitted.held_out import (
    BASELINES,
    MEASURES,
    BitsPerSpike,
    bits_interval,
    choose_n_states,
    compare_fitted,
    standard_models,
)
from neurorec.fitted.kalman import Dynamics, Smoothed
from neurorec.fitted.linear import LinearFit, LinearSystem, fit_linear, fit_linear_arrays, simulate_linear
from neurorec.fitted.observing import Inferred, Observation, infer_states
from neurorec.fitted.predictors import Predictor, average_predictor, glm_predictor, linear_predictor, network_predictor
from neurorec.fitted.splitting import Predicted, Session, Split
from neurorec.fitted.stretches import Stretches, cut_stretches

__all__ = [
    "BASELINES",
    "MEASURES",
    "BitsPerSpike",
    "Coefficients",
    "ConstrainedFit",
    "ConstrainedSettings",
    "Currents",
    "Dynamics",
    "GLMFit",
    "GLMSystem",
    "Inferred",
    "LinearFit",
    "LinearSystem",
    "Observation",
    "Predicted",
    "Predictor",
    "Runaway",
    "Session",
    "SimulatedSpikes",
    "Smoothed",
    "Split",
    "Stretches",
    "area_currents",
    "average_predictor",
    "bits_interval",
    "choose_n_states",
    "compare_fitted",
    "cut_stretches",
    "decompose_currents",
    "fit_constrained",
    "fit_constrained_arrays",
    "fit_coupled_glm",
    "fit_linear",
    "fit_linear_arrays",
    "glm_predictor",
    "glm_system",
    "infer_states",
    "linear_predictor",
    "linearised_radius",
    "network_predictor",
    "predict_one_step",
    "simulate_glm",
    "simulate_linear",
    "standard_models",
]

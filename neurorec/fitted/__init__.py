"""Fitted: systems that were learned from a recording."""

from neurorec.fitted.coupled_glm import Coefficients, GLMSystem, glm_system
from neurorec.fitted.glm_fitting import GLMFit, fit_coupled_glm
from neurorec.fitted.glm_simulating import Runaway, SimulatedSpikes, linearised_radius, predict_one_step, simulate_glm

__all__ = [
    "Coefficients",
    "GLMFit",
    "GLMSystem",
    "Runaway",
    "SimulatedSpikes",
    "fit_coupled_glm",
    "glm_system",
    "linearised_radius",
    "predict_one_step",
    "simulate_glm",
]

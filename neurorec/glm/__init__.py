"""Generalised linear models of every unit at once."""

from neurorec.glm.curvature import Curvature, gram_eigh
from neurorec.glm.designs import (
    Design,
    LaggedDesign,
    StackedDesign,
    column_moments,
    column_ranges,
    stack_designs,
    worthwhile,
)
from neurorec.glm.estimator import PopulationGLM, PopulationGLMCV
from neurorec.glm.folds import PenaltyChoice, choose_penalty
from neurorec.glm.population import PopulationFit, PopulationPath, fit_population, penalty_path
from neurorec.glm.predicting import predict_mean
from neurorec.glm.saving import load_model, model_from_dataset, model_to_dataset, save_model
from neurorec.glm.scores import bits_per_spike, deviance, fraction_deviance_explained
from neurorec.glm.status import EXPLANATIONS, Status
from neurorec.glm.uncertainty import StandardErrors, standard_errors

__all__ = [
    "EXPLANATIONS",
    "Curvature",
    "Design",
    "LaggedDesign",
    "PenaltyChoice",
    "PopulationFit",
    "PopulationGLM",
    "PopulationGLMCV",
    "PopulationPath",
    "StackedDesign",
    "StandardErrors",
    "Status",
    "bits_per_spike",
    "choose_penalty",
    "column_moments",
    "column_ranges",
    "deviance",
    "fit_population",
    "fraction_deviance_explained",
    "gram_eigh",
    "load_model",
    "model_from_dataset",
    "model_to_dataset",
    "penalty_path",
    "predict_mean",
    "save_model",
    "stack_designs",
    "standard_errors",
    "worthwhile",
]

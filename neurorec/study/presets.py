"""Presets: published designs, as settings of a study."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import xarray as xr

from neurorec.design import RUNYAN2017, DefaultDesign, default_terms, runyan2017_terms
from neurorec.design import Preset as Published
from neurorec.recording import InputError
from neurorec.study.config import StudyConfig

# Filters of 10 s would leave no training bins beside held-out trials of 4 s. A second is longer than any memory that
# was reported for these areas; what is slower is left to the drift of a longer test.
_GAP = 1.0
# Per bin. Partners have ten times that, their mean twenty times, so the weak end is theirs: with a thousandth as the
# smallest penalty, partners of the strength that simulated sessions have would not enter.
_PENALTIES = (float("inf"), 0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001, 0.00003, 0.00001)
_RUNYAN_STEPS = ("uncoupled", "coupled", "same_bin", "matched", "lags")


class Preset(NamedTuple):
    """A published design.

    Attributes
    ----------
    published : neurorec.design.Preset
        How the models are fitted.
    terms : callable
        The design of a recording.
    """

    published: Published
    terms: Callable[[xr.Dataset], DefaultDesign]


PRESETS = {"runyan2017": Preset(RUNYAN2017, runyan2017_terms)}


def apply_preset(config: StudyConfig) -> StudyConfig:
    """Fill in what a study leaves open with the settings of its preset.

    Parameters
    ----------
    config : StudyConfig
        With or without a preset.

    Returns
    -------
    StudyConfig

    Raises
    ------
    InputError
        For a preset that there is not.

    Examples
    --------
    >>> apply_preset(StudyConfig(preset="runyan2017")).fit.penalty_weight
    {'Coupling': 10.0, 'PopulationMean': 20.0}
    """
    if config.preset is None:
        return config
    if config.preset not in PRESETS:
        raise InputError(
            "preset", expected=f"one of {', '.join(PRESETS)}", found=config.preset, remedy="name one of them"
        )
    published, data, fit = PRESETS[config.preset].published, config.data, config.fit
    data = replace(
        data,
        binarise=published.binarise if data.binarise is None else data.binarise,
        cross_trials=published.cross_trials if data.cross_trials is None else data.cross_trials,
    )
    fit = replace(
        fit,
        family=fit.family or published.family,
        l1_ratio=fit.l1_ratio or published.l1_ratio,
        penalty_weight=fit.penalty_weight or dict(published.penalty_weight),
        scaling=published.scaling,
        gap=_GAP if fit.gap is None else fit.gap,
        penalties=fit.penalties or _PENALTIES,
        steps=fit.steps or _RUNYAN_STEPS,
    )
    return replace(config, data=data, fit=fit)


def design_of(config: StudyConfig, recording: xr.Dataset) -> DefaultDesign:
    """The design that is derived from a recording: the preset's, or the default."""
    return default_terms(recording) if config.preset is None else PRESETS[config.preset].terms(recording)

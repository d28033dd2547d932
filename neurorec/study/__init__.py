"""A study: from recordings and settings to results and a report, in stages that survive a kill."""

from neurorec.study.classics import CLASSICS, Reproduced, reproduce_classic
from neurorec.study.config import (
    DataSettings,
    FitSettings,
    NetworkSettings,
    StudyConfig,
    config_from_dict,
    config_to_toml,
    read_config,
)
from neurorec.study.recurrence_calibration import RecurrenceCalibration, calibrate_recurrence
from neurorec.study.reproducing import Reproduction, reproduce_runyan2017
from neurorec.study.running import StudyOutcome, run_study

__all__ = [
    "CLASSICS",
    "DataSettings",
    "FitSettings",
    "NetworkSettings",
    "RecurrenceCalibration",
    "Reproduced",
    "Reproduction",
    "StudyConfig",
    "StudyOutcome",
    "calibrate_recurrence",
    "config_from_dict",
    "config_to_toml",
    "read_config",
    "reproduce_classic",
    "reproduce_runyan2017",
    "run_study",
]

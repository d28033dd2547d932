"""The designs of a study's sessions: given, or derived from the recordings."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import xarray as xr

from neurorec.design import terms_to_config
from neurorec.recording import InputError
from neurorec.recurrence import matched_sources
from neurorec.study.config import StudyConfig
from neurorec.study.presets import design_of


def complete_config(config: StudyConfig, recordings: Mapping[str, xr.Dataset]) -> StudyConfig:
    """Give a study its design, derived from the recordings where none is given.

    Parameters
    ----------
    config : StudyConfig
        With or without ``terms``.
    recordings : mapping of str to xarray.Dataset
        By session.

    Returns
    -------
    StudyConfig
        With ``terms``, with ``session_terms`` for sessions whose derived design differs from the first one's, and
        with what was ``left_out``.

    Raises
    ------
    InputError
        When ``session_terms`` names a session that the study does not have.
    """
    if config.terms is not None:
        return config
    designs: dict[str, tuple[dict, ...]] = {}
    left_out: dict[str, dict[str, str]] = {}
    for name, recording in recordings.items():
        terms, reasons = design_of(config, recording)
        designs[name] = tuple(terms_to_config(terms))
        left_out[name] = dict(reasons)
    common = next(iter(designs.values()))
    own = {name: terms for name, terms in designs.items() if terms != common}
    return replace(config, terms=common, session_terms={**own, **config.session_terms}, left_out=_said(left_out))


def match_sessions(config: StudyConfig, recordings: Mapping[str, xr.Dataset]) -> StudyConfig:
    """Settle how many sources and trials every session is compared at, where the study does not say.

    Matched within itself, each session would have its own numbers, and areas of different sessions could not be
    compared.
    """
    fit = config.fit
    if fit.n_matched is None:
        fit = replace(fit, n_matched=matched_sources(recording["area"].values for recording in recordings.values()))
    if fit.n_trials_matched is None and len(recordings) > 1:
        n_trials = min(recording.sizes.get("trial", 0) for recording in recordings.values())
        fit = replace(fit, n_trials_matched=n_trials or None)
    return replace(config, fit=fit)


def check_information(config: StudyConfig, recordings: Mapping[str, xr.Dataset]) -> None:
    """Refuse to ask about a trial column that no session has; sessions without it are not asked."""
    for column in config.information or ():
        known = [{str(name) for name, v in r.data_vars.items() if v.dims == ("trial",)} for r in recordings.values()]
        if not any(column in names for names in known):
            raise InputError(
                "information",
                expected=f"a trial column ({', '.join(sorted(set.union(*known)))})",
                found=column,
                remedy="name one of them",
            )


def information_left_out(config: StudyConfig, recording: xr.Dataset) -> tuple[str, ...]:
    """A line for each column that was asked about, of which a session has none."""
    missing = (column for column in config.information or () if column not in recording)
    return tuple(f"there is no column {column} among its trials: no information about it" for column in missing)


def check_session_names(config: StudyConfig, names: list[str]) -> None:
    """Refuse designs of sessions that do not exist."""
    for name in config.session_terms:
        if name not in names:
            raise InputError(
                f"session_terms.{name}",
                expected=f"one of {', '.join(names)}",
                found="no such session",
                remedy="rename it",
            )


def terms_of(config: StudyConfig, session: str) -> list[dict[str, Any]]:
    """Return the design of a session."""
    return list(config.session_terms.get(session, config.terms or ()))


def _said(left_out: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Reasons by column; by session and column where sessions differ."""
    columns = [set(reasons.items()) for reasons in left_out.values()]
    everywhere = set.intersection(*columns)
    said = dict(sorted(everywhere))
    for session, reasons in left_out.items():
        said |= {f"{session}: {column}": why for column, why in reasons.items() if (column, why) not in everywhere}
    return said

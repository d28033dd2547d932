"""Reproducing Runyan et al. 2017: their design and figures, on simulated sessions or on recordings of one's own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from neurorec.datasets import RUNYAN_AREAS, simulate_runyan2017
from neurorec.design import find_runs
from neurorec.io import load_dataset, save_recording
from neurorec.recording import InputError
from neurorec.recurrence import matched_sources
from neurorec.report import ReproductionFacts, write_reproduction
from neurorec.study.assembling import gather_codes, gather_draws, gather_units
from neurorec.study.config import DataSettings, FitSettings, NetworkSettings, StudyConfig
from neurorec.study.designing import complete_config, match_sessions, terms_of
from neurorec.study.manifest import package_versions
from neurorec.study.presets import apply_preset
from neurorec.study.running import StudyOutcome, run_study
from neurorec.study.session import Session, fit_session, name_sessions, read_session
from neurorec.study.stages import finish_stage, plan_stage

_PRESET = "runyan2017"
_SOURCES = 36  # subsamples of 37 units, as in the paper
_LONGEST = 10.0  # s, the filters of the design
_CONTEXTS = ("active", "passive")
_LIMIT_OF_COMBINATIONS = 12  # values of a trial column beyond which nothing is asked about it


class Reproduction(NamedTuple):
    """What a reproduction came to.

    Attributes
    ----------
    units : xarray.Dataset
        Over ``unit``: what was found, and what was planted where that is known; see `neurorec.study.gather_units`.
    failures : dict of str to str
        Sessions that could not be analysed, and why.
    written : list of Path
        What lies where.
    seconds : float
        Wall time of all stages, those done in earlier runs included.
    peak_memory : int
        Bytes.
    """

    units: xr.Dataset
    failures: dict[str, str]
    written: list[Path]
    seconds: float
    peak_memory: int


def reproduce_runyan2017(
    out: Path | str,
    files: Sequence[Path | str] = (),
    *,
    n_sessions: int = 2,
    n_units: int = 45,
    n_trials: int = 160,
    n_draws: int = 20,
    n_folds: int = 3,
    penalties: Sequence[float] | None = None,
    seed: int = 0,
    command: str = "",
    n_jobs: int | None = None,
    say: Callable[[str], None] = lambda line: None,
    progress: bool = False,
) -> Reproduction:
    """Do the analysis of Runyan et al. 2017 (doi:10.1038/nature23020) and draw its figures.

    Without files, sessions of both areas and contexts are simulated (`neurorec.datasets.simulate_runyan2017`), and
    every figure shows what was planted beside what was found. All of it is done in stages that are saved as they end:
    the same call goes on where it stopped.

    Parameters
    ----------
    out : path
        Gets ``recordings/`` (simulated ones), ``study/`` (see `run_study`), ``figures/`` and ``report.html``.
    files : sequence of path
        Recordings, NWB or saved by `neurorec.save_recording`, one per session; areas as the files say, the context from
        ``attrs["context"]`` or a trial column ``context`` of one value.
    n_sessions, n_units, n_trials : int
        Simulated sessions of each area in each context, and their sizes.
    n_draws : int
        Subsamples of 37 units (fewer where the smallest area has fewer) in each session; 100 in the paper.
    n_folds : int
        Outer folds.
    penalties : sequence of float, optional
        Strong to weak; the preset's by default.
    seed : int
        From which everything random follows.
    command : str
        As it was typed, for the page.
    n_jobs : int, optional
        Folds fitted at the same time; all cores by default.
    say : callable
        Told each warning and failure as it comes, in one line.
    progress : bool
        Show a bar where standard error is a terminal.

    Returns
    -------
    Reproduction

    Raises
    ------
    InputError
        For sizes below 1.
    Exception
        What the first session raised, when no session could be analysed.
    """
    out = Path(out)
    for name, value in (("sessions", n_sessions), ("draws", n_draws)):
        if value < 1:
            raise InputError(name, expected="1 or more", found=str(value), remedy="give more")
    said = [str(Path(file).absolute()) for file in files]
    simulated = {"n_sessions": n_sessions, "n_units": n_units, "n_trials": n_trials, "seed": seed}
    chosen = tuple(said or _simulate(out / "recordings", **simulated))
    fit = FitSettings(
        folds=n_folds, inner_folds=2, n_draws=n_draws, penalties=None if penalties is None else tuple(penalties)
    )
    alone = NetworkSettings(n_networks=0)  # the paper trained none
    config = apply_preset(
        StudyConfig(data=DataSettings(files=chosen), fit=fit, network=alone, seed=seed, preset=_PRESET)
    )
    config = _fitted_to(config, out / "study")
    how: dict[str, Any] = {"command": command, "n_jobs": n_jobs, "say": say, "progress": progress}
    main = run_study(config, out / "study", **how)
    sessions, recordings, settled = _settle(config, out / "study", main)
    failures, seconds = _ask(sessions, recordings, settled, n_jobs, say)
    found = _gather(sessions, recordings)
    facts = ReproductionFacts(
        command=command,
        simulated=not said,
        n_draws=n_draws,
        n_folds=n_folds,
        n_sources=settled.fit.n_matched or 0,
        silence=settled.fit.edges == "zero",
        weight=dict(settled.fit.penalty_weight or {}),
        failures=main.failures | failures,
        seconds=main.seconds + seconds,
        versions=package_versions(),
        seed=seed,
    )
    page, figures = write_reproduction(out, *found, facts=facts)
    written = [page, *(figure.png for figure in figures), out / "study"]
    return Reproduction(found[0], facts.failures, written, facts.seconds, main.peak_memory)


def _simulate(folder: Path, *, n_sessions: int, n_units: int, n_trials: int, seed: int) -> list[str]:
    """Make the recordings that are not there yet; return their paths, by session, context and area."""
    paths = []
    for number in range(n_sessions):
        for at, context in enumerate(_CONTEXTS):
            for place, area in enumerate(RUNYAN_AREAS):
                path = folder / f"{area}_{context}_{number + 1}.nc"
                key = [seed, number, at, place]
                inputs = {"key": key, "n_units": n_units, "n_trials": n_trials}
                stage = plan_stage("simulate", path, inputs, stamps=folder / "stamps")

                def make(partial: Path, area: str = area, context: str = context, key: list[int] = key) -> None:
                    rng = np.random.default_rng(key)
                    recording = simulate_runyan2017(area, context, n_units=n_units, n_trials=n_trials, rng=rng)
                    save_recording(recording, partial)

                finish_stage(stage, make)
                paths.append(str(path.absolute()))
    return paths


def _fitted_to(config: StudyConfig, out: Path) -> StudyConfig:
    """Settle what depends on the recordings.

    Sources of every unit in the subsamples: 36, or as many as the smallest area of all sessions allows. And where a
    recording has stretches shorter than the filters, as when trials alone were observed, what lies before them counts
    as silence: no frame would be left otherwise.
    """
    areas, shortest = [], np.inf
    for session in name_sessions(config, out):
        try:
            recording = read_session(session, config)[0].recording()
        except Exception:  # the study says what is wrong with the file
            continue
        areas.append(recording["area"].values.astype(str))
        n_bins = np.unique(find_runs(recording).label, return_counts=True)[1].min()
        shortest = min(shortest, float(n_bins * recording["activity"].attrs["bin_width"]))
    edges = "zero" if shortest < _LONGEST else config.fit.edges
    n_matched = min(_SOURCES, matched_sources(areas)) or None
    return replace(config, fit=replace(config.fit, n_matched=n_matched, edges=edges))


def _settle(
    config: StudyConfig, out: Path, outcome: StudyOutcome
) -> tuple[list[Session], dict[str, xr.Dataset], StudyConfig]:
    """The sessions that were analysed, all recordings, and the settings as the study completed them."""
    sessions = []
    for session in name_sessions(config, out):
        try:
            sessions.append(read_session(session, config)[0])
        except Exception:  # among the failures already
            continue
    recordings = {session.name: session.recording() for session in sessions}
    settled = match_sessions(complete_config(config, recordings), recordings)
    return [session for session in sessions if session.name not in outcome.failures], recordings, settled


def _ask(
    sessions: list[Session],
    recordings: Mapping[str, xr.Dataset],
    config: StudyConfig,
    n_jobs: int | None,
    say: Callable[[str], None],
) -> tuple[dict[str, str], float]:
    """Ask activity about every trial column by which a session's design is split; say where that cannot be done."""
    failures, seconds = {}, 0.0
    for session in sessions:
        terms = terms_of(config, session.name)
        for column in _columns(terms, recordings[session.name]):
            try:
                records = fit_session(session, replace(config, information=(column,)), terms, n_jobs=n_jobs)
                seconds += records[-1].seconds
            except Exception as error:  # one column's trouble should not cost the others
                failures[f"{session.name}, {column}"] = " ".join(str(error).split())
                say(f"{session.name}: nothing can be said about {column}: {failures[f'{session.name}, {column}']}")
    return failures, seconds


def _columns(terms: list[dict[str, Any]], recording: xr.Dataset) -> list[str]:
    """Trial columns of few values by which terms are split."""
    split = {str(column) for term in terms for column in term.get("by") or ()}
    return [c for c in sorted(split) if len(set(recording[c].values.tolist())) <= _LIMIT_OF_COMBINATIONS]


def _gather(
    sessions: list[Session], recordings: Mapping[str, xr.Dataset]
) -> tuple[xr.Dataset, xr.Dataset | None, Mapping[str, xr.Dataset]]:
    """Units, draws of subsamples, and codes by trial column, of all sessions."""
    results = {session.name: load_dataset(session.folder / "benefit.nc") for session in sessions}
    matched = {s.name: load_dataset(s.folder / "matched.nc") for s in sessions}
    asked: dict[str, dict[str, xr.Dataset]] = {}
    for session in sessions:
        for path in sorted(session.folder.glob("information_*.nc")):
            column = path.stem.removeprefix("information_")
            asked.setdefault(column, {})[session.name] = load_dataset(path)
    units = gather_units(recordings, results)
    return units, gather_draws(recordings, matched), gather_codes(recordings, asked)

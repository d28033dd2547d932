"""Running a study: every session read and fitted, all of them pooled, a report written."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import xarray as xr
from tqdm import tqdm

from neurorec.io import load_dataset, load_tree, save_dataset, save_tree
from neurorec.recording import InputError
from neurorec.recurrence import all_units, by_area, pool_sessions
from neurorec.report import ModelledSession, Provenance, SessionFacts, describe_term, session_facts, write_report
from neurorec.study.config import StudyConfig
from neurorec.study.designing import (
    check_information,
    check_session_names,
    complete_config,
    information_left_out,
    match_sessions,
    terms_of,
)
from neurorec.study.manifest import Manifest, package_versions
from neurorec.study.modelling import NO_TASK, find_match, load_modelled, model_session
from neurorec.study.presets import apply_preset
from neurorec.study.session import Session, fit_session, name_sessions, plan_steps, read_session
from neurorec.study.settings import settings_text, text_hash
from neurorec.study.stages import finish_stage, plan_stage, write_text


class StudyOutcome(NamedTuple):
    """What a study came to.

    Attributes
    ----------
    table : pandas.DataFrame
        By area.
    failures : dict of str to str
        Sessions that could not be analysed, and why.
    written : list of Path
        What lies where.
    seconds : float
        Wall time of all stages, those done in earlier runs included.
    peak_memory : int
        Bytes.
    """

    table: pd.DataFrame
    failures: dict[str, str]
    written: list[Path]
    seconds: float
    peak_memory: int


def run_study(
    config: StudyConfig,
    out: Path | str,
    *,
    source: Path | None = None,
    command: str = "",
    n_jobs: int | None = None,
    say: Callable[[str], None] = lambda line: None,
    progress: bool = False,
) -> StudyOutcome:
    """Run a study, or what is left of it, and write everything to a folder.

    Every stage is saved as it ends; one that is there already and follows from the same file, settings and code is
    not done again. A session that fails does not stop the others.

    Parameters
    ----------
    config : StudyConfig
        What to do.
    out : path
        Gets ``study.toml``, ``results.nc``, ``by_area.csv``, ``figures/``, ``report.html``, ``manifest.json`` and
        ``stages/``.
    source : Path, optional
        The study file that the study was read from.
    command : str
        As it was typed, for the report.
    n_jobs : int, optional
        Folds fitted at the same time; all cores by default.
    say : callable
        Told each warning and failure as it comes, in one line.
    progress : bool
        Show a bar where standard error is a terminal.

    Returns
    -------
    StudyOutcome

    Raises
    ------
    InputError
        When there is nothing to read, or the folder's study file was edited.
    Exception
        What the first session raised, when no session could be analysed.
    """
    out = Path(out)
    if not config.data.files:
        raise InputError("files", expected="at least one recording", found="none", remedy="name an NWB file")
    out.mkdir(parents=True, exist_ok=True)
    config = apply_preset(config)
    sessions = name_sessions(config, out)
    check_session_names(config, [session.name for session in sessions])
    errors: dict[str, Exception] = {}
    manifest = Manifest(command, config)
    with tqdm(total=len(sessions) + 2, disable=None if progress else True, unit="step", dynamic_ncols=True) as bar:
        sessions = _read_all(sessions, config, manifest, errors, bar, say)
        check_information(config, _Recordings(sessions))
        config = complete_config(config, _Recordings(sessions))
        text = settings_text(config, out, source)
        manifest.config, manifest.sessions, manifest.settings_sha256 = config, sessions, text_hash(text)
        manifest.write(out)
        write_text(out / "study.toml", text)
        config = match_sessions(config, _Recordings(sessions))
        sessions = _fit_all(sessions, config, manifest, errors, bar, say, out, n_jobs)
        result, table = _pool(sessions, config, manifest, out, bar)
        modelled = _model_all(sessions, config, manifest, bar, say, out, n_jobs)
        bar.set_description("figures and report")
        _report(out, all_units(result), table, sessions, manifest, text, modelled)
        bar.update()
    manifest.status = "finished"
    manifest.write(out)
    names = ("report.html", "by_area.csv", "results.nc", "figures", "study.toml", "manifest.json")
    return StudyOutcome(table, manifest.failures, [out / n for n in names], manifest.seconds, manifest.peak_memory)


def _read_all(
    sessions: list[Session],
    config: StudyConfig,
    manifest: Manifest,
    errors: dict[str, Exception],
    bar: tqdm,
    say: Callable[[str], None],
) -> list[Session]:
    """Read every recording; return the sessions that could be read."""
    readable = []
    for session in sessions:
        bar.set_description(f"{session.name}: reading")
        try:
            session, record = read_session(session, config)
            manifest.records[session.name] = [record]
            readable.append(session)
            for warning in record.warnings:
                say(f"{session.name}: {warning}")
        except Exception as error:
            _note_failure(session, error, manifest, errors, say)
        bar.update()
    if not readable:
        raise next(iter(errors.values()))
    return readable


def _fit_all(
    sessions: list[Session],
    config: StudyConfig,
    manifest: Manifest,
    errors: dict[str, Exception],
    bar: tqdm,
    say: Callable[[str], None],
    out: Path,
    n_jobs: int | None,
) -> list[Session]:
    """Fit every session; return those that could be fitted."""
    fitted = []
    for session in sessions:

        def expect(n_fits: int) -> None:
            bar.total += n_fits
            bar.refresh()

        def advance(step: str, n_fits: int, name: str = session.name) -> None:
            bar.set_description(f"{name}: {step}")
            bar.update(n_fits)

        bar.set_description(f"{session.name}: design")
        try:
            records = fit_session(
                session, config, terms_of(config, session.name), n_jobs=n_jobs, expect=expect, progress=advance
            )
            manifest.records[session.name] += records
            fitted.append(session)
        except Exception as error:
            _note_failure(session, error, manifest, errors, say)
        manifest.write(out)
    if not fitted:
        raise next(iter(errors.values()))
    return fitted


def _model_all(
    sessions: list[Session],
    config: StudyConfig,
    manifest: Manifest,
    bar: tqdm,
    say: Callable[[str], None],
    out: Path,
    n_jobs: int | None,
) -> list[ModelledSession]:
    """Networks on every session's task; what goes wrong here, or is not known, costs nothing of the rest."""
    found, chosen = [], sessions if config.network.n_networks else []
    bar.total += len(chosen)
    for session in chosen:

        def tell(step: str, name: str = session.name) -> None:
            bar.set_description(f"{name}: {step}")

        try:
            match, one = find_match(config.network, session.recording()), ModelledSession(session.name, missing=NO_TASK)
            if match is not None:
                manifest.records[session.name] += model_session(session, config, match, n_jobs=n_jobs, progress=tell)
                one = load_modelled(session, config, match)
            found.append(one)
        except Exception as error:
            said = _said(error)
            manifest.failures[f"{session.name}: networks"] = said
            found.append(ModelledSession(session.name, missing=said))
            say(f"{session.name}: no networks: {said}")
        manifest.write(out)
        bar.update()
    return found


def _note_failure(
    session: Session, error: Exception, manifest: Manifest, errors: dict[str, Exception], say: Callable[[str], None]
) -> None:
    """Keep a session's error for the end; others go on."""
    errors[session.name] = error
    manifest.failures[session.name] = _said(error)
    if len(manifest.config.data.files) > 1:  # the only one's error is raised
        say(f"{session.name} could not be analysed: {manifest.failures[session.name]}")


def _said(error: Exception) -> str:
    """What an error says; what is no InputError or OSError is named by its type."""
    return str(error) if isinstance(error, InputError | OSError) else f"{type(error).__name__}: {error}"


def _pool(
    sessions: list[Session], config: StudyConfig, manifest: Manifest, out: Path, bar: tqdm
) -> tuple[xr.DataTree, pd.DataFrame]:
    """Put the sessions together: ``results.nc`` and ``by_area.csv``."""
    bar.set_description("statistics")
    folder = out / "stages" / "pooled"
    parts = {s.name: plan_steps(s, config, terms_of(config, s.name))["benefit"] for s in sessions}
    before = {name: stage.fingerprint for name, stage in parts.items()}
    pooling = plan_stage("results", out / "results.nc", {"before": before}, stamps=folder)
    tabling = plan_stage("by_area", folder / "by_area.nc", {"before": pooling.fingerprint, "seed": config.seed})

    def pool(path: Path) -> None:
        save_tree(pool_sessions([load_dataset(stage.target) for stage in parts.values()]), path)

    def tabulate(path: Path) -> None:
        table = by_area(load_tree(pooling.target), seed=config.seed)
        save_dataset(xr.Dataset.from_dataframe(table).assign_attrs(table.attrs), path)

    manifest.records["pooled"] = [finish_stage(pooling, pool), finish_stage(tabling, tabulate)]
    stored = load_dataset(tabling.target)
    table = stored.to_dataframe().reset_index(drop=True)
    table.attrs = dict(stored.attrs)
    write_text(out / "by_area.csv", table.to_csv(index=False))
    bar.update()
    return load_tree(pooling.target), table


class _Recordings(Mapping[str, xr.Dataset]):
    """Recordings loaded one at a time, as they are asked for: many sessions need not fit in memory together."""

    def __init__(self, sessions: list[Session]) -> None:
        self._sessions = {session.name: session for session in sessions}

    def __getitem__(self, name: str) -> xr.Dataset:
        return self._sessions[name].recording()

    def __iter__(self) -> Iterator[str]:
        return iter(self._sessions)

    def __len__(self) -> int:
        return len(self._sessions)


def _design(config: StudyConfig) -> tuple[str, ...]:
    """Describe the design, and those of sessions that differ."""
    own = [f"{name}: {describe_term(term)}" for name, terms in config.session_terms.items() for term in terms]
    return (*(describe_term(term) for term in config.terms or ()), *own)


def _report(
    out: Path,
    result: xr.Dataset,
    table: pd.DataFrame,
    sessions: list[Session],
    manifest: Manifest,
    text: str,
    modelled: list[ModelledSession],
) -> None:
    """Write figures and page."""
    recordings = _Recordings(sessions)
    facts: list[SessionFacts] = []
    simulated = False
    for session in sessions:
        recording = recordings[session.name]
        counts = load_dataset(session.folder / "benefit.nc").attrs
        said = (*manifest.warnings_of(session.name), *information_left_out(manifest.config, recording))
        facts.append(session_facts(session.name, recording, counts, sha256=session.sha256, warnings=said))
        simulated |= "simulated" in " ".join([*recording["area"].values, *map(str, recording.attrs.values())]).lower()
    provenance = Provenance(
        command=f"{manifest.command}\nneurorec run --config study.toml".strip(),
        settings=text,
        seed=manifest.config.seed,
        started=manifest.started,
        seconds=manifest.seconds,
        peak_memory=manifest.peak_memory,
        versions=package_versions(),
        design=_design(manifest.config),
        design_left_out=manifest.config.left_out,
        failures=manifest.failures,
        simulated=simulated,
    )
    write_report(out, result, table, recordings, sessions=facts, provenance=provenance, modelled=modelled)

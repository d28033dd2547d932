"""One session of a study: read, fitted step by step, its benefit collected."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import xarray as xr

from neurorec.design import cross_trials, design_matrix, terms_from_config
from neurorec.io import load_dataset, load_recording, read_nwb, save_dataset, save_recording
from neurorec.recording import FileError, InputError, SelectionError, add_blocks, binarise
from neurorec.recurrence import (
    COUPLED,
    PENALTIES,
    STEPS,
    Problem,
    check_steps,
    class_information,
    code_consistency,
    collect_benefit,
    count_fits,
    fit_model,
    fit_step,
    needs_of,
    pose_problem,
)
from neurorec.study.config import StudyConfig
from neurorec.study.stages import Stage, StageRecord, file_hash, finish_stage, plan_stage, write_text


@dataclass(frozen=True)
class Session:
    """A recording on its way through a study.

    Attributes
    ----------
    name : str
        Unique in the study; by default the file's name without its suffix.
    file : Path
        The recording.
    folder : Path
        Where its stages are kept.
    sha256 : str
        Of the file, once it is known.
    reading : Stage or None
        Which makes ``recording.nc``, once it is planned.
    """

    name: str
    file: Path
    folder: Path
    sha256: str = ""
    reading: Stage | None = None

    def recording(self) -> xr.Dataset:
        """Load the recording as it was read."""
        return load_recording(self.folder / "recording.nc")


def name_sessions(config: StudyConfig, out: Path) -> list[Session]:
    """Name the sessions of a study after their files, numbered where names recur.

    Examples
    --------
    >>> from neurorec.study.config import DataSettings
    >>> config = StudyConfig(DataSettings(files=("/a/rat.nwb", "/b/rat.nwb")))
    >>> [session.name for session in name_sessions(config, Path("out"))]
    ['rat', 'rat-2']
    """
    sessions: list[Session] = []
    for file in map(Path, config.data.files):
        name = file.name.removesuffix(".nwb").removesuffix(".nc")
        taken = {session.name for session in sessions}
        free = next(n for n in [name, *(f"{name}-{i}" for i in range(2, len(taken) + 3))] if n not in taken)
        sessions.append(Session(free, file, out / "stages" / free))
    return sessions


def read_session(
    session: Session, config: StudyConfig, *, hashing: Callable[[int], None] = lambda n: None
) -> tuple[Session, StageRecord]:
    """Read the recording of a session, blocks and all, into ``recording.nc``.

    Raises
    ------
    FileError
        When the file is not there.
    SelectionError
        When it has no trials and no block length is given.
    """
    if not session.file.is_file():
        found = "a directory" if session.file.is_dir() else "no such file"
        raise FileError(str(session.file), expected="an NWB file", found=found, remedy="check the path")
    sha256 = _known_hash(session, hashing)
    settings = {key: value for key, value in asdict(config.data).items() if key != "files" and value is not None}
    stage = plan_stage("read", session.folder / "recording.nc", {"sha256": sha256, "session": session.name, **settings})

    def make(path: Path) -> None:
        recording = _read(session.file, settings)
        if config.data.block_length is not None:
            recording = add_blocks(recording, config.data.block_length)
        elif "trial" not in recording.dims:
            raise SelectionError(
                f"trials of {session.name}",
                expected="trials to hold out",
                found="a recording without any",
                remedy="name an interval table (--trials NAME) or let blocks stand in for trials (--block-length 10)",
            )
        recording = binarise(recording) if config.data.binarise else recording
        recording = cross_trials(recording) if config.data.cross_trials else recording
        own = {"session_id": str(recording.attrs.get("session", "")), "session": session.name}
        save_recording(recording.assign_attrs(own), path)

    record = finish_stage(stage, make)
    return replace(session, sha256=sha256, reading=stage), record


def _read(file: Path, settings: Mapping[str, Any]) -> xr.Dataset:
    """The recording in an NWB file, or one that neurorec saved."""
    own = ("block_length", "binarise", "cross_trials")
    arguments = {key: value for key, value in settings.items() if key not in own}
    if file.suffix != ".nc":
        return read_nwb(file, **arguments)
    if arguments:
        raise InputError(
            next(iter(arguments)),
            expected="an NWB file, for this to choose from",
            found=f"{file.name}, a recording as neurorec saved it",
            remedy="leave it out, or change the recording before saving it",
        )
    return load_recording(file)


def plan_steps(session: Session, config: StudyConfig, terms: list[dict]) -> dict[str, Stage]:
    """Plan the fits of a session and, under ``benefit``, what is collected from them."""
    assert session.reading is not None
    common = {"recording": session.reading.fingerprint, "terms": terms, "fit": asdict(config.fit), "seed": config.seed}
    stages: dict[str, Stage] = {}
    for step in _steps(config):
        before = [stages[name].fingerprint for name in needs_of(step)]
        stages[step] = plan_stage(step, session.folder / f"{step}.nc", {**common, "before": before})
    before = [stage.fingerprint for stage in stages.values()]
    stages["benefit"] = plan_stage("benefit", session.folder / "benefit.nc", {**common, "before": before})
    for column in config.information or ():
        about = {**common, "before": stages["uncoupled"].fingerprint, "column": column}
        stages[f"information_{column}"] = plan_stage("information", information_path(session, column), about)
    return stages


def information_path(session: Session, column: str) -> Path:
    """Where it is kept what activity says about a trial column."""
    return session.folder / f"information_{column}.nc"


def fit_session(
    session: Session,
    config: StudyConfig,
    terms: list[dict],
    *,
    n_jobs: int | None = None,
    expect: Callable[[int], None] = lambda n: None,
    progress: Callable[[str, int], None] = lambda step, n_fits: None,
) -> list[StageRecord]:
    """Fit every step that is not done yet, and collect the benefit into ``benefit.nc``.

    Parameters
    ----------
    session : Session
        Already read.
    config : StudyConfig
        Of the study.
    terms : list of dict
        The session's design.
    n_jobs : int, optional
        Folds fitted at the same time; all cores by default.
    expect : callable
        Told once how many fits are to come.
    progress : callable
        Told the step and 0 when it begins, and the step and 1 after each fit.

    Returns
    -------
    list of StageRecord
        Of all steps, done now or before.
    """
    stages = plan_steps(session, config, terms)
    done = [stage.record() for stage in stages.values()]
    finished = [record for record in done if record is not None]
    if len(finished) == len(stages):
        return finished
    recording = session.recording()
    problem = _pose(recording, config, terms)
    steps = _steps(config)
    pending = [step for step in steps if stages[step].record() is None]
    expect(sum(count_fits(problem, step) for step in pending))
    fits: dict[str, xr.Dataset] = {}  # always as they were saved, so that a resumed run sees the same numbers
    records = []
    for step in steps:

        def make(path: Path, step: str = step) -> None:
            progress(step, 0)
            save_dataset(fit_step(problem, step, fits, n_jobs=n_jobs, progress=lambda: progress(step, 1)), path)

        records.append(finish_stage(stages[step], make))
        fits[step] = load_dataset(stages[step].target)

    def collect(path: Path) -> None:
        save_dataset(collect_benefit(problem, recording, fits), path)

    records.append(finish_stage(stages["benefit"], collect))
    for column in (name for name in config.information or () if name in recording):

        def inform(path: Path, column: str = column) -> None:
            progress(f"information about {column}", 0)
            save_dataset(_information(problem, fits["uncoupled"], column, n_jobs), path)

        records.append(finish_stage(stages[f"information_{column}"], inform))
    return records


def _information(problem: Problem, uncoupled: xr.Dataset, column: str, n_jobs: int | None) -> xr.Dataset:
    """What activity says about a trial column, with and without partners, and how steady that is."""
    coupled = fit_model(problem, COUPLED, uncoupled, keep_coefficients=True, n_jobs=n_jobs)
    found = class_information(problem, {"uncoupled": uncoupled, "coupled": coupled}, column=column)
    if found.sizes["class"] != 2:
        return found
    rng = problem.rng(f"consistency of {column}")
    return found.merge(code_consistency(found, rng=rng), combine_attrs="override")


def _steps(config: StudyConfig) -> tuple[str, ...]:
    return check_steps(STEPS if config.fit.steps is None else config.fit.steps)


def _pose(recording: xr.Dataset, config: StudyConfig, terms: list[dict]) -> Problem:
    fit = config.fit
    design = design_matrix(recording, terms_from_config(terms), edges=fit.edges)
    return pose_problem(
        recording,
        design,
        n_folds=fit.folds,
        n_inner_folds=fit.inner_folds,
        family=fit.family,
        penalties=PENALTIES if fit.penalties is None else fit.penalties,
        l1_ratio=fit.l1_ratio,
        penalty_weight=fit.penalty_weight,
        scaling=fit.scaling,
        gap=fit.gap,
        n_matched=fit.n_matched,
        n_trials_matched=fit.n_trials_matched,
        n_draws=fit.n_draws,
        seed=config.seed,
    )


def _known_hash(session: Session, hashing: Callable[[int], None]) -> str:
    """Hash of the file, kept so that a large one is not read again as long as its size and time are the same."""
    note, state = session.folder / "input.json", session.file.stat()
    looks: Mapping[str, Any] = {"file": str(session.file), "size": state.st_size, "modified": state.st_mtime_ns}
    try:
        known = json.loads(note.read_text(encoding="utf-8"))
        if {key: known[key] for key in looks} == looks:
            return known["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        pass
    sha256 = file_hash(session.file, progress=hashing)
    session.folder.mkdir(parents=True, exist_ok=True)
    write_text(note, json.dumps({**looks, "sha256": sha256}, indent=1))
    return sha256

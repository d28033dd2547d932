"""The configuration of a study: a frozen record, written to and read from `study.toml`."""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import tomli_w

from neurorec.networks import NETWORKS
from neurorec.recording import FileError, InputError
from neurorec.tasks import find_task

_SAID = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


@dataclass(frozen=True)
class DataSettings:
    """What is read, and how: the arguments of :func:`neurorec.read_nwb`.

    Parameters
    ----------
    files : tuple of str
        One recording per session; a relative path starts at the folder of the study file.
    bin_width : float, optional
        Seconds; by default what suits the signal.
    signal : str, optional
        ``"spikes"`` or the name of a trace.
    area : str or dict of str to str, optional
        A column of the unit table, or the areas' new names by their old ones.
    trials : tuple of str, optional
        Interval tables.
    units : str, optional
        A filter expression on the unit table.
    covariates : tuple of str, optional
        Signals to keep; all by default.
    window : tuple of float, optional
        Start and stop, s.
    block_length : float, optional
        Seconds of the blocks that stand in for trials.
    binarise : bool, optional
        Whether activity is 1 where it exceeds 0, and 0 elsewhere.
    cross_trials : bool, optional
        Whether filters run from one trial into the next.
    """

    files: tuple[str, ...] = ()
    bin_width: float | None = None
    signal: str | None = None
    area: str | dict[str, str] | None = None
    trials: tuple[str, ...] | None = None
    units: str | None = None
    covariates: tuple[str, ...] | None = None
    window: tuple[float, ...] | None = None
    block_length: float | None = None
    binarise: bool | None = None
    cross_trials: bool | None = None


@dataclass(frozen=True)
class FitSettings:
    """How models are fitted and compared: the arguments of :func:`neurorec.recurrence_benefit`.

    Parameters
    ----------
    folds, inner_folds : int
        Outer folds for the score; inner folds, within the training trials, for the penalty.
    family : str, optional
        ``"poisson"``, ``"bernoulli"``, ``"gaussian"`` or ``"gamma"``; by default what suits the activity.
    penalties : tuple of float, optional
        Strong to weak.
    l1_ratio : float
        0: ridge; towards 1: lasso.
    penalty_weight : dict of str to float, optional
        What the penalty of a term's columns is multiplied by, by the term's name.
    scaling : str
        ``"spread"`` or ``"maximum"``: what columns are divided by.
    edges : str
        What becomes of bins whose filters reach over the edge of a trial: see :func:`neurorec.design_matrix`.
    gap : float, optional
        Seconds between training and held-out bins; the longest filter by default.
    n_matched : int, optional
        Sources per unit where their numbers are matched; by default what the smallest area of all sessions allows.
    n_trials_matched : int, optional
        Trials where their numbers are matched; by default those of the shortest of several sessions.
    n_draws : int
        Random subpopulations of each area where numbers of sources are matched.
    steps : tuple of str, optional
        What is fitted beside the uncoupled and the coupled model; all controls by default.
    """

    folds: int = 5
    inner_folds: int = 3
    family: str | None = None
    penalties: tuple[float, ...] | None = None
    l1_ratio: float = 0.0
    penalty_weight: dict[str, float] | None = None
    scaling: str = "spread"
    edges: str = "drop"
    gap: float | None = None
    n_matched: int | None = None
    n_trials_matched: int | None = None
    n_draws: int = 100
    steps: tuple[str, ...] | None = None


@dataclass(frozen=True)
class NetworkSettings:
    """Networks that are trained on the session's task, and put beside its recording.

    Parameters
    ----------
    n_networks : int
        Of each kind, from different weights and trials; 0: this half of the study is left out.
    kinds : tuple of str
        Which, as in `neurorec.networks.NETWORKS`.
    task : str, optional
        A name of `neurorec.tasks.TASKS`; by default the task that the trial table tells of, if there is one.
    recorded, modelled : tuple of str, optional
        Columns of the trial table, and of the named task's trials, that mean the same.
    anchor : str, optional
        The named task's column of times that goes with the start of a trial; by default its first.
    n_updates : int, optional
        Most updates of the weights; by default what suits the task.
    n_trials : int
        On which networks are compared with the recording.
    n_shuffles, n_bootstrap : int
        Of the nulls and the intervals of the comparison.
    """

    n_networks: int = 3
    kinds: tuple[str, ...] = ("leaky", "gru", "delay_feedforward")
    task: str | None = None
    recorded: tuple[str, ...] | None = None
    modelled: tuple[str, ...] | None = None
    anchor: str | None = None
    n_updates: int | None = None
    n_trials: int = 400
    n_shuffles: int = 100
    n_bootstrap: int = 100


@dataclass(frozen=True)
class StudyConfig:
    """A study: which recordings, which design, which fits.

    Parameters
    ----------
    data : DataSettings
        What is read.
    fit : FitSettings
        How models are fitted.
    network : NetworkSettings
        Networks on the task, and how they are put beside the recordings.
    seed : int
        From which everything random follows.
    preset : str, optional
        A published design, ``"runyan2017"``: settings that are left open are the publication's.
    information : tuple of str, optional
        Trial columns about which activity is asked what it says.
    terms : tuple of dict, optional
        The design, as :func:`neurorec.design.terms_to_config` writes it; derived from the recordings by default.
    session_terms : dict of str to tuple of dict
        Designs of sessions that differ from ``terms``.
    left_out : dict of str to str
        What the derived design leaves out, and why. For the reader: it changes nothing.

    Examples
    --------
    >>> config = StudyConfig(data=DataSettings(files=("session.nwb",), bin_width=0.01), seed=3)
    >>> print(config_to_toml(config).strip())
    seed = 3
    <BLANKLINE>
    [data]
    files = [
        "session.nwb",
    ]
    bin_width = 0.01
    <BLANKLINE>
    [fit]
    folds = 5
    inner_folds = 3
    l1_ratio = 0.0
    scaling = "spread"
    edges = "drop"
    n_draws = 100
    <BLANKLINE>
    [network]
    n_networks = 3
    kinds = [
        "leaky",
        "gru",
        "delay_feedforward",
    ]
    n_trials = 400
    n_shuffles = 100
    n_bootstrap = 100
    """

    data: DataSettings = field(default_factory=DataSettings)
    fit: FitSettings = field(default_factory=FitSettings)
    seed: int = 0
    preset: str | None = None
    information: tuple[str, ...] | None = None
    terms: tuple[dict, ...] | None = None
    session_terms: dict[str, tuple[dict, ...]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    network: NetworkSettings = field(default_factory=NetworkSettings)


def read_config(path: Path | str) -> StudyConfig:
    """Read a study file.

    Parameters
    ----------
    path : path
        A TOML file; relative paths of recordings start at its folder.

    Returns
    -------
    StudyConfig
        With absolute paths.

    Raises
    ------
    FileError
        When the file cannot be read as TOML.
    InputError
        Naming the key that is unknown, with the nearest valid one, or whose value is of the wrong type.
    """
    path = Path(path)
    if not path.is_file():
        raise FileError(str(path), expected="a study file", found="no such file", remedy="check the path")
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FileError(str(path), expected="TOML", found=str(error), remedy="correct that line") from error
    config = config_from_dict(tables)
    files = tuple(str((path.parent / file).resolve()) for file in config.data.files)
    return replace(config, data=replace(config.data, files=files))


def config_from_dict(tables: Mapping[str, Any]) -> StudyConfig:
    """Check plain tables and make them a study.

    Parameters
    ----------
    tables : mapping
        As :mod:`tomllib` reads them.

    Returns
    -------
    StudyConfig

    Raises
    ------
    InputError
        Naming the first key that is unknown or whose value is of the wrong type, or cannot be: said before anything is
        computed.

    Examples
    --------
    >>> config_from_dict({"fit": {"fold": 10}})
    Traceback (most recent call last):
    ...
    neurorec.recording.errors.InputError: fit.fold: expected a known key, found none of that name; did you mean folds?
    """
    return _checked(_record(StudyConfig, tables, ""))


def config_to_dict(config: StudyConfig) -> dict[str, Any]:
    """Write a study as plain tables, without the settings that are unset."""
    return _plain(asdict(config))


def config_to_toml(config: StudyConfig) -> str:
    """Write a study as TOML, without the settings that are unset."""
    tables = {key: value for key, value in config_to_dict(config).items() if value != {}}
    return tomli_w.dumps(dict(sorted(tables.items(), key=lambda item: isinstance(item[1], dict | list))))


def _checked(config: StudyConfig) -> StudyConfig:
    """The study, if its numbers and names can be."""
    numbers = {"seed": (config.seed, 0), "fit.n_draws": (config.fit.n_draws, 0), "fit.folds": (config.fit.folds, 2)}
    numbers |= {"fit.inner_folds": (config.fit.inner_folds, 2), "network.n_networks": (config.network.n_networks, 0)}
    for name, (value, least) in numbers.items():
        if value < least:
            raise InputError(name, expected=f"{least} or more", found=str(value), remedy="give a larger number")
    if config.fit.penalties is not None and not config.fit.penalties:
        raise InputError(
            "fit.penalties", expected="one or more", found="none", remedy="name some, or leave the key out"
        )
    if config.network.task is not None:
        find_task(config.network.task)
    strange = [kind for kind in config.network.kinds if kind not in NETWORKS]
    if strange:
        expected = f"names of neurorec.networks.NETWORKS ({', '.join(NETWORKS)})"
        raise InputError("network.kinds", expected=expected, found=strange[0], remedy="name others")
    return config


def _record(kind: type, tables: Mapping[str, Any], where: str) -> Any:
    """Build a dataclass from a table, checking keys and types."""
    hints = get_type_hints(kind)
    known = {f.name for f in fields(kind)}
    for key in tables:
        if key not in known:
            near = get_close_matches(key, sorted(known), n=1, cutoff=0.5)
            remedy = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known))}"
            raise InputError(f"{where}{key}", expected="a known key", found="none of that name", remedy=remedy)
    return kind(**{key: _value(value, hints[key], f"{where}{key}") for key, value in tables.items()})


def _value(value: Any, kind: Any, where: str) -> Any:
    """Check a value against a type, making lists tuples and whole numbers floats where floats are meant."""
    if is_dataclass(kind) and isinstance(kind, type) and isinstance(value, Mapping):
        return _record(kind, value, f"{where}.")
    options = get_args(kind) if isinstance(kind, UnionType) else (kind,)
    for option in options:
        if _fits(value, option):
            if get_origin(option) is tuple:
                return tuple(_value(item, get_args(option)[0], f"{where}[{i}]") for i, item in enumerate(value))
            if get_origin(option) is dict:
                return {key: _value(item, get_args(option)[1], f"{where}.{key}") for key, item in value.items()}
            return float(value) if option is float else value
    expected = " or ".join(_say(option) for option in options if option is not type(None))
    raise InputError(where, expected=expected, found=repr(value), remedy="correct the study file")


def _fits(value: Any, kind: Any) -> bool:
    origin = get_origin(kind) or kind
    if origin is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if origin is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if origin is tuple:
        return isinstance(value, list | tuple)
    return (
        isinstance(value, Mapping) if origin in (dict, Mapping) or is_dataclass(origin) else isinstance(value, origin)
    )


def _say(kind: Any) -> str:
    origin = get_origin(kind) or kind
    if origin is tuple:
        return f"a list ({_say(get_args(kind)[0])} each)"
    return _SAID.get(origin, "a table")


def _plain(value: Any) -> Any:
    """Tables and lists without unset values."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items() if item is not None}
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value

"""The design of Runyan et al. 2017 (doi:10.1038/nature23020), for their maze and for files with columns like theirs."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from neurorec.design.bases import Basis, gaussian, gaussians_at
from neurorec.design.default import DefaultDesign, default_terms
from neurorec.design.places import Place
from neurorec.design.terms import Coupling, Event, PopulationMean, Signal, Term
from neurorec.recording import InputError, SelectionError, signals, trial_columns

# Where the ten filters of other cells peak, s. The first holds the same frame. What lies between is logarithmic, and
# the next would be at 10 s, the end of the window.
COUPLING_PEAKS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.544, 0.988, 1.774, 3.163, 5.622)
_WINDOW = 10.0  # s

_NAMES: dict[str, str | tuple[str, ...]] = {
    "position": "position",
    "velocity": ("velocity_x", "velocity_y"),
    "view_angle": "view_angle",
    "choice": "choice",
    "turn": "turn",
    "reward": "reward",
    "no_reward": "no_reward",
    "sounds": tuple(f"sound_{k}" for k in range(1, 21)),
    "location": "stimulus",
}


@dataclass(frozen=True)
class Preset:
    """How a published model is fitted: what `neurorec.recurrence.pose_problem` has to be told.

    Parameters
    ----------
    source : str
        The publication.
    family : str
        Distribution of the response.
    l1_ratio : float
        Share of the elastic net's absolute-value penalty.
    penalty_weight : mapping of str to float
        By name of the term (``design["term"]``); 1 for those that are not named.
    scaling : str
        What every column is divided by.
    binarise : bool
        Whether the response is ``activity > 0`` (`neurorec.recording.binarise`).
    cross_trials : bool
        Whether filters run from one trial into the next (`neurorec.design.cross_trials`).
    """

    source: str
    family: str
    l1_ratio: float
    penalty_weight: Mapping[str, float]
    scaling: str
    binarise: bool
    cross_trials: bool


RUNYAN2017 = Preset(
    source="doi:10.1038/nature23020",
    family="bernoulli",
    l1_ratio=0.95,
    penalty_weight={"Coupling": 10.0, "PopulationMean": 20.0},
    scaling="maximum",
    binarise=True,
    cross_trials=True,
)


def runyan2017_terms(
    recording: xr.Dataset,
    *,
    names: Mapping[str, str | tuple[str, ...]] | None = None,
    same_frame: bool = True,
    longest: float = _WINDOW,
    maze: tuple[float, float] | None = None,
) -> DefaultDesign:
    """Terms of the coupled and uncoupled models of Runyan et al. 2017 (doi:10.1038/nature23020).

    Behaviour, 419 columns where everything was recorded: 1 for being nowhere in the maze, 60 for position (30
    Gaussians, by upcoming turn), 18 for the turn (9 Gaussians from 2 s before to 2 s after, left and right), 32 for
    velocity (x and y, positive and negative part, 8 Gaussians from 1 s back to 1 s ahead), 12 for the view angle
    (positive and negative part, 6 Gaussians likewise), 8 for reward and its omission (4 Gaussians over 2 s each), 288
    for sounds (8 locations; first, second and further repeats; 12 Gaussians over 2.1 s). Coupling: each other unit's
    activity through 10 causal Gaussians that peak at `COUPLING_PEAKS`, and the mean activity of the other units through
    the same.

    The numbers and spans are the paper's. Where its text leaves it open, this is ours: that kernels lie evenly over
    their span and cross at half height, that the turn's span is centred on it, and that coupling filters are as wide at
    half height as their neighbours are far away.

    Use it on ``cross_trials(binarise(recording))``: filters of 10 s need the past beyond the trial's start.

    Parameters
    ----------
    recording : xarray.Dataset
        A recording of their task, such as `neurorec.datasets.simulate_runyan2017` makes, or any other.
    names : mapping, optional
        What the recording calls things, for those that differ: signals ``position``, ``velocity`` (one or more),
        ``view_angle``; trial columns ``choice`` (which turn), ``location`` (of the sound), and times in s ``turn``,
        ``reward``, ``no_reward``, ``sounds`` (first, second, ... repeat).
    same_frame : bool
        Let coupling filters see the same frame, as in the paper. False: strictly causal; the filters are the same but
        for their value at lag 0.
    maze : (float, float), optional
        First and last position; by default what occurs in the recording. Give it where sessions are compared.

    Returns
    -------
    DefaultDesign
        ``terms`` for `design_matrix`, and ``left_out``: which blocks the recording has nothing for, and why. With none
        of them, behaviour is that of `default_terms`; coupling stays.

    Raises
    ------
    InputError
        When `names` holds an unknown key, or `longest` is out of range.
    SelectionError
        When something named by the user is not in the recording.

    Examples
    --------
    >>> from neurorec.recording import recording_from_arrays
    >>> recording = recording_from_arrays(np.zeros((900, 2)), bin_width=1 / 29.99, signals={"speed": np.arange(900.0)})
    >>> terms, left_out = runyan2017_terms(recording, names={"velocity": "speed"})
    >>> [type(term).__name__ for term in terms], "position" in left_out
    (['Signal', 'Coupling', 'PopulationMean'], True)
    """
    known = _known_names(recording, names or {})
    left_out: dict[str, str] = {}
    terms = [
        *_maze_terms(recording, known, left_out, maze),
        *_movement_terms(known, left_out),
        *_outcome_terms(known, left_out),
        *_sound_terms(known, left_out),
    ]
    if not terms:
        derived = default_terms(recording)
        terms = [term for term in derived.terms if term.group == "task"]
        left_out = {**left_out, **derived.left_out}
    basis = coupling_basis(recording["activity"].attrs["bin_width"], same_frame=same_frame, longest=longest)
    coupling = [Coupling(basis, same_bin=same_frame), PopulationMean(basis, same_bin=same_frame)]
    return DefaultDesign([*terms, *coupling], left_out)


def coupling_basis(bin_width: float, *, same_frame: bool = True, longest: float = _WINDOW) -> Basis:
    """The ten coupling filters of Runyan et al. 2017: causal Gaussians over 10 s, narrow at short lags.

    Parameters
    ----------
    bin_width : float
        Of the recording, s.
    same_frame : bool
        Whether the first frame they see is the same one, or the one before.
    longest : float
        Where they end, s; filters that peak there or later are left out.

    Returns
    -------
    Basis

    Raises
    ------
    InputError
        When `longest` is shorter than a bin or longer than 10 s.

    Examples
    --------
    >>> coupling_basis(1 / 29.99).peaks.tolist()
    [0.0, 0.1, 0.2, 0.3, 0.4, 0.544, 0.988, 1.774, 3.163, 5.622]
    """
    n = sum(peak < longest for peak in COUPLING_PEAKS)
    if not bin_width <= longest <= _WINDOW:
        expected = f"{bin_width:g} (one bin) to {_WINDOW:g} s"
        raise InputError("longest", expected=expected, found=f"{longest:g} s", remedy="give another")
    # Full width at half height: half the distance between the neighbours. Before the first and behind the last, the
    # series goes on in the way that it does there.
    around = np.array([-COUPLING_PEAKS[1], *COUPLING_PEAKS, _WINDOW])
    widths = (around[2:] - around[:-2]) / 2 / np.sqrt(8 * np.log(2))
    first = 0.0 if same_frame else round(bin_width, 9)
    return gaussians_at(COUPLING_PEAKS[:n], widths[:n].tolist(), window=(first, longest))


def _known_names(recording: xr.Dataset, names: Mapping[str, str | tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """What of each kind the recording holds; what the user named must be there."""
    unknown = sorted(set(names) - set(_NAMES))
    if unknown:
        raise InputError("names", expected=f"keys {', '.join(_NAMES)}", found=", ".join(unknown), remedy="correct them")
    series = set(signals(recording))
    columns = {*trial_columns(recording), "start", "stop"} if "trial" in recording.dims else set()
    known = {}
    for kind, usual in _NAMES.items():
        asked = names.get(kind, usual)
        asked = (asked,) if isinstance(asked, str) else tuple(asked)
        there = series if kind in ("position", "velocity", "view_angle") else columns
        known[kind] = tuple(name for name in asked if name in there)
        absent = [name for name in asked if name not in there]
        if kind in names and absent:
            what = "signals" if there is series else "trial columns"
            found, held = ", ".join(absent), ", ".join(sorted(there)) or "none"
            raise SelectionError(f"names[{kind!r}]", expected=f"{what} ({held})", found=found, remedy="name others")
    return known


def _maze_terms(
    recording: xr.Dataset,
    known: Mapping[str, tuple[str, ...]],
    left_out: dict[str, str],
    maze: tuple[float, float] | None,
) -> list[Term]:
    terms: list[Term] = []
    choice = known["choice"][:1]
    for name in known["position"][:1]:
        value = recording[name].values
        span = (float(np.nanmin(value)), float(np.nanmax(value))) if maze is None else maze
        terms.append(Place(name, gaussian(30, window=span), by=choice, elsewhere=True))
    if not known["position"]:
        left_out["position"] = "no such signal"
    elif not choice:
        left_out["position by turn"] = "no choice in the trials: position is not split"
    if known["turn"] and choice:
        terms.append(Event(known["turn"][0], gaussian(9, window=(-2.0, 2.0)), by=choice, separate=True))
    else:
        left_out["turn"] = "no choice in the trials" if known["turn"] else "no such time in the trials"
    return terms


def _movement_terms(known: Mapping[str, tuple[str, ...]], left_out: dict[str, str]) -> list[Term]:
    terms: list[Term] = []
    for kind, n in (("velocity", 8), ("view_angle", 6)):
        basis = gaussian(n, window=(-1.0, 1.0))
        terms += [Signal(name, basis, rectified=True, harmonics=0) for name in known[kind]]
        if not known[kind]:
            left_out[kind] = "no such signal"
    return terms


def _outcome_terms(known: Mapping[str, tuple[str, ...]], left_out: dict[str, str]) -> list[Term]:
    terms: list[Term] = []
    for kind in ("reward", "no_reward"):
        terms += [Event(name, gaussian(4, window=(0.0, 2.0))) for name in known[kind][:1]]
        if not known[kind]:
            left_out[kind] = "no such time in the trials"
    return terms


def _sound_terms(known: Mapping[str, tuple[str, ...]], left_out: dict[str, str]) -> list[Term]:
    sounds, location = known["sounds"], known["location"][:1]
    if not sounds:
        left_out["sounds"] = "no such times in the trials"
        return []
    if not location:
        left_out["sounds by location"] = "no location in the trials: sounds are not split"
    basis = gaussian(12, window=(0.0, 2.1))
    repeats = [sounds[:1], sounds[1:2], sounds[2:]]
    for repeat, names in zip(("first", "second", "third and further"), repeats, strict=True):
        if not names:
            left_out[f"{repeat} sounds"] = "no such times in the trials"
    return [Event(names[0], basis, by=location, also=names[1:], separate=bool(location)) for names in repeats if names]

"""Rings: whether the activity of a population goes around one, the angle around it, and what chance would show."""

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components, dijkstra, minimum_spanning_tree
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from neurorec.design import find_runs
from neurorec.dynamics.subspaces.labels import check_activity, whole
from neurorec.dynamics.subspaces.loops import Loops, circular_coordinate, persistent_loops
from neurorec.recording import InputError

_LEVEL = 0.05
_FEWEST = 3  # units
_SHOWN = 5  # loops that a Dataset keeps
_AROUND = 4  # landmarks that a bin's angle is taken from
_PIECES = 2  # that each piece is joined with
_NEAR = 1e-12  # of what is in the same place: 0 would be no joint
_EDGE = 0.1  # share of the bins that a shift leaves, at either end


class Ring(NamedTuple):
    """What `find_ring` returns.

    Attributes
    ----------
    score : float
        How long the first loop lasts, in the greatest distance of landmarks; nearly 2/3 on a ring that is sampled
        densely, 0 without a loop.
    p_value : float
        Share of shifted populations with a score as high, this one counted in.
    n_loops : int
        Loops whose score is above 95 % of those of the shifted: 1 on a ring, 2 on a torus or a figure of eight.
    null : ndarray (draw,)
        Scores of the shifted.
    birth, death : ndarray (loop,)
        Distances, see `persistent_loops`; the loop that lasts longest first.
    angle : ndarray (time,)
        Radians, 0 to 2 pi, of arbitrary beginning and sense; NaN of quiet bins, and of all without an exact loop.
    distance : ndarray (time,)
        From the nearest landmark.
    landmarks : ndarray (landmark, unit)
        Activity of length 1.
    landmark_angle : ndarray (landmark,)
    position : ndarray (landmark, axis)
        The distances between landmarks laid out in the plane (classical scaling).
    """

    score: float
    p_value: float
    n_loops: int
    null: NDArray[np.float64]
    birth: NDArray[np.float64]
    death: NDArray[np.float64]
    angle: NDArray[np.float64]
    distance: NDArray[np.float64]
    landmarks: NDArray[np.float64]
    landmark_angle: NDArray[np.float64]
    position: NDArray[np.float64]


def find_ring(
    activity: ArrayLike,
    *,
    n_landmarks: int = 80,
    n_samples: int = 1500,
    n_neighbours: int = 10,
    quiet: float = 0.0,
    n_null: int = 99,
    rng: np.random.Generator,
) -> Ring:
    """Ask whether activity goes around a ring, without knowing what of.

    The activity of a bin is a direction, ``x / |x|``, so that gain does not matter. Bins are joined with their nearest
    neighbours, and pieces with the two pieces nearest to them; distances go along these joints; landmarks are chosen
    one by one, each as far as possible from those before. If a loop of landmarks outlasts all others as they are joined
    ever further, it is a ring (Chaudhuri et al. 2019, doi:10.1038/s41593-019-0460-x; Rybakken, Baas & Dunn 2019,
    doi:10.1162/neco_a_01150).

    Few units make loops by themselves: those of three units that fire in turn, for one. The score is therefore compared
    with that of the same units shifted along time against each other, which keeps what each of them does.

    Parameters
    ----------
    activity : array-like (time, unit)
        Smoothed: single bins of few spikes are too noisy. Square roots of counts have the same noise everywhere. Bins
        with NaN are left out.
    n_landmarks, n_samples : int
        Landmarks, among so many bins drawn at random.
    n_neighbours : int
        That each sample is joined with.
    quiet : float
        Share of the bins, of the least activity, that are left out beside the silent ones. Where no unit is tuned,
        quiet bins are part of the ring.
    n_null : int
        Shifted populations; 19 or more can tell anything.
    rng : numpy.random.Generator
        Samples and shifts.

    Returns
    -------
    Ring

    Raises
    ------
    InputError
        Fewer than three units or bins than landmarks.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> angle = rng.uniform(0, 2 * np.pi, 600)
    >>> rates = np.exp(3 * np.cos(angle[:, None] - np.linspace(0, 2 * np.pi, 6, endpoint=False)))
    >>> found = find_ring(np.sqrt(rates), n_landmarks=40, n_samples=400, n_null=19, rng=rng)
    >>> found.n_loops, found.p_value, bool(found.score > 0.4)
    (1, 0.05, True)
    """
    values = check_activity(activity, least=2, most=2)
    if not (0 <= quiet < 1 and n_neighbours > 0 and n_null > 0 and _FEWEST < n_landmarks <= n_samples):
        found = f"quiet {quiet}, {n_neighbours} neighbours, {n_landmarks} of {n_samples} samples, {n_null} shifted"
        raise InputError("n_landmarks", expected="positive numbers that fit", found=found, remedy="see find_ring")
    known = np.flatnonzero(whole(values))
    n_active = int(values[known].any(axis=1).sum())
    if values.shape[1] < _FEWEST or n_active * (1 - quiet) < n_landmarks:
        found = f"{n_active} bins with activity of {values.shape[1]} units"
        expected = f"{_FEWEST} units or more, and more bins than the {n_landmarks} landmarks"
        raise InputError("activity", expected=expected, found=found, remedy="take fewer landmarks, or more bins")
    how = (n_landmarks, n_samples, n_neighbours, quiet)
    cloud = _landmarks(values[known], *how, rng)
    loops = persistent_loops(cloud.apart)
    scores = _scores(loops, cloud.apart)
    null = np.empty(n_null)
    edge = int(_EDGE * known.size)
    for k in range(n_null):
        shifts = rng.integers(edge, known.size - edge, values.shape[1])
        other = np.stack([np.roll(values[known, u], shift) for u, shift in enumerate(shifts)], axis=1)
        drawn = _landmarks(other, *how, rng).apart
        null[k] = _scores(persistent_loops(drawn), drawn).max(initial=0.0)
    score = float(scores.max(initial=0.0))
    p_value = float((1 + (null >= score).sum()) / (1 + n_null))
    around = circular_coordinate(loops, n_landmarks)
    angle, distance = np.full(len(values), np.nan), np.full(len(values), np.nan)
    angle[known], distance[known] = _read_angles(values[known], cloud, around)
    return Ring(
        score=score,
        p_value=p_value,
        n_loops=int((scores > np.quantile(null, 1 - _LEVEL)).sum()) if p_value <= _LEVEL else 0,
        null=null,
        birth=loops.birth,
        death=loops.death,
        angle=angle,
        distance=distance,
        landmarks=cloud.landmarks,
        landmark_angle=around,
        position=_lay_out(cloud.apart),
    )


def ring_of_population(
    recording: xr.Dataset,
    *,
    smoothing: float = 0.15,
    n_angles: int = 24,
    n_landmarks: int = 80,
    n_samples: int = 1500,
    n_null: int = 99,
    rng: np.random.Generator,
) -> xr.Dataset:
    """The ring that a recorded population goes around, if it does, and where on it each unit is active.

    Parameters
    ----------
    recording : xarray.Dataset
        Of the units, and the times, in question, such as ``recording.isel(unit=recording["area"] == "ADN")``.
    smoothing : float
        Standard deviation of the Gaussian that activity is smoothed with, s; within trials and segments. Of counts and
        other activity that is never negative the square root is taken.
    n_angles : int
        Bins of the units' tuning.
    n_landmarks, n_samples, n_null, rng
        See `find_ring`.

    Returns
    -------
    xarray.Dataset
        ``angle (time)``, rad, and ``distance (time)`` from the nearest landmark; ``tuning (unit, around)``, mean
        activity by angle, NaN where it never was, ``preferred (unit)``, the circular mean of the angle weighted by it,
        and ``selectivity (unit)``, its length from 0 to 1; ``birth`` and ``death (loop)``; ``null (draw)``;
        ``landmark (landmark, unit)``, ``landmark_angle (landmark)``, ``position (landmark, axis)``. ``attrs``:
        ``score``, ``p_value``, ``n_loops``, ``smoothing`` (s).

    Raises
    ------
    InputError
        As `find_ring`; or a smoothing that is not positive.

    Examples
    --------
    >>> from neurorec.recording import recording_from_arrays
    >>> rng = np.random.default_rng(0)
    >>> angle = np.cumsum(0.1 * rng.standard_normal(4000))
    >>> rates = np.exp(3 * np.cos(angle[:, None] - np.linspace(0, 2 * np.pi, 7, endpoint=False)) - 1)
    >>> recording = recording_from_arrays(rng.poisson(rates), bin_width=0.05, area="ADN")
    >>> found = ring_of_population(recording, n_null=19, n_samples=600, rng=rng)
    >>> found.attrs["n_loops"], bool(np.abs(np.exp(1j * (found["angle"] - angle)).mean()) > 0.9) or bool(
    ...     np.abs(np.exp(1j * (found["angle"] + angle)).mean()) > 0.9)
    (1, True)
    """
    if smoothing <= 0:
        raise InputError("smoothing", expected="above 0 s", found=str(smoothing), remedy="0.1 to 0.2 of spikes")
    activity = recording["activity"].transpose("time", "unit").values.astype(float)
    runs = find_runs(recording)
    smooth = np.empty_like(activity)
    for run in np.unique(runs.label):
        here = runs.label == run
        smooth[here] = gaussian_filter1d(activity[here], smoothing / runs.bin_width, axis=0, mode="nearest")
    positive = bool((smooth[np.isfinite(smooth)] >= 0).all())
    options = {"n_landmarks": n_landmarks, "n_samples": n_samples, "n_null": n_null}
    found = find_ring(np.sqrt(smooth) if positive else smooth, **options, rng=rng)
    place = np.where(np.isfinite(found.angle), found.angle / (2 * np.pi) * n_angles, -1).astype(int)
    tuning = np.full((activity.shape[1], n_angles), np.nan)
    for k in np.unique(place[place >= 0]):
        tuning[:, k] = activity[place == k].mean(axis=0)
    around = (np.arange(n_angles) + 0.5) * 2 * np.pi / n_angles
    weight = np.nan_to_num(np.maximum(tuning, 0))
    total = weight.sum(axis=1)
    mean = np.divide(weight @ np.exp(1j * around), total, out=np.full(len(total), np.nan + 0j), where=total > 0)
    kept = slice(0, _SHOWN)
    return xr.Dataset(
        {
            "angle": ("time", found.angle, {"units": "rad", "period": 2 * np.pi}),
            "distance": ("time", found.distance),
            "tuning": (("unit", "around"), tuning, {"units": recording["activity"].attrs.get("units", "")}),
            "preferred": ("unit", np.angle(mean) % (2 * np.pi), {"units": "rad"}),
            "selectivity": ("unit", np.abs(mean)),
            "birth": ("loop", found.birth[kept]),
            "death": ("loop", found.death[kept]),
            "null": ("draw", found.null),
            "landmark": (("landmark", "unit"), found.landmarks),
            "landmark_angle": ("landmark", found.landmark_angle, {"units": "rad"}),
            "position": (("landmark", "axis"), found.position),
        },
        coords={name: recording[name].variable for name in ("time", "unit", "area")} | {"around": around},
        attrs={
            "score": found.score,
            "p_value": found.p_value,
            "n_loops": found.n_loops,
            "smoothing": smoothing,
        },
    )


class _Cloud(NamedTuple):
    """Landmarks of a population's activity."""

    landmarks: NDArray[np.float64]  # (landmark, unit)
    apart: NDArray[np.float64]  # (landmark, landmark) along the samples
    loud: NDArray[np.bool_]  # (time,)


def _directions(values: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    size = np.linalg.norm(values, axis=1)
    return values / np.where(size > 0, size, 1.0)[:, None], size


def _landmarks(
    values: NDArray, n_landmarks: int, n_samples: int, n_neighbours: int, quiet: float, rng: np.random.Generator
) -> _Cloud:
    """Landmarks chosen one after the other, each the farthest from those before along the samples' neighbours."""
    x, size = _directions(values)
    loud = (size >= np.quantile(size, quiet)) & (size > 0)
    there = np.flatnonzero(loud)
    x = x[np.sort(rng.choice(there, min(n_samples, there.size), replace=False))]
    near, which = cKDTree(x).query(x, min(n_neighbours + 1, len(x)))
    rows = np.repeat(np.arange(len(x)), which.shape[1])
    graph = csr_matrix((np.maximum(near.ravel(), _NEAR), (rows, which.ravel())), shape=(len(x), len(x)))
    start = int(np.argmin(np.median(near, axis=1)))  # in the densest place
    graph = _join_pieces(graph, x)
    chosen, far, nearest = [start], [], np.full(len(x), np.inf)
    for _ in range(n_landmarks):
        along = dijkstra(graph, directed=False, indices=chosen[-1])
        far.append(along)
        nearest = np.minimum(nearest, along)
        chosen.append(int(np.argmax(nearest)))
    chosen = chosen[:-1]
    apart = np.array(far)[:, chosen]
    return _Cloud(x[chosen], (apart + apart.T) / 2, loud)


def _join_pieces(graph: csr_matrix, x: NDArray) -> csr_matrix:
    """A graph in one piece: each is joined with the two nearest to it, so that a ring in pieces closes."""
    n_pieces, piece = connected_components(graph, directed=False)
    if n_pieces == 1:
        return graph
    apart = cdist(x, x)
    members = [np.flatnonzero(piece == k) for k in range(n_pieces)]
    gap = np.array([[apart[np.ix_(a, b)].min() for b in members] for a in members])
    np.fill_diagonal(gap, np.inf)
    joined = minimum_spanning_tree(np.where(np.isfinite(gap), np.maximum(gap, _NEAR), 0.0)).toarray() > 0
    joined[np.arange(n_pieces)[:, None], np.argsort(gap, axis=1)[:, :_PIECES]] = True
    ends, length = [], []
    for a, b in np.argwhere(joined & (gap < np.inf)):
        i, j = np.unravel_index(np.argmin(apart[np.ix_(members[a], members[b])]), (len(members[a]), len(members[b])))
        ends.append((members[a][i], members[b][j]))
        length.append(max(gap[a, b], _NEAR))
    return csr_matrix(graph + csr_matrix((length, np.transpose(ends)), shape=graph.shape))


def _scores(loops: Loops, apart: NDArray) -> NDArray[np.float64]:
    """How long each loop lasts ``(loop,)`` in the greatest distance."""
    widest = float(apart.max())
    return (np.minimum(loops.death, widest) - loops.birth) / widest if widest > 0 else np.zeros(0)


def _read_angles(values: NDArray, cloud: _Cloud, around: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Angle of every bin, from the landmarks nearest to it, and its distance from the nearest ``(time,)``."""
    x, _ = _directions(values)
    known = np.isfinite(around)
    near = cKDTree(cloud.landmarks).query(x, 1)[0]
    angle = np.full(len(x), np.nan)
    if known.sum() > _AROUND:
        apart, which = cKDTree(cloud.landmarks[known]).query(x, _AROUND + 1)
        weight = np.maximum(apart[:, -1:] - apart[:, :-1], _NEAR)  # the last of them weighs nothing: no jumps
        mean = (weight * np.exp(1j * around[known][which[:, :-1]])).sum(axis=1)
        angle = np.where(cloud.loud, np.angle(mean) % (2 * np.pi), np.nan)
    return angle, np.where(cloud.loud, near, np.nan)


def _lay_out(apart: NDArray) -> NDArray[np.float64]:
    """Points in the plane ``(landmark, axis)`` whose distances are as near as classical scaling brings them."""
    square = apart**2
    centred = -0.5 * (square - square.mean(axis=0) - square.mean(axis=1)[:, None] + square.mean())
    values, vectors = np.linalg.eigh(centred)
    return vectors[:, :-3:-1] * np.sqrt(np.maximum(values[:-3:-1], 0.0))

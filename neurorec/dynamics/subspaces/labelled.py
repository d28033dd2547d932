"""Subspaces of a recording or a system, with the labels of what they were found in."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurorec.dynamics.subspaces.conditions import average_trials
from neurorec.dynamics.subspaces.demixed import choose_demixing_penalty, demixed_components
from neurorec.dynamics.subspaces.dimensionality import Dimensionality, participation_ratio
from neurorec.dynamics.subspaces.exchanging import compare_parts
from neurorec.dynamics.subspaces.labels import coordinates_of
from neurorec.dynamics.subspaces.principal import averages_of, deal_folds
from neurorec.dynamics.subspaces.rotations import rotational_dynamics
from neurorec.dynamics.subspaces.tangling import trajectory_tangling
from neurorec.dynamics.subspaces.targeted import targeted_axes
from neurorec.recording import InputError, SelectionError, first_offenders


def demixed_subspace(
    trials: xr.Dataset,
    *,
    n_components: int = 3,
    penalty: float | Literal["held out"] = "held out",
    n_folds: int = 5,
    n_shuffles: int = 0,
    rng: np.random.Generator | None = None,
) -> xr.Dataset:
    """Demixed principal components of trials, by the one or two columns that make their conditions.

    Parameters
    ----------
    trials : xarray.Dataset
        From `trial_activity`; or averages, from `condition_averages`, with a penalty that is given.
    n_components : int
        Of each part, at most.
    penalty : float or "held out"
        See `demixed_components`; chosen on held-out trials by default, see `choose_demixing_penalty`.
    n_folds, rng
        For that choice.
    n_shuffles : int
        For the test of `compare_parts`; 0 for none.

    Returns
    -------
    xarray.Dataset
        ``decoder``, ``encoder (component, unit)``, ``mean (unit)``, ``scores (condition, time, component)``, ``of
        (component)``, the part that each is of, ``share (component, part)`` and ``share_of_part (part)`` of the total
        variance; with a penalty chosen, ``penalty_error (penalty)``; with shuffles, ``p (part)`` and ``null (shuffle,
        part)``. ``attrs``: ``penalty``, ``penalty_inside`` (1 where the choice lies within those tried), ``method``.

    Raises
    ------
    InputError
        Conditions that are not all combinations of two columns, which are named; no ``rng`` where one is needed.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> side = np.repeat(["left", "right"], 10)
    >>> values = np.where(side == "left", 1.0, -1.0)[:, None, None] + rng.standard_normal((20, 8, 5))
    >>> trials = xr.Dataset(
    ...     {"activity": (("trial", "time", "unit"), values)},
    ...     coords={"condition": ("trial", side), "side": ("trial", side)}, attrs={"by": "side"},
    ... )
    >>> found = demixed_subspace(trials, n_components=1, rng=rng)
    >>> found["of"].values.tolist()[0], bool(found["share_of_part"].sel(part="side") > 0.5)
    ('side', True)
    """
    names = [name.strip() for name in str(trials.attrs["by"]).split(",")]
    single = "trial" in trials["activity"].dims
    averages = average_trials(trials) if single else trials
    if not single and (penalty == "held out" or n_shuffles):
        expected, remedy = "trials, to hold some out or exchange them", "see trial_activity; or give a penalty"
        raise InputError("trials", expected=expected, found="averages", remedy=remedy)
    if rng is None and (penalty == "held out" or n_shuffles):
        remedy = "it deals trials to folds and exchanges labels"
        raise InputError("rng", expected="a numpy.random.Generator", found="none", remedy=remedy)
    activity = averages["activity"].transpose("condition", "time", "unit").values
    levels = {name: averages[name].values for name in names}
    result, attrs = xr.Dataset(), {}
    if single and rng is not None:
        values = trials["activity"].transpose("trial", "time", "unit").values
        of_trials = {name: trials[name].values for name in names}
        if penalty == "held out":
            choice = choose_demixing_penalty(values, of_trials, n_components=n_components, n_folds=n_folds, rng=rng)
            penalty, attrs = choice.penalty, {"penalty_inside": int(choice.inside)}
            result = xr.Dataset({"penalty_error": ("penalty", choice.error)}, {"penalty": choice.penalties})
        if n_shuffles:
            test = compare_parts(values, of_trials, n_shuffles=n_shuffles, rng=rng)
            result = result.assign(p=("part", test.p), null=(("shuffle", "part"), test.null))
    found = demixed_components(activity, levels, n_components=n_components, penalty=float(penalty))
    return result.assign_coords(coordinates_of(averages)).assign(
        {
            "decoder": (("component", "unit"), found.decoder),
            "encoder": (("component", "unit"), found.encoder),
            "mean": ("unit", found.mean),
            "scores": (("condition", "time", "component"), found.scores),
            "of": ("component", found.part),
            "share": (("component", "part"), found.share),
            "share_of_part": ("part", found.share_of_part),
        }
    ).assign_coords(part=found.parts, component=np.arange(1, len(found.part) + 1)).assign_attrs(
        {**trials.attrs, "method": "demixed components", "penalty": found.penalty, **attrs}
    )  # fmt: skip


def targeted_subspace(
    trials: xr.Dataset, variables: Mapping[str, ArrayLike] | None = None, *, n_components: int = 12
) -> xr.Dataset:
    """Axes of task variables, from trials, and the averages by condition along them.

    Parameters
    ----------
    trials : xarray.Dataset
        From `trial_activity`.
    variables : mapping of str to array-like (trial,), optional
        Numbers; by default the columns that make the conditions, which then have to be numbers.
    n_components
        As in `targeted_axes`.

    Returns
    -------
    xarray.Dataset
        ``axes`` and ``raw (variable, unit)``, ``size (variable, time)``, ``peak (variable)`` in s after the event,
        ``coefficients (variable, time, unit)``, ``mean`` and ``scale (unit)``, ``scores (condition, time, component)``,
        components being named by the variable.

    Raises
    ------
    InputError
        See `targeted_axes`; columns that are not numbers.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> side = np.repeat([-1.0, 1.0], 10)
    >>> trials = xr.Dataset(
    ...     {"activity": (("trial", "time", "unit"), side[:, None, None] + rng.standard_normal((20, 8, 5)))},
    ...     coords={"condition": ("trial", side.astype(str)), "side": ("trial", side), "time": np.arange(8) * 0.1},
    ...     attrs={"by": "side"},
    ... )
    >>> targeted_subspace(trials)["scores"].dims
    ('condition', 'time', 'component')
    """
    if variables is None:
        names = [name.strip() for name in str(trials.attrs["by"]).split(",")]
        words = [name for name in names if trials[name].dtype.kind not in "biuf"]
        if words:
            remedy = "give variables, as -1 and 1"
            raise InputError("variables", expected="numbers", found=f"words in {', '.join(words)}", remedy=remedy)
        variables = {name: trials[name].values.astype(float) for name in names}
    averages = average_trials(trials)
    # averages come sorted by value, the arrays' by label: one code serves both
    code = {str(name): k for k, name in enumerate(averages["condition"].values)}
    condition = np.array([code[str(name)] for name in trials["condition"].values])
    values = trials["activity"].transpose("trial", "time", "unit").values
    found = targeted_axes(values, variables, condition, n_components=n_components)
    return xr.Dataset(
        {
            "axes": (("variable", "unit"), found.axes),
            "raw": (("variable", "unit"), found.raw),
            "size": (("variable", "time"), found.size),
            "peak": ("variable", averages["time"].values[found.peak], {"units": "s"}),
            "coefficients": (("variable", "time", "unit"), found.coefficients),
            "mean": ("unit", found.mean),
            "scale": ("unit", found.scale),
            "scores": (("condition", "time", "component"), found.scores),
        },
        coords={**coordinates_of(averages), "variable": list(found.variable), "component": list(found.variable)},
        attrs={**trials.attrs, "method": "targeted axes"},
    )


def rotational_subspace(
    averages: xr.Dataset,
    *,
    n_components: int = 6,
    subtract_mean: bool = True,
    soft: float | None = None,
    n_shuffles: int = 0,
    rng: np.random.Generator | None = None,
) -> xr.Dataset:
    """Planes in which averages by condition rotate, see `rotational_dynamics`.

    Parameters
    ----------
    averages : xarray.Dataset
        ``activity (condition, time, unit)``, see `condition_averages`, with ``attrs["bin_width"]`` (s).
    n_components, subtract_mean, soft, n_shuffles, rng
        As in `rotational_dynamics`.

    Returns
    -------
    xarray.Dataset
        ``scores (condition, time, component)`` and ``axes (component, unit)``, components 1 and 2 being the fastest
        plane; ``frequency (plane)`` in Hz, ``share (plane)``, ``null_ratio (shuffle)``. ``attrs``: ``r2_skew``,
        ``r2_free``, ``p``, ``method``.

    Examples
    --------
    >>> angle = np.arange(40) * 0.2 + np.array([0.0, 2.0, 4.0])[:, None]
    >>> turning = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    >>> averages = xr.Dataset({"activity": (("condition", "time", "unit"), turning)}, attrs={"bin_width": 0.02})
    >>> found = rotational_subspace(averages, n_components=2)
    >>> round(float(found["frequency"][0]), 4), round(10 / (2 * np.pi), 4)      # 10 rad/s
    (1.5915, 1.5915)
    """
    activity = averages["activity"].transpose("condition", "time", "unit").values
    found = rotational_dynamics(
        activity, dt=float(averages.attrs["bin_width"]), n_components=n_components, subtract_mean=subtract_mean,
        soft=soft, n_shuffles=n_shuffles, rng=rng,
    )  # fmt: skip
    attrs = {"method": "rotations", "r2_skew": found.r2_skew, "r2_free": found.r2_free, "p": found.p}
    return xr.Dataset(
        {
            "scores": (("condition", "time", "component"), found.scores.reshape(*activity.shape[:2], -1)),
            "axes": (("component", "unit"), found.axes.reshape(n_components, -1)),
            "frequency": ("plane", found.frequency, {"units": "Hz"}),
            "share": ("plane", found.share),
            "null_ratio": ("shuffle", found.null_ratio),
        },
        coords={**coordinates_of(averages), "component": np.arange(1, n_components + 1)},
        attrs={**averages.attrs, **attrs},
    )


def tangling_by_condition(
    averages: xr.Dataset, *, n_components: int | None = 8, softening: float = 0.1
) -> xr.DataArray:
    """Tangling ``(condition, time)`` of averages by condition, 1/s^2, see `trajectory_tangling`.

    Examples
    --------
    >>> angle = np.arange(40) * 0.2
    >>> circle = np.stack([np.cos(angle), np.sin(angle)], axis=-1)[None]
    >>> averages = xr.Dataset({"activity": (("condition", "time", "unit"), circle)}, attrs={"bin_width": 0.02})
    >>> tangling_by_condition(averages).dims
    ('condition', 'time')
    """
    activity = averages["activity"].transpose("condition", "time", "unit").values
    dt = float(averages.attrs["bin_width"])
    values = trajectory_tangling(activity, dt=dt, n_components=n_components, softening=softening)
    coords = {name: value for name, value in averages.coords.items() if set(value.dims) <= {"condition", "time"}}
    return xr.DataArray(values, coords, ("condition", "time"), "tangling", {"units": "1/s^2"})


def dimensionality_of_averages(
    trials: xr.Dataset,
    *,
    n_splits: int = 10,
    n_draws: int = 200,
    level: float = 0.95,
    rng: np.random.Generator,
) -> Dimensionality:
    """Participation ratio of averages by condition and time, without the noise of trials.

    Trials of each condition are split in halves; the averages of either are the repeat of the other's. The ratio is the
    median over splits. Times and conditions are taken for all there are; the interval draws conditions again, and is
    NaN where there are fewer than 16.

    Parameters
    ----------
    trials : xarray.Dataset
        From `trial_activity`, two or more of each condition.
    n_splits : int
        Into halves.
    n_draws, level
        As in `participation_ratio`.
    rng : numpy.random.Generator
        For halves and draws.

    Returns
    -------
    Dimensionality
        ``naive`` is that of the averages over all trials.

    Raises
    ------
    InputError
        A condition of one trial.
    SelectionError
        Units that are never recorded.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> truth = rng.standard_normal((1, 50, 2)) @ rng.standard_normal((2, 30))
    >>> trials = xr.Dataset(
    ...     {"activity": (("trial", "time", "unit"), truth + 3 * rng.standard_normal((20, 50, 30)))},
    ...     coords={"condition": ("trial", ["a"] * 20)},
    ... )
    >>> found = dimensionality_of_averages(trials, rng=rng)
    >>> bool(found.ratio < 2.5 < found.naive)
    True
    """
    values, labels = trials["activity"].transpose("trial", "time", "unit").values, trials["condition"].values
    silent = np.flatnonzero(~np.isfinite(values).any(axis=(0, 1)))
    if silent.size:
        remedy = "leave them out"
        raise SelectionError("trials", expected="recorded units", found=first_offenders(silent), remedy=remedy)
    whole = averages_of(values, labels)
    naive = participation_ratio(whole, samples="all")
    groups = np.broadcast_to(np.arange(len(whole))[:, None], whole.shape[:2])
    found = []
    for _ in range(n_splits):
        half = deal_folds(labels, 2, rng)
        a, b = (averages_of(values[half == k], labels[half == k]) for k in (0, 1))
        found.append(
            participation_ratio(
                a, repeat=b, samples="all", groups=groups, n_draws=max(1, n_draws // n_splits), level=level, rng=rng
            )
        )
    ratio, low, high = (_median(np.array([getattr(one, name) for one in found])) for name in ("ratio", "low", "high"))
    return Dimensionality(ratio, low, high, naive.naive, naive.n_samples)


def _median(values: NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else np.nan

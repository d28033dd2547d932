"""The comparison table: systems beside a recording by every measure, with intervals, nulls and untrained networks."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

from neurorec.comparison.matching import OWN, cut_source, shared_conditions, side_in
from neurorec.comparison.measures import Measure, Pair, find_measures
from neurorec.comparison.resampling import Side, centred_interval, exact_p
from neurorec.recording import DataWarning, InputError, first_offenders

Role = Literal["trained", "untrained", "feedforward"]
ROLES: tuple[Role, ...] = ("trained", "untrained", "feedforward")
DEFAULT = ("shape", "cka", "cka_debiased", "cca", "rsa", "dsa", "predictivity")
SHUFFLES = ("conditions", "trials")
_N_SPLITS = 10  # of the ceiling, at every shuffle


def compare(
    recording: xr.Dataset,
    systems: Mapping[str, xr.Dataset | ArrayLike],
    *,
    by: str | Sequence[str],
    roles: Mapping[str, Role] | None = None,
    kinds: Mapping[str, str] | None = None,
    measures: Sequence[str | Measure] = DEFAULT,
    event: str | Mapping[str, str] = "start",
    window: tuple[float, float] | Mapping[str, tuple[float, float]] | None = None,
    n_steps: int = 20,
    centring: Literal["grand", "step"] = "grand",
    scaled: bool = True,
    areas: bool = False,
    min_units: int = 10,
    n_shuffles: int = 200,
    n_bootstrap: int = 200,
    level: float = 0.95,
    rng: np.random.Generator,
    progress: bool = True,
) -> xr.Dataset:
    """Put systems beside a recording: every measure with an interval, two nulls, and the untrained network.

    Trials of both sides are cut into the same steps and averaged by condition; conditions that either lacks are left
    out. Every unit is divided by its standard deviation over trials and steps plus the median one of its side.

    Two nulls say two things. "conditions": the system's conditions are put beside others of the recording's, at random
    (does it matter which is which? with C conditions p is never below about 1 / C!). "trials": recorded trials exchange
    their conditions (do the recording's conditions matter at all?). Courses in time that all conditions share remain in
    both, so the nulls are not 0; ``centring="step"`` takes them off. p is ``(b + 1) / (m + 1)``, b of m shuffles as
    similar or more: exact, one-sided.

    Intervals draw trials again within conditions, on both sides, and are laid around the value: how far it would move
    with other trials of the same conditions. Noise in the means makes most measures less similar than without it, for
    all networks alike. The advantage is how much more similar a network is than the untrained ones (the mean of those
    of its kind, or of all where its kind has none), with the same draws for both, untrained networks drawn again too:
    an advantage whose interval holds 0 means that training has not been shown to matter.

    Parameters
    ----------
    recording : xarray.Dataset
        With trials.
    systems : mapping of str to xarray.Dataset or array_like (condition, time, unit)
        Recordings of networks, as from `neurorec.networks.simulate`; or mean responses, to the recording's conditions
        in sorted order, at `n_steps` steps.
    by : str or sequence of str
        Columns of the trial tables that make a condition, the same in all: give a recording the network's column with
        ``recording.assign(side=("trial", values))``.
    roles : mapping of str to {"trained", "untrained", "feedforward"}, optional
        What each system is; "trained" where it says nothing.
    kinds : mapping of str to str, optional
        The family of each system, such as "gru": families differ before they are trained.
    measures : sequence of str or Measure
        See `neurorec.comparison.MEASURES`.
    event, window, n_steps : see `neurorec.dynamics.trial_activity`
        Events and windows also as mappings by name of the system, "recording" for that; by default trials are taken as
        far as half of them last. Windows that differ in length are cut into the same number of steps: time is then in
        parts of the window.
    centring : {"grand", "step"}
        Whether the mean over conditions is taken off at each step, rather than the mean over all.
    scaled : bool
        Whether units are divided as said above.
    areas : bool
        Every area on its own, along a dimension "area", those with `min_units` units.
    min_units : int
        See areas.
    n_shuffles, n_bootstrap : int
        Of each null, and of the interval; 0 for none.
    level : float
        Coverage of intervals, and of the null's band.
    rng : numpy.random.Generator
        Everything random.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    xarray.Dataset
        ``value``, ``value_low``, ``value_high``, ``advantage``, ``advantage_low``, ``advantage_high`` and
        ``beats_untrained (network, measure)``; ``p_value``, ``null_mean``, ``null_low`` and
        ``null_high (network, measure, shuffle)``, NaN for measures that do not see which condition is which; all also
        ``(area)`` if asked for, with ``n_units`` and ``n_reliable``. Coordinates ``role`` and ``kind (network)``,
        ``similar``, ``long_name`` and ``unequal_units (measure)``. ``attrs`` name the conditions.

    Raises
    ------
    InputError
        No system, roles or conditions that do not fit, fewer than two conditions in common.

    Warns
    -----
    DataWarning
        If no system is untrained: a similarity that an untrained network has as well means nothing.

    Examples
    --------
    >>> from neurorec.datasets import simulate_delays
    >>> rng = np.random.default_rng(0)
    >>> recording = simulate_delays({"easy": 0.1}, n_conditions=4, rng=rng)
    >>> systems = {"itself": recording, "noise": rng.standard_normal((4, 10, 8))}
    >>> options = {"n_steps": 10, "measures": ["cka", "cca"], "n_shuffles": 19, "n_bootstrap": 20}
    >>> table = compare(recording, systems, by="condition", roles={"noise": "untrained"}, **options, rng=rng)
    >>> table["value"].sel(network="itself", measure="cka").round(3).item()
    1.0
    >>> table["beats_untrained"].sel(network="itself").values.tolist()
    [True, True]
    """
    found, given = find_measures(measures), dict(roles or {})
    _check(systems, given, centring)
    role = [given.get(name, "trained") for name in systems]
    if "untrained" not in role:
        text = "No system is untrained; a similarity that an untrained network has as well means nothing: pass one"
        warnings.warn(DataWarning(f"{text}, with roles={{name: 'untrained'}}."), stacklevel=2)
    cuts = {
        name: cut_source(name, source, by, event, window, n_steps)
        for name, source in {OWN: recording, **systems}.items()
    }
    names, lost = shared_conditions(cuts)
    sides = {name: side_in(name, cut, names, scaled=scaled, by_step=centring == "step") for name, cut in cuts.items()}
    own = cuts[OWN]
    assert isinstance(own, xr.Dataset)
    groups = _areas(own["area"].values, min_units) if areas else {"": np.arange(own.sizes["unit"])}
    families = [dict(kinds or {}).get(name, "") for name in systems]
    beside = _beside(np.array(role) == "untrained", families)
    settings = _Settings(found, beside, n_shuffles, n_bootstrap, level)
    parts = []
    bar = tqdm(total=len(groups) * (1 + 2 * n_shuffles + n_bootstrap), disable=not progress, delay=2, unit="draw")
    with bar:
        for units in groups.values():
            mine = side_in(OWN, own.isel(unit=units), names, scaled=scaled, by_step=centring == "step")
            parts.append(_table(mine, [sides[name] for name in systems], settings, rng, bar))
    result = xr.concat(parts, dim=xr.Variable("area", list(groups))) if areas else parts[0]
    assert isinstance(result, xr.Dataset)
    labelled = _labelled(result, list(systems), role, found, sides).assign_coords(kind=("network", families))
    return labelled.assign_attrs(
        conditions=", ".join(names), n_conditions=len(names), conditions_left_out=", ".join(lost), n_steps=n_steps,
        centring=centring, level=level, n_shuffles=n_shuffles, n_bootstrap=n_bootstrap,
        session=str(recording.attrs.get("session", "")),
    )  # fmt: skip


class _Settings(NamedTuple):
    """What is computed."""

    measures: list[Measure]
    beside: list[NDArray[np.int64]]  # of each network, the untrained ones that it is put beside; none for those
    n_shuffles: int
    n_bootstrap: int
    level: float

    @property
    def ceiling(self) -> bool:
        return any(m.needs_ceiling for m in self.measures)


def _beside(untrained: NDArray[np.bool_], kinds: Sequence[str]) -> list[NDArray[np.int64]]:
    """Untrained networks of the same kind, or all of them where the kind has none."""
    kind, found = np.array(kinds), []
    for own, is_untrained in zip(kind, untrained, strict=True):
        same = np.flatnonzero(untrained & (kind == own))
        found.append(np.empty(0, np.int64) if is_untrained else same if same.size else np.flatnonzero(untrained))
    return found


def _check(systems: Mapping, roles: Mapping, centring: str) -> None:
    wrong = [name for name, role in roles.items() if name not in systems or role not in ROLES]
    if not systems or wrong or OWN in systems:
        found = first_offenders(f"{name}: {roles[name]}" for name in wrong) or f"systems {list(systems)}"
        expected = f"systems by name (not {OWN!r}), and roles of them among {', '.join(ROLES)}"
        raise InputError("systems and roles", expected=expected, found=found, remedy="name them anew")
    if centring not in ("grand", "step"):
        raise InputError("centring", expected="'grand' or 'step'", found=repr(centring), remedy="name one of them")


def _areas(area: NDArray[np.str_], min_units: int) -> dict[str, NDArray[np.int64]]:
    names, count = np.unique(area, return_counts=True)
    found = {str(n): np.flatnonzero(area == n) for n, c in zip(names, count, strict=True) if c >= min_units and n}
    if not found:
        most = f"at most {count.max(initial=0)} units"
        raise InputError("areas", expected=f"one with {min_units} units", found=most, remedy="lower min_units")
    return found


def _table(own: Side, systems: list[Side], s: _Settings, rng: np.random.Generator, bar: tqdm) -> xr.Dataset:
    """The table of one set of recorded units."""
    means, theirs = own.means(own.weights()), [side.means(side.weights()) for side in systems]
    ceiling = own.ceiling(own.label, n_splits=2 * _N_SPLITS, rng=rng) if s.ceiling else np.empty(0)
    value = _evaluate(means, theirs, ceiling, s.measures)
    bar.update()
    similar = np.array([m.similar for m in s.measures])
    null = np.full((2, s.n_shuffles, *value.shape), np.nan)
    for i in range(s.n_shuffles):
        order = rng.permutation(own.n_conditions)
        null[0, i] = _evaluate(means, [v[order] for v in theirs], ceiling, s.measures, skip_unmatched=True)
        label = own.shuffled(rng)
        # halves of exchanged trials, so that the ceiling is no different from one of data without conditions
        other = own.ceiling(label, n_splits=_N_SPLITS, rng=rng) if s.ceiling else ceiling
        null[1, i] = _evaluate(own.means(own.weights_of(label)), theirs, other, s.measures)
        bar.update(2)
    draws, gains = np.full((s.n_bootstrap, *value.shape), np.nan), np.full((s.n_bootstrap, *value.shape), np.nan)
    for i in range(s.n_bootstrap):
        again = [side.means(side.drawn(rng)) for side in systems]
        draws[i] = _evaluate(own.means(own.drawn(rng)), again, ceiling, s.measures)
        gains[i] = _advantage(draws[i], s.beside, similar, rng)
        bar.update()
    advantage = _advantage(value, s.beside, similar)
    return _dataset(value, advantage, null, draws, gains, ceiling, own, s)


def _evaluate(
    means: NDArray, systems: list[NDArray], ceiling: NDArray, measures: list[Measure], *, skip_unmatched: bool = False
) -> NDArray[np.float64]:
    """Values ``(network, measure)``."""
    return np.array(
        [
            [np.nan if skip_unmatched and not m.matched else m.function(Pair(means, system, ceiling)) for m in measures]
            for system in systems
        ]
    )


def _advantage(
    value: NDArray, beside: list[NDArray[np.int64]], similar: NDArray, rng: np.random.Generator | None = None
) -> NDArray[np.float64]:
    """How much more similar each is than the untrained ones beside it, which may be drawn again; NaN beside none."""
    found = np.full(value.shape, np.nan)
    for row, others in enumerate(beside):
        if others.size:
            others = others if rng is None else rng.choice(others, others.size)
            found[row] = similar * (value[row] - value[others].mean(axis=0))
    return found


def _dataset(
    value: NDArray,
    advantage: NDArray,
    null: NDArray,
    draws: NDArray,
    gains: NDArray,
    ceiling: NDArray,
    own: Side,
    s: _Settings,
) -> xr.Dataset:
    low, high = centred_interval(value, draws, s.level)
    ends = [np.array([getattr(m, end) for m in s.measures]) for end in ("low", "high")]
    low, high = np.clip(low, *ends), np.clip(high, *ends)
    gain_low, gain_high = centred_interval(advantage, gains, s.level)
    over, also = ("network", "measure"), ("network", "measure", "shuffle")
    similar = np.array([m.similar for m in s.measures])
    band = np.full((3, 2, *value.shape), np.nan)
    p_value = np.full((2, *value.shape), np.nan)
    for k, each in enumerate(null):
        for at in np.ndindex(*value.shape):
            known = each[(slice(None), *at)]
            known = known[np.isfinite(known)]
            if known.size:
                band[:, k][(slice(None), *at)] = [
                    known.mean(),
                    *np.quantile(known, [(1 - s.level) / 2, (1 + s.level) / 2]),
                ]
        seen = np.isfinite(each).any(axis=0) if len(each) else np.zeros(value.shape, dtype=bool)
        p_value[k] = np.where(seen, exact_p(value, each, similar), np.nan)
    bands = {name: (also, np.moveaxis(b, 0, -1)) for name, b in zip(("null_mean", "null_low", "null_high"), band)}
    reliable = int((np.nan_to_num(ceiling, nan=-1.0) > 0.1).sum())
    return xr.Dataset(
        {
            "value": (over, value),
            "value_low": (over, low),
            "value_high": (over, high),
            "advantage": (over, advantage),
            "advantage_low": (over, gain_low),
            "advantage_high": (over, gain_high),
            "beats_untrained": (over, gain_low > 0),
            "p_value": (also, np.moveaxis(p_value, 0, -1)),
            **bands,
            "n_units": own.filled.shape[2],
            **({"n_reliable": reliable} if s.ceiling else {}),
        }
    )


def _labelled(
    result: xr.Dataset, names: list[str], role: list[str], measures: list[Measure], sides: Mapping[str, Side]
) -> xr.Dataset:
    """With the names of what was compared."""
    return result.assign_coords(
        network=names,
        role=("network", role),
        n_network_units=("network", [sides[name].filled.shape[2] for name in names]),
        measure=[m.name for m in measures],
        long_name=("measure", [m.long_name for m in measures]),
        similar=("measure", [m.similar for m in measures]),
        unequal_units=("measure", [m.units for m in measures]),
        shuffle=list(SHUFFLES),
    )

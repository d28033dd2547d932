"""The answer by area: medians, intervals and comparisons."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from neurorec.recording import InputError
from neurorec.recurrence.measures import measured_deviances
from neurorec.recurrence.scores import pooled_gain
from neurorec.recurrence.statistics.areas import compare_areas
from neurorec.recurrence.statistics.bootstrap import interval_of
from neurorec.recurrence.statistics.permutation import permutation_test
from neurorec.recurrence.statistics.units import false_discovery

FEWEST_EVENTS = 30  # a unit with fewer spikes says nothing about its area, but its noise would


def pool_sessions(results: Sequence[xr.Dataset]) -> xr.DataTree:
    """Put the results of several sessions together.

    Parameters
    ----------
    results : sequence of xarray.Dataset
        From `recurrence_benefit`, each of a session of its own.

    Returns
    -------
    xarray.DataTree
        A node for each session, named after it.

    Raises
    ------
    InputError
        Where two are of the same session.
    """
    names = [str(result.attrs["session"]) for result in results]
    if len(set(names)) < len(names):
        raise InputError(
            "sessions", expected="one result each", found=", ".join(names), remedy="rename one (attrs['session'])"
        )
    return xr.DataTree.from_dict(dict(zip(names, results, strict=True)))


def all_units(tree: xr.DataTree) -> xr.Dataset:
    """Put the units of several sessions side by side along ``unit``.

    Parameters
    ----------
    tree : xarray.DataTree
        From `pool_sessions`.

    Returns
    -------
    xarray.Dataset
        Units are named ``session/unit``; ``trial`` counts within each session, and what a session lacks is missing.
        Attributes are those of the first session, counts of bins and trials summed. What is not by unit stays in the
        tree.
    """
    results = [child.to_dataset() for child in tree.children.values()]
    named = []
    for result in results:
        ids = [f"{s}/{u}" for s, u in zip(result["session"].values, result["unit"].values, strict=True)]
        place = np.arange(result.sizes["trial"])
        apart = [str(name) for name, value in result.variables.items() if "unit" not in value.dims]
        kept = result.drop_vars([name for name in apart if name not in result.sizes])
        renamed = kept.assign_coords(unit=np.array(ids), trial=place)
        named.append(renamed.assign(scored=renamed["scored"].astype(float)))
    pooled = xr.concat(named, dim="unit", join="outer", data_vars="all", combine_attrs="override")
    assert isinstance(pooled, xr.Dataset)
    pooled["scored"] = pooled["scored"].fillna(0).astype(bool)
    for name in ("significant", "converged"):
        pooled[name] = pooled[name].fillna(0).astype(bool)
    for result in results:  # not every session has every control
        for name in map(str, result.data_vars):
            if name in pooled:
                pooled[name].attrs.update(result[name].attrs)
    for name, value in pooled.attrs.items():
        if name.startswith("n_bins") or name == "n_trials":
            pooled.attrs[name] = type(value)(sum(result.attrs.get(name, 0) for result in results))
    return pooled


def by_area(result: xr.Dataset | xr.DataTree, *, n_draws: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Summarise the benefit of recurrence by area.

    Parameters
    ----------
    result : xarray.Dataset or xarray.DataTree
        From `recurrence_benefit`, or `pool_sessions` of several.
    n_draws : int
        Bootstrap draws.
    seed : int
        Of the bootstrap.

    Returns
    -------
    pandas.DataFrame
        A row per area, the largest benefit first. ``fde_*`` and the measures are medians over units with at least 30
        events (`n_units` of `n_recorded`); ``*_low`` and ``*_high`` their 95 % interval by a hierarchical bootstrap of
        sessions, units within sessions, and trials, widened where there are few sessions; ``benefit_mean`` the mean.
        ``p_value``: the area against the mean of the others. With several sessions by
        permutation of cell medians (see `permutation_test`), with one, or where nothing can be exchanged, that of
        `compare_areas`, which is ``p_model`` and comes with the ``difference`` of means and its ``difference_low`` and
        ``difference_high``. ``q_value``: Benjamini-Hochberg over areas; ``n_significant`` units have a benefit of their
        own. ``attrs``: ``p_overall``, ``method``, ``smallest_p``, ``p_overall_model``, ``method_model``, and the
        variances that the model found.

    Notes
    -----
    Units of unknown area make up an area of their own, named ``""``, that is compared with none.
    """
    if isinstance(result, xr.DataTree):
        result = all_units(result)
    enough = (result["n_events"].values >= FEWEST_EVENTS) & np.isfinite(result["benefit"].values)
    kept = result.isel(unit=np.flatnonzero(enough))
    area, session = kept["area"].values.astype(str), kept["session"].values.astype(str)
    draws = {name: _trial_draws(kept, *three, n_draws, seed) for name, three in measured_deviances(kept).items()}
    rng = np.random.default_rng([seed, *b"bootstrap"])
    rows = []
    for name in np.unique(area):
        units = np.flatnonzero(area == name)
        row = {
            "area": name,
            "n_units": units.size,
            "n_recorded": np.count_nonzero(result["area"].values == name),
            "n_sessions": np.unique(session[units]).size,
        }
        for model in kept["model"].values:
            row[f"fde_{model}"] = _median(kept["unit_fde"].sel(model=model).values[units])
        groups = [np.flatnonzero((session == s)[units]) for s in np.unique(session[units])]
        for measure, drawn in draws.items():
            row[measure] = _median(kept[measure].values[units])
            medians = _unit_draws(drawn[:, units], groups, rng)
            row[f"{measure}_low"], row[f"{measure}_high"] = interval_of(medians, row[measure], len(groups))
        row["benefit_mean"] = float(kept["benefit"].values[units].mean())
        row["n_significant"] = int(kept["significant"].values[units].sum())
        row["rate"] = _median(kept["rate"].values[units])
        rows.append(row)
    columns = ["area", "n_units", "n_recorded", "n_sessions", *(f"fde_{model}" for model in kept["model"].values)]
    columns += [f"{measure}{end}" for measure in draws for end in ("", "_low", "_high")]
    table = pd.DataFrame(rows, columns=[*columns, "benefit_mean", "n_significant", "rate"])
    compared, said = _compare(kept, seed)
    table = table.join(compared, on="area").sort_values("benefit", ascending=False, ignore_index=True)
    table.attrs = {**said, "fewest_events": FEWEST_EVENTS}
    return table


def _compare(kept: xr.Dataset, seed: int) -> tuple[pd.DataFrame, dict[str, float | str]]:
    """Every area against the others, by permutation and by model; and what is said of all of them together."""
    area, session = kept["area"].values.astype(str), kept["session"].values.astype(str)
    value = np.where(area == "", np.nan, kept["benefit"].values)
    subject = kept["subject"].values.astype(str) if "subject" in kept.coords else None
    model = compare_areas(value, area, session, subject)
    rng = np.random.default_rng([seed, *b"permutation"])
    exchanged = permutation_test(value, area, session, subject, statistic=np.median, rng=rng)
    possible = bool(np.isfinite(exchanged.p_overall))
    chosen = exchanged if possible else model
    compared = pd.DataFrame(
        {
            "difference": model.difference,
            "difference_low": model.low,
            "difference_high": model.high,
            "p_model": model.p_value,
            "p_value": chosen.p_value,
            "q_value": false_discovery(chosen.p_value),
        },
        index=pd.Index(model.areas, name="area", dtype=object),
    )
    said: dict[str, float | str] = {"p_overall": chosen.p_overall, "method": chosen.method}
    said |= {"p_overall_model": model.p_overall, "method_model": model.method}
    said |= {"smallest_p": exchanged.smallest_p, "why_no_permutation": "" if possible else exchanged.method}
    return compared, said | {f"variance_{name}": float(part) for name, part in model.variance.items()}


def _trial_draws(
    result: xr.Dataset, null: NDArray, without: NDArray, with_: NDArray, n_draws: int, seed: int
) -> NDArray:
    """Each unit's benefit when the trials of its session are drawn again ``(draw, unit)``."""
    out = np.full((n_draws, result.sizes["unit"]), np.nan)
    scored = result["scored"].values & np.isfinite(with_) & np.isfinite(without)
    sessions = result["session"].values
    for session in np.unique(sessions):
        units = np.flatnonzero(sessions == session)
        trials = np.flatnonzero(scored[units].any(axis=0))
        if not trials.size:
            continue
        # The same draws of trials for every measure, so that measures can be compared.
        rng = np.random.default_rng([seed, *b"trials of", *str(session).encode()])
        weight = rng.multinomial(trials.size, np.full(trials.size, 1 / trials.size), n_draws).astype(float)
        block = np.ix_(units, trials)
        out[:, units] = pooled_gain(null[block], without[block], with_[block], scored[block], weight)
    return out


def _unit_draws(drawn: NDArray, groups: list[NDArray], rng: np.random.Generator) -> NDArray:
    """Median over units when sessions, and units within them, are drawn again ``(draw,)``."""
    medians = np.empty(len(drawn))
    for i, values in enumerate(drawn):
        sessions = [groups[g] for g in rng.integers(len(groups), size=len(groups))]
        units = np.concatenate([g[rng.integers(g.size, size=g.size)] for g in sessions])
        medians[i] = _median(values[units])
    return medians


def _median(values: NDArray) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else np.nan

"""Counts: how often a benefit is reported, with intervals that know that units of a recording are not independent."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike
from scipy.special import ndtri

from neurorec.recurrence import MEASURES

NOMINAL = {"unit": 0.05, "area": 0.025}  # p < .05; a 95 % interval that lies above zero


class Share(NamedTuple):
    """A share, its interval, and how many independent cases would have as wide a one."""

    share: float
    low: float
    high: float
    n_effective: float


def share_of(hits: ArrayLike, cases: ArrayLike, *, level: float = 0.95) -> Share:
    """Share of cases that are hits, with Wilson's interval at the effective number of cases.

    Cases of one recording may go together. The effective number is ``p (1 - p) / v`` with v the variance of the share
    between recordings, ``v = R / (R - 1) sum_r (hits_r - p cases_r)^2 / (sum_r cases_r)^2``; it is held between the
    number of recordings and that of cases. Where all or none are hits, nothing says how cases go together, and
    recordings are counted.

    Parameters
    ----------
    hits, cases : array_like (recording,)
        How many of how many.
    level : float
        Coverage.

    Returns
    -------
    Share
        Missing without cases.

    References
    ----------
    Wilson 1927, doi:10.1080/01621459.1927.10502953; with effective sizes: Franco et al. 2019, PMC6690503.
    """
    hits, cases = np.asarray(hits, dtype=float), np.asarray(cases, dtype=float)
    hits, cases = hits[cases > 0], cases[cases > 0]
    if not cases.size:
        return Share(np.nan, np.nan, np.nan, 0.0)
    n, share = cases.sum(), hits.sum() / cases.sum()
    between = cases.size / max(cases.size - 1, 1) * ((hits - share * cases) ** 2).sum() / n**2
    effective = float(np.clip(share * (1 - share) / between, cases.size, n)) if between > 0 else float(cases.size)
    z = ndtri((1 + level) / 2)
    middle = (share + z**2 / (2 * effective)) / (1 + z**2 / effective)
    half = z / (1 + z**2 / effective) * np.sqrt(share * (1 - share) / effective + z**2 / (4 * effective**2))
    return Share(float(share), float(max(middle - half, 0)), float(min(middle + half, 1)), effective)


def count(judgements: Mapping[str, Sequence[Mapping[str, Any]]]) -> xr.Dataset:
    """How often each measure is reported as above zero in each scenario.

    Parameters
    ----------
    judgements : mapping of str to sequence of dict
        From `judging.judge`, by scenario.

    Returns
    -------
    xarray.Dataset
        ``share``, ``low``, ``high``, ``n_effective`` and ``n_cases (rule, scenario, measure)``: rule "unit", p < .05
        over trials; rule "area", a 95 % bootstrap interval of the median above zero. ``size (scenario, measure)``: the
        median over areas and recordings of the area's median. ``nominal (rule)``; ``label``, ``kind (measure)``;
        ``n_recordings``, ``converged``, ``clipped (scenario)``.
    """
    present = {name for cases in judgements.values() for case in cases for name in case["measures"]}
    kinds = list(dict.fromkeys(measure.kind for measure in MEASURES.values()))
    measures = sorted(present, key=lambda name: (kinds.index(MEASURES[name].kind), list(MEASURES).index(name)))
    shape = (len(NOMINAL), len(judgements), len(measures))
    found = {name: np.full(shape, np.nan) for name in (*Share._fields, "n_cases")}
    size = np.full(shape[1:], np.nan)
    for s, cases in enumerate(judgements.values()):
        for m, measure in enumerate(measures):
            said = [case["measures"][measure] for case in cases if measure in case["measures"]]
            known = {"unit": [np.array(one["p"]) for one in said], "area": [np.array(one["low"]) for one in said]}
            for r, rule in enumerate(NOMINAL):
                positive = [(v < 0.05) if rule == "unit" else (v > 0) for v in known[rule]]
                n = [np.count_nonzero(np.isfinite(v)) for v in known[rule]]
                share = share_of([np.count_nonzero(p) for p in positive], n)
                for name, value in (*share._asdict().items(), ("n_cases", sum(n))):
                    found[name][r, s, m] = value
            medians = np.array([one["median"] for one in said], dtype=float)
            size[s, m] = np.nanmedian(medians) if np.isfinite(medians).any() else np.nan
    return xr.Dataset(
        {name: (("rule", "scenario", "measure"), values) for name, values in found.items()}
        | {"size": (("scenario", "measure"), size), "nominal": ("rule", list(NOMINAL.values()))}
        | {
            name: ("scenario", [float(np.mean([case[name] for case in cases])) for cases in judgements.values()])
            for name in ("converged", "clipped")
        }
        | {"n_recordings": ("scenario", [len(cases) for cases in judgements.values()])},
        coords={
            "rule": list(NOMINAL),
            "scenario": list(judgements),
            "measure": measures,
            "label": ("measure", [MEASURES[name].label for name in measures]),
            "kind": ("measure", [MEASURES[name].kind for name in measures]),
        },
    )

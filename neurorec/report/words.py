"""The answer in words, computed from the results."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from neurorec.plot import Interval, median_interval
from neurorec.report.tables import area_label, fraction, probability

_LEAD = "Beyond task and behaviour, the other recorded units explain"
_FEWEST_UNITS = 10  # for an area to be named the most or the least: medians of fewer units decide nothing


class Row(NamedTuple):
    """What the answer needs of one area, as in ``by_area.csv``."""

    area: str
    n_units: int
    benefit: float
    benefit_low: float
    benefit_high: float
    p_value: float
    q_value: float


def answer(table: pd.DataFrame) -> str:
    """Say in a few sentences how much coupling explains, where the most and where the least, and how sure that is.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per area: ``area n_units benefit benefit_low benefit_high p_value q_value``.

    Returns
    -------
    str

    Examples
    --------
    >>> row = {"area": "V1", "n_units": 9, "benefit": 0.05, "benefit_low": 0.04, "benefit_high": 0.06}
    >>> print(answer(pd.DataFrame([row | {"p_value": np.nan, "q_value": np.nan}])))
    Beyond task and behaviour, ... explain 0.050 (95% interval 0.040 to 0.060) of the deviance of the median unit of V1
    (n = 9). With one area there is nothing to compare it with.
    """
    rows = [Row(**{name: row[name] for name in Row._fields}) for row in table.to_dict("records")]
    rows = sorted((row for row in rows if np.isfinite(row.benefit)), key=lambda row: -row.benefit)
    if not rows:
        return "No unit had events in the held-out trials, so nothing can be said."
    if len(rows) == 1:
        return f"{_LEAD} {_said(rows[0])}. With one area there is nothing to compare it with."
    large = [row for row in rows if row.n_units >= _FEWEST_UNITS and isinstance(row.area, str) and row.area]
    named = large if len(large) >= 2 else rows
    of = "areas" if len(named) == len(rows) else f"areas with {_FEWEST_UNITS} units or more"
    span = f"{_LEAD} {_said(named[0])}, the most of {len(named)} {of}, and {_said(named[-1])}, the least."
    return f"{span} {_above_zero(rows)} {_difference(rows)}"


def interval_text(interval: Interval) -> str:
    """Write a median with its interval, or without one where there are too few units."""
    if not np.isfinite(interval.low):
        return fraction(interval.median)
    return f"{fraction(interval.median)} (95% interval {fraction(interval.low)} to {fraction(interval.high)})"


def describe_term(term: Mapping[str, Any]) -> str:
    """Say what a term of the design is, from the table that :func:`neurorec.design.terms_to_config` makes of it.

    Examples
    --------
    >>> basis = {"shape": "raised_cosine", "n": 6, "window": [0.0, 0.4]}
    >>> describe_term({"kind": "Event", "name": "start", "by": ["side"], "basis": basis})
    'Event start by side: 6 raised_cosine functions from 0 to 0.4 s'
    """
    basis = term.get("basis") or term.get("over")
    kept = ("kind", "name", "by", "basis", "over")
    told = {key: value for key, value in term.items() if key not in kept and value}
    said = " ".join(filter(None, [str(term["kind"]), str(term.get("name", ""))]))
    said += f" by {', '.join(term['by'])}" if term.get("by") else ""
    if basis:
        first, last = basis["window"]
        unit = "" if term.get("over") else " s"  # over a place, not over time
        said += f": {basis['n']} {basis['shape']} functions from {first:g} to {last:g}{unit}"
    return said + (f" ({', '.join(f'{key} {value}' for key, value in told.items())})" if told else "")


def unit_interval(values: np.ndarray) -> Interval | None:
    """Median over units with its distribution-free interval; None where no unit has a value."""
    found = median_interval(values)
    return found if np.isfinite(found.median) else None


def _said(row: Row) -> str:
    interval = interval_text(Interval(row.benefit, row.benefit_low, row.benefit_high))
    return f"{interval} of the deviance of the median unit of {area_label(row.area)} (n = {row.n_units})"


def _above_zero(rows: list[Row]) -> str:
    above = sum(row.benefit_low > 0 for row in rows)
    if above == len(rows):
        return "The interval lies above zero in every area."
    if not above:
        return "The interval includes zero, or lies below it, in every area."
    return f"The interval lies above zero in {above} of the {len(rows)} areas."


def _difference(rows: list[Row]) -> str:
    if len(rows) == 2 and np.isfinite(rows[0].p_value):  # each is the other's comparison
        verb = "differ" if rows[0].p_value < 0.05 else "cannot be told apart"
        return f"The two {verb} (p {_equals(probability(rows[0].p_value))})."
    names = [area_label(row.area) for row in rows if row.q_value < 0.05]
    if not names:
        return "No area can be told from the mean of the others (q ≥ 0.05)."
    verb = "differs" if len(names) == 1 else "differ"
    return f"Against the mean of the others, {', '.join(names)} {verb} ({len(names)} of {len(rows)}, q < 0.05)."


def _equals(number: str) -> str:
    return number if number.startswith("<") else f"= {number}"

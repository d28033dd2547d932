"""Tables of the report: rows of text, ready to be set."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from neurorec.plot import control_names, median_interval


class Table(NamedTuple):
    """A table of text.

    Attributes
    ----------
    heads : list of str
        One per column.
    rows : list of list of str
        Cells.
    """

    heads: list[str]
    rows: list[list[str]]


_FRACTIONS = {
    "fde_uncoupled": "uncoupled",
    "fde_coupled": "coupled",
    "benefit_history": "own history known",
    "benefit_matched": "equal sources",
    "benefit_shuffled": "partners shuffled",
}


def fraction(value: float) -> str:
    """Write a fraction of deviance with three decimals, four where it is small; a dash where it is missing.

    Examples
    --------
    >>> fraction(0.12345), fraction(0.00123), fraction(-1e-9), fraction(float("nan"))
    ('0.123', '0.0012', '0.000', '–')
    """
    if not np.isfinite(value):
        return "–"
    if abs(value) < 5e-5:
        return "0.000"
    text = f"{value:.4f}" if abs(value) < 0.00995 else f"{value:.3f}"
    return text.replace("-", "−")


def probability(value: float) -> str:
    """Write a p- or q-value.

    Examples
    --------
    >>> probability(0.0421), probability(1e-9), probability(float("nan"))
    ('0.042', '< 0.0001', '–')
    """
    if not np.isfinite(value):
        return "–"
    return "< 0.0001" if value < 1e-4 else f"{value:.2g}"


def area_label(area: object) -> str:
    """Name an area in a sentence or table."""
    return "area unknown" if not isinstance(area, str) or not area else area


def by_area_table(table: pd.DataFrame) -> Table:
    """Set the table by area, from the largest benefit down.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns as in ``by_area.csv``; those that are absent are left out.

    Returns
    -------
    Table
    """
    rows = table.sort_values("benefit", ascending=False, na_position="last")
    columns: list[tuple[str, list[str]]] = [("area", [area_label(a) for a in rows["area"]])]
    columns.append(("units", [str(n) for n in rows["n_units"]]))
    if any(n > 1 for n in rows["n_sessions"]):
        columns.append(("sessions", [str(n) for n in rows["n_sessions"]]))
    ends = zip(rows["benefit"], rows["benefit_low"], rows["benefit_high"], strict=True)
    benefit = [f"{fraction(b)} [{fraction(low)}, {fraction(high)}]" for b, low, high in ends]
    fractions = {key: [fraction(v) for v in rows[key]] for key in _FRACTIONS if key in rows}
    for key in ("fde_uncoupled", "fde_coupled"):
        columns.append((_FRACTIONS[key], fractions.pop(key)))
    columns.append(("benefit [95%]", benefit))
    columns += [(_FRACTIONS[key], cells) for key, cells in fractions.items() if set(cells) != {"–"}]
    if "n_significant" in rows:
        share = zip(rows["n_significant"], rows["n_units"], strict=True)
        columns.append(("units q < 0.05", [f"{int(n)}/{total}" for n, total in share]))
    if np.isfinite(rows["p_value"]).any():
        columns.append(("p, area", [probability(p) for p in rows["p_value"]]))
        columns.append(("q, area", [probability(q) for q in rows["q_value"]]))
    return Table([head for head, _ in columns], [list(cells) for cells in zip(*(c for _, c in columns), strict=True)])


def controls_table(result: xr.Dataset, table: pd.DataFrame) -> Table:
    """Set every control: the median over all units, its share of the benefit, and the medians by area.

    Parameters
    ----------
    result : xarray.Dataset
        Variables over ``unit`` with ``attrs`` ``kind``, ``long_name`` and ``says``.
    table : pandas.DataFrame
        By area; its medians stand in the columns of the areas.

    Returns
    -------
    Table
        The share refers to the benefit of the units that the control is defined for.
    """
    shown = table.loc[table["area"].fillna("") != ""].sort_values(by="benefit", ascending=False)
    rows = []
    for name in control_names(result):
        values, known = result[name].values, result[name].notnull().values
        middle, benefit = median_interval(values), median_interval(result["benefit"].values[known])
        share = middle.median / benefit.median if benefit.low > 0 and name != "benefit" else np.nan
        by_area = shown[name] if name in shown else [np.nan] * len(shown)
        rows.append(
            [
                str(result[name].attrs["long_name"]),
                f"{fraction(middle.median)} [{fraction(middle.low)}, {fraction(middle.high)}]",
                f"{share:.0%}".replace("-0%", "0%").replace("-", "−") if np.isfinite(share) else "–",
                *(fraction(value) for value in by_area),
                str(result[name].attrs.get("says", "")),
            ]
        )
    return Table(
        ["coupled model", "all units [95%]", "of benefit", *map(area_label, shown["area"]), "read it as"], rows
    )


def sources_table(result: xr.Dataset) -> Table:
    """Set how much partners of each area explain of units of each area, as medians over units.

    Parameters
    ----------
    result : xarray.Dataset
        ``benefit_from (unit, source_area)``, and ``benefit_from_matched`` for equally many partners.

    Returns
    -------
    Table
        Cells: equally many partners / all of them, in thousandths.
    """
    areas, sources = result["area"].values.astype(str), [str(name) for name in result["source_area"].values]

    def thousandths(value: float) -> str:
        return f"{1000 * value:.1f}".replace("-0.0", "0.0").replace("-", "−") if np.isfinite(value) else "–"

    def cell(target: str, column: int) -> str:
        mine, names = areas == target, ("benefit_from_matched", "benefit_from")
        both = [median_interval(result[name].values[mine, column]).median for name in names if name in result]
        return " / ".join(thousandths(value) for value in both)

    targets = sorted({name for name in areas if name})
    return Table(
        ["units of", *(f"partners of {name}" for name in sources)],
        [[str(target), *(cell(target, i) for i in range(len(sources)))] for target in targets],
    )


def convergence_table(result: xr.Dataset) -> Table:
    """Say per model how many fits converged and where the chosen penalties lie.

    Parameters
    ----------
    result : xarray.Dataset
        ``converged`` and ``penalty (unit, fold, model)``; a fit is one unit on one fold.

    Returns
    -------
    Table
        A model at an infinite penalty is the simpler model that it departs from.
    """
    rows = []
    weakest = float(result["penalty"].min()) if result["penalty"].size else np.nan
    for model in result["model"].values:
        penalty = result["penalty"].sel(model=model).values.ravel()
        penalty = penalty[~np.isnan(penalty)]
        if not penalty.size:
            continue
        converged = result["converged"].sel(model=model).values.astype(bool)
        finite = penalty[np.isfinite(penalty)]
        rows.append(
            [
                str(model),
                f"{converged.sum():,} of {converged.size:,}",
                f"{np.median(finite):.2g}" if finite.size else "–",
                f"{np.isinf(penalty).mean():.0%}",
                f"{(penalty <= weakest).mean():.0%}",
            ]
        )
    if "control_converged" in result:
        shares = zip(result["step"].values, result["control_converged"].mean("unit").values, strict=True)
        rows += [[str(step), f"{share:.2%}", "–", "–", "–"] for step, share in shares]
    heads = [
        "model",
        "fits converged",
        "median penalty",
        "no departure from the simpler model",
        "at the weakest penalty",
    ]
    return Table(heads, rows)

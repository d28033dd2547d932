"""The modelled half of a report: networks on the session's task, their dynamics, and both beside the recording."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from neurorec.plot import fixed_points, kind_colours, likeness_by_area, likeness_by_kind, trajectories_together
from neurorec.report.tables import Table, area_label, fraction

_BY_AREA = "cka_debiased"


@dataclass(frozen=True)
class ModelledSession:
    """What was found by networks on the task of one session.

    Attributes
    ----------
    session : str
        Which.
    task, why : str
        The task, and how it is known.
    curves : mapping of str to xarray.Dataset
        How each kind of network learnt, by kind.
    points, lines : mapping of str to xarray.Dataset
        Fixed points and line attractors, by network.
    comparison, by_area : xarray.Dataset
        From `neurorec.comparison.compare`; ``by_area`` with a dimension of areas, or empty where none is large enough.
    trajectories : xarray.Dataset
        From `neurorec.comparison.compare_trajectories`.
    missing : str
        Why there is none of this, where there is none.
    """

    session: str
    task: str = ""
    why: str = ""
    curves: Mapping[str, xr.Dataset] = field(default_factory=dict)
    points: Mapping[str, xr.Dataset] = field(default_factory=dict)
    lines: Mapping[str, xr.Dataset] = field(default_factory=dict)
    comparison: xr.Dataset = field(default_factory=xr.Dataset)
    by_area: xr.Dataset = field(default_factory=xr.Dataset)
    trajectories: xr.Dataset = field(default_factory=xr.Dataset)
    missing: str = ""

    @property
    def most_alike(self) -> str:
        """The trained network whose course is nearest to the recording's."""
        trained = self.comparison["network"].values[self.comparison["role"].values.astype(str) == "trained"]
        held_out = self.trajectories["distance"].sel(system=trained).values
        return str(trained[int(np.nanargmin(held_out))])


def networks_table(one: ModelledSession) -> Table:
    """Set what became of every trained network: how it learnt, and what its dynamics are."""
    rows = []
    for kind, curve in one.curves.items():
        for k, seed in enumerate(curve["seed"].values.tolist()):
            name = f"{kind} {k + 1}"
            points, line = one.points.get(name), one.lines.get(name)
            rows.append(
                [
                    name,
                    fraction(float(curve["test_score"].values[k])),
                    str(curve["status"].values[k]),
                    str(int(curve["n_steps"].values[k])),
                    "–" if points is None else _points_said(points),
                    "–" if line is None else _line_said(line),
                    str(seed),
                ]
            )
    heads = ["network", "score", "training", "updates", "fixed points", "slow points form", "seed"]
    return Table(heads, rows)


def verdict(one: ModelledSession) -> str:
    """In words: whether training matters, by which measures, and for which area networks are the better description."""
    table = one.comparison
    role = table["role"].values.astype(str)
    measures = [str(name) for name in table["measure"].values]
    beats = table["beats_untrained"].values
    said = []
    for name, label in (("trained", "trained recurrent networks"), ("feedforward", "feedforward controls")):
        own = role == name
        if own.any():
            most = [m for m, column in zip(measures, beats.T, strict=True) if column[own].mean() > 0.5]
            text = "more alike to the recording than untrained ones of their kind"
            found = (
                f"Most {label} are {text} by {', '.join(most)}." if most else f"By no measure are most {label} {text}."
            )
            said.append(found)
    said.append(_against_the_best(table))
    if "area" in one.by_area.dims and one.by_area.sizes["area"]:
        said.append(_best_area(one.by_area))
    return " ".join(filter(None, said))


def _against_the_best(table: xr.Dataset) -> str:
    """In words: where no training was needed to be as alike as the best trained family."""
    role, kind = table["role"].values.astype(str), table["kind"].values.astype(str)
    similar, value = table["similar"].values, table["value"].transpose("network", "measure").values
    means = {
        name: {
            k: np.nanmean(value[(role == name) & (kind == k)] * similar, axis=0) for k in np.unique(kind[role == name])
        }
        for name in ("trained", "untrained")
    }
    if not means["trained"] or not means["untrained"]:
        return ""
    best = np.max(list(means["trained"].values()), axis=0)
    as_good: dict[str, list[str]] = {}
    for k, measure in enumerate(table["measure"].values):
        family = max(means["untrained"], key=lambda name: means["untrained"][name][k])
        if means["untrained"][family][k] >= best[k]:
            as_good.setdefault(family, []).append(str(measure))
    told = "; ".join(f"untrained {family} networks by {', '.join(names)}" for family, names in as_good.items())
    return f"As alike as the best trained family without any training: {told}." if told else ""


def save_modelled(one: ModelledSession, keep: Callable[[Figure, str, str], None], *, several: bool) -> None:
    """Draw the figures of a session's networks, handing each with its name and caption to `keep`."""
    if one.missing:
        return
    of = f" {one.session}." if several else ""
    n_kinds, n_measures = len(kind_colours(one.comparison)), one.comparison.sizes["measure"]
    figure = Figure(figsize=(8.2, 1.2 + n_measures * (0.2 + 0.26 * n_kinds)), layout="constrained")
    likeness_by_kind(one.comparison, ax=figure.add_subplot())
    said = (
        f"Networks beside the recording.{of} A block per measure, from what the null gives (grey) to identity; filled "
        "dots are networks of one family from different seeds, open circles the same before training. On the right: "
        "the mean, the largest p, and how many are more alike than untrained ones. A likeness that an untrained "
        "network has as well means nothing."
    )
    keep(figure, f"networks_comparison_{one.session}", said)
    figure = Figure(figsize=(11, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
    name = one.most_alike
    trajectories_together(one.trajectories, name, ax=left)
    fixed_points(one.points[name], ax=right)
    right.set_title(name, fontsize=10)
    said = (
        f"Trajectories and fixed points.{of} Left: means by condition of the recording and of the network whose course "
        "is nearest to it, in the recording's principal components, the network turned and scaled onto it, with its "
        "fixed and slow points under the mean input, and its line attractor if it has one. Right: single trials of "
        "that network in its own components, with the same points and how they are unstable."
    )
    keep(figure, f"networks_trajectories_{one.session}", said)
    if "area" in one.by_area.dims and one.by_area.sizes["area"]:
        figure = Figure(figsize=(7.4, 1.4 + 0.42 * one.by_area.sizes["area"]), layout="constrained")
        likeness_by_area(one.by_area, _BY_AREA, ax=figure.add_subplot())
        said = f"Likeness by area.{of} Debiased linear kernel alignment of every network with the units of one area."
        keep(figure, f"networks_by_area_{one.session}", said)


def _points_said(points: xr.Dataset) -> str:
    there = points["converged"].values.astype(bool)
    stable = int((points["n_unstable"].values[there] == 0).sum())
    return f"{int(there.sum())}, {stable} stable"


def _line_said(line: xr.Dataset) -> str:
    kind = str(line.attrs["kind"])
    return kind if kind == "none" else f"{kind}, p {float(line.attrs['p_value']):.2g}"


def _best_area(table: xr.Dataset) -> str:
    """The area for which trained networks have the largest advantage over untrained ones."""
    role = table["role"].values.astype(str)
    advantage = table["advantage"].sel(measure=_BY_AREA).transpose("network", "area").values
    low = table["advantage_low"].sel(measure=_BY_AREA).transpose("network", "area").values
    trained = role == "trained"
    mean = np.nanmean(advantage[trained], axis=0)
    best = int(np.nanargmax(mean))
    sure = (low[trained][:, best] > 0).mean() > 0.5
    name = area_label(str(table["area"].values[best]))
    if not sure:
        said = "In no area are most trained recurrent networks clearly more alike than untrained ones"
        return f"{said} ({_BY_AREA}; {name} comes nearest)."
    control = np.nanmean(advantage[role == "feedforward"], axis=0)[best] if (role == "feedforward").any() else np.nan
    rest = "" if not np.isfinite(control) else f" The feedforward control's advantage there is {control:.3f}."
    said = f"Trained recurrent networks describe {name} best: {mean[best]:.3f} above untrained networks"
    return f"{said} ({_BY_AREA}).{rest}"


def by_session(sessions: Sequence[ModelledSession]) -> dict[str, tuple[str, Table]]:
    """For each session its verdict and its table of networks."""
    return {one.session: (verdict(one), networks_table(one)) for one in sessions if not one.missing}

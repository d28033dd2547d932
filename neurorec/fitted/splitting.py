"""What every fitted model is given: a recording in stretches, and what is held out of it."""

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurorec.design import PopulationMean, condition_labels
from neurorec.fitted.stretches import Stretches, cut_stretches


class Session(NamedTuple):
    """A recording, its design and its trials.

    Attributes
    ----------
    recording, design : xarray.Dataset
        The design without means of the population, which hold what is held out.
    cut : Stretches
    scored : ndarray of bool (stretch, time)
        Bins that every model is scored on: those that the design can use.
    condition : ndarray of int (stretch,)
        Trials of one condition, by the design's.
    group : ndarray of int (unit,)
        Units that are held out together.
    until : ndarray of int (stretch,)
        Bins from which forward prediction begins.
    """

    recording: xr.Dataset
    design: xr.Dataset
    cut: Stretches
    scored: NDArray[np.bool_]
    condition: NDArray[np.int64]
    group: NDArray[np.int64]
    until: NDArray[np.int64]

    @property
    def bin_width(self) -> float:
        """s."""
        return float(self.recording["activity"].attrs["bin_width"])

    def bins_of(self, stretches: NDArray) -> NDArray[np.bool_]:
        """The recording's bins that lie in some stretches ``(time,)``."""
        bins = self.cut.bins[stretches]
        inside = np.zeros(self.recording.sizes["time"], dtype=bool)
        inside[bins[bins >= 0]] = True
        return inside


class Split(NamedTuple):
    """One fold.

    Attributes
    ----------
    session : Session
    train, test, few : ndarray of int
        Stretches to learn from; held out; and the few of the first from which readouts of held-out units are learned.
    held_out : int
        The group of units that is held out while a model is fitted, for few-shot co-smoothing.
    seed : int
        Of what a model draws.
    """

    session: Session
    train: NDArray[np.int64]
    test: NDArray[np.int64]
    few: NDArray[np.int64]
    held_out: int
    seed: int

    @property
    def rng(self) -> np.random.Generator:
        """The same for every model."""
        return np.random.default_rng([self.seed, *b"model"])

    @property
    def seen(self) -> NDArray[np.int64]:
        """Units that few-shot models are fitted to."""
        return np.flatnonzero(self.session.group != self.held_out)

    @property
    def unseen(self) -> NDArray[np.int64]:
        """Units whose readouts are learned from few trials."""
        return np.flatnonzero(self.session.group == self.held_out)


class Predicted(NamedTuple):
    """Expected counts of the test stretches, ``(stretch, time, unit)``.

    Attributes
    ----------
    co_smoothing : ndarray (stretch, time, unit)
        Each unit from those of other groups.
    forward : ndarray (stretch, time, unit)
        Each bin from `until` on from those before; others hold anything.
    few_shot : ndarray (stretch, time, unseen unit)
    converged : bool
        Whether all fits did.
    """

    co_smoothing: NDArray[np.float64]
    forward: NDArray[np.float64]
    few_shot: NDArray[np.float64]
    converged: bool


def open_session(
    recording: xr.Dataset, design: xr.Dataset, *, n_groups: int, forward: float, rng: np.random.Generator
) -> Session:
    """Cut a recording, and deal its units to groups, each area evenly."""
    cut = cut_stretches(recording)
    kept = design["term"].values != PopulationMean.__name__
    design = design.isel(feature=kept)
    usable = design["usable"].values
    scored = cut.inside & usable[np.maximum(cut.bins, 0)]
    by = tuple(filter(None, str(design.attrs["conditions"]).split("\n")))
    condition = np.unique(condition_labels(recording, by), return_inverse=True)[1][cut.trial]
    until = cut.n_bins - np.maximum(np.rint(forward * cut.n_bins).astype(int), 1)
    order = rng.permutation(recording.sizes["unit"])
    order = order[np.argsort(recording["area"].values[order].astype(str), kind="stable")]
    group = np.empty(order.size, dtype=np.int64)
    group[order] = np.arange(order.size) % n_groups
    return Session(recording, design, cut, scored, condition, group, np.maximum(until, 1))


def of_units(session: Session, units: NDArray) -> tuple[xr.Dataset, xr.Dataset]:
    """Recording and design of some units alone, in their order."""
    recording = session.recording.isel(unit=units)
    source = session.design["source"].values
    kept = (source < 0) | np.isin(source, units)
    place = np.full(session.recording.sizes["unit"], -1)
    place[units] = np.arange(units.size)
    renumbered = np.where(source[kept] < 0, -1, place[source[kept]])
    design = session.design.isel(unit=units, feature=kept)
    return recording, design.assign_coords(source=("feature", renumbered))

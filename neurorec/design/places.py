"""Places: tuning to the value of a signal, such as where the animal is."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurorec.design.bases import Basis
from neurorec.design.columns import Columns, beside, columns_for_all
from neurorec.design.conditions import condition_weights
from neurorec.design.lagging import Runs
from neurorec.recording import SelectionError, signals, trial_columns


@dataclass(frozen=True)
class Place:
    """Smooth tuning to the value that a signal has in the same bin, and one tuning for each condition of the trial.

    Columns: ``g_b(x_t) w_k``, with ``g_b`` the functions of `over` and ``w_k`` 1 in trials of condition k, 0 in others
    and outside trials.

    Parameters
    ----------
    name : str
        A signal of the recording, one number per bin.
    over : Basis
        Functions of the signal's value; its window is in the signal's own unit, not in seconds.
    by : tuple of str
        Trial columns: one tuning for each value of each column.
    interaction : bool
        One tuning per combination of the values of `by` instead.
    elsewhere : bool
        Add a column that is 1 where the signal is missing or outside the window, as between trials. Without it, bins
        where the signal is missing are unknown, and take part in no model.

    Examples
    --------
    >>> from neurorec.design import design_matrix, gaussian
    >>> from neurorec.recording import recording_from_arrays
    >>> position = [np.nan, 0.0, 0.5, 1.0]
    >>> recording = recording_from_arrays(np.zeros((4, 1)), bin_width=0.1, signals={"position": position})
    >>> design = design_matrix(recording, [Place("position", gaussian(2, window=(0, 1)), elsewhere=True)])
    >>> design["matrix"].values.astype(float).round(1).tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.1, 0.0], [0.5, 0.5, 0.0], [0.1, 1.0, 0.0]]
    """

    name: str
    over: Basis
    by: tuple[str, ...] = ()
    interaction: bool = False
    elsewhere: bool = False
    group: ClassVar[str] = "task"
    basis: ClassVar[None] = None  # no function of lag: it reaches into nobody's past or future

    def __post_init__(self) -> None:
        object.__setattr__(self, "by", (self.by,) if isinstance(self.by, str) else tuple(self.by))

    def columns(self, recording: xr.Dataset, runs: Runs) -> Columns:
        """Columns of this term ``(time, feature)``."""
        value = self._value(recording)
        known = np.isfinite(value)
        tuned = self.over(np.where(known, value, np.inf))
        weights, labels = self._conditions(recording)
        names = [f"{self.name}{f' [{label}]' if label else ''}" for label in labels]
        whole = np.ones(value.size, dtype=bool)
        values = (weights[:, :, None] * tuned[:, None, :]).astype(np.float32)
        if not self.elsewhere:
            values[~known] = np.nan
        columns = columns_for_all(recording, values, names, np.zeros(self.over.n), whole)
        if not self.elsewhere:
            return columns
        first, last = self.over.window
        away = ~(known & (value >= first) & (value <= last))
        nowhere = columns_for_all(recording, away[:, None, None], [f"{self.name} elsewhere"], np.zeros(1), whole)
        return beside(columns, nowhere)

    def _value(self, recording: xr.Dataset) -> NDArray[np.float64]:
        if self.name not in signals(recording) or recording[self.name].ndim != 1:
            known = [name for name in signals(recording) if recording[name].ndim == 1]
            raise SelectionError(
                "Place",
                expected=f"a signal of one number per bin ({', '.join(known) or 'the recording has none'})",
                found=self.name,
                remedy="name one",
            )
        return recording[self.name].values.astype(float)

    def _conditions(self, recording: xr.Dataset) -> tuple[NDArray[np.float64], list[str]]:
        """Weight of each condition in each bin ``(time, condition)``, and what it is."""
        if not self.by:
            return np.ones((recording.sizes["time"], 1)), [""]
        known = trial_columns(recording) if "trial" in recording.dims else []
        for name in self.by:
            if name not in known:
                raise SelectionError(
                    "Place by",
                    expected=f"a column of the trials ({', '.join(known) or 'there are none'})",
                    found=name,
                    remedy="name one",
                )
        by_trial, labels = condition_weights(recording, self.by, interaction=self.interaction)
        row = recording.indexes["trial"].get_indexer(recording["trial_id"].values)
        return np.where(row[:, None] >= 0, by_trial[row], 0.0)[:, 1:], labels[1:]

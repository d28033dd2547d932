"""The timeline of trials: periods that follow each other, some of them longer in one trial than in another."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurorec.recording import InputError, are_numbers, check_array, check_number

Span = float | tuple[float, float]


class Timeline(NamedTuple):
    """Periods of each trial, in steps. Trials differ in length; all arrays are as long as the longest possible trial.

    Attributes
    ----------
    names : tuple of str
        Periods, in their order.
    edges : ndarray (edge, trial)
        Step at which each period begins, and behind them the one at which the last ends.
    n_steps : int
        Of the longest trial that can be drawn, so that the arrays of every draw have the same shape.
    dt : float
        Width of a step, s.
    """

    names: tuple[str, ...]
    edges: NDArray[np.intp]
    n_steps: int
    dt: float

    def during(self, first: str, last: str | None = None) -> NDArray[np.bool_]:
        """Whether a step is in a period, or in one from a first to a last ``(trial, time)``."""
        low = self.edges[self.names.index(first)]
        high = self.edges[self.names.index(last or first) + 1]
        steps = np.arange(self.n_steps)
        return (steps >= low[:, None]) & (steps < high[:, None])

    def start(self, name: str) -> NDArray[np.float64]:
        """When a period begins ``(trial,)``, s."""
        return self.edges[self.names.index(name)] * self.dt

    def length(self, name: str) -> NDArray[np.float64]:
        """How long a period is ``(trial,)``, s."""
        return np.diff(self.edges, axis=0)[self.names.index(name)] * self.dt

    def starts(self) -> dict[str, NDArray[np.float64]]:
        """When each period begins, s, NaN where it is absent; without the first, and those that no trial has."""
        there = {name: self.length(name) > 0 for name in self.names[1:]}
        return {name: np.where(here, self.start(name), np.nan) for name, here in there.items() if here.any()}

    def duration(self) -> NDArray[np.float64]:
        """How long each trial is ``(trial,)``, s."""
        return self.edges[-1] * self.dt


def lay_out(spans: Mapping[str, Span], n_trials: int, *, dt: float, rng: np.random.Generator) -> Timeline:
    """Draw when the periods of each trial begin.

    Parameters
    ----------
    spans : mapping of str to float or (float, float)
        Length of each period in order, s: one number, or the shortest and the longest, between which all whole
        numbers of steps are as likely.
    n_trials : int
        Trials.
    dt : float
        Width of a step, s.
    rng : numpy.random.Generator
        Draws the lengths that vary; nothing is drawn from it where none does.

    Returns
    -------
    Timeline
        In steps.

    Examples
    --------
    >>> timeline = lay_out({"sample": 0.2, "delay": (0.1, 0.3)}, 4, dt=0.1, rng=np.random.default_rng(0))
    >>> timeline.edges.tolist(), timeline.n_steps
    ([[0, 0, 0, 0], [2, 2, 2, 2], [5, 4, 4, 3]], 5)
    """
    bounds = np.array([span_steps(span, dt=dt) for span in spans.values()])
    edges = np.zeros((len(spans) + 1, n_trials), dtype=np.intp)
    for k, (low, high) in enumerate(bounds):
        edges[k + 1] = edges[k] + (low if low == high else rng.integers(low, high, n_trials, endpoint=True))
    return Timeline(names=tuple(spans), edges=edges, n_steps=int(bounds[:, 1].sum()), dt=dt)


def span_steps(span: Span, *, dt: float) -> tuple[int, int]:
    """Least and largest number of steps of a period; the same where its length does not vary."""
    ends = np.ravel(span).tolist()
    return round(ends[0] / dt), round(ends[-1] / dt)


def check_spans(spans: Mapping[str, Span], *, dt: float, may_vary: tuple[str, ...] = ()) -> None:
    """Refuse periods that cannot be: of a step that is not a length, negative, backwards, or shorter than a step.

    Parameters
    ----------
    spans : mapping of str to float or (float, float)
        Length of each period, s.
    dt : float
        Width of a step, s.
    may_vary : tuple of str
        Periods that may have a shortest and a longest length, and may be 0.

    Raises
    ------
    InputError
        Naming the first that is wrong.

    Examples
    --------
    >>> check_spans({"delay": (0.5, 0.2)}, dt=0.02, may_vary=("delay",))
    Traceback (most recent call last):
    ...
    neurorec.recording.errors.InputError: delay: expected a length in s, or (shortest, longest), found (0.5, 0.2);
    ...
    """
    if not (are_numbers(dt) and dt > 0):
        raise InputError("dt", expected="a step above 0 s", found=str(dt), remedy="try 0.02")
    for name, span in spans.items():
        ends, varies = check_array(name, span, "in s", remedy="give a length in s"), name in may_vary
        right_shape = ends.shape == () or (varies and ends.shape == (2,))
        if not right_shape or not np.isfinite(ends).all() or ends.min() < 0 or (np.diff(ends.ravel()) < 0).any():
            expected = "a length in s, or (shortest, longest)" if varies else "a length in s"
            remedy = "order the two, none below 0" if varies else "0 or more, the same in every trial"
            raise InputError(name, expected=expected, found=str(span), remedy=remedy)
        if not varies and span_steps(span, dt=dt)[0] < 1:
            raise InputError(name, expected=f"at least one step of {dt} s", found=str(span), remedy="make it longer")


def check_noise(noise: float) -> None:
    """Refuse noise that is not 0 or more."""
    check_number("noise", noise, least=0, remedy="0 is without noise")

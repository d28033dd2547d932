"""Bases: a few smooth functions of lag, with which a filter is written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import BSpline

from neurorec.recording import InputError

_SPLINE_DEGREE = 3
_REACH = 4.0  # standard deviations at which a Gaussian of given width ends: 3e-4 of its peak
_HALF = 2 * np.sqrt(2 * np.log(2))  # full width at half height, in standard deviations


@dataclass(frozen=True)
class Basis:
    """A set of functions of lag, ready to be evaluated on any lags.

    Positive lags are the past: a predictor at ``t - lag`` acts at ``t``.

    Parameters
    ----------
    shape : {"raised_cosine", "gaussian", "b_spline", "boxcar"}
        The form of each function.
    n : int
        Number of functions.
    window : tuple of float
        First and last lag, s.
    spacing : {"linear", "log"}
        How the functions are spread over the window; ``"log"`` is dense at the first lag.
    offset : float, optional
        Seconds added to ``lag - window[0]`` before the logarithm; a tenth of the window by default.
    centres, widths : tuple of float
        For Gaussians, where each one peaks and its standard deviation, s, in place of `spacing`: see `gaussians_at`.

    Examples
    --------
    >>> basis = raised_cosine(3, window=(0.01, 0.05))
    >>> basis([0.01, 0.03, 0.05]).round(2).tolist()
    [[1.0, 0.5, 0.0], [0.5, 1.0, 0.5], [0.0, 0.5, 1.0]]
    """

    shape: str
    n: int
    window: tuple[float, float]
    spacing: str = "linear"
    offset: float | None = None
    centres: tuple[float, ...] = ()
    widths: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.shape not in _SHAPES:
            _refuse("shape", f"one of {', '.join(_SHAPES)}", repr(self.shape), "name one of them")
        if self.spacing not in ("linear", "log"):
            _refuse("spacing", "'linear' or 'log'", repr(self.spacing), "name one of them")
        if not (isinstance(self.n, int) and self.n >= 1):
            _refuse("n", "a whole number of functions, 1 or more", repr(self.n), "give fewer or more")
        if np.shape(self.window) != (2,) or not (
            np.asarray(self.window).dtype.kind in "iuf" and self.window[0] <= self.window[1]
        ):
            _refuse("window", "(first, last) lag in seconds", str(self.window), "give the earlier lag first")
        if self.shape == "b_spline" and self.n <= _SPLINE_DEGREE:
            _refuse("n", f"more than {_SPLINE_DEGREE} functions for a cubic B-spline", str(self.n), "give more")
        object.__setattr__(self, "window", (float(self.window[0]), float(self.window[1])))
        for name in ("centres", "widths"):
            object.__setattr__(self, name, tuple(float(value) for value in getattr(self, name)))
        if self.centres or self.widths:
            self._check_given()

    def __call__(self, lags: ArrayLike) -> NDArray[np.float64]:
        """Values of every function.

        Parameters
        ----------
        lags : array_like (lag,)
            Seconds.

        Returns
        -------
        ndarray (lag, basis)
            Zero outside the window.
        """
        lags = np.asarray(lags, dtype=float)
        slack = 1e-9
        inside = (lags >= self.window[0] - slack) & (lags <= self.window[1] + slack)
        values = np.zeros((lags.size, self.n))
        if inside.any():
            values[inside] = self._inside(lags[inside])
        return values

    @property
    def peaks(self) -> NDArray[np.float64]:
        """Lag at which each function is largest, s ``(basis,)``."""
        if self.centres:
            return np.clip(self.centres, *self.window)
        fine = np.linspace(*self.window, 2001)
        values = self(fine)
        # The middle of the plateau, so that a boxcar peaks at its centre.
        return np.array([fine[np.isclose(v, v.max())].mean() for v in values.T])

    def _inside(self, lags: NDArray[np.float64]) -> NDArray[np.float64]:
        if not self.centres:
            return _SHAPES[self.shape](self._position(lags), self.n)
        distance = (lags[:, None] - np.array(self.centres)) / np.array(self.widths)
        return np.where(np.abs(distance) <= _REACH, np.exp(-0.5 * distance**2), 0.0)

    def _check_given(self) -> None:
        if self.shape != "gaussian":
            _refuse("centres", "none, unless the shape is 'gaussian'", repr(self.shape), "leave them out")
        if not len(self.centres) == len(self.widths) == self.n:
            found = f"{len(self.centres)} and {len(self.widths)}"
            _refuse("centres and widths", f"{self.n} of each, one per function", found, "give as many")
        if not all(width > 0 for width in self.widths):
            _refuse("widths", "positive numbers", str(self.widths), "give standard deviations")

    def _position(self, lags: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map the window to [0, 1], stretched where the spacing is logarithmic."""
        first, last = self.window
        if last == first:
            return np.zeros_like(lags)
        past = np.clip((lags - first) / (last - first), 0.0, 1.0)
        if self.spacing == "linear":
            return past
        offset = 0.1 if self.offset is None else self.offset / (last - first)
        return np.log1p(past / offset) / np.log1p(1.0 / offset)


def raised_cosine(n: int, window: tuple[float, float], *, spacing: str = "linear") -> Basis:
    """Raised cosines ``(1 + cos(pi (x - c_j) / (2 d))) / 2``, centres ``c_j`` a distance ``d`` apart.

    Two neighbours on each side overlap, so that the functions add up smoothly (Pillow et al. 2008,
    doi:10.1038/nature07140).

    Parameters
    ----------
    n : int
        Number of functions.
    window : tuple of float
        First and last lag, s.
    spacing : {"linear", "log"}
        ``"log"``: narrow at short lags, wide at long ones.

    Returns
    -------
    Basis

    Examples
    --------
    >>> raised_cosine(4, window=(0.01, 0.1), spacing="log").peaks.round(3).tolist()
    [0.01, 0.021, 0.046, 0.1]
    """
    return Basis("raised_cosine", n, window, spacing)


def gaussian(n: int, window: tuple[float, float], *, spacing: str = "linear") -> Basis:
    """Gaussians that cross their neighbours at half height. Parameters as in `raised_cosine`.

    Examples
    --------
    >>> gaussian(3, window=(0.0, 1.0))([0.25]).round(2).tolist()
    [[0.5, 0.5, 0.0]]
    """
    return Basis("gaussian", n, window, spacing)


def gaussians_at(
    centres: Sequence[float], widths: Sequence[float] | None = None, *, window: tuple[float, float] | None = None
) -> Basis:
    """Gaussians ``exp(-((lag - c_j) / s_j)^2 / 2)`` of given centres and widths, wherever they lie.

    Parameters
    ----------
    centres : sequence of float
        Increasing, s.
    widths : sequence of float, optional
        Standard deviations, s. By default each Gaussian is as wide at half height as its neighbours are far away, on
        average over both sides.
    window : tuple of float, optional
        First and last lag: the Gaussians are cut there. By default four standard deviations around the outer ones.

    Returns
    -------
    Basis
        Each function peaks at 1, and is 0 further than four standard deviations (3e-4 of the peak) from its centre.

    Examples
    --------
    >>> gaussians_at([0.0, 0.1, 0.4], window=(0.0, 1.0))([0.05, 0.25, 0.4]).round(2).tolist()
    [[0.5, 0.84, 0.02], [0.0, 0.21, 0.5], [0.0, 0.0, 1.0]]
    """
    centres = [float(c) for c in centres]
    if widths is None:
        step = np.diff(centres)
        if step.size == 0 or (step <= 0).any():
            _refuse("centres", "two or more, increasing, where no widths are given", str(centres), "give widths")
        spread = (0.5 * (np.append(step[0], step) + np.append(step, step[-1])) / _HALF).tolist()
    else:
        spread = [float(width) for width in widths]
    if window is None and centres and len(spread) == len(centres):
        window = (centres[0] - _REACH * spread[0], centres[-1] + _REACH * spread[-1])
    return Basis("gaussian", len(centres), window or (0.0, 0.0), centres=tuple(centres), widths=tuple(spread))


def b_spline(n: int, window: tuple[float, float], *, spacing: str = "linear") -> Basis:
    """Cubic B-splines with clamped ends; they sum to one. Parameters as in `raised_cosine`.

    Examples
    --------
    >>> b_spline(5, window=(0.0, 1.0))([0.0, 0.3, 1.0]).sum(axis=1).round(6).tolist()
    [1.0, 1.0, 1.0]
    """
    return Basis("b_spline", n, window, spacing)


def boxcar(n: int, window: tuple[float, float], *, spacing: str = "linear") -> Basis:
    """Boxes of equal width side by side: the lags themselves, in groups. Parameters as in `raised_cosine`.

    Examples
    --------
    >>> boxcar(2, window=(0.0, 1.0))([0.2, 0.8]).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return Basis("boxcar", n, window, spacing)


def _raised_cosines(x: NDArray, n: int) -> NDArray:
    distance = _distance(x, n)
    return 0.5 * (1 + np.cos(np.clip(distance * np.pi / 2, -np.pi, np.pi)))


def _gaussians(x: NDArray, n: int) -> NDArray:
    return np.exp(-4 * np.log(2) * _distance(x, n) ** 2)


def _distance(x: NDArray, n: int) -> NDArray:
    """Distance to each centre in units of the distance between centres ``(x, basis)``."""
    if n == 1:
        return np.zeros((x.size, 1))
    return (x[:, None] - np.linspace(0, 1, n)) * (n - 1)


def _b_splines(x: NDArray, n: int) -> NDArray:
    inner = np.linspace(0, 1, n - _SPLINE_DEGREE + 1)
    knots = np.concatenate([[0.0] * _SPLINE_DEGREE, inner, [1.0] * _SPLINE_DEGREE])
    return BSpline.design_matrix(x, knots, _SPLINE_DEGREE).toarray()


def _boxcars(x: NDArray, n: int) -> NDArray:
    return np.eye(n)[np.minimum((x * n).astype(int), n - 1)]


def _refuse(name: str, expected: str, found: str, remedy: str) -> None:
    raise InputError(f"basis {name}", expected=expected, found=found, remedy=remedy)


_SHAPES: dict[str, Callable[[NDArray, int], NDArray]] = {
    "raised_cosine": _raised_cosines,
    "gaussian": _gaussians,
    "b_spline": _b_splines,
    "boxcar": _boxcars,
}

"""Bases: a few smooth functions of lag, with which a filter is written."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import BSpline

from neurorec.recording import InputError

_SPLINE_DEGREE = 3


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

    def __post_init__(self) -> None:
        if self.shape not in _SHAPES:
            _refuse("shape", f"one of {', '.join(_SHAPES)}", repr(self.shape), "name one of them")
        if self.spacing not in ("linear", "log"):
            _refuse("spacing", "'linear' or 'log'", repr(self.spacing), "name one of them")
        if not (isinstance(self.n, int) and self.n >= 1):
            _refuse("n", "a whole number of functions, 1 or more", repr(self.n), "give fewer or more")
        if len(self.window) != 2 or not self.window[0] <= self.window[1]:
            _refuse("window", "(first, last) lag in seconds", str(self.window), "give the earlier lag first")
        if self.shape == "b_spline" and self.n <= _SPLINE_DEGREE:
            _refuse("n", f"more than {_SPLINE_DEGREE} functions for a cubic B-spline", str(self.n), "give more")
        object.__setattr__(self, "window", (float(self.window[0]), float(self.window[1])))

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
            values[inside] = _SHAPES[self.shape](self._position(lags[inside]), self.n)
        return values

    @property
    def peaks(self) -> NDArray[np.float64]:
        """Lag at which each function is largest, s ``(basis,)``."""
        fine = np.linspace(*self.window, 2001)
        values = self(fine)
        # The middle of the plateau, so that a boxcar peaks at its centre.
        return np.array([fine[np.isclose(v, v.max())].mean() for v in values.T])

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

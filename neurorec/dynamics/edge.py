"""The edge of chaos: how far systems of a family are from it, and the gain at which they reach it."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurorec.dynamics.lyapunov import lyapunov_spectrum
from neurorec.dynamics.rule import Function
from neurorec.networks import System


class EdgeOfChaos(NamedTuple):
    """The largest exponent of a family of systems, by gain, and where it crosses 0.

    Attributes
    ----------
    gain : ndarray (gain,)
        In increasing order, those of the search among them.
    exponent, standard_error : ndarray (gain,)
        The largest exponent, per s: the distance to the edge, negative in order, positive in chaos.
    critical_gain, critical_error : float
        Where it first crosses 0 from below, by a straight line between its neighbours, and the standard error; NaN
        where it does not.
    converged : bool
        Whether a crossing was found, and the exponents beside it are either not told from 0 or from gains that differ
        by less than the tolerance.
    """

    gain: NDArray[np.float64]
    exponent: NDArray[np.float64]
    standard_error: NDArray[np.float64]
    critical_gain: float
    critical_error: float
    converged: bool


def edge_of_chaos(
    build: Callable[[float], System | Function],
    gains: ArrayLike,
    start: ArrayLike,
    *,
    inputs: ArrayLike | None = None,
    n_steps: int | None = None,
    n_washout: int = 500,
    flow: bool = False,
    dt: float | None = None,
    n_refinements: int = 4,
    tolerance: float = 0.01,
) -> EdgeOfChaos:
    """How far systems of a family are from the edge of chaos, and the gain at which they reach it.

    The distance is the largest Lyapunov exponent, conditional on the inputs where there are some over time. Between
    the first two gains around which it changes sign, the gain is halved until the exponent is no longer told from 0.

    Parameters
    ----------
    build : callable
        The system at a gain; all of one number of states.
    gains : array-like (gain,)
        Where to look first.
    start : array-like (state,)
        Where every trajectory begins; not at rest.
    inputs, n_steps, n_washout, flow, dt
        As in `lyapunov_spectrum`.
    n_refinements : int
        Most halvings.
    tolerance : float
        Distance between gains, as a share of the gain, at which the search ends.

    Returns
    -------
    EdgeOfChaos
        Exponents by gain, and the critical gain.

    Examples
    --------
    >>> from neurorec.networks import Elman, with_readout
    >>> def build(gain):
    ...     rng = np.random.default_rng(0)       # the same weights, times the gain
    ...     return with_readout(Elman.random(1, 50, gain=gain, rng=rng), 1, rng=rng)
    >>> found = edge_of_chaos(build, [0.5, 4.0], 0.1 * np.ones(50), n_steps=500, n_refinements=2)
    >>> np.sign(found.exponent[[0, -1]]).tolist(), bool(0.5 < found.critical_gain < 4)
    ([-1.0, 1.0], True)
    """
    found: dict[float, tuple[float, float]] = {}

    def look(gain: float) -> None:
        options: dict[str, Any] = {"inputs": inputs, "n_steps": n_steps, "n_washout": n_washout, "flow": flow, "dt": dt}
        largest = lyapunov_spectrum(build(gain), start, n_exponents=1, **options)
        found[gain] = float(largest.exponents[0]), float(largest.standard_error[0])

    for gain in np.unique(np.asarray(gains, dtype=float)):
        look(float(gain))
    for left in reversed(range(n_refinements + 1)):
        bracket = _bracket(found)
        settled = bracket is not None and _settled(found, *bracket, tolerance)
        if bracket is None or settled or not left:
            break
        look(sum(bracket) / 2)
    order = sorted(found)
    exponent, error = np.array([found[g] for g in order]).T
    at, spread = (np.nan, np.nan) if bracket is None else _crossing(found, *bracket)
    return EdgeOfChaos(np.array(order), exponent, error, at, spread, settled)


def _bracket(found: dict[float, tuple[float, float]]) -> tuple[float, float] | None:
    """The first two gains between which the exponent comes from below 0."""
    order = sorted(found)
    for low, high in pairwise(order):
        if found[low][0] < 0 <= found[high][0]:
            return low, high
    return None


def _settled(found: dict[float, tuple[float, float]], low: float, high: float, tolerance: float) -> bool:
    unclear = any(abs(found[g][0]) <= 2 * found[g][1] for g in (low, high))
    return unclear or high - low <= tolerance * max(abs(low), abs(high))


def _crossing(found: dict[float, tuple[float, float]], low: float, high: float) -> tuple[float, float]:
    below, above = found[low], found[high]
    if not np.isfinite(below[0]):
        return high, high - low
    rise = above[0] - below[0]
    share = -below[0] / rise
    error = np.hypot((1 - share) * below[1], share * above[1]) * (high - low) / rise
    return low + share * (high - low), float(error)

"""The rate network that is matched to a spiking one: what each unit does on average, given the rates of all."""

import math
from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import log_ndtr
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import root
from scipy.sparse import csr_array
from scipy.special import erfcx

from neurorec.networks.spiking.lif import LIFNetwork
from neurorec.recording import InputError, are_numbers, check_array, check_count, check_number, plain

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(32)
_LEAST = 1 / 30  # spread over the distance from reset to threshold, below which input counts as constant
_SHIFT = 1.0326  # |zeta(1/2)| / sqrt(2)
_FEW = 20  # units whose rates Newton's method finds
_MOST = 80.0  # exponent: a rate of 1e-33


class SettledRates(NamedTuple):
    """Rates that make themselves.

    Attributes
    ----------
    rate : ndarray (unit,)
        Spikes/s.
    mean, spread : ndarray (unit,)
        Of the input to each unit, mV: ``mu`` and ``sigma``.
    residual : float
        Largest difference between a rate and the one that follows from all rates, spikes/s.
    converged : bool
        Whether that is below the tolerance.
    n_iter : int
        Iterations.
    """

    rate: NDArray[np.float64]
    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    residual: float
    converged: bool
    n_iter: int


def lif_rate(
    mean: ArrayLike,
    spread: ArrayLike,
    *,
    tau: ArrayLike = 0.02,
    threshold: ArrayLike = 20.0,
    reset: ArrayLike = 10.0,
    refractory: ArrayLike = 0.002,
) -> NDArray[np.float64]:
    r"""Rate of a leaky integrate-and-fire unit whose input is white noise (Siegert 1951, Brunel 2000).

    ``1 / r = t_ref + tau sqrt(pi) int_a^b exp(u^2) (1 + erf u) du``, ``a = (reset - mean) / spread``,
    ``b = (threshold - mean) / spread``; the voltage without a threshold has the standard deviation
    ``spread / sqrt(2)``. doi:10.1023/A:1008925309027, equation 21.

    Parameters
    ----------
    mean, spread : array-like
        mV: of Poisson spikes of weights J and rates nu, ``tau sum J nu`` and ``(tau sum J^2 nu)^(1/2)``.
    tau, refractory : array-like
        s.
    threshold, reset : array-like
        mV.

    Returns
    -------
    ndarray
        Spikes/s.

    Raises
    ------
    InputError
        Numbers that are not finite, a spread or a refractory period below 0, a time constant that is not above 0, a
        threshold that is not above the reset, and arrays that do not fit one another.

    Examples
    --------
    >>> bool(abs(lif_rate(30.0, 0.5) * (0.002 + 0.02 * np.log(2)) - 1) < 1e-3)      # noise hardly matters
    True
    """
    given = {"mean": mean, "spread": spread, "tau": tau, "threshold": threshold, "reset": reset}
    given["refractory"] = refractory
    mean, spread, tau, threshold, reset, refractory = (check_array(name, v, "") for name, v in given.items())
    try:
        parts = np.broadcast_arrays(mean, spread, tau, threshold, reset, refractory)
    except ValueError as error:
        found = ", ".join(str(np.shape(v)) for v in given.values())
        raise InputError("mean, spread, ...", expected="shapes that fit", found=found, remedy="one a unit") from error
    right = all(np.isfinite(part).all() for part in parts) and (spread >= 0).all() and (refractory >= 0).all()
    if not right or not (tau > 0).all() or not (parts[3] > parts[4]).all():
        expected = "finite numbers, spread and refractory 0 or more, tau above 0, threshold above reset"
        name, remedy = "mean, spread, tau, threshold, reset, refractory", "see lif_rate"
        raise InputError(name, expected=expected, found="others", remedy=remedy)
    spread = np.maximum(spread, _LEAST * (threshold - reset))
    low, high = (reset - mean) / spread, (threshold - mean) / spread
    middle, half = ((high + low) / 2)[..., None], ((high - low) / 2)[..., None]
    u = middle + half * _NODES
    # exp(u^2) (1 + erf u) = erfcx(-u), whose exponent is kept from overflowing
    value = erfcx(-np.minimum(u, np.sqrt(_MOST)))
    return 1 / (refractory + tau * np.sqrt(np.pi) * ((half * value) @ _WEIGHTS))


class MatchedRates(eqx.Module):
    """Rates in the place of spikes: the same units, synapses and inputs, without what fluctuates.

    ``tau dr/dt = -r + phi(mu, sigma)``, ``mu_i = drive_i + tau sum_j J_ij r_j``, ``sigma_i^2 = tau sum_j J_ij^2 r_j``
    over units and inputs, phi as `lif_rate`. Currents that last change phi as if threshold and reset were higher by
    ``1.03 tau sum_j J_ij^2 r_j (tau_k / tau)^(1/2) / sigma`` (Fourcaud & Brunel 2002, doi:10.1162/089976602320264015;
    for two kinds k of synapses the shifts are averaged by their variances). A step is one of Euler. The dynamics are
    the common choice: theory fixes the rates that are stationary, not how they are approached.

    Parameters
    ----------
    weight, square, coloured : jax.Array (unit, source)
        ``sum J``, ``sum J^2`` and ``sum J^2 (tau_k / tau)^(1/2)`` over the synapses of a pair, mV and mV^2; sources
        are units, then inputs.
    drive, extra, extra_coloured : jax.Array (unit,)
        Mean, mV, variance, mV^2, and coloured variance of what comes from elsewhere.
    tau, threshold, reset, refractory : jax.Array (unit,)
        Of the membranes, s and mV.
    dt : float
        Step, s.

    Raises
    ------
    InputError
        A step that is not above 0, or longer than the fastest time constant.

    Examples
    --------
    >>> from neurorec.networks import LIFNetwork, Population
    >>> unit = Population("E", 20, background_rate=10000.0, background_weight=0.1)
    >>> network = LIFNetwork.random([unit], {}, probability=0.0, rng=np.random.default_rng(0))
    >>> rates = MatchedRates.of(network)
    >>> settled = rates.settle([])
    >>> settled.mean[:1], bool(settled.converged)     # as much as the threshold
    (array([20.]), True)
    """

    weight: Array
    square: Array
    coloured: Array
    drive: Array
    extra: Array
    extra_coloured: Array
    tau: Array
    threshold: Array
    reset: Array
    refractory: Array
    dt: float = eqx.field(static=True, default=1e-3, converter=plain)

    def __check_init__(self) -> None:
        fastest = np.inf if isinstance(self.tau, jax.core.Tracer) else float(np.min(self.tau, initial=np.inf))
        if not are_numbers(self.dt) or not 0 < self.dt <= fastest * (1 + 1e-6):
            expected, found = f"0 < dt <= {fastest:g} s, the fastest time constant", f"{self.dt!r}"
            raise InputError("dt", expected=expected, found=found, remedy="take smaller steps")

    @classmethod
    def of(cls, network: LIFNetwork, *, by_population: bool = False, dt: float = 1e-3) -> "MatchedRates":
        """Match a spiking network, unit by unit, or one unit for each population (inputs are one then).

        Raises
        ------
        InputError
            For plastic synapses, whose mean strength follows the rates, and what is no spiking network.
        """
        if not isinstance(network, LIFNetwork):
            raise InputError("network", expected="LIFNetwork", found=type(network).__name__, remedy="see its random")
        s, n = network.synapses, network.n_units
        if s.U.size:
            raise InputError("network", expected="constant synapses", found="plastic ones", remedy="leave them out")
        source, weight = np.repeat(np.arange(len(s.first) - 1), np.diff(s.first)), s.weight.astype(float)
        sizes = [p.n_units for p in network.populations]
        per_unit = np.repeat(np.arange(len(sizes)), sizes)
        shape = (n, n + network.n_inputs)
        if by_population:
            label = np.append(per_unit, np.full(network.n_inputs, len(sizes)))
            shape = (len(sizes), int(label.max()) + 1)
            place = (per_unit[s.target], label[source])
            share = 1 / np.asarray(sizes, dtype=float)[place[0]]
        else:
            place, share = (s.target, source), 1.0
        taus = np.array([p.tau for p in network.populations])
        lag = np.sqrt(np.asarray(network.tau_synapse)[(weight < 0).astype(int)] / taus[per_unit[s.target]])
        matrices = (weight, weight**2, weight**2 * lag)
        matrices = [csr_array((v * share, place), shape=shape).toarray() for v in matrices]
        rows = []
        for p in network.populations:
            rate, J = p.tau * p.background_rate, p.background_weight
            lag = math.sqrt(network.tau_synapse[int(J < 0)] / p.tau)
            rows.append((p.drive + rate * J, rate * J**2, rate * J**2 * lag, p.tau, p.threshold, p.reset, p.refractory))
        columns = np.repeat(rows, 1 if by_population else sizes, axis=0).T
        return cls(*(jnp.asarray(v, dtype=jnp.float32) for v in (*matrices, *columns)), dt=dt)

    @property
    def n_units(self) -> int:
        """Units."""
        return self.weight.shape[0]

    @property
    def n_inputs(self) -> int:
        """Inputs, spikes/s."""
        return self.weight.shape[1] - self.n_units

    @property
    def n_outputs(self) -> int:
        """The rates."""
        return self.n_units

    @property
    def n_states(self) -> int:
        """The rates."""
        return self.n_units

    @property
    def initial_state(self) -> Array:
        """Silence."""
        return jnp.zeros(self.n_units)

    def step(self, state: Array, inputs: Array) -> Array:
        """The next rates ``(..., unit)``, under rates of inputs ``(..., input)``, spikes/s."""
        return state + self.dt / self.tau * (self.target(state, inputs) - state)

    def readout(self, state: Array) -> Array:
        """The rates ``(..., unit)``."""
        return state

    def activity(self, state: Array) -> Array:
        """The rates ``(..., unit)``."""
        return state

    def target(self, state: Array, inputs: Array) -> Array:
        """Rates that would follow from these, if they lasted ``(..., unit)``."""
        rate = jax.nn.relu(jnp.concatenate([state, jnp.broadcast_to(inputs, (*state.shape[:-1], self.n_inputs))], -1))
        mean = self.drive + self.tau * (rate @ self.weight.T)
        variance = self.extra + self.tau * (rate @ self.square.T)
        coloured = self.extra_coloured + self.tau * (rate @ self.coloured.T)
        gap = self.threshold - self.reset
        spread = jnp.sqrt(jnp.maximum(variance, (_LEAST * gap) ** 2))
        low, half = (self.reset - mean) / spread + _SHIFT * coloured / spread**2, (gap / spread / 2)[..., None]
        u = low[..., None] + half * (1 + jnp.asarray(_NODES, dtype=low.dtype))
        # exp(u^2) (1 + erf u) = 2 exp(u^2 + ln Phi(sqrt(2) u))
        value = 2 * jnp.exp(jnp.minimum(u**2 + log_ndtr(np.sqrt(2) * u), _MOST))
        return 1 / (
            self.refractory + self.tau * np.sqrt(np.pi) * ((half * value) @ jnp.asarray(_WEIGHTS, dtype=low.dtype))
        )

    def settle(
        self, inputs: ArrayLike, *, start: ArrayLike | None = None, tolerance: float = 1e-3, n_iter: int = 4000
    ) -> SettledRates:
        """Stationary rates, in float64: of a few units by Newton's method, of many by a damped iteration.

        Parameters
        ----------
        inputs : array-like (input,)
            Spikes/s; one number serves all.
        start : array-like (unit,), optional
            Rates to begin with, spikes/s; by default 5.
        tolerance : float
            Spikes/s.
        n_iter : int
            Most iterations.

        Returns
        -------
        SettledRates

        Raises
        ------
        InputError
            Rates that are not finite or below 0, or of other numbers of units or inputs; a tolerance that is not above
            0.
        """
        n = self.n_units
        given, rate = _rates("inputs", inputs, self.n_inputs), _rates("start", 5.0 if start is None else start, n)
        tolerance = check_number("tolerance", tolerance, above=0, unit="spikes/s")
        n_iter = check_count("n_iter", n_iter, least=0)
        matrices = [np.asarray(v, dtype=float) for v in (self.weight, self.square, self.coloured)]
        tau, threshold, reset, refractory = (
            np.asarray(v, dtype=float) for v in (self.tau, self.threshold, self.reset, self.refractory)
        )
        outside = (self.drive, self.extra, self.extra_coloured)
        outside = [
            np.asarray(v, dtype=float) + tau * (m[:, n:] @ given) for v, m in zip(outside, matrices, strict=True)
        ]

        def follow(rate: NDArray) -> tuple[NDArray, NDArray, NDArray]:
            mean, variance, coloured = (v + tau * (m[:, :n] @ rate) for v, m in zip(outside, matrices, strict=True))
            spread = np.sqrt(np.maximum(variance, 0.0))
            shifted = mean - _SHIFT * coloured / np.maximum(spread, 1e-9)
            options = {"tau": tau, "threshold": threshold, "reset": reset, "refractory": refractory}
            return lif_rate(shifted, spread, **options), mean, spread

        if n <= _FEW:
            rate, k = _solve(lambda x: follow(x)[0], rate, tolerance)
        else:
            rate, k = _iterate(lambda x: follow(x)[0], rate, tolerance, n_iter)
        after, mean, spread = follow(rate)
        residual = float(np.abs(after - rate).max())
        return SettledRates(rate, mean, spread, residual, residual < tolerance, k)


def _rates(name: str, values: ArrayLike, n: int) -> NDArray[np.float64]:
    """Rates, one each, of one that is given for all."""
    found = check_array(name, values, "of spikes/s")
    if found.shape not in ((), (1,), (n,)) or not (np.isfinite(found) & (found >= 0)).all():
        shown = f"shape {found.shape}" if found.size != 1 else f"{found.item():g}"
        raise InputError(name, expected=f"rates of 0 or more, one or {n}", found=shown, remedy="spikes/s each")
    return np.array(np.broadcast_to(found, (n,)))


def _solve(follow: Callable[[NDArray], NDArray], start: NDArray, tolerance: float) -> tuple[NDArray, int]:
    """By Newton's method, from the start or, where that leads nowhere, from lower and higher rates."""
    rate, n = start, 0
    for share in (1.0, 0.5, 0.25, 0.1, 2.0, 4.0):
        found = root(lambda x: follow(np.abs(x)) - np.abs(x), share * start, tol=1e-10)
        rate, n = np.abs(found.x), n + int(found.nfev)
        if np.abs(follow(rate) - rate).max() < tolerance:
            break
    return rate, n


def _iterate(follow: Callable[[NDArray], NDArray], rate: NDArray, tolerance: float, n_iter: int) -> tuple[NDArray, int]:
    """Go a share of the way at a time: a smaller one where the way became longer."""
    share, before, done = 0.1, np.inf, 0
    while done < n_iter:
        off = follow(rate) - rate
        size, done = float(np.linalg.norm(off)), done + 1
        if np.abs(off).max() < tolerance:
            break
        share = min(max(share * (0.5 if size > before else 1.1), 1e-5), 0.9)
        rate, before = np.maximum(rate + share * off, 0.0), size
    return rate, done

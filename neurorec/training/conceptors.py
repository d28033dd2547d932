"""Patterns loaded into one reservoir, and each of them called up again by its conceptor."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline

from neurorec.networks import ConceptorNetwork, Reservoir, conceptor_of_correlations
from neurorec.recording import InputError, are_numbers, check_array, check_count, check_rng

_OTHER = "compare what varies"
_FINE = 20  # points a step of what is aligned: phases are not whole numbers of steps


class LoadedPatterns(NamedTuple):
    """A reservoir that has taken in patterns.

    Attributes
    ----------
    recurrent : ndarray (unit, source unit)
        W, which makes up for the inputs.
    bias : ndarray (unit,)
        b, of the reservoir.
    output : ndarray (output, unit)
        R, of the readout.
    correlations : ndarray (pattern, unit, unit)
        Of the states under each pattern.
    last : ndarray (pattern, unit)
        States after the last step of each.
    loading_error, readout_error : float
        Root mean squared error of W and R over their targets' standard deviation; NaN where these do not vary.
    dt : float
        Time step, s.
    """

    recurrent: NDArray[np.float64]
    bias: NDArray[np.float64]
    output: NDArray[np.float64]
    correlations: NDArray[np.float64]
    last: NDArray[np.float64]
    loading_error: float
    readout_error: float
    dt: float

    def conceptor(self, pattern: int, *, aperture: float = 10.0) -> NDArray[np.float64]:
        """Of a pattern ``(unit, unit)``, counted from 0.

        Raises
        ------
        InputError
            A pattern that is not there, or an aperture that is not above 0.
        """
        pattern = check_count("pattern", pattern, least=0, most=len(self.correlations) - 1)
        return conceptor_of_correlations(self.correlations[pattern], aperture=aperture)

    def network(self, conceptor: ArrayLike | None = None, *, initial: ArrayLike | None = None) -> ConceptorNetwork:
        """The reservoir by itself, kept within a conceptor; without one it is left alone."""
        n = len(self.bias)
        start = np.zeros(n) if initial is None else initial
        parts = (self.recurrent, self.bias, self.output, np.zeros(len(self.output)), start)
        kept = None if conceptor is None else _single(conceptor)
        return ConceptorNetwork(*(_single(part) for part in parts), conceptor=kept, dt=self.dt)


def load_patterns(
    reservoir: Reservoir,
    patterns: Sequence[ArrayLike],
    *,
    washout: int = 100,
    penalty: float = 1e-7,
    readout_penalty: float = 1e-5,
) -> LoadedPatterns:
    r"""Change a reservoir's weights until it does without its inputs what it did with them (Jaeger 2014).

    arXiv:1403.3369. Driven by a pattern p, the states are :math:`x(t+1) = \tanh(W^* x(t) + V p(t+1) + b)`. Over all
    patterns after the washout, W minimises :math:`\langle |W x(t) - W^* x(t) - V p(t+1)|^2 \rangle + \text{penalty}
    |W|^2`, and the readout :math:`\langle |R x(t) - p(t)|^2 \rangle + \text{readout\_penalty} |R|^2`.

    Parameters
    ----------
    reservoir : Reservoir
        Of tanh units that do not leak, without feedback; its inputs are the patterns' channels.
    patterns : sequence of array-like (time, channel)
        Each is run from the reservoir's initial state.
    washout : int
        Steps at the start of each that do not count.
    penalty, readout_penalty : float
        Of large weights, beside mean squares: those of the paper, 1e-4 and 0.01 beside sums, are about as small.

    Returns
    -------
    LoadedPatterns

    Raises
    ------
    InputError
        Another reservoir, patterns that do not fit it or are not longer than the washout, or negative penalties.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> reservoir = Reservoir.random(1, 60, spectral_radius=1.5, input_scaling=2.6, bias_scaling=0.35, rng=rng)
    >>> waves = [np.sin(2 * np.pi * np.arange(500) / period)[:, None] for period in (8.8, 9.8)]
    >>> loaded = load_patterns(reservoir, waves)
    >>> said = recall(loaded, loaded.conceptor(0, aperture=10.0), rng=rng)
    >>> aligned_error(said, waves[0]) < 0.1 < aligned_error(said, waves[1])
    True
    """
    pieces = _checked(reservoir, patterns, washout, penalty, readout_penalty)
    weights, inward, bias = (np.asarray(a, dtype=float) for a in (reservoir.recurrent, reservoir.input, reservoir.bias))
    befores, afters, drives, shown, correlations, last = [], [], [], [], [], []
    for pattern in pieces:
        states = np.empty((len(pattern), len(bias)))
        state = np.asarray(reservoir.initial, dtype=float)
        driven = pattern @ inward.T + bias
        for t, drive in enumerate(driven):
            state = np.tanh(weights @ state + drive)
            states[t] = state
        before, after = (
            states[washout - 1 : -1] if washout else states[:-1],
            states[washout:] if washout else states[1:],
        )
        at = slice(len(pattern) - len(before), None)
        befores.append(before)
        afters.append(after)
        drives.append(before @ weights.T + pattern[at] @ inward.T)
        shown.append(pattern[at])
        correlations.append(after.T @ after / len(after))
        last.append(state)
    before, after, drive, channel = (np.concatenate(part) for part in (befores, afters, drives, shown))
    recurrent, off = _ridge(before, drive, penalty)
    output, missed = _ridge(after, channel, readout_penalty)
    return LoadedPatterns(
        recurrent, bias, output, np.stack(correlations), np.stack(last), off, missed, float(reservoir.dt)
    )


def recall(
    loaded: LoadedPatterns,
    conceptor: ArrayLike | Sequence[ArrayLike] | None = None,
    *,
    n_steps: int = 200,
    washout: int = 200,
    initial: ArrayLike | None = None,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """What a loaded reservoir produces by itself.

    Parameters
    ----------
    loaded : LoadedPatterns
        From `load_patterns`.
    conceptor : array-like (unit, unit) or (time, unit, unit), optional
        Within which it is kept; one for each step after the washout, whose first serves for that too, morphs from one
        pattern to another. Without any it is left alone.
    n_steps, washout : int
        Steps that are returned, and before them.
    initial : array-like (unit,), optional
        Where it begins; by default normal, of standard deviation 0.5.
    rng : numpy.random.Generator
        For that.

    Returns
    -------
    ndarray (time, output)

    Raises
    ------
    InputError
        Conceptors and states of other sizes, or that are not finite; steps below 0.
    """
    n, n_steps = len(loaded.bias), check_count("n_steps", n_steps, least=0)
    washout, rng = check_count("washout", washout, least=0), check_rng(rng)
    state = (
        0.5 * rng.standard_normal(len(loaded.bias)) if initial is None else check_array("initial", initial, "(unit,)")
    )
    given: Any = conceptor
    kept = None if given is None else check_array("conceptor", given, "(unit, unit)")
    _check_recall(n, state, kept)
    if kept is not None and kept.ndim == 3 and len(kept) != n_steps:
        expected, found = f"{n_steps}, one a step", str(len(kept))
        raise InputError("conceptor", expected=expected, found=found, remedy="let n_steps be their number")
    outputs = np.empty((n_steps, len(loaded.output)))
    for t in range(-washout, n_steps):
        state = np.tanh(loaded.recurrent @ state + loaded.bias)
        if kept is not None:
            state = (kept if kept.ndim == 2 else kept[max(t, 0)]) @ state
        if t >= 0:
            outputs[t] = loaded.output @ state
    return outputs


def aligned_error(output: ArrayLike, pattern: ArrayLike, *, n_compared: int = 40) -> float:
    """Root mean squared error of an output over the pattern's standard deviation, at the phase that suits it best.

    Phases are searched in steps of a twentieth of a time step, between which both are interpolated by cubic splines.

    Parameters
    ----------
    output, pattern : array-like (time, channel)
        The pattern at least twice as long as what is compared.
    n_compared : int
        Steps of the output, its last.

    Returns
    -------
    float
        0 for what is the same, 1 for the mean.

    Raises
    ------
    InputError
        Fewer steps than that, other channels, values that are not finite, or a pattern that does not vary: there is no
        standard deviation to compare with.

    Examples
    --------
    >>> wave = np.sin(2 * np.pi * np.arange(200)[:, None] / 8.3)
    >>> aligned_error(wave[7:60], wave) < 1e-9, aligned_error(0 * wave, wave) > 0.9
    (True, True)
    """
    said, meant = (check_array(k, a, "(time, channel)") for k, a in (("output", output), ("pattern", pattern)))
    n_compared = check_count("n_compared", n_compared, least=0)
    if said.ndim != 2 or meant.ndim != 2 or said.shape[1] != meant.shape[1] or len(said) < n_compared:
        expected, found = f"{n_compared} steps of the same channels", f"{said.shape} and {meant.shape}"
        raise InputError("output", expected=expected, found=found, remedy="recall more steps")
    if len(meant) < 2 * n_compared or n_compared < 2:
        expected, found = f"{2 * n_compared} steps", str(len(meant))
        raise InputError("pattern", expected=expected, found=found, remedy="pass more of its periods")
    if not (np.isfinite(said).all() and np.isfinite(meant).all()) or not meant.var(axis=0).any():
        found = "nan or inf, or a pattern that stays the same"
        raise InputError("output and pattern", expected="finite, and a pattern that varies", found=found, remedy=_OTHER)
    fine = np.arange((len(meant) - 1) * _FINE + 1) / _FINE
    curve = CubicSpline(np.arange(len(meant)), meant)(fine)
    windows = np.lib.stride_tricks.sliding_window_view(curve, (n_compared - 1) * _FINE + 1, axis=0)[..., ::_FINE]
    squares = ((windows - said[-n_compared:].T) ** 2).mean(axis=(1, 2))
    return float(np.sqrt(squares.min() / meant.var(axis=0).mean()))


def _check_recall(n: int, state: NDArray, kept: NDArray | None) -> None:
    """Refuse what does not fit a reservoir of n units."""
    fits = kept is None or (kept.ndim in (2, 3) and kept.shape[-2:] == (n, n) and np.isfinite(kept).all())
    if not fits or state.shape != (n,) or not np.isfinite(state).all():
        found = f"{None if kept is None else kept.shape} and {state.shape}"
        expected = f"finite, (unit, unit) or (time, unit, unit), and (unit,) of {n} units"
        raise InputError("conceptor and initial", expected=expected, found=found, remedy="those of this reservoir")


def _ridge(sources: NDArray, targets: NDArray, penalty: float) -> tuple[NDArray[np.float64], float]:
    """Weights ``(output, source)`` of mean squares plus a penalty, and their error."""
    gram = sources.T @ sources / len(sources) + penalty * np.eye(sources.shape[1])
    weights = np.linalg.solve(gram, sources.T @ targets / len(sources)).T
    error = np.mean((sources @ weights.T - targets) ** 2)
    spread = targets.var(axis=0).mean()
    return np.asarray(weights, dtype=float), float(np.sqrt(error / spread)) if spread > 0 else float("nan")


def _single(array: Any) -> Any:
    return jnp.asarray(array, dtype=jnp.float32)


def _checked(
    reservoir: Reservoir, patterns: Sequence[ArrayLike], washout: int, penalty: float, readout_penalty: float
) -> list[NDArray[np.float64]]:
    plain = isinstance(reservoir, Reservoir) and reservoir.leak == 1.0 and reservoir.nonlinearity == "tanh"
    if not plain or reservoir.feedback is not None:
        expected, remedy = "a Reservoir of tanh units, leak 1, without feedback", "see Reservoir.random"
        raise InputError("reservoir", expected=expected, found="another", remedy=remedy)
    if not are_numbers(washout, penalty, readout_penalty) or washout % 1 or min(washout, penalty, readout_penalty) < 0:
        found = f"{washout}, {penalty}, {readout_penalty}"
        raise InputError("washout and penalties", expected="0 or more", found=found, remedy="see load_patterns")
    if not np.iterable(patterns):
        raise InputError("patterns", expected="a list of tables", found=repr(patterns), remedy="put one in a list, too")
    pieces = [check_array("patterns", pattern, "(time, channel)") for pattern in patterns]
    for pattern in pieces:
        fits = pattern.ndim == 2 and pattern.shape[1] == reservoir.n_inputs and len(pattern) > washout + 1
        if not fits or not np.isfinite(pattern).all():
            expected = f"finite, (time, {reservoir.n_inputs}), more than {washout + 1} steps"
            raise InputError("patterns", expected=expected, found=str(pattern.shape), remedy="a table each")
    if not pieces:
        raise InputError("patterns", expected="one or more", found="none", remedy="pass a list of tables")
    return pieces

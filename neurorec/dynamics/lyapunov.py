"""Lyapunov exponents: how fast neighbouring trajectories part, and how far a system is from the edge of chaos."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurorec.dynamics.rule import Function, Rule, as_rule, check_states
from neurorec.networks import System
from neurorec.recording import InputError

_N_BLOCKS = 20  # whose means tell the standard error
_N_PILOT = 16  # steps, orthogonalised one by one, that tell how fast directions part
_SPREAD = np.log(1e10)  # ratio of growths between two orthogonalisations: six digits are left to the slowest
_MOST_SPREAD = np.log(1e13)  # beyond it steps are taken again, in shorter stretches
_MOST_STEPS = 100  # between two orthogonalisations
_EXACT = 1e-6  # growth over all time that is rounding: where every exponent is 0
_NUDGE = float(np.cbrt(np.finfo(float).eps))  # of central differences


class Lyapunov(NamedTuple):
    """Lyapunov exponents of one trajectory, greatest first; per s, or whatever the time of a step was given in.

    Attributes
    ----------
    exponents : ndarray (exponent,)
        Mean rate of growth; -inf where a direction is lost altogether.
    standard_error : ndarray (exponent,)
        Of the mean, from the means of up to 20 blocks of time.
    converged : ndarray of bool (exponent,)
        Whether the standard error is within the tolerance.
    running : ndarray (block, exponent)
        Estimates from the beginning to the end of each block.
    time : ndarray (block,)
        Ends of the blocks after the washout, s (steps where no time of a step is known).
    dimension : float
        Kaplan-Yorke dimension; NaN where more exponents would be needed.
    entropy : float
        Sum of the positive exponents, nats per s: the Kolmogorov-Sinai entropy by Pesin's formula, an upper bound to it
        in general. NaN where more exponents would be needed.
    state : ndarray (state,)
        Where the trajectory ended.
    every : int
        Steps between two orthogonalisations.
    """

    exponents: NDArray[np.float64]
    standard_error: NDArray[np.float64]
    converged: NDArray[np.bool_]
    running: NDArray[np.float64]
    time: NDArray[np.float64]
    dimension: float
    entropy: float
    state: NDArray[np.float64]
    every: int


def lyapunov_spectrum(
    step: System | Function,
    start: ArrayLike,
    *,
    inputs: ArrayLike | None = None,
    n_exponents: int | None = None,
    n_steps: int | None = None,
    n_washout: int = 500,
    jacobian: Function | None = None,
    flow: bool = False,
    dt: float | None = None,
    tolerance: float = 0.05,
) -> Lyapunov:
    r"""Lyapunov exponents of a trajectory, by orthogonalising what the Jacobians do to a frame of directions.

    With :math:`J_t Q_{t-1} = Q_t R_t`, exponents are :math:`\lambda_i = \langle \log |R_{t,ii}| \rangle / dt` (Benettin
    et al. 1980, doi:10.1007/BF02128236; Eckmann & Ruelle 1985, doi:10.1103/RevModPhys.57.617). Of a flow, state and
    directions are taken together through Runge-Kutta steps of fourth order. Jacobians are multiplied by the frame
    without being made; it is orthogonalised as seldom as six digits allow, which a few steps tell beforehand and all
    steps confirm.

    Under inputs over time the exponents are conditional on them (Pecora & Carroll 1990,
    doi:10.1103/PhysRevLett.64.821): where the largest is negative, the system forgets where it began, and its state is
    a function of its inputs. What a system's own activity tells of criticality, its avalanches and branching, is
    measured by `neurorec.timescales` on its recording, see `neurorec.networks.simulate`.

    Parameters
    ----------
    step : System or callable
        See `neurorec.dynamics.as_rule`.
    start : array-like (state,)
        Where the trajectory begins. Note that a state that rests, as 0 often does, has its own exponents.
    inputs : array-like (input,) or (time, input), optional
        Kept throughout, or those of every step, ``n_washout`` first; by default 0.
    n_exponents : int, optional
        How many, from the largest; by default all.
    n_steps : int, optional
        Steps after the washout; by default 2000, or as many as there are inputs for.
    n_washout : int
        Steps before, in which the state comes to where it stays, and the frame to the directions that grow fastest.
    jacobian, flow, dt
        As in `neurorec.dynamics.as_rule`; ``dt`` of a flow is the length of its Runge-Kutta steps, in its own time.
    tolerance : float
        Greatest standard error, as a share of the exponent that is largest in size, that passes for converged.

    Returns
    -------
    Lyapunov
        Exponents with their standard error, running estimates, dimension and entropy.

    Raises
    ------
    InputError
        A flow without ``dt``, too few steps or inputs, more exponents than states, or a trajectory that diverges.

    Examples
    --------
    >>> henon = lambda x, u: jnp.stack([1 - 1.4 * x[..., 0] ** 2 + x[..., 1], 0.3 * x[..., 0]], axis=-1)
    >>> found = lyapunov_spectrum(henon, [0.1, 0.1], n_steps=20_000)
    >>> found.exponents.round(2).tolist(), abs(round(float(found.exponents.sum() - np.log(0.3)), 6))
    ([0.42, -1.62], 0.0)
    >>> round(found.dimension, 2)
    1.26
    """
    state = np.asarray(start, dtype=float)
    driven = inputs is not None and np.ndim(inputs) == 2
    n_inputs = 0 if inputs is None else np.shape(inputs)[-1]
    rule = as_rule(step, state.size, n_inputs=n_inputs, jacobian=jacobian, flow=flow, dt=dt)
    one = None if inputs is None else np.asarray(inputs)[0] if driven else inputs
    states, constant = check_states(rule, state, one, name="start")
    if len(states) != 1:
        raise InputError("start", expected="one state", found=f"{len(states)}", remedy="call it for each")
    if n_steps is None:
        n_steps = len(inputs) - n_washout if driven else 2000  # type: ignore[arg-type]
    n_exponents = state.size if n_exponents is None else n_exponents
    _check(state.size, n_exponents, n_steps, n_washout, inputs if driven else None, flow, dt)
    over_time = np.broadcast_to(constant[0], (n_steps + n_washout, constant.shape[1]))
    over_time = np.asarray(inputs, dtype=float) if driven else over_time
    check_states(rule, np.broadcast_to(states, (1, state.size)), over_time.sum(axis=0))  # finite throughout
    ends = _block_ends(n_washout, len(over_time))
    walk = _walker(rule, jacobian is not None, over_time, ends)
    found, every = _follow(walk, states[0], _directions(n_exponents, state.size), n_washout, len(over_time))
    return _summary(found, every, np.diff(ends, prepend=n_washout), rule.dt, tolerance)


def _directions(n_exponents: int, n_states: int) -> NDArray[np.float64]:
    """Orthonormal directions to begin with ``(exponent, state)``, the same ones every time.

    Few along axes would not do: of a system whose first states are clamped they would know nothing but that.
    """
    drawn = np.random.default_rng(0).standard_normal((n_states, n_exponents))
    return np.ascontiguousarray(np.linalg.qr(drawn)[0].T)


def kaplan_yorke(exponents: ArrayLike, *, complete: bool = True) -> float:
    r"""Kaplan-Yorke dimension :math:`j + \sum_{i \le j} \lambda_i / |\lambda_{j+1}|`.

    j is the greatest number of exponents whose sum is not negative (Kaplan & Yorke 1979, doi:10.1007/BFb0064319).

    Parameters
    ----------
    exponents : array-like (exponent,)
        In any order.
    complete : bool
        Whether these are all. If they are not, and their sum is not negative, the dimension is not known: NaN.

    Returns
    -------
    float
        0 where all are negative; their number where even the sum of all is not negative.

    Examples
    --------
    >>> round(kaplan_yorke([0.9056, 0.0, -14.5721]), 3)
    2.062
    """
    values = np.sort(np.asarray(exponents, dtype=float))[::-1]
    sums = np.cumsum(values)
    if sums[-1] >= 0:
        return float(values.size) if complete else np.nan
    j = int(np.argmax(sums < 0))
    return float(j + (sums[j - 1] / -values[j] if j else 0.0))


def _check(
    n_states: int,
    n_exponents: int,
    n_steps: int,
    n_washout: int,
    inputs: ArrayLike | None,
    flow: bool,
    dt: float | None,
) -> None:
    if not 1 <= n_exponents <= n_states:
        found, remedy = str(n_exponents), "there is one for each state"
        raise InputError("n_exponents", expected=f"1 to {n_states}", found=found, remedy=remedy)
    if n_washout < 0 or n_steps < 2:
        found, remedy = f"{n_washout} and {n_steps}", "exponents are means over many steps"
        raise InputError("n_washout and n_steps", expected="0 and 2 or more", found=found, remedy=remedy)
    if inputs is not None and np.shape(inputs)[0] != n_washout + n_steps:
        found = f"{np.shape(inputs)[0]}"
        expected, remedy = f"those of {n_washout} + {n_steps} steps", "let n_steps be what they leave"
        raise InputError("inputs", expected=expected, found=found, remedy=remedy)
    if flow and dt is None:
        remedy = "about a hundredth of the fastest time in it"
        raise InputError("dt", expected="the length of a step of the flow", found="none", remedy=remedy)


class Walked(NamedTuple):
    """What came of some steps."""

    state: NDArray[np.float64]  # (state,)
    frame: NDArray[np.float64]  # (exponent, state) orthonormal
    growth: NDArray[np.float64]  # (block, exponent) logarithms, summed
    spread: float  # greatest difference in growth between two orthogonalisations
    rate: float  # greatest growth or shrinking of any direction between them


Walk = Callable[[NDArray, NDArray, int, int, int], Walked]  # state, frame, first and last step, steps between


def _follow(walk: Walk, state: NDArray, frame: NDArray, n_washout: int, n_all: int) -> tuple[Walked, int]:
    """Growth after the washout, and the steps between two orthogonalisations."""
    seen = min(_N_PILOT, n_all)
    pilot = walk(state, frame, 0, seen, 1)
    rate = max(pilot.spread, pilot.rate)
    every = 1 if not rate < np.inf else int(min(_SPREAD / max(rate, 1e-300), _MOST_STEPS))
    every = max(every, 1)
    if seen <= n_washout:
        begun = walk(pilot.state, pilot.frame, seen, n_washout, every)
    else:  # from the start again: the pilot would see what is measured
        begun = walk(state, frame, 0, n_washout, 1)
    while True:
        found = walk(begun.state, begun.frame, n_washout, n_all, every)
        if every == 1 or found.spread <= _MOST_SPREAD:
            return found, every
        every = max(1, every // 2)


def _summary(found: Walked, every: int, steps: NDArray, dt: float, tolerance: float) -> Lyapunov:
    sums, time = found.growth, steps * dt
    exponents = sums.sum(axis=0) / time.sum()
    lost = ~np.isfinite(exponents)
    means = np.where(lost, 0.0, sums) / time[:, None]
    share = time[:, None] / time.sum()
    spread = (share * (means - np.where(lost, 0.0, exponents)) ** 2).sum(axis=0)
    error = np.sqrt(spread / (len(time) - 1))
    order = np.argsort(-exponents, kind="stable")
    exponents, error = exponents[order], error[order]
    largest = np.abs(exponents[np.isfinite(exponents)]).max(initial=0.0)
    running = (np.cumsum(sums, axis=0) / np.cumsum(time)[:, None])[:, order]
    complete = exponents.size == found.state.size
    known = complete or exponents[-1] <= 0
    entropy = float(exponents[exponents > 0].sum()) if known else np.nan
    dimension = kaplan_yorke(exponents, complete=complete)
    settled = error <= max(tolerance * largest, _EXACT / time.sum())
    return Lyapunov(exponents, error, settled, running, np.cumsum(time), dimension, entropy, found.state, every)


def _block_ends(n_washout: int, n_all: int) -> NDArray[np.int64]:
    """Steps at which the blocks after the washout end."""
    n_blocks = min(_N_BLOCKS, n_all - n_washout)
    return n_washout + (np.arange(1, n_blocks + 1) * (n_all - n_washout)) // n_blocks


def _walker(rule: Rule, given: bool, inputs: NDArray, ends: NDArray) -> Walk:
    """What follows a state and a frame ``(exponent, state)`` from one step to another."""
    dt = rule.dt if rule.flow else None
    function: Any = rule.function
    if jax.tree.leaves(function) == [function]:  # wrapped: JAX would ask a bound method for the hash of its weights
        inner = function
        function = lambda x, u: inner(x, u)  # noqa: E731
    derivative = rule.derivative if given else None

    def walk(state: NDArray, frame: NDArray, first: int, last: int, every: int) -> Walked:
        with jax.enable_x64(True):
            if rule.traceable:
                bounds = jnp.asarray([first, last, every])
                found = _compiled(function, derivative, state, frame, inputs, ends, bounds, dt)
            else:
                found = _called(rule, state, frame, inputs, ends, (first, last, every), dt)
            state, frame, growth = (np.asarray(a, dtype=float) for a in found[:3])
        if not np.isfinite(state).all() or np.isnan(growth).any():
            expected, remedy = "a trajectory that stays finite", "begin elsewhere, or take shorter steps of a flow"
            raise InputError("start", expected=expected, found="one that diverges", remedy=remedy)
        return Walked(state, frame, growth, float(found[3]), float(found[4]))

    return walk


def _advance(push: Callable[..., Any], state: Any, frame: Any, inputs: Any, dt: float | None) -> tuple[Any, Any]:
    """State and frame one step on: of a map, or by Runge-Kutta of fourth order."""
    if dt is None:
        return push(state, frame, inputs)
    a, p = push(state, frame, inputs)
    b, q = push(state + dt / 2 * a, frame + dt / 2 * p, inputs)
    c, r = push(state + dt / 2 * b, frame + dt / 2 * q, inputs)
    d, s = push(state + dt * c, frame + dt * r, inputs)
    return state + dt / 6 * (a + 2 * b + 2 * c + d), frame + dt / 6 * (p + 2 * q + 2 * r + s)


@eqx.filter_jit
def _compiled(
    function: Any, derivative: Any, state: Any, frame: Any, inputs: Any, ends: Any, bounds: Any, dt: float | None
) -> tuple[Any, ...]:
    """One program for any stretch of steps: the bounds are not known when it is compiled."""
    inputs, ends = jnp.asarray(inputs), jnp.asarray(ends)
    first, last, every = bounds

    def push(state: Any, frame: Any, inputs: Any) -> tuple[Any, Any]:
        if derivative is not None:
            return function(state, inputs), frame @ derivative(state, inputs).T
        after, along = jax.linearize(lambda x: function(x, inputs), state)
        return after, jax.vmap(along)(frame)

    def stretch(now: Any) -> Any:
        t, state, frame, growth, spread, rate = now
        block = jnp.searchsorted(ends, t, side="right")
        stop = jnp.minimum(jnp.minimum(t + every, last), ends[block])

        def one(t: Any, now: Any) -> Any:
            state, frame = _advance(push, now[0], now[1], inputs[t], dt)
            return state.astype(float), frame.astype(float)

        state, frame = jax.lax.fori_loop(t, stop, one, (state, frame))
        # within a block L U does for Q R in half the time: L is nearly as well conditioned, and what its columns are
        # short of being orthonormal is made up for by the Q R at the block's end
        whole = (every == 1) | (stop == last) | (stop == ends[block])
        frame, grown = jax.lax.cond(whole, _orthonormal, _triangular, frame)
        spread = jnp.maximum(spread, grown.max() - grown.min())
        return stop, state, frame, growth.at[block].add(grown), spread, jnp.maximum(rate, jnp.abs(grown).max())

    growth = jnp.zeros((ends.size, frame.shape[0]))
    begin = jnp.asarray(first), jnp.asarray(state), jnp.asarray(frame), growth, jnp.zeros(()), jnp.zeros(())
    return jax.lax.while_loop(lambda now: now[0] < last, stretch, begin)[1:]


def _orthonormal(frame: Any) -> tuple[Any, Any]:
    """Q of ``frame' = Q R``, and the logarithms of R's diagonal."""
    q, r = jnp.linalg.qr(frame.T)
    return q.T, jnp.log(jnp.abs(jnp.diagonal(r)))


def _triangular(frame: Any) -> tuple[Any, Any]:
    """L of ``frame' = P L U``, its rows where P puts them, and the logarithms of U's diagonal."""
    both, _, order = jax.lax.linalg.lu(frame.T)
    at = jnp.argsort(order)[:, None]
    column = jnp.arange(len(frame))
    lower = jnp.where(at > column, both[at[:, 0]], (at == column).astype(float))
    return lower.T, jnp.log(jnp.abs(jnp.diagonal(both)))


def _called(
    rule: Rule, state: Any, frame: Any, inputs: Any, ends: Any, bounds: tuple[int, int, int], dt: float | None
) -> tuple[Any, ...]:
    """The same where JAX cannot follow; without a Jacobian, by central differences along the frame."""

    def push(state: NDArray, frame: NDArray, inputs: NDArray) -> tuple[NDArray, NDArray]:
        if rule.derivative is not None:
            return rule.step(state[None], inputs[None])[0], frame @ rule.jacobians(state[None], inputs[None])[0].T
        length = np.linalg.norm(frame, axis=1, keepdims=True)
        nudge = _NUDGE * max(1.0, float(np.abs(state).max()))
        nudges = nudge * frame / np.where(length > 0, length, 1.0)
        states = np.concatenate([state[None], state + nudges, state - nudges])
        after = rule.step(states, np.broadcast_to(inputs, (len(states), inputs.size)))
        ahead, behind = np.split(after[1:], 2)
        return after[0], (ahead - behind) * length / (2 * nudge)

    first, last, every = bounds
    growth, spread, rate, since = np.zeros((ends.size, len(frame))), 0.0, 0.0, 0
    for t in range(first, last):
        state, frame = _advance(push, state, frame, inputs[t], dt)
        since, block = since + 1, np.searchsorted(ends, t, side="right")
        if since >= every or t + 1 in (last, ends[block]):
            q, r = np.linalg.qr(frame.T)
            with np.errstate(divide="ignore"):
                grown = np.log(np.abs(np.diagonal(r)))
            frame, since = q.T, 0
            growth[block] += grown
            spread, rate = max(spread, np.ptp(grown)), max(rate, np.abs(grown).max())
    return state, frame, growth, spread, rate

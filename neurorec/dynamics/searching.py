"""The search for fixed points: damped Gauss-Newton steps on the speed, of many starts that merge as they meet."""

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from neurorec.dynamics.damping import SMALL, approximate_steps, damped_steps, rows, unit_steps
from neurorec.dynamics.merging import merge_groups
from neurorec.dynamics.velocities import At, UnitVelocity, Velocity

RUNNING, FIXED, STALLED, SPENT, LOST, FAR, MERGED = range(7)
STATUS = ("running", "fixed", "slow", "out of steps", "not finite", "out of bounds", "merged")
_MANY = 40  # searches in a large state space from which on steps are approximate
_ROUGH, _PRODUCTS = 2, (10, 40)  # far from where a search ends, the first two steps, a rough one is as good as another
_DAMPING = 0.1  # to begin with, in units of |F|
_LEAST, _MOST = 1e-6, 1e8
_PROGRESS = 1e-3  # a step that promises less than this share of the speed is one of a search that has stalled
_PATIENCE = 3


class Search(NamedTuple):
    """Where searches have come to, one each start."""

    states: NDArray  # (start, state)
    q: NDArray  # (start,)
    status: NDArray[np.int64]  # (start,) see STATUS
    leader: NDArray[np.int64]  # (start,) whom each followed in the end, itself where it was followed
    n_steps: int


class _Now(NamedTuple):
    """Searches that are still running."""

    index: NDArray[np.int64]  # (search,) their starts
    states: NDArray
    drive: NDArray
    at: At
    q: NDArray
    damping: NDArray
    idle: NDArray[np.int64]  # (search,) steps without progress

    def take(self, kept: NDArray) -> "_Now":
        """Some of them."""
        index, states, drive, at, q, damping, idle = self
        at = At(*(values[kept] for values in at))
        return _Now(index[kept], states[kept], drive[kept], at, q[kept], damping[kept], idle[kept])


def search(
    F: Velocity,
    states: NDArray,
    inputs: NDArray,
    *,
    tol: float,
    radius: float,
    bound: float,
    max_steps: int,
    groups: NDArray[np.int64],
    exact: bool = False,
) -> Search:
    """Lower ``q = |F|^2 / 2`` from many starts, until it is below `tol`.

    Steps are ``-(J'J + m |F| 1)^-1 J'F`` (Levenberg-Marquardt): damping in proportion to \\|F\\| lets them converge
    quadratically also where fixed points are not isolated, and J is singular (Yamashita & Fukushima 2001,
    doi:10.1007/978-3-7091-6217-0_18). Searches of the same group that come within a radius of each other are one from
    then on. Arrays and `F` decide on the precision.

    Parameters
    ----------
    F : Velocity
        What is to be 0.
    states : ndarray (start, state)
        Where to begin.
    inputs : ndarray (start, input)
        Under which inputs.
    tol : float
        Speed at which a search ends.
    radius : float
        Distance within which searches are one; 0: never.
    bound : float
        Distance from its start beyond which a search is given up.
    max_steps : int
        Most steps.
    groups : ndarray of int (start,)
        Which searches may merge: those under the same inputs.
    exact : bool
        Whether steps are exact however many searches there are. Approximate ones take many from far away to where they
        end in less time, but give up near saddles of large networks.

    Returns
    -------
    Search
        Of every start.
    """
    found = Search(states.copy(), np.full(len(states), np.inf, states.dtype), *_nothing(len(states)), 0)
    with (
        _threads().limit(limits=1, user_api="blas"),
        np.errstate(all="ignore"),
    ):  # products are small, and what overflows is given up
        now = _begin(F, states, inputs)
        k = 0
        while True:
            now = _settle(now, found, states, tol=tol, radius=radius, bound=bound, groups=groups)
            if not len(now.index) or k == max_steps:
                break
            now = _advance(F, now, n_products=None if exact else _PRODUCTS[k >= _ROUGH])
            k += 1
    found.states[now.index], found.q[now.index], found.status[now.index] = now.states, now.q, SPENT
    return found._replace(leader=_followed(found.leader), n_steps=k)


@cache
def _threads() -> ThreadpoolController:
    """Libraries that have threads of their own; to look for them takes longer than some searches do."""
    return ThreadpoolController()


def _nothing(n_starts: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return np.full(n_starts, RUNNING), np.arange(n_starts)


def _begin(F: Velocity, states: NDArray, inputs: NDArray) -> _Now:
    drive = F.drive(inputs)
    at = F.at(states, drive)
    q = 0.5 * rows(at.velocity, at.velocity)
    nothing = np.zeros(len(states), dtype=np.int64)
    return _Now(np.arange(len(states)), states, drive, at, q, np.full_like(q, _DAMPING), nothing)


def _advance(F: Velocity, now: _Now, *, n_products: int | None) -> _Now:
    """One step of each; what would not lower its speed stays where it is, and is damped more."""
    damping = now.damping * np.sqrt(2 * now.q)
    if isinstance(F, UnitVelocity) and now.states.shape[1] <= SMALL:
        step, promised = unit_steps(F, now.at, damping)
    elif isinstance(F, UnitVelocity) and n_products is not None and len(now.index) > _MANY:
        step, promised = approximate_steps(F, now.at, damping, n_products)
    else:
        step, promised = damped_steps(F, now.states, now.drive, now.at, damping)
    states = now.states + step
    at = F.at(states, now.drive)
    q = 0.5 * rows(at.velocity, at.velocity)
    share = (now.q - q) / np.maximum(now.q - promised, np.finfo(q.dtype).tiny)
    good = q < now.q  # not where either is NaN
    factor = np.where(~good, 4.0, np.where(share > 0.75, 0.2, np.where(share < 0.25, 2.0, 1.0))).astype(q.dtype)
    idle = np.where((now.q - promised > _PROGRESS * now.q) & good, 0, now.idle + 1)
    at = At(*(np.where(good[:, None], new, old) for new, old in zip(at, now.at)))
    return now._replace(
        states=np.where(good[:, None], states, now.states),
        at=at,
        q=np.where(good, q, now.q),
        damping=np.clip(now.damping * factor, _LEAST, _MOST),
        idle=idle,
    )


def _settle(
    now: _Now, found: Search, starts: NDArray, *, tol: float, radius: float, bound: float, groups: NDArray
) -> _Now:
    """Write down searches that have ended or merged, and go on with the others."""
    status = np.where(now.q <= tol, FIXED, np.where(_stalled(now), STALLED, RUNNING))
    moved = now.states - starts[now.index]
    status[rows(moved, moved) > bound**2] = FAR
    status[~np.isfinite(now.q)] = LOST
    fit = (status != FAR) & (status != LOST)
    if radius > 0:
        _merge(now, found, status, fit, radius, groups)
    ended = status != RUNNING
    where = now.index[ended]
    found.states[where], found.q[where], found.status[where] = now.states[ended], now.q[ended], status[ended]
    return now.take(~ended) if ended.any() else now


def _stalled(now: _Now) -> NDArray[np.bool_]:
    """A local minimum of the speed, or as near to one as this precision can come."""
    return (now.idle >= _PATIENCE) | (now.damping >= _MOST)


def _merge(now: _Now, found: Search, status: NDArray, fit: NDArray, radius: float, groups: NDArray) -> None:
    """Let searches follow those that have ended, or the slower one of their own."""
    done = np.flatnonzero((found.status == FIXED) | (found.status == STALLED))
    here = np.flatnonzero(fit)
    everyone = np.concatenate([done, now.index[here]])
    states = np.concatenate([found.states[done], now.states[here]])
    order = np.concatenate([np.arange(len(done)), len(done) + np.argsort(now.q[here], kind="stable")])
    leader = everyone[merge_groups(states, groups[everyone], order, radius)[len(done) :]]
    follows = leader != now.index[here]
    found.leader[now.index[here[follows]]] = leader[follows]
    status[here[follows]] = MERGED


def _followed(leader: NDArray[np.int64]) -> NDArray[np.int64]:
    """The last of those whom each followed in turn."""
    while True:
        further = leader[leader]
        if (further == leader).all():
            return leader
        leader = further

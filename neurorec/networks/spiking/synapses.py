"""Sparse synapses, sorted by the unit or input that they come from."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurorec.networks.spiking.population import ShortTerm
from neurorec.recording import InputError, are_numbers, check_array, check_count, check_rng


class Synapses(NamedTuple):
    """Synapses of a network: those of source j are ``first[j]:first[j + 1]``. Sources are units, then inputs.

    Attributes
    ----------
    first : ndarray of int (source + 1,)
        Where a source's synapses begin.
    target : ndarray of int (synapse,)
        Units that they reach.
    weight : ndarray (synapse,)
        What one spike adds to the voltage of a unit at rest, mV, if it acts at once; through an exponential current,
        the same charge.
    delay : ndarray of int (synapse,) or (1,)
        Steps, 1 or more; one number where all are equal.
    U, D, F : ndarray (synapse,) or (0,)
        Of short-term plasticity, D and F in steps; empty without it.
    """

    first: NDArray[np.int64]
    target: NDArray[np.int32]
    weight: NDArray[np.float32]
    delay: NDArray[np.int32]
    U: NDArray[np.float64]
    D: NDArray[np.float64]
    F: NDArray[np.float64]


class Projection(NamedTuple):
    """Synapses before they are sorted: from sources to targets, both counted from the start of their populations.

    Attributes
    ----------
    source, target : ndarray of int (synapse,)
        Who is joined to whom.
    """

    source: NDArray[np.int64]
    target: NDArray[np.int64]


def join_at_random(
    n_sources: int,
    n_targets: int,
    probability: float,
    *,
    in_degree: int | None = None,
    rng: np.random.Generator,
) -> Projection:
    """Join each pair with the same probability, or each target to equally many sources.

    Parameters
    ----------
    n_sources, n_targets : int
        Sizes.
    probability : float
        Of each pair, independent of the others.
    in_degree : int, optional
        In its place: each target gets so many synapses from sources drawn with replacement (Brunel 2000).
    rng : numpy.random.Generator
        Everything random.

    Returns
    -------
    Projection

    Raises
    ------
    InputError
        For a probability outside of [0, 1], numbers below 0, and synapses from no source.

    Examples
    --------
    >>> join_at_random(2, 3, 1.0, rng=np.random.default_rng(0)).source.tolist()
    [0, 0, 0, 1, 1, 1]
    """
    n_sources, n_targets = (
        check_count(name, n, least=0) for name, n in (("n_sources", n_sources), ("n_targets", n_targets))
    )
    rng = check_rng(rng)
    if in_degree is not None:
        in_degree = check_count("in_degree", in_degree, least=0, most=np.inf if n_sources else 0)
        if not n_sources * in_degree:
            return Projection(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
        target = np.repeat(np.arange(n_targets), in_degree)
        return Projection(rng.integers(n_sources, size=target.size), target)
    if not are_numbers(probability) or not 0 <= probability <= 1:
        found = f"{probability!r}"
        raise InputError("probability", expected="0 to 1", found=found, remedy="give the share of pairs joined")
    n_pairs = n_sources * n_targets
    if probability == 0 or n_pairs == 0:
        return Projection(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
    # Gaps between the pairs that are joined are geometric: only these are drawn.
    places, last = [], -1
    while last < n_pairs:
        n = int((n_pairs - last) * probability + 5 * np.sqrt(n_pairs * probability)) + 10
        found = last + np.cumsum(rng.geometric(probability, size=n))
        places.append(found)
        last = int(found[-1])
    place = np.concatenate(places)
    return Projection(*np.divmod(place[place < n_pairs], n_targets))


def sort_synapses(
    source: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike,
    delay: ArrayLike,
    *,
    n_sources: int,
    dt: float,
    short_term: tuple[ArrayLike, ArrayLike, ArrayLike] | None = None,
) -> Synapses:
    """Sort synapses by their source, and turn times into steps.

    Parameters
    ----------
    source, target : array-like of int (synapse,)
        Sources are units, then inputs; targets are units.
    weight : array-like (synapse,)
        mV.
    delay : array-like (synapse,) or float
        s; rounded to steps.
    n_sources : int
        Units and inputs.
    dt : float
        Step, s.
    short_term : tuple of array-like (synapse,), optional
        U, D (s) and F (s).

    Returns
    -------
    Synapses

    Raises
    ------
    InputError
        For delays shorter than a step, weights that are not finite, sources or targets that are not there, and parts of
        unequal lengths.

    Examples
    --------
    >>> synapses = sort_synapses([1, 0], [0, 1], [0.5, -0.2], 0.001, n_sources=2, dt=0.0001)
    >>> synapses.first.tolist(), synapses.target.tolist(), synapses.delay.tolist()
    ([0, 1, 2], [1, 0], [10])
    """
    source, target = (_places(name, values) for name, values in (("source", source), ("target", target)))
    weight = check_array("weight", weight, "(synapse,)", remedy="mV each").astype(np.float32)
    delay = np.atleast_1d(check_array("delay", delay, "(synapse,)", remedy="s each"))
    n_sources, n = check_count("n_sources", n_sources, least=0), source.size
    if not target.shape == weight.shape == (n,) or delay.shape not in ((n,), (1,)):
        found = f"{n}, {target.shape}, {weight.shape}, {delay.shape}"
        name, remedy = "source, target, weight, delay", "delay may be one number"
        raise InputError(name, expected="as many of each", found=found, remedy=remedy)
    if not are_numbers(dt) or not dt > 0 or not np.isfinite(delay).all():
        found = f"dt {dt!r}, delays {'finite' if np.isfinite(delay).all() else 'not all finite'}"
        raise InputError(
            "dt and delay", expected="a step above 0 s, finite delays", found=found, remedy="such as 1e-4 s"
        )
    steps = np.rint(delay / dt).astype(np.int32)
    if steps.size and steps.min() < 1:
        found = f"{delay.min():g} s at steps of {dt:g} s"
        raise InputError("delay", expected="a step or more", found=found, remedy="take smaller steps, or longer delays")
    if not np.isfinite(weight).all():
        n = int((~np.isfinite(weight)).sum())
        raise InputError("weight", expected="finite mV", found=f"{n} that are not", remedy="look at how they are made")
    if source.size and (source.min() < 0 or source.max() >= n_sources):
        found = f"{source.min()} to {source.max()}"
        raise InputError("source", expected=f"0 to {n_sources - 1}", found=found, remedy="count units, then inputs")
    if target.size and target.min() < 0:
        raise InputError("target", expected="0 or more", found=str(target.min()), remedy="count units from 0")
    plastic = None if short_term is None else _plastic(short_term, n)
    order = slice(None) if (np.diff(source) >= 0).all() else np.argsort(source, kind="stable")
    first = np.zeros(n_sources + 1, dtype=np.int64)
    first[1:] = np.cumsum(np.bincount(source, minlength=n_sources))
    U, D, F = (np.zeros(0),) * 3 if plastic is None else (v[order] for v in plastic)
    return Synapses(
        first, target[order].astype(np.int32), np.ascontiguousarray(weight[order]),
        steps if steps.size == 1 else steps[order], U, D / dt, F / dt,
    )  # fmt: skip


def _places(name: str, values: ArrayLike) -> NDArray[np.int64]:
    """Units by their numbers."""
    places = check_array(name, values, "(synapse,)", remedy="units by their numbers")
    if places.ndim != 1 or not np.isfinite(places).all() or (places % 1 != 0).any():
        found = f"shape {places.shape}, or parts of a whole"
        raise InputError(name, expected="whole numbers (synapse,)", found=found, remedy="count units from 0")
    return places.astype(np.int64)


def _plastic(short_term: Any, n: int) -> list[NDArray[np.float64]]:
    """U, D and F of n synapses."""
    parts = list(short_term) if np.iterable(short_term) else []
    parts = [check_array("short_term", part, "(synapse,)") for part in parts]
    if len(parts) != 3 or any(part.shape != (n,) or not (part > 0).all() for part in parts) or (parts[0] > 1).any():
        found = str([part.shape for part in parts])
        expected, remedy = f"U, D and F of {n} synapses, above 0, U at most 1", "see ShortTerm"
        raise InputError("short_term", expected=expected, found=found, remedy=remedy)
    return parts


def draw_short_term(kind: ShortTerm, n: int, *, rng: np.random.Generator) -> tuple[NDArray, NDArray, NDArray]:
    """U, D (s) and F (s) of n synapses of a kind ``(synapse,)``.

    Parameters
    ----------
    kind : ShortTerm
        Means and spread.
    n : int
        Synapses.
    rng : numpy.random.Generator
        Everything random.

    Returns
    -------
    tuple of ndarray (synapse,)

    Raises
    ------
    InputError
        For another kind.
    """

    if not isinstance(kind, ShortTerm):
        raise InputError(
            "short_term", expected="ShortTerm", found=repr(kind), remedy="such as ShortTerm(0.5, 1.1, 0.05)"
        )

    def draw(mean: float, most: float) -> NDArray[np.float64]:
        values = mean * (1 + kind.spread * rng.standard_normal(n))
        wrong = (values <= 0) | (values > most)
        values[wrong] = rng.uniform(1e-3 * mean, min(2 * mean, most), wrong.sum())
        return values

    return draw(kind.U, 1.0), draw(kind.D, np.inf), draw(kind.F, np.inf)

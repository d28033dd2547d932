"""Recurrent weights made of others: signed and masked ones, and those of low rank."""

from collections.abc import Mapping

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from neurorec.networks.weights import recurrent_weights
from neurorec.recording import InputError


class Constrained(eqx.Module):
    """Weights ``mask * sign * |strength|``: those that do not exist stay 0, and a unit's own weights keep one sign.

    Dale's law (Song et al. 2016, doi:10.1371/journal.pcbi.1004792), sparse networks and networks of several areas.

    Parameters
    ----------
    strength : jax.Array (unit, source unit)
        What is trained.
    mask : numpy.ndarray of bool (unit, source unit), optional
        Which weights exist; by default all.
    sign : numpy.ndarray of int8 (source unit,), optional
        1 for excitatory, -1 for inhibitory units; by default weights have any sign.

    Examples
    --------
    >>> weights = Constrained(jnp.array([[1.0, -2.0], [3.0, 4.0]]), sign=np.array([1, -1], dtype=np.int8))
    >>> weights.weights().tolist()
    [[1.0, -2.0], [3.0, -4.0]]
    """

    strength: Array
    mask: NDArray[np.bool_] | None = None
    sign: NDArray[np.int8] | None = None

    @classmethod
    def random(
        cls,
        n_units: int,
        *,
        gain: float = 1.0,
        mask: NDArray[np.bool_] | None = None,
        sign: NDArray[np.int8] | None = None,
        rng: np.random.Generator,
    ) -> "Constrained":
        """Draw weights whose largest eigenvalue has the modulus `gain`.

        Signed weights are half-normal, those of the rarer sign stronger, so that excitation and inhibition balance.
        """
        drawn = np.array(recurrent_weights(n_units, rng=rng), dtype=float)
        if sign is not None:
            n_excitatory, n_inhibitory = np.count_nonzero(sign > 0), np.count_nonzero(sign < 0)
            if n_excitatory and n_inhibitory:
                drawn[:, sign < 0] *= n_excitatory / n_inhibitory
            drawn = np.abs(drawn) * sign
        effective = drawn if mask is None else drawn * mask
        radius = np.abs(np.linalg.eigvals(effective)).max()
        return cls(jnp.asarray(drawn * (gain / radius if radius > 0 else 1), dtype=jnp.float32), mask, sign)

    @property
    def shape(self) -> tuple[int, ...]:
        """Units, source units."""
        return self.strength.shape

    def weights(self) -> Array:
        """The weights themselves ``(unit, source unit)``."""
        weights = self.strength if self.sign is None else jnp.abs(self.strength) * self.sign
        return weights if self.mask is None else weights * self.mask


class LowRank(eqx.Module):
    """Weights ``left right' / n`` of n units (Mastrogiuseppe & Ostojic 2018, doi:10.1016/j.neuron.2018.07.003).

    Parameters
    ----------
    left, right : jax.Array (unit, rank)
        Where input is sent, and from where it is read.

    Examples
    --------
    >>> LowRank(jnp.array([[1.0], [2.0]]), jnp.array([[4.0], [0.0]])).weights().tolist()
    [[2.0, 0.0], [4.0, 0.0]]
    """

    left: Array
    right: Array

    @classmethod
    def random(cls, n_units: int, rank: int, *, rng: np.random.Generator) -> "LowRank":
        """Draw both sides from a standard normal distribution."""
        left, right = rng.standard_normal((2, n_units, rank))
        return cls(jnp.asarray(left, dtype=jnp.float32), jnp.asarray(right, dtype=jnp.float32))

    @property
    def shape(self) -> tuple[int, ...]:
        """Units, source units."""
        return (self.left.shape[-2], self.right.shape[-2])

    def weights(self) -> Array:
        """The weights themselves ``(unit, source unit)``."""
        return self.left @ self.right.T / self.shape[0]


def plain_weights(weights: Array | Constrained | LowRank) -> Array:
    """The weights ``(unit, source unit)``, whatever they are made of."""
    return weights.weights() if isinstance(weights, Constrained | LowRank) else weights


def dale_signs(n_units: int, *, excitatory: float = 0.8) -> NDArray[np.int8]:
    """Signs of units ``(unit,)``: the first `excitatory` share of them 1, the others -1.

    Examples
    --------
    >>> dale_signs(5).tolist()
    [1, 1, 1, 1, -1]
    """
    if not 0 <= excitatory <= 1:
        remedy = "give the share of units that excite"
        raise InputError("excitatory", expected="a share from 0 to 1", found=str(excitatory), remedy=remedy)
    return np.where(np.arange(n_units) < round(excitatory * n_units), 1, -1).astype(np.int8)


def block_mask(
    n_units: Mapping[str, int],
    *,
    within: float = 1.0,
    between: float = 0.1,
    rng: np.random.Generator,
) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """Which weights exist in a network of several areas.

    Parameters
    ----------
    n_units : mapping of str to int
        Units of each area.
    within, between : float
        Share of the weights that exist within an area, and between any two; none from a unit to itself.
    rng : numpy.random.Generator
        Everything random.

    Returns
    -------
    mask : ndarray of bool (unit, source unit)
        For `Constrained`.
    area : tuple of str (unit,)
        Each unit's area.

    Examples
    --------
    >>> mask, area = block_mask({"V1": 2, "PPC": 1}, between=0.0, rng=np.random.default_rng(0))
    >>> mask.astype(int).tolist(), area
    ([[0, 1, 0], [1, 0, 0], [0, 0, 0]], ('V1', 'V1', 'PPC'))
    """
    area = np.repeat(list(n_units), list(n_units.values()))
    share = np.where(area[:, None] == area, within, between)
    mask = rng.random(share.shape) < share
    np.fill_diagonal(mask, False)
    return mask, tuple(area.tolist())

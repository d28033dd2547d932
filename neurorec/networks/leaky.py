"""The leaky rate network in continuous time."""

from typing import Literal

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array

from neurorec.networks.connectivity import Constrained, LowRank, plain_weights
from neurorec.networks.nonlinearity import Nonlinearity, apply, check_nonlinearity, slope
from neurorec.networks.weights import forward_weights, recurrent_weights, zeros
from neurorec.recording import InputError

Form = Literal["rate", "current"]


class Leaky(eqx.Module):
    """Units that leak, ``a = dt / tau``, xi standard normal, with noise in one of two places.

    - ``form="rate"``, noise inside: ``r <- (1 - a) r + a f(W r + V u + b + sqrt(2 / a) noise xi)``
      (Yang et al. 2019, doi:10.1038/s41593-018-0310-2)
    - ``form="rate"``, noise outside: ``r <- (1 - a) r + a f(W r + V u + b) + sqrt(2 a) noise xi``
    - ``form="current"``: ``x <- (1 - a) x + a (W r + V u + b) + sqrt(2 a) noise xi``, ``r = f(x)``
      (Sompolinsky et al. 1988, doi:10.1103/PhysRevLett.61.259)

    Parameters
    ----------
    recurrent : jax.Array, Constrained or LowRank (unit, source unit)
        W.
    input : jax.Array (unit, input)
        V.
    bias : jax.Array (unit,)
        b.
    dt, tau : float
        Time step and time constant, s; dt is at most tau.
    noise : float
        Standard deviation of the private noise.
    nonlinearity : {"tanh", "relu", "softplus", "sigmoid", "linear"}
        f.
    form : {"rate", "current"}
        Whether the state is the rates r or the currents x.
    noise_inside : bool
        Whether noise passes through f, for the rate form.
    area : tuple of str (unit,)
        Where each unit is; empty for nowhere in particular.

    Examples
    --------
    >>> cell = Leaky(jnp.zeros((1, 1)), jnp.ones((1, 1)), jnp.zeros(1), dt=0.02, tau=0.1, nonlinearity="linear")
    >>> cell.step(jnp.array([1.0]), jnp.array([0.0])).round(3).tolist()     # leaks dt / tau of itself
    [0.800000011920929]
    """

    recurrent: Array | Constrained | LowRank
    input: Array
    bias: Array
    dt: float = eqx.field(static=True, default=0.02)
    tau: float = eqx.field(static=True, default=0.1)
    noise: float = eqx.field(static=True, default=0.05)
    nonlinearity: Nonlinearity = eqx.field(static=True, default="tanh")
    form: Form = eqx.field(static=True, default="rate")
    noise_inside: bool = eqx.field(static=True, default=True)
    area: tuple[str, ...] = eqx.field(static=True, default=())

    def __check_init__(self) -> None:
        check_nonlinearity(self.nonlinearity)
        if not 0 < self.dt <= self.tau:
            found = f"dt {self.dt:g} s and tau {self.tau:g} s"
            raise InputError("dt", expected="0 < dt <= tau", found=found, remedy="take smaller steps, or slower units")
        if self.noise < 0 or self.form not in ("rate", "current"):
            expected, found = "noise >= 0 and form 'rate' or 'current'", f"{self.noise!r} and {self.form!r}"
            raise InputError("noise and form", expected=expected, found=found, remedy="see Leaky")
        if self.area and len(self.area) != self.n_units:
            expected = f"{self.n_units} names, one a unit"
            raise InputError("area", expected=expected, found=str(len(self.area)), remedy="name each unit's area")

    @classmethod
    def random(
        cls,
        n_inputs: int,
        n_units: int,
        *,
        recurrent: Array | Constrained | LowRank | None = None,
        dt: float = 0.02,
        tau: float = 0.1,
        noise: float = 0.05,
        gain: float = 1.0,
        nonlinearity: Nonlinearity = "tanh",
        form: Form = "rate",
        noise_inside: bool = True,
        area: tuple[str, ...] = (),
        rng: np.random.Generator,
    ) -> "Leaky":
        """Draw one: Gaussian weights of spectral radius near `gain`, unless others are given."""
        if recurrent is None:
            recurrent = recurrent_weights(n_units, gain=gain, rng=rng)
        return cls(
            recurrent=recurrent,
            input=forward_weights(n_units, n_inputs, rng=rng),
            bias=zeros(n_units),
            dt=dt,
            tau=tau,
            noise=noise,
            nonlinearity=nonlinearity,
            form=form,
            noise_inside=noise_inside,
            area=area,
        )

    @property
    def n_inputs(self) -> int:
        """Channels in."""
        return self.input.shape[-1]

    @property
    def n_units(self) -> int:
        """Units."""
        return self.recurrent.shape[-1]

    @property
    def n_states(self) -> int:
        """One a unit: its rate or its current."""
        return self.n_units

    @property
    def leak(self) -> float:
        """``a = dt / tau``."""
        return self.dt / self.tau

    @property
    def noise_scale(self) -> float:
        """What a standard normal draw is multiplied by where it enters."""
        inside = self.form == "rate" and self.noise_inside
        return self.noise * float(np.sqrt(2 / self.leak if inside else 2 * self.leak))

    def prepared(self) -> "Leaky":
        """The same cell with plain weights."""
        return eqx.tree_at(lambda cell: cell.recurrent, self, plain_weights(self.recurrent))

    def step(self, state: Array, inputs: Array) -> Array:
        """The next state ``(..., unit)``, without noise."""
        return self._step(state, inputs, None)

    def noisy_step(self, state: Array, inputs: Array, draw: Array) -> Array:
        """The next state with private noise, from standard normal draws ``(..., unit)``."""
        return self._step(state, inputs, self.noise_scale * draw)

    def activity(self, state: Array) -> Array:
        """Rates ``(..., unit)``."""
        return state if self.form == "rate" else apply(self.nonlinearity, state)

    def jacobian(self, state: Array, inputs: Array) -> Array:
        """``(1 - a) 1 + a diag(f') W`` or, of currents, ``(1 - a) 1 + a W diag(f')``."""
        weights, a = plain_weights(self.recurrent), self.leak
        if self.form == "rate":
            rate = apply(self.nonlinearity, self._drive(state, inputs))
            inner = slope(self.nonlinearity, rate)[:, None] * weights
        else:
            inner = weights * slope(self.nonlinearity, apply(self.nonlinearity, state))
        return (1 - a) * jnp.eye(self.n_units, dtype=state.dtype) + a * inner

    def _drive(self, rate: Array, inputs: Array) -> Array:
        return rate @ plain_weights(self.recurrent).T + inputs @ self.input.T + self.bias

    def _step(self, state: Array, inputs: Array, noise: Array | None) -> Array:
        a, inside = self.leak, self.form == "rate" and self.noise_inside
        drive = self._drive(self.activity(state), inputs)
        if noise is not None and inside:
            drive = drive + noise
        new = drive if self.form == "current" else apply(self.nonlinearity, drive)
        after = (1 - a) * state + a * new
        return after if noise is None or inside else after + noise
